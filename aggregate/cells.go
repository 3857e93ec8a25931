package aggregate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/annalsdb/annals/segment"
)

// Cells are the partial results of a [Definition] by window and group, side by
// side: batches of events go in by columns, results and encodings of single cells
// come out. One goroutine may use them at a time; workers have some each and merge
// them.
//
// Of [Session] windows a batch makes cells of single times, which Sessions joins.
type Cells struct {
	p    *Plan
	From int64 // windows that begin before it are left out, all of them if it is math.MaxInt64
	To   int64 // and those that begin at it or later, unless it is math.MaxInt64

	list    []Cell
	windows numbering // by what tells windows apart, see windowID
	table   numbering // number of the window << 32 | group: cell
	by      []dictionary
	pairs   []pairing // of by but the first
	covers  bool      // a cell may be Whole
	groups  []string  // their encodings, "" where not asked for
	sums    []Groups  // of Plan.sums
	rows    int64     // in all of them

	starter func(dst, times []int64)
	scratch cellScratch
}

// Cell is what is known of a window and group beside its values.
type Cell struct {
	Window Span
	Rows   int64 // events in it, heartbeats included where they count
	Late   int64 // those that came when the window was final, retracted ones too
	Unfit  int64 // values, for each measure, of kinds that its function does not take, left out

	// Of a cell over others, see package store. Whole: it is all there is, not
	// something to add. Stale: it has to be computed anew from the events. Gone:
	// another one has taken its place in the list.
	Whole, Stale, Gone bool

	group uint32
}

// Plan is a definition made ready to compute: immutable, safe for concurrent use.
type Plan struct {
	def     Definition
	window  Window
	columns []string // of a scan, less keys, which are slot keySlot
	sums    []sum
	of      []int // by measure: its sum
	ordered bool  // a sum is of class Ordered
	byGroup bool  // keys of cells begin with the group
	fixed   struct{ time, seq, kind, recorded int }
}

// sum is what one measure, or several that share it, adds up.
type sum struct {
	Measure
	ordered bool // it takes nulls and heartbeats
	nulls   bool // it takes nulls
	placed  bool // it takes where rows stand
	counts  bool // values are counted, whatever they are
	shares  int  // how many measures it serves
}

// NewPlan is the plan of a definition, which must be complete.
func NewPlan(d Definition) (*Plan, error) {
	if err := d.Check(); err != nil {
		return nil, err
	}
	if texts := d.Missing(); len(texts) > 0 {
		return nil, fmt.Errorf("aggregate %q: %w: %q must be handed over again", d.Name, ErrDefinition, texts)
	}
	return newPlan(d), nil
}

func newPlan(d Definition) *Plan {
	p := &Plan{def: d, window: d.window()}
	p.fixed.time, p.fixed.seq = p.slot(segment.ColumnTime), p.slot(segment.ColumnSeq)
	p.fixed.kind, p.fixed.recorded = p.slot(segment.ColumnKind), p.slot(segment.ColumnRecorded)
	for _, in := range d.By {
		p.want(in)
	}
	p.want(d.Watermark.Source)
	for _, m := range d.Measures {
		p.want(m.Of)
		p.of = append(p.of, p.sum(m))
	}
	_, sessions := p.window.(Session)
	p.byGroup = sessions || p.ordered
	return p
}

// Definition is what the plan is of.
func (p *Plan) Definition() Definition { return p.def }

// Columns are those that batches for [Cells.Add] have.
func (p *Plan) Columns() []string { return p.columns }

// ByGroup reports whether cells are kept by group, and then by window: where those
// of a group need each other.
func (p *Plan) ByGroup() bool { return p.byGroup }

