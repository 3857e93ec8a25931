package store

import (
	"fmt"
	"iter"
	"sort"
	"sync"
	"time"

	"github.com/annalsdb/annals/segment"
)

// Moment is a point on one of the two axes of time: [AsOf] in event time,
// [KnownAt] and [KnownBy] in what the database knew.
type Moment struct {
	kind momentKind
	time time.Time
	seq  uint64
}

type momentKind uint8

const (
	momentAsOf momentKind = iota + 1
	momentKnownAt
	momentKnownBy
)

// AsOf is event time t, inclusive: events with Time ≤ t count.
func AsOf(t time.Time) Moment { return Moment{kind: momentAsOf, time: t} }

// KnownAt is what was known once position seq was committed; 0 is nothing.
func KnownAt(seq uint64) Moment { return Moment{kind: momentKnownAt, seq: seq} }

// KnownBy is what was known at the commit time t, inclusive: KnownAt of the last
// position recorded at or before t. [View.Seq] tells which that is.
func KnownBy(t time.Time) Moment { return Moment{kind: momentKnownBy, time: t} }

// View is the whole database as of one moment. It is an immutable value: cheap to
// make, safe to share, in no need of closing, and its answers stay what they are
// while writes, checkpoints and rotations go on. It is of use until the database
// is closed.
//
// A view with a moment in event time sees the events with Time up to it. A
// retraction speaks of what is known, not of when something happened: it counts
// whatever its own Time.
type View struct {
	db   *DB
	time int64 // latest where there is no bound
	asOf bool  // there is one
	seq  uint64
}

// Latest is the view of everything committed so far.
func (db *DB) Latest() *View { return &View{db: db, time: latest, seq: db.visible.Load()} }

// View is the view at the given moments, one on each axis; an axis not given is
// at its latest. A moment of knowledge that has not come yet is [ErrFuture].
// O(log n).
func (db *DB) View(moments ...Moment) (*View, error) {
	return db.Latest().At(moments...)
}

// At is what v sees at moments that are not behind its own: event time AsOf a later
// one than v has is that of v, a position that v does not see is [ErrFuture].
func (v *View) At(moments ...Moment) (*View, error) {
	o := *v
	var asOf, known bool
	for _, m := range moments {
		axis := &known
		if m.kind == momentAsOf {
			axis = &asOf
		}
		if *axis {
			return nil, fmt.Errorf("view: %w: two moments on one axis", ErrInvalid)
		}
		*axis = true
		if err := o.move(m); err != nil {
			return nil, fmt.Errorf("view: %w", err)
		}
	}
	return &o, nil
}

func (v *View) move(m Moment) (err error) {
	switch m.kind {
	case momentKnownAt:
		if m.seq > v.seq {
			return fmt.Errorf("%w: position %d is asked for, the newest is %d", ErrFuture, m.seq, v.seq)
		}
		v.seq = m.seq
		return nil
	case momentAsOf, momentKnownBy:
	default:
		return fmt.Errorf("%w: the zero Moment is none", ErrInvalid)
	}
	ns, ok := segment.Nanos(m.time)
	if !ok {
		return fmt.Errorf("%w: time %s is outside the years 1677 to 2262", ErrInvalid, m.time)
	}
	if m.kind == momentAsOf {
		v.time, v.asOf = min(v.time, ns), true
		return nil
	}
	v.seq, err = v.db.knownBy(ns, v.seq)
	return err
}

// knownBy is the last position up to newest that was recorded at or before t, a
// time that must have come.
func (db *DB) knownBy(t int64, newest uint64) (uint64, error) {
	seq, err := db.lastRecorded(t, newest)
	if err == nil && seq == newest && t > db.opt.Now().UnixNano() && !db.recordedAt(newest, t) {
		err = fmt.Errorf("%w: %s has not come yet, the newest position is %d", ErrFuture, instant(t), newest)
	}
	return seq, err
}

