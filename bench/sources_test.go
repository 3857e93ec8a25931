package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/side"
	"github.com/annalsdb/annals/query"
	"github.com/annalsdb/annals/store"
)

// probes is how many events of a second stream ask for the state of a device at
// their time.
const probes = 20_000

// probedDB is -events events of devices and the probes, all of them sealed.
func probedDB(b *testing.B) (*store.DB, *load.Load) {
	b.Helper()
	l := zipf()
	dir := kept(b, "annals-probed", func(dir string) error {
		e, err := side.OpenEngine(dir, side.Options{Load: l, Purpose: side.Bulk})
		if err != nil {
			return err
		}
		if err = putAll(e, *eventsFlag, nil); err == nil {
			_, err = e.DB.Append(context.Background(), store.Batch{Events: probesOf(l)})
		}
		if err == nil {
			err = e.DB.Seal(context.Background())
		}
		if err == nil {
			_, err = e.Settle()
		}
		return errors.Join(err, e.Close())
	})
	db, err := store.Open(dir, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	return db, l
}

func probesOf(l *load.Load) (all []store.Event) {
	rnd := rand.New(rand.NewPCG(13, 13))
	for i := range probes {
		all = append(all, store.Event{Stream: "probes", Key: fmt.Sprintf("probe-%05d", i), Time: time.Unix(0, l.Moment(*eventsFlag, rnd)).UTC(),
			Fields: store.Fields{store.String("device", l.Keys[rnd.IntN(len(l.Keys))])}})
	}
	return all
}

// Sources other than events, as queries: the states of all keys in the middle of
// -events events (beside it the Scan of a view, which they come from), those of the
// latest, the few that a predicate wants, all states that keys had during an hour,
// what differs between two moments, and probes joined with the states as of their
// times.
//
//	go test ./bench -run '^$' -bench Sources -benchtime 10x
//	go test ./bench -run '^$' -bench Sources -benchtime 10x -events 10000000 -dir /tmp -timeout 0
func BenchmarkSources(b *testing.B) {
	db, l := probedDB(b)
	nanos := l.End(*eventsFlag / 2)
	middle := time.Unix(0, nanos).UTC()
	keys := 0
	view, err := db.View(store.AsOf(middle))
	if err != nil {
		b.Fatal(err)
	}
	scan := func() (n int) {
		for _, err := range view.Scan(side.Stream, store.Range{}) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		return n
	}
	keys = scan()
	b.Run("of=states-at/how=view", func(b *testing.B) {
		for b.Loop() {
			if n := scan(); n != keys {
				b.Fatalf("%d states, want %d", n, keys)
			}
		}
	})
	at, latest := query.StateOf(side.Stream).AsOf(middle), query.StateOf(side.Stream)
	hour := query.HistoryOf(side.Stream).Between(middle.Add(-time.Minute), middle)
	pair := query.Join{Kind: query.AsOfLeftJoin, Source: query.EventsOf(side.Stream).As("d"), On: query.Col("p", "device").Eq(query.Col("d", "key"))}
	for _, c := range []struct {
		name string
		q    query.Query
		want int // rows, -1: not known
	}{
		{"states-at/columns=all", query.FromSource(at), keys},
		{"states-at/columns=1", query.FromSource(at).Select(query.Col("value")), keys},
		{"states-at/columns=sum", query.FromSource(at).Select(query.Call("sum", query.Col("value"))), 1},
		{"states-at/where=prefix", query.FromSource(at).Where(query.Col("key").Like("device-0123%")), -1},
		{"states-at/where=value", query.FromSource(at).Where(query.Col("value").Gt(999)).Select(query.Col("key")), -1},
		{"states/columns=all", query.FromSource(latest), -1},
		{"states/where=value", query.FromSource(latest).Where(query.Col("value").Gt(999)).Select(query.Col("key")), -1},
		{"history", query.FromSource(hour).Select(query.Count()), 1},
		{"changes", query.FromSource(query.ChangesOf(side.Stream).FromTo(middle.Add(-time.Minute), middle)).Select(query.Count()), 1},
		{"asof-join", query.FromSource(query.EventsOf("probes").As("p")).Join(pair).Select(query.Col("p", "key"), query.Col("d", "value")), probes},
	} {
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("of=%s/workers=%d", c.name, workers), func(b *testing.B) {
				o := query.Options{Workers: workers}
				b.ReportAllocs()
				rows := 0
				for b.Loop() {
					result, err := o.Run(context.Background(), query.View(db.Latest()), c.q)
					if err != nil {
						b.Fatal(err)
					}
					rows = 0
					for batch, err := range result.Batches() {
						if err != nil {
							b.Fatal(err)
						}
						rows += batch.Rows
					}
					if c.want >= 0 && rows != c.want {
						b.Fatalf("%d rows, want %d", rows, c.want)
					}
				}
				b.ReportMetric(float64(rows), "rows/op")
			})
		}
	}
}
