package store

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/annalsdb/annals/segment"
)

// Columns are the changes of the history that count, wherever they stand: in
// sealed files that overlap in time, merged or not, and in the log.
func TestView_Columns(t *testing.T) {
	for seed := range uint64(12) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		db := open(t, t.TempDir(), &Options{noSeal: true, Sync: SyncNever, SegmentSize: 3000, Fanout: 3})
		for i, order := range []Order{ByTime, ByArrival} {
			if err := db.Define(bg, Stream{Name: fmt.Sprint("s", i), Order: order}); err != nil {
				t.Fatal(err)
			}
		}
		for range 12 {
			drawColumns(t, db, rnd)
			if rnd.IntN(3) > 0 {
				if err := db.Seal(bg); err != nil {
					t.Fatal(err)
				}
			}
		}
		for range 20 {
			at := time.Unix(rnd.Int64N(140), 0)
			views := []*View{db.Latest(), mustView(t, db, AsOf(at)), mustView(t, db, KnownAt(rnd.Uint64N(db.Latest().Seq()+1))),
				mustView(t, db, AsOf(at), KnownAt(rnd.Uint64N(db.Latest().Seq()+1)))}
			for _, v := range views {
				checkColumns(t, v, fmt.Sprint("s", rnd.IntN(2)), fmt.Sprint("k", rnd.IntN(3)))
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// A long history is cut into pieces, which grow while others of its files wait for
// their turn, are in the middle of theirs or are over.
func TestView_ColumnsOfLongOverlaps(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 2))
	for n := range 4 {
		db := open(t, t.TempDir(), &Options{noSeal: true, Sync: SyncNever, Fanout: 99})
		for i := range 2 + rnd.IntN(3) {
			start, step, rows := rnd.Int64N(4000), 1+rnd.Int64N(3), 1+rnd.Int64N(6000)
			if n == 0 { // the second waits while pieces of the first grow
				start, step, rows = 550*int64(i), 1, 5000
			}
			var batch Batch
			for i := range rows {
				batch.Events = append(batch.Events, Event{Stream: "s", Key: "k", Type: "t", Time: time.Unix(start+i*step, 0), Fields: Fields{Int64("n", i)}})
			}
			if _, err := db.Append(bg, batch); err != nil {
				t.Fatal(err)
			}
			if n == 0 || rnd.IntN(4) > 0 {
				if err := db.Seal(bg); err != nil {
					t.Fatal(err)
				}
			}
		}
		checkColumns(t, db.Latest(), "s", "k")
		checkColumns(t, mustView(t, db, AsOf(time.Unix(rnd.Int64N(8000), 0)), KnownAt(1+rnd.Uint64N(db.Latest().Seq()))), "s", "k")
	}
}

func drawColumns(t *testing.T, db *DB, rnd *rand.Rand) {
	t.Helper()
	var batch Batch
	for range 1 + rnd.IntN(60) {
		e := Event{
			Stream: fmt.Sprint("s", rnd.IntN(2)), Key: fmt.Sprint("k", rnd.IntN(3)), Type: fmt.Sprint("t", rnd.IntN(3)),
			Time: time.Unix(int64(db.last)/5+rnd.Int64N(10)-rnd.Int64N(2)*rnd.Int64N(60), 0).UTC(),
		}
		switch rnd.IntN(12) {
		case 0:
			e.Kind = Heartbeat
		case 1:
			e.Kind = Delete
		default:
			e.Fields = Fields{Int64("n", rnd.Int64()), String("s", fmt.Sprint(rnd.IntN(5)))}[rnd.IntN(2):]
			if rnd.IntN(9) == 0 {
				e.Fields = append(e.Fields, Null("z"), Float64("f", rnd.Float64()))
			}
		}
		batch.Events = append(batch.Events, e)
	}
	r, err := db.Append(bg, batch)
	if err != nil {
		t.Fatal(err)
	}
	if rnd.IntN(4) == 0 {
		e := batch.Events[rnd.IntN(len(batch.Events))]
		for i := range batch.Events {
			if b := &batch.Events[i]; b.Stream == e.Stream && b.Key == e.Key {
				e.Retracts = r.First + uint64(i)
			}
		}
		if _, err := db.Append(bg, Batch{Events: []Event{{Stream: e.Stream, Key: e.Key, Kind: Retraction, Retracts: e.Retracts}}}); err != nil {
			t.Fatal(err)
		}
	}
}

func checkColumns(t *testing.T, v *View, stream, key string) {
	t.Helper()
	var want []Event
	for step, err := range v.History(stream, key) {
		if err != nil {
			t.Fatal(err)
		}
		if step.Event.Kind <= Delete && step.RetractedBy == 0 {
			want = append(want, step.Event)
		}
	}
	n := 0
	for c, err := range v.Columns(stream, key) {
		if err != nil {
			t.Fatal(err)
		}
		for i := range c.Rows {
			if n == len(want) {
				t.Errorf("more than %d rows", n)
				return
			}
			checkColumn(t, c, i, &want[n])
			n++
		}
	}
	if n != len(want) {
		t.Errorf("%d rows, the history has %d", n, len(want))
	}
}

func checkColumn(t *testing.T, c *segment.Columns, i int, want *Event) {
	t.Helper()
	st := c.Stamp(i)
	fields := 0
	for j := range c.Fields {
		f := &c.Fields[j]
		at, ok := f.Find(i)
		if !ok {
			continue
		}
		fields++
		if v, ok := want.Fields.Get(f.Name); !ok || !f.Value(at).Equal(v) {
			t.Errorf("field %q of event %d is %v, want %v", f.Name, want.Seq, f.Value(at), v)
		}
	}
	if st.Seq != want.Seq || st.Kind != want.Kind || st.Time != want.Time.UnixNano() || c.Recorded[i] != want.Recorded.UnixNano() ||
		uint64(c.Version[i]) != want.Version || c.Types.At(i) != want.Type || fields != len(want.Fields) {
		t.Errorf("row %+v, version %d, with %d fields is not event %+v", st, c.Version[i], fields, want)
	}
}

// A history longer than is made in one go has every heartbeat of a stream by
// arrival, however their times stand.
func TestView_HistoryOfLateBeats(t *testing.T) {
	db := open(t, t.TempDir(), &Options{Sync: SyncNever, noSeal: true})
	if err := db.Define(bg, Stream{Name: "a", Order: ByArrival}); err != nil {
		t.Fatal(err)
	}
	const n = 3 * historyAtOnce
	var b Batch
	for i := range n {
		b.Events = append(b.Events, Event{Stream: "a", Key: "k", Kind: Heartbeat, Time: time.Unix(int64(n-i*7%n), 0)})
	}
	if _, err := db.Append(bg, b); err != nil {
		t.Fatal(err)
	}
	for _, sealed := range []bool{false, true} {
		next := uint64(1)
		for step, err := range db.Latest().History("a", "k") {
			if err != nil || step.Event.Seq != next {
				t.Fatalf("sealed %v: event %d comes where %d is next, %v", sealed, step.Event.Seq, next, err)
			}
			next++
		}
		if next != n+1 {
			t.Fatalf("sealed %v: the history ends before event %d of %d", sealed, next, n)
		}
		if err := db.Seal(bg); err != nil {
			t.Fatal(err)
		}
	}
}

// A key's rows are the same read one by one and by blocks, whatever classes they are
// of and however files interleave.
func TestView_HistoryByBlocks(t *testing.T) {
	db := open(t, t.TempDir(), &Options{Sync: SyncNever, noSeal: true, SegmentSize: 1 << 20, Fanout: 2})
	if err := db.Define(bg, Stream{Name: "s0"}); err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(5, 5))
	for range 3 {
		for range 30 {
			var batch Batch
			for range 100 {
				e := Event{Stream: "s0", Key: "k", Type: fmt.Sprint("t", rnd.IntN(3)), Kind: Kind(rnd.IntN(3)), Time: time.Unix(rnd.Int64N(5000), 0)}
				if e.Kind == Change {
					e.Fields = Fields{Int64("n", rnd.Int64()), String("s", fmt.Sprint(rnd.IntN(500)))}[rnd.IntN(2):]
				}
				batch.Events = append(batch.Events, e)
			}
			r, err := db.Append(bg, batch)
			if err == nil {
				_, err = db.Append(bg, Batch{Events: []Event{{Stream: "s0", Key: "k", Kind: Retraction, Retracts: r.First + rnd.Uint64N(100)}}})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Seal(bg); err != nil {
			t.Fatal(err)
		}
		v := db.Latest()
		seen := map[uint64]Event{}
		for step, err := range v.History("s0", "k") {
			if err != nil {
				t.Fatal(err)
			}
			seen[step.Event.Seq] = step.Event
			if step.New != nil && (step.New.Stream != "s0" || step.New.Key != "k") {
				t.Fatalf("state after event %d is of key %q", step.Event.Seq, step.New.Key)
			}
		}
		for e, err := range v.Events(EventQuery{}) {
			if got := seen[e.Seq]; err != nil || got.Type != e.Type || got.Kind != e.Kind || got.Key != e.Key || got.Version != e.Version ||
				!got.Time.Equal(e.Time) || !got.Recorded.Equal(e.Recorded) || got.Retracts != e.Retracts || !got.Fields.Equal(e.Fields) {
				t.Fatalf("event %+v is %+v in the history, %v", e, got, err)
			}
		}
		checkColumns(t, v, "s0", "k")
	}
}
