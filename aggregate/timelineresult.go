package aggregate

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/annalsdb/annals/segment"
)

// framed is a window, and which of its group's entries are in it.
type framed struct {
	Span
	lo, hi int // of the group's entries
	number int64
	late   int64
}

// Results are the results of windows that begin in [from, to), or, if to is
// math.MaxInt64, at from or later, by window and group. Events are complete before
// complete. What windows need, see [Plan.Parts], must be there. Late is not counted.
//
// It costs a sort of what is there and, for each event and function, to join it once
// and to take it away once, whatever the size of windows.
func (t *Timeline) Results(from, to, complete int64) ([]Result, error) {
	var all []Result
	for group := range t.byGroup() {
		frames := slices.DeleteFunc(t.frames(group), func(f framed) bool {
			return f.Start < from || f.Start >= to && to < math.MaxInt64
		})
		r, err := t.results(group, frames, complete)
		if err != nil {
			return nil, err
		}
		all = append(all, r...)
	}
	slices.SortStableFunc(all, func(a, b Result) int { return a.Window.Compare(b.Window) })
	return all, nil
}

// ResultsOver are the results of what is in a span, by group; entries must not lie across
// its ends. Entries before and behind tell functions over time what stood there. Late is
// what the cells in it say.
func (t *Timeline) ResultsOver(over Span, complete int64) ([]Result, error) {
	var all []Result
	for group := range t.byGroup() {
		f := framed{Span: over, lo: startsBefore(group, over.Start), hi: startsBefore(group, over.End)}
		if over.End == math.MaxInt64 {
			f.hi = len(group)
		}
		if f.lo >= f.hi {
			continue
		}
		for i := range group[f.lo:f.hi] {
			if cell := t.cellOf(&group[f.lo+i]); cell != nil {
				f.late += cell.Late
			}
		}
		r, err := t.results(group, []framed{f}, complete)
		if err != nil {
			return nil, err
		}
		all = append(all, r...)
	}
	return all, nil
}

// startsBefore is how many entries begin before a time.
func startsBefore(group []entry, at int64) int {
	n, _ := slices.BinarySearchFunc(group, at, func(e entry, at int64) int { return sign(e.span.Start < at) })
	return n
}

// byGroup is the entries of each group, in order.
func (t *Timeline) byGroup() func(yield func([]entry) bool) {
	t.sort()
	return func(yield func([]entry) bool) {
		for rest := t.list; len(rest) > 0; {
			n := 1
			for n < len(rest) && rest[n].group == rest[0].group {
				n++
			}
			if !yield(rest[:n]) {
				return
			}
			rest = rest[n:]
		}
	}
}

// frames is the windows of a group, in order.
func (t *Timeline) frames(group []entry) []framed {
	switch w := t.p.window.(type) {
	case Sliding:
		return sliding(w, group)
	case Counted:
		return t.counted(w, group)
	case Hopping:
		return hopping(w, group)
	}
	return nil
}

// sliding is the windows that end with an event.
func sliding(w Sliding, group []entry) (all []framed) {
	lo := 0
	for i := range group {
		e := &group[i]
		if !e.isEvent() {
			continue
		}
		f := framed{Span: w.At(e.span.Start), hi: i + 1}
		for ; group[lo].span.Start < f.Start; lo++ {
		}
		f.lo = lo
		if n := len(all) - 1; n >= 0 && all[n].Span == f.Span {
			all[n].hi = f.hi // another one of that time
			continue
		}
		all = append(all, f)
	}
	for n := range all { // heartbeats of the last time are in it too
		for all[n].hi < len(group) && group[all[n].hi].span.Start < all[n].End {
			all[n].hi++
		}
	}
	return all
}

// counted is the windows that begin with an event of group.
func (t *Timeline) counted(w Counted, group []entry) (all []framed) {
	rank := int64(0)
	for i := range group {
		e := &group[i]
		switch {
		case e.of >= 0:
			rank += t.cellOf(e).Rows
			continue
		case e.beat:
			if n := len(all) - 1; n >= 0 && all[n].hi == i {
				all[n].hi++ // it is of the event before
			}
			continue
		}
		n := len(all) - 1
		if rank%w.N == 0 {
			all, n = append(all, framed{Span: Span{Start: e.span.Start}, lo: i, number: w.At(rank)}), n+1
		}
		if n >= 0 && all[n].number == w.At(rank) {
			all[n].End, all[n].hi = e.span.End, i+1
		}
		rank++
	}
	return all
}

