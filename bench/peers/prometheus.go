package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/compression"

	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/side"
)

// Prometheus has series of numbers, so a reading is a sample in each of five
// series of its key, of which two have the number of a text. The unit of time is
// whatever one gives blocks and windows in: milliseconds would make some late
// events equal to others, so it is nanoseconds here.
//
// A batch is whole for those who read, but not after a kill: late samples are in a
// log of their own, which is written after the other. So there is no Count, which
// would promise whole batches.

func init() {
	register(side.Maker{
		Name:    "prometheus",
		Version: side.ModuleVersion("github.com/prometheus/prometheus"),
		Licence: "Apache-2.0",
		Settings: "5 series a key, their references kept; times in ns, out-of-order window of 6 h, blocks of 2 h to 31 d, or of 1 M events and up to a year where those are longer, " +
			"log compressed by snappy as the server's, no retention, else DefaultOptions",
		Durability: "none: the log is synced file by file of 128 MiB, which a crash of the machine may lose; a crash of the process may leave a part of a batch",
		Kind:       (*promSide)(nil),
		Open:       openPrometheus,
	})
}

// The series of a key.
const (
	promValue = iota
	promVoltage
	promCount
	promType
	promStatus
	promFields
)

var promNames = [promFields]string{"value", "voltage", "count", "type", "status"}

type promSide struct {
	db       *tsdb.DB
	load     *load.Load
	statuses []string // by their numbers

	mu     sync.Mutex          // of what appends
	series []storage.SeriesRef // of all series of load.Keys, 0 where not known
}

func openPrometheus(dir string, o side.Options) (side.Side, error) {
	return openTSDB(dir, o, promBlock(o.Load.Step))
}

// promBlock is the least time of a block: two hours, as the server's, unless there
// are fewer than a million events in them. Years with an event a day would be ten
// thousands of blocks with nothing in them but what a block costs.
func promBlock(step time.Duration) time.Duration {
	const year = 365 * 24 * time.Hour
	return max(2*time.Hour, min(step, year/1e6)*1e6)
}

func openTSDB(dir string, o side.Options, block time.Duration) (side.Side, error) {
	to := tsdb.DefaultOptions()
	to.RetentionDuration = 0
	to.MinBlockDuration, to.MaxBlockDuration = int64(block), int64(max(block, 31*24*time.Hour))
	to.OutOfOrderTimeWindow = int64(6 * time.Hour) // an hour, and writers that overtake each other
	to.WALCompression = compression.Snappy
	db, err := tsdb.Open(dir, slog.New(slog.DiscardHandler), nil, to, nil)
	if err != nil {
		return nil, err
	}
	return &promSide{
		db: db, load: o.Load, statuses: statuses(o.Load),
		series: make([]storage.SeriesRef, promFields*len(o.Load.Keys)),
	}, nil
}

// Put lets one append at a time, as one scrape does to the series of its target:
// of samples that several append to a series at once the log may have another
// order than the series, and what is out of order there is lost when it is read.
func (d *promSide) Put(from, to int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.db.Appender(context.Background())
	for i := from; i < to; i++ {
		if err := d.append(a, i); err != nil {
			return errors.Join(fmt.Errorf("append event %d: %w", i, err), a.Rollback())
		}
	}
	return a.Commit()
}

func (d *promSide) append(a storage.Appender, i int) error {
	r, place := d.load.Reading(i), d.load.Place(i)
	for f, v := range [promFields]float64{
		promValue: r.Value, promVoltage: r.Voltage, promCount: float64(r.Count),
		promType:   float64(slices.Index(load.Types[:], r.Type)),
		promStatus: float64(slices.Index(d.statuses, r.Status)),
	} {
		ref := &d.series[promFields*place+f]
		got, err := a.Append(*ref, labels.FromStrings("__name__", promNames[f], "key", d.load.Keys[place]), r.Nanos, v)
		if err != nil {
			return err
		}
		*ref = got
	}
	return nil
}

// Settle does what compaction is due, or waits for it.
func (d *promSide) Settle() (time.Time, error) {
	err := d.db.Compact(context.Background())
	return time.Now(), err
}

// Close syncs the log.
func (d *promSide) Close() error { return d.db.Close() }

// samples are the fields of a reading as numbers, and its time.
type samples struct {
	nanos  int64
	values [promFields]float64
	has    int // bits of fields
}

func (s *samples) set(field int, nanos int64, v float64) {
	s.nanos = nanos
	s.values[field] = v
	s.has |= 1 << field
}

// reading is that of the samples, which must be all there.
func (d *promSide) reading(s *samples) (load.Reading, error) {
	if s.has != 1<<promFields-1 {
		return load.Reading{}, fmt.Errorf("a reading has a part of its fields only, %b", s.has)
	}
	return load.Reading{
		Nanos: s.nanos, Value: s.values[promValue], Voltage: s.values[promVoltage], Count: int64(s.values[promCount]),
		Type: load.Types[int(s.values[promType])], Status: d.statuses[int(s.values[promStatus])],
	}, nil
}

func field(l labels.Labels) int { return slices.Index(promNames[:], l.Get("__name__")) }

func equal(name, value string) *labels.Matcher {
	return labels.MustNewMatcher(labels.MatchEqual, name, value)
}

func (d *promSide) Latest(key string) (load.Reading, bool, error) { return d.AsOf(key, math.MaxInt64) }

