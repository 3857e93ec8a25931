package query

import (
	"errors"
	"slices"

	"github.com/annalsdb/annals/segment"
)

// ranker keeps rows until all are there, and puts their ranks behind them.
//
// Often the first few of each part are wanted, as in SELECT ... FROM (SELECT ...,
// rank() OVER (...) AS place ...) WHERE place <= 3. Then no more are kept than may be
// among those, and most rows go no further than a look at where they stand.
type ranker struct {
	x    *executor
	rows [][]Value

	most  int64                 // the last place that is wanted; -1: all are
	parts map[string]*firstRows // of rows that may be wanted, unless all are
	free  []placed              // rows that are not, whose memory is used again
	room  []Value               // memory for more
	key   []byte
	keys  []Value
}

// firstRows are the rows of a part that may be among the first.
type firstRows struct {
	rows  []placed
	cutAt int     // how many rows are too many
	last  []Value // what the last place wanted is put in order by; nil: there is room
}

func (x *executor) newRanker() *ranker {
	return &ranker{x: x, most: x.wantedPlaces(), parts: map[string]*firstRows{}}
}

// add takes in a row that has room for ranks; what it keeps is a copy.
func (r *ranker) add(row []Value) error {
	if r.most >= 0 {
		return r.addFirst(row)
	}
	r.rows = append(r.rows, slices.Clone(row))
	return r.x.hold(rowBytes(row))
}

// addBatch takes in the rows of a batch.
func (r *ranker) addBatch(b *batch) error {
	for slot := range b.cols {
		if _, err := b.column(slot); err != nil {
			return err
		}
	}
	row := make([]Value, len(b.cols)+len(r.x.ranks))
	for _, i := range b.rows(b.sel) {
		for slot := range b.cols {
			row[slot] = b.cols[slot].Value(int(i))
		}
		if err := r.add(row); err != nil {
			return err
		}
	}
	return nil
}

// addFirst takes in a row, if it may be among the first of its part.
func (r *ranker) addFirst(row []Value) (err error) {
	by := r.x.ranks[0]
	if r.key, r.keys, err = by.locate(row, r.key[:0], r.keys[:0]); err != nil {
		return err
	}
	p := r.parts[string(r.key)]
	if p == nil {
		p = &firstRows{cutAt: int(2 * min(r.most, 8))}
		r.parts[string(r.key)] = p
	}
	if p.last != nil {
		if c := compareKeys(by.order, r.keys, p.last); c > 0 || c == 0 && by.kind == rowNumber {
			return nil
		}
	}
	p.rows = append(p.rows, r.kept(row))
	if err := r.x.hold(rowBytes(row) + rowBytes(r.keys)); err != nil || len(p.rows) <= p.cutAt {
		return err
	}
	return r.cut(p)
}

// kept is a copy of a row and of what it is put in order by.
func (r *ranker) kept(row []Value) placed {
	if last := len(r.free) - 1; last >= 0 {
		p := r.free[last]
		r.free = r.free[:last]
		copy(p.row, row)
		copy(p.keys, r.keys)
		return p
	}
	n, width := len(row), len(row)+len(r.keys)
	if len(r.room) < width {
		r.room = make([]Value, rowsAtOnce*width)
	}
	p := placed{r.room[:n:n], r.room[n:width:width]}
	r.room = r.room[width:]
	copy(p.row, row)
	copy(p.keys, r.keys)
	return p
}

// cut leaves out the rows of a part that are not among the first.
func (r *ranker) cut(p *firstRows) error {
	by := r.x.ranks[0]
	by.number(p.rows, 0)
	place := func(i int) int64 { return p.rows[i].row[len(p.rows[i].row)-1].Int64() }
	kept, freed := len(p.rows), int64(0)
	for ; kept > 0 && place(kept-1) > r.most; kept-- {
		freed += rowBytes(p.rows[kept-1].row) + rowBytes(p.rows[kept-1].keys)
	}
	r.free = append(r.free, p.rows[kept:]...)
	if kept > 0 && (int64(kept) >= r.most && by.kind != denseRank || place(kept-1) == r.most) {
		p.last = append(p.last[:0], p.rows[kept-1].keys...) // the row itself may go
	}
	clear(p.rows[kept:])
	p.rows, p.cutAt = p.rows[:kept], 2*kept
	return r.x.hold(-freed)
}

// merge takes in what another one has.
func (r *ranker) merge(o *ranker) error {
	r.rows = append(r.rows, o.rows...)
	for _, p := range o.parts {
		for _, row := range p.rows {
			if err := r.add(row.row); err != nil {
				return err
			}
			if err := r.x.hold(-rowBytes(row.row) - rowBytes(row.keys)); err != nil {
				return err
			}
		}
	}
	return nil
}

