package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/side"
	"github.com/annalsdb/annals/query"
	"github.com/annalsdb/annals/store"
)

// The questions of BenchmarkEventScan as queries: count, sum, average and greatest of
// a field by type by day, of all events and of those of 1 % of the keys; the ten
// greatest; groups by key.
//
//	go test ./bench -run '^$' -bench Query -benchtime 10x -events 10000000 -dir /tmp -timeout 0
func BenchmarkQuery(b *testing.B) {
	s, l, _ := ready(b, 0, "uniform-100k")
	db := s.(*side.Engine).DB
	var few []any
	var places []int
	for i := 0; i < len(l.Keys); i += 100 {
		few, places = append(few, l.Keys[i]), append(places, i)
	}
	day := query.Calendar(1, query.Day, "")
	byDay := query.From(side.Stream).GroupBy(query.Col("type")).Window(day).Select(query.Col("type"), query.Col("window_start"),
		query.Count(), query.Call("sum", query.Col("value")), query.Call("avg", query.Col("value")), query.Call("max", query.Col("value")))
	for _, c := range []struct {
		name string
		q    query.Query
		want int // rows
	}{
		{"type-day/keys=all", byDay, len(l.Totals(*eventsFlag, load.Day, nil))},
		{"type-day/keys=1%", byDay.Where(query.Col("key").In(few[0], few[1:]...)), len(l.Totals(*eventsFlag, load.Day, places))},
		{"top10", query.From(side.Stream).Select(query.Col("key"), query.Col("value")).OrderBy(query.Col("value").Desc()).Limit(10), 10},
		{"by-key", query.From(side.Stream).GroupBy(query.Col("key")).Select(query.Col("key"), query.Count(), query.Call("sum", query.Col("value"))), keysOf(l)},
	} {
		ask(b, db, c.name, c.q, c.want)
	}
}

// The same totals of events that are spread over ten years: some 29,000 groups; by
// type alone; and of everything.
//
//	go test ./bench -run '^$' -bench TenYears -benchtime 20x -events 1000000 -dir /tmp -timeout 0
func BenchmarkTenYears(b *testing.B) {
	step := 10 * 365 * 24 * time.Hour / time.Duration(*eventsFlag)
	s, l, _ := readyOf(b, 0, newLoad(load.Spec{NumKeys: 100_000, Skew: load.Skew, Step: step.Truncate(time.Millisecond)}))
	db := s.(*side.Engine).DB
	total := []query.Selectable{query.Count(), query.Call("sum", query.Col("value")), query.Call("avg", query.Col("value")), query.Call("max", query.Col("value"))}
	byType := query.From(side.Stream).GroupBy(query.Col("type")).Select(total...)
	ask(b, db, "type-day", byType.Window(query.Calendar(1, query.Day, "")), len(l.Totals(*eventsFlag, load.Day, nil)))
	ask(b, db, "type", byType, 8)
	ask(b, db, "all", query.From(side.Stream).Select(total...), 1)
	ask(b, db, "count", query.From(side.Stream).Select(query.Count()), 1)
}

// ask measures a query, which has so many rows, by one worker and by two.
func ask(b *testing.B, db *store.DB, name string, q query.Query, want int) {
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("of=%s/workers=%d", name, workers), func(b *testing.B) {
			o := query.Options{Workers: workers}
			b.ReportAllocs()
			for b.Loop() {
				result, err := o.Run(context.Background(), query.View(db.Latest()), q)
				if err != nil {
					b.Fatal(err)
				}
				rows := 0
				for batch, err := range result.Batches() {
					if err != nil {
						b.Fatal(err)
					}
					rows += batch.Rows
				}
				if rows != want {
					b.Fatalf("%d rows, want %d", rows, want)
				}
			}
			b.ReportMetric(float64(*eventsFlag)*float64(b.N)/b.Elapsed().Seconds()/float64(workers)/1e6, "Mevents/s/worker")
		})
	}
}

// keysOf is how many keys the events have.
func keysOf(l *load.Load) int {
	keys := map[string]bool{}
	for i := range *eventsFlag {
		keys[l.Key(i)] = true
	}
	return len(keys)
}
