package query

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// runGroups makes rows of groups: each worker groups what it reads, then groups that
// are the same are joined.
func (x *executor) runGroups(ctx context.Context, emit func(*Batch) error) error {
	workers := make([]*grouper, x.workers)
	for i := range workers {
		var err error
		if workers[i], err = x.newGrouper(); err != nil {
			return err
		}
	}
	err := x.read(ctx, func(worker int, b *batch) error {
		t := x.steps.begin()
		x.steps.group.in(count(b.sel, b.n))
		err := workers[worker].add(b)
		x.steps.group.end(t)
		return err
	})
	if err != nil {
		return err
	}
	t := x.steps.begin()
	m, err := x.joinGroups(workers)
	if err == nil {
		err = m.split()
	}
	x.steps.merge.end(t)
	if err != nil {
		return err
	}
	return x.finish(ctx, m, emit)
}

// allGroups is groups that are each there once.
type allGroups struct {
	x      *executor
	rows   [][]Value // of groups: the columns of a grouper
	sums   []summing
	number map[string]uint32
	key    []byte
}

// joinGroups joins the groups of workers. Those of one worker are as they should be, unless
// there are values in them that are the same and not equal to the bit.
func (x *executor) joinGroups(workers []*grouper) (*allGroups, error) {
	workers = slices.DeleteFunc(workers, func(g *grouper) bool { return g.groups == 0 })
	m := &allGroups{x: x}
	if len(workers) == 0 {
		g, err := x.newGrouper()
		if err != nil {
			return nil, err
		}
		m.sums = g.sums
		return m, nil
	}
	if len(workers) == 1 && !workers[0].hasFloats() {
		g := workers[0]
		m.sums = g.sums
		for i := range g.groups {
			m.rows = append(m.rows, g.values(nil, i))
		}
		return m, nil
	}
	target, err := x.newGrouper()
	if err != nil {
		return nil, err
	}
	m.sums, m.number = target.sums, map[string]uint32{}
	for _, g := range workers {
		if err := m.take(x.ctx, g); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// hasFloats reports whether a value may be the same as one of other bits.
func (g *grouper) hasFloats() bool {
	for i := range g.columns {
		if g.columns[i].bits[segment.Float64Value].n > 0 {
			return true
		}
	}
	return false
}

// take joins the groups of a worker to those that are there.
func (m *allGroups) take(ctx context.Context, g *grouper) error {
	to := make([]uint32, g.groups)
	row := []Value{}
	for i := range to {
		if i%batchRows == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		row = g.values(row[:0], i)
		to[i] = m.find(row)
	}
	for i := range m.sums {
		m.sums[i].groups.Grow(len(m.rows))
		if err := m.sums[i].groups.Merge(to, g.sums[i].groups); err != nil {
			return m.sums[i].placeError(err, segment.NullValue)
		}
	}
	return nil
}

// find is the number of the group with these values, which are copied.
func (m *allGroups) find(row []Value) uint32 {
	m.key = m.key[:0]
	for i := range row {
		m.key = appendKey(m.key, row[i])
	}
	n, ok := m.number[string(m.key)]
	if !ok {
		n = uint32(len(m.rows))
		m.number[string(m.key)] = n
		m.rows = append(m.rows, slices.Clone(row))
		return n
	}
	for i, v := range row {
		m.rows[n][i] = shown(m.rows[n][i], v)
	}
	return n
}

// split makes sessions of groups that have one time each.
func (m *allGroups) split() error {
	w, ok := m.x.windows.(aggregate.Session)
	if !ok || len(m.rows) == 0 {
		return nil
	}
	at := len(m.x.groups)
	groups := allGroups{number: map[string]uint32{}} // without times
	of := make([]uint32, len(m.rows))
	order := make([]int, len(m.rows))
	for i, row := range m.rows {
		of[i], order[i] = groups.find(row[:at]), i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(of[a], of[b]), cmp.Compare(m.rows[a][at].Nanos(), m.rows[b][at].Nanos()))
	})
	to := make([]uint32, len(m.rows))
	var rows [][]Value
	for j, i := range order {
		t := m.rows[i][at].Nanos()
		end := timeValue(w.At(t).End)
		if last := len(rows) - 1; j > 0 && of[order[j-1]] == of[i] && t <= rows[last][at+1].Nanos() {
			rows[last][at+1] = end
		} else {
			rows = append(rows, append(slices.Clone(groups.rows[of[i]]), timeValue(t), end))
		}
		to[i] = uint32(len(rows) - 1)
	}
	m.rows = rows
	for i := range m.sums {
		s := &m.sums[i]
		all := s.f.Groups(len(rows))
		if err := all.Merge(to, s.groups); err != nil {
			return s.placeError(err, segment.NullValue)
		}
		s.groups = all
	}
	return nil
}

// finish makes the answer of groups.
func (x *executor) finish(ctx context.Context, m *allGroups, emit func(*Batch) error) error {
	t := x.steps.begin()
	defer func() { x.steps.order.end(t) }()
	o := x.newOutput(emit)
	at := len(x.groups)
	row := make([]Value, 0, x.aggregateSlots()+len(x.aggregates))
	if len(m.rows) == 0 && at == 0 && x.windows == nil {
		m.rows = [][]Value{nil}
		for i := range m.sums {
			m.sums[i].groups.Grow(1)
		}
	}
	x.steps.order.in(len(m.rows))
	edges := x.edges(m)
	for i := range m.rows {
		if i%batchRows == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		row = append(row[:0], m.rows[i][:min(at+1, len(m.rows[i]))]...)
		if x.windows != nil {
			row = append(row, timeValue(x.endOf(m.rows[i])))
		}
		for k := range m.sums {
			v, err := m.sums[k].result(m.sums[m.sums[k].from].groups, i, edges)
			if err != nil {
				return err
			}
			row = append(row, v)
		}
		if x.having != nil {
			if truth, err := x.having.truth(row); err != nil {
				return err
			} else if truth != index.True {
				continue
			}
		}
		if err := o.add(row); errors.Is(err, errEnough) {
			return o.flush()
		} else if err != nil {
			return err
		}
	}
	return o.end()
}

// endOf is the end of the window of a group.
func (x *executor) endOf(row []Value) int64 {
	at := len(x.groups)
	if len(row) > at+1 {
		return row[at+1].Nanos()
	}
	return x.end(row[at].Nanos())
}

// edges are the ends of the windows of groups, and the last rows before them, for
// aggregates over time; nil without windows.
func (x *executor) edges(m *allGroups) []aggregate.Edges {
	if x.windows == nil || !slices.ContainsFunc(m.sums, func(s summing) bool { return s.ordered }) {
		return nil
	}
	edges := make([]aggregate.Edges, len(m.rows))
	for i, row := range m.rows {
		edges[i] = aggregate.Edges{Start: row[len(x.groups)].Nanos(), End: x.endOf(row)}
	}
	return edges
}

// result is the value of an aggregate for a group, from the groups that keep it.
func (s *summing) result(groups aggregate.Groups, group int, edges []aggregate.Edges) (Value, error) {
	v, err := aggregate.ResultOf(s.f, groups, group)
	if g, ok := groups.(aggregate.Spanned); ok && edges != nil {
		v, err = g.ResultIn(group, edges[group])
	}
	return v, s.placeError(err, segment.NullValue)
}
