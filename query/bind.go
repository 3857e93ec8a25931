package query

import (
	"fmt"
	"slices"
	"time"

	"github.com/annalsdb/annals/segment"
)

// plan is a query whose names are found, whose parameters are values, and whose
// expressions work on rows of values. Nothing changes it: it is safe for concurrent
// use.
//
// A row that is read has a value for each of columns. WHERE takes it if all of where
// are true, looked at one after another up to the first that is not; those that are
// never an error come first, so that it does not matter whether they are tested here
// or beneath. If grouped, outputs, having and order are over rows of what was
// grouped: the values of groups, then start and end of the window if there is one,
// then the results of aggregates. Else they are over rows that are read.
type plan struct {
	text    string
	explain Explained

	sources []*source
	joins   []join // one for each source but the first
	columns []column
	where   []*node

	grouped    bool
	groups     []*node
	window     Window
	zone       *time.Location // of a calendar window
	aggregates []*aggregation
	ranks      []*ranking // their results stand behind the rest of a row, the last one first
	having     *node      // nil = all

	names    []string
	outputs  []*node
	distinct bool
	order    []sortKey
	limit    int64 // -1 = none
	offset   int64
}

// sortKey is an element of ORDER BY.
type sortKey struct {
	by         *node
	descending bool
	nullsFirst bool
}

// join is how a source goes with those before: each left is equal to its right.
type join struct {
	kind        JoinKind
	left, right []*node
}

// windowSlots is where start and end of the window stand in a row of a group.
func (p *plan) windowSlots() int { return len(p.groups) }

// aggregateSlots is where the results of aggregates begin in such a row.
func (p *plan) aggregateSlots() int {
	if p.window.kind == noWindow {
		return len(p.groups)
	}
	return len(p.groups) + 2
}

// Check reports what is wrong with a query: names that are not there, values of
// kinds that an operator never takes, a column that is neither grouped nor inside an
// aggregate, parameters missing. A nil catalog knows no names and objects to none.
func (q Query) Check(catalog Catalog, params ...any) error {
	_, err := bind(q, catalog, params)
	return err
}

// bind makes the plan of a query.
func bind(q Query, catalog Catalog, params []any) (*plan, error) {
	if q.text == "" {
		if err := q.check(); err != nil {
			return nil, err
		}
		var err error
		if q, err = Parse(q.String()); err != nil {
			return nil, err
		}
	}
	b := binder{catalog: catalog, plan: newPlan(q, q.text)}
	if err := b.bindParams(q, params); err != nil {
		return nil, err
	}
	if err := b.bindQuery(q); err != nil {
		return nil, err
	}
	return b.plan, nil
}

// newPlan is a plan that nothing is bound in yet.
func newPlan(q Query, text string) *plan {
	return &plan{text: text, explain: q.explain, distinct: q.distinct, window: q.window, limit: -1}
}

// binder makes a plan.
type binder struct {
	*plan
	catalog  Catalog
	params   []Value
	outer    string // the aggregate that arguments are bound for, "" outside of one
	clause   string // the clause that cannot have aggregates, "" if it can
	fixed    bool   // the clause cannot have columns
	unranked string // where ranks are not known yet, besides in a clause and an aggregate
	aliases  map[string]*node
}

// fail is an error at the place of e.
func (b *binder) fail(e Expr, format string, args ...any) error {
	return &Error{Text: b.text, At: max(e.at-1, 0), Message: fmt.Sprintf(format, args...)}
}

func (b *binder) bindQuery(q Query) error {
	for _, step := range []func(Query) error{
		b.bindSources, b.bindJoins, b.bindWhere, b.bindGroups, b.bindItems, b.bindHaving, b.bindOrder, b.bindRanks,
		b.bindPlaces, b.bindLimits,
	} {
		if err := step(q); err != nil {
			return err
		}
	}
	return nil
}

// bindParams takes the parameters, of which there must be as many as the query has.
func (b *binder) bindParams(q Query, params []any) (err error) {
	most := Expr{}
	var visit func(e Expr) Expr
	visit = func(e Expr) Expr {
		if e.op == paramOp && e.n > most.n {
			most = e
		}
		for _, a := range e.args {
			visit(a)
		}
		return e
	}
	q.each(visit)
	if most.n > len(params) {
		return b.fail(most, "parameter $%d has no value: %d are given", most.n, len(params))
	}
	if most.n < len(params) {
		return fmt.Errorf("query: %d parameters are given, the query has %d", len(params), most.n)
	}
	for i, p := range params {
		e := Lit(p)
		switch e.op {
		case literalOp:
		case badOp:
			return fmt.Errorf("query: parameter $%d: %s", i+1, e.name)
		default:
			return fmt.Errorf("query: parameter $%d: an expression is no value", i+1)
		}
		b.params = append(b.params, e.value)
	}
	return nil
}

