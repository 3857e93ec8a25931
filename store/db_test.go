package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var bg = context.Background()

func TestOpen_SecondIsTurnedAway(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir, nil)
	_, err := Open(dir, nil)
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), fmt.Sprint("process ", os.Getpid())) {
		t.Fatalf("second open: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir, nil)
}

func TestOpen_BadOptions(t *testing.T) {
	for name, o := range map[string]Options{
		"sync":      {Sync: 9},
		"every":     {SyncEvery: -1},
		"size":      {SegmentSize: -1},
		"large":     {SegmentSize: maxOffset},
		"memory":    {MemoryBytes: -1},
		"batch":     {MaxBatchBytes: 2 << 30},
		"fold name": {Folds: map[string]FoldFunc{"merge": func(Fields, Event) Fields { return nil }}},
		"no fold":   {Folds: map[string]FoldFunc{"mine": nil}},
	} {
		dir := filepath.Join(t.TempDir(), "db")
		if _, err := Open(dir, &o); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s: the directory was made all the same", name)
		}
	}
}

func TestDB_ClosedRefuses(t *testing.T) {
	db := open(t, t.TempDir(), nil)
	if err := put(t, db, "a", 1); err != nil {
		t.Fatal(err)
	}
	view := db.Latest()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	_, _, get := view.Get("s", "a")
	_, _, seen := view.LastSeen("s", "a")
	_, stats := db.Stats()
	_, verify := db.Verify(bg, nil)
	var scan, tail, events error
	for _, err := range view.Scan("s", Range{}) {
		scan = err
	}
	for _, err := range db.Tail(bg, TailQuery{}) {
		tail = err
	}
	for _, err := range view.Events(EventQuery{}) {
		events = err
	}
	for what, err := range map[string]error{
		"append": put(t, db, "a", 2), "get": get, "last seen": seen, "stats": stats, "verify": verify, "scan": scan, "tail": tail,
		"events": events, "checkpoint": db.Checkpoint(bg), "close": db.Close(), "define": db.Define(bg, Stream{Name: "x"}),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s after close: %v", what, err)
		}
	}
}

func TestAppend_Cancelled(t *testing.T) {
	db := open(t, t.TempDir(), nil)
	ctx, cancel := context.WithCancel(bg)
	cancel()
	_, err := db.Append(ctx, Batch{Events: []Event{{Stream: "s", Key: "k"}}})
	if !errors.Is(err, context.Canceled) || db.Latest().Seq() != 0 {
		t.Fatalf("%v, position %d", err, db.Latest().Seq())
	}
}

// Whatever moment a context ends at, the answer is true: an error means that the
// batch is not there, none that it is.
func TestAppend_CancelTellsTheTruth(t *testing.T) {
	db := open(t, t.TempDir(), nil)
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			for i := range 100 {
				ctx, cancel := context.WithTimeout(bg, time.Duration(i)*time.Microsecond)
				key := fmt.Sprintf("%d-%d", w, i)
				r, err := db.Append(ctx, Batch{Events: []Event{{Stream: "s", Key: key, Fields: Fields{Int64("v", 1)}}}})
				cancel()
				st, ok, _ := db.Latest().Get("s", key)
				if ok != (err == nil) || ok && st.Seq != r.First {
					t.Errorf("key %s: append says %v, there: %v", key, err, ok)
				}
			}
		})
	}
	writers.Wait()
}

func TestAppend_TooLarge(t *testing.T) {
	db := open(t, t.TempDir(), &Options{MaxBatchBytes: 1000})
	_, err := db.Append(bg, Batch{Events: []Event{{Stream: "s", Key: "k", Fields: Fields{String("v", strings.Repeat("x", 1000))}}}})
	if !errors.Is(err, ErrTooLarge) || db.Latest().Seq() != 0 {
		t.Fatalf("%v, position %d", err, db.Latest().Seq())
	}
}

func TestAppend_RecordedRises(t *testing.T) {
	now := time.Unix(1000, 0)
	dir := t.TempDir()
	db := open(t, dir, &Options{Now: func() time.Time { return now }})
	recorded := func(want int64, own time.Time) {
		t.Helper()
		r, err := db.Append(bg, Batch{Events: []Event{{Stream: "s", Key: "k"}}, Recorded: own})
		if err != nil || r.Recorded.UnixNano() != want {
			t.Fatalf("recorded %d, %v, want %d", r.Recorded.UnixNano(), err, want)
		}
	}
	recorded(1000e9, time.Time{})
	recorded(1000e9+1, time.Time{}) // the clock stands still
	now = time.Unix(500, 0)
	recorded(1000e9+2, time.Time{}) // and goes back
	recorded(1000e9+3, time.Unix(7, 0))
	recorded(2000e9, time.Unix(2000, 0))
	db.Close()
	db = open(t, dir, &Options{Now: func() time.Time { return now }})
	recorded(2000e9+1, time.Time{})
}

