package main

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/side"
)

// SQLite, through one driver or the other: the same schema, settings and questions.

// sqliteMaker is the peer with a driver of the module at path.
func sqliteMaker(name, path, licence string, d driver.Driver) side.Maker {
	return side.Maker{
		Name:    name,
		Version: side.ModuleVersion(path),
		Licence: licence,
		Settings: "WAL, synchronous FULL, WITHOUT ROWID with primary key (key, time), sorted inserts by a prepared statement, " +
			"cache 256 MiB (512 MiB where only asked), mmap, checkpoints of 64 MiB",
		Durability: "fsync a batch",
		Kind:       (*sqliteSide)(nil),
		Open:       func(dir string, o side.Options) (side.Side, error) { return openSQLite(d, dir, o) },
	}
}

const sqliteSchema = `
CREATE TABLE IF NOT EXISTS events (
	key TEXT NOT NULL, time INTEGER NOT NULL, type TEXT NOT NULL, status TEXT NOT NULL,
	value REAL NOT NULL, voltage REAL NOT NULL, count INTEGER NOT NULL,
	PRIMARY KEY (key, time)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS minutes (
	start INTEGER NOT NULL, type TEXT NOT NULL, count INTEGER NOT NULL, sum REAL NOT NULL, max REAL NOT NULL,
	PRIMARY KEY (start, type)) WITHOUT ROWID;`

const (
	sqliteInsert = `INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)`
	sqliteUpsert = `INSERT INTO minutes VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
		SET count = count + excluded.count, sum = sum + excluded.sum, max = max(max, excluded.max)`

	sqliteAsOf = `SELECT time, type, status, value, voltage, count FROM events
		WHERE key = ? AND time <= ? ORDER BY time DESC LIMIT 1`
	sqliteHistory = `SELECT time, type, status, value, voltage, count FROM events WHERE key = ? ORDER BY time`

	// A seek to each key and one to its state, not a scan of all events: SQLite
	// does not skip through an index by itself without statistics.
	sqliteStates = `WITH RECURSIVE keys(key) AS (
			SELECT min(key) FROM events
			UNION ALL SELECT (SELECT min(key) FROM events WHERE key > keys.key) FROM keys WHERE keys.key IS NOT NULL)
		SELECT e.key, e.time, e.type, e.status, e.value, e.voltage, e.count FROM keys JOIN events e
		ON e.key = keys.key AND e.time = (SELECT max(time) FROM events WHERE key = keys.key AND time <= ?)`

	sqliteTotals  = `SELECT type, time - time % ?, count(*), sum(value), max(value) FROM events `
	sqliteOfKeys  = `WHERE key IN (SELECT value FROM json_each(?)) `
	sqliteByDay   = `GROUP BY 1, 2`
	sqliteMinutes = `SELECT type, start, count, sum, max FROM minutes`
	sqliteRange   = sqliteTotal + `WHERE time >= ? AND time < ?`
	sqliteTop     = `SELECT key, time, type, status, value, voltage, count FROM events ORDER BY value DESC, time DESC LIMIT ?`
	sqliteByKey   = `SELECT key, count(*), sum(value), max(value) FROM events GROUP BY key`
	sqliteTotal   = `SELECT count(*), ifnull(sum(value), 0), ifnull(max(value), 0) FROM events `
	sqliteEqual   = sqliteTotal + `WHERE type = ? AND status = ?`
	sqliteLike    = sqliteTotal + `WHERE key LIKE ?`
	sqliteCount   = `SELECT count(*) FROM events`
)

type sqliteSide struct {
	db      *sql.DB
	path    string
	load    *load.Load
	minutes bool
	bulk    bool

	writer         sync.Mutex // SQLite has one at a time; who waits here need not ask again and again
	insert, upsert *sql.Stmt
	asOf           *sql.Stmt
}

func openSQLite(d driver.Driver, dir string, o side.Options) (side.Side, error) {
	s := &sqliteSide{path: filepath.Join(dir, "events.db"), load: o.Load, minutes: o.Minutes, bulk: o.Purpose == side.Bulk}
	s.db = sql.OpenDB(&sqliteConnector{d, "file:" + s.path, sqlitePragmas(o)})
	s.db.SetMaxIdleConns(8) // a connection has its own cache of pages: one that is made anew starts with none
	if err := s.prepare(o.Purpose == side.Ask); err != nil {
		s.db.Close()
		return nil, err
	}
	return s, nil
}

func (s *sqliteSide) prepare(ask bool) (err error) {
	if !ask {
		if _, err := s.db.Exec(sqliteSchema); err != nil {
			return err
		}
		if s.insert, err = s.db.Prepare(sqliteInsert); err != nil {
			return err
		}
		if s.upsert, err = s.db.Prepare(sqliteUpsert); err != nil {
			return err
		}
	}
	s.asOf, err = s.db.Prepare(sqliteAsOf)
	return err
}

