package fuzz

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/annalsdb/annals/store"
)

// Tail is the events that a tail gives: from the position on at which q begins.
func (m *Model) Tail(q store.TailQuery) ([]store.Event, error) {
	if q.From != 0 && !q.Since.IsZero() {
		return nil, fmt.Errorf("tail: %w", store.ErrInvalid)
	}
	var events []store.Event
	begun := q.Since.IsZero()
	for _, entry := range m.log {
		e := entry.shown
		begun = begun || !e.Recorded.Before(q.Since)
		if begun && e.Seq >= q.From && strings.HasPrefix(e.Key, q.KeyPrefix) &&
			(len(q.Streams) == 0 || slices.Contains(q.Streams, e.Stream)) &&
			(len(q.Types) == 0 || slices.Contains(q.Types, e.Type)) {
			events = append(events, e)
		}
	}
	return events, nil
}

// tail is a tail at work.
type tail struct {
	query store.TailQuery
	leave context.CancelFunc
	given chan given
	taken int
}

// given is an event of a tail, or the error it ended with.
type given struct {
	event store.Event
	err   error
}

// follow begins a tail, which goes on until the database is closed.
func (o *oracle) follow(q store.TailQuery) {
	ctx, leave := context.WithCancel(context.Background())
	t := &tail{query: q, leave: leave, given: make(chan given)}
	db := o.db
	go func() {
		for e, err := range db.Tail(ctx, q) {
			select {
			case t.given <- given{e, err}:
			case <-ctx.Done():
				return
			}
		}
	}()
	o.tails = append(o.tails, t)
}

// followed takes from all tails what there is, and compares.
func (o *oracle) followed() error {
	for _, t := range slices.Clone(o.tails) {
		want, wantErr := o.model.Tail(t.query)
		if wantErr != nil {
			g := t.take()
			o.tails = slices.DeleteFunc(o.tails, func(other *tail) bool { return other == t })
			if err := sameError(g.err, wantErr); err != nil {
				return fmt.Errorf("tail %+v: %w", t.query, err)
			}
			continue
		}
		for ; t.taken < len(want); t.taken++ {
			g := t.take()
			if g.err != nil {
				return fmt.Errorf("tail %+v: %w", t.query, g.err)
			}
			if err := compare(fmt.Sprintf("tail %+v", t.query), showEvent(g.event), showEvent(want[t.taken])); err != nil {
				return err
			}
		}
	}
	return nil
}

// closed wants all tails to end, as the database is closed, and to have had nothing
// more to give.
func (o *oracle) closed() error {
	for _, t := range o.tails {
		if g := t.take(); !errors.Is(g.err, store.ErrClosed) {
			return fmt.Errorf("tail %+v of a closed database: event %s, error %v", t.query, showEvent(g.event), g.err)
		}
	}
	o.tails = nil
	return nil
}

// leave leaves all tails.
func (o *oracle) leave() {
	for _, t := range o.tails {
		t.leave()
	}
}

// take is the next thing that the tail gives. If nothing comes for long enough it is
// taken for lost; it is waited for several times, since all may have stood still.
func (t *tail) take() given {
	for range 6 {
		select {
		case g := <-t.given:
			return g
		case <-time.After(2 * time.Second):
		}
	}
	return given{err: errors.New("it waits, and there is something to give")}
}
