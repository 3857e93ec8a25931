package query_test

import (
	"fmt"
	"time"

	"github.com/annalsdb/annals/query"
)

func Example() {
	q := query.From("orders").
		Where(query.Col("region").Eq("eu").And(query.Col("price").Mul(2).Gt(query.Param(1)))).
		GroupBy(query.Col("type")).Window(query.Calendar(1, query.Month, "Europe/Berlin")).
		Select(query.Col("type"), query.Col("window_start"), query.Call("sum", query.Col("price")).As("total")).
		OrderBy(query.Col("total").Desc()).Limit(10)
	fmt.Println(q)

	then := time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)
	fmt.Println(query.FromSource(query.StateOf("orders").AsOf(then)).Where(query.Col("status").In("open", "late")))
	// Output:
	// SELECT type, window_start, sum(price) AS total FROM orders WHERE region = 'eu' AND price * 2 > $1 GROUP BY type, WINDOW month IN 'Europe/Berlin' ORDER BY total DESC LIMIT 10
	// SELECT * FROM STATE OF orders AS OF TIME '2024-03-01T00:00:00Z' WHERE status IN ('open', 'late')
}

func ExampleParse() {
	_, err := query.Parse("SELECT key FROM orders WHERE price BETWEEN 1 OR 2")
	fmt.Println(err)

	q, _ := query.Parse("SELECT key FROM orders WHERE time > 'noon'")
	fmt.Println(q.Check(nil))
	// Output:
	// query, line 1, column 46: expected AND, found OR
	//   SELECT key FROM orders WHERE price BETWEEN 1 OR 2
	//                                                ^
	// query, line 1, column 37: 'noon' is no time: expected one like '2024-03-01' or '2024-03-01T12:00:00+02:00'
	//   SELECT key FROM orders WHERE time > 'noon'
	//                                       ^
}
