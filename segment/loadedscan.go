package segment

import (
	"slices"
	"sort"

	"github.com/annalsdb/annals/index"
)

// LoadedScan reads chosen rows in memory by blocks. It does not change: any number of
// batches may be read at the same time.
type LoadedScan struct {
	Names   []string        // of the columns that a batch has, in its order
	Where   index.Predicate // true of the rows wanted; nil for all
	Stream  string          // that the rows are of, as Where sees it
	MaxTime int64           // events of later times are left out, but retractions

	// From and MaxSeq are the positions of the first and last row wanted. If there
	// are rows at others, positions rise.
	From, MaxSeq uint64

	// Gone, if it is not empty, are the positions of rows that are left out.
	Gone map[uint64]bool

	rows rowsLoaded
	keys []bool // those wanted, by number; nil for all
}

// Within leaves only rows of keys that are wanted. It comes before the scan is used.
func (sc *LoadedScan) Within(wanted func(key string) bool) {
	sc.keys = make([]bool, len(sc.rows.keys))
	for i, name := range sc.rows.keys {
		sc.keys[i] = wanted(name)
	}
}

// bounds is the rows at positions that are wanted: the first, and the one behind the
// last. O(log n).
func (sc *LoadedScan) bounds() (from, to int) {
	seqs := sc.rows.columns.Seq
	to = len(seqs)
	if to > 0 && uint64(seqs[0]) < sc.From {
		from = sort.Search(to, func(i int) bool { return uint64(seqs[i]) >= sc.From })
	}
	if to > 0 && uint64(seqs[to-1]) > sc.MaxSeq {
		to = sort.Search(to, func(i int) bool { return uint64(seqs[i]) > sc.MaxSeq })
	}
	return from, max(from, to)
}

// Rows is how many rows are at positions that are wanted.
func (sc *LoadedScan) Rows() int {
	from, to := sc.bounds()
	return to - from
}

// Blocks is where the blocks that there are to read begin, rising.
func (sc *LoadedScan) Blocks() (blocks []int) {
	from, to := sc.bounds()
	for ; from < to; from += blockRows {
		blocks = append(blocks, from)
	}
	return blocks
}

// Read makes b the rows of a block.
func (sc *LoadedScan) Read(block int, b *Batch) error {
	b.begin(len(sc.Names))
	b.loaded, b.scan, b.block = sc, nil, block
	_, to := sc.bounds()
	b.Rows = min(to-block, blockRows)
	b.Read.Batches++
	err := sc.sift(b)
	if b.Read.Rows += b.Rows; b.Selected != nil {
		b.Read.Rows += len(b.Selected) - b.Rows
	}
	return err
}

// sift selects the rows of b that are wanted.
func (sc *LoadedScan) sift(b *Batch) error {
	c := &sc.rows.columns
	if sc.keys != nil {
		keyOf := sc.rows.keyOf[b.block:]
		b.keep(func(i int) bool { return sc.keys[keyOf[i]] })
	}
	if sc.rows.latest > sc.MaxTime {
		times, flags := c.Time[b.block:], c.Flags[b.block:]
		b.keep(func(i int) bool { return times[i] <= sc.MaxTime || Kind(flags[i]&kindBits) == Retraction })
	}
	if len(sc.Gone) > 0 {
		seqs := c.Seq[b.block:]
		b.keep(func(i int) bool { return !sc.Gone[uint64(seqs[i])] })
	}
	if sc.Where == nil {
		return nil
	}
	rows := b.Selected
	if rows == nil {
		rows = rowNumbers[:b.Rows]
	}
	passed, err := filter(sc, sc.Where, true, b.block, rows)
	if err != nil || len(passed) == b.Rows {
		return err
	}
	b.sel = append(b.sel[:0], passed...)
	if b.Selected = b.sel; b.sel == nil {
		b.Selected = []uint16{}
	}
	return nil
}

// rowNumbers is those of a block's rows.
var rowNumbers = func() (all [blockRows]uint16) {
	for i := range all {
		all[i] = uint16(i)
	}
	return all
}()

