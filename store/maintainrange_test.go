package store

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// rangeDefinitions are definitions with windows that levels are made of, and, in the
// end, some without.
func rangeDefinitions(t *testing.T) (all []aggregate.Definition) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	sold := index.Eq{Column: segment.ColumnType, Value: index.StringOf("sold")}
	by := [][]aggregate.Input{nil, {aggregate.Key()}, {aggregate.Field("g"), aggregate.Type()}, {aggregate.Field("x")}}
	for i, w := range []aggregate.Window{
		aggregate.Tumbling{Size: time.Minute},
		aggregate.Tumbling{Size: 10 * time.Second},
		aggregate.Tumbling{Size: 10 * time.Minute},
		aggregate.Tumbling{Size: time.Hour},
		aggregate.Hopping{Size: time.Minute, Slide: time.Minute},
		aggregate.Calendar{Unit: aggregate.Day},
		aggregate.Calendar{Unit: aggregate.Month},
		aggregate.Calendar{Unit: aggregate.Day, Zone: berlin},
		aggregate.Hopping{Size: time.Hour, Slide: time.Minute},
		aggregate.Tumbling{Size: 7 * time.Minute},
		aggregate.Session{Gap: time.Hour},
		aggregate.Global{},
	} {
		d := aggregate.Definition{Name: fmt.Sprint("r", i), Stream: crowdStream, Window: w, By: by[i%len(by)], Measures: everyFunction(false)}
		if i%3 == 1 {
			d.Where = sold
		}
		if i%2 == 0 {
			d.Measures = inverses()
		}
		all = append(all, d)
	}
	return all
}

