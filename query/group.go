package query

import (
	"math"
	"slices"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/segment"
)

// grouper is one worker's part of a GROUP BY: it numbers groups from 0 as they come
// and adds rows to their aggregates.
type grouper struct {
	x       *executor
	columns []dictionary // of groups, then of starts and, of hopping windows, ends
	pairs   []pairing    // of the columns but the first
	sums    []summing
	groups  int
	held    int64 // bytes

	starter func(dst, times []int64)
	starts  []int64
	ends    []int64
	sel     []uint16 // with a row for each window that it is in
	ords    []uint32
	next    []uint32
	spans   []aggregate.Span
}

// summing is one aggregate at work.
type summing struct {
	*aggregation
	f       aggregate.Function
	groups  aggregate.Groups
	from    int  // whose groups have the result: its own, or those of one before it
	ordered bool // it takes nulls, and where rows stand
	placed  bool // it takes where rows stand

	v    aggregate.Vector
	ords []uint32
	sel  []uint16
	pass []bool
}

// newGrouper is a grouper without groups.
func (x *executor) newGrouper() (*grouper, error) {
	n := len(x.groups)
	switch x.window.kind {
	case noWindow:
	case hopWindow:
		n += 2
	default:
		n++
	}
	g := &grouper{x: x, columns: make([]dictionary, n), pairs: make([]pairing, max(n-1, 0))}
	if w, ok := x.windows.(aggregate.Aligned); ok {
		g.starter = w.Starter()
	}
	for _, a := range x.aggregates {
		f, err := a.function()
		if err != nil {
			return nil, err
		}
		s := summing{aggregation: a, f: f, groups: f.Groups(0)}
		s.ordered = f.Laws().Class == aggregate.Ordered
		s.placed = a.placed()
		s.from = g.shared(&s)
		g.sums = append(g.sums, s)
	}
	if n == 0 {
		g.grow(1)
	}
	return g, nil
}

// shared is the number of the aggregate that keeps what s needs: one before it, over
// the same rows, or its own.
func (g *grouper) shared(s *summing) int {
	for i := range g.sums {
		o := &g.sums[i]
		like := *s.aggregation
		like.kind = o.kind
		if o.from == i && aggregate.Shares(o.f, s.f) && like.equal(o.aggregation) {
			return i
		}
	}
	return len(g.sums)
}

// grow makes it n groups.
func (g *grouper) grow(n int) {
	if n > g.groups {
		g.groups = n
		for i := range g.sums {
			g.sums[i].groups.Grow(n)
		}
	}
}

// windowOf is the window of package aggregate; nil for none.
func (p *plan) windowOf() aggregate.Window {
	w := p.window
	switch w.kind {
	case tumbleWindow:
		return aggregate.Tumbling{Size: w.size, Offset: w.by % w.size}
	case hopWindow:
		return aggregate.Hopping{Size: w.size, Slide: w.by}
	case sessionWindow:
		return aggregate.Session{Gap: w.size}
	case calendarWindow:
		return aggregate.Calendar{Unit: w.unit, N: w.n, Zone: p.zone}
	}
	return nil
}

// add takes in the rows of a batch.
func (g *grouper) add(b *batch) error {
	sel, err := g.assign(b)
	if err != nil || count(sel, b.n) == 0 {
		return err
	}
	if len(g.columns) == 0 {
		return g.sum(b, sel, nil)
	}
	if err := g.number(b, sel); err != nil {
		return err
	}
	return g.sum(b, sel, g.ords)
}

// assign finds the windows of rows, and is the rows once for each.
func (g *grouper) assign(b *batch) ([]uint16, error) {
	w := g.x.windows
	if w == nil {
		return b.sel, nil
	}
	c, err := b.column(g.x.timeSlot)
	if err != nil {
		return nil, err
	}
	g.starts, g.ends = g.starts[:0], g.ends[:0]
	if b.sel == nil && c.whole() {
		g.starts = append(g.starts, c.Ints...)
	} else {
		for _, i := range b.rows(b.sel) {
			g.starts = append(g.starts, c.Value(int(i)).Nanos())
		}
	}
	if g.starter != nil {
		g.starter(g.starts, g.starts)
		return b.sel, nil
	}
	if h, ok := w.(aggregate.Hopping); ok {
		return g.hop(h, b.rows(b.sel)), nil
	}
	return b.sel, nil // of sessions the times themselves are the starts
}

func (g *grouper) hop(w aggregate.Hopping, rows []uint16) []uint16 {
	times := slices.Clone(g.starts)
	g.starts, g.sel = g.starts[:0], g.sel[:0]
	for i, t := range times {
		g.spans = w.Assign(g.spans[:0], t)
		for _, s := range g.spans {
			g.starts, g.ends, g.sel = append(g.starts, s.Start), append(g.ends, s.End), append(g.sel, rows[i])
		}
	}
	return g.sel
}

