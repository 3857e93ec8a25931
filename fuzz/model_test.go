package fuzz

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/annalsdb/annals/store"
)

// The model itself against answers worked out by hand, so that it does not just
// agree with the engine.

// played is a model of one stream whose key k had the events.
func played(t *testing.T, s store.Stream, events ...store.Event) *Model {
	t.Helper()
	s.Name = "s"
	m := NewModel(oracleFolds)
	if err := m.Define(s); err != nil {
		t.Fatal(err)
	}
	for i, e := range events {
		e.Stream, e.Key = "s", "k"
		if _, err := m.Append(store.Batch{Events: []store.Event{e}}, time.Unix(0, int64(100+i))); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// states is the fields of k at (v, s) for each event time v in a row of its own,
// and each position s in a column.
func states(m *Model, times ...int64) string {
	var b strings.Builder
	for _, ns := range times {
		for s := range m.Seq() {
			text := "."
			if state := m.At(time.Unix(0, ns), s+1).Get("s", "k"); state != nil {
				text = state.Fields.String()
			}
			fmt.Fprintf(&b, "%-8s", text)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestModel_Grid(t *testing.T) {
	x, y := func(v int64) store.Field { return store.Int64("x", v) }, func(v int64) store.Field { return store.Int64("y", v) }
	for _, c := range []struct {
		name   string
		stream store.Stream
		events []store.Event
		times  []int64
		want   []string // the columns of a row, by position
	}{
		{"a late change lands where it belongs", store.Stream{},
			[]store.Event{on(1, x(1)), on(3, x(3)), on(2, x(2))}, []int64{0, 1, 2, 3},
			[]string{". . .", "x=1 x=1 x=1", "x=1 x=1 x=2", "x=1 x=3 x=3"}},
		{"by arrival the last to come wins", store.Stream{Order: store.ByArrival},
			[]store.Event{on(1, x(1)), on(3, x(3)), on(2, x(2))}, []int64{1, 2, 3},
			[]string{"x=1 x=1 x=1", "x=1 x=1 x=2", "x=1 x=3 x=2"}},
		{"at one time the last to come wins", store.Stream{},
			[]store.Event{on(1, x(1)), on(1, x(2))}, []int64{1}, []string{"x=1 x=2"}},
		{"a delete lasts to the next change", store.Stream{},
			[]store.Event{on(1, x(1)), kind(store.Delete, 2), on(4, x(4))}, []int64{1, 2, 3, 4},
			[]string{"x=1 x=1 x=1", "x=1 . .", "x=1 . .", "x=1 . x=4"}},
		{"a retraction counts from its position on, whatever its time", store.Stream{},
			[]store.Event{on(1, x(1)), on(2, x(2)), retract(2, 9)}, []int64{1, 2},
			[]string{"x=1 x=1 x=1", "x=1 x=2 x=1"}},
		{"a retracted retraction does not", store.Stream{},
			[]store.Event{on(1, x(1)), retract(1, 2), retract(2, 3)}, []int64{1}, []string{"x=1 . x=1"}},
		{"a retracted delete leaves what it deleted", store.Stream{},
			[]store.Event{on(1, x(1)), kind(store.Delete, 2), retract(2, 3)}, []int64{2}, []string{"x=1 . x=1"}},
		{"merge goes by field", store.Stream{Fold: store.Merge},
			[]store.Event{on(1, x(1)), on(3, y(3)), on(2, x(2))}, []int64{1, 2, 3},
			[]string{"x=1 x=1 x=1", "x=1 x=1 x=2", "x=1 x=1,y=3 x=2,y=3"}},
		{"merge: null removes, the rest stays", store.Stream{Fold: store.Merge},
			[]store.Event{on(1, x(1), y(1)), on(2, store.Null("x"))}, []int64{1, 2},
			[]string{"x=1,y=1 x=1,y=1", "x=1,y=1 y=1"}},
		{"merge: nothing from before a delete", store.Stream{Fold: store.Merge},
			[]store.Event{on(1, x(1)), kind(store.Delete, 2), on(3, y(3))}, []int64{3}, []string{"x=1 . y=3"}},
		{"heartbeats change nothing", store.Stream{},
			[]store.Event{kind(store.Heartbeat, 1), on(2, x(1)), kind(store.Heartbeat, 3)}, []int64{1, 3},
			[]string{". . .", ". x=1 x=1"}},
		{"a Go fold goes in order", store.Stream{Fold: "tape"},
			[]store.Event{on(1, x(1)), on(3, x(3)), on(2, x(2))}, []int64{3},
			[]string{"tape=i1; tape=i1;i3; tape=i1;i2;i3;"}},
		{"what is unchanged holds where a late event breaks in", store.Stream{OnlyChanges: true},
			[]store.Event{on(1, x(1)), on(3, x(1)), on(2, x(2))}, []int64{1, 2, 3},
			[]string{"x=1 x=1 x=1", "x=1 x=1 x=2", "x=1 x=1 x=1"}},
		{"what is unchanged holds where what it repeats is retracted", store.Stream{OnlyChanges: true},
			[]store.Event{on(1, x(1)), on(3, x(1)), retract(1, 4)}, []int64{1, 3}, []string{"x=1 x=1 .", "x=1 x=1 x=1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := ""
			for _, row := range c.want {
				for _, cell := range strings.Fields(row) {
					want += fmt.Sprintf("%-8s", strings.ReplaceAll(cell, ",", " "))
				}
				want += "\n"
			}
			if got := states(played(t, c.stream, c.events...), c.times...); got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

func TestModel_OnlyChangesShowsAHeartbeat(t *testing.T) {
	x := store.Int64("x", 1)
	m := played(t, store.Stream{OnlyChanges: true}, on(1, x), on(5, x))
	e := m.now().Events(store.EventQuery{})[1]
	if e.Kind != store.Heartbeat || e.Same != 1 || len(e.Fields) > 0 || e.Version != 2 {
		t.Errorf("stored is %s", showEvent(e))
	}
	if state := m.now().Get("s", "k"); state.Seq != 1 || state.Time.UnixNano() != 1 {
		t.Errorf("state is %s", showState(state))
	}
	if last, ok := m.now().LastSeen("s", "k"); !ok || last.UnixNano() != 5 {
		t.Errorf("last seen at %s", showTime(last))
	}
}

// TestModel_Between: of versions at 1, 3 and 5, deleted at 7, those valid at some
// moment of [a, b). A version that begins at b is out, one that ends at a too.
func TestModel_Between(t *testing.T) {
	m := played(t, store.Stream{}, on(1), on(3), on(5), kind(store.Delete, 7))
	for _, c := range []struct {
		from, to int64
		want     string
	}{
		{0, 1, ""}, {0, 2, "[1,3)"}, {2, 3, "[1,3)"}, {2, 4, "[1,3)[3,5)"}, {3, 5, "[3,5)"}, {3, 6, "[3,5)[5,7)"},
		{6, 9, "[5,7)"}, {7, 9, ""},
	} {
		got := ""
		for _, p := range m.now().Between("s", "k", time.Unix(0, c.from), time.Unix(0, c.to)) {
			got += fmt.Sprintf("[%s,%s)", showTime(p.From), showTime(p.Until))
		}
		if got != c.want {
			t.Errorf("between %d and %d: %s, want %s", c.from, c.to, got, c.want)
		}
	}
}

func TestModel_RecordedAlwaysGrows(t *testing.T) {
	m := NewModel(nil)
	for _, c := range []struct{ own, clock, want int64 }{
		{0, 100, 100}, {0, 100, 101}, {0, 50, 102}, {500, 100, 500}, {300, 100, 501}, {0, 600, 600},
	} {
		b := store.Batch{Events: []store.Event{{Stream: "s", Key: "k"}}}
		if c.own != 0 {
			b.Recorded = time.Unix(0, c.own)
		}
		r, err := m.Append(b, time.Unix(0, c.clock))
		if err != nil || r.Recorded.UnixNano() != c.want {
			t.Errorf("own %d, clock %d: recorded %s, error %v, want %d", c.own, c.clock, showTime(r.Recorded), err, c.want)
		}
	}
}

func TestModel_DiffShowsWhatExplainsIt(t *testing.T) {
	m := played(t, store.Stream{}, on(1), on(3), on(2), retract(2, 4))
	for _, c := range []struct {
		from, to Point
		want     string
	}{
		{m.At(time.Time{}, 1), m.At(time.Time{}, 2), "[2]"},
		{m.At(time.Time{}, 2), m.At(time.Time{}, 3), "none"}, // late: the latest state stays
		{m.At(time.Time{}, 2), m.At(time.Time{}, 4), "[3 4]"},
		{m.At(time.Unix(0, 1), 3), m.At(time.Unix(0, 3), 3), "[2 3]"},
		{m.At(time.Time{}, 0), m.At(time.Unix(0, 1), 4), "[1 4]"},
	} {
		got := "none"
		for _, d := range c.from.Diff(c.to, "s") {
			var seqs []uint64
			for _, e := range d.Events {
				seqs = append(seqs, e.Seq)
			}
			got = fmt.Sprint(seqs)
		}
		if got != c.want {
			t.Errorf("from %v to %v: %s, want %s", c.from.S, c.to.S, got, c.want)
		}
	}
}
