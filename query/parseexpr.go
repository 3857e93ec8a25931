package query

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// expr reads an expression.
func (p *parser) expr() Expr { return p.binding(orBinds) }

// binding reads an expression of operators that bind at least as tightly as least:
// an operand, then as many operators as do (V. Pratt, Top down operator precedence,
// 1973).
func (p *parser) binding(least int) Expr {
	outer := p.depth
	defer func() { p.depth = outer }()
	if !p.enter() {
		return Expr{}
	}
	left := p.prefix(least)
	for p.err == nil {
		at := p.tok.at
		binds := p.infixBinds()
		if binds < least || binds == 0 {
			return left
		}
		if binds > andBinds && !p.enter() { // AND and OR are lists, the others trees
			break
		}
		left = p.infix(left, binds).placed(at)
		if binds == compareBinds && p.infixBinds() == compareBinds {
			p.fail(p.tok.at, "comparisons do not chain: expected AND or OR between them, or parentheses")
		}
	}
	return left
}

// prefix reads an operand with what may stand in front of it.
func (p *parser) prefix(least int) Expr {
	at := p.tok.at
	switch {
	case least <= notBinds && p.word("NOT"):
		return p.binding(notBinds).Not().placed(at)
	case p.sign("-"):
		if p.tok.kind == numberToken {
			return p.postfix(p.number("-").placed(at))
		}
		return p.binding(signBinds).Neg().placed(at)
	case p.sign("+"):
		return p.binding(signBinds)
	}
	e := p.primary()
	if e.at == 0 { // what stood in parentheses has its place
		e = e.placed(at)
	}
	return p.postfix(e)
}

// infixBinds is how tightly the next token binds as an operator behind an operand,
// 0 if it is none.
func (p *parser) infixBinds() int {
	switch p.tok.kind {
	case signToken:
		switch p.tok.text {
		case "=", "<>", "!=", "<", "<=", ">", ">=":
			return compareBinds
		case "+", "-", "||":
			return addBinds
		case "*", "/", "%":
			return mulBinds
		}
	case wordToken:
		switch strings.ToUpper(p.tok.text) {
		case "OR":
			return orBinds
		case "AND":
			return andBinds
		case "IS", "IN", "BETWEEN", "LIKE", "NOT":
			return compareBinds
		}
	}
	return 0
}

// infix reads an operator and what stands to the right of it.
func (p *parser) infix(left Expr, binds int) Expr {
	if binds == compareBinds {
		return p.comparison(left)
	}
	sign := strings.ToUpper(p.tok.text)
	if binds <= andBinds {
		parts := []Expr{left}
		for p.word(sign) {
			parts = append(parts, p.binding(binds+1))
		}
		return joined(map[string]op{"OR": orOp, "AND": andOp}[sign], parts...)
	}
	p.advance()
	return left.with(signed[sign], p.binding(binds+1))
}

// signed are the operators by their signs.
var signed = func() map[string]op {
	m := map[string]op{}
	for o, b := range operators {
		m[b.sign] = o
	}
	return m
}()

// comparison reads a test of left.
func (p *parser) comparison(left Expr) Expr {
	if p.tok.kind == signToken {
		sign := p.tok.text
		p.advance()
		right := p.binding(addBinds)
		if sign == "<>" || sign == "!=" {
			return left.Ne(right)
		}
		return left.with(signed[sign], right)
	}
	if p.word("IS") {
		not := p.word("NOT")
		return negatedIf(not, p.nullity(left))
	}
	not := p.word("NOT")
	return negatedIf(not, p.test(left))
}

func negatedIf(not bool, e Expr) Expr {
	if not {
		return e.Not()
	}
	return e
}

// nullity reads what stands behind IS [NOT].
func (p *parser) nullity(left Expr) Expr {
	switch {
	case p.word("NULL"):
		return left.IsNull()
	case p.word("DISTINCT"):
		p.must("FROM")
		return left.DistinctFrom(p.binding(addBinds))
	}
	p.expected("NULL or DISTINCT FROM")
	return left
}

