package query

import (
	"slices"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// batch is some rows that are read, by columns: one for each slot of the plan, of
// which those of events are decoded when they are asked for. One worker uses it.
type batch struct {
	n    int
	sel  []uint16 // the rows wanted, in any order and any number of times; nil = all, once
	cols []Column // by slot
	have []bool
	load func(slot int, c *Column) error

	// told, if not nil, is what is known of the values of a slot in all rows, which
	// are all wanted, without decoding them. ok is false if it is not known.
	told func(slot int) (all []segment.PageStats, ok bool, err error)

	pages   map[int]bool    // slots whose statistics were taken instead of their values
	row     []Value         // for nodes that work on rows
	slots   map[*node][]int // that a node names
	results map[*node]*Column
	picked  [2][]uint16
	truths  []index.Truth // of words, see wordwise.go
	chosen  []uint16      // memory of sel
}

// batchRows is how many rows a batch has at most.
const batchRows = 4096

func newBatch(slots int) *batch {
	return &batch{
		cols: make([]Column, slots), have: make([]bool, slots), row: make([]Value, slots),
		pages: map[int]bool{}, slots: map[*node][]int{}, results: map[*node]*Column{},
	}
}

// begin makes b one of n rows, of which load decodes the columns.
func (b *batch) begin(n int, sel []uint16, load func(slot int, c *Column) error) {
	b.n, b.sel, b.load, b.told = n, sel, load, nil
	clear(b.have)
}

// column is the column of a slot.
func (b *batch) column(slot int) (*Column, error) {
	c := &b.cols[slot]
	if b.have[slot] {
		return c, nil
	}
	if err := b.load(slot, c); err != nil {
		return nil, err
	}
	b.have[slot] = true
	return c, nil
}

// named is the slots that n names, with their columns decoded.
func (b *batch) named(n *node) ([]int, error) {
	slots, ok := b.slots[n]
	if !ok {
		slots = n.named()
		n.walk(func(part *node) bool {
			if part.op == overOp {
				slots = append(slots, len(b.cols)-1-part.slot)
			}
			return true
		})
		b.slots[n] = slots
	}
	for _, s := range slots {
		if _, err := b.column(s); err != nil {
			return nil, err
		}
	}
	return slots, nil
}

// named is the slots that n names, each once.
func (n *node) named() (slots []int) {
	n.walk(func(part *node) bool {
		if part.op == columnOp && !slices.Contains(slots, part.slot) {
			slots = append(slots, part.slot)
		}
		return true
	})
	return slots
}

// all is the rows 0 to n, less one.
var all = func() (rows [batchRows]uint16) {
	for i := range rows {
		rows[i] = uint16(i)
	}
	return rows
}()

// rows is sel, written out.
func (b *batch) rows(sel []uint16) []uint16 {
	if sel == nil {
		return all[:b.n]
	}
	return sel
}

// filter is the rows of sel of which the condition is true, in their order. What it
// returns is valid until it is called again twice.
func (b *batch) filter(n *node, sel []uint16) ([]uint16, error) {
	if passed, ok, err := b.compareAll(n, sel); ok || err != nil {
		return passed, err
	}
	slots, err := b.named(n)
	if err != nil {
		return nil, err
	}
	rows, passed := b.rows(sel), b.nextPicked()
	if slot, ok := b.worded(slots, len(rows)); ok {
		if passed, err = b.filterWords(n, slot, rows, passed); err != nil {
			return nil, err
		}
		return b.keep(passed, sel), nil
	}
	for _, i := range rows {
		for _, s := range slots {
			b.row[s] = b.cols[s].Value(int(i))
		}
		t, err := n.truth(b.row)
		if err != nil {
			return nil, err
		}
		if t == index.True {
			passed = append(passed, i)
		}
	}
	return b.keep(passed, sel), nil
}

// nextPicked is memory for selected rows.
func (b *batch) nextPicked() []uint16 {
	b.picked[0], b.picked[1] = b.picked[1], b.picked[0]
	return b.picked[0][:0]
}

// keep notes the memory of passed, and is sel if all of it passed.
func (b *batch) keep(passed, sel []uint16) []uint16 {
	b.picked[0] = passed
	if sel == nil && len(passed) == b.n {
		return nil
	}
	if passed == nil {
		return []uint16{}
	}
	return passed
}

// choose leaves of the batch the rows that pass all conditions, looked at one after
// another, and reports whether there are any.
func (b *batch) choose(where []*node) (some bool, err error) {
	for _, n := range where {
		passed, err := b.filter(n, b.sel)
		if err != nil || passed != nil && len(passed) == 0 {
			return false, err
		}
		if b.sel = passed; passed != nil {
			b.chosen = append(b.chosen[:0], passed...)
			b.sel = b.chosen
		}
	}
	return count(b.sel, b.n) > 0, nil
}

// vector is the values of n: those of the rows that sel names are there, whatever
// the others are. It is valid as long as the batch.
func (b *batch) vector(n *node, sel []uint16) (*Column, error) {
	switch n.op {
	case columnOp:
		return b.column(n.slot)
	case overOp:
		return b.column(len(b.cols) - 1 - n.slot)
	}
	c := b.results[n]
	if c == nil {
		c = &Column{}
		b.results[n] = c
	}
	if ok, err := b.compute(n, sel, c); ok || err != nil {
		return c, err
	}
	return c, b.evaluate(n, sel, c)
}

// evaluate computes n row by row.
func (b *batch) evaluate(n *node, sel []uint16, c *Column) error {
	slots, err := b.named(n)
	if err != nil {
		return err
	}
	c.reset()
	c.room = slices.Grow(c.room[:0], b.n)[:b.n]
	values := c.room
	clear(values)
	kind, nulls, mixed := segment.NullValue, false, false
	for _, i := range b.rows(sel) {
		for _, s := range slots {
			b.row[s] = b.cols[s].Value(int(i))
		}
		v, err := n.eval(b.row)
		if err != nil {
			return err
		}
		values[i] = v
		switch k := v.Kind(); {
		case k == segment.NullValue:
			nulls = true
		case kind == segment.NullValue:
			kind = k
		case kind != k:
			mixed = true
		}
	}
	if sel != nil || nulls || mixed {
		c.Mixed, c.n = values, b.n
		return nil
	}
	for _, v := range values {
		c.append(v)
	}
	return nil
}