// sum is the number of the sum that has m.
func (p *Plan) sum(m Measure) int {
	for i, s := range p.sums {
		same := s.Function.String() == m.Function.String() || Shares(s.Function, m.Function)
		if same && s.Of.String() == m.Of.String() {
			p.sums[i].shares++
			return i
		}
	}
	s := sum{Measure: m, shares: 1}
	s.ordered = m.Function.Laws().Class == Ordered
	switch f := m.Function.(type) {
	case Count:
		s.nulls, s.counts = f.Rows, true
	case First, Last:
		s.placed = true
	case Custom:
		s.nulls, s.placed = true, true
	}
	s.nulls, s.placed = s.nulls || s.ordered, s.placed || s.ordered
	p.ordered = p.ordered || s.ordered
	p.sums = append(p.sums, s)
	return len(p.sums) - 1
}

func (p *Plan) want(in Input) {
	switch {
	case in.Of != nil:
		for _, name := range in.Of.Columns() {
			p.slot(name)
		}
	case in.Column != "":
		p.slot(in.Column)
	}
}

// keySlot is the slot of keys, which batches tell by runs.
const keySlot = -1

// slot is the number of a column in a scan, put there if it is not.
func (p *Plan) slot(name string) int {
	if name == segment.ColumnKey {
		return keySlot
	}
	for i, have := range p.columns {
		if have == name {
			return i
		}
	}
	p.columns = append(p.columns, name)
	return len(p.columns) - 1
}

// Cells are no cells of the plan.
func (p *Plan) Cells() *Cells {
	c := &Cells{p: p, From: math.MinInt64, To: math.MaxInt64}
	c.by = make([]dictionary, len(p.def.By))
	c.pairs = make([]pairing, max(len(c.by)-1, 0))
	for _, s := range p.sums {
		c.sums = append(c.sums, s.Function.Groups(0))
	}
	if w, ok := p.window.(Aligned); ok {
		c.starter = w.Starter()
	}
	return c
}

// Len is how many cells there are, those that are gone included.
func (c *Cells) Len() int { return len(c.list) }

// Rows is how many events they are of; one that is in several windows counts in each.
func (c *Cells) Rows() int64 { return c.rows }

// At is cell i, until the next one comes.
func (c *Cells) At(i int) *Cell { return &c.list[i] }

// windowID tells the windows of a definition apart: hopping ones that are cut off
// at the beginning of time by their ends, others by their starts.
func (p *Plan) windowID(w Span) uint64 {
	if _, hops := p.window.(Hopping); hops {
		return uint64(w.End)
	}
	return uint64(w.Start)
}

// find is the number of the cell of a window and group, made if there is none.
func (c *Cells) find(w Span, group uint32) uint32 {
	window, _ := c.windows.find(c.p.windowID(w), c.windows.n)
	i, isNew := c.table.find(uint64(window)<<32|uint64(group), len(c.list))
	if isNew {
		c.list = append(c.list, Cell{Window: w, group: group})
	}
	return i
}

// grow makes room for the cells in all sums.
func (c *Cells) grow() {
	for _, g := range c.sums {
		g.Grow(len(c.list))
	}
}

// Value is that of Definition.By[k] in the group that cell i is of.
func (c *Cells) Value(i, k int) segment.Value {
	group := c.list[i].group
	for at := len(c.by) - 1; at > 0; at-- {
		p := &c.pairs[at-1]
		if at == k {
			return c.by[k].values[p.right[group]]
		}
		group = p.left[group]
	}
	return c.by[0].values[group]
}

// Sum is what the cells have of a measure, cell i as group i: to be merged into groups
// of its function, or of the first before it that [Shares] with it and is of the same
// input. It is not to be changed.
func (c *Cells) Sum(measure int) Groups { return c.sums[c.p.of[measure]] }

func (c *Cells) groupValues(group uint32) []segment.Value {
	if len(c.by) == 0 {
		return nil
	}
	v := make([]segment.Value, len(c.by))
	for k := len(c.by) - 1; k > 0; k-- {
		p := &c.pairs[k-1]
		v[k] = c.by[k].values[p.right[group]]
		group = p.left[group]
	}
	v[0] = c.by[0].values[group]
	return v
}

