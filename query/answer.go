package query

import (
	"slices"
	"sync"
)

// output makes the answer of rows, which were read or are of groups: as they come, in
// order, or each once.
type output struct {
	visit visit
	end   func() error // hands on what is kept
}

func (x *executor) newOutput(emit func(*Batch) error) *output {
	o := x.newUnranked(emit)
	if len(x.ranks) > 0 {
		return x.newRanks(o)
	}
	return o
}

// newUnranked is an output of rows that have their ranks.
func (x *executor) newUnranked(emit func(*Batch) error) *output {
	switch {
	case x.distinct:
		d := &distinctRows{x: x, emit: emit, seen: map[string]int{}}
		return &output{d.visit, d.end}
	case len(x.order) > 0:
		s := &sortedRows{x: x, emit: emit, sorters: make([]*sorter, x.workers)}
		for i := range s.sorters {
			s.sorters[i] = x.newSorter()
		}
		return &output{s.visit, s.end}
	}
	p := &plainRows{x: x, emit: emit, skip: x.offset, left: x.limit}
	return &output{p.visit, func() error { return nil }}
}

// plainRows are handed on as they come.
type plainRows struct {
	x          *executor
	emit       func(*Batch) error
	mu         sync.Mutex
	skip, left int64
}

func (p *plainRows) visit(_ int, b *batch) error {
	x := p.x
	if x.limit >= 0 {
		p.mu.Lock()
		defer p.mu.Unlock()
		sel, enough := limited(b, &p.skip, &p.left)
		if len(sel) > 0 {
			out, err := x.project(b, sel)
			if err == nil {
				err = p.emit(out)
			}
			if err != nil {
				return err
			}
		}
		if enough {
			return errEnough
		}
		return nil
	}
	out, err := x.project(b, b.sel)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.skip > 0 {
		sel, _ := limited(b, &p.skip, &p.left)
		if len(sel) == 0 {
			return nil
		}
		if out, err = x.project(b, sel); err != nil {
			return err
		}
	}
	return p.emit(out)
}

// limited is the rows of b that OFFSET and LIMIT leave, and whether LIMIT has no
// need of more.
func limited(b *batch, skip, left *int64) (sel []uint16, enough bool) {
	rows := b.rows(b.sel)
	n := min(*skip, int64(len(rows)))
	rows, *skip = rows[n:], *skip-n
	if *left >= 0 {
		rows = rows[:min(*left, int64(len(rows)))]
		*left -= int64(len(rows))
	}
	return rows, *left == 0
}

// project is the outputs of the rows that sel names.
func (x *executor) project(b *batch, sel []uint16) (*Batch, error) {
	t := x.steps.begin()
	out := newBatchOf(len(x.outputs))
	out.Rows = count(sel, b.n)
	for i, n := range x.outputs {
		c, err := b.vector(n, sel)
		if err != nil {
			return nil, err
		}
		out.Columns[i].pick(c, sel)
	}
	x.steps.project.in(out.Rows)
	x.steps.project.end(t)
	return out, nil
}

// sortedRows are put in order: each worker those that it has.
type sortedRows struct {
	x       *executor
	emit    func(*Batch) error
	sorters []*sorter
}

