package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/annalsdb/annals/aggregate"
)

// RangeAnswer is the result of each group over an interval.
type RangeAnswer struct {
	AggregateAnswer

	// Pieces is how many stored cells were joined, of all groups; 0 if all of it comes
	// from the events.
	Pieces int
}

// Range is the values over the events in [from, to), by group; a zero Time is no bound.
// They are those of [aggregate.Run] with one window over that interval, to the last bit,
// as of the answer's position. Their Late counts what came late for the windows that
// are kept.
//
// An interval that begins and ends with windows of the definition is joined from what is
// kept of these and of longer ones, see [aggregate.Plan.Levels]: from 171 cells a group
// for ten years by the minute, at most. Parts of windows at its ends, and times before
// [AggregateProgress.From], are read from the events; so is all of it where windows are
// none that longer ones of UTC can be put together from. What came since the last
// checkpoint costs a look at each of its cells.
//
// Functions over time have no Range: it is [aggregate.ErrDefinition]. Read their windows.
func (a *Aggregate) Range(ctx context.Context, from, to time.Time) (RangeAnswer, error) {
	q := EventQuery{Since: from, Until: to}
	since, last, err := q.span()
	over := aggregate.Span{Start: since, End: last}
	if last != latest && last != never {
		over.End++
	}
	a.mu.Lock()
	r := ranging{kept: a.current, over: over}
	a.mu.Unlock()
	var answer RangeAnswer
	if err == nil {
		answer, err = r.answer(ctx)
	}
	if err != nil {
		return RangeAnswer{}, fmt.Errorf("range of aggregate %q: %w", a.name, err)
	}
	return answer, nil
}

// ranging joins an interval.
type ranging struct {
	*kept
	over   aggregate.Span
	inner  aggregate.Span   // of it, what whole windows make up that are kept
	raw    []aggregate.Span // what comes from the events
	sum    *aggregate.Cells // of Plan.Whole
	pieces int

	seq      uint64 // at which sum is exact
	complete int64
	frozen   *aggregate.Cells // that adds to base; nil: none does
	current  bool             // what bbolt has is base: blocks are of it
}

func (r *ranging) answer(ctx context.Context) (RangeAnswer, error) {
	if r.db.closed.Load() {
		return RangeAnswer{}, ErrClosed
	}
	if r.plan != nil && r.plan.Ordered() {
		return RangeAnswer{}, fmt.Errorf("%w: functions over time depend on where windows end: read its windows", aggregate.ErrDefinition)
	}
	if err := r.stored(ctx); errors.Is(err, errUnbuilt) {
		r.sum, r.raw, r.pieces = r.plan.Whole().Cells(), []aggregate.Span{r.over}, 0
		r.seq, r.complete = r.db.visible.Load(), math.MinInt64
	} else if err != nil {
		return RangeAnswer{}, err
	}
	if err := r.scan(ctx); err != nil {
		return RangeAnswer{}, err
	}
	answer := RangeAnswer{Pieces: r.pieces}
	answer.Seq = r.seq
	if r.complete != math.MinInt64 {
		answer.Complete = instant(r.complete)
	}
	var err error
	answer.Results, err = r.sum.ResultsOver(r.over, r.complete)
	return answer, err
}

// scan takes in what comes from the events.
func (r *ranging) scan(ctx context.Context) error {
	r.raw = slices.DeleteFunc(r.raw, func(s aggregate.Span) bool { return s.Start >= s.End })
	if len(r.raw) == 0 {
		return nil
	}
	cells, err := r.plan.Whole().GatherAt(ctx, r.view(r.seq), r.raw)
	if err != nil {
		return err
	}
	return r.sum.Merge(cells)
}

// stored takes in what is kept.
func (r *ranging) stored(ctx context.Context) error {
	to := r.db.visible.Load()
	r.mu.Lock()
	defer r.mu.Unlock()
	if ok, err := r.attach(); !ok {
		return errors.Join(err, errUnbuilt)
	}
	if err := r.advance(ctx, to); err != nil {
		return err
	}
	if err := r.refresh(ctx); err != nil {
		return err
	}
	mark := r.mark
	mark.Tick(r.db.opt.Now().UnixNano())
	r.seq, r.complete = r.position, mark.Complete()
	r.sum = r.plan.Whole().Cells()
	err := r.db.states.view(func(tx *bolt.Tx) error {
		b := tx.Bucket(r.bucket)
		have, err := basisIn(b)
		if err != nil {
			return err
		}
		switch r.current = have.same(r.base); {
		case r.current:
			r.frozen = r.kept.frozen
		case !have.same(r.pending):
			return errMoved
		}
		return r.layers(b, max(have.from, r.live.From))
	})
	if errors.Is(err, errMoved) {
		r.reset()
		return errUnbuilt
	}
	return err
}

