package aggregate

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/annalsdb/annals/segment"
)

// cellScratch is memory for one batch at a time.
type cellScratch struct {
	rows    []uint16
	starts  []int64
	spans   []Span
	groups  []uint32
	next    []uint32
	cells   []uint32
	at      []int32
	vector  Vector
	encoded []byte
	values  []segment.Value
	keys    segment.FieldColumn
	folds   []folded
}

// placed is rows of a batch and the cells that they went to; a row is there once
// for each window that it is in.
type placed struct {
	rows  []uint16 // nil for all
	cells []uint32
}

// Add takes in the selected rows of a batch that has the columns of the Plan.
// Retractions among them are passed over.
func (c *Cells) Add(b *segment.Batch) error {
	_, err := c.add(b, nil)
	return err
}

// add is Add; note, if not nil, is told where rows went.
func (c *Cells) add(b *segment.Batch, note func(placed) error) (n int, err error) {
	if b.Rows == 0 || b.Selected != nil && len(b.Selected) == 0 {
		return 0, nil
	}
	rows, beats, err := c.kinds(b)
	if err != nil {
		return 0, err
	}
	for _, part := range [...]struct {
		rows []uint16
		none bool
		beat bool
	}{{rows: rows, none: rows != nil && len(rows) == 0}, {rows: beats, none: len(beats) == 0, beat: true}} {
		if part.none {
			continue
		}
		at, err := c.place(b, part.rows)
		if err != nil {
			return n, err
		}
		if len(at.cells) == 0 {
			continue
		}
		n += len(at.cells)
		c.rows += int64(len(at.cells))
		for k := range c.sums {
			if err := c.addTo(k, b, at, part.beat); err != nil {
				return n, err
			}
		}
		if note != nil {
			if err := note(at); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// kinds is the selected rows that are changes and deletes, nil for all, and, where
// they count, those that are heartbeats.
func (c *Cells) kinds(b *segment.Batch) (rows, beats []uint16, err error) {
	parts, err := b.Column(c.p.fixed.kind)
	if err != nil {
		return nil, nil, err
	}
	kinds := parts[0].Ints
	if !slices.ContainsFunc(kinds[:b.Rows], func(k int64) bool { return segment.Kind(k) > segment.Delete }) {
		return b.Selected, nil, nil
	}
	rows = make([]uint16, 0, b.Rows)
	for j := range chosen(b.Rows, b.Selected) {
		switch i := at(b.Selected, j); segment.Kind(kinds[i]) {
		case segment.Change, segment.Delete:
			rows = append(rows, uint16(i))
		case segment.Heartbeat:
			if c.p.ordered {
				beats = append(beats, uint16(i))
			}
		}
	}
	return rows, beats, nil
}

// chosen is how many rows are chosen of n.
func chosen(n int, rows []uint16) int {
	if rows == nil {
		return n
	}
	return len(rows)
}

// place finds the cells of rows.
func (c *Cells) place(b *segment.Batch, rows []uint16) (placed, error) {
	s := &c.scratch
	times, err := b.Column(c.p.fixed.time)
	if err != nil {
		return placed{}, err
	}
	rows, aligned := c.assign(times[0].Ints, b.Rows, rows)
	n := chosen(b.Rows, rows)
	s.groups = slices.Grow(s.groups[:0], n)[:n]
	if err := c.number(b, rows); err != nil {
		return placed{}, err
	}
	s.cells = slices.Grow(s.cells[:0], n)[:n]
	var window Span
	var group uint32
	for j := range n {
		w := Span{Start: s.starts[j]}
		if !aligned {
			w = s.spans[j]
		}
		if g := s.groups[j]; j == 0 || w != window || g != group {
			window, group = w, g
			if aligned {
				s.cells[j] = c.findAligned(w.Start, g)
			} else {
				s.cells[j] = c.find(w, g)
			}
		} else {
			s.cells[j] = s.cells[j-1]
		}
		c.list[s.cells[j]].Rows++
	}
	c.grow()
	return placed{rows, s.cells}, nil
}

// findAligned is find of the window that begins at start.
func (c *Cells) findAligned(start int64, group uint32) uint32 {
	window, _ := c.windows.find(uint64(start), c.windows.n)
	i, isNew := c.table.find(uint64(window)<<32|uint64(group), len(c.list))
	if isNew {
		c.list = append(c.list, Cell{Window: c.p.window.(Aligned).At(start), group: group})
	}
	return i
}

// assign finds the windows of rows, and is the rows once for each that is not left
// out. Of aligned windows starts has their starts, of others spans has them.
func (c *Cells) assign(times []int64, n int, rows []uint16) (in []uint16, aligned bool) {
	s := &c.scratch
	s.starts = s.starts[:0]
	for j := range chosen(n, rows) {
		s.starts = append(s.starts, times[at(rows, j)])
	}
	if c.starter != nil {
		c.starter(s.starts, s.starts)
		if c.From > math.MinInt64 || c.To < math.MaxInt64 {
			rows = c.within(rows)
		}
		return rows, true
	}
	s.spans, s.rows = s.spans[:0], s.rows[:0]
	for j, t := range s.starts {
		switch w := c.p.window.(type) {
		case Hopping:
			s.spans = w.Assign(s.spans, t)
		case Session:
			s.spans = append(s.spans, w.At(t))
		}
		for len(s.rows) < len(s.spans) {
			if w := &s.spans[len(s.rows)]; c.leavesOut(w.Start) {
				s.spans = slices.Delete(s.spans, len(s.rows), len(s.rows)+1)
			} else {
				s.rows = append(s.rows, uint16(at(rows, j)))
			}
		}
	}
	s.starts = slices.Grow(s.starts[:0], len(s.spans))[:len(s.spans)]
	return some(s.rows), false
}

// some is rows, none of which is not all.
func some(rows []uint16) []uint16 {
	if rows == nil {
		return []uint16{}
	}
	return rows
}

// leavesOut reports whether a window that begins there is left out.
func (c *Cells) leavesOut(start int64) bool {
	return start < c.From || c.From == math.MaxInt64 || start >= c.To && c.To < math.MaxInt64
}

// within is the rows whose windows are not left out, and makes starts theirs.
func (c *Cells) within(rows []uint16) []uint16 {
	s := &c.scratch
	if !slices.ContainsFunc(s.starts, c.leavesOut) {
		return rows
	}
	in, starts := s.rows[:0], s.starts[:0]
	for j, start := range s.starts {
		if !c.leavesOut(start) {
			in, starts = append(in, uint16(at(rows, j))), append(starts, start)
		}
	}
	s.rows, s.starts = in, starts
	return some(in)
}

// number finds the groups of rows.
func (c *Cells) number(b *segment.Batch, rows []uint16) error {
	s := &c.scratch
	clear(s.groups)
	for k, in := range c.p.def.By {
		parts, err := c.input(b, in, rows)
		if err != nil {
			return err
		}
		if k == 0 {
			c.by[0].column(s.groups, b.Rows, rows, parts)
			continue
		}
		s.next = slices.Grow(s.next[:0], len(s.groups))[:len(s.groups)]
		c.by[k].column(s.next, b.Rows, rows, parts)
		c.pairs[k-1].pairs(s.groups, s.next)
	}
	return nil
}

// input is the values of an input.
func (c *Cells) input(b *segment.Batch, in Input, rows []uint16) ([]segment.FieldColumn, error) {
	if in.Of == nil {
		return c.column(b, in.Column)
	}
	var columns [][]segment.FieldColumn
	for _, name := range in.Of.Columns() {
		parts, err := c.column(b, name)
		if err != nil {
			return nil, err
		}
		columns = append(columns, parts)
	}
	if rows != nil {
		rows = slices.Compact(slices.Clone(rows)) // once each
	}
	parts, err := in.Of.Evaluate(b.Rows, rows, columns)
	if err != nil {
		return nil, fmt.Errorf("aggregate %q: %s: %w", c.p.def.Name, in, err)
	}
	return parts, nil
}

// column is a column by name.
func (c *Cells) column(b *segment.Batch, name string) ([]segment.FieldColumn, error) {
	if i := c.p.slot(name); i != keySlot {
		return b.Column(i)
	}
	runs, err := b.Keys()
	if err != nil {
		return nil, err
	}
	k := &c.scratch.keys
	k.Name, k.Kind = name, segment.StringValue
	k.Texts.Dict, k.Texts.Codes = k.Texts.Dict[:0], k.Texts.Codes[:0]
	last := -1
	for i, run := range runs {
		if run.Key != last {
			text, err := b.KeyName(run.Key)
			if err != nil {
				return nil, err
			}
			last = run.Key
			k.Texts.Dict = append(k.Texts.Dict, text)
		}
		end := b.Rows
		if i+1 < len(runs) {
			end = runs[i+1].Row
		}
		for len(k.Texts.Codes) < end {
			k.Texts.Codes = append(k.Texts.Codes, uint32(len(k.Texts.Dict)-1))
		}
	}
	return []segment.FieldColumn{*k}, nil
}

// addTo adds rows to a sum.
func (c *Cells) addTo(k int, b *segment.Batch, at placed, beat bool) error {
	s := &c.p.sums[k]
	switch {
	case beat && !s.ordered:
		return nil
	case beat, s.Of.isZero():
		return c.give(k, b, at, at.cells, Vector{Kind: segment.NullValue, Nulls: len(at.cells), Beats: beat})
	}
	parts, err := c.input(b, s.Of, at.rows)
	if err != nil {
		return err
	}
	if len(parts) == 1 && parts[0].Rows == nil && parts[0].Kind != segment.NullValue {
		return c.give(k, b, at, at.cells, c.gather(s, &parts[0], at.rows))
	}
	return c.addParts(k, b, at, parts)
}

// zeros are values for those who only count them.
var zeros [1 << 16]int64

// gather is the values of rows of a part that all rows have.
func (c *Cells) gather(s *sum, p *segment.FieldColumn, rows []uint16) Vector {
	v := &c.scratch.vector
	*v = Vector{Kind: p.Kind, Ints: v.Ints, Floats: v.Floats, Texts: v.Texts[:0]}
	n := chosen(valuesOf(p, max(len(p.Ints), len(p.Floats), len(p.Texts.Codes))), rows)
	switch {
	case s.counts && n <= len(zeros):
		return Vector{Kind: segment.Int64Value, Ints: zeros[:n]}
	case p.Kind == segment.Float64Value && rows == nil:
		return Vector{Kind: p.Kind, Floats: p.Floats}
	case p.Kind == segment.Float64Value:
		v.Floats = v.Floats[:0]
		for _, i := range rows {
			v.Floats = append(v.Floats, p.Floats[i])
		}
	case p.Kind >= segment.StringValue && p.Kind != segment.TimeValue:
		for j := range n {
			v.Texts = append(v.Texts, p.Texts.At(at(rows, j)))
		}
	case rows == nil:
		return Vector{Kind: p.Kind, Ints: p.Ints}
	default:
		v.Ints = v.Ints[:0]
		for _, i := range rows {
			v.Ints = append(v.Ints, p.Ints[i])
		}
	}
	return *v
}

// addParts adds the values of rows of which some have none, or one of another kind.
func (c *Cells) addParts(k int, b *segment.Batch, to placed, parts []segment.FieldColumn) error {
	s := &c.p.sums[k]
	missing := make([]bool, b.Rows)
	for i := range missing {
		missing[i] = true
	}
	for n := range parts {
		p := &parts[n]
		if p.Kind == segment.NullValue {
			continue
		}
		value := slices.Grow(c.scratch.at[:0], b.Rows)[:b.Rows]
		c.scratch.at = value
		for i := range value {
			value[i] = -1
		}
		for i := range valuesOf(p, b.Rows) {
			value[rowOf(p, i)], missing[rowOf(p, i)] = int32(i), false
		}
		var has placed
		var rows []uint16
		for j, cell := range to.cells {
			if i := at(to.rows, j); value[i] >= 0 {
				has.rows, has.cells = append(has.rows, uint16(i)), append(has.cells, cell)
				rows = append(rows, uint16(value[i]))
			}
		}
		if len(rows) == 0 {
			continue
		}
		if err := c.give(k, b, has, has.cells, c.gather(s, p, rows)); err != nil {
			return err
		}
	}
	if !s.nulls {
		return nil
	}
	var none placed
	for j, cell := range to.cells {
		if i := at(to.rows, j); missing[i] {
			none.rows, none.cells = append(none.rows, uint16(i)), append(none.cells, cell)
		}
	}
	if len(none.cells) == 0 {
		return nil
	}
	return c.give(k, b, none, none.cells, Vector{Kind: segment.NullValue, Nulls: len(none.cells)})
}

// give adds a vector to a sum. Values of a kind that its function does not take
// are counted as unfit.
func (c *Cells) give(k int, b *segment.Batch, at placed, cells []uint32, v Vector) error {
	if c.p.sums[k].placed {
		if err := c.stand(b, at.rows, &v); err != nil {
			return err
		}
	}
	err := c.sums[k].Add(cells, &v)
	if errors.Is(err, ErrKind) {
		for _, i := range cells {
			c.list[i].Unfit += int64(c.p.sums[k].shares)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("aggregate %q: %s: %w", c.p.def.Name, c.p.sums[k].Name, err)
	}
	return nil
}

// stand makes the places of v those of rows.
func (c *Cells) stand(b *segment.Batch, rows []uint16, v *Vector) error {
	times, err := b.Column(c.p.fixed.time)
	if err != nil {
		return err
	}
	seqs, err := b.Column(c.p.fixed.seq)
	if err != nil {
		return err
	}
	v.Time, v.Seq = times[0].Ints[:b.Rows], seqs[0].Ints[:b.Rows]
	if rows == nil {
		return nil
	}
	t, q := make([]int64, len(rows)), make([]int64, len(rows))
	for j, i := range rows {
		t[j], q[j] = v.Time[i], v.Seq[i]
	}
	v.Time, v.Seq = t, q
	return nil
}
