package bench

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

// side is a database that the same events are put into and of which the same is
// asked: ours, or what one would build on bbolt. It has one user at a time.
type side interface {
	put(from, to int) error     // these events of the load, as one batch
	settle() (time.Time, error) // waits for work in the background, says when it ended

	asOf(key string, t time.Time) (reading, bool, error)
	statesAt(t time.Time, visit func(key string, r reading)) error
	history(key string, visit func(r reading)) error // by time, one way or the other
	Close() error
}

// purpose is what a side is opened for.
type purpose int

const (
	ingesting purpose = iota // with the default settings: batches are durable
	building                 // with batches that are not
	asking
)

// askMemory is Options.MemoryBytes of a database that is asked.
const askMemory = 512 << 20

// sides are both.
var sides = []struct {
	name string
	open func(dir string, l *load, p purpose) (side, error)
}{{"annals", openAnnals}, {"bbolt", openBolt}}

// eachSide runs f once for each side.
func eachSide(b *testing.B, name string, f func(b *testing.B, of int)) {
	for of := range sides {
		b.Run("of="+sides[of].name+name, func(b *testing.B) { f(b, of) })
	}
}

func openSide(b *testing.B, of int, dir string, l *load, p purpose) side {
	b.Helper()
	s, err := sides[of].open(dir, l, p)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// annals is our side.
type annals struct {
	db     *store.DB
	dir    string
	load   *load
	events []store.Event // of a batch
	stats  store.Stats   // after settle
}

func openAnnals(dir string, l *load, p purpose) (side, error) {
	o := &store.Options{}
	switch p {
	case building:
		o.Sync = store.SyncNever
	case asking:
		o.MemoryBytes = askMemory
	}
	db, err := store.Open(dir, o)
	return &annals{db: db, dir: dir, load: l, events: make([]store.Event, 0, batchSize)}, err
}

func (a *annals) put(from, to int) error {
	a.events = a.events[:0]
	for i := from; i < to; i++ {
		a.events = append(a.events, a.load.event(i))
	}
	_, err := a.db.Append(context.Background(), store.Batch{Events: a.events})
	return err
}

// settle waits until nothing has been sealed or merged for a while: each file
// that is made has a name of its own until it is done.
func (a *annals) settle() (time.Time, error) {
	const pause, enough = 2 * time.Millisecond, 200 * time.Millisecond
	last := time.Now()
	for time.Since(last) < enough {
		time.Sleep(pause)
		if made, _ := filepath.Glob(filepath.Join(a.dir, "*.seg.tmp")); len(made) > 0 {
			last = time.Now()
		}
	}
	var err error
	a.stats, err = a.db.Stats()
	return last, err
}

func (a *annals) asOf(key string, t time.Time) (reading, bool, error) {
	v, err := a.db.View(store.AsOf(t))
	if err != nil {
		return reading{}, false, err
	}
	s, ok, err := v.Get(stream, key)
	if !ok || err != nil {
		return reading{}, false, err
	}
	return readingOf(s.Type, s.Time, s.Fields), true, nil
}

func (a *annals) statesAt(t time.Time, visit func(key string, r reading)) error {
	v, err := a.db.View(store.AsOf(t))
	if err != nil {
		return err
	}
	for s, err := range v.Scan(stream, store.Range{}) {
		if err != nil {
			return err
		}
		visit(s.Key, readingOf(s.Type, s.Time, s.Fields))
	}
	return nil
}

func (a *annals) history(key string, visit func(r reading)) error {
	for t, err := range a.db.Latest().History(stream, key) {
		if err != nil {
			return err
		}
		visit(readingOf(t.Event.Type, t.Event.Time, t.Event.Fields))
	}
	return nil
}

func (a *annals) Close() error { return a.db.Close() }

// columnar is our side with histories read as columns.
type columnar struct{ *annals }

func (a columnar) history(key string, visit func(r reading)) error {
	for c, err := range a.db.Latest().Columns(stream, key) {
		if err != nil {
			return err
		}
		var value, voltage []float64
		var count []int64
		var status *segment.Texts
		for i := range c.Fields {
			switch f := &c.Fields[i]; f.Name {
			case "value":
				value = f.Floats
			case "voltage":
				voltage = f.Floats
			case "count":
				count = f.Ints
			case "status":
				status = &f.Texts
			}
		}
		for i := range c.Rows {
			visit(reading{nanos: c.Time[i], typ: c.Types.At(i), status: status.At(i), value: value[i], voltage: voltage[i], count: count[i]})
		}
	}
	return nil
}

// readingOf is the reading that fields say, which have the order of newSample.
func readingOf(typ string, t time.Time, fields store.Fields) reading {
	if len(fields) != 4 {
		return reading{}
	}
	return reading{
		nanos: t.UnixNano(), typ: typ, status: fields[3].Value.Str(),
		value: fields[0].Value.Float64(), voltage: fields[1].Value.Float64(), count: fields[2].Value.Int64(),
	}
}

// putAll puts the first -events events of l, in batches. It calls each quarter,
// unless it is nil, as soon as that of the events is acknowledged.
func putAll(s side, n int, quarter func(i int)) error {
	for from, passed := 0, 0; from < n; {
		to := min(from+batchSize, n)
		if err := s.put(from, to); err != nil {
			return fmt.Errorf("put events %d to %d: %w", from, to, err)
		}
		for from = to; quarter != nil && passed < 4 && from >= n*(passed+1)/4; passed++ {
			quarter(passed)
		}
	}
	return nil
}
