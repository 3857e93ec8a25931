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
			all = append(all, p.Over(w))
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
func (p *Plan) Whole() *Plan { return p.Over(Global{}) }

// Over is a plan of the same values over other windows. Its cells can be put together
// from those of p where [CoarseFromFine] says so.
func (p *Plan) Over(w Aligned) *Plan {
	q := *p
	q.window, q.byGroup = w, false
	return &q
}

// MakesUp reports whether the windows of the plan make up those of w in an interval, as
// [CoarseFromFine]; never of windows that do not lie side by side, and of cells that are
// kept by group.
func (p *Plan) MakesUp(w Aligned, over Span) bool {
	fine, ok := p.window.(Aligned)
	return ok && !p.byGroup && CoarseFromFine(w, fine, over)
}

// SideBySide reports whether windows are [Aligned].
func (p *Plan) SideBySide() bool {
	_, ok := p.window.(Aligned)
	return ok
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

// Fold takes in those cells of o that take is true of, each as a part of its group in
// the window that it lies in, and tells how many they were. o is of another plan of the
// same definition; c must be of [Plan.Over] windows that those of o make up.
func (c *Cells) Fold(o *Cells, take func(i int) bool) (n int, err error) {
	to := c.scratch.cells[:0]
	folds := c.scratch.folds[:0]
	for i := range o.list {
		from := &o.list[i]
		if from.Gone || from.Empty() || !take(i) {
			to = append(to, Nowhere)
			continue
		}
		for int(from.group) >= len(folds) {
			folds = append(folds, folded{})
		}
		at := c.fold(&folds[from.group], o, from)
		to = append(to, at)
		cell := &c.list[at]
		cell.Rows += from.Rows
		c.rows += from.Rows
		cell.Late += from.Late
		cell.Unfit += from.Unfit
		n++
	}
	c.scratch.cells, c.scratch.folds = to, folds
	if n == 0 {
		return 0, nil
	}
	return n, c.mergeSums(to, o)
}

// folded is where the cells of a group of others go.
type folded struct {
	known  bool
	group  uint32
	cell   uint32 // of the last one
	window Span
}

// fold is the cell that a cell of o is part of.
func (c *Cells) fold(f *folded, o *Cells, from *Cell) uint32 {
	if f.known && f.window.Has(from.Window.Start) {
		return f.cell
	}
	if !f.known {
		f.known, f.group = true, c.groupOf(o.groupValues(from.group))
	}
	f.window = c.p.WindowAt(from.Window.Start)
	f.cell = c.find(f.window, f.group)
	return f.cell
}

// ResultsOver are the results of cells of [Plan.Whole] as those of a window, by group.
// Events are complete before complete.
func (c *Cells) ResultsOver(w Span, complete int64) ([]Result, error) {
	for i := range c.list {
		c.list[i].Window = w
	}
	return c.Results(math.MinInt64, math.MaxInt64, complete)
}
