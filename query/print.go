package query

import (
	"encoding/hex"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/annalsdb/annals/segment"
)

// How tightly operators bind. An operand that binds less tightly than its place
// asks for stands in parentheses.
const (
	orBinds = iota + 1
	andBinds
	notBinds
	compareBinds // =, IS, IN, BETWEEN, LIKE; they do not chain
	addBinds     // + - ||
	mulBinds     // * / %
	signBinds    // -x
	postBinds    // x.name, x[0], x::kind
)

// operators are those between two operands.
var operators = map[op]struct {
	sign  string
	binds int
}{
	equalOp: {"=", compareBinds}, lessOp: {"<", compareBinds}, lessEqualOp: {"<=", compareBinds},
	greaterOp: {">", compareBinds}, greaterEqualOp: {">=", compareBinds},
	distinctOp: {"IS DISTINCT FROM", compareBinds},
	concatOp:   {"||", addBinds}, addOp: {"+", addBinds}, subOp: {"-", addBinds},
	mulOp: {"*", mulBinds}, divOp: {"/", mulBinds}, modOp: {"%", mulBinds},
}

// String is the query as text: [Parse] makes an equal one of it, unless it was
// built of what is no value.
func (q Query) String() string {
	var p printer
	p.statement(q)
	return p.String()
}

// String is the expression as text.
func (e Expr) String() string {
	var p printer
	p.expr(e, 0)
	return p.String()
}

// printer writes the text of a query.
type printer struct{ strings.Builder }

func (p *printer) query(q Query) {
	p.WriteString([]string{"", "EXPLAIN ", "EXPLAIN ANALYZE "}[q.explain])
	p.WriteString("SELECT ")
	if q.distinct {
		p.WriteString("DISTINCT ")
	}
	if len(q.items) == 0 {
		p.WriteString("*")
	}
	list(p, q.items, func(i Item) {
		p.expr(i.Expr, 0)
		if i.Name != "" {
			p.WriteString(" AS " + quoteName(i.Name))
		}
	})
	p.WriteString(" FROM ")
	p.source(q.from)
	for _, j := range q.joins {
		p.WriteString([]string{" JOIN ", " LEFT JOIN ", " ASOF JOIN ", " ASOF LEFT JOIN "}[j.Kind])
		p.source(j.Source)
		p.clause(" ON ", j.On)
	}
	p.clause(" WHERE ", q.where)
	p.grouping(q)
	p.clause(" HAVING ", q.having)
	if len(q.order) > 0 {
		p.WriteString(" ORDER BY ")
		list(p, q.order, p.ordering)
	}
	p.clause(" LIMIT ", q.limit)
	p.clause(" OFFSET ", q.offset)
}

func (p *printer) grouping(q Query) {
	if len(q.groups) == 0 && q.window.kind == noWindow {
		return
	}
	p.WriteString(" GROUP BY ")
	list(p, q.groups, func(e Expr) { p.expr(e, 0) })
	if q.window.kind == noWindow {
		return
	}
	if len(q.groups) > 0 {
		p.WriteString(", ")
	}
	p.window(q.window)
}

func (p *printer) ordering(o Order) {
	p.expr(o.Expr, 0)
	if o.Descending {
		p.WriteString(" DESC")
	}
	p.WriteString([]string{"", " NULLS FIRST", " NULLS LAST"}[o.Nulls])
}

func (p *printer) source(s Source) {
	if s.query != nil {
		p.WriteByte('(')
		p.query(*s.query)
		p.WriteByte(')')
	} else {
		p.WriteString([]string{"", "ALL EVENTS OF ", "STATE OF ", "HISTORY OF ", "CHANGES OF "}[s.kind])
		p.WriteString(quoteName(s.stream))
	}
	if s.alias != "" {
		p.WriteString(" AS " + quoteName(s.alias))
	}
	switch s.moment.kind {
	case asOfMoment:
		p.bound(" AS OF ", s.moment.a)
	case betweenMoment:
		p.bound(" BETWEEN ", s.moment.a)
		p.bound(" AND ", s.moment.b)
	case fromToMoment:
		p.bound(" FROM ", s.moment.a)
		p.bound(" TO ", s.moment.b)
	}
	switch s.known.kind {
	case knownBy:
		p.bound(" KNOWN BY ", s.known.at)
	case knownAt:
		p.bound(" KNOWN AT ", s.known.at)
	}
}

// bound writes a moment; what binds like a comparison would run into the words
// around it.
func (p *printer) bound(words string, e Expr) {
	p.WriteString(words)
	p.expr(e, addBinds)
}