// groupOf is the number of a group by its values.
func (c *Cells) groupOf(values []segment.Value) (group uint32) {
	for k, v := range values {
		n := c.by[k].number(v)
		if k == 0 {
			group = n
		} else {
			group = c.pairs[k-1].number(group, n)
		}
	}
	return group
}

// groupText is the encoding of a group: its values, as segment.AppendValue.
func (c *Cells) groupText(group uint32) string {
	for int(group) >= len(c.groups) {
		c.groups = append(c.groups, "")
	}
	if c.groups[group] == "" && len(c.by) > 0 {
		var b []byte
		for _, v := range c.groupValues(group) {
			b = segment.AppendValue(b, v)
		}
		c.groups[group] = string(b)
	}
	return c.groups[group]
}

// A cell's key
//
//	window  8 bytes start, big endian, the sign inverted; of hopping windows 8 bytes
//	        end, likewise
//	group   the values, as segment.AppendValue
//
// in this order, or, of sessions and of functions over time, which need a group's
// windows side by side, the group first. A cell
//
//	of sessions: uvarint length of the window, ns
//	uvarint rows, late, unfit; of a layer from which more was taken away than added
//	they are negative, as the uint64 of the same bits
//	for each sum: uvarint length, and bytes, of its partial result

// AppendKey appends the key of cell i: keys of cells of one definition are in the
// order of their windows, or of their windows within groups.
func (c *Cells) AppendKey(dst []byte, i int) []byte {
	cell := &c.list[i]
	if c.p.byGroup {
		return c.p.appendWindow(append(dst, c.groupText(cell.group)...), cell.Window)
	}
	return append(c.p.appendWindow(dst, cell.Window), c.groupText(cell.group)...)
}

func (p *Plan) appendWindow(dst []byte, w Span) []byte {
	dst = appendTime(dst, w.Start)
	if _, hops := p.window.(Hopping); hops {
		dst = appendTime(dst, w.End)
	}
	return dst
}

func appendTime(dst []byte, t int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(t)^1<<63)
}

// AppendCell appends the encoding of cell i; equal content has equal bytes.
func (c *Cells) AppendCell(dst []byte, i int) ([]byte, error) {
	cell := &c.list[i]
	if _, ok := c.p.window.(Session); ok {
		dst = binary.AppendUvarint(dst, between(cell.Window.Start, cell.Window.End))
	}
	for _, n := range [...]int64{cell.Rows, cell.Late, cell.Unfit} {
		dst = binary.AppendUvarint(dst, uint64(n))
	}
	b := c.scratch.encoded
	for k, g := range c.sums {
		var err error
		if b, err = g.AppendBinary(b[:0], i); err != nil {
			return dst, c.fail(i, k, err)
		}
		dst = append(binary.AppendUvarint(dst, uint64(len(b))), b...)
	}
	c.scratch.encoded = b
	return dst, nil
}

// MergeCell takes in what AppendKey and AppendCell appended, and is the number of
// the cell that has it. The error is [ErrOrder] where events over time lie among
// each other, and then the cell is Stale: it has to be computed anew.
func (c *Cells) MergeCell(key, value []byte) (int, error) {
	w, group, err := c.readKey(key)
	if err != nil {
		return 0, err
	}
	i := int(c.find(w, group))
	c.grow()
	return i, c.mergeInto(i, w, value)
}

// mergeInto takes an encoded cell, of a window that begins with w, into cell i.
func (c *Cells) mergeInto(i int, w Span, value []byte) error {
	d := cellDecoder{rest: value}
	cell := &c.list[i]
	if _, sessions := c.p.window.(Session); sessions {
		cell.Window.End = max(cell.Window.End, int64(uint64(w.Start)+d.uvarint()))
	}
	rows := int64(d.uvarint())
	cell.Rows += rows
	c.rows += rows
	cell.Late += int64(d.uvarint())
	cell.Unfit += int64(d.uvarint())
	for k, g := range c.sums {
		part := d.part()
		if d.bad {
			return c.fail(i, k, ErrEncoding)
		}
		if err := g.MergeBinary(i, part); err != nil {
			cell.Stale = cell.Stale || errors.Is(err, ErrOrder)
			return c.fail(i, k, err)
		}
	}
	if d.bad || len(d.rest) > 0 {
		return c.fail(i, 0, ErrEncoding)
	}
	return nil
}

