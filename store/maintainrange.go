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
	// from the events, and of functions over time, where they are not counted.
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
// [AggregateProgress.From], are read from the events; so is all of it of windows that do
// not lie side by side, but for sliding ones, of which shorter windows are kept. Windows
// that no longer ones of UTC can be put together from, as weeks, are joined one by one.
// What came since the last checkpoint costs a look at each of its cells.
//
// Functions over time go from end to end of the interval, and from the first event to the
// last where it has neither; with one end alone it is [ErrInvalid]. They cost a look at
// all that is kept.
func (a *Aggregate) Range(ctx context.Context, from, to time.Time) (RangeAnswer, error) {
	over, err := intervalOf(from, to)
	a.mu.Lock()
	r := ranging{kept: a.current, over: over, window: aggregate.Global{}}
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

// intervalOf is [from, to); a zero Time is no bound.
func intervalOf(from, to time.Time) (aggregate.Span, error) {
	q := EventQuery{Since: from, Until: to}
	since, last, err := q.span()
	over := aggregate.Span{Start: since, End: last}
	if last != latest && (last != never || since == never) { // else there is no time before to
		over.End++
	}
	return over, err
}

// ranging joins an interval, in windows that those of the definition make up.
type ranging struct {
	*kept
	over   aggregate.Span
	window aggregate.Aligned
	known  uint64   // the position that is wanted; 0 for the newest
	groups [][]byte // encoded and sorted, if only some are wanted; others may come too
	most   int64    // bytes, about, that the cells may take; 0 for any number
	dense  bool     // cells of few events are not worth it
	counts bool     // what cells have is wanted, be it how many events there are

	// aim, if not nil, says what over is, once the log was followed.
	aim func(last int64) aggregate.Span

	fine   []*aggregate.Plan // the levels whose windows make up those that are wanted
	inner  aggregate.Span    // of the interval, what whole windows make up that are kept
	raw    []aggregate.Span  // what comes from the events
	sum    *aggregate.Cells  // of windows that are wanted
	pieces int

	seq      uint64 // at which sum is exact
	complete int64
	frozen   *aggregate.Cells // that adds to base; nil: none does
	current  bool             // what bbolt has is base: blocks are of it
	key      []byte
}

func (r *ranging) answer(ctx context.Context) (RangeAnswer, error) {
	if r.db.closed.Load() {
		return RangeAnswer{}, ErrClosed
	}
	if r.whole != nil && r.whole.Ordered() {
		return r.overTime(ctx)
	}
	if err := r.stored(ctx); errors.Is(err, errUnbuilt) {
		r.sum, r.raw, r.pieces = r.whole.Whole().Cells(), []aggregate.Span{r.over}, 0
		r.seq, r.complete = r.db.visible.Load(), math.MinInt64
	} else if err != nil {
		return RangeAnswer{}, err
	}
	if err := r.scan(ctx); err != nil {
		return RangeAnswer{}, err
	}
	results, err := r.sum.ResultsOver(r.over, r.complete)
	now := standing{seq: r.seq, complete: r.complete}
	return RangeAnswer{now.answer(results), r.pieces}, err
}

// scan takes in what comes from the events.
func (r *ranging) scan(ctx context.Context) error {
	if len(r.raw) == 0 {
		return nil
	}
	cells, err := r.whole.Whole().GatherAt(ctx, r.view(r.seq), r.raw)
	if err != nil {
		return err
	}
	return r.sum.Merge(cells)
}

// stored takes in what is kept.
func (r *ranging) stored(ctx context.Context) error {
	if err := r.db.look(ctx); err != nil {
		return err
	}
	to := cmp.Or(r.known, r.db.visible.Load())
	r.mu.Lock()
	defer r.mu.Unlock()
	switch ok, err := r.attach(); {
	case err != nil:
		return err
	case !ok:
		return errUnbuilt
	}
	if r.known > 0 && r.position > r.known {
		return errPast
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
	of := r.whole
	if r.counts {
		of = r.plan
	}
	r.sum = of.Over(r.window).Cells()
	err := r.db.states.view(func(tx *bolt.Tx) error {
		b := tx.Bucket(r.bucket)
		have, err := basisIn(b)
		if err != nil {
			return err
		}
		from := max(have.from, r.liveFrom)
		if r.aim != nil {
			r.over = r.aim(r.last(b, from))
		}
		r.fine = r.nested()
		switch r.current = have.same(r.base); {
		case r.current:
			r.frozen = r.kept.frozen
		case !have.same(r.pending):
			return errMoved
		}
		return r.layers(b, from)
	})
	if errors.Is(err, errMoved) {
		r.reset()
		return errUnbuilt
	}
	return err
}

// layers takes in the layers, of windows that begin at from or later.
func (r *ranging) layers(b *bolt.Bucket, from int64) (err error) {
	if len(r.fine) > 0 && b != nil {
		r.inner = r.fine[0].Inside(aggregate.Span{Start: max(r.over.Start, from), End: r.over.End})
	}
	if r.inner.Start >= r.inner.End {
		r.raw = spans(r.over)
		return nil
	}
	r.raw = spans(aggregate.Span{Start: r.over.Start, End: r.inner.Start}, aggregate.Span{Start: r.inner.End, End: r.over.End})
	at := r.inner.Start
	for _, w := range append(r.wholes(), aggregate.Span{Start: r.inner.End}) {
		for _, p := range aggregate.Cover(nil, r.fine, aggregate.Span{Start: at, End: w.Start}) {
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

// spans is those that are not empty.
func spans(all ...aggregate.Span) []aggregate.Span {
	return slices.DeleteFunc(all, func(s aggregate.Span) bool { return s.Start >= s.End })
}

// nested is the levels whose windows make up those that are wanted.
func (r *ranging) nested() []*aggregate.Plan {
	all := r.levels
	if all == nil {
		all = []*aggregate.Plan{r.plan}
	}
	n := 0
	if r.whole.Counts() && !r.counts {
		return nil
	}
	for n < len(all) && all[n].MakesUp(r.window, r.over) {
		n++
	}
	return all[:n]
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
	if r.groups != nil && len(r.groups) == 0 {
		return nil
	}
	if r.groups != nil || p.Level == len(r.fine)-1 && len(r.fine) != len(r.levels) {
		return r.stream(b, p, out)
	}
	parent := r.parent(p.Level, p.Start)
	id := blockID{p.Level, parent.Start}
	c := r.blocks[id]
	if c == nil && !r.again(id) {
		return r.stream(b, p, out)
	}
	if c == nil || !r.current {
		if c, err = r.block(b, p.Level, parent); err != nil {
			return err
		}
		if r.current {
			r.keepBlock(id, c, r.db.opt.MemoryBytes/blocksShare)
		}
	}
	n, err := r.sum.Fold(c, func(i int) bool {
		if start := c.At(i).Window.Start; start < p.Start || start >= p.End && p.End < math.MaxInt64 {
			return false
		}
		if out == nil {
			return true
		}
		r.key = c.AppendKey(r.key[:0], i)
		return !out(r.key)
	})
	if r.pieces += n; err == nil {
		err = r.worth()
	}
	return err
}

// worthEach is after how many cells it is looked at whether they are worth it.
const worthEach = 1024

// denseLeast is how many events cells must have, on average, to be joined faster than
// these are read: 29,000 cells of 34 events each took a query as long as their million
// events did, of which two processors read.
const denseLeast = 32

// worth is an error if the cells take too much memory, or longer than their events.
func (r *ranging) worth() error {
	switch {
	case r.most > 0 && r.sum.Size() > r.most:
		return errWide
	case r.dense && r.pieces >= worthEach && r.sum.Rows() < denseLeast*int64(r.pieces):
		return errSparse
	}
	return nil
}

// stream is take of some groups, or of cells that are many: no block of them is kept.
func (r *ranging) stream(b *bolt.Bucket, p aggregate.Pieces, out func(key []byte) bool) error {
	in, err := levelIn(b, p.Level)
	if err != nil {
		return err
	}
	return in.each(p.Span, r.groups, func(key, body []byte) error {
		if out != nil && out(key) {
			return nil
		}
		r.pieces++
		r.key = append(appendStart(r.key[:0], r.window.At(startOf(key)).Start), key[cellKeyLeast:]...)
		_, err := r.sum.MergeCell(r.key, body)
		if err == nil && r.pieces%worthEach == 0 {
			err = r.worth()
		}
		return err
	})
}

// blocksShare is the part of Options.MemoryBytes that blocks of one aggregate may take.
const blocksShare = 32

// layer takes in the cells of a layer that the one above it does not cover.
func (r *ranging) layer(c, above *aggregate.Cells) error {
	_, err := r.sum.Fold(c, func(i int) bool {
		if !r.has(c.At(i).Window.Start) {
			return false
		}
		if above == nil || !above.Covers() {
			return true
		}
		r.key = c.AppendKey(r.key[:0], i)
		return !covered(above, r.key)
	})
	return err
}
