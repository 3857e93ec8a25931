package query

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Parse reads a query. An error is an [*Error], which tells the place.
func Parse(text string) (Query, error) {
	p := parser{lexer: lexer{text: text}}
	p.advance()
	q := p.statement()
	p.sign(";")
	if p.tok.kind != endToken {
		p.expected("the end of the query")
	}
	if p.err != nil {
		return Query{}, p.err
	}
	q.text = text
	return q, nil
}

// parser reads a text by recursive descent, one token ahead. Its first error stays;
// from then on it sees nothing but the end of the text.
type parser struct {
	lexer lexer
	tok   token
	err   *Error
	depth int // of expressions in expressions

	creating bool // an aggregate: behind a source stand words of its own
}

// advance moves to the next token.
func (p *parser) advance() {
	tok, err := p.lexer.next()
	if err != nil {
		p.stop(err)
		return
	}
	p.tok = tok
}

func (p *parser) stop(err *Error) {
	if p.err == nil {
		p.err = err
	}
	p.lexer.at = len(p.lexer.text)
	p.tok = token{at: p.lexer.at, end: p.lexer.at}
}

// fail stops with an error at an offset.
func (p *parser) fail(at int, format string, args ...any) {
	p.stop(p.lexer.fail(at, format, args...))
}

// expected stops with what the next token is not.
func (p *parser) expected(what string) {
	p.fail(p.tok.at, "expected %s, found %s", what, p.tok)
}

// is reports whether the next token is that keyword.
func (p *parser) is(word string) bool {
	return p.tok.kind == wordToken && strings.EqualFold(p.tok.text, word)
}

// word passes a keyword, if it is the next token.
func (p *parser) word(word string) bool {
	if !p.is(word) {
		return false
	}
	p.advance()
	return true
}

// isSign reports whether the next token is that sign.
func (p *parser) isSign(sign string) bool { return p.tok.kind == signToken && p.tok.text == sign }

// sign passes a sign, if it is the next token.
func (p *parser) sign(sign string) bool {
	if !p.isSign(sign) {
		return false
	}
	p.advance()
	return true
}

// must passes a keyword, which has to come.
func (p *parser) must(word string) {
	if !p.word(word) {
		p.expected(word)
	}
}

// mustSign passes a sign, which has to come.
func (p *parser) mustSign(sign string) {
	if !p.sign(sign) {
		p.expected(sign)
	}
}

// followed reports whether the next token is one keyword and the one behind it
// another, as in STATE OF.
func (p *parser) followed(first, second string) bool {
	if !p.is(first) {
		return false
	}
	ahead := p.lexer
	next, err := ahead.next()
	return err == nil && next.kind == wordToken && strings.EqualFold(next.text, second)
}

// isName reports whether the next token is a name.
func (p *parser) isName() bool {
	return p.tok.kind == quotedToken || p.tok.kind == wordToken && !reserved[strings.ToUpper(p.tok.text)]
}

// name reads a name, which has to come.
func (p *parser) name(what string) string {
	switch {
	case p.isName():
		text := p.tok.text
		p.advance()
		return text
	case p.tok.kind == wordToken:
		p.fail(p.tok.at, `expected %s, found the keyword %s; as a name it is written "%s"`, what, p.tok, p.tok)
	default:
		p.expected(what)
	}
	return ""
}

// text reads a string, which has to come.
func (p *parser) string(what string) string {
	if p.tok.kind != stringToken {
		p.expected(what)
		return ""
	}
	text := p.tok.text
	p.advance()
	return text
}

func (p *parser) query() Query {
	explain := NotExplained
	if p.word("EXPLAIN") {
		explain = Explain
		if p.word("ANALYZE") {
			explain = ExplainAnalyze
		}
	}
	q := p.selection()
	q.explain = explain
	return q
}

// selection reads a SELECT.
func (p *parser) selection() (q Query) {
	p.must("SELECT")
	q.distinct = p.word("DISTINCT")
	q.items = p.items()
	p.must("FROM")
	q.from = p.source()
	for p.joins() {
		q.joins = append(q.joins, p.join())
	}
	q.where = p.clause("WHERE")
	if p.word("GROUP") {
		p.must("BY")
		q.groups, q.window = p.groups()
	}
	q.having = p.clause("HAVING")
	if p.word("ORDER") {
		p.must("BY")
		q.order = separated(p, p.ordering)
	}
	q.limit = p.clause("LIMIT")
	q.offset = p.clause("OFFSET")
	return q
}

