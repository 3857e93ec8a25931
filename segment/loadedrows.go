package segment

import (
	"slices"
	"strings"

	"github.com/annalsdb/annals/index"
)

// LoadedRows is rows in memory, as batches are read of: those that no sealed file
// has. Rows are added by one user, who then calls Finish; after that any number may
// read.
type LoadedRows struct {
	Names []string // of the columns that a batch has, see [Scan]

	columns Columns // of fields, those that are wanted
	ids     bool    // ColumnID is
	kinds   []int64 // that are shown
	runs    []KeyRun
	keys    []string
	number  map[string]int
}

// Add adds a row, of whose texts it makes copies.
func (l *LoadedRows) Add(r *SealedRow) error {
	if l.number == nil {
		l.number = map[string]int{}
		l.columns.Only = []string{}
		for _, name := range l.Names {
			if !strings.HasPrefix(name, "\xff") {
				l.columns.Only = append(l.columns.Only, name)
			}
		}
		l.ids = slices.Contains(l.Names, ColumnID)
	}
	if r.ID != "" && l.ids {
		l.columns.fieldOf(ColumnID, StringValue).add(StringOf(r.ID), l.columns.Rows)
	}
	if err := l.columns.add(r); err != nil {
		return err
	}
	key, ok := l.number[r.Key]
	if !ok {
		key = len(l.keys)
		l.keys = append(l.keys, strings.Clone(r.Key))
		l.number[l.keys[key]] = key
	}
	l.runs = append(l.runs, KeyRun{Row: l.columns.Rows - 1, Key: key})
	l.kinds = append(l.kinds, int64(shown(l.columns.Flags[l.columns.Rows-1])))
	return nil
}

// Finish ends adding rows.
func (l *LoadedRows) Finish() { l.columns.finish(l.columns.Rows) }

// Rows is the number of rows.
func (l *LoadedRows) Rows() int { return l.columns.Rows }

// Seq is the position of a row.
func (l *LoadedRows) Seq(row int) uint64 { return uint64(l.columns.Seq[row]) }

// KeyCount is the number of keys; a key's number is less.
func (l *LoadedRows) KeyCount() int { return len(l.keys) }

// KeyName is the name of a key by its number.
func (l *LoadedRows) KeyName(key int) string { return l.keys[key] }

// Read makes b up to a block of rows from row on, those that without refuses not
// selected.
func (l *LoadedRows) Read(row int, b *Batch, without func(row int) bool) {
	b.begin(len(l.Names))
	b.loaded, b.scan, b.first = l, nil, row
	b.Rows = min(l.columns.Rows-row, LoadedBatch)
	if without != nil {
		b.keep(func(i int) bool { return !without(row + i) })
	}
	b.Read.Batches++
	if b.Read.Rows += b.Rows; b.Selected != nil {
		b.Read.Rows += len(b.Selected) - b.Rows
	}
}

// LoadedBatch is how many rows of LoadedRows a batch has.
const LoadedBatch = blockRows

// loadedColumn is Column of rows in memory.
func (b *Batch) loadedColumn(i int) []FieldColumn {
	c := &b.cols[i]
	if c.done {
		return c.parts
	}
	c.done, c.parts = true, c.parts[:0]
	l, to := b.loaded, b.first+b.Rows
	ints := func(kind ValueKind, v []int64) {
		c.parts = append(c.parts, FieldColumn{Name: l.Names[i], Kind: kind, Ints: v[b.first:to]})
	}
	switch l.Names[i] {
	case ColumnSeq:
		ints(Int64Value, l.columns.Seq)
	case ColumnTime:
		ints(TimeValue, l.columns.Time)
	case ColumnRecorded:
		ints(TimeValue, l.columns.Recorded)
	case ColumnVersion:
		ints(Int64Value, l.columns.Version)
	case ColumnKind:
		ints(Int64Value, l.kinds)
	case ColumnType:
		c.parts = append(c.parts, FieldColumn{Name: ColumnType, Kind: StringValue,
			Texts: Texts{l.columns.Types.Codes[b.first:to], l.columns.Types.Dict}})
	default:
		for j := range l.columns.Fields {
			if f := &l.columns.Fields[j]; f.Name == l.Names[i] {
				c.parts = append(c.parts, f.slice(b.first, to)...)
			}
		}
	}
	return c.parts
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
		for _, r := range f.Rows[lo:hi] {
			o.Rows = append(o.Rows, r-uint32(from))
		}
		if hi-lo == to-from {
			o.Rows = nil
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

// loadedKeys is Keys of rows in memory.
func (b *Batch) loadedKeys() []KeyRun {
	if len(b.keys) == 0 {
		for i, r := range b.loaded.runs[b.first : b.first+b.Rows] {
			b.keys = append(b.keys, KeyRun{Row: i, Key: r.Key})
		}
	}
	return b.keys
}

// RowTest tests a predicate on rows of a stream. It has one user at a time.
type RowTest struct {
	p       index.Predicate
	value   func(column string) (index.Literal, bool)
	row     *SealedRow
	decoded bool // most predicates need no field
	fields  Fields
	err     error
}

// NewRowTest is a test of rows of the stream of that name.
func NewRowTest(p index.Predicate, stream string) *RowTest {
	t := &RowTest{p: p}
	t.value = func(column string) (index.Literal, bool) { return t.column(column, stream) }
	return t
}

// Passes reports whether the predicate is true of the row.
func (t *RowTest) Passes(r *SealedRow) (bool, error) {
	t.row, t.decoded, t.err = r, false, nil
	truth := t.p.Test(t.value)
	return truth == index.True && t.err == nil, t.err
}

// column is the value of a column of the row.
func (t *RowTest) column(column, stream string) (index.Literal, bool) {
	r := t.row
	switch column {
	case ColumnStream:
		return index.StringOf(stream), true
	case ColumnKey:
		return index.StringOf(r.Key), true
	case ColumnSeq:
		return index.Int64Of(int64(r.Seq)), true
	case ColumnTime:
		return index.TimeOf(r.Time), true
	case ColumnRecorded:
		return index.TimeOf(r.Recorded), true
	case ColumnVersion:
		return index.Int64Of(int64(r.Version)), true
	case ColumnKind:
		return index.Int64Of(int64(r.shown())), true
	case ColumnType:
		return index.StringOf(r.Type), true
	case ColumnID:
		if r.ID == "" {
			return index.Literal{}, false
		}
		return index.StringOf(r.ID), true
	}
	if !t.decoded {
		t.fields, t.err = r.Fields()
		t.decoded = true
	}
	v, ok := t.fields.Get(column)
	return v.Literal(), ok
}

// shown is the kind that the row is shown as.
func (r *Row) shown() Kind {
	if r.Unchanged {
		return Heartbeat
	}
	return r.Kind
}
