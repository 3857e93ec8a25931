package query

import (
	"slices"
	"time"

	"github.com/annalsdb/annals/segment"
)

// expr binds an expression to rows that are read.
func (b *binder) expr(e Expr) (*node, error) {
	n, err := b.part(e)
	if err == nil && n.op == intervalOp {
		err = n.fail("an INTERVAL stands behind + or -, in a window, or where a function takes one")
	}
	return n, err
}

// part binds an expression, which may be an INTERVAL.
func (b *binder) part(e Expr) (*node, error) {
	switch e.op {
	case columnOp, memberOp:
		return b.path(e)
	case paramOp:
		if e.n > len(b.params) { // queries have all, see bindParams
			return nil, b.fail(e, "a definition is kept: expected a value in the place of $%d", e.n)
		}
		return b.literal(e, b.params[e.n-1]), nil
	case literalOp:
		return b.literal(e, e.value), nil
	case starOp:
		return nil, b.fail(e, "* stands in a SELECT list or in count(*)")
	case callOp, callDistinctOp, filterOp:
		if e.isAggregate() {
			return b.aggregate(e)
		}
		return b.call(e)
	case overOp:
		return b.ranked(e)
	case intervalOp:
		span, err := parseInterval(e.name)
		if err != nil {
			return nil, b.fail(e, "%s", err)
		}
		return &node{op: intervalOp, span: span, kinds: spans, at: max(e.at-1, 0), text: &b.text}, nil
	}
	n, err := b.operands(e)
	if err != nil {
		return nil, err
	}
	if err := b.shape(n, e); err != nil {
		return nil, err
	}
	return n.folded(), nil
}

// node is e without its arguments.
func (b *binder) node(e Expr) *node {
	return &node{op: e.op, n: e.n, at: max(e.at-1, 0), text: &b.text}
}

func (b *binder) literal(e Expr, v Value) *node {
	n := b.node(e)
	n.op, n.n, n.value, n.kinds = literalOp, 0, v, null|setOf(v.Kind())
	return n
}

// operands binds the arguments of e, of which an INTERVAL can be what is added to
// a time.
func (b *binder) operands(e Expr) (*node, error) {
	n := b.node(e)
	for i, a := range e.args {
		bind := b.expr
		if (e.op == addOp || e.op == subOp) && i == 1 {
			bind = b.part
		}
		arg, err := bind(a)
		if err != nil {
			return nil, err
		}
		n.args = append(n.args, arg)
	}
	return n, nil
}

// shape finds the kinds of the values of n, and what they never can be made of. It
// rewrites a comparison of what may be a time with a text.
func (b *binder) shape(n *node, e Expr) error {
	switch n.op {
	case equalOp, lessOp, lessEqualOp, greaterOp, greaterEqualOp, distinctOp, inOp, betweenOp:
		n.kinds = bools
		if err := b.checkEventKinds(n); err != nil {
			return err
		}
		return n.readTimes()
	case isNullOp:
		n.kinds = bools
	case andOp, orOp, notOp:
		n.kinds = bools
		return n.demandAll(bools, map[op]string{andOp: "AND", orOp: "OR", notOp: "NOT"}[n.op])
	case likeOp:
		n.kinds = bools
		return n.shapeLike()
	case elementOp:
		n.kinds = ofJSON
	case castOp, tryCastOp:
		to, ok := kindNamed(e.name)
		if !ok {
			return b.fail(e, "%s is no kind of value", quoteName(e.name))
		}
		n.to, n.kinds = to, null|setOf(to)
	case caseOp:
		return n.shapeCase()
	case concatOp:
		n.kinds = textsBytes
		return n.demandAll(textsBytes, "||")
	case negOp:
		n.kinds = n.args[0].kinds & numbers
		return n.demandAll(numbers, "-")
	default:
		return n.shapeArithmetic()
	}
	return nil
}