// overSpan is the bounded run of a definition over the events in an interval.
func overSpan(t *testing.T, v *View, d aggregate.Definition, over aggregate.Span) []aggregate.Result {
	t.Helper()
	if over.Start >= over.End {
		return nil
	}
	during := index.Range{Column: segment.ColumnTime, Lo: index.Bound{Value: index.TimeOf(over.Start)}}
	if over.End < math.MaxInt64 {
		during.Hi = index.Bound{Value: index.TimeOf(over.End), Open: true}
	}
	if d.Where != nil {
		d.Where = index.And{d.Where, during}
	} else {
		d.Where = during
	}
	all, err := aggregate.Run(bg, v, d, aggregate.Span{})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// somePartials asks for partial results over an interval in longer windows, adds the
// events that are not in them, and compares that with the bounded run; false if what is
// kept does not tell.
func somePartials(t *testing.T, a *Aggregate, from, to time.Time, over aggregate.Span, window aggregate.Aligned) bool {
	t.Helper()
	d := a.Definition()
	got, err := a.Partials(bg, PartialsQuery{From: from, To: to, Window: window})
	plan, planErr := aggregate.NewPlan(d)
	if planErr != nil {
		t.Fatal(planErr)
	}
	if errors.Is(err, ErrNotKept) {
		if !plan.Ordered() && plan.MakesUp(window, over) && !errors.Is(err, errYet) && !errors.Is(err, errSparse) {
			t.Fatalf("%s: %v", d, err)
		}
		return false
	}
	if err != nil {
		t.Fatalf("%s: %v", d, err)
	}
	v := mustView(t, a.db, KnownAt(got.Seq))
	if len(got.Events) > 0 {
		rest, err := plan.Over(window).GatherAt(bg, v, got.Events)
		if err == nil {
			err = got.Cells.Merge(rest)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	results, err := got.Cells.Results(math.MinInt64, math.MaxInt64, math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	d.Window = window
	if err := sameResults(results, overSpan(t, v, d, over)); err != nil {
		t.Fatalf("at %d: %s over %s in %s: %v", got.Seq, a.Definition(), window, over, err)
	}
	return true
}

// aRange asks for an interval, compares it with the bounded run, and is its answer.
func aRange(t *testing.T, db *DB, d aggregate.Definition, from, to time.Time) RangeAnswer {
	t.Helper()
	a, err := db.Aggregate(d.Name)
	if err != nil {
		t.Fatal(err)
	}
	got, err := a.Range(bg, from, to)
	if err != nil {
		t.Fatalf("%s: %v", d, err)
	}
	over := aggregate.Span{Start: math.MinInt64, End: math.MaxInt64}
	if !from.IsZero() {
		over.Start = from.UnixNano()
	}
	if !to.IsZero() {
		over.End = to.UnixNano()
	}
	minutes := d.Window == aggregate.Tumbling{Size: time.Minute}
	d.Window = aggregate.Global{}
	want := overSpan(t, mustView(t, db, KnownAt(got.Seq)), d, over)
	for i := range want {
		want[i].Window = over
	}
	if err := sameResults(got.Results, want); err != nil {
		t.Fatalf("at %d, %+v, %d pieces: %s in %s: %v", got.Seq, a.Progress(), got.Pieces, d, over, err)
	}
	if most := 171 * max(len(got.Results), 1); minutes && got.Pieces > most {
		t.Errorf("%s in %s: %d pieces, at most %d are needed", d, over, got.Pieces, most)
	}
	for _, w := range []aggregate.Aligned{aggregate.Global{}, aggregate.Tumbling{Size: time.Hour}, aggregate.Calendar{Unit: aggregate.Month}} {
		somePartials(t, a, from, to, over, w)
	}
	return got
}

// someTime is a random time of the last years before now, at a boundary of some level or
// at none; sometimes none at all.
func (c *crowd) someTime() time.Time {
	at := time.Unix(0, c.now-c.r.Int64N(c.span)).UTC()
	switch c.r.IntN(8) {
	case 0:
		return time.Time{}
	case 1:
		return at
	case 2:
		return time.Date(at.Year(), 1, 1, 0, 0, 0, 0, time.UTC)
	case 3:
		return time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)
	case 4:
		return at.Truncate(24 * time.Hour)
	case 5:
		return at.Truncate(time.Hour)
	}
	return at.Truncate(time.Minute)
}

// TestRange_IsTheBatch: over random intervals a range is what the bounded run gives, at
// random moments of a random run, with events years late, retractions, checkpoints,
// sealing, opening again and crashes in between.
func TestRange_IsTheBatch(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 6))
	dir := t.TempDir()
	o := &Options{SegmentSize: 20_000, CheckpointEvery: time.Duration(1+r.IntN(50)) * time.Millisecond, Sync: SyncMode(r.IntN(3))}
	db := open(t, dir, o)
	c := newCrowd(r)
	c.span = int64(3 * 365 * 24 * time.Hour)
	c.append(t, db, 200)
	defs := rangeDefinitions(t)
	defs[r.IntN(7)].Keep = 365 * 24 * time.Hour
	for _, d := range defs {
		if _, err := db.Maintain(bg, d); err != nil {
			t.Fatal(err)
		}
	}
	c.next = db.Latest().Seq() + 1
	pieces := 0
	for range 12 {
		c.append(t, db, r.IntN(100))
		switch r.IntN(5) {
		case 0:
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			db = open(t, dir, o)
		case 1:
			stop(db) // as a crash does
			db = open(t, dir, o)
		case 2:
			time.Sleep(time.Duration(r.IntN(20)) * time.Millisecond)
		case 3:
			if err := db.Seal(bg); err != nil {
				t.Fatal(err)
			}
		case 4:
			waitBuilt(db)
		}
		for range 10 {
			pieces += aRange(t, db, defs[r.IntN(len(defs))], c.someTime(), c.someTime()).Pieces
		}
	}
	waitBuilt(db)
	told := 0
	for _, d := range defs {
		pieces += aRange(t, db, d, c.someTime(), c.someTime()).Pieces
		a, err := db.Aggregate(d.Name)
		if err != nil {
			t.Fatal(err)
		}
		if somePartials(t, a, time.Time{}, time.Time{}, aggregate.Span{Start: math.MinInt64, End: math.MaxInt64}, aggregate.Global{}) {
			told++
		}
	}
	if told == 0 {
		t.Error("what is kept of no aggregate told its total")
	}
	if pieces == 0 {
		t.Error("all of it came from the events")
	}
	if _, err := db.Verify(bg, nil); err != nil {
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := checkPages(statesPath(dir)); err != nil {
		t.Error(err)
	}
}

// TestRange_Pieces: ten years by the minute, with an event in each window at the ends
// that a piece may be, are joined from as many as are needed; a retraction makes them
// no more than those around its window.
func TestRange_Pieces(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir, &Options{CheckpointEvery: time.Hour})
	from := time.Date(2010, 1, 1, 0, 1, 0, 0, time.UTC)
	to := time.Date(2020, 12, 31, 23, 59, 0, 0, time.UTC)
	var events []Event
	put := func(at time.Time) {
		events = append(events, Event{Stream: crowdStream, Key: "k", Time: at, Fields: Fields{Int64("x", int64(len(events)))}})
	}
	for at := from; at.Before(to); {
		put(at)
		switch off := min(at.Sub(from), to.Sub(at)); {
		case off <= 2*time.Hour:
			at = at.Add(time.Minute)
		case off <= 48*time.Hour:
			at = at.Add(time.Hour)
		default:
			at = at.Add(24 * time.Hour)
		}
	}
	late := from.AddDate(5, 3, 3)
	if _, err := db.Append(bg, Batch{Events: events}); err != nil {
		t.Fatal(err)
	}
	d := counting("years")
	a, err := db.Maintain(bg, d)
	if err != nil {
		t.Fatal(err)
	}
	waitBuilt(db)
	if got := aRange(t, db, d, from, to); got.Pieces != 14+3+23+30+11+9+11+30+23+3+14 {
		t.Errorf("%d pieces", got.Pieces)
	}
	if got := aRange(t, db, d, time.Time{}, time.Time{}); got.Pieces != 11 {
		t.Errorf("all of time is of %d pieces", got.Pieces)
	}
	if got := aRange(t, db, d, to, from); got.Results != nil {
		t.Errorf("nothing is %v", got)
	}
	events = events[:0]
	put(late)
	results, err := db.Append(bg, Batch{Events: events})
	if err != nil {
		t.Fatal(err)
	}
	if got := aRange(t, db, d, time.Time{}, time.Time{}); got.Pieces != 11 {
		t.Errorf("with a late event %d pieces", got.Pieces)
	}
	retract := Event{Stream: crowdStream, Key: "k", Kind: Retraction, Retracts: results.First, Time: to}
	if _, err := db.Append(bg, Batch{Events: []Event{retract}}); err != nil {
		t.Fatal(err)
	}
	if got := aRange(t, db, d, time.Time{}, time.Time{}); got.Pieces < 11 || got.Pieces > 171 {
		t.Errorf("with a retraction %d pieces", got.Pieces)
	}
	if a.Progress().Seq != db.Latest().Seq() {
		t.Errorf("it is at %d of %d", a.Progress().Seq, db.Latest().Seq())
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := checkPages(statesPath(dir)); err != nil {
		t.Error(err)
	}
	db = open(t, dir, nil)
	waitBuilt(db)
	if got := aRange(t, db, d, time.Time{}, time.Time{}); got.Pieces != 11 {
		t.Errorf("opened again %d pieces", got.Pieces)
	}
}

// TestRange_OverTime: functions over time, over random intervals, are what they are in a
// window that is that interval, however the aggregate's own windows lie.
func TestRange_OverTime(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 8))
	db := open(t, t.TempDir(), &Options{SegmentSize: 20_000, CheckpointEvery: 10 * time.Millisecond})
	c := newCrowd(r)
	c.append(t, db, 100)
	defs := slices.DeleteFunc(everyDefinition(t), func(d aggregate.Definition) bool { return !strings.HasSuffix(d.Name, "m2") })
	for _, d := range defs {
		if _, err := db.Maintain(bg, d); err != nil {
			t.Fatal(err)
		}
	}
	c.next = db.Latest().Seq() + 1
	for round := range 4 {
		c.append(t, db, r.IntN(60))
		if round > 1 {
			waitBuilt(db)
		}
		for _, d := range defs {
			a, err := db.Aggregate(d.Name)
			if err != nil {
				t.Fatal(err)
			}
			over := aggregate.Span{Start: c.now - r.Int64N(int64(5*time.Hour))}
			if r.IntN(2) == 0 {
				over.Start -= over.Start % int64(10*time.Minute)
			}
			over.End = over.Start + 1 + r.Int64N(int64(3*time.Hour))
			if r.IntN(2) == 0 {
				over.End += int64(10*time.Minute) - over.End%int64(10*time.Minute)
			}
			got, err := a.Range(bg, time.Unix(0, over.Start), time.Unix(0, over.End))
			if err != nil {
				t.Fatal(err)
			}
			size := time.Duration(over.End - over.Start)
			d.Window = aggregate.Tumbling{Size: size, Offset: time.Duration(over.Start) % size}
			want, err := aggregate.Run(bg, mustView(t, db, KnownAt(got.Seq)), d, aggregate.Span{Start: over.Start, End: over.Start + 1})
			if err == nil {
				err = sameResults(got.Results, want)
			}
			if err != nil {
				t.Fatalf("round %d: %s over %s: %v", round, a.Definition(), over, err)
			}
		}
	}
}

