package aggregate

import (
	"fmt"
	"math"
	"slices"

	"github.com/annalsdb/annals/segment"
)

// Result is the values of one window and group.
type Result struct {
	Window Span
	Group  []segment.Value // of Definition.By
	Values []segment.Value // of Definition.Measures

	// Number is how many windows of the group are before it, of [Counted] ones; which
	// else could not be told apart where events have one time.
	Number int64

	Rows  int64 // events in it, heartbeats included where they count
	Late  int64 // those that came when the window was final, retracted ones too, if it is maintained
	Unfit int64 // values of kinds that their function does not take, left out

	Status Status

	// Err is why a value is null that should not be: [ErrOverflow].
	Err error
}

// Status is what may still become of a result.
type Status uint8

// The statuses.
const (
	Provisional Status = iota // events in the window are still expected
	Final                     // none is
	Revised                   // none is, and some came after that had been said
)

// String is the status in lower case.
func (s Status) String() string {
	if s > Revised {
		return fmt.Sprintf("status(%d)", uint8(s))
	}
	return [...]string{"provisional", "final", "revised"}[s]
}

// statusOf is the status of a window when events are complete before that time.
func (p *Plan) statusOf(w Span, late, complete int64) Status {
	end := Span{w.Start, add(w.End, int64(p.def.Grace))}
	closed := end.End <= complete
	if s, ok := p.window.(Session); ok {
		closed = s.Complete(end, complete)
	}
	switch {
	case !closed:
		return Provisional
	case late > 0:
		return Revised
	}
	return Final
}

// compareGroups is the order of groups.
func compareGroups(a, b []segment.Value) int {
	return slices.CompareFunc(a, b, Compare)
}

// sorted is the numbers of the cells that have rows, by group and window, and the
// values of their groups.
func (c *Cells) sorted() (order []int, groups map[uint32][]segment.Value) {
	groups = map[uint32][]segment.Value{}
	for i := range c.list {
		if cell := &c.list[i]; cell.Rows > 0 && !cell.Gone {
			order = append(order, i)
			if groups[cell.group] == nil {
				groups[cell.group] = c.groupValues(cell.group)
			}
		}
	}
	slices.SortFunc(order, func(i, j int) int {
		a, b := &c.list[i], &c.list[j]
		if a.group != b.group {
			return compareGroups(groups[a.group], groups[b.group])
		}
		return a.Window.Compare(b.Window)
	})
	return order, groups
}

// Equal reports whether both are the same, to the bit; nil is the same as nil alone.
func (r *Result) Equal(o *Result) bool {
	if r == nil || o == nil {
		return r == o
	}
	return r.Window == o.Window && r.Number == o.Number && r.Rows == o.Rows && r.Late == o.Late && r.Unfit == o.Unfit && r.Status == o.Status &&
		slices.Equal(r.Group, o.Group) && slices.Equal(r.Values, o.Values) && (r.Err == nil) == (o.Err == nil)
}

// Sessions are the cells of single times joined into sessions.
func (c *Cells) Sessions() (*Cells, error) {
	all := c.p.Cells()
	order, groups := c.sorted()
	to := make([]uint32, len(c.list))
	last := -1
	for n, i := range order {
		cell := &c.list[i]
		if n == 0 || c.list[order[n-1]].group != cell.group || cell.Window.Start > all.list[last].Window.End {
			last = int(all.find(cell.Window, all.groupOf(groups[cell.group])))
		}
		s := &all.list[last]
		s.Window.End = max(s.Window.End, cell.Window.End)
		s.Rows += cell.Rows
		s.Late += cell.Late
		s.Unfit += cell.Unfit
		to[i] = uint32(last)
	}
	if len(order) < len(c.list) {
		return nil, fmt.Errorf("aggregate %q: single times without rows", c.p.def.Name)
	}
	return all, all.mergeSums(to, c)
}

// Results are the results of windows that begin in [from, to), or, if to is
// math.MaxInt64, at from or later, by window and group. Events are complete before
// complete. Cells of windows before from are looked at where functions over time
// need the value that stood before; those next to a range must be there.
func (c *Cells) Results(from, to, complete int64) ([]Result, error) {
	order, groups := c.sorted()
	edges, err := c.edges(order)
	if err != nil {
		return nil, err
	}
	var all []Result
	for n, i := range order {
		cell := &c.list[i]
		if w := cell.Window.Start; w < from || w >= to && to < math.MaxInt64 {
			continue
		}
		r := Result{
			Window: cell.Window, Group: groups[cell.group], Rows: cell.Rows, Late: cell.Late, Unfit: cell.Unfit,
			Status: c.p.statusOf(cell.Window, cell.Late, complete),
		}
		for m, k := range c.p.of {
			var v segment.Value
			var err error
			if g, ok := c.sums[k].(Spanned); ok && edges[k] != nil {
				v, err = g.ResultIn(i, edges[k][n])
			} else {
				v, err = ResultOf(c.p.def.Measures[m].Function, c.sums[k], i)
			}
			if err != nil {
				v, r.Err = segment.Value{}, fmt.Errorf("%s of window %s: %w", c.p.def.Measures[m].Name, cell.Window, err)
			}
			r.Values = append(r.Values, v)
		}
		all = append(all, r)
	}
	slices.SortStableFunc(all, func(a, b Result) int { return a.Window.Compare(b.Window) })
	return all, nil
}

// edges are, for each sum over time and each cell in order, the ends of its window
// and the values next to it, of the windows of its group before and behind. The
// global window has none: it goes from the first row to the last.
func (c *Cells) edges(order []int) ([][]Edges, error) {
	all := make([][]Edges, len(c.sums))
	if _, global := c.p.window.(Global); global {
		return all, nil
	}
	for k := range c.sums {
		g, ok := c.sums[k].(Spanned)
		if !ok {
			continue
		}
		list := make([]Edges, len(order))
		var stands, follows *Row
		for n, i := range order {
			cell := &c.list[i]
			if n == 0 || c.list[order[n-1]].group != cell.group {
				stands = nil
			}
			list[n] = Edges{Start: cell.Window.Start, End: cell.Window.End, Before: stands}
			before, _, err := g.Next(i, stands, nil)
			if err != nil {
				return nil, c.fail(i, k, err)
			}
			stands = before
		}
		for n, i := range slices.Backward(order) {
			if n == len(order)-1 || c.list[order[n+1]].group != c.list[i].group {
				follows = nil
			}
			list[n].After = follows
			_, after, err := g.Next(i, nil, follows)
			if err != nil {
				return nil, c.fail(i, k, err)
			}
			follows = after
		}
		all[k] = list
	}
	return all, nil
}
