package store

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/segment"
)

// tradeDefinition is count, sum and maximum by type and minute.
func tradeDefinition() aggregate.Definition {
	return aggregate.Definition{
		Name: "trades", Stream: "trades", By: []aggregate.Input{aggregate.Type()}, Window: aggregate.Tumbling{Size: time.Minute},
		Measures: []aggregate.Measure{
			{Name: "n", Function: aggregate.Count{Rows: true}},
			{Name: "sum", Function: aggregate.Sum{}, Of: aggregate.Field("price")},
			{Name: "max", Function: aggregate.Max{}, Of: aggregate.Field("price")},
		},
	}
}

// trades are batches of events, a millisecond apart, 1 % of them up to a day late.
func trades(n int) func() Batch {
	r := rand.New(rand.NewPCG(1, 2))
	at := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()
	types := []string{"limit", "market", "stop", "cancel", "quote"}
	keys := make([]string, 1000)
	for i := range keys {
		keys[i] = fmt.Sprint("symbol-", i)
	}
	events := make([]Event, n)
	return func() Batch {
		for i := range events {
			at += int64(time.Millisecond)
			t := at
			if r.IntN(100) == 0 {
				t -= r.Int64N(int64(24 * time.Hour))
			}
			events[i] = Event{Stream: "trades", Key: keys[r.IntN(len(keys))], Type: types[r.IntN(len(types))], Time: time.Unix(0, t),
				Fields: Fields{Float64("price", float64(r.IntN(100_000))/100), Int64("size", int64(r.IntN(500)))}}
		}
		return Batch{Events: events}
	}
}

