package query

import (
	"slices"

	"github.com/annalsdb/annals/segment"
)

// Column is values of one column, one for each row of a [Batch]. Of most columns the
// values are of one kind, and stand in the list that fits it; where there are several
// kinds Mixed has them all.
type Column struct {
	Kind   segment.ValueKind // of the values that are not null; null if there are none, or Mixed
	Nulls  []bool            // which are null, nil if none is: the lists have a place for each
	Ints   []int64           // bool (0, 1), int64 and time (ns since 1970 UTC)
	Floats []float64
	Texts  segment.Texts // string, bytes and JSON
	Mixed  []Value

	n    int
	room []Value // memory for Mixed
}

// Len is the number of rows.
func (c *Column) Len() int { return c.n }

// Value is the value of row i.
func (c *Column) Value(i int) Value {
	if c.Mixed != nil {
		return c.Mixed[i]
	}
	if c.Nulls != nil && c.Nulls[i] {
		return Value{}
	}
	switch c.Kind {
	case segment.NullValue:
		return Value{}
	case segment.Float64Value:
		return segment.Float64Of(c.Floats[i])
	case segment.StringValue, segment.BytesValue, segment.JSONValue:
		return segment.FromText(c.Kind, c.Texts.At(i))
	}
	return segment.FromInt(c.Kind, c.Ints[i])
}

// isText reports whether values of a kind stand in Texts.
func isText(k segment.ValueKind) bool {
	return k == segment.StringValue || k == segment.BytesValue || k == segment.JSONValue
}

// whole reports whether all of c is values of its kind.
func (c *Column) whole() bool {
	return c.Mixed == nil && c.Nulls == nil && c.Kind != segment.NullValue
}

// reset makes c empty and keeps its memory.
func (c *Column) reset() {
	c.Kind, c.Nulls, c.Mixed, c.n = segment.NullValue, nil, nil, 0
	c.Ints, c.Floats = c.Ints[:0], c.Floats[:0]
	c.Texts.Codes, c.Texts.Dict = c.Texts.Codes[:0], c.Texts.Dict[:0]
}

// append adds the value of another row.
func (c *Column) append(v Value) {
	switch k := v.Kind(); {
	case c.Mixed != nil:
		c.Mixed = append(c.Mixed, v)
	case k == segment.NullValue:
		if c.Nulls == nil {
			c.Nulls = make([]bool, c.n, max(64, 2*c.n))
		}
		c.Nulls = append(c.Nulls, true)
		if c.Kind != segment.NullValue {
			c.place(c.n + 1)
		}
	case c.Kind == segment.NullValue:
		c.Kind = k
		c.place(c.n)
		c.push(v)
	case c.Kind != k:
		c.mix()
		c.Mixed = append(c.Mixed, v)
	default:
		c.push(v)
	}
	c.n++
}

// push adds a value of the column's kind.
func (c *Column) push(v Value) {
	if c.Nulls != nil {
		c.Nulls = append(c.Nulls, false)
	}
	switch {
	case c.Kind == segment.Float64Value:
		c.Floats = append(c.Floats, v.Float64())
	case isText(c.Kind):
		c.pushText(v.Text())
	default:
		c.Ints = append(c.Ints, v.Literal().Int64())
	}
}

// pushText adds a text, which is often that of the row before.
func (c *Column) pushText(s string) {
	t := &c.Texts
	if n := len(t.Dict); n == 0 || t.Dict[n-1] != s {
		t.Dict = append(t.Dict, s)
	}
	t.Codes = append(t.Codes, uint32(len(t.Dict)-1))
}

// place makes the list of the column's kind n long, with places of nulls.
func (c *Column) place(n int) {
	switch {
	case c.Kind == segment.Float64Value:
		c.Floats = extended(c.Floats, n)
	case isText(c.Kind):
		if len(c.Texts.Dict) == 0 {
			c.Texts.Dict = append(c.Texts.Dict, "")
		}
		c.Texts.Codes = extended(c.Texts.Codes, n)
	default:
		c.Ints = extended(c.Ints, n)
	}
}

// extended is list with zeros up to a length of n.
func extended[T any](list []T, n int) []T {
	had := len(list)
	if n <= had {
		return list
	}
	list = slices.Grow(list, n-had)[:n]
	clear(list[had:])
	return list
}

// mix makes c one of values of several kinds.
func (c *Column) mix() {
	mixed := make([]Value, c.n, max(64, 2*c.n))
	for i := range mixed {
		mixed[i] = c.Value(i)
	}
	c.reset()
	c.Mixed, c.n = mixed, len(mixed)
}

// set makes c the values of one kind that a column of a file has.
func (c *Column) set(f *segment.FieldColumn, rows int) {
	c.reset()
	c.n = rows
	if c.Kind = f.Kind; c.Kind == segment.NullValue {
		return
	}
	if f.Rows == nil {
		c.Ints, c.Floats, c.Texts = f.Ints, f.Floats, f.Texts
		return
	}
	c.Nulls = make([]bool, rows)
	for i := range c.Nulls {
		c.Nulls[i] = true
	}
	c.Ints, c.Floats, c.Texts = nil, nil, segment.Texts{Dict: f.Texts.Dict}
	c.place(rows)
	for i, row := range f.Rows {
		c.Nulls[row] = false
		switch {
		case c.Kind == segment.Float64Value:
			c.Floats[row] = f.Floats[i]
		case isText(c.Kind):
			c.Texts.Codes[row] = f.Texts.Codes[i]
		default:
			c.Ints[row] = f.Ints[i]
		}
	}
}

// setParts makes c the values that the columns of a file have, one for each kind.
func (c *Column) setParts(parts []segment.FieldColumn, rows int) {
	some := -1 // the one that is not of nulls
	for i := range parts {
		switch {
		case parts[i].Kind == segment.NullValue:
		case some >= 0:
			c.setMixed(parts, rows)
			return
		default:
			some = i
		}
	}
	if some < 0 {
		c.reset()
		c.n = rows
		return
	}
	c.set(&parts[some], rows)
}

func (c *Column) setMixed(parts []segment.FieldColumn, rows int) {
	c.reset()
	c.Mixed, c.n = make([]Value, rows), rows
	for i := range parts {
		f := &parts[i]
		if f.Rows == nil && f.Kind != segment.NullValue {
			for row := range rows {
				c.Mixed[row] = f.Value(row)
			}
			continue
		}
		for j, row := range f.Rows {
			c.Mixed[row] = f.Value(j)
		}
	}
}

// pick appends to c the rows of o, in the order of sel; nil stands for all.
func (c *Column) pick(o *Column, sel []uint16) {
	if o.whole() && (c.n == 0 || c.whole() && c.Kind == o.Kind) && !isText(o.Kind) {
		c.Kind = o.Kind
		if o.Kind == segment.Float64Value {
			c.Floats = gather(c.Floats, o.Floats, sel)
		} else {
			c.Ints = gather(c.Ints, o.Ints, sel)
		}
		c.n += count(sel, o.n)
		return
	}
	if sel == nil {
		for i := range o.n {
			c.append(o.Value(i))
		}
		return
	}
	for _, i := range sel {
		c.append(o.Value(int(i)))
	}
}

// gather appends to dst what sel names of list.
func gather[T any](dst, list []T, sel []uint16) []T {
	if sel == nil {
		return append(dst, list...)
	}
	for _, i := range sel {
		dst = append(dst, list[i])
	}
	return dst
}

// count is how many rows of n are selected.
func count(sel []uint16, n int) int {
	if sel == nil {
		return n
	}
	return len(sel)
}