// items reads a SELECT list. A star alone is no list: it is what there is without.
func (p *parser) items() []Item {
	items := separated(p, p.item)
	if len(items) == 1 && items[0].Expr.op == starOp && items[0].Expr.name == "" {
		return nil
	}
	return items
}

func (p *parser) item() Item {
	e := p.starred()
	if e.op != starOp && p.word("AS") {
		return Item{e, p.name("a name for the column")}
	}
	return Item{Expr: e}
}

// starred reads an expression, or * or name.*.
func (p *parser) starred() Expr {
	start := p.tok.at
	if p.sign("*") {
		return Star("").placed(start)
	}
	if p.isName() {
		ahead := *p
		name := ahead.name("")
		if ahead.sign(".") && ahead.sign("*") {
			*p = ahead
			return Star(name).placed(start)
		}
	}
	return p.expr()
}

// separated reads one or more with commas between them.
func separated[T any](p *parser, read func() T) []T {
	all := []T{read()}
	for p.sign(",") {
		all = append(all, read())
	}
	return all
}

// clause reads an expression behind a keyword, if that comes.
func (p *parser) clause(word string) Expr {
	if !p.word(word) {
		return Expr{}
	}
	return p.expr()
}

func (p *parser) source() (s Source) {
	switch {
	case p.followed("EVENTS", "OF"):
		p.advance()
		p.advance()
	case p.word("ALL"):
		p.must("EVENTS")
		p.must("OF")
		s.kind = allEventsSource
	case p.followed("STATE", "OF"):
		s.kind = p.sourceOf(stateSource)
	case p.followed("HISTORY", "OF"):
		s.kind = p.sourceOf(historySource)
	case p.followed("CHANGES", "OF"):
		s.kind = p.sourceOf(changesSource)
	}
	s.at = p.tok.at + 1
	if p.isSign("(") && s.kind == eventsSource {
		s.kind, s.query = querySource, p.inner()
	} else {
		s.stream = p.name("the name of a stream")
	}
	if p.is("AS") && !p.followed("AS", "OF") {
		p.advance()
		s.alias = p.name("a name for the source")
	} else if p.isName() && !(p.creating && slices.ContainsFunc(markWords, p.is)) {
		s.alias = p.name("")
	}
	s.moment = p.moment()
	s.known = p.known()
	return s
}

// inner reads a SELECT in parentheses.
func (p *parser) inner() *Query {
	p.mustSign("(")
	if !p.enter() {
		return nil
	}
	q := p.selection()
	p.depth--
	p.mustSign(")")
	return &q
}

// sourceOf passes the two words that say what is read of a stream.
func (p *parser) sourceOf(kind sourceKind) sourceKind {
	p.advance()
	p.advance()
	return kind
}

func (p *parser) moment() (m moment) {
	switch {
	case p.word("AS"):
		p.must("OF")
		m.kind, m.a = asOfMoment, p.bound()
	case p.word("BETWEEN"):
		m.kind, m.a = betweenMoment, p.bound()
		p.must("AND")
		m.b = p.bound()
	case p.word("FROM"):
		m.kind, m.a = fromToMoment, p.bound()
		p.must("TO")
		m.b = p.bound()
	}
	return m
}

func (p *parser) known() (k known) {
	if !p.word("KNOWN") {
		return k
	}
	switch {
	case p.word("BY"):
		k.kind = knownBy
	case p.word("AT"):
		k.kind = knownAt
	default:
		p.expected("BY and a time or AT and a position")
	}
	k.at = p.bound()
	return k
}

// bound reads a moment.
func (p *parser) bound() Expr { return p.binding(addBinds) }

// joins reports whether a join comes.
func (p *parser) joins() bool {
	return p.is("JOIN") || p.is("INNER") || p.is("LEFT") || p.is("ASOF")
}

func (p *parser) join() (j Join) {
	if p.word("ASOF") {
		j.Kind = AsOfJoin
	}
	if p.word("LEFT") {
		j.Kind++ // the left kind follows the inner one
	} else {
		p.word("INNER")
	}
	p.must("JOIN")
	j.Source = p.source()
	if !p.is("ON") {
		p.expected("ON and what has to be equal")
	}
	j.On = p.clause("ON")
	return j
}

