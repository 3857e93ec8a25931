package main

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"

	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/side"
)

func init() {
	register(side.Maker{
		Name:    "pebble",
		Version: side.ModuleVersion("github.com/cockroachdb/pebble/v2"),
		Licence: "BSD-3-Clause",
		Settings: "(key, inverted time) keys, split before the time, with a bloom filter of 10 bits above the last level; " +
			"cache 256 MiB (512 MiB where only asked), memtables of 64 MiB, blocks of 32 KiB, up to 3 compactions at once; compacted where only asked",
		Durability: "fdatasync a group of batches",
		Kind:       (*pebbleSide)(nil),
		Open:       openPebble,
	})
}

// pebbleOptions are those of the benchmarks that Pebble runs of itself every night
// (cmd/pebble/db.go), with a comparer for these keys.
func pebbleOptions(o side.Options) *pebble.Options {
	po := &pebble.Options{
		CacheSize:                   cacheBytes(o),
		Comparer:                    pebbleComparer(o.Load.Keys[0]),
		Merger:                      &pebble.Merger{Name: "annals.bench.total", Merge: mergeTotals},
		FormatMajorVersion:          pebble.FormatNewest,
		L0CompactionThreshold:       2,
		L0StopWritesThreshold:       1000,
		LBaseMaxBytes:               64 << 20,
		MaxOpenFiles:                16384,
		MemTableSize:                64 << 20,
		MemTableStopWritesThreshold: 4,
		CompactionConcurrencyRange:  func() (lower, upper int) { return 1, 3 },
		Logger:                      quietLogger{},
		ReadOnly:                    o.Purpose == side.Ask,
	}
	for i := range po.Levels {
		l := &po.Levels[i]
		l.BlockSize, l.IndexBlockSize = 32<<10, 256<<10
		l.FilterPolicy, l.FilterType = bloom.FilterPolicy(10), pebble.TableFilter
	}
	po.Levels[len(po.Levels)-1].FilterPolicy = pebble.NoFilterPolicy
	return po
}

// pebbleComparer orders by bytes. What is before the time, which is as long as in
// any key, is the prefix that filters are made of and a seek stays within.
func pebbleComparer(key string) *pebble.Comparer {
	c := *pebble.DefaultComparer
	c.Name = "annals.bench.key"
	c.Split = func(k []byte) int { return min(len(k), len(key)) }
	return &c
}

// quietLogger keeps the events of the log to itself, but not those that end the process.
type quietLogger struct{}

func (quietLogger) Infof(string, ...any)  {}
func (quietLogger) Errorf(string, ...any) {}
func (quietLogger) Fatalf(format string, args ...any) {
	pebble.DefaultLogger.Fatalf(format, args...)
}

// totalMerger is Pebble's merge operator for totals: a Put need not read those
// that it adds to.
type totalMerger struct{ total load.Total }

func mergeTotals(_, value []byte) (pebble.ValueMerger, error) {
	m := &totalMerger{}
	return m, m.MergeNewer(value)
}

func (m *totalMerger) MergeNewer(value []byte) error {
	m.total.Merge(side.TotalOf(value))
	return nil
}

func (m *totalMerger) MergeOlder(value []byte) error { return m.MergeNewer(value) }

func (m *totalMerger) Finish(bool) ([]byte, io.Closer, error) {
	return side.AppendTotal(nil, m.total), nil, nil
}

type pebbleSide struct {
	side.Keyed
	db      *pebble.DB
	load    *load.Load
	rows    *side.Rows
	sync    *pebble.WriteOptions
	minutes bool
}

func openPebble(dir string, o side.Options) (side.Side, error) {
	db, err := pebble.Open(dir, pebbleOptions(o))
	if err != nil {
		return nil, err
	}
	d := &pebbleSide{db: db, load: o.Load, minutes: o.Minutes, sync: pebble.Sync}
	d.Keyed = side.Keyed{Ordered: d}
	if o.Purpose == side.Bulk {
		d.sync = pebble.NoSync
	}
	if o.Purpose != side.Ask {
		d.rows = side.NewRows(o.Load)
	}
	return d, nil
}

func (d *pebbleSide) Put(from, to int) error {
	rows := d.rows.Append(make([]side.Row, 0, to-from), from, to)
	b := d.db.NewBatch()
	defer b.Close()
	for _, r := range rows {
		if err := b.Set(r.Key, r.Value, nil); err != nil {
			return err
		}
	}
	if d.minutes {
		var err error
		minutesOfRows(rows).Visit(func(w load.Window, t load.Total) {
			err = errors.Join(err, b.Merge(totalKey(w), side.AppendTotal(nil, t), nil))
		})
		if err != nil {
			return err
		}
	}
	return b.Commit(d.sync)
}

func (d *pebbleSide) Settle() (time.Time, error) {
	return whenIdle(func() bool {
		m := d.db.Metrics()
		return m.Compact.NumInProgress > 0 || m.Flush.NumInProgress > 0
	}), nil
}

// Compact moves all to the last level.
func (d *pebbleSide) Compact() error {
	return d.db.Compact(context.Background(), []byte{0}, []byte{0xff}, true)
}

// Close flushes what Bulk left to the system.
func (d *pebbleSide) Close() error {
	var err error
	if !d.sync.Sync {
		err = d.db.Flush()
	}
	return errors.Join(err, d.db.Close())
}

func (d *pebbleSide) Seek(to []byte, key string) (r load.Reading, ok bool, err error) {
	err = d.iterate(nil, func(it *pebble.Iterator) {
		if it.SeekPrefixGE(to) && side.HasKey(it.Key(), key) {
			r, ok = side.ReadingOf(it.Key(), it.Value()), true
		}
	})
	return r, ok, err
}

func (d *pebbleSide) iterate(o *pebble.IterOptions, run func(it *pebble.Iterator)) error {
	it, err := d.db.NewIter(o)
	if err != nil {
		return err
	}
	run(it)
	return it.Close() // with the error of any of the above
}

// States seeks each key of the load: it need not find out which there are.
func (d *pebbleSide) States(nanos int64, visit func(key string, r load.Reading)) error {
	var seek []byte
	return d.iterate(nil, func(it *pebble.Iterator) {
		for _, key := range d.load.Keys {
			seek = side.AppendKey(seek[:0], key, nanos)
			if it.SeekPrefixGE(seek) && side.HasKey(it.Key(), key) {
				visit(key, side.ReadingOf(it.Key(), it.Value()))
			}
		}
	})
}

func (d *pebbleSide) Scan(prefix string, visit func(k, v []byte)) error {
	o := &pebble.IterOptions{LowerBound: []byte(prefix), UpperBound: after(prefix)}
	return d.iterate(o, func(it *pebble.Iterator) {
		for ok := it.First(); ok; ok = it.Next() {
			visit(it.Key(), it.Value())
		}
	})
}

// after is the least key that is after all with a prefix, which does not end in
// the greatest byte.
func after(prefix string) []byte {
	k := []byte(prefix)
	k[len(k)-1]++
	return k
}

func (d *pebbleSide) Minutes(visit func(w load.Window, t load.Total)) error {
	return d.Scan(totalsPrefix, func(k, v []byte) { visit(windowOf(k), side.TotalOf(v)) })
}