// hopping is the windows that entries are in.
func hopping(w Hopping, group []entry) (all []framed) {
	var spans []Span
	for i := range group {
		spans = w.Assign(spans, group[i].span.Start)
	}
	slices.SortFunc(spans, Span.Compare)
	lo, hi := 0, 0
	for _, s := range slices.Compact(spans) {
		for ; lo < len(group) && group[lo].span.Start < s.Start; lo++ {
		}
		for ; hi < len(group) && s.Has(group[hi].span.Start) || hi < lo; hi++ {
		}
		all = append(all, framed{Span: s, lo: lo, hi: hi})
	}
	return all
}

// cellOf is the cell that an entry is; nil for an event.
func (t *Timeline) cellOf(e *entry) *Cell {
	if e.of < 0 {
		return nil
	}
	return &t.cells[e.of].list[e.at]
}

// rows is how many events the first n entries of a group are of; heartbeats among them
// where they count, which they never do in counted windows.
func (t *Timeline) rows(group []entry) []int64 {
	_, counted := t.p.window.(Counted)
	sums := make([]int64, len(group)+1)
	for i := range group {
		n := int64(1)
		if cell := t.cellOf(&group[i]); cell != nil {
			n = cell.Rows
		} else if counted && group[i].beat {
			n = 0
		}
		sums[i+1] = sums[i] + n
	}
	return sums
}

// results is the results of windows of one group.
func (t *Timeline) results(group []entry, frames []framed, complete int64) ([]Result, error) {
	if len(frames) == 0 {
		return nil, nil
	}
	results := make([]Result, len(frames))
	values := t.groups.groupValues(group[0].group)
	of := make([]segment.Value, len(frames)*len(t.p.of))
	rows := t.rows(group)
	for n, f := range frames {
		r := &results[n]
		r.Window, r.Group, r.Number = f.Span, values, f.number
		r.Values, of = of[:len(t.p.of):len(t.p.of)], of[len(t.p.of):]
		r.Rows, r.Late = rows[f.hi]-rows[f.lo], f.late
		r.Status = t.p.StatusOf(r, complete)
	}
	for k := range t.p.sums {
		j := joiner{Timeline: t, sum: k, group: group}
		if err := j.run(frames, results); err != nil {
			return nil, fmt.Errorf("aggregate %q: %s: %w", t.p.def.Name, t.p.sums[k].Name, err)
		}
	}
	return results, nil
}

// joiner joins one sum of the entries of a group in one window after the other.
type joiner struct {
	*Timeline
	frame
	sum   int
	group []entry

	unfit  []bool     // entries whose value the function does not take
	parts  []*Partial // by entry, of functions over time
	after  []*Row     // by entry, and one more: what is behind those before it
	before *Row       // what stood before the window
	lo, hi int        // of the window
	left   int64      // values of entries in it that are left out
}

func (j *joiner) run(frames []framed, results []Result) error {
	s := &j.p.sums[j.sum]
	j.unfit = make([]bool, len(j.group))
	j.frame = newFrame(s.Function)
	if s.ordered {
		if err := j.behind(); err != nil {
			return err
		}
	} else {
		j.lo, j.hi = frames[0].lo, frames[0].lo // what is before matters to nothing
	}
	for n := range frames {
		if err := j.move(frames[n].lo, frames[n].hi); err != nil {
			return err
		}
		if err := j.result(&results[n]); err != nil {
			return err
		}
	}
	return nil
}

// move makes the window one that begins and ends no earlier.
func (j *joiner) move(lo, hi int) error {
	for ; j.hi < hi; j.hi++ {
		if err := j.enter(j.hi); err != nil {
			return err
		}
	}
	for ; j.lo < lo; j.lo++ {
		if err := j.leave(j.lo); err != nil {
			return err
		}
	}
	return j.evict(lo)
}

// passes reports whether an entry has nothing for the sum.
func (j *joiner) passes(e *entry) bool {
	s := &j.p.sums[j.sum]
	switch {
	case e.of >= 0:
		return false
	case e.beat:
		return !s.ordered
	case s.Of.isZero():
		return false
	}
	return !s.nulls && j.values[e.at+j.sum].IsNull()
}

