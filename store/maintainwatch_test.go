package store

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/annalsdb/annals/aggregate"
)

// TestWatch_AddsUp: what a watch tells, added up, is the bounded run, whenever it has
// told all; Old is what it told before.
func TestWatch_AddsUp(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	db := open(t, t.TempDir(), &Options{SegmentSize: 20_000, CheckpointEvery: 10 * time.Millisecond})
	c := newCrowd(r)
	c.append(t, db, 100)
	defs := everyDefinition(t)
	var watches []*watch
	sums := map[*watch]map[string]*aggregate.Result{}
	for _, i := range r.Perm(len(defs))[:8] {
		defs[i].Watermark.Bound = 20 * time.Minute
		a, err := db.Maintain(bg, defs[i])
		if err != nil {
			t.Fatal(err)
		}
		w := &watch{a: a, told: map[string]*aggregate.Result{}}
		watches, sums[w] = append(watches, w), map[string]*aggregate.Result{}
	}
	waitBuilt(db)
	c.next = db.Latest().Seq() + 1
	statuses := map[aggregate.Status]int{}
	for round := range 15 {
		for i, w := range watches {
			if r.IntN(3) == 0 && round < 14 {
				continue
			}
			changes, err := w.changes(bg)
			if err != nil || w.waiting {
				t.Fatal(err, w.waiting)
			}
			sum := sums[w]
			for _, change := range changes {
				id := fmt.Sprint(change.any().Window, change.any().Group)
				if _, counted := w.a.Definition().Window.(aggregate.Counted); counted {
					id = fmt.Sprint(change.any().Number, change.any().Group)
				}
				if !sum[id].Equal(change.Old) {
					t.Fatalf("%s: old is %v, told was %v", w.a.name, change.Old, sum[id])
				}
				if sum[id] = change.New; change.New == nil {
					delete(sum, id)
				} else {
					statuses[change.New.Status]++
				}
			}
			d := w.a.Definition()
			want, err := aggregate.Run(bg, mustView(t, db, KnownAt(w.k.position)), d, aggregate.Span{})
			if err != nil {
				t.Fatal(err)
			}
			var got []aggregate.Result
			for _, r := range sum {
				got = append(got, *r)
			}
			slices.SortFunc(got, func(a, b aggregate.Result) int {
				return compareResults(&a, &b)
			})
			if err := sameResults(got, want); err != nil {
				t.Fatalf("round %d, watch %d: %s: %v", round, i, d, err)
			}
		}
		c.append(t, db, r.IntN(40))
		if r.IntN(3) == 0 {
			time.Sleep(time.Duration(r.IntN(15)) * time.Millisecond)
		}
	}
	if statuses[aggregate.Provisional] == 0 || statuses[aggregate.Final] == 0 || statuses[aggregate.Revised] == 0 {
		t.Errorf("statuses told: %v", statuses)
	}
}

// TestWatch_RetractionIsNotLate: a retraction changes a final result of windows side by
// side, which says what came late, and stays what a read says of it.
func TestWatch_RetractionIsNotLate(t *testing.T) {
	db := open(t, t.TempDir(), nil)
	a, err := db.Maintain(bg, counting("retracted"))
	if err != nil {
		t.Fatal(err)
	}
	sold(t, db, 0, time.Second, 5*time.Minute)
	waitBuilt(db)
	ctx, cancel := context.WithTimeout(bg, 10*time.Second)
	defer cancel()
	told := 0
	for c, err := range a.Watch(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		switch told++; told {
		case 2:
			e := Event{Stream: crowdStream, Key: "k", Kind: Retraction, Retracts: 2, Time: time.Now()}
			if _, err := db.Append(bg, Batch{Events: []Event{e}}); err != nil {
				t.Fatal(err)
			}
		case 3:
			answer, err := a.Read(bg, AggregateQuery{})
			if err != nil {
				t.Fatal(err)
			}
			if !c.New.Equal(&answer.Results[0]) {
				t.Errorf("told is %v, read is %v", c.New, answer.Results[0])
			}
			return
		}
	}
}

// TestWatch_EndsOfTime: sliding windows at the ends of time, which are cut off there, are
// told apart.
func TestWatch_EndsOfTime(t *testing.T) {
	db := open(t, t.TempDir(), nil)
	d := counting("ends")
	d.Window = aggregate.Sliding{Size: time.Hour}
	a, err := db.Maintain(bg, d)
	if err != nil {
		t.Fatal(err)
	}
	left := map[int64]bool{}
	for _, at := range []int64{math.MaxInt64, math.MaxInt64 - 1, math.MinInt64, math.MinInt64 + 1, 0} {
		if _, err := db.Append(bg, Batch{Events: []Event{{Stream: d.Stream, Key: "k", Type: "t", Time: time.Unix(0, at)}}}); err != nil {
			t.Fatal(err)
		}
		left[at] = true
	}
	ctx, cancel := context.WithTimeout(bg, 10*time.Second)
	defer cancel()
	for c, err := range a.Watch(ctx) {
		if err != nil {
			t.Fatalf("%v, not told of %v", err, left)
		}
		at := c.New.Window.End - 1
		if c.New.Window.Start == math.MaxInt64-int64(time.Hour)+1 {
			at = math.MaxInt64
		}
		if delete(left, at); len(left) == 0 {
			return
		}
	}
}
