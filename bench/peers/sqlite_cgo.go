//go:build cgo

package main

import "github.com/mattn/go-sqlite3"

// SQLite as it is, in C.
func init() {
	register(sqliteMaker("sqlite-cgo", "github.com/mattn/go-sqlite3", "MIT", new(sqlite3.SQLiteDriver)))
}