// visit takes in those rows of a batch that are among the first: what is selected is
// computed of no others.
func (r *sortedRows) visit(worker int, b *batch) error {
	x, s := r.x, r.sorters[worker]
	t := x.steps.begin()
	defer x.steps.order.end(t)
	x.steps.order.in(count(b.sel, b.n))
	by, sel := make([]*Column, len(x.order)), b.sel
	for i := range x.order {
		var err error
		if by[i], err = b.vector(x.order[i].by, sel); err != nil {
			return err
		}
		if i == 0 {
			if sel = s.hopeful(by[0], b.rows(sel)); len(sel) == 0 {
				return nil
			}
		}
	}
	var wanted []uint16
	var keys [][]Value
	scratch := make([]Value, len(by))
	for _, i := range sel {
		for k, c := range by {
			scratch[k] = c.Value(int(i))
		}
		if s.wants(scratch) {
			wanted, keys = append(wanted, i), append(keys, slices.Clone(scratch))
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	columns := make([]*Column, len(x.outputs))
	for i, n := range x.outputs {
		var err error
		if columns[i], err = b.vector(n, wanted); err != nil {
			return err
		}
	}
	for j, i := range wanted {
		if !s.wants(keys[j]) {
			continue
		}
		if err := s.add(valuesAt(columns, int(i)), keys[j]); err != nil {
			return err
		}
	}
	return nil
}

func (r *sortedRows) end() error {
	t := r.x.steps.begin()
	defer func() { r.x.steps.order.end(t) }()
	all := r.sorters[0]
	for _, s := range r.sorters[1:] {
		all.join(s)
	}
	return r.x.emitRows(all.sorted(), r.emit)
}

// distinctRows are each kept once: of those that are the same, one.
type distinctRows struct {
	x    *executor
	emit func(*Batch) error
	mu   sync.Mutex
	seen map[string]int // by key: place in rows
	rows []answerRow
	key  []byte
}

func (r *distinctRows) visit(_ int, b *batch) error {
	columns := make([]*Column, len(r.x.outputs))
	for i, n := range r.x.outputs {
		var err error
		if columns[i], err = b.vector(n, b.sel); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, i := range b.rows(b.sel) {
		if err := r.add(valuesAt(columns, int(i))); err != nil {
			return err
		}
	}
	return nil
}

func (r *distinctRows) add(values []Value) error {
	r.key = r.key[:0]
	for _, v := range values {
		r.key = appendKey(r.key, v)
	}
	if i, ok := r.seen[string(r.key)]; ok {
		for c, v := range values {
			r.rows[i].values[c] = shown(r.rows[i].values[c], v)
		}
		return nil
	}
	r.seen[string(r.key)] = len(r.rows)
	r.rows = append(r.rows, answerRow{values: values})
	return r.x.hold(2 * rowBytes(values))
}

// end puts the rows in order, by values that are selected: what a key of them is
// computed of, the first of them that is equal, is found once.
func (r *distinctRows) end() error {
	t := r.x.steps.begin()
	defer func() { r.x.steps.order.end(t) }()
	if len(r.x.order) == 0 {
		return r.x.emitRows(r.rows, r.emit)
	}
	by := make([]int, len(r.x.order))
	for k := range by {
		by[k] = slices.IndexFunc(r.x.outputs, r.x.order[k].by.equal)
	}
	s := r.x.newSorter()
	for _, row := range r.rows {
		keys := make([]Value, len(by))
		for k, i := range by {
			keys[k] = row.values[i]
		}
		if !s.wants(keys) {
			continue
		}
		if err := s.add(row.values, keys); err != nil {
			return err
		}
	}
	return r.x.emitRows(s.sorted(), r.emit)
}

// valuesAt is row i of columns.
func valuesAt(columns []*Column, i int) []Value {
	values := make([]Value, len(columns))
	for c := range columns {
		values[c] = columns[c].Value(i)
	}
	return values
}

// emitRows hands on, of rows in their order, those that OFFSET and LIMIT leave.
func (x *executor) emitRows(rows []answerRow, emit func(*Batch) error) error {
	rows = rows[min(x.offset, int64(len(rows))):]
	if x.limit >= 0 {
		rows = rows[:min(x.limit, int64(len(rows)))]
	}
	for some := range slices.Chunk(rows, batchRows) {
		if err := x.ctx.Err(); err != nil {
			return err
		}
		b := newBatchOf(len(x.outputs))
		b.Rows = len(some)
		for i := range some {
			for c, v := range some[i].values {
				b.Columns[c].append(v)
			}
		}
		if err := emit(b); err != nil {
			return err
		}
	}
	return nil
}