// compare is those of the rows of a block of which a comparison is true, or, if not
// want, false. Of a dictionary each word is tested once.
func (sc *LoadedScan) compare(p index.Predicate, want bool, block int, rows []uint16) ([]uint16, error) {
	_, to := sc.bounds()
	to = min(to, block+blockRows)
	if r, ok := p.(index.Range); ok && numberKind(r) != index.Null {
		for _, f := range sc.values(r.Column, block, to, nil) {
			switch {
			case f.Rows != nil || index.Kind(f.Kind) != numberKind(r):
			case f.Kind == Float64Value:
				return floatsWithin(r, want, f.Floats, rows), nil
			default:
				return intsWithin(r, want, f.Ints, rows), nil
			}
		}
	}
	for _, f := range sc.values(columnOf(p), block, to, nil) {
		if f.Rows == nil && pagesOf(f.Kind) == textPages && fewWords(len(f.Texts.Dict), rows) {
			passes := wordsPass(nil, p, want, len(f.Texts.Dict), func(i int) index.Literal {
				return Value{kind: f.Kind, text: f.Texts.Dict[i]}.Literal()
			})
			return codesPass(passes, f.Texts.Codes, rows), nil
		}
	}
	return compareEach(p, want, rows, func(c *comparison, column string, _ bool) error {
		switch column {
		case ColumnStream:
			c.derived = func(int) (index.Literal, error) { return index.StringOf(sc.Stream), nil }
		case ColumnKey:
			keyOf := sc.rows.keyOf[block:]
			c.derived = func(i int) (index.Literal, error) { return index.StringOf(sc.rows.keys[keyOf[i]]), nil }
		}
		for _, f := range sc.values(column, block, to, nil) {
			v := loadedValues{FieldColumn: f}
			if pagesOf(f.Kind) == textPages {
				v.truth, v.known = make([]index.Truth, len(f.Texts.Dict)), make([]bool, len(f.Texts.Dict))
			}
			c.loaded = append(c.loaded, v)
		}
		return nil
	})
}

// loadedValues is values of one kind of a column.
type loadedValues struct {
	FieldColumn
	truth []index.Truth // of the words of the dictionary
	known []bool
}

// test is what a comparison is of value j.
func (v *loadedValues) test(j int, test func(index.Literal) index.Truth) index.Truth {
	if v.known == nil {
		value := v.Value(j)
		return test(value.Literal())
	}
	word := v.Texts.Codes[j]
	if !v.known[word] {
		value := v.Value(j)
		v.truth[word], v.known[word] = test(value.Literal()), true
	}
	return v.truth[word]
}

// values appends a column of the rows from, to but not including to: one part for
// each kind of its values.
func (sc *LoadedScan) values(name string, from, to int, parts []FieldColumn) []FieldColumn {
	c := &sc.rows.columns
	ints := func(kind ValueKind, v []int64) []FieldColumn {
		return append(parts, FieldColumn{Name: name, Kind: kind, Ints: v})
	}
	switch name {
	case ColumnSeq:
		return ints(Int64Value, c.Seq[from:to])
	case ColumnTime:
		return ints(TimeValue, c.Time[from:to])
	case ColumnRecorded:
		return ints(TimeValue, c.Recorded[from:to])
	case ColumnVersion:
		return ints(Int64Value, c.Version[from:to])
	case ColumnKind:
		kinds := make([]int64, to-from)
		for i, flags := range c.Flags[from:to] {
			kinds[i] = int64(shown(flags))
		}
		return ints(Int64Value, kinds)
	case ColumnType:
		return append(parts, FieldColumn{Name: name, Kind: StringValue, Texts: Texts{c.Types.Codes[from:to], c.Types.Dict}})
	}
	for i := range c.Fields {
		if f := &c.Fields[i]; f.Name == name {
			parts = append(parts, f.slice(from, to)...)
		}
	}
	return parts
}

// slice is the column of the rows from, to but not including to, if one of them has
// a value.
func (f *FieldColumn) slice(from, to int) []FieldColumn {
	o := FieldColumn{Name: f.Name, Kind: f.Kind}
	lo, hi := from, to
	if f.Rows != nil {
		lo, _ = slices.BinarySearch(f.Rows, uint32(from))
		hi, _ = slices.BinarySearch(f.Rows, uint32(to))
		if lo == hi {
			return nil
		}
		if hi-lo < to-from {
			o.Rows = make([]uint32, hi-lo)
			for i, r := range f.Rows[lo:hi] {
				o.Rows[i] = r - uint32(from)
			}
		}
	}
	switch pagesOf(f.Kind) {
	case intPages:
		o.Ints = f.Ints[lo:hi]
	case floatPages:
		o.Floats = f.Floats[lo:hi]
	case textPages:
		o.Texts = Texts{f.Texts.Codes[lo:hi], f.Texts.Dict}
	}
	return []FieldColumn{o}
}

// loadedColumn is Column of rows in memory.
func (b *Batch) loadedColumn(i int) []FieldColumn {
	c := &b.cols[i]
	if !c.done {
		c.done, c.parts = true, b.loaded.values(b.loaded.Names[i], b.block, b.block+b.Rows, c.parts[:0])
	}
	return c.parts
}

// loadedKeys is Keys of rows in memory.
func (b *Batch) loadedKeys() []KeyRun {
	if len(b.keys) > 0 {
		return b.keys
	}
	for i, key := range b.loaded.rows.keyOf[b.block : b.block+b.Rows] {
		if last := len(b.keys) - 1; last < 0 || b.keys[last].Key != int(key) {
			b.keys = append(b.keys, KeyRun{Row: i, Key: int(key)})
		}
	}
	return b.keys
}
