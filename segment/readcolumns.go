package segment

import (
	"math"
	"slices"
	"strings"
)

// Columns is a run of rows, column by column. Its memory is used again by the
// next call; texts are valid for ever.
type Columns struct {
	// Only names the fields wanted; nil stands for all. It is the caller's.
	Only []string

	Rows     int
	Seq      []int64
	Time     []int64 // ns since 1970 UTC
	Recorded []int64
	Version  []int64
	Flags    []int64 // kind and unchanged, see [Stamp]
	Types    Texts
	Fields   []FieldColumn // those that a row has

	all  []FieldColumn // those wanted, some without values
	part vector

	touched uint
}

// Texts is a column of strings: value i is Dict[Codes[i]]. The dictionary may hold
// strings that are equal, and some that nothing refers to.
type Texts struct {
	Codes []uint32
	Dict  []string
}

// At is value i.
func (t *Texts) At(i int) string { return t.Dict[t.Codes[i]] }

// reset empties t and keeps its memory.
func (t *Texts) reset() { t.Codes, t.Dict = t.Codes[:0], t.Dict[:0] }

// add appends values that count on in a dictionary of their own, which extend has
// appended at base.
func (t *Texts) add(codes []uint32, base uint32) {
	n := len(t.Codes)
	t.Codes = append(t.Codes, codes...)
	if base == 0 {
		return
	}
	for i := range t.Codes[n:] {
		t.Codes[n+i] += base
	}
}

// extend appends a dictionary and says where it begins.
func (t *Texts) extend(dict []string) (base uint32) {
	base = uint32(len(t.Dict))
	t.Dict = append(t.Dict, dict...)
	return base
}

// lastWords is how many strings of a dictionary are looked at for an equal one.
const lastWords = 16

// addText appends a copy of one value.
func (t *Texts) addText(s string) {
	i := len(t.Dict) - 1
	for least := max(0, len(t.Dict)-lastWords); i >= least && t.Dict[i] != s; i-- {
	}
	if i < 0 || t.Dict[i] != s {
		i = len(t.Dict)
		t.Dict = append(t.Dict, strings.Clone(s))
	}
	t.Codes = append(t.Codes, uint32(i))
}

// FieldColumn is one field in a run of rows. A field that has had values of
// several kinds is several columns.
type FieldColumn struct {
	Name string
	Kind ValueKind

	// Rows are the rows that have it, rising and counted from the first of the
	// run; nil if all of them do. So many values are in the list that fits the
	// kind: Ints for bool, int64 and time, Floats, Texts for string, bytes and
	// JSON, none for null.
	Rows   []uint32
	Ints   []int64
	Floats []float64
	Texts  Texts

	col int // of the file that is read
	n   int // values
}

// Find is the number of the value of a row, and whether it has one. O(log n).
func (f *FieldColumn) Find(row int) (int, bool) {
	if f.Rows == nil {
		return row, true
	}
	return slices.BinarySearch(f.Rows, uint32(row))
}

// Value is value i. Its texts are the column's.
func (f *FieldColumn) Value(i int) Value {
	v := Value{kind: f.Kind}
	switch pagesOf(f.Kind) {
	case intPages:
		v.bits = uint64(f.Ints[i])
	case floatPages:
		v.bits = math.Float64bits(f.Floats[i])
	case textPages:
		v.text = f.Texts.At(i)
	}
	return v
}

// reset empties f and keeps its memory.
func (f *FieldColumn) reset(name string, kind ValueKind, col int) {
	f.Name, f.Kind, f.col, f.n = name, kind, col, 0
	f.Rows, f.Ints, f.Floats = f.Rows[:0], f.Ints[:0], f.Floats[:0]
	f.Texts.reset()
}

// sparse makes a list of the rows that have a value, of a column in which the
// first n rows had one, and no others.
func (f *FieldColumn) sparse() {
	for len(f.Rows) < f.n {
		f.Rows = append(f.Rows, uint32(len(f.Rows)))
	}
}

// dense notes that the n rows from done on have a value.
func (f *FieldColumn) dense(done, n int) {
	if f.n < done || len(f.Rows) > 0 {
		f.sparse()
		for i := range n {
			f.Rows = append(f.Rows, uint32(done+i))
		}
	}
	f.n += n
}

