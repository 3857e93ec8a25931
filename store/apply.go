package store

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"unsafe"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// applied is one event on its way into the index and the states.
type applied struct {
	stream  *stream
	key     *key
	event   *Event
	batch   *batch
	version index.Version
	number  uint64 // its version within the key
	same    uint64 // what it repeats, if it is unchanged
	row     []byte // as it stands in the frame, never written to again
	fields  int    // where in row the fields begin
}

// key is the key of that name for the writer: with its whole head, and made where
// it is not in the live index. mu is held.
func (db *DB) key(s *stream, name string) (*key, error) {
	t := &db.writer
	k := s.live.Get(name)
	if k != nil && !k.Data.partial {
		return k, nil
	}
	t.follow(db, db.files.Load(), s, name, k)
	if k == nil {
		return db.load(t)
	}
	h, err := t.head(latestSeq)
	if err != nil {
		return nil, fmt.Errorf("key %q of stream %q: %w", name, s.Name, err)
	}
	k.Data.head, k.Data.partial = h, false
	return k, nil
}

// load puts the key of t, which is not in the live index, into it.
func (db *DB) load(t *trail) (*key, error) {
	p, err := t.newestPart()
	if err != nil {
		return nil, fmt.Errorf("key %q of stream %q: %w", t.name, t.s.Name, err)
	}
	k := index.NewKey[keyState](t.name)
	k.Data.head = head{seen: never}
	if p != nil {
		if k.Data.head, err = db.loadHead(t, p); err != nil {
			return nil, fmt.Errorf("key %q of stream %q: %w", t.name, t.s.Name, err)
		}
		k.Data.reached.Store(p.Last)
		if p.Last > db.states.reached.Load() {
			db.due(t.s, k)
		}
	}
	t.s.live.Insert(k)
	db.memory.keys.Add(keyBytes)
	return k, nil
}

// loadHead is the head of a key whose newest events p has: from bbolt, which is
// one read, or from the events.
func (db *DB) loadHead(t *trail, p *part) (head, error) {
	if r, ok := db.states.get(t.s, t.name, p.Last); ok && r.last == p.Last {
		return r.head, nil
	}
	return t.head(latestSeq)
}

// due puts a record into the overlay whose state is still to be computed: bbolt
// has an older one.
func (db *DB) due(s *stream, k *key) {
	r := &overlaid{head: &head{last: k.Data.last}, unknown: true, due: true}
	k.Data.newest.Store(r)
	db.memory.dirty.Add(r.size())
	db.dirty(s, k)
}

// dirty puts the key on the list of those that a checkpoint writes. mu is held.
func (db *DB) dirty(s *stream, k *key) {
	if k.Data.dirty != db.generation {
		k.Data.dirty = db.generation
		s.dirty = append(s.dirty, k)
	}
}

// apply puts the event into the index, and its key's latest state into the
// overlay. Where reads of what is sealed fail, the record says what is not known.
func (db *DB) apply(ev *applied) {
	d := &ev.key.Data
	t := &db.writer
	t.follow(db, db.files.Load(), ev.stream, ev.key.Name, ev.key)
	st, err := db.next(ev)
	db.enter(ev.stream, ev.key, db.log, ev.version, ev.event.Retracts)
	d.ahead--
	if ev.event.Kind == Retraction || d.partial {
		d.rehead(t)
	} else {
		d.advance(ev.stream, ev.version)
	}
	if err == errRefold {
		st, err = t.stateAt(latest, latestSeq)
	}
	db.overlayNext(ev, &record{head: d.head, state: st, unknown: err != nil})
	db.dirty(ev.stream, ev.key)
	if ev.event.ID != "" {
		db.log.ids.add(ev.stream.number, ev.event.ID, ev.version)
	}
	db.log.tally.event(ev.event.Kind, unchanged(ev.version))
}

// overlayNext makes r the newest record of the event's key. What an earlier event
// of the batch made of it is overwritten: nobody can see that.
func (db *DB) overlayNext(ev *applied, r *record) {
	d := &ev.key.Data
	before := d.newest.Load()
	if before != nil && before.batch == ev.batch.first {
		size := before.size()
		before.set(r)
		before.due = d.partial
		db.memory.dirty.Add(before.size() - size)
		d.reached.Store(r.last)
		return
	}
	next := &overlaid{batch: ev.batch.first}
	next.set(r)
	next.due = d.partial
	for next.prev.Store(before); !d.newest.CompareAndSwap(before, next); next.prev.Store(before) {
		before = d.newest.Load() // a checkpoint has just written it
	}
	d.reached.Store(r.last) // after the record: see DB.overlay
	db.memory.dirty.Add(next.size())
	ev.batch.group.made = append(ev.batch.group.made, next)
}

// keepStates gives the records of a batch contents of their own: those in its frame
// are gone once it is written. It is done once all of its events are applied, so
// that a key with many of them costs one copy.
func keepStates(made []*overlaid) {
	for _, r := range made {
		if r.borrowed {
			r.content, r.borrowed = strings.Clone(r.content), false
		}
	}
}

