package main

import (
	"database/sql"
	"errors"

	"github.com/annalsdb/annals/bench/load"
)

// What the peers that speak SQL share: rows to what is visited.

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

// eachState visits rows of a key and the columns of eachReading.
func eachState(db *sql.DB, visit func(key string, r load.Reading), query string, args ...any) error {
	return eachRow(db, func(rows *sql.Rows) error {
		var key string
		var r load.Reading
		if err := rows.Scan(&key, &r.Nanos, &r.Type, &r.Status, &r.Value, &r.Voltage, &r.Count); err != nil {
			return err
		}
		visit(key, r)
		return nil
	}, query, args...)
}

// eachReading visits rows of time, type, status, value, voltage and count.
func eachReading(db *sql.DB, visit func(r load.Reading), query string, args ...any) error {
	return eachRow(db, func(rows *sql.Rows) error {
		var r load.Reading
		if err := rows.Scan(&r.Nanos, &r.Type, &r.Status, &r.Value, &r.Voltage, &r.Count); err != nil {
			return err
		}
		visit(r)
		return nil
	}, query, args...)
}

// oneReading is the only row of those columns, if there is one.
func oneReading(row *sql.Row) (r load.Reading, ok bool, err error) {
	err = row.Scan(&r.Nanos, &r.Type, &r.Status, &r.Value, &r.Voltage, &r.Count)
	if errors.Is(err, sql.ErrNoRows) {
		return r, false, nil
	}
	return r, err == nil, err
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

// eachKey visits rows of key, count, sum and max.
func eachKey(db *sql.DB, visit func(key string, t load.Total), query string, args ...any) error {
	return eachRow(db, func(rows *sql.Rows) error {
		var key string
		var t load.Total
		if err := rows.Scan(&key, &t.Count, &t.Sum, &t.Max); err != nil {
			return err
		}
		visit(key, t)
		return nil
	}, query, args...)
}

// oneTotal is the only row of count, sum and max.
func oneTotal(row *sql.Row) (t load.Total, err error) {
	err = row.Scan(&t.Count, &t.Sum, &t.Max)
	return t, err
}
