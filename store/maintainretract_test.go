package store

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// taking is a definition from which events can be taken away: count, sum, quantile and
// all values, of x from 0 on, by key and minute.
func taking(name string) aggregate.Definition {
	d := counting(name)
	d.By, d.Measures = []aggregate.Input{aggregate.Key()}, inverses()
	d.Where = index.Range{Column: "x", Lo: index.Bound{Value: index.Int64Of(0)}}
	return d
}

// TestMaintain_TakesAway: a retracted event is taken away, once, whenever it came and
// however often it is retracted, and comes back when that is taken back; nothing is read
// again but that event.
func TestMaintain_TakesAway(t *testing.T) {
	db := open(t, t.TempDir(), &Options{CheckpointEvery: time.Hour})
	d := taking("taking")
	a, err := db.Maintain(bg, d)
	if err != nil {
		t.Fatal(err)
	}
	waitBuilt(db)
	hour := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	change := func(x int64) Event {
		return Event{Stream: crowdStream, Key: "k", Time: hour, Fields: Fields{Int64("x", x)}}
	}
	retract := func(seq uint64) Event {
		return Event{Stream: crowdStream, Key: "k", Kind: Retraction, Time: hour, Retracts: seq}
	}
	k := a.current
	checkpoint := func() {
		t.Helper()
		db.checkpoint.Lock()
		defer db.checkpoint.Unlock()
		k.mu.Lock()
		from := k.base.from
		k.mu.Unlock()
		if err := k.checkpoint(bg, from); err != nil {
			t.Fatal(err)
		}
	}
	first := db.Latest().Seq() + 1
	for n, step := range []struct {
		events []Event
		rows   int64 // in the window after it, 0: there is none
	}{
		{[]Event{change(1), change(-1)}, 1},                                                  // the second does not count
		{[]Event{retract(first), retract(first)}, 0},                                         // twice: nothing is left
		{[]Event{retract(first + 2), change(3)}, 1},                                          // 4: the other one still says so
		{[]Event{retract(first + 3)}, 2},                                                     // 6: now none does
		{[]Event{retract(first + 1), retract(first + 5)}, 1},                                 // 7: one that never counted, and the 3
		{[]Event{change(9), retract(first + 9), retract(first + 10)}, 2},                     // 9: gone and back at once
		{[]Event{change(4), retract(first + 12), retract(first)}, 1},                         // 12: came and gone at once
		{[]Event{retract(first + 9), change(-5), retract(first + 8), retract(first + 8)}, 1}, // 15: 3 is back, 9 is gone
	} {
		if _, err := db.Append(bg, Batch{Events: step.events}); err != nil {
			t.Fatalf("step %d: %v", n, err)
		}
		for range 2 { // before and after the checkpoint
			asBatch(t, db, []aggregate.Definition{d})
			answer, err := a.Read(bg, AggregateQuery{})
			if err != nil {
				t.Fatal(err)
			}
			rows := int64(0)
			for _, r := range answer.Results {
				rows += r.Rows
			}
			if rows != step.rows {
				t.Errorf("step %d: %d rows, not %d", n, rows, step.rows)
			}
			aRange(t, db, d, hour, hour.Add(time.Hour))
			k.mu.Lock()
			if k.live.Covers() || len(k.stale) > 0 {
				t.Errorf("step %d: %d cells are stale, some were computed anew: %v", n, len(k.stale), k.live.Covers())
			}
			k.mu.Unlock()
			checkpoint()
		}
		if _, err := db.Verify(bg, nil); err != nil {
			t.Errorf("step %d: %v", n, err)
		}
	}
}

// TestMaintain_TakesAllAway: of a window whose events are all retracted nothing stays in
// bbolt, nor of what it was a part of.
func TestMaintain_TakesAllAway(t *testing.T) {
	db := open(t, t.TempDir(), &Options{CheckpointEvery: time.Millisecond})
	d := taking("taking")
	if _, err := db.Maintain(bg, d); err != nil {
		t.Fatal(err)
	}
	waitBuilt(db)
	first := db.Latest().Seq() + 1
	sold(t, db, 0, time.Second, time.Hour)
	waitCells(t, db, d, 2)
	for i := range uint64(3) {
		e := Event{Stream: crowdStream, Key: "k", Kind: Retraction, Time: time.Now(), Retracts: first + i}
		if _, err := db.Append(bg, Batch{Events: []Event{e}}); err != nil {
			t.Fatal(err)
		}
	}
	waitCells(t, db, d, 0)
}

