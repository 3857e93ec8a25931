package store

import (
	"hash/maphash"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// ids finds the event that has an ID. It keeps the hash of each ID with the
// version it belongs to, and looks at the event itself to be sure; the rare IDs
// that share a hash with another stand in more. The writer's alone.
//
// Kept in bbolt instead, random IDs would make every checkpoint rewrite most of
// the file. The memory is some 60 bytes an ID.
type ids struct {
	seed   maphash.Seed
	byHash map[uint64]index.Version
	more   map[string]index.Version
}

func (t *ids) add(id string, v index.Version) {
	if t.byHash == nil {
		t.seed = maphash.MakeSeed()
		t.byHash = make(map[uint64]index.Version)
	}
	hash := maphash.String(t.seed, id)
	if _, taken := t.byHash[hash]; !taken {
		t.byHash[hash] = v
		return
	}
	if t.more == nil {
		t.more = make(map[string]index.Version)
	}
	t.more[id] = v
}

// find is the event of the stream that has the ID.
func (db *DB) find(s *stream, id string) (e Event, known bool, err error) {
	if v, ok := s.ids.more[id]; ok {
		e, err = db.event(s, v)
		return e, err == nil, err
	}
	v, ok := s.ids.byHash[maphash.String(s.ids.seed, id)]
	if !ok {
		return Event{}, false, nil
	}
	e, err = db.event(s, v)
	return e, err == nil && e.ID == id, err
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
		if e.ID == "" || s == nil || s.ids.byHash == nil {
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
			row, err := db.repeats(s.live.Get(old.Key), segment.Row{Unchanged: true, Ref: old.Same})
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
