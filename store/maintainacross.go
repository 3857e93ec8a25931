package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/annalsdb/annals/aggregate"
)

// # Windows that lie across each other
//
// A sliding window ends with each event, and a counted one begins anew with every event
// that comes late. What is kept of them are cells of shorter windows side by side, see
// [aggregate.Plan.Kept], as of any other definition; they cost a late event no more than
// those. Windows are joined when they are read, from events and from what is kept:
//
//	sliding        the events at both ends, and of what lies in all windows that are
//	               asked for the fewest cells, as a range has them
//	counted        how many events are before those asked for, of cells; and events
//	hopping, of functions over time
//	               cells of the steps that size and slide have in common
//	sliding and counted, of functions over time
//	               events alone: a value may stand from any time before
//
// Designs considered. A cell for each event takes microseconds to be written, as building
// a definition shows, where the event in its columns takes tens of ns to be read. Results that are kept have to be computed
// anew behind each late event: a window of a day has as many as there are events in a
// day.

// across is the results of windows across each other, at the newest position.
func (k *kept) across(ctx context.Context, reach aggregate.Span) (now standing, results []aggregate.Result, err error) {
	t := k.whole.Timeline()
	if !k.plan.Ordered() {
		if now, err = k.ends(ctx, t, reach); err == nil {
			results, err = t.Results(reach.Start, reach.End, now.complete)
		}
		return now, results, err
	}
	if now, err = k.standing(ctx, wholeTime); err == nil {
		t.PlaceAll(now.cells)
		results, err = t.Results(reach.Start, reach.End, now.complete)
	}
	return now, results, err
}

// ends takes what is kept of the stretch that windows of reach have in common into t, as
// one piece a group, and the events around it.
func (k *kept) ends(ctx context.Context, t *aggregate.Timeline, reach aggregate.Span) (standing, error) {
	var events aggregate.Span
	r := ranging{kept: k, window: aggregate.Global{}, counts: true}
	r.aim = func(last int64) (common aggregate.Span) {
		if size, ok := k.whole.Slides(); ok && last >= math.MinInt64+size {
			reach.End = min(reach.End, last-size+1) // none begins later
		}
		events, common = k.whole.Parts(reach)
		return common
	}
	if err := r.stored(ctx); err != nil {
		return standing{}, err
	}
	rest := []aggregate.Span{events}
	if r.inner.Start < r.inner.End {
		t.Place(r.sum, func(*aggregate.Cell) (aggregate.Span, bool) { return r.inner, true })
		rest = spans(aggregate.Span{Start: events.Start, End: r.inner.Start}, aggregate.Span{Start: r.inner.End, End: events.End})
	}
	return standing{seq: r.seq, complete: r.complete}, t.Gather(ctx, k.view(r.seq), rest)
}

// last is where the last cell of any layer ends, of windows that are kept from a time on:
// all events are before it. It is math.MinInt64 if there is none. mu is held.
func (k *kept) last(b *bolt.Bucket, from int64) int64 {
	last := int64(math.MinInt64)
	if b != nil {
		c := b.Cursor()
		for key, _ := c.Last(); key != nil; key, _ = c.Prev() {
			if w, _, err := k.plan.ReadKey(key); err == nil && len(key) >= cellKeyLeast {
				if !unkept(w.Start, from) {
					last = w.End
				}
				break
			}
		}
	}
	for _, layer := range [...]*aggregate.Cells{k.live, k.frozen} {
		for i := 0; layer != nil && i < layer.Len(); i++ {
			if w := layer.At(i).Window; !unkept(w.Start, from) {
				last = max(last, w.End)
			}
		}
	}
	return last
}

// overTime is Range of functions over time: what is kept of the windows in the interval,
// and next to it, and the events of those that its ends cut.
func (r *ranging) overTime(ctx context.Context) (RangeAnswer, error) {
	if o := r.over; o != wholeTime && (o.Start == wholeTime.Start || o.End == wholeTime.End) {
		return RangeAnswer{}, fmt.Errorf("%w: functions over time go from end to end: give both, or none", ErrInvalid)
	}
	t := r.whole.Whole().Timeline()
	cut := []aggregate.Span{wholeTime}
	now, err := r.standing(ctx, wholeTime)
	switch {
	case errors.Is(err, errUnbuilt):
		now = standing{seq: r.db.visible.Load(), complete: math.MinInt64}
	case err != nil:
		return RangeAnswer{}, err
	case r.plan.SideBySide() && r.plan.Ordered():
		cut = r.cut()
		t.Place(now.cells, func(cell *aggregate.Cell) (aggregate.Span, bool) {
			return cell.Window, !slices.Contains(cut, cell.Window)
		})
	}
	if err := t.Gather(ctx, r.view(now.seq), cut); err != nil {
		return RangeAnswer{}, err
	}
	results, err := t.ResultsOver(r.over, now.complete)
	return RangeAnswer{AggregateAnswer: now.answer(results)}, err
}

// cut is the windows that the ends of the interval cut.
func (r *ranging) cut() (all []aggregate.Span) {
	for _, at := range [...]int64{r.over.Start, r.over.End} {
		if w := r.plan.WindowAt(at); w.Start < at && at < math.MaxInt64 && !slices.Contains(all, w) {
			all = append(all, w)
		}
	}
	return all
}

// sinceAcross is what has changed of windows across each other: of sliding ones those
// that the cells are in which have changed, of others any. mu of what is kept is held, and
// let go meanwhile: what comes then is told the next time.
func (w *watch) sinceAcross(ctx context.Context) ([]AggregateChange, error) {
	k := w.k
	reach := aggregate.Span{Start: k.base.from, End: wholeTime.End}
	s, slides := k.whole.Slides()
	switch {
	case w.all || (!slides || k.whole.Ordered()) && k.position != w.seq:
	case slides && len(w.dirty) > 0:
		dirty, err := k.hull(w.dirty)
		if err != nil {
			return nil, err
		}
		if before := dirty.Start - (s - 1); before < dirty.Start && before > reach.Start {
			reach.Start = before
		}
		reach.End = dirty.End
	default:
		reach = aggregate.Span{}
	}
	w.all, w.dirty, w.seq = false, map[string]bool{}, k.position
	mark := k.mark
	mark.Tick(k.db.opt.Now().UnixNano())
	now := standing{seq: k.position, complete: mark.Complete()}
	if reach.Start == reach.End {
		return w.closed(now), nil
	}
	k.mu.Unlock()
	now, results, err := k.across(ctx, reach)
	k.mu.Lock()
	if err != nil {
		return nil, err
	}
	asked := map[string]bool{}
	for key, r := range w.told {
		if inReach(reach, r.Window.Start) {
			asked[key] = true
		}
	}
	return w.tell(now, results, asked), nil
}

// hull is from where the first window of cells begins to where the last one ends.
func (k *kept) hull(keys map[string]bool) (hull aggregate.Span, err error) {
	hull = aggregate.Span{Start: math.MaxInt64, End: math.MinInt64}
	for key := range keys {
		w, _, err := k.plan.ReadKey([]byte(key))
		if err != nil {
			return hull, err
		}
		hull.Start, hull.End = min(hull.Start, w.Start), max(hull.End, w.End)
	}
	return hull, nil
}
