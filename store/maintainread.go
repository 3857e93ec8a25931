package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/annalsdb/annals/aggregate"
)

// AggregateQuery says which results are wanted.
type AggregateQuery struct {
	// Windows that begin in [From, To); the zero Time is no bound.
	From, To time.Time

	// KnownAt is the position as of which they are wanted, 0 for the newest. What
	// was known earlier is computed from the events; all of it is final, and none
	// late.
	KnownAt uint64
}

// AggregateAnswer is results and what they are exact at.
type AggregateAnswer struct {
	Seq      uint64    // the results are exactly those of the events up to here
	Complete time.Time // before which no more events are expected; zero if that is not known
	Results  []aggregate.Result
}

// Read is the results of windows, by window and then by group. They are those of
// [aggregate.Run] over what is known at the answer's position, to the last bit: what
// is kept joined with what the log has behind it. As long as nothing is kept, right after
// the definition, all of them are provisional. It costs some hundred ns for each
// result, and the events of windows that are not kept yet or any more. Functions over
// time, and sessions, cost a look at all that is kept.
//
// How many events came late follows from the log alone, whenever the aggregate was defined
// and whatever became of what was kept. But none did of windows that are not kept yet, or
// any more, nor of sessions what came before they were kept.
func (a *Aggregate) Read(ctx context.Context, q AggregateQuery) (AggregateAnswer, error) {
	var e EventQuery
	e.Since, e.Until = q.From, q.To
	since, last, err := e.span()
	if err != nil {
		return AggregateAnswer{}, fmt.Errorf("read aggregate %q: %w", a.name, err)
	}
	reach := aggregate.Span{Start: since, End: last}
	if last != latest {
		reach.End++
	}
	a.mu.Lock()
	k := a.current
	a.mu.Unlock()
	answer, err := k.answer(ctx, reach, q.KnownAt)
	if err != nil {
		return AggregateAnswer{}, fmt.Errorf("read aggregate %q: %w", a.name, err)
	}
	return answer, nil
}

func (k *kept) answer(ctx context.Context, reach aggregate.Span, known uint64) (AggregateAnswer, error) {
	switch newest := k.db.visible.Load(); {
	case k.db.closed.Load():
		return AggregateAnswer{}, ErrClosed
	case known > newest:
		return AggregateAnswer{}, fmt.Errorf("%w: position %d is asked for, the newest is %d", ErrFuture, known, newest)
	case known == 0:
		answer, err := k.newest(ctx, reach)
		if errors.Is(err, errUnbuilt) {
			return k.unbuilt(ctx, reach, newest)
		}
		return answer, err
	}
	results, err := aggregate.Run(ctx, k.view(known), k.def, reach)
	return AggregateAnswer{Seq: known, Results: results}, err
}

// newest is the answer at the newest position, from what is kept.
func (k *kept) newest(ctx context.Context, reach aggregate.Span) (AggregateAnswer, error) {
	var now standing
	var results []aggregate.Result
	var err error
	if k.whole != nil && k.whole.Across() {
		now, results, err = k.across(ctx, reach)
	} else if now, err = k.standing(ctx, reach); err == nil {
		results, err = now.cells.Results(reach.Start, reach.End, now.complete)
	}
	return now.answer(results), err
}

// standing is what is kept, and what it is exact at.
type standing struct {
	cells    *aggregate.Cells
	seq      uint64
	complete int64
}

func (s *standing) answer(results []aggregate.Result) AggregateAnswer {
	answer := AggregateAnswer{Seq: s.seq, Results: results}
	if s.complete != math.MinInt64 {
		answer.Complete = instant(s.complete)
	}
	return answer
}

