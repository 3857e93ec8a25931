package main

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/side"
	"github.com/annalsdb/annals/store"
)

// rareType is the type of one event in rareEvery, or of one if there are fewer.
const (
	rareType  = "failed"
	rareEvery = 100_000
)

// rareDB is -events events, all of them sealed, of which few have a rare type.
func rareDB(b *testing.B) *store.DB {
	b.Helper()
	made := side.NewEvents(uniform())
	dir := kept(b, "annals-rare", func(dir string) error {
		db, err := store.Open(dir, &store.Options{Sync: store.SyncNever})
		if err != nil {
			return err
		}
		for i := 0; i < *eventsFlag && err == nil; {
			var batch store.Batch
			for ; i < *eventsFlag && len(batch.Events) < batchSize; i++ {
				e := made.Event(i)
				if every := min(rareEvery, *eventsFlag); i%every == every/2 {
					e.Type = rareType
				}
				batch.Events = append(batch.Events, e)
			}
			_, err = db.Append(context.Background(), batch)
		}
		if err == nil {
			err = db.Seal(context.Background())
		}
		return errors.Join(err, db.Close())
	})
	db, err := store.Open(dir, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	return db
}

// Events of a kind from among all, and beside it what one would do without: a read
// of all of them, in which the caller looks.
//
//	go test ./bench -run '^$' -bench SelectEvents -benchtime 10x
func BenchmarkSelectEvents(b *testing.B) {
	db := rareDB(b)
	minute := load.Start.Add(time.Duration(*eventsFlag/2) * time.Millisecond)
	for _, of := range []struct {
		name string
		q    store.EventQuery
	}{
		{"type=rare", store.EventQuery{Types: []string{rareType}}},
		{"type=none", store.EventQuery{Types: []string{"no such"}}},
		{"type=eighth", store.EventQuery{Types: []string{"alarm"}}},
		{"key=100", store.EventQuery{Stream: side.Stream, KeyPrefix: "device-0123"}},
		{"time=minute", store.EventQuery{Since: minute, Until: minute.Add(time.Minute)}},
	} {
		found := -1
		for how, events := range map[string]func() iter.Seq2[store.Event, error]{
			"select": func() iter.Seq2[store.Event, error] { return db.Latest().Events(of.q) },
			"scan":   func() iter.Seq2[store.Event, error] { return db.Latest().Events(store.EventQuery{}) },
		} {
			b.Run(of.name+"/how="+how, func(b *testing.B) {
				n := 0
				b.ReportAllocs()
				for b.Loop() {
					n = 0
					for e, err := range events() {
						if err != nil {
							b.Fatal(err)
						}
						if isWanted(&of.q, &e) {
							n++
						}
					}
				}
				if found >= 0 && n != found {
					b.Fatalf("%d events, by the other way %d", n, found)
				}
				found = n
				b.ReportMetric(float64(n), "events")
			})
		}
	}
}

func isWanted(q *store.EventQuery, e *store.Event) bool {
	return (len(q.Types) == 0 || slices.Contains(q.Types, e.Type)) && strings.HasPrefix(e.Key, q.KeyPrefix) &&
		(q.Since.IsZero() || !e.Time.Before(q.Since) && e.Time.Before(q.Until))
}

// A boundary behind position 0 over all events, which none matches, or one in the
// middle.
//
//	go test ./bench -run '^$' -bench Boundary -benchtime 10x
func BenchmarkBoundary(b *testing.B) {
	db := rareDB(b)
	none := store.Float64("value", 500.001) // which lies between those that there are
	for _, of := range []struct {
		name  string
		item  store.Item
		match bool
	}{
		{"type=rare", store.Item{Types: []string{rareType}}, true},
		{"type=none", store.Item{Types: []string{"no such"}}, false},
		{"type=rare/field=none", store.Item{Types: []string{rareType}, Fields: store.Fields{none}}, false},
		{"type=eighth/field=none", store.Item{Types: []string{"alarm"}, Fields: store.Fields{none}}, false},
		{"field=fourth/field=none", store.Item{Fields: store.Fields{store.String("status", "offline"), none}}, false},
		{"field=none", store.Item{Fields: store.Fields{none}}, false},
	} {
		b.Run(of.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err := db.Append(context.Background(), store.Batch{Boundary: &store.Boundary{Query: []store.Item{of.item}}})
				if match := errors.Is(err, store.ErrBoundary); match != of.match || err != nil && !match {
					b.Fatal(err)
				}
			}
		})
	}
}
