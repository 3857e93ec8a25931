package aggregate

import (
	"math"
	"time"
)

// levels are the windows that those of definitions are put together into, each from
// the one before: of UTC, so that no two of them overlap in part.
var levels = [...]Aligned{
	Tumbling{Size: time.Minute}, Tumbling{Size: 15 * time.Minute}, Tumbling{Size: time.Hour},
	Tumbling{Size: 24 * time.Hour}, Calendar{Unit: Month}, Calendar{Unit: Year},
}

// Levels are the plan, and plans of the same values over ever longer windows: minutes,
// quarters of an hour, hours, days, months and years of UTC, as far as each can be put
// together from the one before. They are nil where no longer one can, and where
// functions over time need the windows next to theirs.
func (p *Plan) Levels() []*Plan {
	last, ok := p.window.(Aligned)
	if !ok || p.byGroup {
		return nil
	}
	all := []*Plan{p}
	for _, w := range levels {
		if CoarseFromFine(w, last, allTime) && !CoarseFromFine(last, w, allTime) {
			all = append(all, p.over(w))
			last = w
		}
	}
	if len(all) == 1 {
		return nil
	}
	return all
}

var allTime = Span{math.MinInt64, math.MaxInt64}

// Whole is a plan of the same values over all of time: of what any interval is joined
// into.
func (p *Plan) Whole() *Plan { return p.over(Global{}) }

func (p *Plan) over(w Window) *Plan {
	q := *p
	q.window, q.byGroup = w, false
	return &q
}

// WindowAt is the window that holds t; windows must be [Aligned].
func (p *Plan) WindowAt(t int64) Span { return p.window.(Aligned).At(t) }

// Inside is from the first window that begins in s to the last one that ends in it;
// windows must be [Aligned]. Where all of s is in one window, the result ends before it
// begins. A span to math.MaxInt64 has no end.
func (p *Plan) Inside(s Span) Span {
	in := s
	if w := p.WindowAt(s.Start); w.Start < s.Start {
		in.Start = w.End
	}
	if s.End < math.MaxInt64 {
		in.End = p.WindowAt(s.End).Start
	}
	return in
}

// Pieces are windows of one of the Levels, side by side in Span.
type Pieces struct {
	Level int
	Span
}

// Cover appends the fewest windows of levels that make up a span, which begins and ends
// with windows of the first level. Pieces but those of the last level lie in one window
// of the level above. Over ten years they are, at most, 14 minutes, 3 quarters, 23
// hours, 30 days and 11 months at either end, and 9 years: 171.
func Cover(dst []Pieces, levels []*Plan, s Span) []Pieces {
	if s.Start >= s.End {
		return dst
	}
	below := levels[:len(levels)-1]
	in := levels[len(below)].Inside(s)
	if in.Start > in.End {
		return Cover(dst, below, s)
	}
	if len(below) > 0 {
		dst = Cover(dst, below, Span{s.Start, in.Start})
	}
	if in.Start < in.End {
		dst = append(dst, Pieces{len(below), in})
	}
	if len(below) > 0 {
		dst = Cover(dst, below, Span{in.End, s.End})
	}
	return dst
}

// Fold takes in those cells of o that take is true of, each as a part of its group, and
// tells how many they were. o is of another plan of the same definition; c must be of
// [Plan.Whole].
func (c *Cells) Fold(o *Cells, take func(i int) bool) (n int, err error) {
	to := c.scratch.cells[:0]
	groups := c.scratch.groups[:0] // 1 + the cell of each group of o
	for i := range o.list {
		from := &o.list[i]
		if from.Rows == 0 || from.Gone || !take(i) {
			to = append(to, Nowhere)
			continue
		}
		for int(from.group) >= len(groups) {
			groups = append(groups, 0)
		}
		if groups[from.group] == 0 {
			groups[from.group] = 1 + c.find(allTime, c.groupOf(o.groupValues(from.group)))
		}
		at := groups[from.group] - 1
		to = append(to, at)
		cell := &c.list[at]
		cell.Rows += from.Rows
		cell.Late += from.Late
		cell.Unfit += from.Unfit
		n++
	}
	c.scratch.cells, c.scratch.groups = to, groups
	if n == 0 {
		return 0, nil
	}
	return n, c.mergeSums(to, o)
}

// ResultsOver are the results of cells of [Plan.Whole] as those of a window, by group.
// Events are complete before complete.
func (c *Cells) ResultsOver(w Span, complete int64) ([]Result, error) {
	for i := range c.list {
		c.list[i].Window = w
	}
	return c.Results(math.MinInt64, math.MaxInt64, complete)
}
