package main

import (
	"context"
	"fmt"
	"testing"

	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/side"
	"github.com/annalsdb/annals/store"
)

// batchSize is the events of one batch of an ingest.
const batchSize = 1000

// loadOf is the load of that name.
func loadOf(name string) *load.Load {
	s, err := load.Parse(name)
	if err != nil {
		panic(err)
	}
	return newLoad(s)
}

func newLoad(s load.Spec) *load.Load {
	l, err := load.New(s)
	if err != nil {
		panic(err)
	}
	return l
}

func uniform() *load.Load { return loadOf("uniform-100k") }
func zipf() *load.Load    { return loadOf("zipf-100k") }

// history is a side that answers all that these benchmarks ask.
type history interface {
	side.Side
	side.AsOf
	side.States
	side.History
}

var sides = side.Ours()

// eachSide runs f once for each side.
func eachSide(b *testing.B, name string, f func(b *testing.B, of int)) {
	for of := range sides {
		b.Run("of="+sides[of].Name+name, func(b *testing.B) { f(b, of) })
	}
}

func openSide(of int, dir string, l *load.Load, p side.Purpose) (history, error) {
	s, err := sides[of].Open(dir, side.Options{Load: l, Purpose: p})
	if err != nil {
		return nil, err
	}
	return s.(history), nil
}

// transitions is our side with histories read as transitions.
type transitions struct{ *side.Engine }

func (t transitions) History(key string, visit func(r load.Reading)) error {
	return t.Transitions(key, visit)
}

// putAll puts the first n events, in batches. It calls each quarter, unless it is
// nil, as soon as that of the events is acknowledged.
func putAll(s side.Side, n int, quarter func(i int)) error {
	for from, passed := 0, 0; from < n; {
		to := min(from+batchSize, n)
		if err := s.Put(from, to); err != nil {
			return fmt.Errorf("put events %d to %d: %w", from, to, err)
		}
		for from = to; quarter != nil && passed < 4 && from >= n*(passed+1)/4; passed++ {
			quarter(passed)
		}
	}
	return nil
}

// appendAll appends the events from position from to to in batches of size.
func appendAll(b *testing.B, db *store.DB, l *load.Load, from, to, size int) {
	b.Helper()
	made := side.NewEvents(l)
	events := make([]store.Event, 0, size)
	for i := from; i < to; {
		events = events[:0]
		for ; i < to && len(events) < size; i++ {
			events = append(events, made.Event(i))
		}
		if _, err := db.Append(context.Background(), store.Batch{Events: events}); err != nil {
			b.Fatal(err)
		}
	}
}

// open opens a database that is closed with the benchmark.
func open(b *testing.B, dir string, o *store.Options) *store.DB {
	b.Helper()
	db, err := store.Open(dir, o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	return db
}