func TestDefine_OnceAndForAll(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir, nil)
	s := Stream{Name: "orders", Fold: Merge, Order: ByArrival, OnlyChanges: true}
	for range 2 {
		if err := db.Define(bg, s); err != nil {
			t.Fatal(err)
		}
	}
	other := s
	other.Fold = Replace
	if err := db.Define(bg, other); !errors.Is(err, ErrStreamDefined) {
		t.Fatalf("another definition: %v", err)
	}
	if err := db.Define(bg, Stream{Name: "x", Fold: "mine/v1"}); !errors.Is(err, ErrNoFold) {
		t.Fatalf("an unknown fold: %v", err)
	}
	db.Close()
	db = open(t, dir, nil)
	if all := db.Streams(); len(all) != 1 || all[0] != s {
		t.Fatalf("streams are %v, want %v", all, s)
	}
	if db.Latest().Seq() != 0 {
		t.Errorf("a definition took position %d", db.Latest().Seq())
	}
}

// Definitions reach every log file, so that each can be read alone.
func TestDefine_InEveryLogFile(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir, &Options{SegmentSize: 500, noSeal: true})
	for i := range 50 {
		if _, err := db.Append(bg, Batch{Events: []Event{{Stream: fmt.Sprint("s", i%3), Key: "k", Fields: Fields{Int64("v", int64(i))}}}}); err != nil {
			t.Fatal(err)
		}
	}
	files := len(db.files.Load().logs)
	if files < 5 {
		t.Fatalf("%d log files", files)
	}
	for _, l := range db.files.Load().logs[1:] {
		f, err := l.Frames(64, l.end.Load()).Next()
		if err != nil || f.Rows < 1 || f.Marker != 0x31536641 {
			t.Fatalf("log file %s begins with %+v, %v", l.Path, f, err)
		}
	}
	db.Close()
	db = open(t, dir, nil)
	if got := db.Recovery(); got.Logs != files || got.Streams != 3 || got.Events != 50 {
		t.Errorf("found %v, want %d files", got, files)
	}
}

func TestFold_MissingAfterReopen(t *testing.T) {
	dir := t.TempDir()
	sum := func(state Fields, e Event) Fields {
		old, _ := state.Get("sum")
		add, _ := e.Fields.Get("v")
		return Fields{Int64("sum", old.Int64()+add.Int64())}
	}
	folds := map[string]FoldFunc{"sum/v1": sum}
	db := open(t, dir, &Options{Folds: folds})
	if err := db.Define(bg, Stream{Name: "s", Fold: "sum/v1"}); err != nil {
		t.Fatal(err)
	}
	for v := range int64(5) {
		if err := put(t, db, "k", v); err != nil {
			t.Fatal(err)
		}
	}
	copyDir(t, dir, dir+"-crashed") // the states are behind the log
	db.Close()
	for _, dir := range []string{dir, dir + "-crashed"} {
		db = open(t, dir, nil)
		if err := put(t, db, "k", 9); !errors.Is(err, ErrNoFold) {
			t.Errorf("append without the fold: %v", err)
		}
		if _, _, err := mustView(t, db, AsOf(time.Now())).Get("s", "k"); !errors.Is(err, ErrNoFold) {
			t.Errorf("state as of a moment without the fold: %v", err)
		}
		db.Close()
		db = open(t, dir, &Options{Folds: folds})
		st, _, err := db.Latest().Get("s", "k")
		if v, _ := st.Fields.Get("sum"); err != nil || v.Int64() != 10 {
			t.Errorf("state is %v, %v, want sum=10", st.Fields, err)
		}
		db.Close()
	}
}