// Stamp is what the columns say of row i.
func (c *Columns) Stamp(i int) Stamp {
	st := Stamp{Time: c.Time[i], Seq: uint64(c.Seq[i])}
	st.setFlags(c.Flags[i])
	return st
}

// ints are the columns of ints that every row has, in the order of columnInts.
func (c *Columns) ints() [5]*[]int64 {
	return [...]*[]int64{&c.Seq, &c.Time, &c.Version, &c.Flags, &c.Recorded}
}

// columnInts are those of them that have pages.
var columnInts = [...]int{colSeq, colTime, colVersion, colFlags}

// touchRows is from how many rows on their decoding hides the waits for memory.
const touchRows = 64

// Columns decodes n rows from row on into into.
func (s *Sealed) Columns(row uint64, n int, into *Columns) error {
	d, err := s.opened()
	if err != nil {
		return err
	}
	if n < 0 || row > s.info.Rows || uint64(n) > s.info.Rows-row {
		return s.noRow(row + uint64(n))
	}
	into.reset(d, n)
	for done := 0; done < n; {
		b, from := int(row/blockRows), int(row%blockRows)
		to := min(from+n-done, blockRows)
		if to-from <= touchRows {
			blocks := d.tables[rowTable].blocks[b:]
			into.touched = d.touch(int(blocks[0].slot), int(blocks[1].slot), from)
		}
		if err := s.someColumns(d, b, from, to, done, into); err != nil {
			return err
		}
		row, done = row+uint64(to-from), done+to-from
	}
	into.finish(n)
	into.Recorded = slices.Grow(into.Recorded, n)[:n]
	r := recorder{s: s, d: d}
	return r.all(into.Seq, into.Recorded)
}

// empty empties c.
func (c *Columns) empty() {
	c.Rows = 0
	for _, v := range c.ints() {
		*v = (*v)[:0]
	}
	c.Types.reset()
	c.all, c.Fields = c.all[:0], c.Fields[:0]
}

// wants reports whether a field is wanted.
func (c *Columns) wants(name string) bool { return c.Only == nil || slices.Contains(c.Only, name) }

// reset empties c and finds out which columns are wanted.
func (c *Columns) reset(d *directory, n int) {
	c.empty()
	for _, v := range c.ints() {
		*v = slices.Grow(*v, n)
	}
	for i, f := range d.fields {
		if c.wants(f.name) {
			c.field(f.name, f.kind).col = firstField + i
		}
	}
}

// field adds a column without values.
func (c *Columns) field(name string, kind ValueKind) *FieldColumn {
	n := len(c.all)
	c.all = slices.Grow(c.all, 1)[:n+1]
	c.all[n].reset(name, kind, 0)
	return &c.all[n]
}

// finish says how many rows there are, and which fields these have.
func (c *Columns) finish(rows int) {
	c.Rows = rows
	c.Fields = c.Fields[:0]
	for i := range c.all {
		f := &c.all[i]
		if f.n == 0 {
			continue
		}
		if f.n < rows {
			f.sparse()
		}
		c.Fields = append(c.Fields, *f)
		if f.n == rows {
			c.Fields[len(c.Fields)-1].Rows = nil
		}
	}
}

// someColumns appends the rows from, to but not including to, of a block, which
// are those from done on.
func (s *Sealed) someColumns(d *directory, b, from, to, done int, into *Columns) error {
	for i, col := range columnInts {
		v := into.ints()[i]
		had := len(*v)
		*v = (*v)[:had+to-from]
		if err := s.columnInts(d, col, b, from, (*v)[had:], into.Seq[done:]); err != nil {
			return err
		}
	}
	if err := s.part(d, colType, b, from, to, &into.part); err != nil {
		return err
	}
	into.Types.add(into.part.texts.codes, into.Types.extend(into.part.texts.dict))
	for i := range into.all {
		if err := s.someField(d, b, from, to, done, into, &into.all[i]); err != nil {
			return err
		}
	}
	return nil
}

// columnInts decodes a column of ints that every row has; seqs are the rows'
// positions, if they are decoded.
func (s *Sealed) columnInts(d *directory, col, b, from int, dst, seqs []int64) error {
	p, err := s.must(d, rowTable, b, col)
	if err != nil {
		return err
	}
	if col == colTime && p.relative && seqs != nil {
		p.slice(dst, from)
		d.clock.add(seqs, dst)
		return nil
	}
	return s.moreInts(d, p, col, b, from, dst)
}

