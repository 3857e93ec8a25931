SELECT key, total FROM orders WHERE total IS NOT NULL
ORDER BY total DESC LIMIT 1;
