package store

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/annalsdb/annals/aggregate"
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
