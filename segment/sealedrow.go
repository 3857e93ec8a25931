package segment

import (
	"fmt"
	"math"
	"slices"
)

// Row reads one row of k. Its key is k's name; the rest of its memory is its own:
// one allocation for its texts and one for its fields, if it has any.
func (s *Sealed) Row(k *Keyed, row uint64) (SealedRow, error) {
	var r RowReader
	return r.Row(s, k, row)
}

// RowReader reads rows and takes the memory of several at once, more of them as
// more are read: whoever keeps a row keeps up to some KiB. Its zero value is ready
// for use, by one user at a time.
type RowReader struct {
	// Only are the names of the fields that rows have, of those that they have in the
	// file; nil for all.
	Only []string

	fields []Field // of the rows so far, with room for others
	texts  []byte  // likewise
	list   int     // rows that there was room for
	text   int     // likewise
	shape  []int   // of the last row, as far as it is wanted
}

// The most memory that is taken at once, if one row does not want more.
const (
	fieldsAtOnce = 64
	textsAtOnce  = 2 << 10
)

// Row is [Sealed.Row] of a row of s.
func (m *RowReader) Row(s *Sealed, k *Keyed, row uint64) (r SealedRow, err error) {
	d, err := s.opened()
	if err != nil {
		return r, err
	}
	if row < k.Row || row >= k.Row+uint64(k.Rows()) || row >= s.info.Rows {
		return r, fmt.Errorf("read row %d of key %q in %s: the key has rows %d to %d", row, k.Name, s.Path, k.Row, k.Row+uint64(k.Rows()))
	}
	p := point{s: s, d: d, b: int(row / blockRows), i: int(row % blockRows)}
	if err = p.head(&r, k, row); err != nil {
		return r, err
	}
	if m.Only != nil {
		p.shape = m.wanted(p.shape, d)
	}
	r.list = m.room(len(p.shape))
	if err = p.fields(&r); err != nil {
		return r, err
	}
	m.own(&r)
	return r, nil
}

// wanted is those columns of a shape whose fields are wanted.
func (m *RowReader) wanted(shape []int, d *directory) []int {
	m.shape = m.shape[:0]
	for _, col := range shape {
		if slices.Contains(m.Only, d.fields[col-firstField].name) {
			m.shape = append(m.shape, col)
		}
	}
	return m.shape
}

// Keep is a copy of a row, of whose key the caller sees to it that it stays.
func (m *RowReader) Keep(from *SealedRow) SealedRow {
	r := *from
	r.list = m.room(len(from.list))
	copy(r.list, from.list)
	m.own(&r)
	return r
}

// room is memory for n fields.
func (m *RowReader) room(n int) Fields {
	if n > cap(m.fields)-len(m.fields) {
		m.list = min(2*m.list+1, fieldsAtOnce)
		m.fields = make([]Field, 0, max(n, min(n*m.list, fieldsAtOnce)))
	}
	i := len(m.fields)
	m.fields = m.fields[:i+n]
	return m.fields[i : i+n : i+n]
}

// own copies the row's texts, less its key, into memory of the reader.
func (m *RowReader) own(r *SealedRow) {
	n := len(r.Type) + len(r.ID)
	for i := range r.list {
		n += len(r.list[i].Value.text)
	}
	if n > cap(m.texts)-len(m.texts) {
		m.text = min(2*m.text+1, textsAtOnce)
		m.texts = make([]byte, 0, max(n, min(n*m.text, textsAtOnce)))
	}
	r.Type, m.texts = keep(m.texts, r.Type)
	r.ID, m.texts = keep(m.texts, r.ID)
	for i := range r.list {
		if v := &r.list[i].Value; v.text != "" {
			v.text, m.texts = keep(m.texts, v.text)
		}
	}
}

// keep is s in the memory behind b, which has room.
func keep(b []byte, s string) (string, []byte) {
	n := len(b)
	b = append(b, s...)
	return viewString(b[n:]), b
}

// point is the place of one row.
type point struct {
	s     *Sealed
	d     *directory
	b, i  int
	shape []int

	touched uint
}

// headColumns are the columns of every row, in the order in which they are in
// every block.
const headColumns = colType + 1

// touchMost is how many pages are touched at most: blocks of more columns have
// mostly others than the row's.
const touchMost = 24

