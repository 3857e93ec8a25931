package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/store"
)

// BenchmarkMaintain_Build is a definition that is new: how long it takes until all of a
// history of ten years is kept of it, by windows that are few, and by ones of which there
// are about as many as events. B/cell is what a cell takes in bbolt, those of longer
// windows included.
//
//	go test ./bench -run '^$' -bench Maintain_Build -benchtime 1x -events 10000000 -dir DIR
func BenchmarkMaintain_Build(b *testing.B) {
	d := newDecade()
	ctx := context.Background()
	db, err := store.Open(kept(b, "decade-events", d.fill), &store.Options{Sync: store.SyncNever})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	for _, size := range []time.Duration{24 * time.Hour, time.Hour, time.Minute} {
		b.Run(fmt.Sprint("window=", size), func(b *testing.B) {
			def := d.definition()
			def.Window = aggregate.Tumbling{Size: size}
			used := int64(0)
			for b.Loop() {
				b.StopTimer()
				before := stateUsed(b, db)
				b.StartTimer()
				a, err := db.Maintain(ctx, def)
				for err == nil && !a.Progress().Built {
					time.Sleep(time.Millisecond)
				}
				b.StopTimer()
				used = stateUsed(b, db) - before
				if err == nil {
					err = db.DropAggregate(ctx, def.Name)
				}
				if err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
			cells := d.cells(size)
			b.ReportMetric(float64(cells), "cells")
			b.ReportMetric(float64(used)/float64(cells), "B/cell")
			b.ReportMetric(float64(b.N)*float64(*eventsFlag)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// stateUsed is what is used of bbolt's file.
func stateUsed(b *testing.B, db *store.DB) int64 {
	s, err := db.Stats()
	if err != nil {
		b.Fatal(err)
	}
	return s.StateUsedBytes
}

// cells is how many windows of a size, and types, have events.
func (d decade) cells(size time.Duration) (n int) {
	var in map[string]bool
	last := time.Time{}
	for i := range *eventsFlag {
		at := d.begin.Add(time.Duration(i) * d.step)
		if w := at.Truncate(size); w != last {
			n, in, last = n+len(in), map[string]bool{}, w
		}
		in[d.event(i, at).Type] = true
	}
	return n + len(in)
}
