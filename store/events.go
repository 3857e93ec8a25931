package store

import (
	"context"
	"fmt"
	"iter"
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

// Events is the events that the view sees and q wants, by position. Of the history
// from position From to To that is sealed it looks at statistics and at the columns
// that q names, and reads the events wanted; log files it reads whole.
func (v *View) Events(q EventQuery) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		want, err := v.wanted(q)
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

// wanted is q and the view's moment.
func (v *View) wanted(q EventQuery) (wanted, error) {
	if v.db.closed.Load() {
		return nil, ErrClosed
	}
	c := criteria{types: q.Types, prefix: q.KeyPrefix, seen: v.time}
	if q.Stream != "" {
		if _, err := v.db.stream(q.Stream); err != nil {
			return nil, err
		}
		c.streams = []string{q.Stream}
	}
	var err error
	c.since, c.last, err = q.span()
	return wanted{c}, err
}

// span is the first and the last time from Since to Until, in nanoseconds.
func (q *EventQuery) span() (since, last int64, err error) {
	since, last = never, latest
	if !q.Since.IsZero() {
		if since, err = nanos(q.Since); err != nil {
			return 0, 0, err
		}
	}
	if !q.Until.IsZero() {
		until, err := nanos(q.Until)
		if err != nil {
			return 0, 0, err
		}
		if until == never { // nothing is before it
			return latest, never, nil
		}
		last = until - 1
	}
	return since, last, nil
}

func nanos(t time.Time) (int64, error) {
	ns, ok := segment.Nanos(t)
	if !ok {
		return 0, fmt.Errorf("%w: time %s is outside the years 1677 to 2262", ErrInvalid, t)
	}
	return ns, nil
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
			for e, failed := range db.read(next, visible, q.wanted()) {
				if err = failed; err == nil {
					err = ctx.Err()
				}
				if err != nil {
					break
				}
				if e.Recorded.Before(q.Since) { // which was to come when the tail began
					continue
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
	ns, err := nanos(q.Since)
	if err != nil || ns == never {
		return 1, err
	}
	seq, err := db.lastRecorded(ns-1, db.visible.Load())
	return seq + 1, err
}

func (q *TailQuery) wanted() wanted {
	return wanted{{streams: q.Streams, types: q.Types, prefix: q.KeyPrefix, since: never, last: latest, seen: latest}}
}