// cellDecoder reads a cell where it lies, without a copy.
type cellDecoder struct {
	rest []byte
	bad  bool
}

func (d *cellDecoder) uvarint() uint64 {
	n, size := binary.Uvarint(d.rest)
	if size <= 0 {
		d.bad = true
		return 0
	}
	d.rest = d.rest[size:]
	return n
}

// part is the bytes behind their length.
func (d *cellDecoder) part() (part []byte) {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.bad = true
		return nil
	}
	part, d.rest = d.rest[:n], d.rest[n:]
	return part
}

// readKey reads a key; of a session the window's end is not in it.
func (c *Cells) readKey(key []byte) (w Span, group uint32, err error) {
	w, text, err := c.p.ReadKey(key)
	if err != nil {
		return w, 0, err
	}
	d := segment.NewDecoder(string(text))
	values := c.scratch.values[:0]
	for range c.by {
		values = append(values, d.Value())
	}
	c.scratch.values = values
	if d.Bad() || d.Rest() != "" {
		return w, 0, c.p.badKey(key)
	}
	return w, c.groupOf(values), nil
}

// ReadKey is the window that a key of a cell names, of a session without its end,
// and the encoding of the group.
func (p *Plan) ReadKey(key []byte) (w Span, group []byte, err error) {
	n := 8
	_, hops := p.window.(Hopping)
	if hops {
		n = 16
	}
	if len(key) < n {
		return w, nil, p.badKey(key)
	}
	window, group := key[:n], key[n:]
	if p.byGroup {
		group, window = key[:len(key)-n], key[len(key)-n:]
	}
	w.Start = readTime(window)
	w.End = w.Start
	switch a := p.window.(type) {
	case Hopping:
		w.End = readTime(window[8:])
	case Aligned:
		w = a.At(w.Start)
	}
	return w, group, nil
}

func (p *Plan) badKey(key []byte) error {
	return fmt.Errorf("aggregate %q: key %x: %w", p.def.Name, key, ErrEncoding)
}

func readTime(b []byte) int64 { return int64(binary.BigEndian.Uint64(b) ^ 1<<63) }

// fail places an error.
func (c *Cells) fail(i, k int, err error) error {
	return fmt.Errorf("aggregate %q: %s of window %s: %w", c.p.def.Name, c.p.sums[k].Name, c.list[i].Window, err)
}

// Merge takes in the cells of o, of the same definition.
func (c *Cells) Merge(o *Cells) error { return c.mergeSums(c.meet(o, 1), o) }

// meet finds the cells that those of o are to be joined with, and adds, or takes away,
// what is known of them beside their values.
func (c *Cells) meet(o *Cells, sign int64) (to []uint32) {
	to = make([]uint32, len(o.list))
	groups := map[uint32]uint32{}
	for i := range o.list {
		from := &o.list[i]
		group, ok := groups[from.group]
		if !ok {
			group = c.groupOf(o.groupValues(from.group))
			groups[from.group] = group
		}
		to[i] = c.find(from.Window, group)
		cell := &c.list[to[i]]
		cell.Rows += sign * from.Rows
		cell.Late += sign * from.Late
		cell.Unfit += sign * from.Unfit
	}
	c.rows += o.rows // what is taken away takes memory too
	return to
}

// mergeSums takes the sums of cell i of o into cell to[i].
func (c *Cells) mergeSums(to []uint32, o *Cells) error {
	c.grow()
	for k, g := range c.sums {
		if err := g.Merge(to, o.sums[k]); err != nil {
			return fmt.Errorf("aggregate %q: %s: %w", c.p.def.Name, c.p.sums[k].Name, err)
		}
	}
	return nil
}