func (p *printer) window(w Window) {
	p.WriteString("WINDOW ")
	switch w.kind {
	case tumbleWindow:
		p.span("", w.size)
		if w.by != 0 {
			p.span(" OFFSET ", w.by)
		}
	case hopWindow:
		p.span("HOP ", w.size)
		p.span(" BY ", w.by)
	case sessionWindow:
		p.span("SESSION ", w.size)
	case slidingWindow:
		p.span("SLIDING ", w.size)
	case countedWindow:
		p.WriteString(strconv.Itoa(w.n) + " EVENTS")
	case calendarWindow:
		if w.n != 1 {
			p.WriteString(strconv.Itoa(w.n) + " ")
		}
		p.WriteString(w.unit.String())
		if w.zone != "" {
			p.WriteString(" IN " + quoteString(w.zone))
		}
	}
}

// span writes words and a length of time: in days, which are of 24 hours here, if it is
// of whole ones.
func (p *printer) span(words string, d time.Duration) {
	v := interval{nanos: int64(d)}
	if day := 24 * time.Hour; d%day == 0 {
		v = interval{days: int64(d / day)}
	}
	p.WriteString(words + "INTERVAL " + quoteString(v.String()))
}

// String is w as it stands in GROUP BY.
func (w Window) String() string {
	var p printer
	p.window(w)
	return p.String()
}

// clause writes words and e, if there is an e.
func (p *printer) clause(words string, e Expr) {
	if e.op != noOp {
		p.WriteString(words)
		p.expr(e, 0)
	}
}

// list writes all with commas between them.
func list[T any](p *printer, all []T, write func(T)) {
	for i, v := range all {
		if i > 0 {
			p.WriteString(", ")
		}
		write(v)
	}
}

// expr writes e for a place where operators that bind less tightly than least need
// parentheses.
func (p *printer) expr(e Expr, least int) {
	if binds := e.binds(); binds < least {
		p.WriteByte('(')
		p.expr(e, 0)
		p.WriteByte(')')
		return
	}
	if b, ok := operators[e.op]; ok {
		p.between(e, b.sign, b.binds)
		return
	}
	switch e.op {
	case orOp:
		p.chain(e, " OR ", andBinds)
	case andOp:
		p.chain(e, " AND ", notBinds)
	case notOp:
		p.not(e.args[0])
	case isNullOp, inOp, betweenOp, likeOp:
		p.test(e, "")
	case negOp:
		p.negative(e.args[0])
	default:
		p.primary(e)
	}
}

// negative writes -e. -1 is a literal of its own and not the negative of 1.
func (p *printer) negative(e Expr) {
	least := postBinds
	if e.op == literalOp {
		least++
	}
	p.WriteByte('-')
	p.expr(e, least)
}

// binds says how tightly the operator of e binds.
func (e Expr) binds() int {
	if b, ok := operators[e.op]; ok {
		return b.binds
	}
	switch e.op {
	case orOp:
		return orBinds
	case andOp:
		return andBinds
	case notOp:
		if _, shown := e.args[0].negated(); shown {
			return compareBinds
		}
		return notBinds
	case isNullOp, inOp, betweenOp, likeOp:
		return compareBinds
	case negOp:
		return signBinds
	case literalOp:
		if isNegative(e.value) {
			return signBinds
		}
	}
	return postBinds
}

// negated is how NOT e is written where it is not with a NOT in front.
func (e Expr) negated() (sign string, shown bool) {
	switch e.op {
	case equalOp:
		return "<>", true
	case distinctOp:
		return "IS NOT DISTINCT FROM", true
	case isNullOp, inOp, betweenOp, likeOp:
		return "", true
	}
	return "", false
}

func (p *printer) not(e Expr) {
	switch sign, shown := e.negated(); {
	case !shown:
		p.WriteString("NOT ")
		p.expr(e, notBinds)
	case sign != "":
		p.between(e, sign, compareBinds)
	default:
		p.test(e, "NOT ")
	}
}

// between writes an operator between its operands. Only those that do not compare
// chain, from the left.
func (p *printer) between(e Expr, sign string, binds int) {
	left := binds
	if binds == compareBinds {
		left++
	}
	p.expr(e.args[0], left)
	p.WriteString(" " + sign + " ")
	p.expr(e.args[1], binds+1)
}

