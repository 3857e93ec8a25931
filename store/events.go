package store

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/annalsdb/annals/segment"
)

// EventQuery says which events are wanted; the zero value of a field is no
// condition.
type EventQuery struct {
	Stream       string
	KeyPrefix    string
	Types        []string  // any of them
	From, To     uint64    // positions, inclusive
	Since, Until time.Time // of Time: [Since, Until)
}

// Events is the events that the view sees and q wants, by position. It reads the
// log from position From to To.
func (v *View) Events(q EventQuery) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		want, err := v.filter(q)
		if err != nil {
			yield(Event{}, fmt.Errorf("events: %w", err))
			return
		}
		to := v.seq
		if q.To != 0 {
			to = min(to, q.To)
		}
		for e, err := range v.db.read(max(q.From, 1), to, want) {
			if err != nil {
				yield(Event{}, fmt.Errorf("events: %w", err))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// filter is q and the view's moment as a filter of rows.
func (v *View) filter(q EventQuery) (filter, error) {
	if v.db.closed.Load() {
		return nil, ErrClosed
	}
	var only *stream
	if q.Stream != "" {
		var err error
		if only, err = v.db.stream(q.Stream); err != nil {
			return nil, err
		}
	}
	since, until, err := q.span()
	if err != nil {
		return nil, err
	}
	return func(s *stream, row *segment.Row, t int64) bool {
		return (only == nil || s == only) && (t <= v.time || row.Kind == Retraction) && t >= since && (q.Until.IsZero() || t < until) &&
			strings.HasPrefix(row.Key, q.KeyPrefix) && (len(q.Types) == 0 || slices.Contains(q.Types, row.Type))
	}, nil
}

// span is Since and Until in nanoseconds.
func (q *EventQuery) span() (since, until int64, err error) {
	since, until = never, latest
	for _, bound := range []struct {
		t  time.Time
		ns *int64
	}{{q.Since, &since}, {q.Until, &until}} {
		if bound.t.IsZero() {
			continue
		}
		ns, ok := segment.Nanos(bound.t)
		if !ok {
			return 0, 0, fmt.Errorf("%w: time %s is outside the years 1677 to 2262", ErrInvalid, bound.t)
		}
		*bound.ns = ns
	}
	return since, until, nil
}

// TailQuery says where a tail begins and what it wants; the zero value is
// everything from the first event on.
type TailQuery struct {
	Streams   []string // any of them; they need not be defined yet
	Types     []string
	KeyPrefix string

	// Where to begin: at position From, at the first event recorded at or
	// after Since, or, if New, behind the newest. At most one of the three.
	From  uint64
	Since time.Time
	New   bool
}

// Tail is the events that q wants, by position: first those in the log, then
// each as it is committed, without a gap or a duplicate, until the loop is left
// or ctx ends, whose error is then the last pair. It ends with [ErrClosed] when
// the database is closed.
//
// A tail reads the log at its own pace: however slow, it holds nobody up, and
// costs the writer one bell.
func (db *DB) Tail(ctx context.Context, q TailQuery) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		next, err := db.tailFrom(&q)
		for err == nil {
			news := db.news.Listen()
			visible := db.visible.Load()
			for e, failed := range db.read(next, visible, q.filter()) {
				if err = failed; err == nil {
					err = ctx.Err()
				}
				if err != nil {
					break
				}
				if !yield(e, nil) {
					return
				}
			}
			next = max(next, visible+1)
			if err == nil {
				err = db.waitNews(ctx, news)
			}
		}
		yield(Event{}, fmt.Errorf("tail: %w", err))
	}
}

// waitNews waits for news, the end of ctx or the closing of the database.
func (db *DB) waitNews(ctx context.Context, news <-chan struct{}) error {
	if db.closed.Load() {
		return ErrClosed
	}
	select {
	case <-news:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// tailFrom is the position at which the tail begins.
func (db *DB) tailFrom(q *TailQuery) (uint64, error) {
	given := 0
	for _, is := range []bool{q.From != 0, !q.Since.IsZero(), q.New} {
		if is {
			given++
		}
	}
	switch {
	case db.closed.Load():
		return 0, ErrClosed
	case given > 1:
		return 0, fmt.Errorf("%w: From, Since and New are three ways to begin, give one", ErrInvalid)
	case q.New:
		return db.visible.Load() + 1, nil
	case q.Since.IsZero():
		return max(q.From, 1), nil
	}
	ns, ok := segment.Nanos(q.Since)
	if !ok {
		return 0, fmt.Errorf("%w: time %s is outside the years 1677 to 2262", ErrInvalid, q.Since)
	}
	if ns == never {
		return 1, nil
	}
	seq, err := db.lastRecorded(ns-1, db.visible.Load())
	return seq + 1, err
}

func (q *TailQuery) filter() filter {
	return func(s *stream, row *segment.Row, _ int64) bool {
		return (len(q.Streams) == 0 || slices.Contains(q.Streams, s.Name)) &&
			(len(q.Types) == 0 || slices.Contains(q.Types, row.Type)) && strings.HasPrefix(row.Key, q.KeyPrefix)
	}
}
