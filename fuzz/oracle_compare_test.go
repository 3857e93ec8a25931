package fuzz

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/annalsdb/annals/store"
)

// grid compares the state of every key at every point: each position, and each
// event time with those beside it and none.
func (o *oracle) grid() error {
	times := o.times()
	for s := range o.model.Seq() + 1 {
		for _, v := range times {
			p, err := o.look(o.model.At(v, s))
			if err != nil {
				return err
			}
			if err := o.states(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// states compares the state of every key, and of one that is not there.
func (o *oracle) states(p pair) error {
	for _, s := range o.script.streams {
		if !o.defined(s) {
			if _, _, err := p.view.Get(s.Name, "a"); !errors.Is(err, store.ErrNoStream) {
				return fmt.Errorf("get from stream %s, which is not there: error %v", s.Name, err)
			}
			continue
		}
		for _, key := range append([]string{"aa"}, o.script.keys...) {
			state, ok, err := p.view.Get(s.Name, key)
			if err != nil {
				return fmt.Errorf("get %s/%s at %s: %w", s.Name, key, p, err)
			}
			got, want := &state, p.point.Get(s.Name, key)
			if !ok {
				got = nil
			}
			if !SameState(got, want) {
				return compare(fmt.Sprintf("state of %s/%s at %s", s.Name, key, p), showState(got), showState(want))
			}
		}
	}
	return nil
}

// defined reports whether the stream is there by now.
func (o *oracle) defined(s store.Stream) bool {
	_, ok := o.model.streams[s.Name]
	return ok
}

func (p pair) String() string { return fmt.Sprintf("(%s, %d)", showTime(p.point.V), p.point.S) }

// reads compares the answers to all other questions at one point.
func (o *oracle) reads(p pair) error {
	if err := o.states(p); err != nil {
		return err
	}
	for _, s := range o.script.streams {
		if !o.defined(s) {
			continue
		}
		if err := o.scans(p, s.Name); err != nil {
			return err
		}
		for _, key := range o.script.keys {
			if err := o.keyReads(p, s.Name, key); err != nil {
				return err
			}
		}
		if err := o.silent(p, s.Name); err != nil {
			return err
		}
		if err := o.diff(p, s.Name); err != nil {
			return err
		}
		if err := o.keyScans(p, s.Name); err != nil {
			return err
		}
		if err := o.eventScan(p, s.Name); err != nil {
			return err
		}
		if err := o.bounded(p, s.Name); err != nil {
			return err
		}
	}
	if err := o.names(p); err != nil {
		return err
	}
	for range 4 {
		q := o.drawQuery()
		err := compareAll(fmt.Sprintf("events %+v at %s", q, p), p.view.Events(q), p.point.Events(q), showEvent)
		if err != nil {
			return err
		}
	}
	return nil
}

// showFound is a state that a scan gave.
func showFound(s store.State) string { return showState(&s) }

func (o *oracle) scans(p pair, stream string) error {
	r := o.drawRange()
	r.Reverse = o.IntN(2) == 0
	for _, r := range []store.Range{{}, {Reverse: true}, r} {
		if err := compareAll(fmt.Sprintf("scan %s %+v at %s", stream, r, p), p.view.Scan(stream, r), p.point.Scan(stream, r), showFound); err != nil {
			return err
		}
	}
	return nil
}

func (o *oracle) keyReads(p pair, stream, key string) error {
	what := fmt.Sprintf("of %s/%s at %s", stream, key, p)
	if err := compareAll("history "+what, p.view.History(stream, key), p.point.History(stream, key), showTransition); err != nil {
		return err
	}
	if err := o.columns(p, stream, key); err != nil {
		return err
	}
	from, to := o.drawTime(), o.drawTime()
	if to.Before(from) {
		from, to = to, from
	}
	what = fmt.Sprintf("%s between %s and %s", what, showTime(from), showTime(to))
	if err := compareAll("periods "+what, p.view.Between(stream, key, from, to), p.point.Between(stream, key, from, to), showPeriod); err != nil {
		return err
	}
	got, gotOK, err := p.view.LastSeen(stream, key)
	if err != nil {
		return fmt.Errorf("last seen %s: %w", what, err)
	}
	want, wantOK := p.point.LastSeen(stream, key)
	return compare("last seen "+what, fmt.Sprint(gotOK, showTime(got)), fmt.Sprint(wantOK, showTime(want)))
}

func (o *oracle) silent(p pair, stream string) error {
	since := o.drawTime()
	what := fmt.Sprintf("silent in %s since %s at %s", stream, showTime(since), p)
	return compareAll(what, p.view.Silent(stream, since), p.point.Silent(stream, since), showSighting)
}

func (o *oracle) diff(p pair, stream string) error {
	to, err := o.look(o.moment(o.Uint64(), o.Uint64()))
	if err != nil {
		return err
	}
	what := fmt.Sprintf("diff of %s from %s to %s", stream, p, to)
	return compareAll(what, p.view.Diff(to.view, stream), p.point.Diff(to.point, stream), showDifference)
}

// drawTime is one of the moments of the history, never none.
func (o *oracle) drawTime() time.Time {
	times := o.times()
	if len(times) == 1 {
		return time.Unix(0, 0)
	}
	return times[1+o.IntN(len(times)-1)]
}

func (o *oracle) drawQuery() store.EventQuery {
	var q store.EventQuery
	if o.IntN(2) == 0 {
		q.Stream = o.script.streams[o.IntN(len(o.script.streams))].Name
		if _, ok := o.model.streams[q.Stream]; !ok {
			q.Stream = ""
		}
	}
	if o.IntN(3) == 0 {
		q.KeyPrefix = []string{"a", "ab", "c"}[o.IntN(3)]
	}
	if o.IntN(3) == 0 {
		q.Types = []string{"t", ""}[:1+o.IntN(2)]
	}
	if o.IntN(2) == 0 {
		q.From, q.To = o.Uint64N(o.model.Seq()+2), o.Uint64N(o.model.Seq()+2)
	}
	if o.IntN(3) == 0 {
		q.Since = o.drawTime()
	}
	if o.IntN(3) == 0 {
		q.Until = o.drawTime()
	}
	return q
}

// knownBy compares the position that a recorded time stands for.
func (o *oracle) knownBy() error {
	for _, e := range o.model.log {
		for d := range time.Duration(3) {
			t := e.said.Recorded.Add(d - 1)
			view, err := o.db.View(store.KnownBy(t))
			if o.toCome(t) {
				if !errors.Is(err, store.ErrFuture) {
					return fmt.Errorf("view known by %s, which is to come: error %v", showTime(t), err)
				}
				continue
			}
			if err != nil {
				return fmt.Errorf("take view known by %s: %w", showTime(t), err)
			}
			if err := compare("position known by "+showTime(t), view.Seq(), o.model.KnownBy(t)); err != nil {
				return err
			}
		}
	}
	if _, err := o.db.View(store.KnownAt(o.model.Seq() + 1)); !errors.Is(err, store.ErrFuture) {
		return fmt.Errorf("view known at a position to come: error %v", err)
	}
	return nil
}

// toCome reports whether neither the clock nor the log has got to t.
func (o *oracle) toCome(t time.Time) bool {
	newest := o.model.log[o.model.Seq()-1].said.Recorded
	return t.UnixNano() > o.clock.Load() && t.After(newest)
}

// compareAll compares a sequence with a slice, element by element.
func compareAll[T any](what string, got iter.Seq2[T, error], want []T, show func(T) string) error {
	texts := make([]string, 0, len(want))
	for v, err := range got {
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		texts = append(texts, show(v))
	}
	return compareTexts(what, texts, showAll(want, show))
}

func showAll[T any](all []T, show func(T) string) []string {
	texts := make([]string, 0, len(all))
	for _, v := range all {
		texts = append(texts, show(v))
	}
	return texts
}

func compareTexts(what string, texts, wants []string) error {
	if slices.Equal(texts, wants) {
		return nil
	}
	err := fmt.Errorf("%s: the engine says %d, the model %d", what, len(texts), len(wants))
	for _, s := range texts {
		err = fmt.Errorf("%w\n  engine %s", err, s)
	}
	for _, s := range wants {
		err = fmt.Errorf("%w\n  model  %s", err, s)
	}
	return err
}

// compare is an error if the engine's answer is not the model's.
func compare[T comparable](what string, engine, model T) error {
	if engine == model {
		return nil
	}
	return fmt.Errorf("%s:\n  engine %v\n  model  %v", what, engine, model)
}