func (b *binder) bindWhere(q Query) error {
	if q.where.op == noOp {
		return nil
	}
	where, err := b.condition(q.where, "WHERE")
	if err != nil {
		return err
	}
	parts := []*node{where}
	if where.op == andOp {
		parts = where.args
	}
	for _, safe := range []bool{true, false} {
		for _, p := range parts {
			if p.always() == safe {
				b.where = append(b.where, p)
			}
		}
	}
	return nil
}

// condition binds what must be true of the rows of a clause without aggregates.
func (b *binder) condition(e Expr, clause string) (*node, error) {
	b.clause = clause
	defer func() { b.clause = "" }()
	n, err := b.expr(e)
	if err != nil {
		return nil, err
	}
	return n, n.demand(bools, clause)
}

// demand is an error if n is never of the kinds that are needed.
func (n *node) demand(kinds kindSet, by string) error {
	if n.kinds&kinds&^null != 0 || n.kinds == null {
		return nil
	}
	what := kinds.String()
	if kinds == bools {
		what = "a condition"
	}
	if kinds == spans {
		what = "an INTERVAL"
	}
	if n.kinds == spans {
		return n.fail("%s takes %s, not an INTERVAL", by, what)
	}
	return n.fail("%s takes %s, not %s", by, what, n.kinds)
}

func (b *binder) bindGroups(q Query) error {
	for _, e := range q.groups {
		if e.op == literalOp {
			return b.fail(e, "GROUP BY takes columns and expressions, not the number of one")
		}
		b.clause = "GROUP BY"
		n, err := b.expr(e)
		b.clause = ""
		if err != nil {
			return err
		}
		b.groups = append(b.groups, n)
	}
	return b.bindWindow(q)
}

func (b *binder) bindWindow(q Query) (err error) {
	w := q.window
	b.grouped = len(q.groups) > 0 || w.kind != noWindow
	at := Expr{at: w.at}
	switch {
	case w.kind == noWindow:
		return nil
	case b.sources[0].kind == changesSource:
		return b.fail(at, "changes have no time of their own, so there are no windows of them")
	case w.kind == calendarWindow && w.n < 1:
		return b.fail(at, "a window of %d %ss: expected 1 or more", w.n, w.unit)
	case w.kind == countedWindow && w.n < 1:
		return b.fail(at, "a window of %d events: expected 1 or more", w.n)
	case w.kind != calendarWindow && w.kind != countedWindow && w.size <= 0, w.kind == hopWindow && w.by <= 0:
		return b.fail(at, "the INTERVAL of a window has to be above 0")
	case w.kind == hopWindow && w.by > w.size:
		return b.fail(at, "windows that begin further apart than they are long leave gaps: expected HOP of %s or more", interval{nanos: int64(w.by)})
	case w.kind == calendarWindow:
		b.zone, err = zoneNamed(w.zone)
		if err != nil {
			return b.fail(at, "%s", err)
		}
	}
	return nil
}

func (b *binder) bindItems(q Query) error {
	items, err := b.expand(q.items)
	if err != nil {
		return err
	}
	bound := make([]*node, len(items))
	for i, it := range items {
		if bound[i], err = b.expr(it.Expr); err != nil {
			return err
		}
	}
	// Aggregates make a query grouped wherever they stand.
	inOrder := slices.ContainsFunc(q.order, func(o Order) bool { return o.Expr.aggregates() })
	b.grouped = b.grouped || len(b.aggregates) > 0 || q.having.op != noOp || inOrder
	b.aliases = map[string]*node{}
	for i, it := range items {
		n, err := b.regroup(bound[i])
		if err != nil {
			return err
		}
		b.outputs, b.names = append(b.outputs, n), append(b.names, it.label())
		if it.Name != "" {
			b.aliases[it.Name] = n
		}
	}
	return nil
}

// aggregates reports whether there is an aggregate in e.
func (e Expr) aggregates() bool {
	return e.isAggregate() || slices.ContainsFunc(e.args, Expr.aggregates)
}

func (e Expr) isAggregate() bool {
	return e.op == filterOp || e.op == callDistinctOp || e.op == callOp && aggregates[e.name] != nil
}

