package store

import (
	"errors"
	"fmt"
	"iter"
)

// Boundary fails a batch if any event after position After matches the query,
// that is, any of its items: what the specification of dynamic consistency
// boundaries (dcb.events) calls an append condition.
type Boundary struct {
	After uint64
	Query []Item
}

// Item matches an event of the stream (any, when empty), of one of the types
// (any, when there are none), that carries every one of the fields with an equal
// value. It looks at events as they are stored: one that OnlyChanges made a
// heartbeat under [Replace] has no fields of its own.
type Item struct {
	Stream string
	Types  []string
	Fields Fields
}

func (b *Boundary) check() error {
	if b != nil && len(b.Query) == 0 {
		return fmt.Errorf("%w: the boundary has no query; an item without conditions matches every event", ErrInvalid)
	}
	return nil
}

// wanted is the events that match.
func (b *Boundary) wanted() wanted {
	w := make(wanted, len(b.Query))
	for i, it := range b.Query {
		w[i] = criteria{types: it.Types, since: never, last: latest, seen: latest, fields: it.Fields}
		if it.Stream != "" {
			w[i].streams = []string{it.Stream}
		}
	}
	return w
}

// scanBoundary looks at the visible events behind the boundary before the
// writer's lock is taken, so that an old position holds nobody up. What it finds
// counts when it is the boundary's turn: idempotence comes before.
func (db *DB) scanBoundary(b *batch) error {
	if b.boundary == nil {
		return nil
	}
	b.seen = db.visible.Load()
	err := db.matchVisible(b.boundary, b.boundary.After, b.seen)
	if errors.As(err, &b.matched) {
		return nil
	}
	return err
}

// matchVisible looks at the positions (after, upTo] of the log.
func (db *DB) matchVisible(b *Boundary, after, upTo uint64) error {
	if after >= upTo {
		return nil
	}
	return b.first(db.read(after+1, upTo, b.wanted()))
}

// first is the error that the first of the events that match is, if there is one.
func (b *Boundary) first(matches iter.Seq2[Event, error]) error {
	for e, err := range matches {
		if err == nil {
			err = &BoundaryError{After: b.After, Seq: e.Seq}
		}
		return err
	}
	return nil
}

// checkBoundary looks at what came since, the frames about to be written
// included. mu is held.
func (db *DB) checkBoundary(in *batch) error {
	b := in.boundary
	switch {
	case b == nil:
		return nil
	case in.matched != nil:
		return in.matched
	}
	seen := max(in.seen, b.After)
	visible := db.visible.Load()
	if err := db.matchVisible(b, seen, visible); err != nil {
		return err
	}
	seen = max(seen, visible)
	for f := range db.pendingFrames() {
		if err := b.first(db.events(f, seen+1, latestSeq, b.wanted())); err != nil {
			return err
		}
	}
	return nil
}