// layers takes in the layers, of windows that begin at from or later.
func (r *ranging) layers(b *bolt.Bucket, from int64) (err error) {
	if r.levels != nil && b != nil {
		r.inner = r.levels[0].Inside(aggregate.Span{Start: max(r.over.Start, from), End: r.over.End})
	}
	if r.inner.Start >= r.inner.End {
		r.raw = []aggregate.Span{r.over}
		return nil
	}
	r.raw = []aggregate.Span{{Start: r.over.Start, End: r.inner.Start}, {Start: r.inner.End, End: r.over.End}}
	at := r.inner.Start
	for _, w := range append(r.wholes(), aggregate.Span{Start: r.inner.End}) {
		for _, p := range aggregate.Cover(nil, r.levels, aggregate.Span{Start: at, End: w.Start}) {
			if err := r.take(b, p, nil); err != nil {
				return err
			}
		}
		if w.Start < r.inner.End {
			if err := r.take(b, aggregate.Pieces{Span: w}, r.isCovered); err != nil {
				return err
			}
		}
		at = w.End
	}
	if r.frozen != nil {
		err = r.layer(r.frozen, r.live)
	}
	if err == nil {
		err = r.layer(r.live, nil)
	}
	return err
}

// has reports whether windows that begin at start are joined from the layers.
func (r *ranging) has(start int64) bool {
	return start >= r.inner.Start && (start < r.inner.End || r.inner.End == math.MaxInt64)
}

// wholes is the windows in which a cell of a layer stands for all below it: what they
// are part of cannot be taken from bbolt.
func (r *ranging) wholes() (all []aggregate.Span) {
	for _, c := range [...]*aggregate.Cells{r.live, r.frozen} {
		if c == nil || !c.Covers() {
			continue
		}
		for i := range c.Len() {
			if cell := c.At(i); cell.Whole && !cell.Gone && r.has(cell.Window.Start) {
				all = append(all, cell.Window)
			}
		}
	}
	slices.SortFunc(all, func(a, b aggregate.Span) int { return cmp.Compare(a.Start, b.Start) })
	return slices.Compact(all)
}

// isCovered reports whether a layer has a cell that stands for one of bbolt.
func (r *ranging) isCovered(key []byte) bool { return covered(r.live, key) || covered(r.frozen, key) }

// take takes in stored cells, but those that are left out.
func (r *ranging) take(b *bolt.Bucket, p aggregate.Pieces, out func(key []byte) bool) (err error) {
	parent := r.parent(p.Level, p.Start)
	id := blockID{p.Level, parent.Start}
	c := r.blocks[id]
	if c == nil || !r.current {
		if c, err = r.block(b, p.Level, parent); err != nil {
			return err
		}
		if r.current {
			r.keepBlock(id, c, r.db.opt.MemoryBytes/blocksShare)
		}
	}
	var key []byte
	n, err := r.sum.Fold(c, func(i int) bool {
		if start := c.At(i).Window.Start; start < p.Start || start >= p.End && p.End < math.MaxInt64 {
			return false
		}
		if out == nil {
			return true
		}
		key = c.AppendKey(key[:0], i)
		return !out(key)
	})
	r.pieces += n
	return err
}

// blocksShare is the part of Options.MemoryBytes that blocks of one aggregate may take.
const blocksShare = 32

// layer takes in the cells of a layer that the one above it does not cover.
func (r *ranging) layer(c, above *aggregate.Cells) error {
	var key []byte
	_, err := r.sum.Fold(c, func(i int) bool {
		if !r.has(c.At(i).Window.Start) {
			return false
		}
		if above == nil || !above.Covers() {
			return true
		}
		key = c.AppendKey(key[:0], i)
		return !covered(above, key)
	})
	return err
}