// number makes ords the groups of rows.
func (g *grouper) number(b *batch, sel []uint16) error {
	known := 0 // numbers so far
	for k := range g.columns {
		d := &g.columns[k]
		to := g.ords[:0]
		if k > 0 {
			to = g.next[:0]
		}
		switch at := k - len(g.x.groups); {
		case at < 0:
			c, err := b.vector(g.x.groups[k], sel)
			if err != nil {
				return err
			}
			to = d.column(to, c, sel, b.n)
		case at == 0:
			to = d.times(to, g.starts)
		default:
			to = d.times(to, g.ends)
		}
		if k == 0 {
			g.ords, known = to, len(d.values)
			continue
		}
		g.next = to
		p := &g.pairs[k-1]
		p.pairs(g.ords, to, known, len(d.values))
		known = len(p.left)
	}
	g.grow(known)
	return g.hold()
}

// times appends the numbers of times.
func (d *dictionary) times(dst []uint32, times []int64) []uint32 {
	if len(times) == 0 {
		return dst
	}
	last := times[0]
	number := d.bit(segment.TimeValue, uint64(last))
	for _, t := range times {
		if t != last {
			last, number = t, d.bit(segment.TimeValue, uint64(t))
		}
		dst = append(dst, number)
	}
	return dst
}

// values is what a group is of: values of groups, then of windows.
func (g *grouper) values(dst []Value, group int) []Value {
	n := len(dst)
	dst = append(dst, make([]Value, len(g.columns))...)
	at := uint32(group)
	for k := len(g.columns) - 1; k > 0; k-- {
		p := &g.pairs[k-1]
		dst[n+k] = g.columns[k].values[p.right[at]]
		at = p.left[at]
	}
	if len(g.columns) > 0 {
		dst[n] = g.columns[0].values[at]
	}
	return dst
}

// sum adds rows to the aggregates of their groups, nil being group 0.
func (g *grouper) sum(b *batch, sel []uint16, ords []uint32) error {
	for i := range g.sums {
		if g.sums[i].from != i {
			continue
		}
		if err := g.sums[i].add(g.x, b, sel, ords); err != nil {
			return err
		}
	}
	return nil
}

func (s *summing) add(x *executor, b *batch, sel []uint16, ords []uint32) error {
	if s.filter != nil {
		var err error
		if sel, ords, err = s.filtered(b, sel, ords); err != nil || len(sel) == 0 {
			return err
		}
	}
	n := count(sel, b.n)
	if len(s.args) == 0 || s.args[0].op == intervalOp {
		if s.placed {
			return s.addRows(x, b, nil, sel, ords)
		}
		return s.give(ords, aggregate.Vector{Kind: segment.NullValue, Nulls: n})
	}
	c, err := b.vector(s.args[0], sel)
	if err != nil {
		return err
	}
	if s.placed {
		return s.addRows(x, b, c, sel, ords)
	}
	return s.addColumn(c, sel, ords)
}

// filtered is the rows that FILTER lets through.
func (s *summing) filtered(b *batch, sel []uint16, ords []uint32) ([]uint16, []uint32, error) {
	passed, err := b.filter(s.filter, sel)
	if err != nil || passed == nil {
		return b.rows(sel), ords, err
	}
	s.pass = extended(s.pass[:0], b.n)
	for _, i := range passed {
		s.pass[i] = true
	}
	s.sel, s.ords = s.sel[:0], s.ords[:0]
	for j, i := range b.rows(sel) {
		if !s.pass[i] {
			continue
		}
		s.sel = append(s.sel, i)
		if ords != nil {
			s.ords = append(s.ords, ords[j])
		}
	}
	if ords == nil {
		return s.sel, nil, nil
	}
	return s.sel, slices.Clone(s.ords), nil
}

// give adds a vector to the groups, and places what is wrong with it.
func (s *summing) give(ords []uint32, v aggregate.Vector) error {
	return s.placeError(s.groups.Add(ords, &v), v.Kind)
}

func (s *summing) placeError(err error, k segment.ValueKind) error {
	if err == nil || len(s.args) == 0 {
		return err
	}
	if takes := s.kind.takes[0]; !takes.has(k) {
		return s.args[0].fail("%s takes %s, not %s", s.kind.name, takes, k)
	}
	return s.args[0].placed(err)
}

