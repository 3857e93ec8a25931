package fuzz

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/annalsdb/annals/store"
)

// The matrix of expectations, boundary and idempotence: each row is a rule of
// what an append may do.

func openEmpty(t *testing.T) *store.DB {
	t.Helper()
	db, err := store.Open(t.TempDir(), &store.Options{Sync: store.SyncNever, MaxBatchBytes: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func mustAppend(t *testing.T, db *store.DB, b store.Batch) store.Receipt {
	t.Helper()
	r, err := db.Append(context.Background(), b)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// keyCases is how a key can be before a batch. cur and deleted are what the
// rules call so; arrival says the stream goes by arrival.
var keyCases = []struct {
	name    string
	arrival bool
	events  []store.Event
	cur     uint64
	deleted bool
}{
	{name: "no event"},
	{name: "one change", events: []store.Event{on(1)}, cur: 1},
	{name: "a heartbeat alone", events: []store.Event{kind(store.Heartbeat, 1)}, cur: 1},
	{name: "deleted", events: []store.Event{on(1), kind(store.Delete, 2)}, cur: 2, deleted: true},
	{name: "deleted before anything", events: []store.Event{kind(store.Delete, 2)}, cur: 1, deleted: true},
	{name: "deleted, then a heartbeat", events: []store.Event{kind(store.Delete, 2), kind(store.Heartbeat, 3)}, cur: 2, deleted: true},
	{name: "deleted, then a late change", events: []store.Event{on(1), kind(store.Delete, 3), on(2)}, cur: 3, deleted: true},
	{name: "deleted, then a change", events: []store.Event{kind(store.Delete, 2), on(3)}, cur: 2},
	{name: "deleted late", events: []store.Event{on(3), kind(store.Delete, 2)}, cur: 2},
	{name: "deleted and changed at one time", events: []store.Event{kind(store.Delete, 2), on(2)}, cur: 2},
	{name: "change retracted", events: []store.Event{on(1), retract(1, 2)}, cur: 2},
	{name: "delete retracted", events: []store.Event{on(1), kind(store.Delete, 2), retract(2, 3)}, cur: 3},
	{name: "change after the delete retracted", events: []store.Event{kind(store.Delete, 1), on(2), retract(2, 3)}, cur: 3, deleted: true},
	{name: "retraction of the delete retracted", events: []store.Event{kind(store.Delete, 1), retract(1, 2), retract(2, 3)}, cur: 3, deleted: true},
	{name: "by arrival: deleted, then an earlier change", arrival: true, events: []store.Event{kind(store.Delete, 3), on(2)}, cur: 2},
	{name: "by arrival: changed, then an earlier delete", arrival: true, events: []store.Event{on(3), kind(store.Delete, 2)}, cur: 2, deleted: true},
}

// retract is a retraction of the event at that position.
func retract(seq uint64, ns int64) store.Event {
	e := kind(store.Retraction, ns)
	e.Retracts = seq
	return e
}

func TestAppend_ExpectationMatrix(t *testing.T) {
	for _, c := range keyCases {
		exists := c.cur > 0 && !c.deleted
		for _, want := range []struct {
			expect store.Expect
			ok     bool
		}{
			{store.Any, true},
			{store.Absent, c.cur == 0 || c.deleted},
			{store.Exists, exists},
			{store.Exactly(c.cur), true},
			{store.Exactly(c.cur + 1), false},
			{store.Exactly(0), c.cur == 0},
			{store.Exactly(1), c.cur == 1},
		} {
			t.Run(c.name+"/"+want.expect.String(), func(t *testing.T) {
				db := openEmpty(t)
				s := store.Stream{Name: "s"}
				if c.arrival {
					s.Order = store.ByArrival
				}
				if err := db.Define(context.Background(), s); err != nil {
					t.Fatal(err)
				}
				for _, e := range c.events {
					e.Stream, e.Key = "s", "k"
					mustAppend(t, db, store.Batch{Events: []store.Event{e}})
				}
				checkExpectation(t, db, want.expect, want.ok, c.cur, c.deleted)
			})
		}
	}
}

// checkExpectation tries a batch on key k of stream s, one that writes the key,
// one that writes another and one that writes nothing.
func checkExpectation(t *testing.T, db *store.DB, expect store.Expect, ok bool, cur uint64, deleted bool) {
	t.Helper()
	seq := db.Latest().Seq()
	for _, events := range [][]store.Event{nil, {{Stream: "s", Key: "other"}}, {{Stream: "s", Key: "k"}}} {
		b := store.Batch{Events: events, Expect: []store.Expectation{{Stream: "s", Key: "k", Expect: expect}}}
		r, err := db.Append(context.Background(), b)
		var conflict *store.ConflictError
		switch {
		case ok && err != nil:
			t.Errorf("%d events: %v", len(events), err)
		case ok:
			if seq += uint64(len(events)); len(events) > 0 && events[0].Key == "k" && r.Versions[0] != cur+1 {
				t.Errorf("version %d after %d", r.Versions[0], cur)
			}
		case !errors.As(err, &conflict):
			t.Errorf("%d events: error %v, want a conflict", len(events), err)
		case *conflict != (store.ConflictError{Stream: "s", Key: "k", Want: expect, Version: cur, Deleted: deleted}):
			t.Errorf("conflict says %+v", *conflict)
		}
	}
	if got := db.Latest().Seq(); got != seq {
		t.Errorf("%d events are stored, want %d", got, seq)
	}
}

func TestAppend_ExpectationsSeeOnePreState(t *testing.T) {
	db := openEmpty(t)
	k := store.Event{Stream: "s", Key: "k"}
	mustAppend(t, db, store.Batch{
		Events: []store.Event{k, k},
		Expect: []store.Expectation{{Stream: "s", Key: "k", Expect: store.Absent}, {Stream: "s", Key: "k", Expect: store.Exactly(0)}},
	})
	_, err := db.Append(context.Background(), store.Batch{
		Events: []store.Event{{Stream: "s", Key: "new"}},
		Expect: []store.Expectation{
			{Stream: "s", Key: "k", Expect: store.Exactly(2)},
			{Stream: "s", Key: "new", Expect: store.Exists},
		},
	})
	var conflict *store.ConflictError
	if !errors.As(err, &conflict) || conflict.Key != "new" {
		t.Errorf("error %v, want a conflict on the second", err)
	}
	if seq := db.Latest().Seq(); seq != 2 {
		t.Errorf("%d events are stored", seq)
	}
}

func TestAppend_ExpectationOnAStreamThatIsNotThere(t *testing.T) {
	db := openEmpty(t)
	for expect, ok := range map[store.Expect]bool{store.Any: true, store.Absent: true, store.Exactly(0): true, store.Exists: false, store.Exactly(1): false} {
		b := store.Batch{Expect: []store.Expectation{{Stream: "none", Key: "k", Expect: expect}}}
		if _, err := db.Append(context.Background(), b); errors.Is(err, store.ErrConflict) == ok || ok && err != nil {
			t.Errorf("%v: error %v", expect, err)
		}
	}
	if len(db.Streams()) != 0 {
		t.Errorf("a check made streams %v", db.Streams())
	}
}

func TestAppend_Boundary(t *testing.T) {
	red, blue := store.String("tag", "red"), store.String("tag", "blue")
	history := []store.Event{
		{Stream: "a", Key: "1", Type: "made", Fields: store.Fields{red, store.Int64("n", 1)}},
		{Stream: "a", Key: "2", Type: "made", Fields: store.Fields{blue}},
		{Stream: "b", Key: "1", Type: "sold", Fields: store.Fields{red}},
		{Stream: "b", Key: "1", Type: "seen", Kind: store.Heartbeat},
		{Stream: "a", Key: "1", Type: "gone", Kind: store.Delete},
	}
	for _, c := range []struct {
		name  string
		after uint64
		query []store.Item
		match uint64 // 0 = the batch goes in
	}{
		{"an empty item matches all", 0, []store.Item{{}}, 1},
		{"after the newest", 5, []store.Item{{}}, 0},
		{"after is exclusive", 4, []store.Item{{}}, 5},
		{"type", 0, []store.Item{{Types: []string{"sold"}}}, 3},
		{"one of two types", 0, []store.Item{{Types: []string{"gone", "seen"}}}, 4},
		{"type that is not there", 0, []store.Item{{Types: []string{"lost"}}}, 0},
		{"type before after", 3, []store.Item{{Types: []string{"sold", "made"}}}, 0},
		{"stream", 0, []store.Item{{Stream: "b"}}, 3},
		{"stream and type", 0, []store.Item{{Stream: "b", Types: []string{"made"}}}, 0},
		{"field", 0, []store.Item{{Fields: store.Fields{blue}}}, 2},
		{"field, later", 1, []store.Item{{Fields: store.Fields{red}}}, 3},
		{"both fields", 0, []store.Item{{Fields: store.Fields{red, store.Int64("n", 1)}}}, 1},
		{"both fields, one differs", 0, []store.Item{{Fields: store.Fields{red, store.Int64("n", 2)}}}, 0},
		{"field of another kind", 0, []store.Item{{Fields: store.Fields{store.Float64("n", 1)}}}, 0},
		{"the first match of two items", 0, []store.Item{{Types: []string{"seen"}}, {Stream: "b"}}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := openEmpty(t)
			mustAppend(t, db, store.Batch{Events: history})
			_, err := db.Append(context.Background(), store.Batch{
				Events:   []store.Event{{Stream: "a", Key: "3"}},
				Boundary: &store.Boundary{After: c.after, Query: c.query},
			})
			var boundary *store.BoundaryError
			switch {
			case c.match == 0 && err != nil:
				t.Error(err)
			case c.match != 0 && (!errors.As(err, &boundary) || *boundary != store.BoundaryError{After: c.after, Seq: c.match}):
				t.Errorf("error %v, want a match at %d", err, c.match)
			}
			if stored := db.Latest().Seq() > 5; stored != (c.match == 0) {
				t.Errorf("stored: %v", stored)
			}
		})
	}
}

func TestAppend_BoundaryWithoutAQuery(t *testing.T) {
	db := openEmpty(t)
	_, err := db.Append(context.Background(), store.Batch{
		Events: []store.Event{{Stream: "a", Key: "1"}}, Boundary: &store.Boundary{},
	})
	if !errors.Is(err, store.ErrInvalid) || db.Latest().Seq() != 0 {
		t.Errorf("error %v, %d events stored", err, db.Latest().Seq())
	}
}

// sample is an event with an ID, content and a time of its own.
func sample(id string) store.Event {
	return store.Event{Stream: "s", Key: "k", ID: id, Type: "t", Time: time.Unix(0, 7), Fields: store.Fields{store.String("is", id)}}
}

func samples(ids ...string) []store.Event {
	var events []store.Event
	for _, id := range ids {
		events = append(events, sample(id))
	}
	return events
}

// TestAppend_Idempotence repeats parts of a batch of a, b, c (positions 1 to 3)
// and one of d (position 4).
func TestAppend_Idempotence(t *testing.T) {
	altered := func(change func(*store.Event)) []store.Event {
		e := sample("a")
		change(&e)
		return []store.Event{e}
	}
	for _, c := range []struct {
		name     string
		events   []store.Event
		first    uint64 // of the original, 0 = not a repeat
		versions []uint64
		id       string // that the error names, "" = no error
		seq      uint64
	}{
		{name: "whole", events: samples("a", "b", "c"), first: 1, versions: []uint64{1, 2, 3}},
		{name: "beginning", events: samples("a", "b"), first: 1, versions: []uint64{1, 2}},
		{name: "middle", events: samples("b"), first: 2, versions: []uint64{2}},
		{name: "end", events: samples("b", "c"), first: 2, versions: []uint64{2, 3}},
		{name: "other batch", events: samples("d"), first: 4, versions: []uint64{4}},
		{name: "new", events: samples("e")},
		{name: "other order", events: samples("b", "a"), id: "a", seq: 1},
		{name: "of two batches", events: samples("c", "d"), id: "d", seq: 4},
		{name: "known and new", events: samples("a", "e"), id: "a", seq: 1},
		{name: "new and known", events: samples("e", "a"), id: "a", seq: 1},
		{name: "known and without ID", events: append(samples("a"), store.Event{Stream: "s", Key: "k"}), id: "a", seq: 1},
		{name: "twice in the batch", events: samples("e", "e"), id: "e"},
		{name: "other key", events: altered(func(e *store.Event) { e.Key = "l" }), id: "a", seq: 1},
		{name: "other type", events: altered(func(e *store.Event) { e.Type = "u" }), id: "a", seq: 1},
		{name: "other time", events: altered(func(e *store.Event) { e.Time = time.Unix(0, 8) }), id: "a", seq: 1},
		{name: "no time", events: altered(func(e *store.Event) { e.Time = time.Time{} }), id: "a", seq: 1},
		{name: "other kind", events: altered(func(e *store.Event) { e.Kind = store.Delete }), id: "a", seq: 1},
		{name: "other value", events: altered(func(e *store.Event) { e.Fields[0] = store.String("is", "x") }), id: "a", seq: 1},
		{name: "a field more", events: altered(func(e *store.Event) { e.Fields = append(e.Fields, store.Null("x")) }), id: "a", seq: 1},
		{name: "other stream is another ID", events: altered(func(e *store.Event) { e.Stream = "t" })},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := openEmpty(t)
			mustAppend(t, db, store.Batch{Events: samples("a", "b", "c")})
			mustAppend(t, db, store.Batch{Events: samples("d")})
			r, err := db.Append(context.Background(), store.Batch{Events: c.events})
			var id *store.IdempotencyError
			switch {
			case c.id != "":
				if !errors.As(err, &id) || id.ID != c.id || id.Seq != c.seq {
					t.Errorf("error %v, want one about %q at %d", err, c.id, c.seq)
				}
			case err != nil:
				t.Error(err)
			case c.first == 0 && (r.Duplicate || r.First != 5):
				t.Errorf("receipt %+v of something new", r)
			case c.first != 0 && (!r.Duplicate || r.First != c.first || r.Last != c.first+uint64(len(c.events))-1 || !slices.Equal(r.Versions, c.versions)):
				t.Errorf("receipt %+v of a repeat", r)
			}
			if isNew := c.first == 0 && c.id == ""; (db.Latest().Seq() != 4) != isNew {
				t.Errorf("%d events are stored", db.Latest().Seq())
			}
		})
	}
}

func TestAppend_IdempotenceComesBeforeConditions(t *testing.T) {
	db := openEmpty(t)
	b := store.Batch{
		Events:   samples("a", "b"),
		Expect:   []store.Expectation{{Stream: "s", Key: "k", Expect: store.Absent}},
		Boundary: &store.Boundary{Query: []store.Item{{}}},
	}
	first := mustAppend(t, db, b)
	again := mustAppend(t, db, b)
	if !again.Duplicate || again.First != first.First || again.Last != first.Last || !again.Recorded.Equal(first.Recorded) {
		t.Errorf("first %+v, again %+v", first, again)
	}
}

func TestAppend_IdempotenceOfATimeLeftToTheEngine(t *testing.T) {
	db := openEmpty(t)
	e := sample("a")
	e.Time = time.Time{}
	mustAppend(t, db, store.Batch{Events: []store.Event{e}})
	if r := mustAppend(t, db, store.Batch{Events: []store.Event{e}}); !r.Duplicate {
		t.Errorf("receipt %+v", r)
	}
}

// TestAppend_IdempotenceOfUnchanged repeats changes that only changes made
// heartbeats of: what counts is what the writer said.
func TestAppend_IdempotenceOfUnchanged(t *testing.T) {
	for _, fold := range []store.Fold{store.Replace, store.Merge} {
		db := openEmpty(t)
		if err := db.Define(context.Background(), store.Stream{Name: "s", Fold: fold, OnlyChanges: true}); err != nil {
			t.Fatal(err)
		}
		first, same := sample("a"), sample("a")
		same.ID = "b"
		mustAppend(t, db, store.Batch{Events: []store.Event{first}})
		mustAppend(t, db, store.Batch{Events: []store.Event{same}})
		if r := mustAppend(t, db, store.Batch{Events: []store.Event{same}}); !r.Duplicate || r.First != 2 {
			t.Errorf("%s: receipt %+v", fold, r)
		}
		same.Fields = store.Fields{store.String("is", "other")}
		if _, err := db.Append(context.Background(), store.Batch{Events: []store.Event{same}}); !errors.Is(err, store.ErrIdempotency) {
			t.Errorf("%s: error %v", fold, err)
		}
		same.Kind, same.Fields = store.Heartbeat, nil
		if _, err := db.Append(context.Background(), store.Batch{Events: []store.Event{same}}); !errors.Is(err, store.ErrIdempotency) {
			t.Errorf("%s: as a heartbeat: error %v", fold, err)
		}
	}
}

func TestAppend_RetractionNamesAnEarlierEventOfItsKey(t *testing.T) {
	retracts := func(stream, key string, seq uint64) store.Event {
		return store.Event{Stream: stream, Key: key, Kind: store.Retraction, Retracts: seq}
	}
	change := store.Event{Stream: "s", Key: "k"}
	for name, c := range map[string]struct {
		events []store.Event
		ok     bool
	}{
		"earlier":                  {[]store.Event{retracts("s", "k", 1)}, true},
		"twice":                    {[]store.Event{retracts("s", "k", 1), retracts("s", "k", 1)}, true},
		"earlier in the batch":     {[]store.Event{change, retracts("s", "k", 3)}, true},
		"one before it in batch":   {[]store.Event{retracts("s", "k", 1), retracts("s", "k", 3)}, true},
		"itself":                   {[]store.Event{retracts("s", "k", 3)}, false},
		"later in the batch":       {[]store.Event{retracts("s", "k", 4), change}, false},
		"far in the future":        {[]store.Event{retracts("s", "k", 1<<63)}, false},
		"nothing":                  {[]store.Event{retracts("s", "k", 0)}, false},
		"another key":              {[]store.Event{retracts("s", "k", 2)}, false},
		"another stream":           {[]store.Event{retracts("t", "k", 1)}, false},
		"another key in the batch": {[]store.Event{{Stream: "s", Key: "z"}, retracts("s", "k", 3)}, false},
		"a good one, then a bad":   {[]store.Event{retracts("s", "k", 1), retracts("s", "k", 2)}, false},
	} {
		db := openEmpty(t)
		mustAppend(t, db, store.Batch{Events: []store.Event{change, {Stream: "s", Key: "l"}}})
		_, err := db.Append(context.Background(), store.Batch{Events: c.events})
		if c.ok && err != nil || !c.ok && !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: error %v", name, err)
		}
		if stored := db.Latest().Seq() > 2; stored != c.ok {
			t.Errorf("%s: stored: %v", name, stored)
		}
	}
}
