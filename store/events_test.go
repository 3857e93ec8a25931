package store

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// eventScript appends random events of all kinds.
type eventScript struct {
	*rand.Rand
	seq uint64
	key map[uint64]string // by position: stream and key
}

var scriptStreams = []Stream{
	{Name: "plain"}, {Name: "changes", OnlyChanges: true}, {Name: "merged", Fold: Merge, OnlyChanges: true}, {Name: "order", Order: ByArrival},
}

func (g *eventScript) field(name string) Field {
	switch g.IntN(9) {
	case 0:
		return Null(name)
	case 1:
		return Float64(name, []float64{1, math.NaN(), math.Copysign(0, -1), 0, math.Inf(1)}[g.IntN(5)])
	case 2:
		return Float64(name, math.Float64frombits(0x7ff8000000000000+uint64(g.IntN(2))))
	case 3:
		return Bytes(name, []byte("1"))
	case 4:
		return Bool(name, g.IntN(2) == 0)
	case 5:
		return Time(name, time.Unix(0, int64(g.IntN(2))))
	case 6:
		return String(name, []string{"", "1", "a long text that goes on"}[g.IntN(3)])
	}
	return Int64(name, []int64{0, 1, 2, math.MinInt64}[g.IntN(4)])
}

func (g *eventScript) fields() (fs Fields) {
	for _, name := range []string{"a", "b", "c"} {
		if g.IntN(2) == 0 {
			fs = append(fs, g.field(name))
		}
	}
	return fs
}

// event is the next one; it goes on behind seq.
func (g *eventScript) event() Event {
	g.seq++
	e := Event{
		Stream: scriptStreams[g.IntN(len(scriptStreams))].Name, Key: fmt.Sprint([]string{"k", "kk", "l"}[g.IntN(3)], g.IntN(5)),
		Type: []string{"", "made", "moved", "made"}[g.IntN(4)], Time: time.Unix(int64(g.seq)-int64(g.IntN(g.IntN(40)+1)), 0).UTC(),
	}
	if g.IntN(100) == 0 {
		e.Type = "rare"
	}
	if g.IntN(8) == 0 {
		e.ID = fmt.Sprint("id", g.seq)
	}
	if g.IntN(200) == 0 {
		e.Time = time.Unix(0, []int64{math.MinInt64, math.MaxInt64}[g.IntN(2)]).UTC()
	}
	name := e.Stream + e.Key
	switch g.IntN(10) {
	case 0:
		e.Kind = Heartbeat
	case 1:
		e.Kind = Delete
	case 2:
		for seq := g.seq - 1; seq > 0 && seq+50 > g.seq; seq-- {
			if g.key[seq] == name && g.IntN(2) == 0 {
				e.Kind, e.Retracts = Retraction, seq
				break
			}
		}
	}
	if e.Kind <= Delete {
		e.Fields = g.fields()
	}
	g.key[g.seq] = name
	return e
}

func (g *eventScript) append(t *testing.T, db *DB, n int) {
	t.Helper()
	for done := 0; done < n; {
		var b Batch
		for range 1 + g.IntN(20) {
			b.Events = append(b.Events, g.event())
		}
		if _, err := db.Append(bg, b); err != nil {
			t.Fatal(err)
		}
		done += len(b.Events)
	}
}

func (g *eventScript) query() (q EventQuery) {
	if g.IntN(2) == 0 {
		q.Stream = scriptStreams[g.IntN(len(scriptStreams))].Name
	}
	if g.IntN(2) == 0 {
		q.KeyPrefix = []string{"k", "kk", "kk3", "l", "x"}[g.IntN(5)]
	}
	if g.IntN(2) == 0 {
		q.Types = [][]string{{"rare"}, {"made"}, {"", "rare"}, {"none"}}[g.IntN(4)]
	}
	if g.IntN(2) == 0 {
		q.Since = g.moment()
	}
	if g.IntN(2) == 0 {
		q.Until = g.moment()
	}
	if g.IntN(3) == 0 {
		q.From, q.To = g.Uint64N(g.seq), g.Uint64N(g.seq)
	}
	return q
}

func (g *eventScript) moment() time.Time {
	switch g.IntN(20) {
	case 0:
		return time.Unix(0, math.MinInt64)
	case 1:
		return time.Unix(0, math.MaxInt64)
	}
	return time.Unix(g.Int64N(int64(g.seq)+1), 0)
}

// wants is what Events says of one event.
func (q *EventQuery) wants(v *View, e *Event) bool {
	asOf, bound := v.Time()
	return (q.Stream == "" || q.Stream == e.Stream) && strings.HasPrefix(e.Key, q.KeyPrefix) &&
		(len(q.Types) == 0 || slices.Contains(q.Types, e.Type)) && q.From <= e.Seq && (q.To == 0 || e.Seq <= q.To) &&
		(q.Since.IsZero() || !e.Time.Before(q.Since)) && (q.Until.IsZero() || e.Time.Before(q.Until)) &&
		e.Seq <= v.Seq() && (!bound || !e.Time.After(asOf) || e.Kind == Retraction)
}

func (g *eventScript) item() (it Item) {
	if g.IntN(2) == 0 {
		it.Stream = append(scriptStreams, Stream{Name: "none"})[g.IntN(5)].Name
	}
	if g.IntN(2) == 0 {
		it.Types = [][]string{{"rare"}, {"rare", "none"}, {"none"}, {""}, {"moved"}}[g.IntN(5)]
	}
	for range g.IntN(3) {
		it.Fields = append(it.Fields, g.field([]string{"a", "b", "c", "none", "\xfftype"}[g.IntN(5)]))
	}
	return it
}