// waitCells waits until bbolt has so many cells of a definition, and cells of levels
// only if there are any.
func waitCells(t *testing.T, db *DB, d aggregate.Definition, want int) {
	t.Helper()
	var cells, above int
	for range 2000 {
		cells, above = 0, 0
		err := db.states.view(func(tx *bolt.Tx) error {
			b := tx.Bucket(bucketOf(d))
			if b == nil {
				return nil
			}
			count := func(n *int) func(k, _ []byte) error {
				return func(k, _ []byte) error {
					if len(k) >= cellKeyLeast {
						*n++
					}
					return nil
				}
			}
			if err := b.ForEach(count(&cells)); err != nil {
				return err
			}
			return b.Bucket(levelsKey).ForEach(count(&above))
		})
		if err != nil {
			t.Fatal(err)
		}
		if cells == want && (above > 0) == (want > 0) {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("bbolt has %d cells and %d of levels, not %d", cells, above, want)
}

// TestMaintain_TakesAwayAtRandom: where half of all events are retractions, of events and
// of retractions, old and just come, what is kept is the bounded run at random moments.
func TestMaintain_TakesAwayAtRandom(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 8))
	dir := t.TempDir()
	o := &Options{SegmentSize: 20_000, CheckpointEvery: time.Duration(1+r.IntN(20)) * time.Millisecond, Sync: SyncNever}
	db := open(t, dir, o)
	var defs []aggregate.Definition
	for i, w := range []aggregate.Window{nil, aggregate.Tumbling{Size: time.Minute}, aggregate.Hopping{Size: 10 * time.Minute, Slide: 4 * time.Minute}} {
		for j, by := range [][]aggregate.Input{nil, {aggregate.Field("x")}} {
			d := taking(fmt.Sprint("w", i, "g", j))
			d.Window, d.By = w, by
			defs = append(defs, d)
			if _, err := db.Maintain(bg, d); err != nil {
				t.Fatal(err)
			}
		}
	}
	next, last := db.Latest().Seq()+1, map[string][]uint64{}
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for round := range 60 {
		var b Batch
		for range 1 + r.IntN(12) {
			key := fmt.Sprint("k", r.IntN(3))
			e := Event{Stream: crowdStream, Key: key, Time: begin.Add(time.Duration(r.IntN(3600)) * time.Second)}
			if said := last[key]; len(said) > 0 && r.IntN(2) == 0 {
				e.Kind, e.Retracts = Retraction, said[len(said)-1-r.IntN(min(len(said), 6))]
			} else {
				e.Fields = Fields{{Name: "x", Value: []Value{segment.Int64Of(r.Int64N(6) - 2), segment.Float64Of(0.1), segment.NullOf()}[r.IntN(3)]}}
			}
			b.Events = append(b.Events, e)
			last[key], next = append(last[key], next), next+1
		}
		if _, err := db.Append(bg, b); err != nil {
			t.Fatal(err)
		}
		switch r.IntN(12) {
		case 0:
			stop(db) // as a crash does
			db = open(t, dir, o)
		case 1:
			if err := db.Seal(bg); err != nil {
				t.Fatal(err)
			}
		case 2:
			time.Sleep(time.Duration(r.IntN(10)) * time.Millisecond)
		}
		if round%4 == 3 {
			asBatch(t, db, defs)
			aRange(t, db, defs[2+r.IntN(2)], begin, begin.Add(time.Duration(r.IntN(3600))*time.Second))
		}
	}
	waitBuilt(db)
	asBatch(t, db, defs)
	if _, err := db.Verify(bg, nil); err != nil {
		t.Error(err)
	}
}
