package segment

import (
	"math"
	"slices"
)

// ints is a column of ints that every row has.
func (b *Batch) ints(col int) ([]int64, error) {
	f := &b.fixed[col]
	if f.done {
		return f.v, nil
	}
	sc := b.scan.want
	f.v = slices.Grow(f.v[:0], b.Rows)[:b.Rows]
	done := 0
	for _, s := range b.spans {
		n := s.to - s.from
		if err := sc.s.columnInts(sc.d, col, b.block, s.from, f.v[done:done+n], nil); err != nil {
			return nil, err
		}
		done += n
	}
	b.count(col)
	f.done = true
	return f.v, nil
}

// count counts the page of a column as decoded.
func (b *Batch) count(col int) {
	d := b.scan.want.d
	if slot := d.slot(&d.tables[rowTable], b.block, col); slot >= 0 {
		b.Read.Pages++
		b.Read.Bytes += int64(d.places[slot].length)
	}
}

// Column is the i-th column: of a field one part for each kind of its values that a
// row has, of the others one. Values of rows that are not selected are there.
func (b *Batch) Column(i int) ([]FieldColumn, error) {
	if b.loaded != nil {
		return b.loadedColumn(i), nil
	}
	c := &b.cols[i]
	if c.done {
		return c.parts, nil
	}
	c.parts = c.parts[:0]
	columns := b.scan.columns[i]
	c.all = slices.Grow(c.all[:0], len(columns))[:len(columns)]
	for j, col := range columns {
		f := &c.all[j]
		if err := b.decode(i, col, f); err != nil {
			return nil, err
		}
		if f.n == 0 {
			continue
		}
		if f.n < b.Rows {
			f.sparse()
		}
		c.parts = append(c.parts, *f)
		if f.n == b.Rows {
			c.parts[len(c.parts)-1].Rows = nil
		}
	}
	c.done = true
	return c.parts, nil
}

// decode decodes one column of the file.
func (b *Batch) decode(i, col int, f *FieldColumn) error {
	name := b.scan.Names[i]
	switch {
	case col < 0 || col == colSeq || col == colTime || col == colVersion:
		return b.decodeInts(name, col, f)
	case col < firstField:
		kind := StringValue
		if col == colRef {
			kind = Int64Value
		}
		f.reset(name, kind, col)
	default:
		f.reset(name, b.scan.want.d.fields[col-firstField].kind, col)
	}
	b.count(col)
	if words, err := b.decodeWords(col, f); words || err != nil {
		return err
	}
	done := 0
	for _, s := range b.spans {
		if err := b.scan.want.s.someField(b.scan.want.d, b.block, s.from, s.to, done, &b.scratch, f); err != nil {
			return err
		}
		done += s.to - s.from
	}
	return nil
}

// decodeWords decodes a column of texts that every row has, if its page has a
// dictionary: that once, and codes for each span.
func (b *Batch) decodeWords(col int, f *FieldColumn) (bool, error) {
	p, err := b.scan.want.s.may(b.scan.want.d, b.block, col)
	if p == nil || err != nil || p.kind != textPages || p.sparse != nil || p.texts.encoding != textDictionary {
		return false, err
	}
	f.Texts.Dict = p.words(f.Texts.Dict)
	f.Texts.Codes = slices.Grow(f.Texts.Codes, b.Rows)[:b.Rows]
	for _, s := range b.spans {
		p.texts.decodeCodes(f.Texts.Codes[f.n:f.n+s.to-s.from], s.from)
		f.n += s.to - s.from
	}
	return true, nil
}

// decodeInts decodes a column of ints that every row has.
func (b *Batch) decodeInts(name string, col int, f *FieldColumn) error {
	kind, from := Int64Value, col
	switch col {
	case colTime:
		kind = TimeValue
	case virtualRecorded:
		kind, from = TimeValue, colSeq
	case virtualKind:
		from = colFlags
	}
	f.reset(name, kind, col)
	v, err := b.ints(from)
	if err != nil {
		return err
	}
	f.n = b.Rows
	switch col {
	case virtualRecorded:
		f.Ints = slices.Grow(f.Ints, b.Rows)[:b.Rows]
		r := recorder{s: b.scan.want.s, d: b.scan.want.d}
		return r.all(v, f.Ints)
	case virtualKind:
		for _, flags := range v {
			f.Ints = append(f.Ints, int64(shown(flags)))
		}
	default:
		f.Ints = append(f.Ints, v...)
	}
	return nil
}

// PageStats is what is known of the values of one kind of a column in a batch,
// without decoding them.
type PageStats struct {
	Kind  ValueKind
	Count int // of values
	NaNs  int // of them, of which Min and Max say nothing

	// Min is no greater and Max no less than any value; of ints and floats they
	// occur. Of texts they are at most 16 bytes of one that does: if Cut, the
	// greatest one may go on behind Max.
	Min, Max Value
	Cut      bool

	Sum    int64 // of ints, if HasSum
	HasSum bool
}

// stats is z, of values of a kind.
func (z *zone) stats(kind ValueKind) PageStats {
	st := PageStats{Kind: kind, Count: int(z.count), NaNs: int(z.nans), Min: Value{kind: kind}, Max: Value{kind: kind}}
	switch pagesOf(kind) {
	case intPages:
		st.Min.bits, st.Max.bits = uint64(z.min), uint64(z.max)
		st.Sum, st.HasSum = z.sum, !z.overflow
	case floatPages:
		st.Min.bits, st.Max.bits = math.Float64bits(z.fmin), math.Float64bits(z.fmax)
	default:
		st.Min.text, st.Max.text, st.Cut = z.tmin, z.tmax, len(z.tmax) == zonePrefix
	}
	return st
}

// Stats is what is known of the i-th column, one entry for each kind that a row has,
// nulls left out; ok is false where nothing is. Where rows are not selected it is of
// more than these, so that only the bounds are of use.
func (b *Batch) Stats(i int) (all []PageStats, ok bool, err error) {
	if b.loaded != nil {
		return nil, false, nil
	}
	s, d := b.scan.want.s, b.scan.want.d
	for _, col := range b.scan.columns[i] {
		if col < 0 {
			return nil, false, nil
		}
		zones, err := s.zonesOf(col)
		if err != nil {
			return nil, false, err
		}
		if zones == nil || zones[b.block].count == 0 {
			continue
		}
		kind := StringValue
		switch {
		case col >= firstField:
			kind = d.fields[col-firstField].kind
		case col == colTime:
			kind = TimeValue
		case d.tables[rowTable].kinds[col] == intPages:
			kind = Int64Value
		}
		all = append(all, zones[b.block].stats(kind))
	}
	return all, true, nil
}

// Whole reports whether the rows selected are all of a page, so that its statistics
// are exactly theirs.
func (b *Batch) Whole() bool { return b.whole && b.Selected == nil }
