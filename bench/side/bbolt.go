package side

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/annalsdb/annals/bench/load"
)

// What one would build on bbolt: one bucket with each event under its key and its
// inverted time. It keeps no positions, versions or commit times. The settings are
// those that its documentation advises, puts are in the order of the keys, and what
// is read is copied out of the transaction at once.

var boltEvents, boltMinutes = []byte("events"), []byte("minutes")

// Bbolt makes that.
var Bbolt = Maker{
	Name:       "bbolt",
	Version:    ModuleVersion("go.etcd.io/bbolt"),
	Licence:    "MIT",
	Settings:   "NoFreelistSync, FreelistMapType, (key, inverted time) keys, sorted puts, Batch where several write; compacted where only asked",
	Durability: "fdatasync a batch",
	Kind:       (*bbolt)(nil),
	Open:       openBbolt,
}

// BoltOptions are the settings that suit bbolt best. Without a synced list of free
// pages a commit writes less and an open for writing reads the whole tree.
func BoltOptions() *bolt.Options {
	return &bolt.Options{NoFreelistSync: true, FreelistType: bolt.FreelistMapType, NoStatistics: true}
}

type bbolt struct {
	Keyed
	db   *bolt.DB
	load *load.Load
	rows *Rows
	many bool // write at the same time
	keep bool // the totals of minutes
}

func openBbolt(dir string, o Options) (Side, error) {
	path, bo := filepath.Join(dir, "bolt.db"), BoltOptions()
	bo.NoSync, bo.ReadOnly = o.Purpose == Bulk, o.Purpose == Ask
	_, missing := os.Stat(path)
	db, err := bolt.Open(path, 0o644, bo)
	if err != nil {
		return nil, err
	}
	d := &bbolt{db: db, load: o.Load, many: o.Writers > 1, keep: o.Minutes}
	d.Keyed = Keyed{d}
	if o.Purpose != Ask {
		d.rows = NewRows(o.Load)
	}
	if d.many { // a group is whole when all have come
		db.MaxBatchSize = o.Writers
	}
	if missing != nil {
		err = db.Update(func(tx *bolt.Tx) error {
			_, err := tx.CreateBucket(boltEvents)
			if err == nil {
				_, err = tx.CreateBucket(boltMinutes)
			}
			return err
		})
	}
	return d, err
}

func (d *bbolt) Put(from, to int) error {
	rows := d.rows.Append(make([]Row, 0, to-from), from, to)
	slices.SortFunc(rows, func(x, y Row) int { return bytes.Compare(x.Key, y.Key) })
	update := d.db.Update
	if d.many {
		update = d.db.Batch
	}
	return update(func(tx *bolt.Tx) error {
		events := tx.Bucket(boltEvents)
		for _, r := range rows {
			if err := events.Put(r.Key, r.Value); err != nil {
				return err
			}
		}
		if d.keep {
			return d.addMinutes(tx.Bucket(boltMinutes), rows)
		}
		return nil
	})
}

// addMinutes adds a batch to the totals that stand under minute and type.
func (d *bbolt) addMinutes(minutes *bolt.Bucket, rows []Row) (err error) {
	batch := NewTotals(load.Minute)
	for _, r := range rows {
		batch.AddRow(r.Key, r.Value)
	}
	batch.Visit(func(w load.Window, t load.Total) {
		if err != nil {
			return
		}
		key := append(binary.BigEndian.AppendUint64(nil, uint64(w.Start)), w.Type...)
		if old := minutes.Get(key); old != nil {
			t.Merge(TotalOf(old))
		}
		err = minutes.Put(key, AppendTotal(nil, t))
	})
	return err
}

func (d *bbolt) Minutes(visit func(w load.Window, t load.Total)) error {
	return d.db.View(func(tx *bolt.Tx) error {
		return tx.Bucket(boltMinutes).ForEach(func(k, v []byte) error {
			visit(load.Window{Type: string(k[8:]), Start: int64(binary.BigEndian.Uint64(k))}, TotalOf(v))
			return nil
		})
	})
}

func (d *bbolt) Settle() (time.Time, error) { return time.Now(), nil }

// Compact copies all into a new file, whose pages are full and in order: what the
// command "bbolt compact" does.
func (d *bbolt) Compact() error {
	const txBytes = 1 << 20
	path := d.db.Path()
	into, err := bolt.Open(path+".compact", 0o644, BoltOptions())
	if err != nil {
		return err
	}
	err = bolt.Compact(into, d.db, txBytes)
	if err = errors.Join(err, into.Close(), d.db.Close()); err != nil {
		return err
	}
	if err = os.Rename(path+".compact", path); err == nil {
		d.db, err = bolt.Open(path, 0o644, BoltOptions())
	}
	return err
}

// Close syncs first what Bulk left to the system.
func (d *bbolt) Close() error {
	if d.db.NoSync {
		if err := d.db.Sync(); err != nil {
			d.db.Close()
			return err
		}
	}
	return d.db.Close()
}

func (d *bbolt) Seek(to []byte, key string) (r load.Reading, ok bool, err error) {
	err = d.db.View(func(tx *bolt.Tx) error {
		if k, v := tx.Bucket(boltEvents).Cursor().Seek(to); HasKey(k, key) {
			r, ok = ReadingOf(k, v), true
		}
		return nil
	})
	return r, ok, err
}

// States seeks each key of the load: it need not find out which there are.
func (d *bbolt) States(nanos int64, visit func(key string, r load.Reading)) error {
	var seek []byte
	return d.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(boltEvents).Cursor()
		for _, key := range d.load.Keys {
			seek = AppendKey(seek[:0], key, nanos)
			if k, v := c.Seek(seek); HasKey(k, key) {
				visit(key, ReadingOf(k, v))
			}
		}
		return nil
	})
}

func (d *bbolt) Scan(prefix string, visit func(k, v []byte)) error {
	p := []byte(prefix)
	return d.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(boltEvents).Cursor()
		for k, v := c.Seek(p); bytes.HasPrefix(k, p); k, v = c.Next() {
			visit(k, v)
		}
		return nil
	})
}

// Daily of some keys asks for all of them in one transaction.
func (d *bbolt) Daily(keys []string, visit func(w load.Window, t load.Total)) error {
	if keys == nil {
		return d.Keyed.Daily(nil, visit)
	}
	totals := NewTotals(load.Day)
	err := d.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(boltEvents).Cursor()
		for _, key := range keys {
			for k, v := c.Seek([]byte(key)); HasKey(k, key); k, v = c.Next() {
				totals.AddRow(k, v)
			}
		}
		return nil
	})
	totals.Visit(visit)
	return err
}

func (d *bbolt) Count() (n int, err error) {
	err = d.db.View(func(tx *bolt.Tx) error {
		n = tx.Bucket(boltEvents).Stats().KeyN
		return nil
	})
	return n, err
}
