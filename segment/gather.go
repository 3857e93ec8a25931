package segment

import (
	"math"
	"math/bits"
)

// gather makes blocks of columns from the rows of an intake.
type gather struct {
	in      *intake
	out     *outlet
	shapes  []gatherShape // by number in the intake
	fields  []gatherField // by column of the layout
	ref     gatherField
	id      gatherField
	types   gatherField
	block   *[blockRows]intakeRow // the rows of the block, in order
	content []int64               // their values
	touched int64
}

// gatherShape is a shape with its number in the file.
type gatherShape struct {
	number int
	cols   []int // of the layout, those that have values
}

// gatherField is a column of an intake in the block in the making.
type gatherField struct {
	number int // in the file
	kind   ValueKind
	rows   []uint16
	values []int64
	dict   []string // what values are codes of, in a column of text
	remap  remap
}

// put adds the value of row i.
func (f *gatherField) put(i int, value int64) {
	f.rows = append(f.rows, uint16(i))
	f.values = append(f.values, value)
}

// begin makes g ready for the rows of in.
func (g *gather) begin(in *intake, out *outlet) {
	g.in, g.out = in, out
	if g.block == nil {
		g.block = new([blockRows]intakeRow)
	}
	for number, c := range in.layout.columns {
		var texts *dictionary
		if number < len(in.fields) {
			texts = in.fields[number]
		}
		g.fields = more(g.fields)
		g.fields[number].begin(out.field(c), c.kind, texts)
	}
	for _, cols := range in.layout.shapes {
		g.shapes = append(g.shapes, g.shape(cols))
	}
	g.types.begin(colType, StringValue, in.types)
	g.id.begin(colID, StringValue, in.ids)
	g.ref.begin(colRef, Int64Value, nil)
}

// reset forgets what g was made ready for and keeps its memory.
func (g *gather) reset() {
	g.in, g.out = nil, nil
	for i := range g.fields {
		g.fields[i].dict = nil
	}
	g.types.dict, g.id.dict = nil, nil
	g.fields, g.shapes = g.fields[:0], g.shapes[:0]
}

// begin makes f ready for a column whose texts, if it has any, are in d.
func (f *gatherField) begin(number int, kind ValueKind, d *dictionary) {
	f.number, f.kind, f.rows, f.values = number, kind, f.rows[:0], f.values[:0]
	if d != nil {
		f.dict = d.texts
		f.remap.reset(len(f.dict))
	}
}

func (g *gather) shape(cols []int) gatherShape {
	var s gatherShape
	numbers := make([]int, len(cols))
	for i, c := range cols {
		numbers[i] = g.fields[c].number
		if g.fields[c].kind != NullValue {
			s.cols = append(s.cols, c)
		}
	}
	s.number = g.out.shape(numbers)
	return s
}

// fill puts the given rows, at most blockRows, into the columns of the outlet.
func (g *gather) fill(rows []uint32) {
	g.fetch(rows)
	g.common(rows)
	values := g.content
	for i := range rows {
		values = g.deal(i, values)
	}
	g.settle(&g.types, len(rows))
	g.settle(&g.ref, len(rows))
	g.settle(&g.id, len(rows))
	for i := range g.fields {
		g.settle(&g.fields[i], len(rows))
	}
}

// fetch copies the rows and their values. They lie scattered, so it is done in
// loops that do nothing else: then the waits for memory overlap.
func (g *gather) fetch(rows []uint32) {
	g.content = g.content[:0]
	for at := 0; at < len(rows); at += lookahead {
		block := g.block[at:min(at+lookahead, len(rows))]
		for i := range block {
			block[i] = *g.in.row(rows[at+i])
		}
		for i := range block {
			if values := g.values(&block[i]); len(values) > 0 {
				g.touched ^= values[0] ^ values[len(values)-1] // so that copying finds them near
			}
		}
		for i := range block {
			g.content = append(g.content, g.values(&block[i])...)
		}
	}
}

// values is what the intake has of a row beside the row itself.
func (g *gather) values(r *intakeRow) []int64 {
	n := uint64(len(g.shapes[r.shape].cols) + bits.OnesCount8(r.more))
	return g.in.values[r.values/valuePiece][r.values%valuePiece:][:n]
}

// common fills the columns of numbers that every row has.
func (g *gather) common(rows []uint32) {
	n := len(rows)
	for _, c := range [...]int{colSeq, colTime, colVersion, colFlags, colShape} {
		g.out.cols[c].ints = grown(g.out.cols[c].ints, n)
	}
	seq, time, version := g.out.cols[colSeq].ints, g.out.cols[colTime].ints, g.out.cols[colVersion].ints
	flags, shape := g.out.cols[colFlags].ints, g.out.cols[colShape].ints
	for i, row := range rows {
		r := &g.block[i]
		seq[i] = int64(g.in.head.First + uint64(row))
		time[i], version[i] = r.time, int64(r.version)
		flags[i], shape[i] = int64(r.flags), int64(g.shapes[r.shape].number)
	}
}

// deal deals out the values of row i of the block, the first ones, and returns
// the others.
func (g *gather) deal(i int, values []int64) []int64 {
	r := &g.block[i]
	g.types.put(i, int64(r.typ))
	if r.more&moreRef != 0 {
		g.ref.put(i, values[0])
		values = values[1:]
	}
	if r.more&moreID != 0 {
		g.id.put(i, values[0])
		values = values[1:]
	}
	cols := g.shapes[r.shape].cols
	for j, c := range cols {
		g.fields[c].put(i, values[j])
	}
	return values[len(cols):]
}

// settle makes what was put into f its column of n rows, and empties it.
func (g *gather) settle(f *gatherField, n int) {
	v := &g.out.cols[f.number]
	v.reset()
	if len(f.rows) < n {
		v.rows, f.rows = f.rows, v.rows
	}
	switch f.kind {
	case NullValue:
	case Float64Value:
		v.floats = grown(v.floats, len(f.values))
		for i, bits := range f.values {
			v.floats[i] = math.Float64frombits(uint64(bits))
		}
	case StringValue, BytesValue, JSONValue:
		f.remap.begin()
		v.texts.codes = grown(v.texts.codes, len(f.values))
		for i, code := range f.values {
			v.texts.codes[i] = f.remap.code(uint32(code), f.dict, &v.texts)
		}
	default:
		v.ints, f.values = f.values, v.ints
	}
	f.rows, f.values = f.rows[:0], f.values[:0]
}
