package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/annalsdb/annals/aggregate"
)

// refused checks that err is of a kind and names all that a caller has to know.
func refused(t *testing.T, what string, err, kind error, names ...string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%s: %v, want %v", what, err, kind)
		return
	}
	for _, name := range names {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %q does not say %q", what, err, name)
		}
	}
}

func march(day int) time.Time { return time.Date(2024, 3, day, 0, 0, 0, 0, time.UTC) }

func TestOpen_NamesTheOption(t *testing.T) {
	for name, o := range map[string]Options{
		"Fanout": {Fanout: 1}, "FoldStep": {FoldStep: -1}, "CheckpointEvery": {CheckpointEvery: -1}, "MemoryBytes": {MemoryBytes: -1},
	} {
		_, err := Open(t.TempDir(), &o)
		refused(t, name, err, ErrInvalid, "option", name)
	}
}

// What a batch asks for is refused as a whole, with the place in it.
func TestAppend_NamesThePlace(t *testing.T) {
	db := open(t, t.TempDir(), nil)
	good := Event{Stream: "s", Key: "k"}
	for what, c := range map[string]struct {
		b     Batch
		names []string
	}{
		"recorded": {Batch{Events: []Event{good}, Recorded: time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)}, []string{"Recorded", "3000", "1677 to 2262"}},
		"event":    {Batch{Events: []Event{good, {Stream: "s"}}}, []string{"event 2 of 2"}},
		"expected": {Batch{Events: []Event{good}, Expect: []Expectation{{Stream: "s", Expect: Absent}}}, []string{"expectation"}},
		"never":    {Batch{Events: []Event{good, {Stream: "s", Key: "k", Kind: Retraction, Retracts: 9}}}, []string{"retraction 2 of 2", "position 9", `key "k"`}},
		"other":    {Batch{Events: []Event{good, {Stream: "s", Key: "l", Kind: Retraction, Retracts: 1}}}, []string{"retraction 2 of 2", "position 1", `key "l"`}},
	} {
		_, err := db.Append(bg, c.b)
		refused(t, what, err, ErrInvalid, c.names...)
	}
	if seq := db.Latest().Seq(); seq != 0 {
		t.Errorf("position %d was given to what was refused", seq)
	}
	if _, err := db.Append(bg, Batch{Events: []Event{good}, Recorded: time.Unix(0, math.MaxInt64)}); err != nil {
		t.Fatal(err)
	}
	_, err := db.Append(bg, Batch{Events: []Event{good}})
	refused(t, "after the end of time", err, ErrInvalid, "end of time")
	for _, s := range []Stream{{Name: ""}, {Name: "x", Order: 7}} {
		refused(t, fmt.Sprint("define ", s), db.Define(bg, s), ErrInvalid, "define stream")
	}
}

