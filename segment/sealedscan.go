package segment

import (
	"fmt"
	"iter"
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

// Key is the key of the row that Next gave last.
func (c *RowCursor) Key() *Keyed { return &c.keys.now }

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

// ByPosition gives the rows at the positions from to to, both included, in that
// order. A row is valid until the next one; its fields are encoded.
//
// Rows stand in another order, so they are read a window of 64 Ki positions at a
// time, in the file's order, and kept encoded until it is their turn. Which rows
// those are is found for sixteen windows at once by one pass over the column of
// positions. Memory is that of a window of events.
func (s *Sealed) ByPosition(from, to uint64) iter.Seq2[*SealedRow, error] {
	return func(yield func(*SealedRow, error) bool) {
		d, err := s.opened()
		if err != nil {
			yield(nil, err)
			return
		}
		from, to := max(from, s.info.First), min(to, s.info.Last)
		w := windows{s: s, d: d}
		for ; from <= to; from += windowCount * windowRows {
			last := min(to, from+windowCount*windowRows-1)
			if err := w.find(from, last); err != nil {
				yield(nil, err)
				return
			}
			for i := range w.picks {
				lo := from + uint64(i)*windowRows
				if lo > last {
					break
				}
				if !w.give(w.picks[i], lo, min(last, lo+windowRows-1), yield) {
					return
				}
			}
		}
	}
}

const (
	windowRows  = 1 << 16
	windowCount = 16
)

// windows are rows to be read: for each, which row and which position of the
// window it has, in one word.
type windows struct {
	s     *Sealed
	d     *directory
	picks [windowCount][]uint64
	rows  []SealedRow
	text  []byte
}

// find picks the rows at the positions from first to last, in row order.
func (w *windows) find(first, last uint64) error {
	zones, err := w.s.zonesOf(colSeq)
	if err != nil {
		return err
	}
	for i := range w.picks {
		w.picks[i] = w.picks[i][:0]
	}
	var v [blockRows]int64
	for b := range zones {
		if uint64(zones[b].min) > last || uint64(zones[b].max) < first {
			continue
		}
		p, err := w.s.must(w.d, rowTable, b, colSeq)
		if err != nil {
			return err
		}
		seqs := v[:p.ints.len()]
		p.ints.slice(seqs, 0)
		for i, seq := range seqs {
			if at := uint64(seq) - first; at <= last-first {
				row := uint64(b)*blockRows + uint64(i)
				w.picks[at/windowRows] = append(w.picks[at/windowRows], row<<16|at%windowRows)
			}
		}
	}
	return nil
}

// give reads the rows of a window and hands them on in the order of positions.
func (w *windows) give(picks []uint64, first, last uint64, yield func(*SealedRow, error) bool) bool {
	n := int(last - first + 1)
	if len(picks) != n {
		yield(nil, w.s.corrupt(0, fmt.Sprintf("%d rows for the positions %d to %d", len(picks), first, last)))
		return false
	}
	if w.rows == nil {
		w.rows = make([]SealedRow, n)
	}
	rows := w.rows[:n]
	clear(rows)
	w.text = nil // rows of the window before may have been kept
	if err := w.read(picks, rows); err != nil {
		yield(nil, err)
		return false
	}
	for i := range rows {
		if rows[i].Seq != first+uint64(i) {
			yield(nil, w.s.corrupt(0, fmt.Sprintf("no row has position %d", first+uint64(i))))
			return false
		}
		if !yield(&rows[i], nil) {
			return false
		}
	}
	return true
}

// fewRows is from how many rows of a block on it is decoded as a whole.
const fewRows = blockRows / 32

// read reads the picked rows block by block.
func (w *windows) read(picks []uint64, rows []SealedRow) error {
	c := w.s.Rows(0)
	if c.err != nil {
		return c.err
	}
	for len(picks) > 0 {
		block := picks[0] >> 16 / blockRows
		n := 1
		for n < len(picks) && picks[n]>>16/blockRows == block {
			n++
		}
		for _, pick := range picks[:n] {
			r, err := c.pick(pick>>16, n < fewRows)
			if err != nil {
				return err
			}
			o := &rows[pick%windowRows]
			*o = *r
			o.listed, o.list = false, nil
			w.keep(o, r.list)
		}
		picks = picks[n:]
	}
	return nil
}

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
	return &c.now, p.fields(&c.now)
}

// keep copies the texts of a row into the window's memory, and its fields encoded.
func (w *windows) keep(o *SealedRow, list Fields) {
	const piece = 256 << 10
	need := len(o.Key) + len(o.Type) + len(o.ID) + 2
	for i := range list {
		need += textBound(list[i].Name) + 1 + 10 + len(list[i].Value.text)
	}
	if cap(w.text)-len(w.text) < need {
		w.text = make([]byte, 0, max(need, piece))
	}
	o.Key, w.text = keep(w.text, o.Key)
	o.Type, w.text = keep(w.text, o.Type)
	o.ID, w.text = keep(w.text, o.ID)
	start := len(w.text)
	w.text = AppendFields(w.text, list)
	o.fields = viewString(w.text[start:])
}