// touch looks at the values of row i in the pages of a block, if they are in
// memory, before any of them is needed. These reads do not depend on each other,
// so the processor waits for all of them at once and not for one after the other.
// The sum keeps the compiler from leaving them out.
func (d *directory) touch(slot, end, i int) (sum uint) {
	for at := range d.pages[slot:min(end, slot+touchMost)] {
		p := d.pages[slot+at].Load()
		if p == nil {
			continue
		}
		if byte := uint(i) * uint(p.bits) >> 3; byte < uint(len(p.data)) {
			sum += uint(p.data[byte])
		}
	}
	return sum
}

// head reads what every row has.
func (p *point) head(r *SealedRow, k *Keyed, row uint64) error {
	t := &p.d.tables[rowTable]
	slot, n := int(t.blocks[p.b].slot), t.blockLen(p.b)
	p.touched = p.d.touch(slot, int(t.blocks[p.b+1].slot), p.i)
	var pages [headColumns]*page
	for col := range pages {
		var err error
		if pages[col], err = p.s.page(p.d, slot+col, n); err != nil {
			return err
		}
	}
	var v [colShape + 1]int64
	for col := range v {
		v[col] = pages[col].int(p.i)
	}
	r.Seq, r.Time = uint64(v[colSeq]), v[colTime]
	if pages[colTime].relative {
		r.Time += p.d.clock.at(r.Seq)
	}
	r.Stream, r.Key = k.Stream, k.Name
	r.Version = uint64(v[colVersion]) + k.Base + (row - k.Row)
	r.Kind, r.Unchanged = Kind(v[colFlags]&kindBits), v[colFlags]&flagsUnchanged != 0
	r.Type = pages[colType].text(p.i)
	if r.Kind > Retraction || uint64(v[colShape]) >= uint64(len(p.d.shapes)) {
		return p.bad(colShape, "kind or shape of a row is none")
	}
	p.shape = p.d.shapes[v[colShape]]
	return p.rest(r)
}

// rest reads what few rows have, and the commit time.
func (p *point) rest(r *SealedRow) error {
	id, err := p.s.may(p.d, p.b, colID)
	if err != nil {
		return err
	}
	if id != nil {
		if j, ok := id.find(p.i); ok {
			r.ID = id.text(j)
		}
	}
	ref, err := p.s.may(p.d, p.b, colRef)
	if err != nil {
		return err
	}
	if ref != nil {
		if j, ok := ref.find(p.i); ok {
			r.Ref = uint64(ref.int(j))
		}
	}
	if r.Seq < p.s.info.First || r.Seq > p.s.info.Last {
		return p.bad(colSeq, fmt.Sprintf("a row has position %d", r.Seq))
	}
	r.Recorded, err = p.s.recorded(p.d, r.Seq)
	r.Lag = r.Recorded - r.Time
	return err
}

func (p *point) bad(col int, cause string) error {
	slot := p.d.slot(&p.d.tables[rowTable], p.b, col)
	if slot < 0 {
		return p.s.corrupt(p.s.end.directory.offset, cause)
	}
	return p.s.corrupt(p.d.places[slot].offset, cause)
}

// fields reads the fields that the row's shape names into its list.
func (p *point) fields(r *SealedRow) error {
	r.listed = true
	for j, col := range p.shape {
		f := &r.list[j]
		c := &p.d.fields[col-firstField]
		*f = Field{c.name, Value{kind: c.kind}}
		if c.kind == NullValue {
			continue
		}
		v, err := p.s.may(p.d, p.b, col)
		if err != nil {
			return err
		}
		if v == nil || !v.value(p.i, &f.Value) {
			return p.bad(col, fmt.Sprintf("field %q of a row has no value", c.name))
		}
	}
	return nil
}

// value sets the bits or the text of o to the value of row i.
func (p *page) value(i int, o *Value) bool {
	j, ok := p.find(i)
	if !ok {
		return false
	}
	switch p.kind {
	case intPages:
		o.bits = uint64(p.int(j))
		return o.kind != BoolValue || o.bits <= 1
	case floatPages:
		o.bits = math.Float64bits(p.float(j))
	default:
		o.text = p.text(j)
	}
	return true
}
