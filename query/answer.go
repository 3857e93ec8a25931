package query

import (
	"slices"
	"sync"
)

// output makes the answer of rows, which were read or are of groups: as they come, in
// order, or each once.
type output struct {
	visit visit
	end   func() error          // hands on what is kept
	close func(err error) error // gives up files, after what was done ended with err: the error of all
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
		d := x.newDistinctRows(emit)
		return &output{d.visit, d.end, d.close}
	case len(x.order) > 0:
		s := &sortedRows{emit: emit, sorting: x.newSorting(x.order, len(x.outputs), x.workers).withLimit()}
		return &output{s.visit, s.end, s.close}
	}
	p := &plainRows{x: x, emit: emit, skip: x.offset, left: x.limit}
	return &output{p.visit, func() error { return nil }, func(err error) error { return err }}
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
	*sorting
	emit func(*Batch) error
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
	e := r.x.newEmitter(r.emit)
	return e.end(r.inOrder(func(row *answerRow) error { return e.add(row.values) }))
}

// distinctRows are each kept once: of those that are the same, one. Beyond memory they
// go to disk in the order of all that is selected, and meet there.
type distinctRows struct {
	x    *executor
	emit func(*Batch) error
	mu   sync.Mutex
	seen map[string]int // by key: place in the rows of the sorter
	rows *sorting       // with one sorter, by all that is selected
	last *sorting       // by what they are to come in the order of
	key  []byte
}

func (x *executor) newDistinctRows(emit func(*Batch) error) *distinctRows {
	all := make([]sortKey, len(x.outputs))
	for i, n := range x.outputs {
		all[i].by = n
	}
	return &distinctRows{x: x, emit: emit, seen: map[string]int{},
		rows: x.newSorting(all, 0, 1), last: x.newSorting(x.order, len(x.outputs), 1).withLimit()}
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
	s := r.rows.sorters[0]
	if i, ok := r.seen[string(r.key)]; ok {
		showAlike(s.rows[i].values, values)
		return nil
	}
	r.seen[string(r.key)] = len(s.rows)
	if err := s.add(values, values); err != nil {
		return err
	}
	if len(s.rows) == 0 { // they are on disk
		clear(r.seen)
	}
	return nil
}

// showAlike makes a row show what two that are the same do.
func showAlike(row, same []Value) {
	for c, v := range same {
		row[c] = shown(row[c], v)
	}
}

// end puts the rows in order, by values that are selected: what a key of them is
// computed of, the first of them that is equal, is found once.
func (r *distinctRows) end() error {
	t := r.x.steps.begin()
	defer func() { r.x.steps.order.end(t) }()
	e := r.x.newEmitter(r.emit)
	if len(r.x.order) == 0 {
		return e.end(r.each(e.add))
	}
	by := make([]int, len(r.x.order))
	for k := range by {
		by[k] = slices.IndexFunc(r.x.outputs, r.x.order[k].by.equal)
	}
	s := r.last.sorters[0]
	err := r.each(func(values []Value) error {
		keys := make([]Value, len(by))
		for k, i := range by {
			keys[k] = values[i]
		}
		if !s.wants(keys) {
			return nil
		}
		return s.add(values, keys)
	})
	if err != nil {
		return err
	}
	return e.end(r.last.inOrder(func(row *answerRow) error { return e.add(row.values) }))
}

// each visits each row once.
func (r *distinctRows) each(visit func(values []Value) error) error {
	s := r.rows.sorters[0]
	if len(s.runs) == 0 {
		for i := range s.rows {
			if err := visit(s.rows[i].values); err != nil {
				return err
			}
		}
		return nil
	}
	var one []Value
	err := r.rows.inOrder(func(row *answerRow) error {
		switch {
		case one == nil:
		case compareKeys(r.rows.order, one, row.keys) == 0:
			showAlike(one, row.values)
			return nil
		default:
			if err := visit(one); err != nil {
				return err
			}
		}
		one = row.values
		return nil
	})
	if err != nil {
		return err
	}
	return visit(one)
}

// close gives up both files.
func (r *distinctRows) close(err error) error { return r.last.close(r.rows.close(err)) }

// valuesAt is row i of columns.
func valuesAt(columns []*Column, i int) []Value {
	values := make([]Value, len(columns))
	for c := range columns {
		values[c] = columns[c].Value(i)
	}
	return values
}

// emitter hands on rows that come one by one: those that OFFSET and LIMIT leave.
type emitter struct {
	x          *executor
	emit       func(*Batch) error
	b          *Batch
	skip, left int64
}

func (x *executor) newEmitter(emit func(*Batch) error) *emitter {
	return &emitter{x: x, emit: emit, b: newBatchOf(len(x.outputs)), skip: x.offset, left: x.limit}
}

// add takes in a row; with the last one that is wanted there are enough.
func (e *emitter) add(values []Value) error {
	if e.skip > 0 {
		e.skip--
		return nil
	}
	for c, v := range values {
		e.b.Columns[c].append(v)
	}
	e.b.Rows++
	if e.left > 0 {
		e.left--
	}
	switch {
	case e.left == 0:
		return errEnough
	case e.b.Rows == batchRows:
		return e.flush()
	}
	return nil
}

// flush hands on what there is.
func (e *emitter) flush() error {
	if err := e.x.ctx.Err(); err != nil {
		return err
	}
	b := e.b
	e.b = newBatchOf(len(e.x.outputs))
	return e.emit(b)
}

// end hands on the rest, after rows came to their end with err. That emit had enough is
// an end too, and what was not handed on then is nothing.
func (e *emitter) end(err error) error {
	if err != nil && err != errEnough || e.b.Rows == 0 {
		return err
	}
	return e.flush()
}
