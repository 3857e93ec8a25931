package fuzz

import (
	"slices"
	"strings"
	"time"

	"github.com/annalsdb/annals/store"
)

// Point is the model's view: the database as of the event time V, known at the
// position S. Its methods answer as those of [store.View] do, with slices.
type Point struct {
	m *Model
	V time.Time // the zero Time is the end of all time
	S uint64
}

// At is the point (v, s); the zero v stands for the end of all time.
func (m *Model) At(v time.Time, s uint64) Point { return Point{m, v, s} }

// now is the point of the latest state.
func (m *Model) now() Point { return m.At(time.Time{}, m.Seq()) }

// sees reports whether the point is late enough in both times for e. A
// retraction speaks of what is known: its own time does not matter.
func (p Point) sees(e store.Event) bool {
	return e.Seq <= p.S && (p.V.IsZero() || !e.Time.After(p.V) || e.Kind == store.Retraction)
}

// retractedBy is the position of the first retraction that strikes out event
// seq, 0 = the event counts. A retraction which is retracted strikes out nothing.
func (p Point) retractedBy(seq uint64) uint64 {
	for _, e := range p.m.log[:p.S] {
		if e.said.Kind == store.Retraction && e.said.Retracts == seq && p.retractedBy(e.said.Seq) == 0 {
			return e.said.Seq
		}
	}
	return 0
}

// counts reports whether e is seen and not retracted.
func (p Point) counts(e store.Event) bool { return p.sees(e) && p.retractedBy(e.Seq) == 0 }

// entries is what the point sees of a key, in the stream's order.
func (p Point) entries(stream, key string) []entry {
	var es []entry
	for _, e := range p.m.log[:p.S] {
		if e.said.Stream == stream && e.said.Key == key && p.sees(e.said) {
			es = append(es, e)
		}
	}
	if p.m.streams[stream].Order == store.ByTime {
		slices.SortStableFunc(es, func(a, b entry) int { return a.said.Time.Compare(b.said.Time) })
	}
	return es
}

