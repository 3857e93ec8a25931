package aggregate

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// What a store needs that keeps cells as layers: what is stored at the bottom, over
// it what has changed since. A cell of a layer adds to those of its key below, or,
// if it is Whole, stands for all of them.

// Lookup is the number of the cell with a key, and whether there is one.
func (c *Cells) Lookup(key []byte) (int, bool) {
	w, group, err := c.readKey(key)
	if err != nil {
		return 0, false
	}
	window, ok := c.windows.known(c.p.windowID(w))
	if !ok {
		return 0, false
	}
	i, ok := c.table.known(uint64(window)<<32 | uint64(group))
	return int(i), ok
}

// Renew is the number of an empty cell with a key; one that was there before is
// gone.
func (c *Cells) Renew(key []byte) (int, error) {
	w, group, err := c.readKey(key)
	if err != nil {
		return 0, err
	}
	if old, ok := c.Lookup(key); ok {
		c.list[old].Gone = true
		window, _ := c.windows.known(c.p.windowID(w))
		c.table.slot(uint64(window)<<32 | uint64(group)).at = uint32(len(c.list)) + 1
		c.list = append(c.list, Cell{Window: w, group: group})
	} else {
		c.find(w, group)
	}
	c.grow()
	return len(c.list) - 1, nil
}

// MergeInto takes what AppendKey and AppendCell appended into cell i, whose group
// must be the same; for the error see [Cells.MergeCell].
func (c *Cells) MergeInto(i int, key, value []byte) error {
	w, _, err := c.p.ReadKey(key)
	if err != nil {
		return err
	}
	return c.mergeInto(i, w, value)
}

// Mark is the numbers of the cells that the selected rows of a batch belong to; those
// that are not there are made, without rows.
func (c *Cells) Mark(b *segment.Batch) ([]int, error) {
	rows, beats, err := c.kinds(b)
	if err != nil {
		return nil, err
	}
	cells, err := c.mark(nil, b, rows)
	if err == nil && len(beats) > 0 {
		cells, err = c.mark(cells, b, beats)
	}
	return cells, err
}

func (c *Cells) mark(cells []int, b *segment.Batch, rows []uint16) ([]int, error) {
	at, err := c.place(b, rows)
	for _, i := range at.cells {
		c.list[i].Rows--
		cells = append(cells, int(i))
	}
	return cells, err
}

// Inverts reports whether events can be taken away from cells again: where all functions
// can, and windows do not depend on other events.
func (p *Plan) Inverts() bool {
	if _, sessions := p.Sessions(); sessions {
		return false
	}
	return !slices.ContainsFunc(p.sums, func(s sum) bool { return !s.Function.Laws().Inverts })
}

// Subtract takes away what the events in the cells of o have added, of the same
// definition, which must invert. Events may be taken away that were added to a cell below.
func (c *Cells) Subtract(o *Cells) error {
	to := c.meet(o, -1)
	c.grow()
	for k, g := range c.sums {
		inverse, ok := g.(Inverse)
		if !ok {
			return fmt.Errorf("aggregate %q: %s cannot take away: %w", c.p.def.Name, c.p.sums[k].Name, ErrFunction)
		}
		if err := inverse.Subtract(to, o.sums[k]); err != nil {
			return fmt.Errorf("aggregate %q: %s: %w", c.p.def.Name, c.p.sums[k].Name, err)
		}
	}
	return nil
}

// Empty reports whether a cell has nothing to add to those below it. One without rows
// may: as many came as were taken away.
func (c *Cell) Empty() bool { return c.Whole && c.Rows == 0 && c.Late == 0 }

// Where is true of the events that are to be followed: those that Where of the
// definition is true of, and retractions. It is nil if that is all.
func (p *Plan) Where() index.Predicate {
	if p.def.Where == nil {
		return nil
	}
	retracts := index.Eq{Column: segment.ColumnKind, Value: index.Int64Of(int64(segment.Retraction))}
	return index.Or{retracts, p.def.Where}
}

// Align is the last time, not after t, at which what is before can be told from what
// is behind: no window that begins before it has events of one that begins at it.
// Of sessions and the global window there is only the beginning of time.
func (p *Plan) Align(t int64) int64 {
	switch w := p.window.(type) {
	case Global, Session:
		return math.MinInt64
	case Aligned:
		return w.At(t).Start
	}
	return t
}

// AppendStart appends what keys of windows that begin at t, or later, begin with or
// lie behind; the plan must not be ByGroup.
func (p *Plan) AppendStart(dst []byte, t int64) []byte { return appendTime(dst, t) }

// Sessions reports whether windows are sessions, whose events lie up to that long
// before their ends.
func (p *Plan) Sessions() (gap int64, ok bool) {
	s, ok := p.window.(Session)
	return int64(s.Gap), ok
}

// Within is the times of events in a window.
func (p *Plan) Within(w Span) Span {
	if gap, ok := p.Sessions(); ok {
		return Span{w.Start, add(w.End, 1-gap)}
	}
	return w
}