// test reads IN, BETWEEN or LIKE and what stands behind.
func (p *parser) test(left Expr) Expr {
	switch {
	case p.word("IN"):
		p.mustSign("(")
		list := separated(p, p.expr)
		p.mustSign(")")
		return Expr{op: inOp, args: append([]Expr{left}, list...)}
	case p.word("BETWEEN"):
		lo := p.binding(addBinds)
		p.must("AND")
		return left.Between(lo, p.binding(addBinds))
	case p.word("LIKE"):
		pattern := p.binding(addBinds)
		if p.word("ESCAPE") {
			return left.LikeEscape(pattern, p.binding(addBinds))
		}
		return left.Like(pattern)
	}
	p.expected("IN, BETWEEN or LIKE")
	return left
}

// postfix reads what may stand behind an operand: .name, [n] and ::kind.
func (p *parser) postfix(e Expr) Expr {
	for p.err == nil && p.enter() {
		at := p.tok.at
		switch {
		case p.sign("."):
			e = e.Member(p.name("a name behind the point")).placed(at)
		case p.sign("["):
			n, err := strconv.Atoi(p.tok.text)
			if p.tok.kind != numberToken || err != nil {
				p.expected("the number of an element, from 0")
			}
			p.advance()
			p.mustSign("]")
			e = e.Element(n).placed(at)
		case p.sign("::"):
			e = Expr{op: castOp, name: p.kind(), args: []Expr{e}}.placed(at)
		default:
			return e
		}
	}
	return e
}

// kind reads the name of a kind of value.
func (p *parser) kind() string {
	at := p.tok.at
	name := strings.ToLower(p.name("a kind of value"))
	if _, ok := kindNamed(name); !ok && p.err == nil {
		p.fail(at, "%s is no kind of value: expected bool, int64, float64, string, bytes, time or json%s", quoteName(name), meant(name, kindNames))
	}
	return name
}

var kindNames = []string{"bool", "int64", "float64", "string", "bytes", "time", "json"}

// primary reads an operand.
func (p *parser) primary() Expr {
	switch p.tok.kind {
	case numberToken:
		return p.number("")
	case stringToken:
		return Lit(p.string(""))
	case bytesToken:
		return p.bytes()
	case paramToken:
		return p.param()
	case signToken:
		if p.sign("(") {
			e := p.expr()
			p.mustSign(")")
			return e
		}
	case quotedToken:
		return p.named()
	case wordToken:
		if reserved[strings.ToUpper(p.tok.text)] {
			return p.keyword()
		}
		return p.named()
	}
	p.expected("an expression")
	return Expr{}
}

// keyword reads an operand that begins with a keyword.
func (p *parser) keyword() Expr {
	switch {
	case p.word("NULL"):
		return Lit(nil)
	case p.word("TRUE"):
		return Lit(true)
	case p.word("FALSE"):
		return Lit(false)
	case p.word("INTERVAL"):
		return Expr{op: intervalOp, name: p.interval().String()}
	case p.word("CASE"):
		return p.cases()
	case p.word("CAST"):
		return p.cast(castOp)
	case p.word("TRY_CAST"):
		return p.cast(tryCastOp)
	}
	p.expected("an expression")
	return Expr{}
}

// number reads a number with a sign in front. One without a point or an exponent is
// an int64 and has to fit.
func (p *parser) number(sign string) Expr {
	t := p.tok
	p.advance()
	text := sign + t.text
	if !strings.ContainsAny(text, ".eE") {
		i, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			p.fail(t.at, "%s does not fit an int64; with a point it is a float64", text)
		}
		return Lit(i)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		p.fail(t.at, "%s does not fit a float64", text)
	}
	return Lit(f)
}