// matches is what a boundary says of one event.
func (it *Item) matches(e *Event) bool {
	for _, f := range it.Fields {
		if v, ok := e.Fields.Get(f.Name); !ok || !v.Equal(f.Value) {
			return false
		}
	}
	return (it.Stream == "" || it.Stream == e.Stream) && (len(it.Types) == 0 || slices.Contains(it.Types, e.Type))
}

func (g *eventScript) checkEvents(t *testing.T, db *DB, all []Event) {
	t.Helper()
	for range 40 {
		q := g.query()
		v := db.Latest()
		if g.IntN(2) == 0 {
			v = mustView(t, db, AsOf(g.moment()), KnownAt(g.Uint64N(v.Seq()+1)))
		}
		next := 0
		skip := func() {
			for next < len(all) && !q.wants(v, &all[next]) {
				next++
			}
		}
		for e, err := range v.Events(q) {
			if skip(); err != nil || next == len(all) || !reflect.DeepEqual(e, all[next]) {
				t.Fatalf("events %+v at %d: %+v, %v, want %+v", q, v.Seq(), e, err, all[next:min(next+1, len(all))])
			}
			next++
		}
		if skip(); next < len(all) {
			t.Fatalf("events %+v at %d end before %+v", q, v.Seq(), all[next])
		}
	}
}

func (g *eventScript) checkBoundaries(t *testing.T, db *DB, all []Event) {
	t.Helper()
	for range 60 {
		b := Boundary{After: g.Uint64N(g.seq)}
		for range 1 + g.IntN(2) {
			b.Query = append(b.Query, g.item())
		}
		want := &BoundaryError{After: b.After}
		for i := range all {
			match := func(it Item) bool { return it.matches(&all[i]) }
			if all[i].Seq > b.After && slices.ContainsFunc(b.Query, match) {
				want.Seq = all[i].Seq
				break
			}
		}
		_, err := db.Append(bg, Batch{Boundary: &b})
		var got *BoundaryError
		errors.As(err, &got)
		if want.Seq == 0 && err != nil || want.Seq != 0 && (got == nil || *got != *want) {
			t.Fatalf("boundary %+v: %v, want %v", b, err, want)
		}
	}
}

func collect(t *testing.T, events iter.Seq2[Event, error]) (all []Event) {
	t.Helper()
	for e, err := range events {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// Sealed files, in pieces and merged, say what the log said: which events are
// wanted, and which is the first that a boundary matches.
func TestView_EventsAsPlainScan(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	g := &eventScript{Rand: rand.New(rand.NewPCG(seed, 3)), key: map[uint64]string{}}
	db := open(t, t.TempDir(), &Options{noSeal: true, SegmentSize: 20 << 10, Fanout: 3, Sync: SyncNever})
	defer db.Close()
	for _, s := range scriptStreams {
		if err := db.Define(bg, s); err != nil {
			t.Fatal(err)
		}
	}
	var all []Event
	for range 6 {
		g.append(t, db, 400)
		all = append(all, collect(t, db.Latest().Events(EventQuery{From: uint64(len(all)) + 1}))...)
		for range 2 { // before and after sealing and merging
			g.checkEvents(t, db, all)
			g.checkBoundaries(t, db, all)
			if err := db.Seal(bg); err != nil {
				t.Fatal(err)
			}
		}
	}
	if s, err := db.Stats(); err != nil || s.Seals < 5 || s.Merges < 1 {
		t.Errorf("too little happens: %v, %v", s, err)
	}
	same := func(e Event) bool { return e.Same != 0 }
	if !slices.ContainsFunc(all, same) || !slices.ContainsFunc(all, func(e Event) bool { return e.Kind == Retraction }) {
		t.Error("no event is unchanged, or none is a retraction")
	}
}

// appendPlain appends n events of few keys and types.
func appendPlain(t *testing.T, db *DB, n int) {
	t.Helper()
	for n > 0 {
		var b Batch
		for i := range min(n, 2000) {
			b.Events = append(b.Events, Event{Stream: "plain", Key: fmt.Sprint("k", i%97), Type: []string{"made", "moved", "rare"}[i*i%7%3], Fields: Fields{Int64("i", int64(i)), Float64("f", float64(i%1000)/8)}})
		}
		if _, err := db.Append(bg, b); err != nil {
			t.Fatal(err)
		}
		n -= len(b.Events)
	}
}

// A read that goes on while its file is merged into another goes on in that one.
func TestView_EventsWhileMerged(t *testing.T) {
	db := open(t, t.TempDir(), &Options{noSeal: true, SegmentSize: 64 << 20, Fanout: 2, Sync: SyncNever})
	defer db.Close()
	grow := func(n int) {
		appendPlain(t, db, n)
		if err := db.Seal(bg); err != nil {
			t.Fatal(err)
		}
	}
	grow(40_000) // more than two windows
	v := db.Latest()
	for _, q := range []EventQuery{{}, {Types: []string{"made"}}, {KeyPrefix: "k1", Types: []string{"rare", "moved"}}} {
		want := collect(t, v.Events(q))
		before, next := db.files.Load().sealed, 0
		for e, err := range v.Events(q) {
			if err != nil || next == len(want) || !reflect.DeepEqual(e, want[next]) {
				t.Fatalf("events %+v: event %d is %+v, %v", q, next, e, err)
			}
			if next++; next == 100 {
				grow(int(db.Latest().Seq())) // of the same tier
			}
		}
		if next != len(want) {
			t.Fatalf("events %+v: %d of %d", q, next, len(want))
		}
		if after := db.files.Load().sealed; after[0] == before[0] {
			t.Errorf("events %+v: nothing was merged", q)
		}
	}
}
