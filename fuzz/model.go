// Package fuzz tests the engine from outside: against a model that is too plain
// to be wrong, over random histories, every order of arrival, damage and crashes.
package fuzz

import (
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

// Model is the whole engine as one slice of events. It knows the rules of what
// an append may do and what a read answers, and nothing of files, indexes,
// overlays or checkpoints: each question walks the slice from its beginning. It
// is for one goroutine.
type Model struct {
	streams map[string]store.Stream
	folds   map[string]store.FoldFunc
	log     []entry // the event with Seq n is log[n-1]

	// aggregates are the definitions maintained under a name since it was defined or
	// the database opened, the newest last.
	aggregates map[string][]aggregate.Definition
}

// entry is one event twice: they differ where only changes made a heartbeat of
// a change.
type entry struct {
	said  store.Event // as its writer said it: what the fold sees
	shown store.Event // as a reader gets it
}

// NewModel is an empty database that knows the given Go folds.
func NewModel(folds map[string]store.FoldFunc) *Model {
	return &Model{streams: map[string]store.Stream{}, folds: folds, aggregates: map[string][]aggregate.Definition{}}
}

// Seq is the position of the newest event.
func (m *Model) Seq() uint64 { return uint64(len(m.log)) }

// Reopen closes the database and opens it again.
func (m *Model) Reopen() {
	for name, all := range m.aggregates {
		m.aggregates[name] = all[len(all)-1:]
	}
}

// Define makes a stream, or agrees that it is there already.
func (m *Model) Define(s store.Stream) error {
	if s.Fold == "" {
		s.Fold = store.Replace
	}
	if s.Name == "" || len(s.Name) > segment.MaxName || !utf8.ValidString(s.Name) {
		return fmt.Errorf("define stream %q: %w", s.Name, store.ErrInvalid)
	}
	if old, ok := m.streams[s.Name]; ok {
		if old != s {
			return fmt.Errorf("define stream %q: %w", s.Name, store.ErrStreamDefined)
		}
		return nil
	}
	_, known := m.folds[string(s.Fold)]
	if s.Fold != store.Replace && s.Fold != store.Merge && !known {
		return fmt.Errorf("define stream %q: %w", s.Name, store.ErrNoFold)
	}
	m.streams[s.Name] = s
	return nil
}

// Append checks a batch against the state before it and stores it whole or not
// at all. now is what the engine's clock says.
func (m *Model) Append(b store.Batch, now time.Time) (store.Receipt, error) {
	if err := wellFormed(b); err != nil {
		return store.Receipt{}, err
	}
	if r, known, err := m.repeated(b.Events); known || err != nil {
		return r, err
	}
	if err := m.checkExpectations(b.Expect); err != nil {
		return store.Receipt{}, err
	}
	if err := m.checkBoundary(b.Boundary); err != nil {
		return store.Receipt{}, err
	}
	if err := m.checkRetractions(b.Events); err != nil {
		return store.Receipt{}, err
	}
	return m.commit(b, now), nil
}

// wellFormed checks what can be said of a batch without a database.
func wellFormed(b store.Batch) error {
	for i, e := range b.Events {
		if cause := malformed(e); cause != "" {
			return fmt.Errorf("append event %d: %s: %w", i, cause, store.ErrInvalid)
		}
	}
	if b.Boundary != nil && len(b.Boundary.Query) == 0 {
		return fmt.Errorf("append: boundary without a query: %w", store.ErrInvalid)
	}
	ids := map[[2]string]bool{}
	for _, e := range b.Events {
		id := [2]string{e.Stream, e.ID}
		if e.ID != "" && ids[id] {
			return &store.IdempotencyError{Stream: e.Stream, ID: e.ID, Reason: "twice in one batch"}
		}
		ids[id] = true
	}
	return nil
}

// malformed is what is wrong with an event, "" = nothing.
func malformed(e store.Event) string {
	bare := e.Kind == store.Heartbeat || e.Kind == store.Retraction
	switch {
	case e.Stream == "" || len(e.Stream) > segment.MaxName || !utf8.ValidString(e.Stream):
		return "bad stream name"
	case e.Key == "" || len(e.Key) > segment.MaxKey:
		return "bad key"
	case len(e.Type) > segment.MaxName || !utf8.ValidString(e.Type):
		return "bad type"
	case len(e.ID) > segment.MaxKey:
		return "bad ID"
	case e.Kind > store.Retraction:
		return "unknown kind"
	case bare && len(e.Fields) > 0:
		return "fields where none belong"
	case (e.Kind == store.Retraction) != (e.Retracts != 0):
		return "a retraction names an event, nothing else does"
	}
	names := map[string]bool{}
	for _, f := range e.Fields {
		if f.Name == "" || names[f.Name] || f.Value.Kind() > store.JSONValue {
			return "bad field"
		}
		names[f.Name] = true
	}
	return ""
}

// repeated finds out whether the batch was stored before: then it is known, and
// the receipt that of the first time.
func (m *Model) repeated(events []store.Event) (store.Receipt, bool, error) {
	var found []store.Event
	for _, e := range events {
		if old := m.byID(e.Stream, e.ID); old != nil {
			if !sameContent(e, *old) {
				return store.Receipt{}, false, idempotency(*old, "other content")
			}
			found = append(found, *old)
		}
	}
	if len(found) == 0 {
		return store.Receipt{}, false, nil
	}
	if len(found) < len(events) {
		return store.Receipt{}, false, idempotency(found[0], "others of the batch are new")
	}
	r := store.Receipt{First: found[0].Seq, Recorded: found[0].Recorded, Duplicate: true}
	for _, old := range found {
		if old.Recorded != r.Recorded || old.Seq <= r.Last {
			return store.Receipt{}, false, idempotency(old, "not from one batch in this order")
		}
		r.Last = old.Seq
		r.Versions = append(r.Versions, old.Version)
	}
	return r, true, nil
}

// byID is the event with the ID as its writer said it, nil = there is none.
func (m *Model) byID(stream, id string) *store.Event {
	for i := range m.log {
		if e := &m.log[i].said; id != "" && e.Stream == stream && e.ID == id {
			return e
		}
	}
	return nil
}

// sameContent reports whether a writer said the same twice. Who left the time to
// the engine the first time does so again.
func sameContent(e, old store.Event) bool {
	sameTime := e.Time.Equal(old.Time) || e.Time.IsZero() && old.Time.Equal(old.Recorded)
	return sameTime && e.Key == old.Key && e.Type == old.Type && e.Kind == old.Kind &&
		e.Retracts == old.Retracts && e.Fields.Equal(old.Fields)
}

func idempotency(old store.Event, reason string) error {
	return &store.IdempotencyError{Stream: old.Stream, ID: old.ID, Seq: old.Seq, Reason: reason}
}

func (m *Model) checkExpectations(all []store.Expectation) error {
	for _, x := range all {
		version := m.version(x.Stream, x.Key)
		deleted := m.now().deleted(x.Stream, x.Key)
		ok := true
		switch x.Expect {
		case store.Any:
		case store.Absent:
			ok = version == 0 || deleted
		case store.Exists:
			ok = version > 0 && !deleted
		default:
			ok = x.Expect == store.Exactly(version)
		}
		if !ok {
			return &store.ConflictError{Stream: x.Stream, Key: x.Key, Want: x.Expect, Version: version, Deleted: deleted}
		}
	}
	return nil
}

// version is the last version of a key, 0 = it has none.
func (m *Model) version(stream, key string) uint64 {
	n := uint64(0)
	for _, e := range m.log {
		if e.said.Stream == stream && e.said.Key == key {
			n++
		}
	}
	return n
}

func (m *Model) checkBoundary(b *store.Boundary) error {
	if b == nil {
		return nil
	}
	for _, e := range m.log {
		if e.shown.Seq > b.After && matchesAny(e.shown, b.Query) {
			return &store.BoundaryError{After: b.After, Seq: e.shown.Seq}
		}
	}
	return nil
}

func matchesAny(e store.Event, query []store.Item) bool {
	return slices.ContainsFunc(query, func(item store.Item) bool { return matches(e, item) })
}

func matches(e store.Event, item store.Item) bool {
	if item.Stream != "" && item.Stream != e.Stream {
		return false
	}
	if len(item.Types) > 0 && !slices.Contains(item.Types, e.Type) {
		return false
	}
	for _, f := range item.Fields {
		if v, ok := e.Fields.Get(f.Name); !ok || !v.Equal(f.Value) {
			return false
		}
	}
	return true
}

// checkRetractions: what is retracted comes earlier, maybe in the same batch,
// and is of the same key.
func (m *Model) checkRetractions(events []store.Event) error {
	for i, e := range events {
		if e.Kind != store.Retraction {
			continue
		}
		var target store.Event
		switch before := m.Seq() + uint64(i); {
		case e.Retracts > before:
			return fmt.Errorf("append event %d: retracts %d, which is not earlier: %w", i, e.Retracts, store.ErrInvalid)
		case e.Retracts > m.Seq():
			target = events[e.Retracts-m.Seq()-1]
		default:
			target = m.log[e.Retracts-1].said
		}
		if target.Stream != e.Stream || target.Key != e.Key {
			return fmt.Errorf("append event %d: retracts an event of another key: %w", i, store.ErrInvalid)
		}
	}
	return nil
}

// commit stores the events one after another, so that one of only changes sees
// those before it in the batch.
func (m *Model) commit(b store.Batch, now time.Time) store.Receipt {
	if len(b.Events) == 0 {
		return store.Receipt{Recorded: m.lastTime()}
	}
	r := store.Receipt{First: m.Seq() + 1, Recorded: m.recorded(b.Recorded, now)}
	for _, e := range b.Events {
		if _, ok := m.streams[e.Stream]; !ok {
			m.streams[e.Stream] = store.Stream{Name: e.Stream, Fold: store.Replace}
		}
		e.Seq, e.Version, e.Recorded, e.Same = m.Seq()+1, m.version(e.Stream, e.Key)+1, r.Recorded, 0
		if e.Time.IsZero() {
			e.Time = e.Recorded
		}
		m.log = append(m.log, m.entryOf(e))
		r.Last = e.Seq
		r.Versions = append(r.Versions, e.Version)
	}
	return r
}

// lastTime is the commit time of the newest event, zero if there is none.
func (m *Model) lastTime() time.Time {
	if len(m.log) == 0 {
		return time.Time{}
	}
	return m.log[len(m.log)-1].said.Recorded
}

// recorded is the commit time of a batch: its own or the clock's, but always
// after the last one.
func (m *Model) recorded(own, now time.Time) time.Time {
	t := now
	if !own.IsZero() {
		t = own
	}
	if len(m.log) == 0 {
		return t
	}
	if last := m.log[len(m.log)-1].said.Recorded; !t.After(last) {
		return last.Add(1)
	}
	return t
}

// entryOf is how an event is kept: a change that alters nothing is shown as a
// heartbeat if its stream wants only changes.
func (m *Model) entryOf(e store.Event) entry {
	s := m.streams[e.Stream]
	if !s.OnlyChanges || e.Kind != store.Change {
		return entry{e, e}
	}
	before := m.At(e.Time, m.Seq()).Get(e.Stream, e.Key)
	if before == nil || m.cutsAcross(s, e) || !m.altersNothing(s, *before, e) {
		return entry{e, e}
	}
	shown := e
	shown.Kind, shown.Same = store.Heartbeat, before.Seq
	if s.Fold == store.Replace {
		e.Fields = before.Fields // equal, maybe in another order
		shown.Fields = nil       // to be found in the event that Same names
	}
	return entry{e, shown}
}

// cutsAcross reports whether e, by arrival, is older than something that counts:
// it is then folded last as of several moments whose states differ, so there is
// no one state that it could leave as it is.
func (m *Model) cutsAcross(s store.Stream, e store.Event) bool {
	last, seen := m.now().LastSeen(e.Stream, e.Key)
	return s.Order == store.ByArrival && seen && e.Time.Before(last)
}

// altersNothing reports whether the change e leaves the state as it is.
func (m *Model) altersNothing(s store.Stream, state store.State, e store.Event) bool {
	switch s.Fold {
	case store.Replace:
		return state.Type == e.Type && state.Fields.Equal(e.Fields)
	case store.Merge:
		for _, f := range e.Fields {
			v, ok := state.Fields.Get(f.Name)
			if f.Value.IsNull() && !ok {
				continue
			}
			if !ok || !v.Equal(f.Value) {
				return false
			}
		}
		return true
	}
	after := m.folds[string(s.Fold)](state.Fields, e)
	return after != nil && after.Equal(state.Fields)
}

// KnownBy is the last position recorded at or before t.
func (m *Model) KnownBy(t time.Time) uint64 {
	seq := uint64(0)
	for _, e := range m.log {
		if !e.said.Recorded.After(t) {
			seq = e.said.Seq
		}
	}
	return seq
}
