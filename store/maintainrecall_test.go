package store

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/annalsdb/annals/aggregate"
)

// TestMaintain_Recalls: an aggregate of events that were there before it, or whose file
// was lost, says which windows they leave complete, and what of them came late, as one
// that saw them come does.
func TestMaintain_Recalls(t *testing.T) {
	marks := aggregate.Marks{Bound: 10 * time.Minute, Skew: time.Hour, Idle: time.Hour}
	sources, delay := marks, marks
	sources.Source = aggregate.Field("g")
	delay.MaxDelay = 20 * time.Minute
	for name, marks := range map[string]aggregate.Marks{"one source": marks, "sources": sources, "delay": delay} {
		t.Run(name, func(t *testing.T) { recalls(t, marks) })
	}
}

func recalls(t *testing.T, marks aggregate.Marks) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 3))
	var now atomic.Int64 // the background asks for it too
	now.Store(time.Date(2026, 3, 28, 21, 0, 0, 0, time.UTC).UnixNano())
	dir := t.TempDir()
	o := &Options{SegmentSize: 20_000, CheckpointEvery: time.Millisecond, Now: func() time.Time { return time.Unix(0, now.Load()) }}
	db := open(t, dir, o)
	defs := recallDefinitions(marks)
	for _, d := range defs {
		if _, err := db.Maintain(bg, d); err != nil {
			t.Fatal(err)
		}
	}
	c := newCrowd(r)
	c.next = db.Latest().Seq() + 1
	for round := range 12 {
		c.append(t, db, 1+r.IntN(60))
		now.Add(r.Int64N(int64(time.Hour)))
		if round == 6 {
			db = again(t, db, dir, o, false)
		}
	}
	waitBuilt(db)
	saw := recalled(t, db, defs)
	for i, d := range defs {
		d.Name = fmt.Sprint("late ", i)
		if _, err := db.Maintain(bg, d); err != nil {
			t.Fatal(err)
		}
		sameRecalled(t, "in pieces", defs[i], inPieces(t, db, defs[i], r), saw[i])
	}
	waitBuilt(db)
	for i, a := range recalled(t, db, defs) {
		late, err := db.Aggregate(fmt.Sprint("late ", i))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := late.Read(bg, AggregateQuery{})
		if err != nil {
			t.Fatal(err)
		}
		sameRecalled(t, "defined at the end", defs[i], answer, a)
	}
	db = again(t, db, dir, o, true)
	waitBuilt(db)
	for i, a := range recalled(t, db, defs) {
		sameRecalled(t, "lost", defs[i], a, saw[i])
	}
	if _, err := db.Verify(bg, nil); err != nil {
		t.Error(err)
	}
}

// recallDefinitions are of functions that take away, of all, and over time; the last one
// does not keep all.
func recallDefinitions(marks aggregate.Marks) []aggregate.Definition {
	away, hops, over, short := taking("away"), taking("hops"), counting("over"), counting("short")
	away.By = []aggregate.Input{aggregate.Field("g")}
	hops.Window, hops.Measures = aggregate.Hopping{Size: 10 * time.Minute, Slide: 4 * time.Minute}, everyFunction(false)
	over.Window, over.Measures = aggregate.Tumbling{Size: 10 * time.Minute}, everyFunction(true)
	short.Keep = 3 * time.Hour
	all := []aggregate.Definition{away, hops, over, short}
	for i := range all {
		all[i].Watermark, all[i].Grace = marks, time.Duration(i)*time.Minute
	}
	return all
}

// again closes and opens a database; lost takes bbolt's file away in between.
func again(t *testing.T, db *DB, dir string, o *Options, lost bool) *DB {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if lost {
		if err := os.Remove(statesPath(dir)); err != nil {
			t.Fatal(err)
		}
	}
	return open(t, dir, o)
}

