package fuzz

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/annalsdb/annals/store"
)

// raceSeen is a view and what it said when it was new.
type raceSeen struct {
	view *store.View
	said string
}

// view takes a view, now or at some moment, reads it at once and a while later,
// and keeps it for later still.
func (r *race) view(rnd *rand.Rand) error {
	v, err := r.someView(rnd)
	if err != nil {
		return err
	}
	said, err := raceAnswers(v)
	if err != nil {
		return err
	}
	time.Sleep(time.Duration(rnd.Int64N(int64(5 * time.Millisecond))))
	seen := raceSeen{v, said}
	if err := seen.again(v); err != nil {
		return fmt.Errorf("a moment later: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.views) < 30 {
		r.views = append(r.views, seen)
	}
	return nil
}

// again compares what v says, a view of the same moment.
func (s raceSeen) again(v *store.View) error {
	now, err := raceAnswers(v)
	if err != nil || now == s.said {
		return err
	}
	was, is := strings.Split(s.said, "\n"), strings.Split(now, "\n")
	i := 0
	for i < min(len(was), len(is))-1 && was[i] == is[i] {
		i++
	}
	return fmt.Errorf("view at %d said\n%s\nand now says\n%s", v.Seq(), was[i], is[i])
}

// someView is one on any of the axes.
func (r *race) someView(rnd *rand.Rand) (*store.View, error) {
	latest := r.db.Latest()
	var m []store.Moment
	if latest.Seq() > 0 && rnd.IntN(2) == 0 {
		m = append(m, store.KnownAt(1+rnd.Uint64N(latest.Seq())))
	}
	if rnd.IntN(2) == 0 {
		m = append(m, store.AsOf(killEpoch.Add(time.Duration(rnd.Int64N(int64(time.Hour))))))
	}
	if len(m) == 0 {
		return latest, nil
	}
	return r.db.View(m...)
}

// seen is a copy of the views kept so far.
func (r *race) seen() []raceSeen {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.views)
}

// checkSeen asks the reopened database for the same moment: the answers are the
// same, whoever kept the state then.
func (r *race) checkSeen(db *store.DB, s raceSeen) {
	m := []store.Moment{store.KnownAt(s.view.Seq())}
	if t, ok := s.view.Time(); ok {
		m = append(m, store.AsOf(t))
	}
	if s.view.Seq() == 0 {
		return
	}
	v, err := db.View(m...)
	if err != nil {
		r.t.Errorf("view at %d, reopened: %v", s.view.Seq(), err)
		return
	}
	if err := s.again(v); err != nil {
		r.t.Errorf("reopened: %v", err)
	}
}

// raceAnswers is what v answers, a line each: every state, one key's history and
// last sign of life in each stream, and the last events.
func raceAnswers(v *store.View) (string, error) {
	var b strings.Builder
	at, _ := v.Time()
	fmt.Fprintln(&b, v.Seq(), at)
	for i, s := range killStreams {
		for state, err := range v.Scan(s.Name, store.Range{Reverse: i%2 == 0}) {
			if err != nil {
				return "", err
			}
			fmt.Fprintln(&b, "state", state)
		}
		key := fmt.Sprintf("key-%02d", i)
		for step, err := range v.History(s.Name, key) {
			if err != nil {
				return "", err
			}
			fmt.Fprintln(&b, "step", step.Event, step.RetractedBy)
		}
		seen, ok, err := v.LastSeen(s.Name, key)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(&b, "seen", key, seen, ok)
	}
	from := v.Seq() - min(v.Seq(), 100) + 1
	for e, err := range v.Events(store.EventQuery{From: from}) {
		if err != nil {
			return "", err
		}
		fmt.Fprintln(&b, "event", e)
	}
	return b.String(), nil
}

// raceTail is a subscription and what it gave.
type raceTail struct {
	q      store.TailQuery
	from   uint64 // no event at or before it is expected
	events []store.Event
}

// tail follows the log until the database is closed. Some are slow at times.
func (r *race) tail(rnd *rand.Rand, q store.TailQuery) {
	tail := &raceTail{q: q}
	if q.New {
		tail.from = r.before
	}
	r.tails = append(r.tails, tail)
	own := rand.New(rand.NewPCG(rnd.Uint64(), 6))
	r.all.Go(func() {
		for e, err := range r.db.Tail(context.Background(), q) {
			if err != nil {
				if !errors.Is(err, store.ErrClosed) {
					r.t.Errorf("tail of %+v: %v", q, err)
				}
				return
			}
			tail.events = append(tail.events, e)
			if own.IntN(500) == 0 {
				time.Sleep(time.Duration(own.Int64N(int64(20 * time.Millisecond))))
			}
		}
		r.t.Errorf("tail of %+v ended without an error", q)
	})
}

// check finds in what the tail gave every event that it had to give, once and
// in order, up to the last one given. A tail of new events may begin anywhere.
func (t *raceTail) check(log []store.Event) error {
	var want []store.Event
	from, to := max(t.from, 1), uint64(0)
	if n := len(t.events); n > 0 {
		to = t.events[n-1].Seq
	}
	if t.q.From > 0 {
		from = t.q.From
	}
	if t.q.New && len(t.events) > 0 {
		if from = t.events[0].Seq; from <= t.from {
			return fmt.Errorf("first of the new events is %d, %d was there before", from, t.from)
		}
	}
	for _, e := range log {
		if from <= e.Seq && e.Seq <= to && t.asks(e) {
			want = append(want, e)
		}
	}
	if len(t.events) != len(want) {
		return fmt.Errorf("%d events up to %d, the log has %d", len(t.events), to, len(want))
	}
	for i, e := range want {
		if !plainSameEvent(t.events[i], e) {
			return fmt.Errorf("event %d of the tail is %s, in the log it is %s", i, plainText(t.events[i]), plainText(e))
		}
	}
	return nil
}

// asks reports whether the tail's query selects e.
func (t *raceTail) asks(e store.Event) bool {
	return (len(t.q.Streams) == 0 || slices.Contains(t.q.Streams, e.Stream)) &&
		(len(t.q.Types) == 0 || slices.Contains(t.q.Types, e.Type)) &&
		strings.HasPrefix(e.Key, t.q.KeyPrefix)
}