// lastRecorded is the last position up to newest that was recorded at or before
// t. O(log n) and a read of at most a mark's distance.
func (db *DB) lastRecorded(t int64, newest uint64) (uint64, error) {
	f, err := db.pin()
	if err != nil {
		return 0, err
	}
	defer f.unpin()
	i := sort.Search(len(f.logs), func(i int) bool {
		first, any := f.logs[i].FirstRecorded()
		return !any || first > t
	})
	if i == 0 {
		seq, err := f.sealedBy(t)
		return min(seq, newest), err
	}
	log := f.logs[i-1]
	r := log.Frames(log.SeekRecorded(t), log.end.Load())
	seq := log.Header.First - 1
	for {
		f, err := nextEvents(r)
		if err != nil || f == nil || f.Recorded > t || f.First > newest {
			return seq, err
		}
		seq = f.Last()
	}
}

// sealedBy is the last position in sealed files recorded at or before t.
func (f *files) sealedBy(t int64) (uint64, error) {
	i := sort.Search(len(f.sealed), func(i int) bool { return f.sealed[i].Info().FirstRecorded > t })
	if i == 0 {
		return 0, nil
	}
	return f.sealed[i-1].RecordedBy(t)
}

// recordedAt reports whether position seq, the newest, was recorded at or after
// t, as imported commit times may be.
func (db *DB) recordedAt(seq uint64, t int64) bool {
	for e, err := range db.read(seq, seq, nil) {
		return err == nil && e.Recorded.UnixNano() >= t
	}
	return false
}

// Seq is the position that the view is exact at.
func (v *View) Seq() uint64 { return v.seq }

// Time is the view's moment in event time, and whether it has one.
func (v *View) Time() (time.Time, bool) {
	if !v.asOf {
		return time.Time{}, false
	}
	return instant(v.time), true
}

// State is the fold of a key's events at some moment. What is not the fields is
// that of the event the state is attributed to: the last change folded in, or,
// where OnlyChanges found that it repeats a state, the event whose state that was.
type State struct {
	Stream, Key, Type string
	Time, Recorded    time.Time
	Seq, Version      uint64
	Fields            Fields
}

// Get is the state of a key, and whether it has one. The latest costs a look at
// the overlay, or a read of bbolt; another moment O(log n) and a read of one
// event under [Replace], of those since the last fold checkpoint under other folds
// (see Options.FoldStep).
func (v *View) Get(stream, key string) (State, bool, error) {
	s, err := v.stream(stream)
	if err != nil {
		return State{}, false, fmt.Errorf("get key %q: %w", key, err)
	}
	st, err := v.get(s, key)
	if err != nil {
		return State{}, false, fmt.Errorf("get key %q of stream %q: %w", key, stream, err)
	}
	if !st.live {
		return State{}, false, nil
	}
	full, err := s.full(key, &st)
	return full, err == nil, err
}

func (v *View) get(s *stream, key string) (state, error) {
	f, err := v.db.pin()
	if err != nil {
		return state{}, err
	}
	defer f.unpin()
	t := trails.Get().(*trail)
	defer trails.Put(t)
	t.follow(v.db, f, s, key, s.live.Get(key))
	return v.state(t)
}

// trails are kept for the next read: one takes more room than what is read.
var trails = sync.Pool{New: func() any { return &trail{} }}

// stream is the stream of that name, if the database is open and the view does not
// reach over lost positions.
func (v *View) stream(name string) (*stream, error) {
	if v.db.closed.Load() {
		return nil, ErrClosed
	}
	if err := v.db.lostUpTo(v.seq); err != nil {
		return nil, err
	}
	return v.db.stream(name)
}

// state is the state in the view of the key of t.
func (v *View) state(t *trail) (state, error) {
	if v.time == latest {
		// An error may be of files behind the view: the events tell.
		if r, ok, err := v.db.newest(t, v.seq); err == nil && ok && v.sees(&r) {
			return r.state, nil
		}
	}
	return t.stateAt(v.time, v.seq)
}

// newest is the newest record of the key of t that position seq may see; it is
// false where only the events can tell.
//
// If the overlay has records of the key, one of them holds, or none does: they are
// all newer than seq, and bbolt may be older than it. If it has none, bbolt has the
// newest: one that reaches the key's last event, where the live index knows that.
// Of keys that are not in it, only the lack of a record is held against the files.
func (db *DB) newest(t *trail, seq uint64) (record, bool, error) {
	reached := uint64(0)
	if t.k != nil {
		r, at, inBolt := db.overlay(t.k, seq)
		switch {
		case !inBolt && r == nil:
			return record{}, false, nil
		case !inBolt:
			return r.record(), true, nil
		}
		reached = at
	}
	if reached == 0 {
		if !db.behind.Load() {
			if r, ok := db.states.find(t.s, t.name); ok {
				return r, true, nil
			}
		}
		p, err := t.newestPart()
		if p == nil || err != nil {
			return record{}, err == nil, err // there is no event: no state
		}
		reached = p.Last
	}
	r, ok := db.states.get(t.s, t.name, reached)
	return r, ok, nil
}

