package query

import (
	"slices"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/segment"
)

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

// sum adds rows to the aggregates of their groups, nil being group 0. Where all rows
// are of one group, the statistics of a page may do.
func (g *grouper) sum(b *batch, sel []uint16, ords []uint32) error {
	whole := b.told != nil && sel == nil && allSame(ords)
	for i := range g.sums {
		s := &g.sums[i]
		if s.from != i {
			continue
		}
		if whole {
			if done, err := s.addPage(b, ords); err != nil {
				return err
			} else if done {
				continue
			}
		}
		if err := s.add(g.x, b, sel, ords); err != nil {
			return err
		}
	}
	for slot := range b.pages {
		if !b.have[slot] {
			g.x.pages.Add(1)
		}
	}
	clear(b.pages)
	return nil
}

// allSame reports whether all of a list are the same.
func allSame(list []uint32) bool {
	for _, n := range list {
		if n != list[0] {
			return false
		}
	}
	return true
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