// checkEventKinds is an error if n compares the kind of event with what is none.
func (b *binder) checkEventKinds(n *node) error {
	isKind := func(a *node) bool {
		return a.op == columnOp && b.columns[a.slot].own == "kind" && b.sources[b.columns[a.slot].source].plan == nil
	}
	if n.op != equalOp && n.op != inOp || !slices.ContainsFunc(n.args, isKind) {
		return nil
	}
	for _, a := range n.args {
		if name := a.value.Str(); a.constant() && a.value.Kind() == segment.StringValue && !slices.Contains(eventKinds, name) {
			return a.fail("%s is no kind of event: expected change, delete, heartbeat or retraction%s", quoteString(name), meant(name, eventKinds))
		}
	}
	return nil
}

// ofJSON is what a member or an element of a JSON value can be.
var ofJSON = bools | numbers | texts | jsons

func (n *node) demandAll(kinds kindSet, by string) error {
	for _, a := range n.args {
		if err := a.demand(kinds, by); err != nil {
			return err
		}
	}
	return nil
}

func (n *node) shapeArithmetic() error {
	a, c := n.args[0], n.args[1]
	sign := operators[n.op].sign
	switch {
	case c.op == intervalOp:
		n.kinds = times
		return a.demand(times, sign+" INTERVAL")
	case n.op == subOp && a.kinds == times && c.kinds == times:
		n.kinds = ints
		return nil
	case n.op == subOp && a.kinds&c.kinds&times != null:
		n.kinds = numbers
		return nil
	case n.op == divOp, a.kinds == floats, c.kinds == floats:
		n.kinds = floats
	case a.kinds == ints && c.kinds == ints:
		n.kinds = ints
	default:
		n.kinds = numbers
	}
	return n.demandAll(numbers, sign)
}

func (n *node) shapeCase() error {
	n.kinds = null
	args := n.args[n.n:]
	for ; len(args) > 1; args = args[2:] {
		if n.n == 0 {
			if err := args[0].demand(bools, "WHEN"); err != nil {
				return err
			}
		}
		n.kinds |= args[1].kinds
	}
	if len(args) == 1 {
		n.kinds |= args[0].kinds
	}
	return nil
}

// shapeLike reads the pattern, if it is constant.
func (n *node) shapeLike() error {
	for _, a := range n.args[1:] {
		if err := a.demand(texts, "LIKE"); err != nil {
			return err
		}
		if !a.constant() || isNull(a.value) {
			return nil
		}
	}
	escape := ""
	if len(n.args) > 2 {
		escape = n.args[2].value.Str()
	}
	p, err := parsePattern(n.args[1].value.Str(), escape)
	n.pattern = &p
	return n.args[1].placed(err)
}

// folded is n, or its value where it has no columns and there is one. What is an
// error stays as it is: it may never be looked at.
func (n *node) folded() *node {
	for _, a := range n.args {
		if !a.constant() && a.op != intervalOp {
			return n
		}
	}
	v, err := n.eval(nil)
	if err != nil {
		return n
	}
	return &node{op: literalOp, value: v, kinds: null | setOf(v.Kind()), at: n.at, text: n.text}
}

// path binds a column, or the member of a JSON value.
func (b *binder) path(e Expr) (*node, error) {
	var names []string
	chain := []Expr{e} // from the whole to its beginning
	base := e
	for ; base.op == memberOp; base = base.args[0] {
		chain = append(chain, base.args[0])
	}
	if base.op != columnOp {
		return b.member(e)
	}
	for i := len(chain) - 1; i >= 0; i-- {
		names = append(names, chain[i].name)
	}
	if b.fixed {
		return nil, b.fail(base, "%s takes a constant, without columns", b.clause)
	}
	if n, ok, err := b.windowColumn(names[0], base); ok || err != nil {
		return n, err
	}
	c, used, err := b.resolve(names, base)
	if err != nil {
		return nil, err
	}
	n := b.node(base)
	n.slot, n.kinds = b.slot(c), b.kindsOf(c)
	for i := len(names) - used - 1; i >= 0; i-- {
		n = b.memberOf(n, chain[i])
	}
	return n, n.checkPath()
}