// recalled is what is kept of definitions.
func recalled(t *testing.T, db *DB, defs []aggregate.Definition) (all []AggregateAnswer) {
	t.Helper()
	for _, d := range defs {
		a, err := db.Aggregate(d.Name)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := a.Read(bg, AggregateQuery{})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, answer)
	}
	return all
}

// inPieces is what is kept of a definition that history is recalled for a few positions at
// a time, which end in the middle of batches, with checkpoints in between.
func inPieces(t *testing.T, db *DB, d aggregate.Definition, r *rand.Rand) AggregateAnswer {
	t.Helper()
	saw, err := db.Aggregate(d.Name)
	if err != nil {
		t.Fatal(err)
	}
	d.Name += " in pieces"
	plan, err := aggregate.NewPlan(d)
	if err != nil {
		t.Fatal(err)
	}
	k := newKept(db, plan)
	defer k.drop()
	for k.base == nil || !k.marked {
		k.mu.Lock()
		if _, err = k.attach(); err == nil && k.base != nil {
			err = k.recall(1 + r.Uint64N(20))
		}
		k.mu.Unlock()
		if err == nil && r.IntN(4) == 0 {
			db.checkpoint.Lock()
			err = k.checkpoint(bg, k.base.from)
			db.checkpoint.Unlock()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	saw.current.mu.Lock()
	mark := saw.current.mark.AppendBinary(nil)
	saw.current.mu.Unlock()
	if got := k.mark.AppendBinary(nil); !bytes.Equal(got, mark) {
		t.Errorf("%s: in pieces the watermark is %x, not %x", d, got, mark)
	}
	for !k.progress().Built {
		if _, err := k.upkeep(); err != nil {
			t.Fatal(err)
		}
	}
	answer, err := k.answer(bg, wholeTime, 0)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// sameRecalled compares answers, but of windows that are not kept.
func sameRecalled(t *testing.T, what string, d aggregate.Definition, got, want AggregateAnswer) {
	t.Helper()
	if !got.Complete.Equal(want.Complete) || got.Complete.IsZero() {
		t.Errorf("%s: %s: complete up to %v, not %v", what, d, got.Complete, want.Complete)
	}
	from := int64(math.MinInt64)
	if d.Keep > 0 {
		from = want.Complete.Add(-d.Keep).UnixNano()
	}
	kept := func(all []aggregate.Result) []aggregate.Result {
		return slices.DeleteFunc(slices.Clone(all), func(r aggregate.Result) bool { return r.Window.Start < from })
	}
	g, w := kept(got.Results), kept(want.Results)
	if err := sameResults(g, w); err != nil {
		t.Errorf("%s: %s: %v", what, d, err)
		return
	}
	late := int64(0)
	for i := range w {
		if late += w[i].Late; g[i].Late != w[i].Late || g[i].Status != w[i].Status {
			t.Errorf("%s: %s: group %v of %s is %s, %d late; not %s, %d", what, d, w[i].Group, w[i].Window, g[i].Status, g[i].Late, w[i].Status, w[i].Late)
		}
	}
	if late == 0 {
		t.Logf("%s: %s: none is late", what, d)
	}
}

// TestMaintain_DropMeanwhile: a checkpoint that is due when an aggregate is dropped leaves
// nothing behind, also where a read of it has looked again at what is kept.
func TestMaintain_DropMeanwhile(t *testing.T) {
	db := open(t, t.TempDir(), &Options{CheckpointEvery: time.Hour})
	a, err := db.Maintain(bg, counting("dropped"))
	if err != nil {
		t.Fatal(err)
	}
	sold(t, db, 0, time.Second)
	waitBuilt(db)
	k := a.current
	if err := db.DropAggregate(bg, "dropped"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Read(bg, AggregateQuery{}); err != nil {
		t.Fatal(err)
	}
	if err := k.checkpoint(bg, wholeTime.Start); err != nil {
		t.Fatal(err)
	}
	if b, ok := db.states.basis(k.bucket, db.Latest().Seq()); !ok || !b.none {
		t.Errorf("it is kept from %d up to position %d", b.from, b.position)
	}
}