// TestRange_Refuses: an interval of functions over time has both ends or none; times out
// of range are named.
func TestRange_Refuses(t *testing.T) {
	db := open(t, t.TempDir(), nil)
	d := counting("rates")
	d.Measures = append(d.Measures, aggregate.Measure{Name: "rate", Function: aggregate.Rate{}, Of: aggregate.Field("x")})
	a, err := db.Maintain(bg, d)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Range(bg, time.Time{}, time.Now()); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), `"rates"`) {
		t.Errorf("over time, with one end: %v", err)
	}
	if _, err := a.Range(bg, time.Date(2500, 1, 1, 0, 0, 0, 0, time.UTC), time.Time{}); !errors.Is(err, ErrInvalid) {
		t.Errorf("the year 2500: %v", err)
	}
}

// TestVerify_FindsAWrongLevel: a cell of a level that is not what its children make, or
// is not there, though all checksums are right.
func TestVerify_FindsAWrongLevel(t *testing.T) {
	for _, gone := range []bool{false, true} {
		db := open(t, t.TempDir(), nil)
		sold(t, db, time.Second, 2*time.Second, time.Hour)
		d := counting("sales")
		if _, err := db.Maintain(bg, d); err != nil {
			t.Fatal(err)
		}
		waitBuilt(db)
		err := db.states.update(func(tx *bolt.Tx) error {
			b := tx.Bucket([]byte(aggregateBucket + d.Fingerprint())).Bucket(levelsKey)
			c := b.Cursor()
			_, value := c.First()
			body := slices.Clone(value[:len(value)-4])
			key, _ := c.Next()
			key = slices.Clone(key)
			if gone {
				return b.Delete(key)
			}
			return b.Put(key, sealCell(body, 0, key))
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Verify(bg, nil); err == nil || !strings.Contains(err.Error(), "level") {
			t.Errorf("gone is %v: %v", gone, err)
		}
	}
}