// addColumn adds the values of rows where it does not matter where they stand.
func (s *summing) addColumn(c *Column, sel []uint16, ords []uint32) error {
	switch {
	case c.whole() && s.kind.name == "count" && !s.distinct:
		return s.give(ords, aggregate.Vector{Kind: segment.NullValue, Nulls: count(sel, c.n)})
	case c.whole():
		s.v.Kind = c.Kind
		switch {
		case c.Kind == segment.Float64Value:
			if s.v.Floats = c.Floats; sel != nil {
				s.v.Floats = gather(make([]float64, 0, len(sel)), c.Floats, sel)
			}
		case isText(c.Kind):
			s.v.Texts = s.v.Texts[:0]
			for i := range count(sel, c.n) {
				if sel != nil {
					i = int(sel[i])
				}
				s.v.Texts = append(s.v.Texts, c.Texts.At(i))
			}
		default:
			if s.v.Ints = c.Ints; sel != nil {
				s.v.Ints = gather(make([]int64, 0, len(sel)), c.Ints, sel)
			}
		}
		return s.give(ords, s.v)
	case c.Mixed == nil && c.Kind == segment.NullValue:
		return nil
	}
	return s.addKinds(c, sel, ords, nil)
}

// addKinds adds the values of one kind after those of another. at, if not nil, is
// where rows stand.
func (s *summing) addKinds(c *Column, sel []uint16, ords []uint32, at *places) error {
	rows := sel
	if rows == nil {
		rows = all[:c.n]
	}
	for k := segment.NullValue; k <= segment.JSONValue; k++ {
		if c.Mixed == nil && k != c.Kind && k != segment.NullValue || k == segment.NullValue && !s.ordered {
			continue
		}
		v := aggregate.Vector{Kind: k}
		s.ords = s.ords[:0]
		for j, i := range rows {
			value := c.Value(int(i))
			if value.Kind() != k {
				continue
			}
			switch {
			case k == segment.NullValue:
				v.Nulls++
			case k == segment.Float64Value:
				v.Floats = append(v.Floats, value.Float64())
			case isText(k):
				v.Texts = append(v.Texts, value.Text())
			default:
				v.Ints = append(v.Ints, value.Literal().Int64())
			}
			if at != nil {
				v.Time, v.Seq = append(v.Time, at.times.Value(int(i)).Nanos()), append(v.Seq, at.seqs.Value(int(i)).Int64())
			}
			if ords != nil {
				s.ords = append(s.ords, ords[j])
			}
		}
		if v.Len() == 0 {
			continue
		}
		var groups []uint32
		if ords != nil {
			groups = s.ords
		}
		if s.kind.name == "count" && !s.distinct {
			v = aggregate.Vector{Kind: segment.NullValue, Nulls: v.Len()}
		}
		if err := s.give(groups, v); err != nil {
			return err
		}
	}
	return nil
}

// places is where rows stand.
type places struct{ times, seqs *Column }

// addRows adds rows with where they stand; a nil column stands for nulls. Of rows
// that are heartbeats the value before goes on, retractions are no rows here.
func (s *summing) addRows(x *executor, b *batch, c *Column, sel []uint16, ords []uint32) error {
	if c == nil {
		c = &Column{n: b.n}
	}
	times, err := b.column(x.timeSlot)
	if err != nil {
		return err
	}
	seqs, err := b.column(x.seqSlot)
	if err != nil {
		return err
	}
	at := &places{times, seqs}
	if x.kindSlot < 0 || !s.ordered {
		return s.addKinds(c, sel, ords, at)
	}
	kinds, err := b.column(x.kindSlot)
	if err != nil {
		return err
	}
	var rows, beats []uint16
	var rowOrds, beatOrds []uint32
	for j, i := range b.rows(sel) {
		o := uint32(0)
		if ords != nil {
			o = ords[j]
		}
		switch kinds.Value(int(i)).Str() {
		case "heartbeat":
			beats, beatOrds = append(beats, i), append(beatOrds, o)
		case "retraction":
		default:
			rows, rowOrds = append(rows, i), append(rowOrds, o)
		}
	}
	if len(beats) > 0 {
		v := aggregate.Vector{Kind: segment.NullValue, Nulls: len(beats), Beats: true}
		for _, i := range beats {
			v.Time, v.Seq = append(v.Time, times.Value(int(i)).Nanos()), append(v.Seq, seqs.Value(int(i)).Int64())
		}
		if err := s.give(beatOrds, v); err != nil {
			return err
		}
	}
	if len(rows) == 0 {
		return nil
	}
	return s.addKinds(c, rows, rowOrds, at)
}

// hold counts the memory of groups, about.
func (g *grouper) hold() error {
	size := int64(g.groups) * int64(48*len(g.columns)+64*len(g.sums)+16)
	for i := range g.columns {
		size += g.columns[i].bytes
	}
	more := size - g.held
	g.held = size
	return g.x.hold(more)
}

// end is the end of the window that starts there.
func (x *executor) end(start int64) int64 {
	if w, ok := x.windows.(aggregate.Aligned); ok {
		return w.At(start).End
	}
	return math.MaxInt64
}