// Conflicts say what was expected of which key, and what it is like.
func TestAppend_NamesTheConflict(t *testing.T) {
	db := open(t, t.TempDir(), nil)
	for _, e := range []Event{{Key: "there"}, {Key: "gone"}, {Key: "gone", Kind: Delete}} {
		e.Stream = "s"
		if _, err := db.Append(bg, Batch{Events: []Event{e}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		key    string
		expect Expect
		text   string // "" where it holds
	}{
		{"there", Any, ""}, {"there", Exists, ""}, {"there", Exactly(1), ""}, {"gone", Absent, ""}, {"gone", Exactly(2), ""}, {"none", Absent, ""}, {"none", Exactly(0), ""},
		{"there", Absent, `key "there" of stream "s" should be absent, it is at version 1`},
		{"gone", Exists, `key "gone" of stream "s" should be there, it is at version 2, deleted`},
		{"none", Exactly(3), `key "none" of stream "s" should be at version 3, it has no event`},
	} {
		before := db.Latest().Seq()
		_, err := db.Append(bg, Batch{Events: []Event{{Stream: "s", Key: "new"}}, Expect: []Expectation{{"s", c.key, c.expect}}})
		if c.text == "" {
			if err != nil {
				t.Errorf("%s should be %s: %v", c.key, c.expect, err)
			}
			continue
		}
		refused(t, c.key, err, ErrConflict, c.text)
		if seq := db.Latest().Seq(); seq != before {
			t.Errorf("%s: position %d after %d was given to what was refused", c.key, seq, before)
		}
	}
}

// Whoever asks for a stream that is not there is told so by each way to ask, with
// what was asked for; and after Close that the database is closed.
func TestView_NamesTheStream(t *testing.T) {
	db := open(t, t.TempDir(), nil)
	if err := put(t, db, "k", 1); err != nil {
		t.Fatal(err)
	}
	v := db.Latest()
	_, _, get := v.Get("none", "k")
	_, _, seen := v.LastSeen("none", "k")
	_, kinds := v.FieldKinds("none")
	_, scan := v.ScanEvents(bg, EventScan{Stream: "none"}, nil)
	for what, err := range map[string]error{
		"get": get, "last seen": seen, "fields": kinds, "scan events": scan,
		"scan": lastError(v.Scan("none", Range{})), "columns": lastError(v.Columns("none", "k")), "states": lastError(v.Between("none", "k", march(1), march(2))),
		"diff": lastError(v.Diff(v, "none")), "silent keys": lastError(v.Silent("none", march(1))), "events": lastError(v.Events(EventQuery{Stream: "none"})),
		"history": lastError(v.History("none", "k")),
	} {
		refused(t, what, err, ErrNoStream, `"none"`)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	_, streams := v.Streams()
	_, kinds = v.FieldKinds("s")
	for what, err := range map[string]error{
		"streams": streams, "fields": kinds,
		"columns": lastError(v.Columns("s", "k")), "states": lastError(v.Between("s", "k", march(1), march(2))), "diff": lastError(v.Diff(v, "s")),
		"silent keys": lastError(v.Silent("s", march(1))),
	} {
		refused(t, what+" after close", err, ErrClosed)
	}
}

// lastError is the error that a sequence ends with.
func lastError[T any](all func(yield func(T, error) bool)) (last error) {
	for _, err := range all {
		last = err
	}
	return last
}

func TestView_DiffOfTwoDatabases(t *testing.T) {
	a, b := open(t, t.TempDir(), nil), open(t, t.TempDir(), nil)
	for _, db := range []*DB{a, b} {
		if err := put(t, db, "k", 1); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, "diff", lastError(a.Latest().Diff(b.Latest(), "s")), ErrInvalid, "two databases")
	err := a.Latest().ScanDiff(bg, b.Latest(), KeyScan{Stream: "s"}, func(int, []Difference) error { return nil })
	refused(t, "scan differences", err, ErrInvalid, "two databases")
}

// A loop that is left reads no further, and holds no file of those that it read.
func TestView_LoopsCanBeLeft(t *testing.T) {
	db := open(t, t.TempDir(), &Options{noSeal: true})
	for i := range int64(20) {
		if err := put(t, db, fmt.Sprint("k", i%2), i); err != nil {
			t.Fatal(err)
		}
		if i == 9 {
			if err := db.Seal(bg); err != nil {
				t.Fatal(err)
			}
		}
	}
	v, old := db.Latest(), mustView(t, db, KnownAt(0))
	first := func(what string, n int) {
		t.Helper()
		if n != 1 {
			t.Errorf("%s: the loop went on %d times", what, n)
		}
	}
	first("scan", left(v.Scan("s", Range{})))
	first("columns", left(v.Columns("s", "k0")))
	first("states", left(v.Between("s", "k0", time.Unix(0, 0), march(28).AddDate(200, 0, 0))))
	first("history", left(v.History("s", "k0")))
	first("diff", left(old.Diff(v, "s")))
	first("silent keys", left(v.Silent("s", march(1).AddDate(200, 0, 0))))
	first("events", left(v.Events(EventQuery{})))
	first("events of a stream", left(v.Events(EventQuery{Stream: "s", KeyPrefix: "k1"})))
	first("tail", left(db.Tail(bg, TailQuery{})))
	if err := db.Close(); err != nil { // waits for who holds files
		t.Error(err)
	}
}

// left is how often a loop over a sequence runs that is left the first time.
func left[T any](all func(yield func(T, error) bool)) (n int) {
	for range all {
		n++
		break
	}
	return n
}

// Two IDs with one hash are told apart, the second one is found again too.
func TestIDs_OneHash(t *testing.T) {
	db := open(t, t.TempDir(), &Options{noSeal: true})
	event := func(id string, v int64) Batch {
		return Batch{Events: []Event{{Stream: "s", Key: "k", ID: id, Fields: Fields{Int64("v", v)}}}}
	}
	first, err := db.Append(bg, event("one", 1))
	if err != nil {
		t.Fatal(err)
	}
	table := &db.files.Load().logs[0].ids
	number := db.streams.Load().byName["s"].number
	table.byHash[streamID{number, "two"}.hash()] = table.byHash[streamID{number, "one"}.hash()]
	for i := range 2 {
		r, err := db.Append(bg, event("two", 2))
		if err != nil || r.First != first.First+1 || r.Duplicate != (i == 1) {
			t.Errorf("ID two for time %d: %+v, %v", i+1, r, err)
		}
	}
	_, err = db.Append(bg, event("two", 3))
	refused(t, "other content", err, ErrIdempotency, `ID "two"`, `stream "s"`, "position 2", "the content is another")
	if r, err := db.Append(bg, event("one", 1)); err != nil || !r.Duplicate {
		t.Errorf("ID one again: %+v, %v", r, err)
	}
}

// An ID stands for one event of one batch.
func TestIDs_NamesTheReason(t *testing.T) {
	db := open(t, t.TempDir(), nil)
	event := func(id, key string) Event { return Event{Stream: "s", Key: key, ID: id} }
	for _, b := range [][]Event{{event("a", "k"), event("b", "k")}, {event("c", "k")}} {
		if _, err := db.Append(bg, Batch{Events: b}); err != nil {
			t.Fatal(err)
		}
	}
	for _, seal := range []bool{false, true} {
		if seal {
			if err := db.Seal(bg); err != nil {
				t.Fatal(err)
			}
		}
		for reason, b := range map[string][]Event{
			"others of the batch are new":                     {event("a", "k"), event("new", "k")},
			"it was stored in another batch or another order": {event("b", "k"), event("a", "k")},
			"two events have it":                              {event("d", "k"), event("d", "l")},
			"the content is another":                          {event("a", "l")},
		} {
			_, err := db.Append(bg, Batch{Events: b})
			refused(t, reason, err, ErrIdempotency, reason, `stream "s"`)
		}
		_, err := db.Append(bg, Batch{Events: []Event{event("a", "k"), event("c", "k")}})
		refused(t, "two batches", err, ErrIdempotency, `ID "c"`, "another batch")
	}
}

// TestMaintain_Refuses: what cannot be kept or dropped is named.
func TestMaintain_Refuses(t *testing.T) {
	db := open(t, t.TempDir(), nil)
	sold(t, db, time.Second)
	d := counting("of aggregates")
	d.Stream = AggregateStream
	_, err := db.Maintain(bg, d)
	refused(t, "the stream of definitions", err, ErrInvalid, `"of aggregates"`, "cannot be aggregated")
	_, err = db.Maintain(bg, aggregate.Definition{Name: "empty"})
	refused(t, "no definition", err, aggregate.ErrDefinition, "maintain", `"empty"`)
	refused(t, "drop", db.DropAggregate(bg, "none"), ErrNoAggregate, `"none"`)
	ctx, cancel := context.WithCancel(bg)
	cancel()
	_, err = db.Maintain(ctx, counting("late"))
	refused(t, "cancelled", err, context.Canceled, `"late"`)
	if _, err := db.Aggregate("late"); !errors.Is(err, ErrNoAggregate) {
		t.Errorf("it is there though it was cancelled: %v", err)
	}

	a, err := db.Maintain(bg, counting("sales"))
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "drop, cancelled", db.DropAggregate(ctx, "sales"), context.Canceled, `"sales"`)
	if _, err := db.Aggregate("sales"); err != nil {
		t.Errorf("it is gone though that was cancelled: %v", err)
	}
	waitBuilt(db)
	far := time.Date(2500, 1, 1, 0, 0, 0, 0, time.UTC)
	_, err = a.Partials(bg, PartialsQuery{From: far})
	refused(t, "partials of the year 2500", err, ErrInvalid, `"sales"`)
	_, err = a.Partials(bg, PartialsQuery{KnownAt: 1000})
	refused(t, "partials of the future", err, ErrFuture, `"sales"`, "position 1000")
	_, err = a.Partials(bg, PartialsQuery{Window: aggregate.Tumbling{Size: time.Second}})
	refused(t, "partials of shorter windows", err, ErrNotKept, `"sales"`, "do not make up")
	_, err = a.Read(bg, AggregateQuery{From: far})
	refused(t, "read the year 2500", err, ErrInvalid, `"sales"`)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = a.Partials(bg, PartialsQuery{})
	refused(t, "partials", err, ErrClosed, `"sales"`)
	_, err = a.Range(bg, time.Time{}, time.Time{})
	refused(t, "range", err, ErrClosed, `"sales"`)
	_, err = a.Read(bg, AggregateQuery{})
	refused(t, "read", err, ErrClosed, `"sales"`)
	refused(t, "watch", lastError(a.Watch(bg)), ErrClosed)
}

// TestFile_Refuses: a sealed file by itself says what it does not have.
func TestFile_Refuses(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir, &Options{noSeal: true, Now: func() time.Time { return march(1) }})
	for i := range 2 {
		for j := range 3 {
			b := Batch{Events: []Event{{Stream: "s", Key: "k", Fields: Fields{Int64("v", 1)}}}, Recorded: march(2 + 3*i + j)}
			if _, err := db.Append(bg, b); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Seal(bg); err != nil {
			t.Fatal(err)
		}
	}
	last := db.files.Load().sealed[len(db.files.Load().sealed)-1].Path
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := OpenFile(last)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if first, end := f.Positions(); first != 4 || end != 6 || f.Seq() != 6 {
		t.Errorf("positions %d to %d, seen up to %d; want 4 to 6", first, end, f.Seq())
	}
	if at, err := f.At(KnownAt(5)); err != nil || at.Seq() != 5 || f.Seq() != 6 {
		t.Errorf("at position 5: %v, %v", at, err)
	}
	far := time.Date(2500, 1, 1, 0, 0, 0, 0, time.UTC)
	name := filepath.Base(last)
	for _, c := range []struct {
		m     Moment
		kind  error
		names []string
	}{
		{KnownAt(7), ErrFuture, []string{name, "position 7", "newest is 6"}},
		{KnownAt(3), ErrInvalid, []string{name, "begins, with position 4"}},
		{KnownBy(far), ErrInvalid, []string{name, "1677 to 2262"}},
		{AsOf(far), ErrInvalid, []string{name, "1677 to 2262"}},
		{KnownBy(march(28).AddDate(1, 0, 0)), ErrFuture, []string{name, "the file ends at"}},
		{KnownBy(march(4)), ErrInvalid, []string{name, "begins, with position 4"}},
	} {
		_, err := f.At(c.m)
		refused(t, fmt.Sprint(c.m), err, c.kind, c.names...)
	}
	_, err = f.Fields("none")
	refused(t, "fields", err, ErrNoStream, `"none"`)
	_, err = f.ScanEvents(bg, EventScan{Stream: "none"}, nil)
	refused(t, "scan", err, ErrNoStream, `"none"`)
	if names, err := f.Fields("s"); err != nil || !slices.Equal(names, []string{"v"}) {
		t.Errorf("fields %v, %v", names, err)
	}
	_, err = OpenFile(filepath.Join(dir, "no file"))
	if err == nil || !strings.Contains(err.Error(), "no file") {
		t.Errorf("a file that is not there: %v", err)
	}
}