// ranks is a step before an output: all rows go to it with their ranks.
type ranks struct {
	x       *executor
	workers []*ranker
	to      *output
}

func (x *executor) newRanks(to *output) *output {
	r := &ranks{x, make([]*ranker, x.workers), to}
	for i := range r.workers {
		r.workers[i] = x.newRanker()
	}
	return &output{r.visit, r.end, to.close}
}

func (r *ranks) visit(worker int, b *batch) error {
	t := r.x.steps.begin()
	defer r.x.steps.order.end(t)
	return r.workers[worker].addBatch(b)
}

// end hands on the rows of all workers.
func (r *ranks) end() error {
	t := r.x.steps.begin()
	all := r.workers[0]
	for _, w := range r.workers[1:] {
		if err := all.merge(w); err != nil {
			return err
		}
	}
	rows, err := all.ranked()
	r.x.steps.order.end(t)
	for some := range slices.Chunk(rows, batchRows) {
		if err == nil {
			err = r.x.ctx.Err()
		}
		if err != nil {
			break
		}
		b := newBatch(len(some[0]))
		b.begin(len(some), nil, func(slot int, c *Column) error {
			c.reset()
			for _, row := range some {
				c.append(row[slot])
			}
			return nil
		})
		err = r.to.visit(0, b)
	}
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	return r.to.end()
}

// ranked is the rows, with their ranks.
func (r *ranker) ranked() ([][]Value, error) {
	for _, p := range r.parts { // there is one function
		r.x.ranks[0].number(p.rows, 0)
		for _, row := range p.rows {
			r.rows = append(r.rows, row.row)
		}
	}
	if r.most >= 0 {
		return r.rows, nil
	}
	for i := range r.x.ranks {
		if err := r.number(i); err != nil {
			return nil, err
		}
	}
	return r.rows, nil
}

// number finds the ranks of one function: rows are put into their parts, each part is
// put in order.
func (r *ranker) number(which int) (err error) {
	by := r.x.ranks[which]
	var parts [][]placed
	number := map[string]int{}
	keys := make([]Value, 0, len(r.rows)*len(by.order))
	for i, row := range r.rows {
		if i%batchRows == 0 && r.x.ctx.Err() != nil {
			return r.x.ctx.Err()
		}
		at := len(keys)
		if r.key, keys, err = by.locate(row, r.key[:0], keys); err != nil {
			return err
		}
		part, ok := number[string(r.key)]
		if !ok {
			part = len(parts)
			number[string(r.key)] = part
			parts = append(parts, nil)
		}
		parts[part] = append(parts[part], placed{row, keys[at:]})
	}
	size := int64(len(r.rows)) * (48 + 32*int64(len(by.order)))
	if err := r.x.hold(size); err != nil {
		return err
	}
	for _, part := range parts {
		if err := r.x.ctx.Err(); err != nil {
			return err
		}
		by.number(part, which)
	}
	return r.x.hold(-size)
}

// wantedPlaces is the last place that the query around x wants of its ranks, -1 for all.
// What is computed of the others could not be an error.
func (x *executor) wantedPlaces() int64 {
	if x.outer == nil || x.outer.inner != x || len(x.ranks) != 1 || x.limit >= 0 || x.offset > 0 ||
		slices.ContainsFunc(x.outputs, func(n *node) bool { return !n.always() }) {
		return -1
	}
	most := int64(-1)
	for _, n := range x.outer.where {
		if last, ok := x.outer.lastPlace(n); ok && (most < 0 || last < most) {
			most = max(last, 0)
		}
	}
	return most
}

// lastPlace is the last place that a condition is true of, if it compares a rank of the
// inner query with a constant.
func (p *plan) lastPlace(n *node) (int64, bool) {
	if len(n.args) != 2 {
		return 0, false
	}
	place, constant, compared := n.args[0], n.args[1], n.op
	if place.constant() {
		place, constant = constant, place
		compared = map[op]op{equalOp: equalOp, greaterOp: lessOp, greaterEqualOp: lessEqualOp}[compared]
	}
	if place.op != columnOp || p.columns[place.slot].source > 0 || constant.value.Kind() != segment.Int64Value ||
		p.sources[0].output(p.columns[place.slot].own).op != overOp {
		return 0, false
	}
	switch last := constant.value.Int64(); compared {
	case equalOp, lessEqualOp:
		return last, true
	case lessOp:
		return max(last, 1) - 1, true
	}
	return 0, false
}