func (b *binder) member(e Expr) (*node, error) {
	of, err := b.expr(e.args[0])
	if err != nil {
		return nil, err
	}
	n := b.memberOf(of, e)
	if err := n.checkPath(); err != nil {
		return nil, err
	}
	return n.folded(), nil
}

func (b *binder) memberOf(of *node, e Expr) *node {
	n := b.node(e)
	n.name, n.args, n.kinds = e.name, []*node{of}, ofJSON
	return n
}

// checkPath is an error if n is a member of what is never JSON.
func (n *node) checkPath() error {
	for ; n.op == memberOp; n = n.args[0] {
		if err := n.args[0].demand(jsons, "."+quoteName(n.name)); err != nil {
			return err
		}
	}
	return nil
}

// windowColumn is start or end of the window, if the name is that of one.
func (b *binder) windowColumn(name string, e Expr) (*node, bool, error) {
	switch {
	case name != windowStart && name != windowEnd:
		return nil, false, nil
	case b.window.kind == noWindow && b.sources[0].plan != nil:
		return nil, false, nil // of the inner query, if it has one
	case b.window.kind == noWindow:
		return nil, false, b.fail(e, "%s is of a WINDOW in GROUP BY; a field of that name is %s.%s", name, fieldsName, name)
	case b.clause != "" || b.outer != "":
		return nil, false, b.fail(e, "%s is not known yet in %s", name, b.outer+b.clause)
	}
	n := b.node(e)
	n.op, n.kinds = windowOp, times
	if name == windowEnd {
		n.slot = 1
	}
	return n, true, nil
}

// call binds a function.
func (b *binder) call(e Expr) (*node, error) {
	f := functions[e.name]
	if _, ok := rankings[e.name]; ok && f == nil {
		return nil, b.fail(e, "%s is a place among rows: expected OVER (PARTITION BY ... ORDER BY ...) behind it", e.name)
	}
	if f == nil {
		return nil, b.fail(e, "there is no function %s%s", quoteName(e.name), meant(e.name, functionNames()))
	}
	if len(e.args) < f.min || f.max >= 0 && len(e.args) > f.max {
		return nil, b.fail(e, "%s takes %s, not %d", f.name, f.arity(), len(e.args))
	}
	n := b.node(e)
	n.fn, n.call, n.kinds = f, f.call, f.result
	for i, a := range e.args {
		arg, err := b.part(a)
		if err == nil {
			err = arg.demand(f.takes(i), f.name)
		}
		if err != nil {
			return nil, err
		}
		n.args = append(n.args, arg)
	}
	if f.result == anyKind { // it is one of its arguments
		n.kinds = null
		for _, a := range n.args {
			n.kinds |= a.kinds
		}
	}
	return n.prepared()
}

// prepared is n with what is made once of its constant arguments.
func (n *node) prepared() (*node, error) {
	for _, i := range n.fn.fixed {
		if i < len(n.args) && !n.args[i].constant() {
			return nil, n.args[i].fail("%s takes a constant here", n.fn.name)
		}
	}
	if n.fn.make != nil {
		var err error
		if n.call, err = n.fn.make(n.args); err != nil {
			return nil, err
		}
	}
	return n.folded(), nil
}