// someField is someColumns of one field.
func (s *Sealed) someField(d *directory, b, from, to, done int, into *Columns, f *FieldColumn) error {
	if f.Kind == NullValue {
		return s.nulls(d, b, from, to, done, into, f)
	}
	v := vector{rows: into.part.rows[:0], ints: f.Ints, floats: f.Floats, texts: into.part.texts}
	v.texts.codes, v.texts.dict = v.texts.codes[:0], v.texts.dict[:0]
	had := len(v.ints) + len(v.floats)
	err := s.more(d, f.col, b, from, to, &v)
	into.part.rows, f.Ints, f.Floats, into.part.texts = v.rows, v.ints, v.floats, v.texts
	n := len(v.ints) + len(v.floats) - had + len(v.texts.codes)
	if n == 0 || err != nil {
		return err
	}
	if len(v.texts.codes) > 0 {
		f.Texts.add(v.texts.codes, f.Texts.extend(v.texts.dict))
	}
	if n == to-from {
		f.dense(done, n)
		return nil
	}
	f.sparse()
	for _, r := range v.rows {
		f.Rows = append(f.Rows, uint32(done)+uint32(r))
	}
	f.n += n
	return nil
}

// nulls appends the rows whose shape has the null field f.
func (s *Sealed) nulls(d *directory, b, from, to, done int, into *Columns, f *FieldColumn) error {
	if err := s.part(d, colShape, b, from, to, &into.part); err != nil {
		return err
	}
	last, has := int64(math.MinInt64), false
	for i, shape := range into.part.ints {
		if shape != last {
			if uint64(shape) >= uint64(len(d.shapes)) {
				return (&point{s: s, d: d, b: b}).bad(colShape, "shape of a row is none")
			}
			last, has = shape, slices.Contains(d.shapes[shape], f.col)
		}
		if has {
			f.dense(done+i, 1)
		}
	}
	return nil
}

// Clear makes c empty, to be added to.
func (c *Columns) Clear() { c.empty() }

// Add appends the row r, of whose texts it makes copies. After an error c is of no use
// any more.
func (c *Columns) Add(r *SealedRow) error {
	err := c.add(r)
	c.finish(c.Rows)
	return err
}

// add is Add, after which finish is to be called.
func (c *Columns) add(r *SealedRow) error {
	if err := c.addFields(&r.Row); err != nil {
		return err
	}
	flags := int64(r.Kind)
	if r.Unchanged {
		flags |= flagsUnchanged
	}
	c.Seq, c.Time, c.Version = append(c.Seq, int64(r.Seq)), append(c.Time, r.Time), append(c.Version, int64(r.Version))
	c.Flags, c.Recorded = append(c.Flags, flags), append(c.Recorded, r.Recorded)
	c.Types.addText(r.Type)
	c.Rows++
	return nil
}

// addFields appends the fields of a row behind the last one. It decodes them one by
// one, without memory for all of them; where none is wanted, not at all. After an error
// some of them may be there.
func (c *Columns) addFields(r *Row) error {
	if r.listed {
		for i := range r.list {
			c.addField(r.list[i])
		}
		return nil
	}
	if c.Only != nil && len(c.Only) == 0 {
		return nil
	}
	d := Decoder{all: r.fields}
	n := d.Uvarint()
	if n > MaxFields {
		return errRow
	}
	for range n {
		if f := d.Field(); !d.bad {
			c.addField(f)
		}
	}
	if d.bad || d.Rest() != "" {
		return errRow
	}
	return nil
}

func (c *Columns) addField(f Field) {
	if c.wants(f.Name) {
		c.fieldOf(f.Name, f.Value.kind).add(f.Value, c.Rows)
	}
}

// fieldOf is the column of a field.
func (c *Columns) fieldOf(name string, kind ValueKind) *FieldColumn {
	for i := range c.all {
		if f := &c.all[i]; f.Name == name && f.Kind == kind {
			return f
		}
	}
	return c.field(strings.Clone(name), kind)
}

// add appends the value of a row behind the last one that has one.
func (f *FieldColumn) add(v Value, row int) {
	f.dense(row, 1)
	switch pagesOf(v.kind) {
	case intPages:
		f.Ints = append(f.Ints, int64(v.bits))
	case floatPages:
		f.Floats = append(f.Floats, math.Float64frombits(v.bits))
	case textPages:
		f.Texts.addText(v.text)
	}
}