// GatherAt is [Plan.Gather] of the events in some stretches of time.
func (p *Plan) GatherAt(ctx context.Context, src Source, times []Span) (*Cells, error) {
	return p.Gather(ctx, src, allTime, DuringAny(times))
}

// DuringAny is true of events in any of some stretches of time, false of all where there
// are none.
func DuringAny(times []Span) index.Predicate {
	var either index.Or
	for _, t := range times {
		r := index.Range{Column: segment.ColumnTime, Lo: index.Bound{Value: index.TimeOf(t.Start)}}
		if t.End != math.MaxInt64 {
			r.Hi = index.Bound{Value: index.TimeOf(t.End), Open: true}
		}
		either = append(either, r)
	}
	return either
}

// RowAt is a row of a batch and its position.
type RowAt struct {
	Row int
	Seq int64
}

// Retractions are the selected rows of a batch that are retractions.
func (p *Plan) Retractions(b *segment.Batch) (rows []RowAt, err error) {
	kinds, err := b.Column(p.fixed.kind)
	if err != nil || b.Rows == 0 || !slices.Contains(kinds[0].Ints[:b.Rows], int64(segment.Retraction)) {
		return nil, err
	}
	seqs, err := b.Column(p.fixed.seq)
	if err != nil {
		return nil, err
	}
	for j := range chosen(b.Rows, b.Selected) {
		if i := at(b.Selected, j); kinds[0].Ints[i] == int64(segment.Retraction) {
			rows = append(rows, RowAt{i, seqs[0].Ints[i]})
		}
	}
	return rows, nil
}

// SessionOf is the window of an encoded session.
func (p *Plan) SessionOf(key, value []byte) (Span, error) {
	w, _, err := p.ReadKey(key)
	d := segment.NewDecoder(string(value))
	w.End = int64(uint64(w.Start) + d.Uvarint())
	if err == nil && d.Bad() {
		err = p.badKey(key)
	}
	return w, err
}

// AppendEmpty appends the encoding of a cell without rows, of which it is known how many
// events came late.
func (p *Plan) AppendEmpty(dst []byte, w Span, late int64) ([]byte, error) {
	c := p.Cells()
	c.find(w, 0)
	c.grow()
	c.list[0].Late = late
	return c.AppendCell(dst, 0)
}

// Bare is a plan of the same windows and groups without values: of where events go.
func (p *Plan) Bare() *Plan {
	q := *p
	q.sums, q.of = nil, nil
	return &q
}

// MergeLate takes in how many events of the cells of o came late, and nothing else. o is
// of the same definition, or [Plan.Bare] of it.
func (c *Cells) MergeLate(o *Cells) {
	for i := range o.list {
		if from := &o.list[i]; from.Late > 0 && !c.leavesOut(from.Window.Start) {
			c.list[c.find(from.Window, c.groupOf(o.groupValues(from.group)))].Late += from.Late
		}
	}
	c.grow()
}

// Ordered reports whether a function is of class [Ordered]: its values depend on the
// windows next to its own.
func (p *Plan) Ordered() bool { return p.ordered }

// AppendResultKey appends what tells r from other results: the key of the cell that it
// is of, if there is one.
func (p *Plan) AppendResultKey(dst []byte, r *Result) []byte {
	first := !p.byGroup
	switch p.window.(type) {
	case Counted:
		dst, first = appendTime(dst, r.Number), true
	case Sliding:
		// Of the last two nanoseconds the ends are the same, of the first ones the starts.
		dst, first = appendTime(appendTime(dst, r.Window.Start), r.Window.End), true
	default:
		if first {
			dst = p.appendWindow(dst, r.Window)
		}
	}
	for _, v := range r.Group {
		dst = segment.AppendValue(dst, v)
	}
	if !first {
		dst = p.appendWindow(dst, r.Window)
	}
	return dst
}

// StatusOf is the status of a result when events are complete before that time.
func (p *Plan) StatusOf(r *Result, complete int64) Status {
	if w, ok := p.window.(Counted); ok && r.Rows < w.N && complete < math.MaxInt64 {
		return Provisional
	}
	return p.statusOf(r.Window, r.Late, complete)
}

// Covers reports whether a cell may be Whole.
func (c *Cells) Covers() bool { return c.covers }

// Cover notes that a cell is made Whole.
func (c *Cells) Cover() { c.covers = true }

// Lateness is what an encoded cell says of Late.
func (p *Plan) Lateness(value []byte) int64 {
	d := segment.NewDecoder(string(value))
	if _, sessions := p.Sessions(); sessions {
		d.Uvarint()
	}
	d.Uvarint()
	return int64(d.Uvarint())
}

// Size is about how much memory the cells take, in bytes.
func (c *Cells) Size() int64 {
	size := int64(len(c.list)) * int64(160+64*len(c.sums))
	for _, s := range c.p.sums {
		if class := s.Function.Laws().Class; class == Holistic || class == Ordered {
			size += 64 * c.rows
		} else if f, ok := s.Function.(DistinctSketch); ok {
			size += min(int64(len(c.list))<<f.bits(), 16*c.rows)
		}
	}
	return size
}
