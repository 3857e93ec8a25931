package side

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"time"

	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

// Stream is the stream of all events, with the settings that one gets who chooses
// none: replace, by time.
const Stream = "readings"

// askMemory is Options.MemoryBytes of a database that is asked.
const askMemory = 512 << 20

// Annals makes our side.
var Annals = Maker{
	Name:       "annals",
	Version:    "this revision",
	Licence:    "Apache-2.0",
	Settings:   "defaults; compacted and MemoryBytes 512 MiB where only asked; histories as columns; where ranges are of whole hours, an aggregate of them",
	Durability: "fdatasync a group of batches",
	Kind:       (*Engine)(nil),
	Open: func(dir string, o Options) (Side, error) {
		e, err := OpenEngine(dir, o)
		if err != nil {
			return nil, err // and no Side that holds nothing
		}
		return e, nil
	},
}

// Engine is our side.
type Engine struct {
	DB      *store.DB
	dir     string
	events  func() *Events // made by the first Put: they are not the database's
	batches sync.Pool      // of *[]store.Event
	minutes *store.Aggregate
	hours   *store.Aggregate // gone when the side is closed: others ask the same database
}

// OpenEngine opens our side.
func OpenEngine(dir string, o Options) (*Engine, error) {
	so := &store.Options{}
	e := &Engine{dir: dir, batches: sync.Pool{New: func() any { return new([]store.Event) }}}
	e.events = sync.OnceValue(func() *Events { return NewEvents(o.Load) })
	switch o.Purpose {
	case Bulk:
		so.Sync = store.SyncNever
	case Ask:
		so.MemoryBytes = askMemory
	}
	var err error
	if e.DB, err = store.Open(dir, so); err != nil {
		return e, err
	}
	if o.Minutes {
		e.minutes, err = e.DB.Maintain(context.Background(), minutes)
	}
	if o.Hours && err == nil {
		err = e.keepHours()
	}
	if err != nil {
		e.DB.Close()
	}
	return e, err
}

func (e *Engine) Put(from, to int) error {
	batch := e.batches.Get().(*[]store.Event)
	defer e.batches.Put(batch)
	*batch = (*batch)[:0]
	events := e.events()
	for i := from; i < to; i++ {
		*batch = append(*batch, events.Event(i))
	}
	_, err := e.DB.Append(context.Background(), store.Batch{Events: *batch})
	return err
}

// Settle waits until nothing has been sealed or merged for a while: each file
// that is made has a name of its own until it is done.
func (e *Engine) Settle() (time.Time, error) {
	const pause, enough = 2 * time.Millisecond, 200 * time.Millisecond
	last := time.Now()
	for time.Since(last) < enough {
		time.Sleep(pause)
		made, err := filepath.Glob(filepath.Join(e.dir, "*.seg.tmp"))
		if err != nil {
			return last, err
		}
		if len(made) > 0 {
			last = time.Now()
		}
	}
	return last, nil
}

// Compact does at once what the engine does by itself when it is at rest.
func (e *Engine) Compact() error { return e.DB.Compact(context.Background()) }

func (e *Engine) Close() (err error) {
	if e.hours != nil {
		err = e.DB.DropAggregate(context.Background(), hours.Name)
	}
	return errors.Join(err, e.DB.Close())
}

func (e *Engine) Latest(key string) (load.Reading, bool, error) {
	return get(e.DB.Latest(), key)
}

func (e *Engine) AsOf(key string, nanos int64) (load.Reading, bool, error) {
	v, err := e.DB.View(store.AsOf(time.Unix(0, nanos)))
	if err != nil {
		return load.Reading{}, false, err
	}
	return get(v, key)
}

func get(v *store.View, key string) (load.Reading, bool, error) {
	s, ok, err := v.Get(Stream, key)
	if !ok || err != nil {
		return load.Reading{}, false, err
	}
	return readingOf(s.Type, s.Time, s.Fields), true, nil
}

func (e *Engine) States(nanos int64, visit func(key string, r load.Reading)) error {
	v, err := e.DB.View(store.AsOf(time.Unix(0, nanos)))
	if err != nil {
		return err
	}
	for s, err := range v.Scan(Stream, store.Range{}) {
		if err != nil {
			return err
		}
		visit(s.Key, readingOf(s.Type, s.Time, s.Fields))
	}
	return nil
}

// History reads columns, which is how a program reads a long history.
func (e *Engine) History(key string, visit func(r load.Reading)) error {
	for c, err := range e.DB.Latest().Columns(Stream, key) {
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
			visit(load.Reading{Nanos: c.Time[i], Type: c.Types.At(i), Status: status.At(i), Value: value[i], Voltage: voltage[i], Count: count[i]})
		}
	}
	return nil
}

// Transitions is History with the state before and after each event, which is more
// than is asked for.
func (e *Engine) Transitions(key string, visit func(r load.Reading)) error {
	for t, err := range e.DB.Latest().History(Stream, key) {
		if err != nil {
			return err
		}
		visit(readingOf(t.Event.Type, t.Event.Time, t.Event.Fields))
	}
	return nil
}

// Count leaves out the definition of minutes, which is an event too.
func (e *Engine) Count() (int, error) {
	n := int(e.DB.Latest().Seq())
	if e.minutes != nil {
		n--
	}
	return n, nil
}

// Details are what was done in the background since Open, by the clock, and how
// many files there are.
func (e *Engine) Details() ([]Detail, error) {
	s, err := e.DB.Stats()
	return []Detail{
		{"seals", float64(s.Seals), ""},
		{"merges", float64(s.Merges), ""},
		{"sealed files", float64(s.SealedFiles), ""},
		{"log files", float64(s.LogFiles), ""},
		{"seal time", float64(s.SealTime), "ns"},
		{"merge time", float64(s.MergeTime), "ns"},
		{"checkpoint time", float64(s.CheckpointTime), "ns"},
		{"written by seals", float64(s.SealWritten), "B"},
		{"written by merges", float64(s.MergeWritten), "B"},
	}, err
}

// readingOf is the reading that fields say, which have the order of NewEvents.
func readingOf(typ string, t time.Time, fields store.Fields) load.Reading {
	if len(fields) != 4 {
		return load.Reading{}
	}
	return load.Reading{
		Nanos: t.UnixNano(), Type: typ, Status: fields[3].Value.Str(),
		Value: fields[0].Value.Float64(), Voltage: fields[1].Value.Float64(), Count: fields[2].Value.Int64(),
	}
}

// Events makes events of a load for the engine. It is safe for concurrent use.
type Events struct {
	load   *load.Load
	fields []store.Fields // of each content
}

// NewEvents has the fields of all contents ready.
func NewEvents(l *load.Load) *Events {
	e := &Events{l, make([]store.Fields, load.NumContents)}
	for i := range e.fields {
		r := l.Content(i)
		e.fields[i] = store.Fields{store.Float64("value", r.Value), store.Float64("voltage", r.Voltage),
			store.Int64("count", r.Count), store.String("status", r.Status)}
	}
	return e
}

// Event is event i.
func (e *Events) Event(i int) store.Event {
	c := i % load.NumContents
	return store.Event{Stream: Stream, Key: e.load.Key(i), Type: e.load.Content(c).Type,
		Time: time.Unix(0, e.load.Nanos(i)).UTC(), Fields: e.fields[c]}
}
