//go:build cgo

package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/side"
)

func init() {
	register(side.Maker{
		Name:    "duckdb",
		Version: side.ModuleVersion("github.com/duckdb/duckdb-go/v2"),
		Licence: "MIT",
		Settings: "native table without keys or indexes, types and statuses as ENUM, the appender in a transaction a batch, " +
			"ASOF join for states, memory_limit 4GB, else defaults",
		Durability: "fsync a batch",
		Kind:       (*duckSide)(nil),
		Open:       openDuckDB,
	})
}

const duckSchema = `
CREATE TABLE IF NOT EXISTS events (
	key VARCHAR NOT NULL, time BIGINT NOT NULL, type kind NOT NULL, status state NOT NULL,
	value DOUBLE NOT NULL, voltage DOUBLE NOT NULL, count BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS minutes (
	start BIGINT, type kind, count BIGINT NOT NULL, sum DOUBLE NOT NULL, max DOUBLE NOT NULL,
	PRIMARY KEY (start, type));`

const (
	duckUpsert = `INSERT INTO minutes VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
		SET count = count + excluded.count, sum = sum + excluded.sum, max = greatest(max, excluded.max)`

	duckReading = `SELECT time, type, status, value, voltage, count FROM events `
	duckAsOf    = duckReading + `WHERE key = ? AND time <= ? ORDER BY time DESC LIMIT 1`
	duckHistory = duckReading + `WHERE key = ? ORDER BY time`
	duckStates  = `SELECT e.key, e.time, e.type, e.status, e.value, e.voltage, e.count
		FROM (SELECT DISTINCT key, ?::BIGINT AS moment FROM events) k
		ASOF JOIN events e ON e.key = k.key AND e.time <= k.moment`

	duckTotals  = `SELECT type, time - time % ?::BIGINT AS start, count(*), sum(value), max(value) FROM events `
	duckOfKeys  = `WHERE key IN (SELECT unnest(?::VARCHAR[])) `
	duckByDay   = `GROUP BY ALL`
	duckMinutes = `SELECT type, start, count, sum, max FROM minutes`
	duckRange   = duckTotal + `WHERE time >= ? AND time < ?`
	duckTop     = `SELECT key, time, type, status, value, voltage, count FROM events ORDER BY value DESC, time DESC LIMIT ?`
	duckByKey   = `SELECT key, count(*), sum(value), max(value) FROM events GROUP BY key`
	duckTotal   = `SELECT count(*), ifnull(sum(value), 0), ifnull(max(value), 0) FROM events `
	duckEqual   = duckTotal + `WHERE type = ? AND status = ?`
	duckLike    = duckTotal + `WHERE key LIKE ?`
	duckCount   = `SELECT count(*) FROM events`
)

type duckSide struct {
	db      *sql.DB
	asOf    *sql.Stmt
	load    *load.Load
	minutes bool

	mu       sync.Mutex // of what writes
	conn     *sql.Conn
	appender *duckdb.Appender // of conn, so part of its transaction
}

func openDuckDB(dir string, o side.Options) (side.Side, error) {
	name := filepath.Join(dir, "events.duckdb") + "?memory_limit=4GB"
	if o.Purpose == side.Ask {
		name += "&access_mode=read_only"
	}
	db, err := sql.Open("duckdb", name)
	if err != nil {
		return nil, err
	}
	d := &duckSide{db: db, load: o.Load, minutes: o.Minutes}
	if err := d.prepare(o.Purpose == side.Ask); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *duckSide) prepare(ask bool) (err error) {
	if !ask {
		if err := d.openWriter(); err != nil {
			return err
		}
	}
	d.asOf, err = d.db.Prepare(duckAsOf)
	return err
}

func (d *duckSide) openWriter() (err error) {
	if d.conn, err = d.db.Conn(context.Background()); err != nil {
		return err
	}
	if _, err := d.conn.ExecContext(context.Background(), duckEnums(d.load)+duckSchema); err != nil {
		return err
	}
	return d.conn.Raw(func(conn any) (err error) {
		d.appender, err = duckdb.NewAppenderFromConn(conn.(*duckdb.Conn), "", "events")
		return err
	})
}

