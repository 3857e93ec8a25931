package segment

import "github.com/annalsdb/annals/index"

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