// label is the name of the column that an item makes.
func (i Item) label() string {
	switch {
	case i.Name != "":
		return i.Name
	case i.Expr.op == columnOp:
		return i.Expr.name
	}
	return i.Expr.String()
}

// expand puts the columns of sources in the place of stars.
func (b *binder) expand(items []Item) (all []Item, err error) {
	if len(items) == 0 {
		items = []Item{{Expr: Star("")}}
	}
	for _, it := range items {
		if it.Expr.op != starOp {
			all = append(all, it)
			continue
		}
		found := false
		for i, s := range b.sources {
			if it.Expr.name != "" && it.Expr.name != s.name {
				continue
			}
			found = true
			columns, err := b.star(i, it.Expr)
			if err != nil {
				return nil, err
			}
			all = append(all, columns...)
		}
		if !found {
			return nil, b.fail(it.Expr, "there is no source %s", quoteName(it.Expr.name))
		}
	}
	return all, nil
}

func (b *binder) bindHaving(q Query) error {
	if q.having.op == noOp {
		return nil
	}
	b.unranked = "HAVING"
	n, err := b.expr(q.having)
	b.unranked = ""
	if err == nil {
		err = n.demand(bools, "HAVING")
	}
	if err == nil {
		b.having, err = b.regroup(n)
	}
	return err
}

// bindOrder binds ORDER BY: a name that a column of the answer was given and the number
// of one mean that one, all else is an expression as in the SELECT list.
func (b *binder) bindOrder(q Query) error {
	for _, o := range q.order {
		n, err := b.sortedBy(o.Expr)
		if err != nil {
			return err
		}
		if b.distinct && !slices.ContainsFunc(b.outputs, n.equal) {
			return b.fail(o.Expr, "with DISTINCT rows are ordered by what is selected")
		}
		b.order = append(b.order, o.key(n))
	}
	return nil
}

func (b *binder) sortedBy(e Expr) (*node, error) {
	if n := b.aliases[e.name]; e.op == columnOp && n != nil {
		return n, nil
	}
	if e.op == literalOp {
		if n := e.value; n.Kind() == segment.Int64Value && n.Int64() >= 1 && n.Int64() <= int64(len(b.outputs)) {
			return b.outputs[n.Int64()-1], nil
		}
		return nil, b.fail(e, "ORDER BY %s: expected a column, an expression, or the number of a column of the answer, from 1 to %d", brief(e.value), len(b.outputs))
	}
	n, err := b.expr(e)
	if err != nil {
		return nil, err
	}
	return b.regroup(n)
}

func (b *binder) bindLimits(q Query) (err error) {
	if q.limit.op != noOp {
		if b.limit, err = b.count(q.limit, "LIMIT"); err != nil {
			return err
		}
	}
	if q.offset.op != noOp {
		b.offset, err = b.count(q.offset, "OFFSET")
	}
	return err
}

// count is the number of rows that a constant expression says.
func (b *binder) count(e Expr, clause string) (int64, error) {
	v, err := b.constant(e, clause)
	if err != nil {
		return 0, err
	}
	if v.Kind() != segment.Int64Value || v.Int64() < 0 {
		return 0, b.fail(e, "%s takes a whole number of 0 or more, not %s", clause, brief(v))
	}
	return v.Int64(), nil
}

// constant is the value of an expression without columns.
func (b *binder) constant(e Expr, clause string) (Value, error) {
	b.clause, b.fixed = clause, true
	defer func() { b.clause, b.fixed = "", false }()
	n, err := b.expr(e)
	if err != nil {
		return Value{}, err
	}
	return n.eval(nil)
}

// regroup is n over rows of groups, if the query is grouped.
func (b *binder) regroup(n *node) (*node, error) {
	if !b.grouped {
		return n, nil
	}
	place := func(slot int) *node {
		return &node{op: columnOp, slot: slot, kinds: n.kinds, at: n.at, text: n.text}
	}
	if i := slices.IndexFunc(b.groups, n.equal); i >= 0 {
		return place(i), nil
	}
	switch n.op {
	case overOp:
		return n, nil
	case windowOp:
		return place(b.windowSlots() + n.slot), nil
	case aggregateOp:
		return place(b.aggregateSlots() + n.slot), nil
	case columnOp:
		return nil, n.fail("%s is neither in GROUP BY nor inside an aggregate", b.columns[n.slot].String())
	}
	c := *n
	c.args = make([]*node, len(n.args))
	for i, a := range n.args {
		var err error
		if c.args[i], err = b.regroup(a); err != nil {
			return nil, err
		}
	}
	return &c, nil
}