func TestFold_Panic(t *testing.T) {
	db := open(t, t.TempDir(), &Options{Folds: map[string]FoldFunc{"bad": func(_ Fields, e Event) Fields {
		if e.Type == "boom" {
			panic("no")
		}
		return e.Fields
	}}})
	if err := db.Define(bg, Stream{Name: "s", Fold: "bad"}); err != nil {
		t.Fatal(err)
	}
	if err := put(t, db, "k", 1); err != nil {
		t.Fatal(err)
	}
	r, err := db.Append(bg, Batch{Events: []Event{{Stream: "s", Key: "k", Type: "boom"}}})
	if err != nil {
		t.Fatalf("the log takes what a fold cannot: %v", err)
	}
	for range 2 {
		if _, _, err := db.Latest().Get("s", "k"); !errors.Is(err, ErrFoldPanic) {
			t.Fatalf("get: %v", err)
		}
		if err := db.Checkpoint(bg); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.Append(bg, Batch{Events: []Event{{Stream: "s", Key: "k", Kind: Retraction, Retracts: r.First}}}); err != nil {
		t.Fatal(err)
	}
	want(t, db, "k", 1)
}

func mustView(t *testing.T, db *DB, m ...Moment) *View {
	t.Helper()
	v, err := db.View(m...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func copyDir(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

func TestView_Moments(t *testing.T) {
	now := time.Unix(100, 0)
	db := open(t, t.TempDir(), &Options{Now: func() time.Time { return now }})
	for i := range int64(5) {
		now = time.Unix(100+10*i, 0)
		if err := put(t, db, "k", i); err != nil {
			t.Fatal(err)
		}
	}
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	for _, c := range []struct {
		m    Moment
		seq  uint64
		fail error
	}{
		{KnownBy(at(99)), 0, nil}, {KnownBy(at(100)), 1, nil}, {KnownBy(at(109)), 1, nil}, {KnownBy(at(120)), 3, nil},
		{KnownBy(at(140)), 5, nil}, {KnownBy(at(141)), 0, ErrFuture},
		{KnownAt(0), 0, nil}, {KnownAt(5), 5, nil}, {KnownAt(6), 0, ErrFuture},
		{AsOf(at(1 << 40)), 0, ErrInvalid}, {Moment{}, 0, ErrInvalid},
	} {
		v, err := db.View(c.m)
		if !errors.Is(err, c.fail) || err == nil && v.Seq() != c.seq {
			t.Errorf("%+v: view %+v, %v; want position %d, %v", c.m, v, err, c.seq, c.fail)
		}
	}
	if _, err := db.View(KnownAt(1), KnownBy(at(100))); !errors.Is(err, ErrInvalid) {
		t.Errorf("two moments on one axis: %v", err)
	}
	if _, _, err := db.Latest().Get("none", "k"); !errors.Is(err, ErrNoStream) {
		t.Errorf("a stream that is not there: %v", err)
	}
}

// Every byte on disk and every frame is accounted for.
func TestStats_SumUp(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir, &Options{SegmentSize: 3000, noSeal: true, CheckpointEvery: time.Hour}) // nothing may be at work meanwhile
	if err := db.Define(bg, Stream{Name: "s", OnlyChanges: true}); err != nil {
		t.Fatal(err)
	}
	for i := range int64(300) {
		if err := put(t, db, fmt.Sprint("k", i%7), i/50); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.Append(bg, Batch{Events: []Event{{Stream: "s", Key: "k1", Kind: Heartbeat}, {Stream: "s", Key: "k1", Kind: Delete}, {Stream: "s", Key: "k1", Kind: Retraction, Retracts: 302}}}); err != nil {
		t.Fatal(err)
	}
	check := func(db *DB) {
		t.Helper()
		s, err := db.Stats()
		if err != nil {
			t.Fatal(err)
		}
		if sum := s.Changes + s.Deletes + s.Heartbeats + s.Retractions + s.Unchanged; sum != s.Position || s.Unchanged == 0 || s.Batches != 301 {
			t.Errorf("events sum up to %d of %d: %v", sum, s.Position, s)
		}
		if sum := s.HeaderBytes + s.FrameBytes + s.RowBytes + s.DefinitionBytes + s.ReservedBytes; sum != s.LogBytes {
			t.Errorf("log bytes sum up to %d of %d: %v", sum, s.LogBytes, s)
		}
		if sum := s.StateUsedBytes + s.StateFreeBytes + s.StateMetaBytes; sum != s.StateBytes {
			t.Errorf("state bytes sum up to %d of %d: %v", sum, s.StateBytes, s)
		}
		var disk int64
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			info, _ := e.Info()
			disk += info.Size()
		}
		if sum := s.SealedBytes + s.LogBytes + s.StateBytes + s.OtherBytes; sum != disk {
			t.Errorf("all bytes sum up to %d of %d on disk", sum, disk)
		}
	}
	check(db)
	db.Checkpoint(bg)
	check(db)
	db.Close()
	db = open(t, dir, &Options{CheckpointEvery: time.Hour})
	if err := db.Seal(bg); err != nil {
		t.Fatal(err)
	}
	check(db)
}

func TestVerify_FindsAWrongState(t *testing.T) {
	db := open(t, t.TempDir(), nil)
	for i := range int64(10) {
		if err := put(t, db, fmt.Sprint("k", i), i); err != nil {
			t.Fatal(err)
		}
	}
	r, err := db.Verify(bg, func(done, total int64) {
		if done > total {
			t.Errorf("%d of %d done", done, total)
		}
	})
	if err != nil || r.Events != 10 || r.States != 10 {
		t.Fatalf("%v, %v", r, err)
	}
	s, k := db.streams.Load().byName["s"], (*key)(nil)
	k = s.live.Get("k3")
	other := trail{}
	other.follow(db, db.files.Load(), s, "k4", s.live.Get("k4"))
	st, _ := other.stateAt(latest, latestSeq)
	err = db.states.put(db.id, 10, func(put func(*stream, string, *record) error) error {
		return put(s, "k3", &record{head: k.Data.head, state: st})
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Verify(bg, nil); err == nil || !strings.Contains(err.Error(), `"k3"`) {
		t.Errorf("a state of another key was put under k3: %v", err)
	}
}
