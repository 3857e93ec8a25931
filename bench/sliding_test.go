package main

import (
	"context"
	"testing"
	"time"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/store"
)

// slidingYears is the definition of a decade over the year before each event.
func (d decade) slidingYears() aggregate.Definition {
	def := d.definition()
	def.Name, def.Window = "years", aggregate.Sliding{Size: 365 * 24 * time.Hour}
	return def
}

// buildSliding is build, and keeps windows of a year that end with each event.
func (d decade) buildSliding(dir string) error {
	if err := d.build(dir); err != nil {
		return err
	}
	ctx := context.Background()
	db, err := store.Open(dir, nil)
	if err != nil {
		return err
	}
	defer db.Close()
	a, err := db.Maintain(ctx, d.slidingYears())
	for err == nil && !a.Progress().Built {
		time.Sleep(10 * time.Millisecond)
	}
	return err
}

// BenchmarkAggregate_Sliding is the windows of a year that end with the events of some
// hours, as they are kept, and the newest ones behind an event that was appended, not
// synced. Its metric is how many windows they are.
//
//	go test ./bench -run ^$ -bench Aggregate_Sliding -events 1000000 -dir DIR
func BenchmarkAggregate_Sliding(b *testing.B) {
	d := newDecade()
	dir := kept(b, "decade-sliding", d.buildSliding)
	ctx := context.Background()
	db, err := store.Open(dir, &store.Options{Sync: store.SyncNever})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	a, err := db.Aggregate(d.slidingYears().Name)
	if err != nil {
		b.Fatal(err)
	}
	for !a.Progress().Built {
		time.Sleep(10 * time.Millisecond)
	}
	const year = 365 * 24 * time.Hour
	newest := d.begin.AddDate(10, 0, 0)
	for _, c := range []struct {
		name string
		of   time.Duration
	}{{"of=hour", time.Hour}, {"of=day", 24 * time.Hour}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				answer, err := a.Read(ctx, store.AggregateQuery{From: newest.Add(-year - c.of), To: newest.Add(-year)})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(len(answer.Results)), "windows")
			}
		})
	}
	b.Run("of=hour/appending", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			newest = newest.Add(time.Second)
			if _, err := db.Append(ctx, store.Batch{Events: []store.Event{d.event(i, newest)}}); err != nil {
				b.Fatal(err)
			}
			answer, err := a.Read(ctx, store.AggregateQuery{From: newest.Add(-year - time.Hour)})
			if err != nil || len(answer.Results) == 0 {
				b.Fatal(len(answer.Results), err)
			}
		}
	})
}
