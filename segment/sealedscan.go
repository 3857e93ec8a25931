package segment

import (
	"fmt"
	"slices"
)

// RowCursor walks the rows of a file in its order: by stream, key, class, order.
// It has one user at a time.
type RowCursor struct {
	s    *Sealed
	err  error
	row  uint64 // the next one
	keys keyWalk
	rows blockReader
	now  SealedRow
}

// Rows is a cursor in front of the row from.
func (s *Sealed) Rows(from uint64) *RowCursor {
	d, err := s.opened()
	c := &RowCursor{s: s, err: err, row: from}
	if err == nil {
		c.keys = keyWalk{s: s, d: d}
		c.rows = blockReader{s: s, d: d, block: -1, recorder: recorder{s: s, d: d}}
	}
	return c
}

// Next is the next row, nil at the end. The row and its fields are valid until the
// next call, their texts for ever.
func (c *RowCursor) Next() (*SealedRow, error) {
	if c.err != nil || c.row >= c.s.info.Rows {
		return nil, c.err
	}
	if c.err = c.keys.reach(c.row); c.err == nil {
		c.err = c.rows.read(c.row, &c.keys.now, &c.now)
	}
	if c.err != nil {
		return nil, c.err
	}
	c.row++
	return &c.now, nil
}

// At is Next of the given row, which is behind the one that was read last.
func (c *RowCursor) At(row uint64) (*SealedRow, error) {
	if row >= c.s.info.Rows {
		return nil, c.s.noRow(row)
	}
	c.row = row
	return c.Next()
}

// keyWalk goes from key to key by rows that rise.
type keyWalk struct {
	s    *Sealed
	d    *directory
	b, i int
	now  Keyed
}

// reach makes now the key of row.
func (w *keyWalk) reach(row uint64) error {
	end := w.now.Row + uint64(w.now.Rows())
	if row >= w.now.Row && row < end {
		return nil
	}
	if row == end && end > 0 { // the next one
		w.i++
		if w.i == w.d.tables[keysTable].blockLen(w.b) {
			w.b, w.i = w.b+1, 0
		}
	} else {
		var err error
		if w.b, w.i, err = w.s.ownerOf(w.d, row); err != nil {
			return err
		}
	}
	if w.b >= w.d.tables[keysTable].len() {
		return w.s.corrupt(w.s.end.directory.offset, fmt.Sprintf("no key has row %d", row))
	}
	k, err := w.s.keyAt(w.d, w.b, w.i)
	if err != nil {
		return err
	}
	if row < k.Row || row >= k.Row+uint64(k.Rows()) {
		return w.s.corrupt(w.s.end.directory.offset, fmt.Sprintf("no key has row %d", row))
	}
	if k.Name, err = w.s.keyName(w.d, w.b, w.i); err == nil {
		w.now = k
	}
	return err
}

// blockReader reads rows of decoded blocks.
type blockReader struct {
	s        *Sealed
	d        *directory
	block    int
	recorder recorder
	columns  []vector // by column that was ever there
	next     []int    // by column: the value of the next row that has one
	touched  []int    // columns of the block
}

// load decodes a block.
func (r *blockReader) load(block int) error {
	for _, col := range r.touched {
		r.columns[col].reset()
		r.next[col] = 0
	}
	r.touched = r.touched[:0]
	t := &r.d.tables[rowTable]
	if r.columns == nil {
		r.columns, r.next = make([]vector, len(t.kinds)), make([]int, len(t.kinds))
	}
	for slot := t.blocks[block].slot; slot < t.blocks[block+1].slot && int(slot) < len(r.d.columns); slot++ {
		col := int(r.d.columns[slot])
		if r.d.slot(t, block, col) != int(slot) {
			break // the pages of other tables follow
		}
		r.touched = append(r.touched, col)
		if err := r.s.part(r.d, col, block, 0, t.blockLen(block), &r.columns[col]); err != nil {
			return err
		}
	}
	r.block = block
	return nil
}

// at is the number of the value of row i in a column, and whether it has one. i
// rises from call to call.
func (r *blockReader) at(col, i int) (int, bool) {
	v := &r.columns[col]
	if len(v.rows) == 0 {
		return i, i < v.len()
	}
	j := r.next[col]
	for j < len(v.rows) && int(v.rows[j]) < i {
		j++
	}
	r.next[col] = j
	return j, j < len(v.rows) && int(v.rows[j]) == i
}

// read reads a row of k into o, whose fields are written over. Rows of a block come
// in rising order.
func (r *blockReader) read(row uint64, k *Keyed, o *SealedRow) error {
	if b := int(row / blockRows); b != r.block {
		if err := r.load(b); err != nil {
			return err
		}
	}
	i := int(row % blockRows)
	c := r.columns
	flags := c[colFlags].ints[i]
	*o = SealedRow{Seq: uint64(c[colSeq].ints[i]), Time: c[colTime].ints[i], Row: Row{
		Kind: Kind(flags & kindBits), Unchanged: flags&flagsUnchanged != 0, Stream: k.Stream, Key: k.Name,
		Version: uint64(c[colVersion].ints[i]), Type: c[colType].texts.at(i), list: o.list[:0], listed: true,
	}}
	if j, ok := r.at(colID, i); ok {
		o.ID = c[colID].texts.at(j)
	}
	if j, ok := r.at(colRef, i); ok {
		o.Ref = uint64(c[colRef].ints[j])
	}
	p := point{s: r.s, d: r.d, b: r.block}
	if o.Seq < r.s.info.First || o.Seq > r.s.info.Last || o.Kind > Retraction {
		return p.bad(colSeq, fmt.Sprintf("a row has position %d and kind %d", o.Seq, o.Kind))
	}
	var err error
	o.Recorded, err = r.recorder.of(o.Seq)
	o.Lag = o.Recorded - o.Time
	if err != nil {
		return err
	}
	return r.fields(&p, i, o)
}

func (r *blockReader) fields(p *point, i int, o *SealedRow) error {
	shape := r.columns[colShape].ints[i]
	if uint64(shape) >= uint64(len(r.d.shapes)) {
		return p.bad(colShape, "shape of a row is none")
	}
	for _, col := range r.d.shapes[shape] {
		c := &r.d.fields[col-firstField]
		f := Field{c.name, Value{kind: c.kind}}
		if c.kind != NullValue {
			j, ok := r.at(col, i)
			if !ok || !r.columns[col].fill(j, &f.Value) {
				return p.bad(col, fmt.Sprintf("field %q of a row has no value", c.name))
			}
		}
		o.list = append(o.list, f)
	}
	return nil
}

// fewRows is from how many rows of a block on it is decoded as a whole.
const fewRows = blockRows / 32

// pick is the row, which comes behind the one before, alone or with its block.
func (c *RowCursor) pick(row uint64, alone bool) (*SealedRow, error) {
	c.row = row
	if !alone {
		return c.Next()
	}
	if err := c.keys.reach(row); err != nil {
		return nil, err
	}
	p := point{s: c.s, d: c.rows.d, b: int(row / blockRows), i: int(row % blockRows)}
	c.now = SealedRow{Row: Row{list: c.now.list[:0]}}
	if err := p.head(&c.now, &c.keys.now, row); err != nil {
		return nil, err
	}
	c.now.list = slices.Grow(c.now.list, len(p.shape))[:len(p.shape)]
	return &c.now, p.fields(&c.now)
}
