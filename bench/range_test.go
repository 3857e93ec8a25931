package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/store"
)

// decade is -events events of 8 types, evenly over ten years, of which count, sum and
// maximum are kept by the minute.
type decade struct {
	begin time.Time
	step  time.Duration
}

func newDecade() decade {
	begin := time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC)
	return decade{begin, begin.AddDate(10, 0, 0).Sub(begin) / time.Duration(*eventsFlag)}
}

func (d decade) event(i int, at time.Time) store.Event {
	r := rand.New(rand.NewPCG(uint64(i), 1))
	return store.Event{Stream: "trades", Key: fmt.Sprint("symbol-", r.IntN(1000)), Type: fmt.Sprint("type-", r.IntN(8)), Time: at,
		Fields: store.Fields{store.Float64("price", float64(r.IntN(100_000))/100)}}
}

func (d decade) definition() aggregate.Definition {
	price := aggregate.Field("price")
	return aggregate.Definition{
		Name: "minutes", Stream: "trades", By: []aggregate.Input{aggregate.Type()}, Window: aggregate.Tumbling{Size: time.Minute},
		Measures: []aggregate.Measure{
			{Name: "n", Function: aggregate.Count{Rows: true}},
			{Name: "sum", Function: aggregate.Sum{}, Of: price}, {Name: "max", Function: aggregate.Max{}, Of: price},
		},
	}
}

// fill makes a database of the events.
func (d decade) fill(dir string) error {
	ctx := context.Background()
	db, err := store.Open(dir, &store.Options{Sync: store.SyncNever})
	if err != nil {
		return err
	}
	defer db.Close()
	var events []store.Event
	for i := range *eventsFlag {
		if events = append(events, d.event(i, d.begin.Add(time.Duration(i)*d.step))); len(events) < 1000 && i < *eventsFlag-1 {
			continue
		}
		if _, err := db.Append(ctx, store.Batch{Events: events}); err != nil {
			return err
		}
		events = events[:0]
	}
	if err := db.Seal(ctx); err != nil {
		return err
	}
	return db.Close()
}

// build makes the database, and waits until all of it is kept.
func (d decade) build(dir string) error {
	if err := d.fill(dir); err != nil {
		return err
	}
	db, err := store.Open(dir, &store.Options{Sync: store.SyncNever})
	if err != nil {
		return err
	}
	defer db.Close()
	a, err := db.Maintain(context.Background(), d.definition())
	for err == nil && !a.Progress().Built {
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		return err
	}
	return db.Close()
}

// BenchmarkAggregate_Range is the totals of an interval by group, of events over ten
// years that are kept by the minute: the same interval again, another one each time,
// one whose ends are within minutes, and one behind an event that was appended, not
// synced, and is five years late. Its metric is how many stored cells were joined.
//
//	go test ./bench -run ^$ -bench Aggregate_Range -events 10000000 -dir DIR
func BenchmarkAggregate_Range(b *testing.B) {
	d := newDecade()
	dir := kept(b, "decade", d.build)
	ctx := context.Background()
	db, err := store.Open(dir, &store.Options{Sync: store.SyncNever})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	a, err := db.Aggregate(d.definition().Name)
	if err != nil {
		b.Fatal(err)
	}
	for !a.Progress().Built { // the file of what is kept is looked at first
		time.Sleep(10 * time.Millisecond)
	}
	r := rand.New(rand.NewPCG(1, 1))
	ask := func(b *testing.B, from, to time.Time) {
		answer, err := a.Range(ctx, from, to)
		if err != nil || len(answer.Results) != 8 {
			b.Fatal(len(answer.Results), err)
		}
		b.ReportMetric(float64(answer.Pieces), "cells")
	}
	for _, years := range []int{1, 3, 10} {
		// interval begins in the first days that it may, and is as long as it may be.
		interval := func() (from, to time.Time) {
			from = d.begin.Add(time.Duration(1+r.IntN(100_000)) * time.Minute)
			return from, d.begin.AddDate(years, 0, 0).Add(-time.Duration(1+r.IntN(100_000)) * time.Minute)
		}
		from, to := d.begin.Add(time.Minute), d.begin.AddDate(years, 0, 0).Add(-time.Minute)
		b.Run(fmt.Sprintf("years=%d/again", years), func(b *testing.B) {
			ask(b, from, to)
			for b.Loop() {
				ask(b, from, to)
			}
		})
		b.Run(fmt.Sprintf("years=%d/other", years), func(b *testing.B) {
			for b.Loop() {
				from, to := interval()
				ask(b, from, to)
			}
		})
		b.Run(fmt.Sprintf("years=%d/seconds", years), func(b *testing.B) {
			for b.Loop() {
				ask(b, from.Add(time.Second), to.Add(-time.Second))
			}
		})
		if years == 10 {
			b.Run("years=10/late", func(b *testing.B) {
				for i := 0; b.Loop(); i++ {
					e := d.event(i, d.begin.AddDate(5, 0, 0).Add(time.Duration(i)*time.Second))
					if _, err := db.Append(ctx, store.Batch{Events: []store.Event{e}}); err != nil {
						b.Fatal(err)
					}
					ask(b, from, to)
				}
			})
		}
	}
}
