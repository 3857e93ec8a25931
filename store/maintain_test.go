package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/segment"
)

// asBatch compares what is kept of all aggregates with the bounded run over the same.
func asBatch(t *testing.T, db *DB, defs []aggregate.Definition) {
	t.Helper()
	for _, d := range defs {
		a, err := db.Aggregate(d.Name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := a.Read(bg, AggregateQuery{})
		if err != nil {
			t.Fatalf("%s: %v", d, err)
		}
		want, err := aggregate.Run(bg, mustView(t, db, KnownAt(got.Seq)), d, aggregate.Span{})
		if err == nil {
			err = sameResults(got.Results, want)
		}
		if err == nil && len(want) > 0 {
			err = partAsBatch(a, want)
		}
		if err != nil {
			t.Fatalf("at %d, %+v: %s: %v", got.Seq, a.Progress(), d, err)
		}
	}
}

// partAsBatch compares the windows that begin within some minutes with those of all.
func partAsBatch(a *Aggregate, all []aggregate.Result) error {
	from := max(all[len(all)/2].Window.Start, 0)
	to := from + int64(3*time.Minute)
	got, err := a.Read(bg, AggregateQuery{From: time.Unix(0, from), To: time.Unix(0, to)})
	if err != nil {
		return err
	}
	return sameResults(got.Results, slices.DeleteFunc(slices.Clone(all), func(r aggregate.Result) bool {
		return r.Window.Start < from || r.Window.Start >= to
	}))
}

// TestMaintain_IsTheBatch: at random moments of a random run, what is kept is what the
// bounded run gives, with late events, retractions, checkpoints, sealing, opening
// again and crashes in between.
func TestMaintain_IsTheBatch(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	dir := t.TempDir()
	o := &Options{SegmentSize: 20_000, CheckpointEvery: time.Duration(1+r.IntN(50)) * time.Millisecond, Sync: SyncMode(r.IntN(3))}
	db := open(t, dir, o)
	c := newCrowd(r)
	c.append(t, db, 150)
	defs := everyDefinition(t)
	r.Shuffle(len(defs), func(i, j int) { defs[i], defs[j] = defs[j], defs[i] })
	for i := range defs {
		defs[i].Keep = time.Duration(r.IntN(3)) * time.Hour
	}
	late := defs[8:12]
	defs = defs[:8]
	maintain := func(defs []aggregate.Definition) {
		for _, d := range defs {
			if _, err := db.Maintain(bg, d); err != nil {
				t.Fatal(err)
			}
		}
		c.next = db.Latest().Seq() + 1
	}
	maintain(defs)
	for round := range 8 {
		c.append(t, db, r.IntN(120))
		switch r.IntN(5) {
		case 0:
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			db = open(t, dir, o)
		case 4:
			stop(db) // as a crash does
			db = open(t, dir, o)
		case 1:
			time.Sleep(time.Duration(r.IntN(20)) * time.Millisecond)
		case 2:
			if err := db.Seal(bg); err != nil {
				t.Fatal(err)
			}
		}
		if round == 4 {
			maintain(late)
			defs = append(defs, late...)
		}
		some := slices.Clone(defs)
		r.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
		asBatch(t, db, some[:len(some)/2])
	}
	waitBuilt(db)
	asBatch(t, db, defs)
	if _, err := db.Verify(bg, nil); err != nil {
		t.Error(err)
	}
}

// counting is a definition of plain counts and sums by minute and type.
func counting(name string) aggregate.Definition {
	return aggregate.Definition{
		Name: name, Stream: crowdStream, By: []aggregate.Input{aggregate.Type()}, Window: aggregate.Tumbling{Size: time.Minute},
		Measures: []aggregate.Measure{{Name: "n", Function: aggregate.Count{Rows: true}}, {Name: "sum", Function: aggregate.Sum{}, Of: aggregate.Field("x")}},
	}
}

// sold appends events at minutes and seconds after the hour, one batch each.
func sold(t *testing.T, db *DB, times ...time.Duration) {
	t.Helper()
	hour := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, d := range times {
		e := Event{Stream: crowdStream, Key: "k", Type: "sold", Time: hour.Add(d), Fields: Fields{Int64("x", int64(d/time.Second))}}
		if _, err := db.Append(bg, Batch{Events: []Event{e}}); err != nil {
			t.Fatal(err)
		}
	}
}

// said is results as text: minute, values, status, late.
func said(t *testing.T, a *Aggregate, q AggregateQuery) (text string) {
	t.Helper()
	answer, err := a.Read(bg, q)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range answer.Results {
		text += fmt.Sprintf("%d: %v %s %d; ", time.Unix(0, r.Window.Start).UTC().Minute(), r.Values, r.Status, r.Late)
	}
	return text
}

// TestAggregate_StatusAndLateness: an event behind the watermark counts, and makes what
// was final revised, also after opening again; what was known before stays.
func TestAggregate_StatusAndLateness(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir, nil)
	d := counting("sales")
	d.Watermark.Bound = 30 * time.Second
	a, err := db.Maintain(bg, d)
	if err != nil {
		t.Fatal(err)
	}
	waitBuilt(db)
	const s = time.Second
	sold(t, db, 10*s, 70*s, 80*s)
	want := "0: [1 10] provisional 0; 1: [2 150] provisional 0; "
	if got := said(t, a, AggregateQuery{}); got != want {
		t.Errorf("%s, not %s", got, want)
	}
	sold(t, db, 95*s) // up to 65 s all are there
	known := db.Latest().Seq()
	sold(t, db, 20*s, 61*s)
	want = "0: [2 30] revised 1; 1: [4 306] provisional 0; "
	for range 2 {
		if got := said(t, a, AggregateQuery{}); got != want {
			t.Errorf("%s, not %s", got, want)
		}
		want1 := "0: [2 30] revised 1; "
		hour := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		if got := said(t, a, AggregateQuery{From: hour, To: hour.Add(time.Minute)}); got != want1 {
			t.Errorf("%s, not %s", got, want1)
		}
		if got, want := said(t, a, AggregateQuery{KnownAt: known}), "0: [1 10] final 0; 1: [3 245] final 0; "; got != want {
			t.Errorf("as known at %d: %s, not %s", known, got, want)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		db = open(t, dir, nil) // what is kept is asked at once
		if a, err = db.Aggregate("sales"); err != nil || a.Definition().String() != d.String() {
			t.Fatal(a, err)
		}
	}
	if _, err := a.Read(bg, AggregateQuery{KnownAt: 1000}); !errors.Is(err, ErrFuture) {
		t.Errorf("the future: %v", err)
	}
}

// TestMaintain_Replaces: another definition of the same name answers once it is built,
// or after opening again; what is dropped is gone.
func TestMaintain_Replaces(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir, nil)
	sold(t, db, time.Second, time.Minute)
	a, err := db.Maintain(bg, counting("sales"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(db.Streams(), func(s Stream) bool { return s.Name == AggregateStream }) {
		t.Errorf("the stream of definitions is none of %v", db.Streams())
	}
	same, err := db.Maintain(bg, counting("sales"))
	if err != nil || same != a {
		t.Fatalf("the same again is %p, not %p: %v", same, a, err)
	}
	other := counting("sales")
	other.Measures = other.Measures[:1]
	seq := db.Latest().Seq()
	if _, err := db.Maintain(bg, other); err != nil {
		t.Fatal(err)
	}
	for a.Definition().String() != other.String() {
		got := strings.Replace(said(t, a, AggregateQuery{}), "final", "provisional", 1) // once history is looked at
		if got != "0: [1 1] provisional 0; 1: [1 60] provisional 0; " && got != "0: [1] provisional 0; 1: [1] provisional 0; " {
			t.Fatal(got)
		}
		time.Sleep(time.Millisecond)
	}
	if got := said(t, a, AggregateQuery{}); got != "0: [1] final 0; 1: [1] provisional 0; " {
		t.Error(got)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, dir, nil)
	if a, err = db.Aggregate("sales"); err != nil || a.Definition().String() != other.String() || db.Latest().Seq() != seq+1 {
		t.Fatal(a.Definition(), err)
	}
	if err := db.DropAggregate(bg, "sales"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := db.Aggregate("sales"); !errors.Is(err, ErrNoAggregate) {
			t.Fatal(err)
		}
		if err := db.DropAggregate(bg, "sales"); !errors.Is(err, ErrNoAggregate) {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		db = open(t, dir, nil)
	}
}

// TestMaintain_WithoutBolt: the definition, and all that is kept, survive the loss of
// bbolt, and damage in it.
func TestMaintain_WithoutBolt(t *testing.T) {
	dir := t.TempDir()
	o := &Options{CheckpointEvery: 5 * time.Millisecond}
	c := newCrowd(rand.New(rand.NewPCG(1, 1)))
	db := open(t, dir, o)
	defs := everyDefinition(t)[:3]
	for _, d := range defs {
		if _, err := db.Maintain(bg, d); err != nil {
			t.Fatal(err)
		}
	}
	c.next = db.Latest().Seq() + 1
	for round := range 6 {
		c.append(t, db, 100)
		asBatch(t, db, defs)
		waitBuilt(db)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		path := statesPath(dir)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if round%2 == 0 {
			err = os.Remove(path)
		} else {
			for i := len(b) / 8 * round; i < len(b); i += 999 {
				b[i] ^= 0x40
			}
			err = os.WriteFile(path, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		db = open(t, dir, o)
		asBatch(t, db, defs)
		waitBuilt(db)
		asBatch(t, db, defs)
	}
}

// TestMaintain_Order: whatever the order of arrival, the end is the same.
func TestMaintain_Order(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 3))
	var events []Event
	for c := newCrowd(r); len(events) < 60; {
		if e := c.event(); e.Kind != Retraction {
			e.Time = e.Time.Truncate(time.Microsecond).Add(time.Duration(len(events))) // no two at a time
			events = append(events, e)
		}
	}
	all, defs := everyDefinition(t), []aggregate.Definition{}
	for _, i := range r.Perm(len(all))[:8] {
		defs = append(defs, all[i])
	}
	var first []AggregateAnswer
	for range 4 {
		db := open(t, t.TempDir(), &Options{CheckpointEvery: time.Millisecond, Sync: SyncNever})
		for _, d := range defs {
			if _, err := db.Maintain(bg, d); err != nil {
				t.Fatal(err)
			}
		}
		waitBuilt(db)
		for _, e := range events {
			if _, err := db.Append(bg, Batch{Events: []Event{e}}); err != nil {
				t.Fatal(err)
			}
		}
		for i, d := range defs {
			a, err := db.Aggregate(d.Name)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := a.Read(bg, AggregateQuery{})
			if err != nil {
				t.Fatal(err)
			}
			if len(first) == i {
				first = append(first, answer)
			}
			if err := sameResults(answer.Results, first[i].Results); err != nil {
				t.Errorf("%s: %v", d, err)
			}
		}
		r.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	}
}

// upper is an expression, of package query's kind.
type upper struct{}

func (upper) String() string    { return "upper(g)" }
func (upper) Columns() []string { return []string{"g"} }

func (upper) Evaluate(n int, selected []uint16, columns [][]segment.FieldColumn) ([]segment.FieldColumn, error) {
	var out []segment.FieldColumn
	for _, p := range columns[0] {
		q := p
		q.Texts.Dict = nil
		for _, s := range p.Texts.Dict {
			q.Texts.Dict = append(q.Texts.Dict, strings.ToUpper(s))
		}
		out = append(out, q)
	}
	return out, nil
}

// TestMaintain_Expression: what is not stored has to be handed over again.
func TestMaintain_Expression(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir, nil)
	d := counting("by expression")
	d.By = []aggregate.Input{{Of: upper{}}}
	if _, err := db.Maintain(bg, d); err != nil {
		t.Fatal(err)
	}
	c := newCrowd(rand.New(rand.NewPCG(3, 3)))
	c.next = 2
	c.append(t, db, 100)
	waitBuilt(db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, dir, nil)
	a, err := db.Aggregate(d.Name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Read(bg, AggregateQuery{}); !errors.Is(err, aggregate.ErrDefinition) || !strings.Contains(err.Error(), "upper(g)") {
		t.Errorf("without its expression: %v", err)
	}
	if _, err := a.Range(bg, time.Time{}, time.Time{}); !errors.Is(err, aggregate.ErrDefinition) {
		t.Errorf("a range without its expression: %v", err)
	}
	for _, err := range a.Watch(bg) {
		if !errors.Is(err, aggregate.ErrDefinition) {
			t.Errorf("a watch without its expression: %v", err)
		}
	}
	seq := db.Latest().Seq()
	if _, err := db.Maintain(bg, d); err != nil || db.Latest().Seq() != seq {
		t.Fatal(err, db.Latest().Seq(), seq)
	}
	asBatch(t, db, []aggregate.Definition{d})
	answer, err := a.Read(bg, AggregateQuery{})
	if err != nil || answer.Results[0].Group[0].Kind() != StringValue && answer.Results[0].Group[0].Kind() != NullValue {
		t.Fatal(err)
	}
	for _, r := range answer.Results {
		if g := r.Group[0].Str(); g != strings.ToUpper(g) {
			t.Errorf("group %q", g)
		}
	}
}

// TestMaintain_Keep: windows that are older than is kept come from the events.
func TestMaintain_Keep(t *testing.T) {
	db := open(t, t.TempDir(), &Options{CheckpointEvery: time.Millisecond})
	d := counting("short")
	d.Keep = 10 * time.Minute
	a, err := db.Maintain(bg, d)
	if err != nil {
		t.Fatal(err)
	}
	c := newCrowd(rand.New(rand.NewPCG(5, 5)))
	c.next = 2
	for range 10 {
		c.append(t, db, 50)
		waitBuilt(db)
		asBatch(t, db, []aggregate.Definition{d})
	}
	for from := a.Progress().From; time.Unix(0, from).Before(time.Unix(0, c.now).Add(-20 * time.Minute)); from = a.Progress().From {
		sold(t, db, 0) // for the next checkpoint
		time.Sleep(2 * time.Millisecond)
	}
	asBatch(t, db, []aggregate.Definition{d})
}

// TestMaintain_KeepMeanwhile: an event that comes while a checkpoint is under way, of a
// window that the checkpoint forgets, counts.
func TestMaintain_KeepMeanwhile(t *testing.T) {
	db := open(t, t.TempDir(), &Options{CheckpointEvery: time.Hour})
	d := counting("short")
	d.Keep = 10 * time.Minute
	a, err := db.Maintain(bg, d)
	if err != nil {
		t.Fatal(err)
	}
	sold(t, db, 0, time.Minute, 2*time.Minute)
	waitBuilt(db)
	sold(t, db, time.Hour, 61*time.Minute)
	asBatch(t, db, []aggregate.Definition{d}) // it follows the log

	db.checkpoint.Lock()
	defer db.checkpoint.Unlock()
	k := a.current
	k.mu.Lock()
	before := k.base.from
	c, err := k.freeze(bg, before)
	k.mu.Unlock()
	if err != nil || c.to.from <= before {
		t.Fatalf("windows from %d on are kept after from %d on, %v", c.to.from, before, err)
	}
	sold(t, db, 90*time.Second, 62*time.Minute)
	asBatch(t, db, []aggregate.Definition{d})
	if err := c.gather(bg); err != nil {
		t.Fatal(err)
	}
	if err := c.write(); err != nil {
		t.Fatal(err)
	}
	asBatch(t, db, []aggregate.Definition{d})
	k.mu.Lock()
	k.base, k.pending, k.frozen = c.to, nil, nil
	k.mu.Unlock()
	asBatch(t, db, []aggregate.Definition{d})
}

// TestVerify_FindsAWrongResult: one that is not what the events say, though its
// checksum is right.
func TestVerify_FindsAWrongResult(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir, nil)
	sold(t, db, time.Second, 2*time.Second, time.Minute)
	d := counting("sales")
	if _, err := db.Maintain(bg, d); err != nil {
		t.Fatal(err)
	}
	waitBuilt(db)
	report, err := db.Verify(bg, nil)
	if err != nil || report.Results != 2 {
		t.Fatal(report, err)
	}
	bucket := []byte(aggregateBucket + d.Fingerprint())
	err = db.states.update(func(tx *bolt.Tx) error {
		b := tx.Bucket(bucket)
		c := b.Cursor()
		_, value := c.Seek(make([]byte, cellKeyLeast)) // behind the basis
		if value == nil {
			_, value = c.Next() // levels
		}
		body := slices.Clone(value[:len(value)-4])
		key, _ := c.Next()
		key = slices.Clone(key)
		return b.Put(key, sealCell(body, 0, key))
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Verify(bg, nil); err == nil || !strings.Contains(err.Error(), `aggregate "sales"`) || !strings.Contains(err.Error(), "the events say") {
		t.Errorf("a wrong result: %v", err)
	}
}

// TestAggregate_WhileAppending: reads, watches and the background are at work at once
// with appends.
func TestAggregate_WhileAppending(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 4))
	db := open(t, t.TempDir(), &Options{SegmentSize: 20_000, CheckpointEvery: 2 * time.Millisecond, Sync: SyncNever})
	c := newCrowd(r)
	c.append(t, db, 100)
	all, defs := everyDefinition(t), []aggregate.Definition{}
	for _, i := range r.Perm(len(all))[:4] {
		defs = append(defs, all[i])
	}
	ctx, cancel := context.WithCancel(bg)
	middle := time.Unix(0, c.now)
	var others sync.WaitGroup
	for _, d := range defs {
		a, err := db.Maintain(bg, d)
		if err != nil {
			t.Fatal(err)
		}
		others.Go(func() {
			for ctx.Err() == nil {
				if _, err := a.Read(bg, AggregateQuery{}); err != nil {
					t.Error(err)
					return
				}
				if _, err := a.Range(bg, middle.Add(-20*time.Hour), middle); err != nil {
					t.Error(err)
					return
				}
			}
		})
		others.Go(func() {
			for _, err := range a.Watch(ctx) {
				if err != nil && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			}
		})
	}
	c.next = db.Latest().Seq() + 1
	for range 20 {
		c.append(t, db, 20)
		asBatch(t, db, defs[:1])
	}
	cancel()
	others.Wait()
	waitBuilt(db)
	asBatch(t, db, defs)
}

// waitBuilt waits until all aggregates are built.
func waitBuilt(db *DB) {
	for _, a := range db.Aggregates() {
		for !a.Progress().Built || a.Progress().Seq < db.Latest().Seq() {
			time.Sleep(time.Millisecond)
		}
	}
}