// BenchmarkMaintain_Ingest is durable events a second, with nothing and with an
// aggregate that is kept, until it has followed all; making them is included.
//
//	go test ./store -run ^$ -bench Maintain_Ingest -benchtime 2000x
func BenchmarkMaintain_Ingest(b *testing.B) {
	for _, kept := range []bool{false, true} {
		b.Run(fmt.Sprintf("kept=%v", kept), func(b *testing.B) {
			db, err := Open(b.TempDir(), nil)
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			var a *Aggregate
			if kept {
				if a, err = db.Maintain(bg, tradeDefinition()); err != nil {
					b.Fatal(err)
				}
			}
			next := trades(1000)
			b.ResetTimer()
			for range b.N {
				if _, err := db.Append(bg, next()); err != nil {
					b.Fatal(err)
				}
			}
			if kept {
				if _, err := a.Read(bg, AggregateQuery{From: time.Unix(0, 0), To: time.Unix(1, 0)}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkMaintain_Late is an event, years late, that is appended and then read back in
// its window, of 10 years by the hour that are kept. Appends are not synced.
//
//	go test ./store -run ^$ -bench Maintain_Late
func BenchmarkMaintain_Late(b *testing.B) {
	db, err := Open(b.TempDir(), &Options{Sync: SyncNever, CheckpointEvery: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	const hours = 10 * 8766
	begin := time.Date(2016, 1, 1, 0, 0, 0, 0, time.UTC)
	event := func(hour int) Event {
		return Event{Stream: "trades", Key: fmt.Sprint("k", hour%100), Type: "limit", Time: begin.Add(time.Duration(hour) * time.Hour),
			Fields: Fields{Float64("price", float64(hour))}}
	}
	var events []Event
	for hour := range hours {
		events = append(events, event(hour))
	}
	if _, err := db.Append(bg, Batch{Events: events}); err != nil {
		b.Fatal(err)
	}
	d := tradeDefinition()
	d.Window = aggregate.Tumbling{Size: time.Hour}
	a, err := db.Maintain(bg, d)
	if err != nil {
		b.Fatal(err)
	}
	for !a.Progress().Built {
		time.Sleep(time.Millisecond)
	}
	r := rand.New(rand.NewPCG(1, 1))
	b.ResetTimer()
	for range b.N {
		e := event(hours/2 + r.IntN(1000))
		if _, err := db.Append(bg, Batch{Events: []Event{e}}); err != nil {
			b.Fatal(err)
		}
		answer, err := a.Read(bg, AggregateQuery{From: e.Time, To: e.Time.Add(time.Hour)})
		if err != nil || len(answer.Results) != 1 {
			b.Fatal(err, len(answer.Results))
		}
	}
}

// BenchmarkMaintain_Retract is an event that is retracted, and its key then read back in
// its minute, of 200 minutes over 10 years with 1,000 keys, of 5 events each, that are
// kept by key: of the newest minute, or of one 5 years ago. With a maximum its group is computed anew;
// without, the event is taken away. Appends are not synced.
//
//	go test ./store -run ^$ -bench Maintain_Retract -benchtime 200x
func BenchmarkMaintain_Retract(b *testing.B) {
	const minutes, keys, each = 200, 1000, 5
	begin := time.Date(2016, 1, 1, 0, 0, 0, 0, time.UTC)
	minute := func(i int) time.Time { return begin.Add(time.Duration(i) * 18 * 24 * time.Hour) }
	for _, c := range []struct {
		name     string
		measures int
		minute   int
	}{
		{"take=away/late=no", 2, minutes - 1}, {"take=away/late=5y", 2, minutes / 2},
		{"take=anew/late=no", 3, minutes - 1}, {"take=anew/late=5y", 3, minutes / 2},
	} {
		b.Run(c.name, func(b *testing.B) {
			db, err := Open(b.TempDir(), &Options{Sync: SyncNever, CheckpointEvery: time.Hour})
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			firsts := make([]uint64, minutes)
			for i := range minutes {
				var events []Event
				for n := range keys * each {
					events = append(events, Event{Stream: "trades", Key: fmt.Sprint("k", n%keys), Time: minute(i).Add(time.Duration(n) * time.Millisecond),
						Fields: Fields{Float64("price", float64(n))}})
				}
				r, err := db.Append(bg, Batch{Events: events})
				if err != nil {
					b.Fatal(err)
				}
				firsts[i] = r.First
			}
			if err := db.Seal(bg); err != nil {
				b.Fatal(err)
			}
			d := tradeDefinition()
			d.By, d.Measures = []aggregate.Input{aggregate.Key()}, d.Measures[:c.measures]
			a, err := db.Maintain(bg, d)
			if err != nil {
				b.Fatal(err)
			}
			for !a.Progress().Built {
				time.Sleep(time.Millisecond)
			}
			b.ResetTimer()
			for i := range b.N {
				e := Event{Stream: "trades", Key: fmt.Sprint("k", i%keys), Kind: Retraction, Time: minute(minutes), Retracts: firsts[c.minute] + uint64(i)}
				if _, err := db.Append(bg, Batch{Events: []Event{e}}); err != nil {
					b.Fatal(err)
				}
				answer, err := a.Partials(bg, PartialsQuery{From: minute(c.minute), To: minute(c.minute).Add(time.Minute),
					Groups: [][]Value{{segment.StringOf(e.Key)}}})
				if err != nil || answer.Seq != db.Latest().Seq() {
					b.Fatal(err, answer.Seq)
				}
			}
		})
	}
}

// BenchmarkMaintain_Build is an aggregate that is defined over 2 M events that are there,
// of which 1 % came late, until all of it is kept.
//
//	go test ./store -run ^$ -bench Maintain_Build -benchtime 3x
func BenchmarkMaintain_Build(b *testing.B) {
	db, err := Open(b.TempDir(), &Options{Sync: SyncNever})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	next := trades(2000)
	for range 1000 {
		if _, err := db.Append(bg, next()); err != nil {
			b.Fatal(err)
		}
	}
	if err := db.Seal(bg); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for i := range b.N {
		d := tradeDefinition()
		d.Name = fmt.Sprint("trades ", i)
		a, err := db.Maintain(bg, d)
		if err != nil {
			b.Fatal(err)
		}
		for !a.Progress().Built {
			time.Sleep(time.Millisecond)
		}
	}
	b.ReportMetric(2e6*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
