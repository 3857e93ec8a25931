package store

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"slices"
	"sync"
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
		if err == nil {
			err = w.all(func(t *Transition) bool { return yield(*t, nil) })
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

// walker reads a key's events and folds them one by one. What reads, and what folds,
// may be at work at the same time: rows, files and at are of the one, the rest of the
// other, but gone, which is found before the first event is.
type walker struct {
	view  *View
	s     *stream
	name  string
	gone  retracted
	fold  folder
	now   *State
	at    stamp // of the last event
	steps []Transition

	files  *files // that are read
	rows   rowReaders
	states []State // memory for the next ones
}

// walked is some events of a key, in order.
type walked struct {
	versions []version
	rows     []segment.Row
	more     bool // there may be others behind them
}

// all yields every transition. Once the history is known to be long, the next events
// are read while those before are folded and the caller has them.
func (w *walker) all(yield func(*Transition) bool) error {
	var now, next walked
	n := historyFirst
	err := w.read(&now, n)
	for err == nil {
		var failed error
		var ahead sync.WaitGroup
		n = min(2*n, historyAtOnce)
		if now.more && n == historyAtOnce {
			ahead.Go(func() { failed = w.read(&next, n) })
		} else if next.versions = nil; now.more {
			failed = w.read(&next, n)
		}
		err = w.made(&now)
		for i := range w.steps {
			if !yield(&w.steps[i]) {
				ahead.Wait()
				return nil
			}
		}
		if ahead.Wait(); !now.more {
			return err
		}
		if err == nil {
			err = failed
		}
		now, next = next, now
	}
	return err
}

// read reads the next events, up to n, into c.
func (w *walker) read(c *walked, n int) error {
	f, err := w.view.db.pin()
	if err != nil {
		return err
	}
	defer f.unpin()
	var t trail
	w.follow(&t, f)
	if w.at == beginning {
		if w.gone, err = t.retracted(w.view.seq); err != nil {
			return err
		}
	}
	if c.versions, err = w.view.versions(&t, w.at, n); err != nil {
		return err
	}
	c.rows, c.more = c.rows[:0], len(c.versions) == n
	for i := range c.versions {
		row, err := w.rows.read(&t, &c.versions[i])
		if err != nil {
			return err
		}
		c.rows = append(c.rows, row)
	}
	if last := len(c.versions) - 1; last >= 0 {
		w.at = w.s.stamp(c.versions[last].Time, c.versions[last].Seq)
	}
	return nil
}

// made makes the transitions of events that were read, as far as it can.
func (w *walker) made(c *walked) error {
	w.steps = w.steps[:0]
	f, err := w.view.db.pin()
	if err != nil {
		return err
	}
	defer f.unpin()
	var t trail
	t.follow(w.view.db, f, w.s, w.name, w.s.live.Get(w.name))
	for i := range c.versions {
		step, err := w.step(&t, &c.versions[i], &c.rows[i])
		if err != nil {
			return err
		}
		w.steps = append(w.steps, step)
	}
	return nil
}

func (w *walker) follow(t *trail, f *files) {
	t.follow(w.view.db, f, w.s, w.name, w.s.live.Get(w.name))
	if w.files != f {
		w.files, w.rows.all = f, nil
	}
}

// step is the transition that the event at v, which row holds, makes.
func (w *walker) step(t *trail, v *version, row *segment.Row) (step Transition, err error) {
	step = Transition{Old: w.now, RetractedBy: w.gone[v.Seq]}
	if step.Event, err = eventOf(w.s, row, v.Seq, v.Time+row.Lag); err != nil {
		return Transition{}, err
	}
	if row.Kind <= Delete && step.RetractedBy == 0 {
		if err := w.advance(t, row, v); err != nil {
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
// By time it reads the key's events once, under [Replace] those that matter for the
// range; by arrival it folds anew at each moment at which one begins to count.
func (v *View) Between(stream, key string, from, to time.Time) iter.Seq2[Period, error] {
	return func(yield func(Period, error) bool) {
		s, err := v.stream(stream)
		var periods []Period
		if err == nil {
			periods, err = v.periodsOf(s, key, from, to)
		}
		if err != nil {
			yield(Period{}, fmt.Errorf("states of key %q of stream %q: %w", key, stream, err))
			return
		}
		for _, p := range periods {
			if !yield(p, nil) {
				return
			}
		}
	}
}

func (v *View) periodsOf(s *stream, key string, from, to time.Time) ([]Period, error) {
	f, err := v.db.pin()
	if err != nil {
		return nil, err
	}
	defer f.unpin()
	var t trail
	t.follow(v.db, f, s, key, s.live.Get(key))
	return v.periods(&t, from, to)
}

// periods is the periods of the key of t in the view that have a moment of [from, to).
func (v *View) periods(t *trail, from, to time.Time) (all []Period, err error) {
	if err := t.s.needFold(); err != nil {
		return nil, err
	}
	w := walker{view: v, s: t.s, name: t.name, fold: folder{s: t.s}, files: t.files}
	if w.gone, err = t.retracted(v.seq); err != nil {
		return nil, err
	}
	now, any := int64(0), false // the time of the steps taken last
	settle := func() error {
		if !any {
			return nil
		}
		any = false
		if t.s.Order == ByArrival {
			st, err := t.stateAt(now, v.seq)
			if err := w.become(&st, err); err != nil {
				return err
			}
		}
		all = w.extend(all, instant(now))
		return nil
	}
	err = v.eachStep(t, from, w.gone, func(c *version) (more bool, err error) {
		if any && c.Time != now { // what others of the same time made lasts no time
			if err := settle(); err != nil {
				return false, err
			}
		}
		if n := len(all); !instant(c.Time).Before(to) && !any && (n == 0 || !all[n-1].Until.IsZero() || !all[n-1].From.Before(to)) {
			return false, nil // what lasted until then has ended, or what comes next has begun
		}
		now, any = c.Time, true
		if t.s.Order == ByTime {
			row, err := w.rows.read(t, c)
			if err == nil {
				_, err = w.step(t, c, &row)
			}
			return true, err
		}
		return true, nil
	})
	if err == nil {
		err = settle()
	}
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(p Period) bool {
		return !p.From.Before(to) || !p.Until.IsZero() && !p.Until.After(from)
	}), nil
}

// stepsFirst is how many steps are looked at first, for a range that has few.
const stepsFirst = 16

// eachStep visits the changes and deletes of the key of t that count, in order of
// time, until visit wants no more: all of them, or under [Replace] by time, where each
// makes a state of its own, those from the one on that is the last at from.
func (v *View) eachStep(t *trail, from time.Time, gone retracted, visit func(c *version) (more bool, err error)) error {
	at, n := beginning, math.MaxInt
	if t.s.Order == ByTime {
		var err error
		if n = stepsFirst; t.s.Fold == Replace {
			at, err = v.stepAt(t, from, gone)
		}
		if err != nil {
			return err
		}
	}
	for {
		steps, err := t.after(changes, at, n, v.time, v.seq)
		if err != nil {
			return err
		}
		last := len(steps) < n
		if t.s.Order == ByArrival {
			slices.SortFunc(steps, func(a, b version) int { return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Seq, b.Seq)) })
		} else if !last {
			at = t.s.stamp(steps[n-1].Time, steps[n-1].Seq)
			n = min(4*n, historyAtOnce)
		}
		for i := range steps {
			if gone.has(steps[i].Seq) {
				continue
			}
			if more, err := visit(&steps[i]); !more || err != nil {
				return err
			}
		}
		if last {
			return nil
		}
	}
}

// stepAt is just before the step that makes the state at a moment, or the beginning.
func (v *View) stepAt(t *trail, at time.Time, gone retracted) (stamp, error) {
	ns, ok := segment.Nanos(at)
	if !ok {
		return beginning, nil
	}
	last, ok, err := t.last(changes, min(ns, v.time), v.seq, gone.effective())
	if !ok || err != nil || unchanged(last.Version) { // which goes on with a state from before
		return beginning, err
	}
	return t.s.stamp(last.Time, last.Seq).previous(), nil
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
