package store

import (
	"hash/maphash"
	"strings"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// ids finds the event in one log file that has an ID. It keeps the hash of each ID
// with the version it belongs to, and looks at the event itself to be sure; the
// rare IDs that share a hash with another stand in more. The writer's alone; a
// sealed file has a table of its own.
//
// Kept in bbolt instead, random IDs would make every checkpoint rewrite most of
// the file.
type ids struct {
	byHash map[uint64]index.Version
	more   map[streamID]index.Version
}

type streamID struct {
	stream uint32
	id     string
}

// idSeed is that of all hashes of this process.
var idSeed = maphash.MakeSeed()

func (k streamID) hash() uint64 { return maphash.Comparable(idSeed, k) }

func (t *ids) add(stream uint32, id string, v index.Version) {
	if t.byHash == nil {
		t.byHash = make(map[uint64]index.Version)
	}
	k := streamID{stream, id}
	hash := k.hash()
	if _, taken := t.byHash[hash]; !taken {
		t.byHash[hash] = v
		return
	}
	if t.more == nil {
		t.more = make(map[streamID]index.Version)
	}
	k.id = strings.Clone(id)
	t.more[k] = v
}

// find is the event of the stream that has the ID. mu is held.
func (db *DB) find(s *stream, id string) (e Event, known bool, err error) {
	f := db.files.Load()
	k := streamID{s.number, id}
	for i := len(f.logs) - 1; i >= 0; i-- {
		t := &f.logs[i].ids
		v, ok := t.more[k]
		if !ok {
			v, ok = t.byHash[k.hash()]
		}
		if !ok {
			continue
		}
		row, err := db.row(f, v)
		if err != nil {
			return Event{}, false, err
		}
		if row.ID == id && row.Stream == s.number {
			e, err = eventOf(s, &row, v.Seq, v.Time+row.Lag)
			return e, err == nil, err
		}
	}
	for i := len(f.sealed) - 1; i >= 0; i-- {
		if in := s.in(f.sealed[i]); in == nil || in.IDs == 0 {
			continue
		}
		at, key, ok, err := f.sealed[i].ID(s.number, id)
		if err != nil {
			return Event{}, false, err
		}
		if ok {
			row, err := f.sealed[i].Row(&key, at)
			if err != nil {
				return Event{}, false, err
			}
			e, err = eventOf(s, &row.Row, row.Seq, row.Recorded)
			return e, err == nil, err
		}
	}
	return Event{}, false, nil
}

// repeat reports whether b was stored before, all of it in one batch and in the
// same order, and then its receipt. An ID that is known in any other way is an
// [IdempotencyError].
func (db *DB) repeat(b *batch) (r Receipt, known bool, err error) {
	if err := b.idsOnce(); err != nil {
		return r, false, err
	}
	streams := db.streams.Load()
	var first *Event // the first event of the batch that is known
	for i := range b.events {
		e := &b.events[i]
		s := streams.byName[e.Stream]
		if e.ID == "" || s == nil {
			continue
		}
		old, hit, err := db.find(s, e.ID)
		if err != nil {
			return r, false, err
		}
		if !hit {
			continue
		}
		if err := db.same(s, e, &old); err != nil {
			return r, false, err
		}
		if first == nil {
			first, r.First, r.Recorded = e, old.Seq, old.Recorded
		} else if !old.Recorded.Equal(r.Recorded) || old.Seq <= r.Last {
			return r, false, &IdempotencyError{e.Stream, e.ID, old.Seq, "it was stored in another batch or another order"}
		}
		r.Last = old.Seq
		r.Versions = append(r.Versions, old.Version)
	}
	if first == nil {
		return r, false, nil
	}
	if len(r.Versions) < len(b.events) {
		return r, false, &IdempotencyError{first.Stream, first.ID, r.First, "others of the batch are new"}
	}
	r.Duplicate = true
	return r, true, nil
}

// idsOnce refuses an ID that stands twice in the batch under one stream.
func (b *batch) idsOnce() error {
	type name struct{ stream, id string }
	seen := make(map[name]struct{}, len(b.events))
	for i := range b.events {
		n := name{b.events[i].Stream, b.events[i].ID}
		if _, twice := seen[n]; twice && n.id != "" {
			return &IdempotencyError{Stream: n.stream, ID: n.id, Reason: "two events have it"}
		}
		seen[n] = struct{}{}
	}
	return nil
}

// same reports how the stored event differs from what e asks for, or nil. A
// zero Time equals one that was left to the engine.
func (db *DB) same(s *stream, e, old *Event) error {
	kind, fields := old.Kind, old.Fields
	if old.Same != 0 {
		kind = Change
		if s.Fold == Replace {
			db.writer.follow(db, db.files.Load(), s, old.Key, s.live.Get(old.Key))
			row, err := db.writer.repeats(segment.Row{Unchanged: true, Ref: old.Same})
			if err != nil {
				return err
			}
			if fields, err = row.Fields(); err != nil {
				return err
			}
		}
	}
	time := e.Time
	if time.IsZero() {
		time = old.Recorded
	}
	if e.Key == old.Key && e.Type == old.Type && e.Kind == kind && e.Retracts == old.Retracts &&
		time.Equal(old.Time) && e.Fields.Equal(fields) {
		return nil
	}
	return &IdempotencyError{e.Stream, e.ID, old.Seq, "the content is another"}
}