func (p *parser) bytes() Expr {
	t := p.tok
	p.advance()
	b, err := hex.DecodeString(t.text)
	if err != nil {
		p.fail(t.at, "expected an even number of hexadecimal digits, as in x'00ff'")
	}
	return Lit(b)
}

func (p *parser) param() Expr {
	t := p.tok
	p.advance()
	n, err := strconv.Atoi(t.text)
	if err != nil || n < 1 || n > math.MaxUint16 {
		p.fail(t.at, "parameters are numbered from $1 to $%d", math.MaxUint16)
		return Expr{}
	}
	return Param(n)
}

// named reads a column, a call, or a value with its kind in front.
func (p *parser) named() Expr {
	t := p.tok
	p.advance()
	switch {
	case p.sign("("):
		return p.call(t)
	case t.kind == wordToken && p.tok.kind == stringToken:
		return p.typed(t)
	}
	return Col(t.text)
}

// typed reads a value that has its kind in front: TIME '2024-03-01'.
func (p *parser) typed(kind token) Expr {
	at, text := p.tok.at, p.string("")
	switch strings.ToUpper(kind.text) {
	case "TIME":
		ns, err := parseTime(text, nil)
		if err != nil {
			p.fail(at, "%s", err)
		}
		return literal(timeValue(ns))
	case "FLOAT64":
		f, err := parseFloat(text)
		if err != nil {
			p.fail(at, "%s", err)
		}
		return Lit(f)
	case "JSON":
		if !json.Valid([]byte(text)) {
			p.fail(at, "this is not valid JSON")
			return Expr{}
		}
		return Lit(json.RawMessage(text))
	}
	p.fail(kind.at, "expected TIME, FLOAT64, JSON or INTERVAL before a string, found %s", kind)
	return Expr{}
}

// call reads the arguments of a function behind the parenthesis.
func (p *parser) call(t token) Expr {
	name := strings.ToLower(t.text)
	e := Expr{op: callOp, name: name}.placed(t.at)
	switch {
	case p.word("DISTINCT"):
		e.op, e.args = callDistinctOp, separated(p, p.expr)
	case p.isSign("*"):
		e.args = []Expr{p.starred()}
	case name == "extract" && p.isExtract():
		e.args = p.extract()
	case !p.isSign(")"):
		e.args = separated(p, p.expr)
	}
	p.mustSign(")")
	if p.word("OVER") {
		return p.over(e)
	}
	if !p.word("FILTER") {
		return e
	}
	p.mustSign("(")
	p.must("WHERE")
	e = e.Filter(p.expr())
	p.mustSign(")")
	return e
}

// isExtract reports whether unit FROM comes.
func (p *parser) isExtract() bool { return p.tok.kind == wordToken && p.followed(p.tok.text, "FROM") }

// extract reads SQL's way to write the arguments of extract: unit FROM time.
func (p *parser) extract() []Expr {
	unit := Lit(strings.ToLower(p.tok.text)).placed(p.tok.at)
	p.advance()
	p.must("FROM")
	return append([]Expr{unit}, separated(p, p.expr)...)
}

func (p *parser) cast(o op) Expr {
	p.mustSign("(")
	e := Expr{op: o, args: []Expr{p.expr()}}
	p.must("AS")
	e.name = p.kind()
	p.mustSign(")")
	return e
}

func (p *parser) cases() Expr {
	e := Expr{op: caseOp}
	if !p.is("WHEN") {
		e.n, e.args = 1, []Expr{p.expr()}
	}
	if !p.is("WHEN") {
		p.expected("WHEN")
	}
	for p.word("WHEN") {
		when := p.expr()
		p.must("THEN")
		e.args = append(e.args, when, p.expr())
	}
	if p.word("ELSE") {
		e.args = append(e.args, p.expr())
	}
	p.must("END")
	return e
}

// parseFloat reads a number, or one of NaN, Inf and their kin.
func parseFloat(text string) (float64, error) {
	f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil {
		return 0, fmt.Errorf("%s is no float64", quoteString(text))
	}
	return f, nil
}