// standing is the layers joined at the newest position, of windows that begin in reach,
// or of all where they need each other.
func (k *kept) standing(ctx context.Context, reach aggregate.Span) (now standing, err error) {
	if err := k.db.look(ctx); err != nil {
		return now, err
	}
	to := k.db.visible.Load()
	k.mu.Lock()
	defer k.mu.Unlock()
	switch ok, err := k.attach(); {
	case err != nil:
		return now, err
	case !ok:
		return now, errUnbuilt
	}
	if err := k.advance(ctx, to); err != nil {
		return now, err
	}
	if k.plan.ByGroup() {
		reach = wholeTime
	}
	if now.cells, err = k.joined(ctx, reach); err != nil {
		return now, err
	}
	mark := k.mark
	mark.Tick(k.db.opt.Now().UnixNano())
	now.seq, now.complete = k.position, mark.Complete()
	return now, nil
}

// unbuilt is the answer at a position from the events, of which nobody knows yet whether
// more of their time will come.
func (k *kept) unbuilt(ctx context.Context, reach aggregate.Span, seq uint64) (AggregateAnswer, error) {
	if k.whole.Across() {
		t := k.whole.Timeline()
		events, _ := k.whole.Parts(reach)
		if err := t.Gather(ctx, k.view(seq), spans(events)); err != nil {
			return AggregateAnswer{}, err
		}
		results, err := t.Results(reach.Start, reach.End, math.MinInt64)
		return AggregateAnswer{Seq: seq, Results: results}, err
	}
	within := reach
	if k.plan.ByGroup() {
		within = wholeTime
	}
	cells, err := k.plan.Gather(ctx, k.view(seq), within, nil)
	if err != nil {
		return AggregateAnswer{}, err
	}
	results, err := cells.Results(reach.Start, reach.End, math.MinInt64)
	return AggregateAnswer{Seq: seq, Results: results}, err
}

// joinTimes is how often layers are joined anew because of cells that turned out to
// be stale, or because bbolt was built anew.
const joinTimes = 4

// joined is the layers joined, of windows that begin in reach, and what is not kept
// of these from the events. mu is held.
func (k *kept) joined(ctx context.Context, reach aggregate.Span) (*aggregate.Cells, error) {
	for range joinTimes {
		if err := k.refresh(ctx); err != nil {
			return nil, err
		}
		j := joining{kept: k, cells: k.plan.Cells(), reach: reach}
		err := j.layers()
		if errors.Is(err, errMoved) {
			k.reset()
			return nil, errUnbuilt
		}
		if err != nil {
			return nil, err
		}
		if j.stale {
			continue // computed anew
		}
		if j.from > reach.Start {
			rest, err := k.plan.Gather(ctx, k.view(k.position), aggregate.Span{Start: reach.Start, End: min(reach.End, j.from)}, nil)
			if err == nil {
				err = j.cells.Merge(rest)
			}
			if err != nil {
				return nil, err
			}
		}
		return j.cells, nil
	}
	return nil, errUnbuilt
}

// joining joins layers.
type joining struct {
	*kept
	cells *aggregate.Cells
	reach aggregate.Span
	from  int64           // windows that begin before it are not kept
	only  map[string]bool // keys of the cells that are wanted; nil for all in reach
	stale bool            // cells of live were made stale: begin again
	key   []byte
	value []byte
}

// joinedKeys is the layers joined, of the cells with some keys, windows that are kept.
// mu is held.
func (k *kept) joinedKeys(ctx context.Context, keys map[string]bool) (*aggregate.Cells, error) {
	for range joinTimes {
		if err := k.refresh(ctx); err != nil {
			return nil, err
		}
		j := joining{kept: k, cells: k.plan.Cells(), reach: wholeTime, only: keys}
		err := j.layers()
		if errors.Is(err, errMoved) {
			k.reset()
			err = errUnbuilt
		}
		if err != nil || !j.stale {
			return j.cells, err
		}
	}
	return nil, errUnbuilt
}

