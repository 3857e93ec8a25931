package store

import (
	"math"
	"testing"
	"time"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/segment"
)

func TestZZ_OddGroups(t *testing.T) {
	for _, fn := range []aggregate.Function{aggregate.Max{}, aggregate.Sum{}} {
		for _, win := range []aggregate.Window{aggregate.Tumbling{Size: time.Hour}, aggregate.Session{Gap: time.Minute}, aggregate.Hopping{Size: time.Hour, Slide: 25 * time.Minute}} {
			for _, seal := range []bool{false, true} {
				db := open(t, t.TempDir(), &Options{CheckpointEvery: time.Millisecond})
				d := counting("a")
				d.Window = win
				d.By = []aggregate.Input{aggregate.Field("g")}
				d.Measures = append(d.Measures, aggregate.Measure{Name: "m", Function: fn, Of: aggregate.Field("x")})
				a, err := db.Maintain(bg, d)
				if err != nil {
					t.Fatal(err)
				}
				hour := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
				odd := []Value{
					segment.NullOf(), segment.BoolOf(true), segment.BoolOf(false), segment.Int64Of(0), segment.Int64Of(1), segment.Int64Of(1<<53 + 1),
					segment.Float64Of(0), segment.Float64Of(1), segment.Float64Of(1 << 53), segment.Float64Of(math.Inf(-1)), segment.Float64Of(math.Copysign(0, -1)),
					segment.Float64Of(math.NaN()),
					segment.StringOf(""), segment.StringOf("1"), segment.StringOf("null"), segment.FromText(segment.BytesValue, "1"), segment.FromText(segment.JSONValue, "1"),
					segment.FromText(segment.JSONValue, `{"a": 1}`),
					segment.FromInt(segment.TimeValue, 0), segment.FromInt(segment.TimeValue, 1),
				}
				var seqs []uint64
				for i := range 3 {
					for j := -1; j < len(odd); j++ {
						e := Event{Stream: d.Stream, Key: "k", Type: "t", Time: hour.Add(time.Duration(i) * time.Second), Fields: Fields{Int64("x", int64(i))}}
						if j >= 0 {
							e.Fields = append(e.Fields, segment.Field{Name: "g", Value: odd[j]})
						}
						if _, err := db.Append(bg, Batch{Events: []Event{e}}); err != nil {
							t.Fatal(err)
						}
						if i == 2 || i == 1 && j%3 == 0 || j == 4 {
							seqs = append(seqs, db.Latest().Seq())
						}
					}
				}
				if seal {
					if err := db.Seal(bg); err != nil {
						t.Fatal(err)
					}
				}
				waitBuilt(db)
				time.Sleep(20 * time.Millisecond)
				check := func() {
					t.Helper()
					got, err := a.Read(bg, AggregateQuery{})
					if err != nil {
						t.Fatal(err)
					}
					want, err := a.Read(bg, AggregateQuery{KnownAt: got.Seq})
					if err != nil {
						t.Fatal(err)
					}
					if err := sameResults(got.Results, want.Results); err != nil {
						t.Errorf("%v", err)
					}
				}
				for _, s := range seqs {
					e := Event{Stream: d.Stream, Key: "k", Kind: Retraction, Retracts: s, Time: hour}
					if _, err := db.Append(bg, Batch{Events: []Event{e}}); err != nil {
						t.Fatal(err)
					}
					check()
				}
				time.Sleep(20 * time.Millisecond)
				check()
				if _, err := db.Verify(bg, nil); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

// drop while an aggregate's handle is read.
func TestZZ_DropStray(t *testing.T) {
	db := open(t, t.TempDir(), &Options{CheckpointEvery: time.Hour})
	d := counting("a")
	a, err := db.Maintain(bg, d)
	if err != nil {
		t.Fatal(err)
	}
	sold(t, db, 0, time.Second)
	waitBuilt(db)
	if err := db.DropAggregate(bg, "a"); err != nil {
		t.Fatal(err)
	}
	answer, err := a.Read(bg, AggregateQuery{})
	t.Log(answer, err)
	r, err := a.Range(bg, time.Time{}, time.Time{})
	t.Log(r, err)
}
