package store

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// Transition is one event of a key's history and what it did.
type Transition struct {
	Event    Event
	Old, New *State // before and after it, in the stream's order; nil = no state

	// RetractedBy is the position of the retraction because of which the
	// event counts as never having happened; 0 = none.
	RetractedBy uint64
}

// History is all events of a key that the view sees, in the stream's order, with
// the state before and after each. Heartbeats, retractions and what they retract
// are among them; they alter nothing. It reads every event of the key once.
func (v *View) History(stream, key string) iter.Seq2[Transition, error] {
	return func(yield func(Transition, error) bool) {
		fail := func(err error) {
			yield(Transition{}, fmt.Errorf("history of key %q of stream %q: %w", key, stream, err))
		}
		s, err := v.stream(stream)
		if err == nil {
			err = s.needFold()
		}
		if err != nil {
			fail(err)
			return
		}
		k := s.live.Get(key)
		if k == nil {
			return
		}
		w := walker{db: v.db, s: s, k: k, gone: retractedAt(k, v.seq)}
		for _, at := range v.versions(s, k) {
			t, err := w.step(at)
			if err != nil {
				fail(err)
				return
			}
			if !yield(t, nil) {
				return
			}
		}
	}
}

// versions is all versions of k that the view sees, in the stream's order.
func (v *View) versions(s *stream, k *key) []index.Version {
	changes, beats := k.Changes.All(v.time, v.seq), k.Beats.All(v.time, v.seq)
	var others []index.Version
	for _, r := range k.Retractions.View() {
		if r.Seq <= v.seq {
			others = append(others, r.Version)
		}
	}
	if len(beats)+len(others) == 0 {
		return changes
	}
	all := slices.Concat(changes, beats, others)
	slices.SortFunc(all, func(a, b index.Version) int {
		if s.stamp(a.Time, a.Seq).before(s.stamp(b.Time, b.Seq)) {
			return -1
		}
		return 1
	})
	return all
}

// walker folds a key's events one by one.
type walker struct {
	db   *DB
	s    *stream
	k    *key
	gone retracted
	fold folder
	now  *State
}

// step is the transition that the event at v makes.
func (w *walker) step(v index.Version) (Transition, error) {
	row, err := w.db.row(v)
	if err != nil {
		return Transition{}, err
	}
	t := Transition{Old: w.now, RetractedBy: w.gone[v.Seq]}
	if t.Event, err = eventOf(w.s, &row, v.Seq, v.Time+row.Lag); err != nil {
		return Transition{}, err
	}
	if row.Kind <= Delete && t.RetractedBy == 0 {
		if err := w.advance(&row, v); err != nil {
			return Transition{}, err
		}
	}
	t.New = w.now
	return t, nil
}

// advance moves to the state after the change or delete at v.
func (w *walker) advance(row *segment.Row, v index.Version) error {
	var st state
	var err error
	switch {
	case w.s.Fold != Replace:
		w.fold.s = w.s
		if err = w.fold.add(row, v); err == nil {
			st = w.fold.state()
		}
	case row.Kind == Change:
		st, err = w.db.replaceWith(w.k, v, w.gone)
	}
	if err != nil || !st.live {
		w.now = nil
		return err
	}
	full, err := w.s.full(w.k.Name, &st)
	w.now = &full
	return err
}

// Period is a span of event time during which a key had one state.
type Period struct {
	From  time.Time
	Until time.Time // exclusive; the zero Time = it still lasts
	State State
}

// Between is the states of a key that were valid at some moment of [from, to),
// in order of time, as far as the view knows: SQL:2011's FROM from TO to. A
// state that an event only repeats goes on; one that lasts no time is not there.
// By time it reads the key's events once; by arrival it folds anew at each
// moment at which one begins to count.
func (v *View) Between(stream, key string, from, to time.Time) iter.Seq2[Period, error] {
	return func(yield func(Period, error) bool) {
		s, err := v.stream(stream)
		if err == nil {
			err = s.needFold()
		}
		var periods []Period
		if err == nil {
			if k := s.live.Get(key); k != nil {
				periods, err = v.periods(s, k)
			}
		}
		if err != nil {
			yield(Period{}, fmt.Errorf("states of key %q of stream %q: %w", key, stream, err))
			return
		}
		for _, p := range periods {
			if p.From.Before(to) && (p.Until.IsZero() || p.Until.After(from)) && !yield(p, nil) {
				return
			}
		}
	}
}

// periods is all periods of k in the view.
func (v *View) periods(s *stream, k *key) (all []Period, err error) {
	gone := retractedAt(k, v.seq)
	changes := slices.DeleteFunc(slices.Clone(k.Changes.All(v.time, v.seq)), func(c index.Version) bool { return gone.has(c.Seq) })
	slices.SortFunc(changes, func(a, b index.Version) int {
		if a.Before(b) {
			return -1
		}
		return 1
	})
	w := walker{db: v.db, s: s, k: k, gone: gone}
	for i, c := range changes {
		if s.Order == ByTime {
			if _, err := w.step(c); err != nil {
				return nil, err
			}
		}
		if i+1 < len(changes) && changes[i+1].Time == c.Time {
			continue // it lasts no time
		}
		if s.Order == ByArrival {
			if err := w.jump(c.Time, v.seq); err != nil {
				return nil, err
			}
		}
		all = w.extend(all, instant(c.Time))
	}
	return all, nil
}

// jump moves to the state as of t.
func (w *walker) jump(t int64, seq uint64) error {
	st, err := w.db.stateAt(w.s, w.k, t, seq)
	w.now = nil
	if err != nil || !st.live {
		return err
	}
	full, err := w.s.full(w.k.Name, &st)
	w.now = &full
	return err
}

// extend ends the last period at t, if the state there is another, and begins
// the next.
func (w *walker) extend(all []Period, t time.Time) []Period {
	if n := len(all); n > 0 && all[n-1].Until.IsZero() {
		if last := &all[n-1]; w.now != nil && last.State.Seq == w.now.Seq && last.State.Fields.Equal(w.now.Fields) {
			return all
		}
		all[n-1].Until = t
	}
	if w.now == nil {
		return all
	}
	return append(all, Period{From: t, State: *w.now})
}