// row is an event as a row.
func (j *joiner) row(e *entry) Row {
	r := Row{Time: e.span.Start, Seq: e.seq, Beat: e.beat}
	if !e.beat {
		r.Value = j.values[e.at+j.sum]
	}
	return r
}

// into takes an entry into a partial result.
func (j *joiner) into(p *Partial, i int) error {
	e := &j.group[i]
	if e.of < 0 {
		return p.Add(j.row(e))
	}
	b, err := j.cells[e.of].sums[j.sum].AppendBinary(nil, e.at)
	if err == nil {
		err = p.g.MergeBinary(0, b)
	}
	return err
}

// enter takes an entry into the window.
func (j *joiner) enter(i int) (err error) {
	if j.passes(&j.group[i]) {
		return nil
	}
	switch {
	case j.inverts():
		err = j.into(j.all, i)
	case j.parts != nil:
		if p := j.parts[i]; p != nil {
			err = j.frame.enter(i, p)
		}
	default:
		p := NewPartial(j.joins.f)
		if err = j.into(p, i); err == nil {
			err = j.frame.enter(i, p)
		}
	}
	if errors.Is(err, ErrKind) {
		j.unfit[i], err = true, nil
	}
	j.left += j.leftOut(i)
	return err
}

// leave takes an entry out of the window.
func (j *joiner) leave(i int) (err error) {
	e := &j.group[i]
	if j.passes(e) {
		return nil
	}
	j.left -= j.leftOut(i)
	switch {
	case j.unfit[i]:
	case j.parts != nil && j.parts[i] != nil:
		j.before, _, err = j.parts[i].g.(Spanned).Next(0, j.before, nil)
	case j.inverts() && e.of < 0:
		err = j.all.Remove(j.row(e))
	case j.inverts():
		p := NewPartial(j.all.f)
		if err = j.into(p, i); err == nil {
			err = j.all.Subtract(p)
		}
	}
	return err
}

// leftOut is how many values of an entry the function does not take; of cells those of all
// functions, once.
func (j *joiner) leftOut(i int) int64 {
	switch e := &j.group[i]; {
	case j.unfit[i]:
		return int64(j.p.sums[j.sum].shares)
	case e.of >= 0 && j.sum == 0:
		return j.cellOf(e).Unfit
	}
	return 0
}

// behind finds what is behind each entry, for functions over time.
func (j *joiner) behind() error {
	j.parts = make([]*Partial, len(j.group))
	j.after = make([]*Row, len(j.group)+1)
	for i := len(j.group) - 1; i >= 0; i-- {
		j.after[i] = j.after[i+1]
		if j.passes(&j.group[i]) {
			continue
		}
		p := NewPartial(j.joins.f)
		err := j.into(p, i)
		if errors.Is(err, ErrKind) {
			j.unfit[i] = true
			continue
		}
		if err == nil {
			j.parts[i] = p
			_, j.after[i], err = p.g.(Spanned).Next(0, nil, j.after[i+1])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// result is what the window's result has of the sum.
func (j *joiner) result(r *Result) error {
	p, err := j.frame.result()
	if err != nil {
		return err
	}
	r.Unfit += j.left
	for m, k := range j.p.of {
		if k != j.sum {
			continue
		}
		var v segment.Value
		var err error
		if g, ok := p.g.(Spanned); ok && j.settles(r) {
			v, err = g.ResultIn(0, Edges{Start: r.Window.Start, End: r.Window.End, Before: j.before, After: j.after[j.hi]})
		} else {
			v, err = ResultOf(j.p.def.Measures[m].Function, p.g, 0)
		}
		if err != nil {
			v, r.Err = segment.Value{}, fmt.Errorf("%s of window %s: %w", j.p.def.Measures[m].Name, r.Window, err)
		}
		r.Values[m] = v
	}
	return nil
}

// settles reports whether functions over time go from end to end of a window; of counted
// ones, and of all of time, they go from the first row to the last.
func (j *joiner) settles(r *Result) bool {
	_, counted := j.p.window.(Counted)
	return !counted && r.Window != allTime
}