// sqlitePragmas are run on each connection that is made.
func sqlitePragmas(o side.Options) []string {
	synchronous := "FULL"
	if o.Purpose == side.Bulk {
		synchronous = "OFF"
	}
	pragmas := []string{
		"PRAGMA busy_timeout = 60000",
		"PRAGMA journal_mode = WAL",
		"PRAGMA synchronous = " + synchronous,
		fmt.Sprintf("PRAGMA cache_size = -%d", cacheBytes(o)>>10),
		"PRAGMA mmap_size = 274877906944", // as much as there is; a driver without it leaves it at 0
		"PRAGMA wal_autocheckpoint = 16384",
		"PRAGMA temp_store = MEMORY",
	}
	if o.Purpose == side.Ask {
		pragmas = append(pragmas, "PRAGMA query_only = ON")
	}
	return pragmas
}

// sqliteConnector makes connections with the pragmas run: the drivers have
// different ways to say them in a name.
type sqliteConnector struct {
	driver  driver.Driver
	name    string
	pragmas []string
}

func (c *sqliteConnector) Driver() driver.Driver { return c.driver }

func (c *sqliteConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.driver.Open(c.name)
	if err != nil {
		return nil, err
	}
	if _, err := conn.(driver.ExecerContext).ExecContext(ctx, strings.Join(c.pragmas, ";"), nil); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func (s *sqliteSide) Put(from, to int) error {
	s.writer.Lock()
	defer s.writer.Unlock()
	tx, err := s.db.Begin()
	if err != nil {
		return err
	}
	if err := s.put(tx, from, to); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func (s *sqliteSide) put(tx *sql.Tx, from, to int) error {
	insert := tx.Stmt(s.insert)
	for _, i := range inOrder(s.load, from, to) {
		r := s.load.Reading(i)
		if _, err := insert.Exec(s.load.Key(i), r.Nanos, r.Type, r.Status, r.Value, r.Voltage, r.Count); err != nil {
			return err
		}
	}
	if !s.minutes {
		return nil
	}
	upsert, err := tx.Stmt(s.upsert), error(nil)
	minutesOf(s.load, from, to).Visit(func(w load.Window, t load.Total) {
		_, failed := upsert.Exec(w.Start, w.Type, t.Count, t.Sum, t.Max)
		err = errors.Join(err, failed)
	})
	return err
}

// inOrder are events from to to-1 in the order of (key, time).
func inOrder(l *load.Load, from, to int) []int {
	events := make([]int, 0, to-from)
	for i := from; i < to; i++ {
		events = append(events, i)
	}
	slices.SortFunc(events, func(x, y int) int {
		return cmp.Or(cmp.Compare(l.Place(x), l.Place(y)), cmp.Compare(l.Nanos(x), l.Nanos(y)))
	})
	return events
}

// Settle has nothing to wait for: checkpoints are part of commits.
func (s *sqliteSide) Settle() (time.Time, error) { return time.Now(), nil }

// Close syncs first what Bulk left to the system; the last connection to be
// closed moves what is in the write-ahead log to the database.
func (s *sqliteSide) Close() error {
	err := s.db.Close()
	if s.bulk {
		err = errors.Join(err, syncFile(s.path))
	}
	return err
}

func (s *sqliteSide) Latest(key string) (load.Reading, bool, error) {
	return s.AsOf(key, math.MaxInt64)
}

func (s *sqliteSide) AsOf(key string, nanos int64) (load.Reading, bool, error) {
	return oneReading(s.asOf.QueryRow(key, nanos))
}

func (s *sqliteSide) States(nanos int64, visit func(key string, r load.Reading)) error {
	return eachState(s.db, visit, sqliteStates, nanos)
}

func (s *sqliteSide) History(key string, visit func(r load.Reading)) error {
	return eachReading(s.db, visit, sqliteHistory, key)
}

func (s *sqliteSide) Daily(keys []string, visit func(w load.Window, t load.Total)) error {
	if keys == nil {
		return eachTotal(s.db, visit, sqliteTotals+sqliteByDay, int64(load.Day))
	}
	list, err := json.Marshal(keys)
	if err != nil {
		return err
	}
	return eachTotal(s.db, visit, sqliteTotals+sqliteOfKeys+sqliteByDay, int64(load.Day), string(list))
}

func (s *sqliteSide) Minutes(visit func(w load.Window, t load.Total)) error {
	return eachTotal(s.db, visit, sqliteMinutes)
}

func (s *sqliteSide) Range(from, to int64) (load.Total, error) {
	return oneTotal(s.db.QueryRow(sqliteRange, from, to))
}

func (s *sqliteSide) Top(n int, visit func(key string, r load.Reading)) error {
	return eachState(s.db, visit, sqliteTop, n)
}

func (s *sqliteSide) ByKey(visit func(key string, t load.Total)) error {
	return eachKey(s.db, visit, sqliteByKey)
}

func (s *sqliteSide) Matching(m load.Match) (load.Total, error) {
	if m.Part != "" {
		return oneTotal(s.db.QueryRow(sqliteLike, "%"+m.Part+"%"))
	}
	return oneTotal(s.db.QueryRow(sqliteEqual, m.Type, m.Status))
}

func (s *sqliteSide) Count() (n int, err error) {
	err = s.db.QueryRow(sqliteCount).Scan(&n)
	return n, err
}