// test writes the tests that are words, with not in the right place.
func (p *printer) test(e Expr, not string) {
	p.expr(e.args[0], addBinds)
	switch e.op {
	case isNullOp:
		p.WriteString(" IS " + not + "NULL")
	case inOp:
		p.WriteString(" " + not + "IN (")
		p.exprs(e.args[1:])
	case betweenOp:
		p.WriteString(" " + not + "BETWEEN ")
		p.expr(e.args[1], addBinds)
		p.WriteString(" AND ")
		p.expr(e.args[2], addBinds)
	case likeOp:
		p.WriteString(" " + not + "LIKE ")
		p.expr(e.args[1], addBinds)
		if len(e.args) > 2 {
			p.WriteString(" ESCAPE ")
			p.expr(e.args[2], addBinds)
		}
	}
}

func (p *printer) chain(e Expr, sign string, least int) {
	for i, a := range e.args {
		if i > 0 {
			p.WriteString(sign)
		}
		p.expr(a, least)
	}
}

// exprs writes a list and the parenthesis behind it.
func (p *printer) exprs(all []Expr) {
	list(p, all, func(e Expr) { p.expr(e, 0) })
	p.WriteByte(')')
}

// primary writes what binds as tightly as can be.
func (p *printer) primary(e Expr) {
	switch e.op {
	case literalOp:
		p.literal(e.value)
	case columnOp:
		p.WriteString(quoteName(e.name))
	case paramOp:
		p.WriteString("$" + strconv.Itoa(e.n))
	case intervalOp:
		p.WriteString("INTERVAL " + quoteString(e.name))
	case starOp:
		if e.name != "" {
			p.WriteString(quoteName(e.name) + ".")
		}
		p.WriteByte('*')
	case memberOp, elementOp:
		p.path(e)
	case caseOp:
		p.cases(e)
	case castOp, tryCastOp:
		p.WriteString(map[op]string{castOp: "CAST(", tryCastOp: "TRY_CAST("}[e.op])
		p.expr(e.args[0], 0)
		p.WriteString(" AS " + e.name + ")")
	case callOp, callDistinctOp:
		p.WriteString(quoteName(e.name) + "(")
		if e.op == callDistinctOp {
			p.WriteString("DISTINCT ")
		}
		p.exprs(e.args)
	case filterOp:
		p.expr(e.args[0], postBinds)
		p.WriteString(" FILTER (WHERE ")
		p.expr(e.args[1], 0)
		p.WriteByte(')')
	case overOp:
		p.over(e)
	case badOp:
		p.WriteString("<" + e.name + ">")
	}
}

// path writes a member or an element of what it is of.
func (p *printer) path(e Expr) {
	base := e.args[0]
	switch base.op {
	case columnOp, memberOp, elementOp, callOp, paramOp, castOp, tryCastOp:
		p.expr(base, postBinds)
	default:
		p.WriteByte('(')
		p.expr(base, 0)
		p.WriteByte(')')
	}
	if e.op == elementOp {
		p.WriteString("[" + strconv.Itoa(e.n) + "]")
		return
	}
	p.WriteString("." + quoteName(e.name))
}

func (p *printer) cases(e Expr) {
	p.WriteString("CASE")
	args := e.args
	if e.n == 1 {
		p.WriteByte(' ')
		p.expr(args[0], 0)
		args = args[1:]
	}
	for ; len(args) > 1; args = args[2:] {
		p.WriteString(" WHEN ")
		p.expr(args[0], 0)
		p.WriteString(" THEN ")
		p.expr(args[1], 0)
	}
	if len(args) == 1 {
		p.WriteString(" ELSE ")
		p.expr(args[0], 0)
	}
	p.WriteString(" END")
}

// literal writes a value so that it is read back as it is.
func (p *printer) literal(v Value) {
	text := v.Literal().Text()
	switch v.Kind() {
	case segment.NullValue:
		p.WriteString("NULL")
	case segment.BoolValue:
		p.WriteString(strings.ToUpper(v.String()))
	case segment.Float64Value:
		p.float(v.Float64())
	case segment.StringValue:
		p.WriteString(quoteString(text))
	case segment.BytesValue:
		p.WriteString("x'" + hex.EncodeToString([]byte(text)) + "'")
	case segment.TimeValue:
		p.WriteString("TIME " + quoteString(v.String()))
	case segment.JSONValue:
		p.WriteString("JSON " + quoteString(text))
	default:
		p.WriteString(v.String())
	}
}

// float writes f so that it is not taken for an integer.
func (p *printer) float(f float64) {
	text := strconv.FormatFloat(f, 'g', -1, 64)
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		text = "FLOAT64 " + quoteString(text)
	case !strings.ContainsAny(text, ".e"):
		text += ".0"
	}
	p.WriteString(text)
}

// isNegative reports whether v is written with a minus.
func isNegative(v Value) bool {
	f := v.Float64()
	return v.Int64() < 0 || math.Signbit(f) && !math.IsNaN(f) && !math.IsInf(f, 0)
}