// duckEnums creates the types of which types and statuses are.
func duckEnums(l *load.Load) string {
	list := func(values []string) string { return "'" + strings.Join(values, "', '") + "'" }
	return fmt.Sprintf("CREATE TYPE IF NOT EXISTS kind AS ENUM (%s); CREATE TYPE IF NOT EXISTS state AS ENUM (%s);",
		list(load.Types[:]), list(statuses(l)))
}

func (d *duckSide) Put(from, to int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	tx, err := d.conn.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	if err := d.put(tx, from, to); err != nil {
		return errors.Join(err, d.appender.Clear(), tx.Rollback())
	}
	return tx.Commit()
}

func (d *duckSide) put(tx *sql.Tx, from, to int) error {
	for i := from; i < to; i++ {
		r := d.load.Reading(i)
		if err := d.appender.AppendRow(d.load.Key(i), r.Nanos, r.Type, r.Status, r.Value, r.Voltage, r.Count); err != nil {
			return err
		}
	}
	if err := d.appender.Flush(); err != nil || !d.minutes {
		return err
	}
	return d.addMinutes(tx, from, to)
}

func (d *duckSide) addMinutes(tx *sql.Tx, from, to int) (err error) {
	minutesOf(d.load, from, to).Visit(func(w load.Window, t load.Total) {
		_, failed := tx.Exec(duckUpsert, w.Start, w.Type, t.Count, t.Sum, t.Max)
		err = errors.Join(err, failed)
	})
	return err
}

// Settle has nothing to wait for: checkpoints are part of commits.
func (d *duckSide) Settle() (time.Time, error) { return time.Now(), nil }

// Close moves what is in the write-ahead log to the database.
func (d *duckSide) Close() error {
	var err error
	if d.appender != nil {
		err = d.appender.Close()
	}
	if d.conn != nil {
		err = errors.Join(err, d.conn.Close())
	}
	return errors.Join(err, d.db.Close())
}

func (d *duckSide) Latest(key string) (load.Reading, bool, error) { return d.AsOf(key, math.MaxInt64) }

func (d *duckSide) AsOf(key string, nanos int64) (load.Reading, bool, error) {
	return oneReading(d.asOf.QueryRow(key, nanos))
}

func (d *duckSide) States(nanos int64, visit func(key string, r load.Reading)) error {
	return eachState(d.db, visit, duckStates, nanos)
}

func (d *duckSide) History(key string, visit func(r load.Reading)) error {
	return eachReading(d.db, visit, duckHistory, key)
}

func (d *duckSide) Daily(keys []string, visit func(w load.Window, t load.Total)) error {
	if keys == nil {
		return eachTotal(d.db, visit, duckTotals+duckByDay, int64(load.Day))
	}
	return eachTotal(d.db, visit, duckTotals+duckOfKeys+duckByDay, int64(load.Day), keys)
}

func (d *duckSide) Minutes(visit func(w load.Window, t load.Total)) error {
	return eachTotal(d.db, visit, duckMinutes)
}

func (d *duckSide) Range(from, to int64) (load.Total, error) {
	return oneTotal(d.db.QueryRow(duckRange, from, to))
}

func (d *duckSide) Top(n int, visit func(key string, r load.Reading)) error {
	return eachState(d.db, visit, duckTop, n)
}

func (d *duckSide) ByKey(visit func(key string, t load.Total)) error {
	return eachKey(d.db, visit, duckByKey)
}

func (d *duckSide) Matching(m load.Match) (load.Total, error) {
	if m.Part != "" {
		return oneTotal(d.db.QueryRow(duckLike, "%"+m.Part+"%"))
	}
	return oneTotal(d.db.QueryRow(duckEqual, m.Type, m.Status))
}

func (d *duckSide) Count() (n int, err error) {
	err = d.db.QueryRow(duckCount).Scan(&n)
	return n, err
}
