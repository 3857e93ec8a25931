package query

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

// takeKept takes what is kept of the aggregate that has the answer into groups, and
// leaves the times of events that are not in it to be read. Where it cannot tell, it
// leaves all.
func (r *groupRun) takeKept(ctx context.Context) error {
	f := r.fit
	if f == nil {
		return nil
	}
	t := r.steps.begin()
	defer r.steps.group.end(t)
	reader, err := r.at(r.sources[0])
	if err != nil {
		return err
	}
	p, err := r.partials(ctx, reader.(dbReader))
	switch {
	case errors.Is(err, store.ErrNotKept):
		f.why = err.Error()
		return nil
	case err != nil:
		return err
	}
	if f.why = f.doubt(p.Cells); f.why != "" {
		return nil
	}
	if p.Seq != reader.Seq() {
		v, err := reader.(dbReader).db.View(store.KnownAt(p.Seq))
		if err != nil {
			return err
		}
		r.reader = viewReader{v}
	}
	f.taken, f.pieces, r.times = true, p.Pieces, append([]aggregate.Span{}, p.Events...)
	r.note(p.Cells.Size())
	defer r.note(-p.Cells.Size())
	if len(p.Events) == 0 {
		r.workers = r.workers[:1] // there is nothing for others
	}
	g := r.workers[0]
	if err := g.takeCells(ctx, f, p.Cells); err != nil || g.held <= g.most {
		return err
	}
	return r.relieve(g)
}

// partials is what is kept for the query: as of its position, where it has one of its
// own, or is part of one that reads something else.
func (x *executor) partials(ctx context.Context, reader dbReader) (store.AggregatePartials, error) {
	f := x.fit
	q := store.PartialsQuery{MemoryBytes: x.limitBytes / 2}
	q.Window, _ = x.windows.(aggregate.Aligned)
	if f.lo != math.MinInt64 {
		q.From = time.Unix(0, f.lo)
	}
	if f.hi != math.MaxInt64 {
		q.To = time.Unix(0, f.hi).Add(1) // hi is inclusive
	}
	if f.keys != nil {
		q.Groups = [][]Value{}
		for _, k := range f.keys {
			q.Groups = append(q.Groups, []Value{segment.StringOf(k)})
		}
	}
	_, timed := reader.Time()
	switch {
	case timed || reader.Seq() == 0:
		return store.AggregatePartials{}, store.ErrNotKept
	case reader.bounded || x.isJoined():
		q.KnownAt = reader.Seq()
	}
	return f.of.Partials(ctx, q)
}

// isJoined reports whether a query around this one reads states as well.
func (x *executor) isJoined() bool {
	for x = x.outer; x != nil; x = x.outer {
		if len(x.joins) > 0 {
			return true
		}
	}
	return false
}

// doubt is why the cells may not tell what the events do, "" if they do.
func (f *fitting) doubt(c *aggregate.Cells) string {
	for i := range c.Len() {
		if c.At(i).Unfit > 0 {
			return "some values are of kinds that its functions do not take"
		}
		for k := range f.def.By {
			if v := c.Value(i, k); v.Kind() == segment.Float64Value && v.Float64() == 0 {
				return "0 and -0 are one in its groups"
			}
		}
	}
	return ""
}

// takeCells takes in cells of an aggregate as groups.
func (g *grouper) takeCells(ctx context.Context, f *fitting, c *aggregate.Cells) error {
	var cells []int
	for i := range c.Len() {
		if cell := c.At(i); cell.Rows > 0 && !cell.Gone {
			cells = append(cells, i)
		}
	}
	to := slices.Repeat([]uint32{aggregate.Nowhere}, c.Len())
	b := newBatch(len(f.def.By))
	for some := range slices.Chunk(cells, batchRows) {
		if err := ctx.Err(); err != nil {
			return err
		}
		b.begin(len(some), nil, func(slot int, col *Column) error {
			col.reset()
			for _, i := range some {
				col.append(c.Value(i, slot))
			}
			return nil
		})
		chosen, err := b.choose(f.where)
		if err != nil {
			return err
		}
		if !chosen {
			continue
		}
		rows := b.rows(b.sel)
		if g.starts = g.starts[:0]; g.x.windows != nil {
			for _, row := range rows {
				g.starts = append(g.starts, c.At(some[row]).Window.Start)
			}
		}
		if err := g.number(b, b.sel, f.groups); err != nil {
			return err
		}
		for j, row := range rows {
			if to[some[row]] = 0; len(g.columns) > 0 {
				to[some[row]] = g.ords[j]
			}
		}
	}
	g.x.steps.group.in(len(cells))
	return g.mergeCells(f, c, to)
}

// mergeCells takes cell i into group to[i].
func (g *grouper) mergeCells(f *fitting, c *aggregate.Cells, to []uint32) error {
	for i := range g.sums {
		s := &g.sums[i]
		if s.from != i {
			continue
		}
		from, err := f.sum(i, c)
		if err == nil {
			err = s.groups.Merge(to, from)
		}
		if err != nil {
			return s.placeError(err, segment.NullValue)
		}
	}
	g.hold()
	return nil
}

// sum is what cells keep of an aggregate of the query.
func (f *fitting) sum(i int, c *aggregate.Cells) (aggregate.Groups, error) {
	m := f.measures[i]
	if m != rowCount {
		if _, counts := f.def.Measures[m].Function.(aggregate.Count); !counts {
			return c.Sum(m), nil
		}
	}
	n := make([]int64, c.Len())
	for i := range n {
		if n[i] = c.At(i).Rows; m == rowCount {
			continue
		}
		v, err := c.Sum(m).Result(i)
		if err != nil {
			return nil, err
		}
		n[i] = v.Int64()
	}
	return aggregate.Count{Rows: true}.Counts(n), nil
}