// groups reads what stands behind GROUP BY: expressions, and one window anywhere
// among them.
func (p *parser) groups() (groups []Expr, w Window) {
	for more := true; more; more = p.sign(",") {
		at := p.tok.at
		switch {
		case !p.word("WINDOW"):
			groups = append(groups, p.expr())
		case w.kind != noWindow:
			p.fail(at, "a second WINDOW; expected one at most")
		default:
			w = p.window()
			w.at = at + 1
		}
	}
	return groups, w
}

func (p *parser) window() Window {
	switch {
	case p.word("HOP"):
		size := p.span()
		p.must("BY")
		return Hop(size, p.span())
	case p.word("SESSION"):
		return Session(p.span())
	case p.word("SLIDING"):
		return Slide(p.span())
	case p.is("INTERVAL"):
		w := Tumble(p.span(), 0)
		if p.word("OFFSET") {
			w.by = p.span()
		}
		return w
	}
	return p.calendar()
}

// span reads the interval of a window.
func (p *parser) span() time.Duration {
	return p.fixed("expected one without months, such as INTERVAL '30 days', or WINDOW month")
}

// fixed reads an interval that is of one length wherever it begins; else it fails with
// what to do.
func (p *parser) fixed(instead string) time.Duration {
	at := p.tok.at
	p.must("INTERVAL")
	v := p.interval()
	ns, ok := v.fixed()
	switch {
	case !ok && v.months == 0:
		p.fail(at, "INTERVAL %s is longer than time: expected one of up to 106751 days, which are 292 years", quoteString(v.String()))
	case !ok:
		p.fail(at, "INTERVAL %s has no length in hours: %s", quoteString(v.String()), instead)
	}
	return time.Duration(ns)
}

// interval reads the string of an INTERVAL.
func (p *parser) interval() interval {
	at := p.tok.at
	text := p.string("an interval, as in INTERVAL '1 day 2 hours'")
	if p.err != nil {
		return interval{}
	}
	v, err := parseInterval(text)
	if err != nil {
		p.fail(at, "%s", err)
	}
	return v
}

func (p *parser) calendar() Window {
	w := Window{kind: calendarWindow, n: 1}
	if p.tok.kind == numberToken {
		n, err := strconv.Atoi(p.tok.text)
		if err != nil {
			p.expected("a whole number of days, weeks, months, quarters, years or events")
		}
		w.n = n
		p.advance()
		if p.word("EVENT") || p.word("EVENTS") {
			return Every(n)
		}
	}
	unit, ok := calendarUnit(p.tok)
	if !ok {
		p.expected("a window: day, week, month, quarter, year, INTERVAL, HOP, SESSION, SLIDING or a number of EVENTS")
	}
	w.unit = unit
	p.advance()
	if p.word("IN") {
		w.zone = p.string("a time zone, as in IN 'Europe/Berlin'")
	}
	return w
}

// calendarUnit is the unit that a word names, one or several of it.
func calendarUnit(t token) (Unit, bool) {
	for u := Day; u <= Year; u++ {
		if name := u.String(); t.kind == wordToken && (strings.EqualFold(t.text, name) || strings.EqualFold(t.text, name+"s")) {
			return u, true
		}
	}
	return 0, false
}

func (p *parser) ordering() Order {
	o := Order{Expr: p.expr()}
	if p.word("DESC") {
		o.Descending = true
	} else {
		p.word("ASC")
	}
	if p.word("NULLS") {
		switch {
		case p.word("FIRST"):
			o.Nulls = NullsFirst
		case p.word("LAST"):
			o.Nulls = NullsLast
		default:
			p.expected("FIRST or LAST")
		}
	}
	return o
}

// deepest is how many expressions may be inside one another: enough for people and
// programs, and far from the end of a stack.
const deepest = 500

// enter goes one expression deeper and reports whether that is not too deep.
func (p *parser) enter() bool {
	if p.depth++; p.depth > deepest && p.err == nil {
		p.fail(p.tok.at, "%s", fmt.Sprintf("more than %d expressions inside one another", deepest))
	}
	return p.err == nil
}
