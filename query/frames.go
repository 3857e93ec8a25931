package query

import (
	"cmp"
	"slices"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/segment"
)

// Windows that depend on other rows are made of groups of one time each, of counted ones
// of one row each: when all are there, those of a family, which are one group but for
// that, are put in order and cut into frames.

// families puts groups of single times in order, and is of which family each is.
func (r *groupRows) families(g *grouper) (order, of []uint32) {
	order = make([]uint32, r.n)
	for i := range order {
		order[i] = uint32(i)
	}
	of = slices.Clone(order)
	for k := len(g.columns) - 1; k >= len(r.groups); k-- {
		if k == 0 {
			clear(of)
			break
		}
		for i, n := range of {
			of[i] = g.pairs[k-1].left[n]
		}
	}
	slices.SortFunc(order, func(a, b uint32) int {
		c := cmp.Or(cmp.Compare(of[a], of[b]), cmp.Compare(r.starts[a], r.starts[b]))
		if c == 0 && r.ends != nil {
			c = cmp.Compare(r.ends[a], r.ends[b])
		}
		return c
	})
	return order, of
}

// frame makes sliding or counted windows of groups of single times or rows.
func (r *groupRows) frame(g *grouper) error {
	order, of := r.families(g)
	var frames []aggregate.Frame
	var starts, ends []int64
	for lo := 0; lo < len(order); {
		hi := lo + 1
		for hi < len(order) && of[order[hi]] == of[order[lo]] {
			hi++
		}
		times := gatherCodes(nil, r.starts, order[lo:hi])
		for n, w := range windowsOver(r.windows, times) {
			frames = append(frames, aggregate.Frame{Lo: lo + n.Lo, Hi: lo + n.Hi})
			starts, ends = append(starts, w.Start), append(ends, w.End)
		}
		lo = hi
	}
	shows := r.together(g, of)
	for k := range r.groups {
		codes := make([]uint32, len(frames))
		for n, f := range frames {
			codes[n] = shows[k][of[order[f.Lo]]]
		}
		r.columns[k].codes = codes
	}
	r.n, r.starts, r.ends, r.sums = len(frames), starts, ends, slices.Clone(r.sums)
	for i := range r.sums {
		s := &r.sums[i]
		all, err := aggregate.JoinFrames(s.f, s.groups, order, frames, r.fits)
		if err != nil {
			return s.placeError(err, segment.NullValue)
		}
		s.groups = all
	}
	return nil
}

// fits is [ErrMemory] if joins of windows alone take more than there may be.
func (r *groupRows) fits(size int64) error {
	if size > r.limitBytes {
		return r.hold(size)
	}
	return nil
}

// windowsOver is the windows over rows at times, which are in order, and which of them are
// in each.
func windowsOver(w aggregate.Window, times []int64) func(yield func(aggregate.Frame, aggregate.Span) bool) {
	return func(yield func(aggregate.Frame, aggregate.Span) bool) {
		switch w := w.(type) {
		case aggregate.Sliding:
			lo := 0
			for i, t := range times {
				s := w.At(t)
				for times[lo] < s.Start {
					lo++
				}
				if !yield(aggregate.Frame{Lo: lo, Hi: i + 1}, s) {
					return
				}
			}
		case aggregate.Counted:
			for lo := 0; lo < len(times); lo += int(w.N) {
				hi := min(lo+int(w.N), len(times))
				last := aggregate.Sliding{Size: 1}.At(times[hi-1])
				if !yield(aggregate.Frame{Lo: lo, Hi: hi}, aggregate.Span{Start: times[lo], End: last.End}) {
					return
				}
			}
		}
	}
}
