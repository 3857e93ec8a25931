package segment

import (
	"math"
	"slices"
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
	Types    []string
	Fields   []FieldColumn

	part vector
	mine []int // columns of the fields wanted, in Fields
}

// FieldColumn is one field in a run of rows. A field that has had values of
// several kinds is several columns.
type FieldColumn struct {
	Name string
	Kind ValueKind

	// Rows are the rows that have it, rising and counted from the first of the
	// run; so many values are in the list that fits the kind: Ints for bool,
	// int64 and time, Floats, Texts for string, bytes and JSON, none for null.
	Rows   []uint32
	Ints   []int64
	Floats []float64
	Texts  []string
}

// Stamp is what the columns say of row i.
func (c *Columns) Stamp(i int) Stamp {
	st := Stamp{Time: c.Time[i], Seq: uint64(c.Seq[i])}
	st.setFlags(c.Flags[i])
	return st
}

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
		if err := s.someColumns(d, b, from, to, done, into); err != nil {
			return err
		}
		row, done = row+uint64(to-from), done+to-from
	}
	return s.recordedAll(d, into)
}

// reset empties c and finds out which columns are wanted.
func (c *Columns) reset(d *directory, n int) {
	c.Rows = n
	for _, v := range [...]*[]int64{&c.Seq, &c.Time, &c.Recorded, &c.Version, &c.Flags} {
		*v = slices.Grow((*v)[:0], n)
	}
	c.Types = slices.Grow(c.Types[:0], n)
	c.mine = c.mine[:0]
	for i, f := range d.fields {
		if c.Only == nil || slices.Contains(c.Only, f.name) {
			c.mine = append(c.mine, firstField+i)
		}
	}
	c.Fields = slices.Grow(c.Fields[:0], len(c.mine))[:len(c.mine)]
	for i, col := range c.mine {
		f := &c.Fields[i]
		*f = FieldColumn{d.fields[col-firstField].name, d.fields[col-firstField].kind, f.Rows[:0], f.Ints[:0], f.Floats[:0], f.Texts[:0]}
	}
}

// someColumns appends the rows from, to but not including to, of a block, which
// are those from done on.
func (s *Sealed) someColumns(d *directory, b, from, to, done int, into *Columns) error {
	for _, c := range [...]struct {
		col int
		v   *[]int64
	}{{colSeq, &into.Seq}, {colTime, &into.Time}, {colVersion, &into.Version}, {colFlags, &into.Flags}} {
		if err := s.part(d, c.col, b, from, to, &into.part); err != nil {
			return err
		}
		*c.v = append(*c.v, into.part.ints...)
	}
	if err := s.part(d, colType, b, from, to, &into.part); err != nil {
		return err
	}
	into.Types = into.part.texts.appendTo(into.Types)
	for i, col := range into.mine {
		f := &into.Fields[i]
		if f.Kind == NullValue {
			if err := s.nulls(d, b, from, to, done, col, into, f); err != nil {
				return err
			}
			continue
		}
		if err := s.part(d, col, b, from, to, &into.part); err != nil {
			return err
		}
		f.add(&into.part, to-from, done)
	}
	return nil
}

// add appends the values of v, of n rows from done on.
func (f *FieldColumn) add(v *vector, n, done int) {
	if v.len() == 0 {
		return
	}
	if len(v.rows) == 0 {
		for i := range n {
			f.Rows = append(f.Rows, uint32(done+i))
		}
	}
	for _, r := range v.rows {
		f.Rows = append(f.Rows, uint32(done)+uint32(r))
	}
	f.Ints = append(f.Ints, v.ints...)
	f.Floats = append(f.Floats, v.floats...)
	f.Texts = v.texts.appendTo(f.Texts)
}

// appendTo appends the values.
func (t *texts) appendTo(dst []string) []string {
	n := len(dst)
	dst = slices.Grow(dst, len(t.codes))[:n+len(t.codes)]
	for i, c := range t.codes {
		dst[n+i] = t.dict[c]
	}
	return dst
}

// nulls appends the rows whose shape has the null field col.
func (s *Sealed) nulls(d *directory, b, from, to, done, col int, into *Columns, f *FieldColumn) error {
	if err := s.part(d, colShape, b, from, to, &into.part); err != nil {
		return err
	}
	last, has := int64(math.MinInt64), false
	for i, shape := range into.part.ints {
		if shape != last {
			if uint64(shape) >= uint64(len(d.shapes)) {
				return (&point{s: s, d: d, b: b}).bad(colShape, "shape of a row is none")
			}
			last, has = shape, slices.Contains(d.shapes[shape], col)
		}
		if has {
			f.Rows = append(f.Rows, uint32(done+i))
		}
	}
	return nil
}

// recordedAll fills in the commit times.
func (s *Sealed) recordedAll(d *directory, into *Columns) error {
	r := recorder{s: s, d: d}
	for _, seq := range into.Seq {
		t, err := r.of(uint64(seq))
		if err != nil {
			return s.corrupt(0, err.Error())
		}
		into.Recorded = append(into.Recorded, t)
	}
	return nil
}

// Set makes c the one row r.
func (c *Columns) Set(r *SealedRow) error {
	fields, err := r.Fields()
	if err != nil {
		return err
	}
	flags := int64(r.Kind)
	if r.Unchanged {
		flags |= flagsUnchanged
	}
	c.Rows = 1
	c.Seq, c.Time, c.Recorded = append(c.Seq[:0], int64(r.Seq)), append(c.Time[:0], r.Time), append(c.Recorded[:0], r.Recorded)
	c.Version, c.Flags = append(c.Version[:0], int64(r.Version)), append(c.Flags[:0], flags)
	c.Types = append(c.Types[:0], r.Type)
	c.Fields = c.Fields[:0]
	for _, f := range fields {
		if c.Only != nil && !slices.Contains(c.Only, f.Name) {
			continue
		}
		col := FieldColumn{Name: f.Name, Kind: f.Value.kind, Rows: []uint32{0}}
		switch f.Value.kind {
		case BoolValue, Int64Value, TimeValue:
			col.Ints = []int64{int64(f.Value.bits)}
		case Float64Value:
			col.Floats = []float64{math.Float64frombits(f.Value.bits)}
		case StringValue, BytesValue, JSONValue:
			col.Texts = []string{f.Value.text}
		}
		c.Fields = append(c.Fields, col)
	}
	return nil
}
