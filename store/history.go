package store

import (
	"fmt"
	"iter"
	"slices"
	"time"

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

// historyAtOnce is how many transitions are made in one go, with the files pinned
// that they are read from; at first they are fewer, for a caller who wants no more.
const (
	historyAtOnce = 1024
	historyFirst  = 64
)

// History is all events of a key that the view sees, in the stream's order, with
// the state before and after each. Heartbeats, retractions and what they retract
// are among them; they alter nothing. It reads every event of the key once.
func (v *View) History(stream, key string) iter.Seq2[Transition, error] {
	return func(yield func(Transition, error) bool) {
		s, err := v.stream(stream)
		if err == nil {
			err = s.needFold()
		}
		w := walker{view: v, s: s, name: key, fold: folder{s: s}}
		n := historyFirst
		for more := true; more && err == nil; n = min(2*n, historyAtOnce) {
			more, err = w.some(n)
			for i := range w.made {
				if !yield(w.made[i], nil) {
					return
				}
			}
		}
		if err != nil {
			yield(Transition{}, fmt.Errorf("history of key %q of stream %q: %w", key, stream, err))
		}
	}
}

// versions is up to n versions of any class behind the stamp from that the view
// sees, in the stream's order.
func (v *View) versions(t *trail, from stamp, n int) (all []version, err error) {
	for c := changes; c <= retractions; c++ {
		some, err := t.after(c, from, n, v.time, v.seq)
		if err != nil {
			return nil, err
		}
		if len(all) == 0 {
			all = some
			continue
		}
		all = append(all, some...)
	}
	if order := func(a, b version) int { return t.s.compare(a.Version, b.Version) }; !slices.IsSortedFunc(all, order) {
		slices.SortFunc(all, order)
	}
	return all[:min(n, len(all))], nil
}

// walker folds a key's events one by one.
type walker struct {
	view *View
	s    *stream
	name string
	gone retracted
	fold folder
	now  *State
	at   stamp // of the last event
	made []Transition

	files  *files // that are read
	rows   rowReaders
	states []State // memory for the next ones
}

// some makes the next transitions, up to n; more is false when there are no others.
func (w *walker) some(n int) (more bool, err error) {
	w.made = w.made[:0]
	f, err := w.view.db.pin()
	if err != nil {
		return false, err
	}
	defer f.unpin()
	var t trail
	w.follow(&t, f)
	if w.at == beginning {
		if w.gone, err = t.retracted(w.view.seq); err != nil {
			return false, err
		}
	}
	all, err := w.view.versions(&t, w.at, n)
	if err != nil {
		return false, err
	}
	for i := range all {
		transition, err := w.step(&t, &all[i])
		if err != nil {
			return false, err
		}
		w.made = append(w.made, transition)
		w.at = w.s.stamp(all[i].Time, all[i].Seq)
	}
	return len(all) == n, nil
}

func (w *walker) follow(t *trail, f *files) {
	t.follow(w.view.db, f, w.s, w.name, w.s.live.Get(w.name))
	if w.files != f {
		w.files, w.rows.all = f, nil
	}
}

// step is the transition that the event at v makes.
func (w *walker) step(t *trail, v *version) (Transition, error) {
	row, err := w.rows.read(t, v)
	if err != nil {
		return Transition{}, err
	}
	step := Transition{Old: w.now, RetractedBy: w.gone[v.Seq]}
	if step.Event, err = eventOf(w.s, &row, v.Seq, v.Time+row.Lag); err != nil {
		return Transition{}, err
	}
	if row.Kind <= Delete && step.RetractedBy == 0 {
		if err := w.advance(t, &row, v); err != nil {
			return Transition{}, err
		}
	}
	step.New = w.now
	return step, nil
}

// advance moves to the state after the change or delete at v.
func (w *walker) advance(t *trail, row *segment.Row, v *version) error {
	var st state
	var err error
	switch {
	case w.s.Fold != Replace:
		if err = w.fold.add(row, v.Version); err == nil {
			st = w.fold.state()
		}
	case row.Kind == Change:
		st, err = t.replaceRow(*row, v, w.gone)
	}
	return w.become(&st, err)
}

// become makes st the state, unless there is an error.
func (w *walker) become(st *state, err error) error {
	if err != nil || !st.live {
		w.now = nil
		return err
	}
	if len(w.states) == 0 {
		w.states = make([]State, statesAtOnce)
	}
	w.now, w.states = &w.states[0], w.states[1:]
	*w.now, err = w.s.full(w.name, st)
	return err
}

// statesAtOnce is how many states have their memory in common.
const statesAtOnce = 16

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
			periods, err = v.periods(s, key)
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

// periods is all periods of a key in the view.
func (v *View) periods(s *stream, key string) (all []Period, err error) {
	f, err := v.db.pin()
	if err != nil {
		return nil, err
	}
	defer f.unpin()
	var t trail
	w := walker{view: v, s: s, name: key, fold: folder{s: s}}
	w.follow(&t, f)
	if w.gone, err = t.retracted(v.seq); err != nil {
		return nil, err
	}
	steps, err := t.all(changes, v.time, v.seq)
	if err != nil {
		return nil, err
	}
	steps = slices.DeleteFunc(steps, func(c version) bool { return w.gone.has(c.Seq) })
	slices.SortFunc(steps, func(a, b version) int {
		if a.Before(b.Version) {
			return -1
		}
		return 1
	})
	for i := range steps {
		c := &steps[i]
		if s.Order == ByTime {
			if _, err := w.step(&t, c); err != nil {
				return nil, err
			}
		}
		if i+1 < len(steps) && steps[i+1].Time == c.Time {
			continue // it lasts no time
		}
		if s.Order == ByArrival {
			st, err := t.stateAt(c.Time, v.seq)
			if err := w.become(&st, err); err != nil {
				return nil, err
			}
		}
		all = w.extend(all, instant(c.Time))
	}
	return all, nil
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
