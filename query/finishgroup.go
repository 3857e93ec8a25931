package query

import (
	"context"
	"slices"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/segment"
)

// groupRows is groups that are each there once, by columns.
type groupRows struct {
	*executor
	n            int
	columns      []groupColumn
	starts, ends []int64 // of windows
	sums         []summing
}

// groupColumn is what groups are of in one column.
type groupColumn struct {
	values Column   // of a dictionary, see there
	codes  []uint32 // the one of each group
}

// finish makes rows of groups and hands on those that HAVING lets through. All
// aggregates are computed: an error of one that nobody looks at is one.
func (r *groupRun) finish(ctx context.Context, worker int, g *grouper) error {
	t := r.steps.begin()
	rows, err := g.rows()
	r.steps.merge.in(g.groups)
	r.steps.merge.end(t)
	if err != nil {
		return err
	}
	var having []*node
	if r.having != nil {
		having = []*node{r.having}
	}
	edges := rows.edges()
	at := r.aggregateSlots()
	b := newBatch(at + len(rows.sums))
	for from := 0; from < rows.n; from += batchRows {
		if err := ctx.Err(); err != nil {
			return err
		}
		t := r.steps.begin()
		to := min(from+batchRows, rows.n)
		b.begin(to-from, nil, func(slot int, c *Column) error { return rows.load(slot, c, from, to, edges) })
		some, err := true, error(nil)
		for slot := at; slot < len(b.cols) && err == nil; slot++ {
			_, err = b.column(slot)
		}
		if err == nil && having != nil {
			some, err = b.choose(having)
		}
		r.steps.merge.end(t)
		if err != nil {
			return err
		}
		if some {
			if err := r.to(worker, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// rows is the groups by columns.
func (g *grouper) rows() (*groupRows, error) {
	r := &groupRows{executor: g.x, n: g.groups, sums: g.sums, columns: make([]groupColumn, len(g.columns))}
	for k := range r.columns {
		r.columns[k] = groupColumn{g.columns[k].valueColumn(), g.codesOf(k, g.groups)}
	}
	at := len(g.x.groups)
	if g.x.windows == nil {
		return r, nil
	}
	starts := r.columns[at]
	r.starts = gatherCodes(nil, starts.values.Ints, starts.codes)
	if len(r.columns) > at+1 {
		ends := r.columns[at+1]
		r.ends = gatherCodes(nil, ends.values.Ints, ends.codes)
	}
	switch w := g.x.windows.(type) {
	case aggregate.Session:
		return r, r.split(w, g)
	case aggregate.Sliding, aggregate.Counted:
		return r, r.frame(g)
	}
	if r.ends != nil {
		return r, nil
	}
	ends := make([]int64, len(starts.values.Ints))
	for i, start := range starts.values.Ints {
		ends[i] = g.end(start)
	}
	r.ends = gatherCodes(nil, ends, starts.codes)
	return r, nil
}

// valueColumn is the values of a dictionary. Of texts each is at its number in Dict,
// and there are no Codes.
func (d *dictionary) valueColumn() (c Column) {
	if len(d.values) > 0 && isText(d.values[0].Kind()) && d.alike() {
		dict := make([]string, len(d.values))
		for i, v := range d.values {
			dict[i] = v.Text()
		}
		return Column{Kind: d.values[0].Kind(), Texts: segment.Texts{Dict: dict}, n: len(dict)}
	}
	for _, v := range d.values {
		c.append(v)
	}
	return c
}

// alike tells whether all values are of one kind.
func (d *dictionary) alike() bool {
	return !slices.ContainsFunc(d.values, func(v Value) bool { return v.Kind() != d.values[0].Kind() })
}

// gatherCodes appends to dst what codes name of list.
func gatherCodes[T any](dst, list []T, codes []uint32) []T {
	dst = slices.Grow(dst, len(codes))
	for _, c := range codes {
		dst = append(dst, list[c])
	}
	return dst
}

// split makes sessions of groups that have one time each.
func (r *groupRows) split(w aggregate.Session, g *grouper) error {
	at, times := len(r.groups), r.starts
	order, of := r.families(g)
	to := make([]uint32, r.n)
	shows := r.together(g, of)
	codes := make([][]uint32, at)
	var starts, ends []int64
	for j, i := range order {
		last := len(starts) - 1
		if j == 0 || of[order[j-1]] != of[i] || times[i] > ends[last] {
			starts, ends = append(starts, times[i]), append(ends, 0)
			last++
			for k := range codes {
				codes[k] = append(codes[k], shows[k][of[i]])
			}
		}
		ends[last] = w.At(times[i]).End
		to[i] = uint32(last)
	}
	for k := range codes {
		r.columns[k].codes = codes[k]
	}
	r.n, r.starts, r.ends, r.sums = len(starts), starts, ends, slices.Clone(r.sums)
	for i := range r.sums {
		s := &r.sums[i]
		all := s.f.Groups(r.n)
		if err := all.Merge(to, s.groups); err != nil {
			return s.placeError(err, segment.NullValue)
		}
		s.groups = all
	}
	return nil
}

// together is, by column, the numbers of the values that groups show, of which of says
// which ones are one.
func (r *groupRows) together(g *grouper, of []uint32) [][]uint32 {
	shows := make([][]uint32, len(r.groups))
	for k := range shows {
		d, codes := &g.columns[k], r.columns[k].codes
		shows[k] = slices.Repeat([]uint32{nothing}, r.n)
		for i, group := range of {
			if s := &shows[k][group]; *s == nothing {
				*s = codes[i]
			} else if *s != codes[i] {
				*s = d.shown(*s, codes[i])
			}
		}
	}
	return shows
}

// load makes c the values of a slot of the groups from from to to.
func (r *groupRows) load(slot int, c *Column, from, to int, edges []aggregate.Edges) error {
	c.reset()
	switch at := len(r.groups); {
	case slot < at:
		r.columns[slot].load(c, from, to)
	case slot >= r.aggregateSlots():
		return r.results(&r.sums[slot-r.aggregateSlots()], c, from, to, edges)
	case slot == at:
		c.Kind, c.Ints, c.n = segment.TimeValue, append(c.Ints, r.starts[from:to]...), to-from
	default:
		c.Kind, c.Ints, c.n = segment.TimeValue, append(c.Ints, r.ends[from:to]...), to-from
	}
	return nil
}

func (g *groupColumn) load(c *Column, from, to int) {
	codes := g.codes[from:to]
	switch k := g.values.Kind; {
	case !g.values.whole():
		for _, code := range codes {
			c.append(g.values.Value(int(code)))
		}
		return
	case k == segment.Float64Value:
		c.Floats = gatherCodes(c.Floats, g.values.Floats, codes)
	case isText(k):
		c.Texts = segment.Texts{Dict: g.values.Texts.Dict, Codes: codes} // never written to
	default:
		c.Ints = gatherCodes(c.Ints, g.values.Ints, codes)
	}
	c.Kind, c.n = g.values.Kind, len(codes)
}

// edges are the ends of the windows of groups, and the last rows before them, for
// aggregates over time; nil without windows, and in counted ones.
func (r *groupRows) edges() []aggregate.Edges {
	if _, counted := r.windows.(aggregate.Counted); counted || r.windows == nil || !slices.ContainsFunc(r.sums, func(s summing) bool { return s.ordered }) {
		return nil
	}
	edges := make([]aggregate.Edges, r.n)
	for i := range edges {
		edges[i] = aggregate.Edges{Start: r.starts[i], End: r.ends[i]}
	}
	return edges
}

// results appends the values of an aggregate, from the groups that keep it.
func (r *groupRows) results(s *summing, c *Column, from, to int, edges []aggregate.Edges) error {
	groups := r.sums[s.from].groups
	spanned, ok := groups.(aggregate.Spanned)
	if edges == nil {
		ok = false
	}
	for i := from; i < to; i++ {
		var v Value
		var err error
		if ok {
			v, err = spanned.ResultIn(i, edges[i])
		} else {
			v, err = aggregate.ResultOf(s.f, groups, i)
		}
		if err != nil {
			return s.placeError(err, segment.NullValue)
		}
		c.append(v)
	}
	return nil
}
