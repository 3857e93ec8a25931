package store

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/annalsdb/annals/aggregate"
)

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