// cutOverlay lets go of the records before those that have become visible: who asks
// for what was before them asks the events. mu is held.
func (db *DB) cutOverlay(made []*overlaid) {
	for _, r := range made {
		db.memory.dirty.Add(-r.cut())
	}
}

// cut takes away what is behind r and says how many bytes that was.
func (r *overlaid) cut() (bytes int64) {
	for p := r.prev.Swap(nil); p != nil; p = p.prev.Swap(nil) {
		bytes += p.size()
	}
	return bytes
}

// enter puts a version in log into the index. It is nearly all that reading the
// log again needs.
func (db *DB) enter(s *stream, k *key, log *logFile, v index.Version, target uint64) {
	size := int64(versionBytes)
	r, made := k.In(log.Header.First, s.Order == ByArrival)
	if made {
		log.keys = append(log.keys, k)
		size += runsBytes
	}
	log.held.Add(size)
	db.memory.versions.Add(size)
	k.Data.last = v.Seq
	k.Data.version++
	switch place(v.Place).kind() {
	case Retraction:
		r.Retractions.Append(index.Retraction{Version: v, Target: target})
	case Heartbeat:
		r.Beats.Insert(v)
	default:
		r.Changes.Insert(v)
	}
}

// advance moves the rest of the head for a version that is no retraction.
func (d *keyState) advance(s *stream, v index.Version) {
	d.seen = max(d.seen, v.Time)
	kind := place(v.Place).kind()
	if at := s.stamp(v.Time, v.Seq); kind != Heartbeat && d.order.before(at) {
		d.order, d.deleted = at, kind == Delete
	}
}

// rehead finds the head anew, as after a retraction. Where that fails the key's next
// event or the next checkpoint does it, whichever is first: until then its order is
// not to be believed.
func (d *keyState) rehead(t *trail) {
	h, err := t.head(latestSeq)
	if d.partial = err != nil; !d.partial {
		d.head = h
	}
}

// errRefold says that a state is to be computed from the key's history, once the
// event is in it: after a retraction, where a late event finds a fold that only goes
// forward, and where it cannot be told whether the event is late.
var errRefold = errors.New("refold")

// next is the latest state with the event of ev folded in, which is not in the
// index yet; the writer's trail is that of its key. Where it cannot be told the
// record says so and the state is asked of the log when it is read.
func (db *DB) next(ev *applied) (state, error) {
	s, kind := ev.stream, ev.event.Kind
	at := s.stamp(ev.version.Time, ev.version.Seq)
	inOrder := ev.key.Data.order.before(at)
	switch {
	case kind == Retraction, ev.key.Data.partial:
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
	if err != nil || st.live && st.from.seq == ev.same {
		return st, err
	}
	return state{}, errRefold
}

// state is the state that the event makes by itself. Its content is in the frame.
func (ev *applied) state() state {
	content := ev.row[ev.fields:]
	return state{
		live: true, from: ev.origin(), typ: ev.event.Type,
		borrowed: true, content: unsafe.String(unsafe.SliceData(content), len(content)),
	}
}

func (ev *applied) origin() origin {
	return origin{seq: ev.version.Seq, version: ev.number, time: ev.version.Time, recorded: ev.batch.recorded}
}

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

// current is the latest state of k, the key of the writer's trail, before the event
// at hand: from the overlay, from bbolt, or from the events.
func (db *DB) current(s *stream, k *key) (state, error) {
	if k.Data.version == 0 {
		return state{}, nil
	}
	if r, ok, err := db.newest(&db.writer, latestSeq); err != nil {
		return state{}, err
	} else if ok && !r.unknown {
		return r.state, nil
	}
	return db.writer.stateAt(latest, latestSeq)
}

// alike reports whether a stream of only changes has nothing to learn from the
// event, which is then made to stand for the one it repeats. What cannot be told
// is stored in full.
func (db *DB) alike(ev *applied) bool {
	s := ev.stream
	if !s.OnlyChanges || ev.event.Kind != Change || ev.key.Data.version == 0 {
		return false
	}
	db.writer.follow(db, db.files.Load(), s, ev.key.Name, ev.key)
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
// as of every moment from its own on. There is none to compare with then, nor while
// it is not known what was seen.
func (db *DB) stateBefore(s *stream, k *key, t int64) (state, error) {
	switch {
	case k.Data.partial, s.Order == ByArrival && t < k.Data.seen:
		return state{}, nil
	case k.Data.order.before(s.stamp(t, latestSeq)):
		return db.current(s, k)
	}
	return db.writer.stateAt(t, latestSeq)
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
	e.Time, e.Recorded = instant(ev.version.Time), instant(ev.batch.recorded)
	e.Seq, e.Version = ev.version.Seq, ev.number
	return f.call(e) == nil && f.live && f.fields.Equal(fs)
}
