package store

import (
	"errors"
	"math"
	"unsafe"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// applied is one event on its way into the index and the states.
type applied struct {
	stream   *stream
	key      *key
	event    *Event
	version  index.Version
	recorded int64
	row      []byte // as it stands in the frame, never written to again
	fields   int    // where in row the fields begin
}

// key is the key of that name, made for the event at position seq where it is
// new. The writer's.
func (s *stream) key(name string, seq uint64) *key {
	if k := s.live.Get(name); k != nil {
		return k
	}
	k := index.NewKey[keyState](name)
	k.Data.first, k.Data.seen = seq, never
	if s.Order == ByArrival {
		k.Changes.ByArrival()
	}
	s.live.Insert(k)
	return k
}

// apply puts the event into the index, and its key's latest state into the
// overlay.
func (db *DB) apply(ev *applied) {
	d := &ev.key.Data
	st, err := db.next(ev)
	ev.stream.enter(ev.key, ev.version, ev.event.Retracts)
	if err == errRefold {
		st, err = db.stateAt(ev.stream, ev.key, latest, latestSeq)
	}
	r := &overlaid{record: record{last: d.last, state: st, unknown: err != nil}}
	r.prev.Store(d.newest.Load())
	db.trim(r)
	d.newest.Store(r)
	d.reached.Store(r.last) // after the record: see DB.overlay
	if d.dirty != db.generation {
		d.dirty = db.generation
		ev.stream.dirty = append(ev.stream.dirty, ev.key)
	}
	if ev.event.ID != "" {
		ev.stream.ids.add(ev.event.ID, ev.version)
	}
	db.stats.event(ev.event.Kind, unchanged(ev.version))
}

// enter puts a version into the index and moves the key's head. It is all that
// reading the log again needs.
func (s *stream) enter(k *key, v index.Version, target uint64) {
	h := &k.Data.head
	h.last = v.Seq
	h.version++
	p := place(v.Place)
	if p.kind() == Retraction {
		k.Retractions.Append(index.Retraction{Version: v, Target: target})
		s.rehead(k)
		return
	}
	h.seen = max(h.seen, v.Time)
	if p.kind() == Heartbeat {
		k.Beats.Insert(v)
		return
	}
	k.Changes.Insert(v)
	if at := s.stamp(v.Time, v.Seq); h.order.before(at) {
		h.order, h.deleted = at, p.kind() == Delete
	}
}

// rehead finds the head anew, as after a retraction.
func (s *stream) rehead(k *key) {
	h := &k.Data.head
	keep := retractedAt(k, h.last).effective()
	h.order, h.deleted = stamp{}, false
	if v, ok := k.Changes.Last(latest, h.last, keep); ok {
		h.order, h.deleted = s.stamp(v.Time, v.Seq), isDelete(v)
	}
	h.seen = never
	if seen, ok := lastSeen(s, k, latest, h.last); ok {
		h.seen = seen
	}
}

// lastSeen is the last sign of life of k as of t known at seq: any event but a
// retraction that is not retracted. O(log n), by arrival O(n) where times fall.
func lastSeen(s *stream, k *key, t int64, seq uint64) (seen int64, ok bool) {
	keep := retractedAt(k, seq).effective()
	sight := func(v index.Version) {
		if !ok || v.Time > seen {
			seen, ok = v.Time, true
		}
	}
	if v, ok := k.Beats.Last(t, seq, keep); ok {
		sight(v)
	}
	if s.Order == ByTime {
		if v, ok := k.Changes.Last(t, seq, keep); ok {
			sight(v)
		}
		return seen, ok
	}
	for _, v := range k.Changes.All(t, seq) {
		if keep == nil || keep(v) {
			sight(v)
		}
	}
	return seen, ok
}

// errRefold says that a state is to be computed from the key's history, once the
// event is in it: after a retraction, and where a late event finds a fold that
// only goes forward.
var errRefold = errors.New("refold")

// next is the latest state with the event of ev folded in, which is not in the
// index yet. Where it cannot be told the record says so and the state is asked
// of the log when it is read.
func (db *DB) next(ev *applied) (state, error) {
	s, kind := ev.stream, ev.event.Kind
	at := s.stamp(ev.version.Time, ev.version.Seq)
	inOrder := ev.key.Data.order.before(at)
	switch {
	case kind == Retraction:
		return state{}, errRefold
	case kind == Heartbeat, s.Fold == Replace && !inOrder:
		return db.current(s, ev.key)
	case inOrder && kind == Delete:
		return state{}, nil
	case s.Fold == Replace && unchanged(ev.version):
		return db.repeated(ev)
	case s.Fold == Replace:
		return ev.state(), nil
	case s.Fold == Merge && (inOrder || !s.OnlyChanges):
		return db.mergeNext(ev, at, inOrder)
	case inOrder:
		return db.callNext(ev)
	}
	return state{}, errRefold
}

// repeated is the state that an unchanged event stands for.
func (db *DB) repeated(ev *applied) (state, error) {
	st, err := db.current(ev.stream, ev.key)
	if err != nil || st.live && st.from.seq == ev.event.Same {
		return st, err
	}
	return state{}, errRefold
}

// state is the state that the event makes by itself.
func (ev *applied) state() state {
	return state{live: true, from: ev.origin(), typ: ev.event.Type, content: viewString(ev.row[ev.fields:])}
}

func (ev *applied) origin() origin {
	return origin{seq: ev.version.Seq, version: ev.key.Data.version + 1, time: ev.version.Time, recorded: ev.recorded}
}

// viewString is b as a string; b is never written to again.
func viewString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// mergeNext folds one event into the merged state, in whatever order it comes.
func (db *DB) mergeNext(ev *applied, at stamp, inOrder bool) (state, error) {
	st, err := db.current(ev.stream, ev.key)
	if err != nil {
		return state{}, err
	}
	m := &merged{}
	if st.live {
		if m, err = parseMerged(st.content); err != nil {
			return state{}, err
		}
	} else if h := ev.key.Data.head; h.deleted {
		m.deleted = h.order
	}
	m.apply(ev.event.Kind, ev.event.Fields, at)
	if !m.live() {
		return state{}, nil
	}
	if inOrder && !(unchanged(ev.version) && st.live) {
		st.from, st.typ = ev.origin(), ev.event.Type
	}
	st.live, st.content = true, m.encode()
	return st, nil
}

// callNext calls the Go function on the event, which comes last in order.
func (db *DB) callNext(ev *applied) (state, error) {
	st, err := db.current(ev.stream, ev.key)
	if err != nil {
		return state{}, err
	}
	f := folder{s: ev.stream, live: st.live, from: st.from, typ: st.typ}
	if st.live {
		if f.fields, err = ev.stream.fields(&st); err != nil {
			return state{}, err
		}
	}
	row, err := segment.RowIn(ev.row)
	if err == nil {
		err = f.add(&row, ev.version)
	}
	return f.state(), err
}

// latestSeq is beyond every position.
const latestSeq = math.MaxUint64

// current is the latest state of k before the event at hand: from the overlay,
// from bbolt, or from the log.
func (db *DB) current(s *stream, k *key) (state, error) {
	if k.Data.version == 0 {
		return state{}, nil
	}
	if r, ok := db.newest(s, k, latestSeq); ok && !r.unknown {
		return r.state, nil
	}
	return db.stateAt(s, k, latest, latestSeq)
}

// trim cuts the records that nobody can ask the chain for: those behind the
// first that is visible.
func (db *DB) trim(r *overlaid) {
	visible := db.visible.Load()
	for p := r; p != nil; p = p.prev.Load() {
		if p.last <= visible {
			p.prev.Store(nil)
			return
		}
	}
}

// alike reports whether a stream of only changes has nothing to learn from the
// event, which is then made to stand for the one it repeats. What cannot be told
// is stored in full.
func (db *DB) alike(ev *applied) bool {
	s := ev.stream
	if !s.OnlyChanges || ev.event.Kind != Change || ev.key.Data.version == 0 {
		return false
	}
	st, err := db.stateBefore(s, ev.key, ev.version.Time)
	if err != nil || !st.live {
		return false
	}
	e := *ev.event
	switch s.Fold {
	case Replace:
		fs, err := s.fields(&st)
		if err != nil || st.typ != e.Type || !fs.Equal(e.Fields) {
			return false
		}
		e.Same, e.Fields = st.from.seq, nil
	case Merge:
		m, err := parseMerged(st.content)
		if err != nil || !m.repeats(e.Fields) {
			return false
		}
		e.Same = st.from.seq
	default:
		fs, err := s.fields(&st)
		if err != nil || !db.callRepeats(ev, fs) {
			return false
		}
		e.Same = st.from.seq
	}
	ev.event = &e
	return true
}

// stateBefore is the state as of t before the event at hand. By arrival an event
// older than one seen before has no single state before it: it is folded last
// as of every moment from its own on. There is none to compare with then.
func (db *DB) stateBefore(s *stream, k *key, t int64) (state, error) {
	switch {
	case s.Order == ByArrival && t < k.Data.seen:
		return state{}, nil
	case k.Data.order.before(s.stamp(t, latestSeq)):
		return db.current(s, k)
	}
	return db.stateAt(s, k, t, latestSeq)
}

// repeats reports whether applying fields last would alter nothing.
func (m *merged) repeats(fields Fields) bool {
	have := m.visible()
	for _, f := range fields {
		v, ok := have.Get(f.Name)
		if ok != !f.Value.IsNull() || !v.Equal(f.Value) {
			return false
		}
	}
	return true
}

// callRepeats reports whether the Go function alters nothing of fs.
func (db *DB) callRepeats(ev *applied, fs Fields) bool {
	f := folder{s: ev.stream, live: true, fields: fs}
	e := *ev.event
	e.Time, e.Recorded = instant(ev.version.Time), instant(ev.recorded)
	e.Seq, e.Version = ev.version.Seq, ev.key.Data.version+1
	return f.call(e) == nil && f.live && f.fields.Equal(fs)
}
