package main

import "modernc.org/sqlite"

// SQLite translated to Go.
func init() {
	register(sqliteMaker("sqlite", "modernc.org/sqlite", "BSD-3-Clause", new(sqlite.Driver)))
}