// bottomKeys is bottom of some keys.
func (j *joining) bottomKeys(b *bolt.Bucket, frozen *aggregate.Cells) error {
	for key := range j.only {
		k := []byte(key)
		value := b.Get(k)
		if value == nil {
			continue
		}
		if err := j.below(k, value, frozen); err != nil {
			return err
		}
	}
	return nil
}

// below takes a cell of bbolt in, unless one above stands for it or it is of a window
// that is not kept any more.
func (j *joining) below(key, value []byte, frozen *aggregate.Cells) error {
	if covered(j.live, key) || covered(frozen, key) {
		return nil
	}
	w, _, err := j.plan.ReadKey(key)
	if err != nil {
		return fmt.Errorf("%w: %w", errRecord, err)
	}
	if unkept(w.Start, j.from) {
		return nil
	}
	body, err := openCell(key, value)
	if err == nil {
		err = j.take(key, body)
	}
	return err
}

// layerKeys is layer of some keys.
func (j *joining) layerKeys(c, above *aggregate.Cells) error {
	for key := range j.only {
		if i, ok := c.Lookup([]byte(key)); ok {
			if err := j.one(c, above, i); err != nil {
				return err
			}
		}
	}
	return nil
}

func (j *joining) layers() error {
	var frozen *aggregate.Cells
	err := j.db.states.view(func(tx *bolt.Tx) error {
		b := tx.Bucket(j.bucket)
		have, err := basisIn(b)
		if err != nil {
			return err
		}
		switch {
		case have.same(j.base):
			frozen = j.frozen
		case !have.same(j.pending):
			return errMoved
		}
		// A checkpoint under way may be about to forget windows: live has nothing of
		// them any more.
		j.from = max(have.from, j.liveFrom)
		switch {
		case b == nil:
			return nil
		case j.only != nil:
			return j.bottomKeys(b, frozen)
		}
		return j.bottom(b, frozen)
	})
	layer := j.layer
	if j.only != nil {
		layer = j.layerKeys
	}
	if err == nil && frozen != nil {
		err = layer(frozen, j.live)
	}
	if err == nil {
		err = layer(j.live, nil)
	}
	return err
}

// bottom takes the cells of bbolt in.
func (j *joining) bottom(b *bolt.Bucket, frozen *aggregate.Cells) error {
	c := b.Cursor()
	var key, value []byte
	if j.plan.ByGroup() {
		key, value = c.First()
	} else {
		key, value = c.Seek(j.plan.AppendStart(nil, max(j.reach.Start, j.from)))
	}
	end := j.plan.AppendStart(nil, j.reach.End)
	for ; key != nil; key, value = c.Next() {
		if !j.plan.ByGroup() && j.reach.End != math.MaxInt64 && bytes.Compare(key, end) >= 0 {
			break
		}
		if len(key) < cellKeyLeast {
			continue
		}
		if err := j.below(key, value, frozen); err != nil {
			return err
		}
	}
	return nil
}

// covered reports whether a layer has a cell that stands for all below it.
func covered(layer *aggregate.Cells, key []byte) bool {
	if layer == nil || !layer.Covers() {
		return false
	}
	i, ok := layer.Lookup(key)
	return ok && layer.At(i).Whole
}

// layer takes the cells of a layer in that the one above it does not cover.
func (j *joining) layer(c, above *aggregate.Cells) error {
	for i := range c.Len() {
		if err := j.one(c, above, i); err != nil {
			return err
		}
	}
	return nil
}

func (j *joining) one(c, above *aggregate.Cells, i int) (err error) {
	cell := c.At(i)
	if cell.Gone || cell.Empty() || unkept(cell.Window.Start, j.from) || !inReach(j.reach, cell.Window.Start) {
		return nil
	}
	j.key = c.AppendKey(j.key[:0], i)
	if covered(above, j.key) {
		return nil
	}
	j.value, err = c.AppendCell(j.value[:0], i)
	if errors.Is(err, aggregate.ErrOrder) {
		return j.spoil(j.key)
	}
	if err == nil {
		err = j.take(j.key, j.value)
	}
	return err
}

