package main

import (
	"errors"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/side"
)

func init() {
	register(side.Maker{
		Name:    "badger",
		Version: side.ModuleVersion("github.com/dgraph-io/badger/v4"),
		Licence: "Apache-2.0",
		Settings: "(key, inverted time) keys, a transaction a batch, SyncWrites; conflicts looked for only where totals are kept; " +
			"block cache 256 MiB (512 MiB where only asked), else DefaultOptions, of which values stay in the tree; Flatten where only asked",
		Durability: "msync a group of batches",
		Kind:       (*badgerSide)(nil),
		Open:       openBadger,
	})
}

type badgerSide struct {
	side.Keyed
	db      *badger.DB
	load    *load.Load
	rows    *side.Rows
	minutes bool
}

func openBadger(dir string, o side.Options) (side.Side, error) {
	db, err := badger.Open(badger.DefaultOptions(dir).
		WithSyncWrites(o.Purpose == side.Ingest).
		WithReadOnly(o.Purpose == side.Ask).
		WithDetectConflicts(o.Minutes).
		WithBlockCacheSize(cacheBytes(o)).
		WithMetricsEnabled(false).
		WithLogger(nil))
	if err != nil {
		return nil, err
	}
	d := &badgerSide{db: db, load: o.Load, minutes: o.Minutes}
	d.Keyed = side.Keyed{Ordered: d}
	if o.Purpose != side.Ask {
		d.rows = side.NewRows(o.Load)
	}
	return d, nil
}

// Put tries again where another Put has changed a total that this one has read.
func (d *badgerSide) Put(from, to int) error {
	rows := d.rows.Append(make([]side.Row, 0, to-from), from, to)
	for {
		err := d.db.Update(func(tx *badger.Txn) error { return d.put(tx, rows) })
		if !errors.Is(err, badger.ErrConflict) {
			return err
		}
	}
}

func (d *badgerSide) put(tx *badger.Txn, rows []side.Row) (err error) {
	for _, r := range rows {
		if err := tx.Set(r.Key, r.Value); err != nil {
			return err
		}
	}
	if d.minutes {
		minutesOfRows(rows).Visit(func(w load.Window, t load.Total) { err = errors.Join(err, addTotal(tx, w, t)) })
	}
	return err
}

// addTotal adds t to what is stored of w.
func addTotal(tx *badger.Txn, w load.Window, t load.Total) error {
	key := totalKey(w)
	switch item, err := tx.Get(key); {
	case errors.Is(err, badger.ErrKeyNotFound):
	case err != nil:
		return err
	default:
		if err := item.Value(func(v []byte) error { t.Merge(side.TotalOf(v)); return nil }); err != nil {
			return err
		}
	}
	return tx.Set(key, side.AppendTotal(nil, t))
}

// Settle waits until no level is larger than it should be.
func (d *badgerSide) Settle() (time.Time, error) {
	return whenIdle(func() bool {
		for _, l := range d.db.Levels() {
			if l.Score >= 1 {
				return true
			}
		}
		return false
	}), nil
}

// Compact merges the tables that there are; Close adds what is still in memory.
func (d *badgerSide) Compact() error { return d.db.Flatten(2) }

// Close writes what is in memory to tables, which are synced.
func (d *badgerSide) Close() error { return d.db.Close() }

func (d *badgerSide) Seek(to []byte, key string) (r load.Reading, ok bool, err error) {
	err = d.iterate(key, false, func(it *badger.Iterator) error {
		if it.Seek(to); !it.Valid() {
			return nil
		}
		ok = true
		return value(it, func(k, v []byte) { r = side.ReadingOf(k, v) })
	})
	return r, ok, err
}

// iterate reads what has a prefix: by seeks, or one after another.
func (d *badgerSide) iterate(prefix string, all bool, run func(it *badger.Iterator) error) error {
	return d.db.View(func(tx *badger.Txn) error {
		o := badger.DefaultIteratorOptions
		o.Prefix = []byte(prefix)
		o.PrefetchValues = all
		it := tx.NewIterator(o)
		defer it.Close()
		return run(it)
	})
}

func value(it *badger.Iterator, visit func(k, v []byte)) error {
	item := it.Item()
	return item.Value(func(v []byte) error { visit(item.Key(), v); return nil })
}

// States seeks each key of the load: it need not find out which there are.
func (d *badgerSide) States(nanos int64, visit func(key string, r load.Reading)) error {
	var seek []byte
	return d.iterate("", false, func(it *badger.Iterator) error {
		for _, key := range d.load.Keys {
			seek = side.AppendKey(seek[:0], key, nanos)
			if it.Seek(seek); !it.Valid() || !side.HasKey(it.Item().Key(), key) {
				continue
			}
			if err := value(it, func(k, v []byte) { visit(key, side.ReadingOf(k, v)) }); err != nil {
				return err
			}
		}
		return nil
	})
}

func (d *badgerSide) Scan(prefix string, visit func(k, v []byte)) error {
	return d.iterate(prefix, true, func(it *badger.Iterator) error {
		for it.Rewind(); it.Valid(); it.Next() {
			if err := value(it, visit); err != nil {
				return err
			}
		}
		return nil
	})
}

func (d *badgerSide) Minutes(visit func(w load.Window, t load.Total)) error {
	return d.Scan(totalsPrefix, func(k, v []byte) { visit(windowOf(k), side.TotalOf(v)) })
}