// aggregate binds a call of an aggregate, over the rows that FILTER lets through.
func (b *binder) aggregate(e Expr) (*node, error) {
	call, filter := e, Expr{}
	if e.op == filterOp {
		call, filter = e.args[0], e.args[1]
	}
	kind := aggregates[call.name]
	switch {
	case call.op == callOp && kind == nil && functions[call.name] != nil:
		return nil, b.fail(call, "%s is no aggregate: FILTER stands behind one", quoteName(call.name))
	case kind == nil:
		return nil, b.fail(call, "there is no aggregate %s%s", quoteName(call.name), meant(call.name, functionNames()))
	case b.outer != "":
		return nil, b.fail(call, "%s is an aggregate inside %s", kind.name, b.outer)
	case b.clause != "":
		return nil, b.fail(call, "%s is an aggregate, there are none in %s", kind.name, b.clause)
	}
	b.outer = kind.name
	defer func() { b.outer = "" }()
	a := &aggregation{kind: kind, distinct: call.op == callDistinctOp}
	if err := b.aggregateArgs(a, call); err != nil {
		return nil, err
	}
	if filter.op != noOp {
		var err error
		if a.filter, err = b.expr(filter); err != nil {
			return nil, err
		}
		if err := a.filter.demand(bools, "FILTER"); err != nil {
			return nil, err
		}
	}
	n := b.node(call)
	n.op, n.kinds = aggregateOp, kind.result
	if kind.result == anyKind {
		n.kinds = a.args[0].kinds
	}
	n.slot = slices.IndexFunc(b.aggregates, a.equal)
	if n.slot < 0 {
		n.slot = len(b.aggregates)
		b.aggregates = append(b.aggregates, a)
	}
	return n, nil
}

func (b *binder) aggregateArgs(a *aggregation, call Expr) error {
	k := a.kind
	if len(call.args) == 1 && call.args[0].op == starOp {
		if !k.star || call.args[0].name != "" {
			return b.fail(call.args[0], "%s takes %s, not *", k.name, arity(k.min, k.max))
		}
		return nil
	}
	if len(call.args) < k.min || len(call.args) > k.max {
		return b.fail(call, "%s takes %s, not %d", k.name, arity(k.min, k.max), len(call.args))
	}
	if a.distinct && !k.distinct {
		return b.fail(call, "there is no %s of distinct values", k.name)
	}
	for i, e := range call.args {
		arg, err := b.part(e)
		if err == nil {
			err = arg.demand(k.takes[min(i, len(k.takes)-1)], k.name)
		}
		if err != nil {
			return err
		}
		if slices.Contains(k.fixed, i) && !arg.constant() {
			return arg.fail("%s takes a constant here", k.name)
		}
		a.args = append(a.args, arg)
	}
	return nil
}

// readTimes makes times of the constant texts that n compares with what is, or may
// be, a time. What is always a time takes nothing else; of a field, whose kind is
// that of each row, it is both: due < '2024-03-01' is true of a time before that day,
// and of a string before that one.
func (n *node) readTimes() error {
	subject := n.args[0]
	texts := n.args[1:]
	if subject.constant() && n.op != inOp && n.op != betweenOp {
		subject, texts = n.args[1], n.args[:1]
	}
	if subject.constant() || !subject.kinds.has(segment.TimeValue) {
		return nil
	}
	read := make([]*node, len(texts))
	any := false
	for i, t := range texts {
		read[i] = t
		if !t.constant() || t.value.Kind() != segment.StringValue {
			continue
		}
		ns, err := parseTime(t.value.Str(), time.UTC)
		switch {
		case err == nil:
			read[i], any = t.withValue(timeValue(ns)), true
		case subject.kinds == times:
			return t.placed(err)
		case n.op == betweenOp:
			return nil // one end is no time: the texts are meant
		}
	}
	if !any {
		return nil
	}
	if subject.kinds == times {
		copy(texts, read)
		return nil
	}
	n.both(texts, read)
	return nil
}

// both makes of n the same with other texts too: either may be true.
func (n *node) both(texts, read []*node) {
	if n.op == inOp {
		for i, r := range read {
			if r != texts[i] {
				n.args = append(n.args, r)
			}
		}
		return
	}
	one, other := *n, *n
	one.args, other.args = slices.Clone(n.args), slices.Clone(n.args)
	at := 0
	if &texts[0] == &n.args[1] {
		at = 1
	}
	copy(other.args[at:], read)
	n.op, n.args = orOp, []*node{&one, &other}
	if one.op == distinctOp {
		n.op = andOp
	}
}

func (n *node) withValue(v Value) *node {
	c := *n
	c.value, c.kinds = v, null|setOf(v.Kind())
	return &c
}