func inReach(reach aggregate.Span, start int64) bool {
	return start >= reach.Start && (start < reach.End || reach.End == math.MaxInt64)
}

// take takes a cell in. One that cannot be joined is computed anew.
func (j *joining) take(key, value []byte) error {
	_, err := j.cells.MergeCell(key, value)
	if errors.Is(err, aggregate.ErrOrder) {
		err = j.spoil(key)
	}
	return err
}

// spoil makes the cell of a key stale.
func (j *joining) spoil(key []byte) error {
	j.stale = true
	return j.spoilKey(key)
}

// spoilKey makes the cell of live with a key stale.
func (k *kept) spoilKey(key []byte) error {
	i, ok := k.live.Lookup(key)
	if !ok {
		var err error
		if i, err = k.live.Renew(key); err != nil {
			return err
		}
	}
	k.live.At(i).Stale, k.stale[i] = true, true
	k.touch(key)
	return nil
}

// refresh computes the stale cells of live anew, as of position. mu is held.
func (k *kept) refresh(ctx context.Context) error {
	if len(k.stale) == 0 {
		return nil
	}
	if _, sessions := k.plan.Sessions(); sessions {
		return k.refreshSessions(ctx)
	}
	fresh, err := k.refold(ctx)
	if err != nil {
		return err
	}
	for i := range k.stale {
		key := k.live.AppendKey(nil, i)
		late, err := k.lateness(key)
		if err != nil {
			return err
		}
		n, err := k.live.Renew(key)
		if err == nil {
			err = moveCell(k.live, n, fresh, key)
		}
		if err != nil {
			return err
		}
		k.live.At(n).Whole, k.live.At(n).Late = true, late
		delete(k.stale, i)
	}
	return nil
}

// refold is what the stale cells of live should be.
func (k *kept) refold(ctx context.Context) (*aggregate.Cells, error) {
	var keys [][]byte
	var windows []aggregate.Span
	for i := range k.stale {
		if k.live.At(i).Gone {
			delete(k.stale, i)
			continue
		}
		keys, windows = append(keys, k.live.AppendKey(nil, i)), append(windows, k.live.At(i).Window)
	}
	return k.plan.Refold(ctx, k.view(k.position), keys, windows)
}

// moveCell takes the cell of that key, if there is one, into cell i of to.
func moveCell(to *aggregate.Cells, i int, from *aggregate.Cells, key []byte) error {
	to.Cover()
	n, ok := from.Lookup(key)
	if !ok || from.At(n).Rows == 0 {
		return nil
	}
	value, err := from.AppendCell(nil, n)
	if err != nil {
		return err
	}
	return to.MergeInto(i, key, value)
}

// lateness is how many events of a cell came late, over all layers. mu is held.
func (k *kept) lateness(key []byte) (late int64, err error) {
	if i, ok := k.live.Lookup(key); ok {
		if late = k.live.At(i).Late; k.live.At(i).Whole {
			return late, nil
		}
	}
	below, err := k.frozenLateness(key)
	return late + below, err
}

// frozenLateness is lateness below live.
func (k *kept) frozenLateness(key []byte) (late int64, err error) {
	err = k.db.states.view(func(tx *bolt.Tx) error {
		b := tx.Bucket(k.bucket)
		have, err := basisIn(b)
		if err != nil {
			return err
		}
		if k.frozen != nil && have.same(k.base) {
			if i, ok := k.frozen.Lookup(key); ok {
				if late = k.frozen.At(i).Late; k.frozen.At(i).Whole {
					return nil
				}
			}
		}
		var value []byte
		if b != nil {
			value = b.Get(key)
		}
		if value == nil {
			return nil
		}
		body, err := openCell(key, value)
		if err == nil {
			late += k.plan.Lateness(body)
		}
		return err
	})
	return late, err
}
