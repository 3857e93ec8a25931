package query

import (
	"cmp"
	"slices"

	"github.com/annalsdb/annals/segment"
)

// rankings are the functions that say which row of its part of the rows one is, by
// what they do with rows that stand at the same place of the order.
var rankings = map[string]rankKind{"row_number": rowNumber, "rank": rank, "dense_rank": denseRank}

type rankKind uint8

const (
	rowNumber rankKind = iota // counts on, one of them before the other
	rank                      // the same number, as many left out behind them
	denseRank                 // the same number, none left out
)

// Over is the place of each row among those with the same partition, in an order:
// of a call of row_number, rank or dense_rank; OVER (PARTITION BY ... ORDER BY ...).
func (e Expr) Over(partition []Expr, order ...Sortable) Expr {
	over := Expr{op: overOp, name: e.name, n: len(partition), args: slices.Clone(partition), at: e.at}
	if e.op != callOp || len(e.args) > 0 {
		return Expr{op: badOp, name: "OVER goes with row_number(), rank() and dense_rank()"}
	}
	for _, o := range order {
		over.args = append(over.args, o.order().sorted())
	}
	return over
}

// sorted is o as an argument of an overOp.
func (o Order) sorted() Expr {
	e := Expr{op: sortOp, n: 2 * int(o.Nulls), args: []Expr{o.Expr}}
	if o.Descending {
		e.n++
	}
	return e
}

// ordered is the Order that e, a sortOp, was made of.
func (e Expr) ordered() Order { return Order{e.args[0], e.n&1 > 0, Nulls(e.n / 2)} }

// over reads what stands behind OVER.
func (p *parser) over(call Expr) Expr {
	var partition []Expr
	var order []Sortable
	p.mustSign("(")
	if p.word("PARTITION") {
		p.must("BY")
		partition = separated(p, p.expr)
	}
	p.must("ORDER")
	p.must("BY")
	order = separated(p, func() Sortable { return p.ordering() })
	p.mustSign(")")
	e := call.Over(partition, order...)
	if e.op == badOp {
		p.fail(call.at-1, "%s", e.name)
	}
	return e
}

func (p *printer) over(e Expr) {
	p.WriteString(quoteName(e.name) + "() OVER (")
	if e.n > 0 {
		p.WriteString("PARTITION BY ")
		list(p, e.args[:e.n], func(a Expr) { p.expr(a, 0) })
		p.WriteByte(' ')
	}
	p.WriteString("ORDER BY ")
	list(p, e.args[e.n:], func(a Expr) { p.ordering(a.ordered()) })
	p.WriteByte(')')
}

// ranking is a function with OVER, bound.
type ranking struct {
	kind      rankKind
	name      string
	partition []*node
	order     []sortKey
}

func (r *ranking) equal(o *ranking) bool {
	return r.kind == o.kind && slices.EqualFunc(r.partition, o.partition, (*node).equal) &&
		slices.EqualFunc(r.order, o.order, func(a, b sortKey) bool {
			return a.descending == b.descending && a.nullsFirst == b.nullsFirst && a.by.equal(b.by)
		})
}

// ranked binds a function with OVER. Its node is the number-th value from the end of
// a row: ranks are put behind the rest of it.
func (b *binder) ranked(e Expr) (*node, error) {
	kind, ok := rankings[e.name]
	switch {
	case !ok:
		return nil, b.fail(e, "OVER goes with row_number, rank and dense_rank, not with %s", quoteName(e.name))
	case b.unranked+b.outer+b.clause != "":
		where := cmp.Or(b.unranked, b.outer, b.clause)
		return nil, b.fail(e, "%s is not known yet in %s: SELECT it, and ask around that, FROM (SELECT ...)", e.name, where)
	}
	b.unranked = "another OVER"
	defer func() { b.unranked = "" }()
	r := &ranking{kind: kind, name: e.name}
	for i, a := range e.args {
		by := a
		if i >= e.n {
			by = a.args[0]
		}
		n, err := b.expr(by)
		if err != nil {
			return nil, err
		}
		if i < e.n {
			r.partition = append(r.partition, n)
		} else {
			r.order = append(r.order, a.ordered().key(n))
		}
	}
	n := b.node(e)
	n.op, n.n, n.kinds = overOp, 0, ints
	if n.slot = slices.IndexFunc(b.ranks, r.equal); n.slot < 0 {
		n.slot = len(b.ranks)
		b.ranks = append(b.ranks, r)
	}
	return n, nil
}

// key is o by a bound expression.
func (o Order) key(by *node) sortKey {
	return sortKey{by: by, descending: o.Descending, nullsFirst: o.Nulls == NullsFirst || o.Nulls == NullsDefault && o.Descending}
}

// bindRanks takes what ranks are made of from rows of groups, if there are groups.
func (b *binder) bindRanks(Query) (err error) {
	for _, r := range b.ranks {
		for i := range r.partition {
			if r.partition[i], err = b.regroup(r.partition[i]); err != nil {
				return err
			}
		}
		for i := range r.order {
			if r.order[i].by, err = b.regroup(r.order[i].by); err != nil {
				return err
			}
		}
	}
	return nil
}

// locate appends what a row's part is known by, and what it is put in order by.
func (r *ranking) locate(row []Value, part []byte, keys []Value) ([]byte, []Value, error) {
	for _, n := range r.partition {
		v, err := n.eval(row)
		if err != nil {
			return part, keys, err
		}
		part = appendKey(part, v)
	}
	for i := range r.order {
		v, err := r.order[i].by.eval(row)
		if err != nil {
			return part, keys, err
		}
		keys = append(keys, v)
	}
	return part, keys, nil
}

// placed is a row and what it is put in order by.
type placed struct {
	row  []Value
	keys []Value
}

// number puts the rows of a part in order, and their ranks behind them.
func (r *ranking) number(part []placed, which int) {
	slices.SortFunc(part, func(a, b placed) int { return compareKeys(r.order, a.keys, b.keys) })
	n := int64(0)
	for i := range part {
		switch same := i > 0 && compareKeys(r.order, part[i-1].keys, part[i].keys) == 0; {
		case r.kind == denseRank && !same:
			n++
		case r.kind == rowNumber, r.kind == rank && !same:
			n = int64(i) + 1
		}
		row := part[i].row
		row[len(row)-1-which] = segment.Int64Of(n)
	}
}

// rankExpr is the function in a place behind a row, as an expression.
func (x *executor) rankExpr(which int, expr func(*node) Expr) Expr {
	r := x.ranks[which]
	var partition []Expr
	var order []Sortable
	for _, n := range r.partition {
		partition = append(partition, expr(n))
	}
	for _, k := range r.order {
		o := Order{Expr: expr(k.by), Descending: k.descending}
		if k.nullsFirst != k.descending {
			o.Nulls = map[bool]Nulls{true: NullsFirst, false: NullsLast}[k.nullsFirst]
		}
		order = append(order, o)
	}
	return Call(r.name).Over(partition, order...)
}