// keys is every key of a stream that has an event by S, in order.
func (p Point) keys(stream string) []string {
	var keys []string
	for _, e := range p.m.log[:p.S] {
		if e.said.Stream == stream {
			keys = append(keys, e.said.Key)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// Get is the state of a key, nil = it has none.
func (p Point) Get(stream, key string) *store.State {
	var state *store.State
	for _, e := range p.entries(stream, key) {
		if p.retractedBy(e.said.Seq) == 0 {
			state = p.fold(state, e)
		}
	}
	return state
}

// fold is the state after one more event.
func (p Point) fold(state *store.State, e entry) *store.State {
	switch e.said.Kind {
	case store.Delete:
		return nil
	case store.Heartbeat, store.Retraction:
		return state
	}
	fields, ok := p.m.foldFields(state, e.said)
	if !ok {
		return nil
	}
	after := p.attributed(state, e)
	after.Fields = fields
	return &after
}

// attributed is a state without its fields: what it has of the event that it is
// said to come from. A change that only changes made a heartbeat of leaves that
// to the event which it repeats, unless that is retracted; under the other folds
// to the one that the state before it came from.
func (p Point) attributed(state *store.State, e entry) store.State {
	by, m := e.said, p.m
	if e.shown.Kind == store.Heartbeat {
		switch {
		case m.streams[by.Stream].Fold == store.Replace:
			if p.retractedBy(e.shown.Same) == 0 {
				by = m.log[e.shown.Same-1].said
			}
		case state != nil:
			return *state
		}
	}
	return store.State{
		Stream: by.Stream, Key: by.Key, Type: by.Type, Time: by.Time,
		Recorded: by.Recorded, Seq: by.Seq, Version: by.Version,
	}
}

// foldFields is the fields of the state after the change e, and whether there
// is a state.
func (m *Model) foldFields(state *store.State, e store.Event) (store.Fields, bool) {
	switch fold := m.streams[e.Stream].Fold; fold {
	case store.Replace:
		return e.Fields, true
	case store.Merge:
		if state == nil {
			return mergeFields(nil, e.Fields), true
		}
		return mergeFields(state.Fields, e.Fields), true
	default:
		var before store.Fields
		if state != nil {
			before = state.Fields
		}
		after := m.folds[string(fold)](before, e)
		return after, after != nil
	}
}

// mergeFields is old with the fields of change over it; null removes one.
func mergeFields(old, change store.Fields) store.Fields {
	fields := slices.Clone(old)
	for _, f := range change {
		i := slices.IndexFunc(fields, func(o store.Field) bool { return o.Name == f.Name })
		switch {
		case i >= 0 && f.Value.IsNull():
			fields = slices.Delete(fields, i, i+1)
		case i >= 0:
			fields[i] = f
		case !f.Value.IsNull():
			fields = append(fields, f)
		}
	}
	return fields
}

// deleted reports whether the last change or delete of a key is a delete.
func (p Point) deleted(stream, key string) bool {
	deleted := false
	for _, e := range p.entries(stream, key) {
		if (e.said.Kind == store.Change || e.said.Kind == store.Delete) && p.counts(e.said) {
			deleted = e.said.Kind == store.Delete
		}
	}
	return deleted
}

// Scan is the states of the keys in r, in its order.
func (p Point) Scan(stream string, r store.Range) []store.State {
	var states []store.State
	for _, key := range p.keys(stream) {
		if state := p.Get(stream, key); inRange(key, r) && state != nil {
			states = append(states, *state)
		}
	}
	if r.Reverse {
		slices.Reverse(states)
	}
	return states
}

func inRange(key string, r store.Range) bool {
	return strings.HasPrefix(key, r.Prefix) && key >= r.From && (r.To == "" || key < r.To)
}

// History is what each event of a key did, in the stream's order.
func (p Point) History(stream, key string) []store.Transition {
	var history []store.Transition
	var state *store.State
	for _, e := range p.entries(stream, key) {
		t := store.Transition{Event: e.shown, Old: state, RetractedBy: p.retractedBy(e.said.Seq)}
		if t.RetractedBy == 0 {
			state = p.fold(state, e)
		}
		t.New = state
		history = append(history, t)
	}
	return history
}

// Between is the states of a key at the moments of [from, to). It asks for the
// state at every time at which an event happened and joins neighbours that agree.
func (p Point) Between(stream, key string, from, to time.Time) []store.Period {
	var periods []store.Period
	var last *store.State
	for _, t := range p.times(stream, key) {
		state := p.m.At(t, p.S).Get(stream, key)
		if SameState(state, last) {
			continue
		}
		if last != nil {
			periods[len(periods)-1].Until = t
		}
		if state != nil {
			periods = append(periods, store.Period{From: t, State: *state})
		}
		last = state
	}
	return slices.DeleteFunc(periods, func(q store.Period) bool {
		return !q.From.Before(to) || !q.Until.IsZero() && !q.Until.After(from)
	})
}

// times is the distinct times, in order, of the events of a key that may alter
// its state from then on.
func (p Point) times(stream, key string) []time.Time {
	var times []time.Time
	for _, e := range p.entries(stream, key) {
		if e.said.Kind != store.Retraction {
			times = append(times, e.said.Time)
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	return slices.CompactFunc(times, time.Time.Equal)
}

// SameState reports whether a and b, nil = none, are one state: same fields in
// any order, made by the same event.
func SameState(a, b *store.State) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Stream == b.Stream && a.Key == b.Key && a.Type == b.Type &&
		a.Time.Equal(b.Time) && a.Recorded.Equal(b.Recorded) &&
		a.Seq == b.Seq && a.Version == b.Version && a.Fields.Equal(b.Fields)
}

// LastSeen is the time of the last sign of life, and whether there is one. A
// retraction speaks about the record and is none.
func (p Point) LastSeen(stream, key string) (time.Time, bool) {
	var last time.Time
	seen := false
	for _, e := range p.entries(stream, key) {
		if e.said.Kind != store.Retraction && p.counts(e.said) && (!seen || e.said.Time.After(last)) {
			last, seen = e.said.Time, true
		}
	}
	return last, seen
}

// Silent is the keys, not deleted, that were seen last before since.
func (p Point) Silent(stream string, since time.Time) []store.Sighting {
	var silent []store.Sighting
	for _, key := range p.keys(stream) {
		last, seen := p.LastSeen(stream, key)
		if seen && last.Before(since) && !p.deleted(stream, key) {
			silent = append(silent, store.Sighting{Key: key, LastSeen: last})
		}
	}
	return silent
}

// Events is the events that q asks for, in Seq order, retracted ones included.
func (p Point) Events(q store.EventQuery) []store.Event {
	var events []store.Event
	for _, entry := range p.m.log {
		e := entry.shown
		switch {
		case !p.sees(e):
		case q.Stream != "" && e.Stream != q.Stream:
		case !strings.HasPrefix(e.Key, q.KeyPrefix):
		case len(q.Types) > 0 && !slices.Contains(q.Types, e.Type):
		case e.Seq < q.From, q.To != 0 && e.Seq > q.To:
		case !q.Since.IsZero() && e.Time.Before(q.Since):
		case !q.Until.IsZero() && !e.Time.Before(q.Until):
		default:
			events = append(events, e)
		}
	}
	return events
}

// Diff is the keys whose state is another one at to, with the events that only
// one of the two points sees. Of an event that is retracted in between that is
// the retraction, which names it.
func (p Point) Diff(to Point, stream string) []store.Difference {
	var diff []store.Difference
	later := p
	if to.S > p.S {
		later = to
	}
	for _, key := range later.keys(stream) {
		d := store.Difference{Key: key, Old: p.Get(stream, key), New: to.Get(stream, key)}
		if SameState(d.Old, d.New) {
			continue
		}
		for _, e := range p.m.log {
			mine := e.said.Stream == stream && e.said.Key == key
			if mine && p.sees(e.said) != to.sees(e.said) {
				d.Events = append(d.Events, e.shown)
			}
		}
		diff = append(diff, d)
	}
	return diff
}