// AsOf looks back by an hour first, as an instant query does by its five minutes,
// and at everything if there was nothing.
func (d *promSide) AsOf(key string, nanos int64) (load.Reading, bool, error) {
	const lookback = int64(time.Hour)
	end := min(nanos, d.db.Head().MaxTime()) // that of all
	for _, from := range []int64{end - lookback, 0} {
		var s samples
		if err := d.last(from, nanos, equal("key", key), func(l labels.Labels, nanos int64, v float64) {
			s.set(field(l), nanos, v)
		}); err != nil {
			return load.Reading{}, false, err
		}
		if s.has != 0 {
			r, err := d.reading(&s)
			return r, err == nil, err
		}
	}
	return load.Reading{}, false, nil
}

// last visits the last sample of each series that matches and has one in [from, to].
// Of its chunks only the last is decoded.
func (d *promSide) last(from, to int64, m *labels.Matcher, visit func(l labels.Labels, nanos int64, v float64)) error {
	q, err := d.db.ChunkQuerier(from, to)
	if err != nil {
		return err
	}
	defer q.Close()
	set := q.Select(context.Background(), false, nil, m)
	var it chunks.Iterator
	var samples chunkenc.Iterator
	for set.Next() {
		var last chunks.Meta
		for it = set.At().Iterator(it); it.Next(); {
			last = it.At()
		}
		if err := it.Err(); err != nil {
			return err
		}
		if last.Chunk == nil {
			continue
		}
		samples = last.Chunk.Iterator(samples)
		nanos, v, err := lastSample(samples)
		if err != nil {
			return err
		}
		visit(set.At().Labels(), nanos, v)
	}
	return set.Err()
}

func lastSample(it chunkenc.Iterator) (nanos int64, v float64, err error) {
	for it.Next() == chunkenc.ValFloat {
		nanos, v = it.At()
	}
	return nanos, v, it.Err()
}

func (d *promSide) States(nanos int64, visit func(key string, r load.Reading)) error {
	states := make(map[string]*samples, len(d.load.Keys))
	all := labels.MustNewMatcher(labels.MatchNotEqual, "key", "")
	if err := d.last(0, nanos, all, func(l labels.Labels, nanos int64, v float64) {
		key := l.Get("key")
		if states[key] == nil {
			states[key] = new(samples)
		}
		states[key].set(field(l), nanos, v)
	}); err != nil {
		return err
	}
	for key, s := range states {
		r, err := d.reading(s)
		if err != nil {
			return fmt.Errorf("state of %s: %w", key, err)
		}
		visit(key, r)
	}
	return nil
}

// History reads the five series one after another.
func (d *promSide) History(key string, visit func(r load.Reading)) error {
	var all []samples
	if err := d.each(0, math.MaxInt64, func(l labels.Labels, it chunkenc.Iterator) error {
		f := field(l)
		for i := 0; it.Next() == chunkenc.ValFloat; i++ {
			if i == len(all) {
				all = append(all, samples{})
			}
			nanos, v := it.At()
			all[i].set(f, nanos, v)
		}
		return it.Err()
	}, equal("key", key)); err != nil {
		return err
	}
	for i := range all {
		r, err := d.reading(&all[i])
		if err != nil {
			return err
		}
		visit(r)
	}
	return nil
}

// each runs f for each series that matches, in the order of labels, with its
// samples in [from, to].
func (d *promSide) each(from, to int64, f func(l labels.Labels, it chunkenc.Iterator) error, m ...*labels.Matcher) error {
	q, err := d.db.Querier(from, to)
	if err != nil {
		return err
	}
	defer q.Close()
	set := q.Select(context.Background(), true, nil, m...)
	var it chunkenc.Iterator
	for set.Next() {
		it = set.At().Iterator(it)
		if err := f(set.At().Labels(), it); err != nil {
			return err
		}
	}
	return set.Err()
}

// Daily reads the series of types and of values side by side: both have the keys
// in the same order.
func (d *promSide) Daily(keys []string, visit func(w load.Window, t load.Total)) error {
	q, err := d.db.Querier(0, math.MaxInt64)
	if err != nil {
		return err
	}
	defer q.Close()
	which := labels.MustNewMatcher(labels.MatchNotEqual, "key", "")
	if keys != nil {
		which = labels.MustNewMatcher(labels.MatchRegexp, "key", strings.Join(keys, "|"))
	}
	types := q.Select(context.Background(), true, nil, equal("__name__", promNames[promType]), which)
	values := q.Select(context.Background(), true, nil, equal("__name__", promNames[promValue]), which)
	totals := side.NewTotals(load.Day)
	var ti, vi chunkenc.Iterator
	for types.Next() && values.Next() {
		ti, vi = types.At().Iterator(ti), values.At().Iterator(vi)
		for ti.Next() == chunkenc.ValFloat && vi.Next() == chunkenc.ValFloat {
			_, typ := ti.At()
			nanos, v := vi.At()
			totals.Add([]byte(load.Types[int(typ)]), nanos, v)
		}
		if err := errors.Join(ti.Err(), vi.Err()); err != nil {
			return err
		}
	}
	totals.Visit(visit)
	return errors.Join(types.Err(), values.Err())
}

func (d *promSide) Range(from, to int64) (t load.Total, err error) {
	err = d.each(from, to-1, func(_ labels.Labels, it chunkenc.Iterator) error {
		for it.Next() == chunkenc.ValFloat {
			_, v := it.At()
			t.Add(v)
		}
		return it.Err()
	}, equal("__name__", promNames[promValue]))
	return t, err
}