// overlay is the newest record of k in the overlay that position seq may see. If
// the overlay has none at all, bbolt has one that reaches at least position
// reached: a record is put into the overlay before reached tells of it, and leaves
// only once bbolt has it.
func (db *DB) overlay(k *key, seq uint64) (r *overlaid, reached uint64, inBolt bool) {
	reached = k.Data.reached.Load()
	if r = k.Data.newest.Load(); r == nil {
		return nil, reached, true
	}
	for r != nil && (r.batch > seq || r.last() > seq) { // in this order: see overlaid
		r = r.prev.Load()
	}
	return r, reached, false
}

// sees reports whether r is the state in the view.
func (v *View) sees(r *record) bool { return r.last <= v.seq && !r.unknown }

// full is st for the caller.
func (s *stream) full(key string, st *state) (State, error) {
	fields, err := s.fields(st)
	if err != nil {
		return State{}, fmt.Errorf("state of key %q of stream %q: %w", key, s.Name, err)
	}
	return State{
		Stream: s.Name, Key: key, Type: st.typ, Fields: fields,
		Time: instant(st.from.time), Recorded: instant(st.from.recorded),
		Seq: st.from.seq, Version: st.from.version,
	}, nil
}

// LastSeen is the time of the last sign of life of a key: of its latest event,
// heartbeats included, that is not retracted and no retraction (which speaks of
// the record, not of the source). O(log n); by arrival O(n).
func (v *View) LastSeen(stream, key string) (time.Time, bool, error) {
	s, err := v.stream(stream)
	if err != nil {
		return time.Time{}, false, fmt.Errorf("last seen of key %q: %w", key, err)
	}
	f, err := v.db.pin()
	if err != nil {
		return time.Time{}, false, err
	}
	defer f.unpin()
	var t trail
	t.follow(v.db, f, s, key, s.live.Get(key))
	seen, ok, err := t.lastSeen(v.time, v.seq)
	if !ok || err != nil {
		return time.Time{}, false, err
	}
	return instant(seen), true, nil
}

// Sighting is when a key was last seen.
type Sighting struct {
	Key      string
	LastSeen time.Time
}

// Silent is the keys, in key order, whose last sign of life is before since and
// which were not deleted.
func (v *View) Silent(stream string, since time.Time) iter.Seq2[Sighting, error] {
	return func(yield func(Sighting, error) bool) {
		s, err := v.stream(stream)
		if err != nil {
			yield(Sighting{}, fmt.Errorf("silent keys: %w", err))
			return
		}
		var silent []Sighting
		visit := func(f *files, keys []found) error {
			silent = silent[:0]
			for i := range keys {
				var t trail
				t.followFound(v.db, f, s, &keys[i])
				if at, is, err := v.silentSince(&t, since); err != nil {
					return err
				} else if is {
					silent = append(silent, Sighting{keys[i].name, at})
				}
			}
			return nil
		}
		for w := (keysWalk{db: v.db, s: s, n: scanKeys}); ; {
			more, err := w.some(visit)
			if err != nil {
				yield(Sighting{}, fmt.Errorf("silent keys of stream %q: %w", stream, err))
				return
			}
			for _, one := range silent {
				if !yield(one, nil) {
					return
				}
			}
			if !more {
				return
			}
		}
	}
}

// silentSince is when the key of t was last seen, and whether that was before
// since and it is not deleted.
func (v *View) silentSince(t *trail, since time.Time) (time.Time, bool, error) {
	seen, ok, err := t.lastSeen(v.time, v.seq)
	if err != nil || !ok || !instant(seen).Before(since) {
		return time.Time{}, false, err
	}
	gone, err := t.retracted(v.seq)
	if err != nil {
		return time.Time{}, false, err
	}
	last, ok, err := t.last(changes, v.time, v.seq, gone.effective())
	return instant(seen), err == nil && !(ok && last.isDelete()), err
}
