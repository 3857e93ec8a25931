package main

import (
	"database/sql"

	"github.com/annalsdb/annals/bench/load"
)

// eachRow scans the rows that a query gives.
func eachRow(db *sql.DB, scan func(rows *sql.Rows) error, query string, args ...any) error {
	rows, err := db.Query(query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// eachTotal visits rows of type, start of the window, count, sum and max.
func eachTotal(db *sql.DB, visit func(w load.Window, t load.Total), query string, args ...any) error {
	return eachRow(db, func(rows *sql.Rows) error {
		var w load.Window
		var t load.Total
		if err := rows.Scan(&w.Type, &w.Start, &t.Count, &t.Sum, &t.Max); err != nil {
			return err
		}
		visit(w, t)
		return nil
	}, query, args...)
}
