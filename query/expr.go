package query

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/annalsdb/annals/segment"
)

// Value is one value of one of eight kinds.
type Value = segment.Value

// Expr is an expression: an immutable value, made by [Col], [Lit], [Param],
// [Call] and its kin and by the methods of other expressions, or by [Parse]. The
// zero Expr is none. Where a method takes any, it takes what [Lit] does.
type Expr struct {
	op    op
	name  string // of a column, member, function, kind or star; the text of an interval
	value Value  // of a literal
	n     int    // number of a parameter, index of an element, 1 in a CASE with an operand
	args  []Expr
	at    int // 1 + its offset in the text that it was parsed from; 0 = made in Go
}

// op says what an expression does with its arguments.
type op uint8

const (
	noOp       op = iota
	badOp         // made of something that is no value; name says why
	literalOp     // value
	columnOp      // name
	paramOp       // n
	intervalOp    // name
	starOp        // name is the source, "" for all: only in a SELECT list or count(*)
	memberOp      // args[0].name
	elementOp     // args[0][n]
	negOp         // -args[0]
	notOp         // NOT args[0]
	andOp         // args, two or more, none an andOp
	orOp          // args, two or more, none an orOp
	equalOp
	lessOp
	lessEqualOp
	greaterOp
	greaterEqualOp
	distinctOp // args[0] IS DISTINCT FROM args[1]
	isNullOp
	inOp      // args[0] in args[1:]
	betweenOp // args[0] from args[1] to args[2]
	likeOp    // args[0] like args[1], escaped by args[2] if there
	concatOp
	addOp
	subOp
	mulOp
	divOp
	modOp
	caseOp         // [operand] (when then)* [else]
	castOp         // args[0] as name
	tryCastOp      // the same, null where it cannot be
	callOp         // name(args)
	callDistinctOp // name(DISTINCT args)
	filterOp       // args[0] FILTER (WHERE args[1])
	aggregateOp    // of a node: the result of an aggregate
	windowOp       // of a node: 0 start, 1 end of the window
	overOp         // name() OVER (PARTITION BY args[:n] ORDER BY args[n:]), these sortOps; of a node: a place from the end of the row
	sortOp         // args[0] in an Order: n is twice its Nulls, and 1 if it descends
)

// Col is a column by its name: one of the event's own (key, time, ...) or a field.
// Col("a", "time") is that column of the source called a, Col("old", "price") that
// of the state before a change; further names are members of a JSON value.
func Col(name string, names ...string) Expr {
	e := Expr{op: columnOp, name: name}
	for _, n := range names {
		e = e.Member(n)
	}
	return e
}

// Lit is the value v: nil, a bool, any integer or float, string, []byte,
// [time.Time], [json.RawMessage], Value, or an Expr, which stays what it is.
// What is none of these makes an expression that no query can be run with.
func Lit(v any) Expr {
	switch v := v.(type) {
	case Expr:
		return v
	case Value:
		return literal(v)
	case nil:
		return literal(segment.NullOf())
	case bool:
		return literal(segment.BoolOf(v))
	case string:
		return literal(segment.StringOf(v))
	case []byte:
		return literal(segment.BytesOf(v))
	case time.Time:
		return literal(segment.TimeOf(v))
	case json.RawMessage:
		return literal(segment.JSONOf(v))
	}
	return number(v)
}

// number is the literal of a number of any of Go's types.
func number(v any) Expr {
	switch v := v.(type) {
	case int:
		return literal(segment.Int64Of(int64(v)))
	case int8:
		return literal(segment.Int64Of(int64(v)))
	case int16:
		return literal(segment.Int64Of(int64(v)))
	case int32:
		return literal(segment.Int64Of(int64(v)))
	case int64:
		return literal(segment.Int64Of(v))
	case uint8:
		return literal(segment.Int64Of(int64(v)))
	case uint16:
		return literal(segment.Int64Of(int64(v)))
	case uint32:
		return literal(segment.Int64Of(int64(v)))
	case uint:
		return unsigned(uint64(v))
	case uint64:
		return unsigned(v)
	case float32:
		return literal(segment.Float64Of(float64(v)))
	case float64:
		return literal(segment.Float64Of(v))
	}
	return Expr{op: badOp, name: fmt.Sprintf("a %T is no value", v)}
}

func unsigned(v uint64) Expr {
	if v > math.MaxInt64 {
		return Expr{op: badOp, name: fmt.Sprintf("%d is more than an int64 holds", v)}
	}
	return literal(segment.Int64Of(int64(v)))
}

func literal(v Value) Expr {
	switch {
	case v.Kind() > segment.JSONValue:
		return Expr{op: badOp, name: v.String()}
	case v.Kind() == segment.Float64Value && math.IsNaN(v.Float64()):
		v = segment.Float64Of(math.NaN()) // text has one NaN
	}
	return Expr{op: literalOp, value: v}
}

// Param is the parameter with the number n, from 1: $n.
func Param(n int) Expr {
	if n < 1 {
		return Expr{op: badOp, name: fmt.Sprintf("parameters are numbered from 1, not %d", n)}
	}
	return Expr{op: paramOp, n: n}
}

// Span is a length of time, for what is added to times: months by the calendar,
// days of 24 hours (in a zone, of the length that they have there), and the rest.
func Span(months, days int, rest time.Duration) Expr {
	return Expr{op: intervalOp, name: interval{int64(months), int64(days), int64(rest)}.String()}
}

// Star is all columns of the source called name, or of all sources if that is "":
// for a SELECT list.
func Star(name string) Expr { return Expr{op: starOp, name: name} }

// Count is count(*), the number of rows.
func Count() Expr { return Call("count", Star("")) }

// Call is the function or aggregate of that name, whatever its case, over args.
func Call(name string, args ...any) Expr {
	return Expr{op: callOp, name: strings.ToLower(name), args: literals(args)}
}

// CallDistinct is the aggregate over the distinct values of args.
func CallDistinct(name string, args ...any) Expr {
	return Expr{op: callDistinctOp, name: strings.ToLower(name), args: literals(args)}
}

// Cond is one WHEN ... THEN ... of a CASE.
type Cond struct{ When, Then any }

// Case is the Then of the first of conds whose When is true, or otherwise; CASE
// WHEN ... END. A nil otherwise is null.
func Case(otherwise any, conds ...Cond) Expr { return caseOf(Expr{op: caseOp}, otherwise, conds) }

// Switch is the Then of the first of conds whose When equals e, or otherwise;
// CASE e WHEN ... END. A nil otherwise is null.
func (e Expr) Switch(otherwise any, conds ...Cond) Expr {
	return caseOf(Expr{op: caseOp, n: 1, args: []Expr{e}}, otherwise, conds)
}

func caseOf(e Expr, otherwise any, conds []Cond) Expr {
	for _, c := range conds {
		e.args = append(e.args, Lit(c.When), Lit(c.Then))
	}
	if otherwise != nil {
		e.args = append(e.args, Lit(otherwise))
	}
	return e
}

// Member is the member of that name of a JSON object, null if there is none.
func (e Expr) Member(name string) Expr { return Expr{op: memberOp, name: name, args: []Expr{e}} }

// Element is the i-th element of a JSON array, from 0, null if there is none.
func (e Expr) Element(i int) Expr {
	if i < 0 {
		return Expr{op: badOp, name: fmt.Sprintf("elements are numbered from 0, not %d", i)}
	}
	return Expr{op: elementOp, n: i, args: []Expr{e}}
}

// Eq is e = v.
func (e Expr) Eq(v any) Expr { return e.with(equalOp, v) }

// Ne is e <> v.
func (e Expr) Ne(v any) Expr { return e.with(equalOp, v).Not() }

// Lt is e < v.
func (e Expr) Lt(v any) Expr { return e.with(lessOp, v) }

// Le is e <= v.
func (e Expr) Le(v any) Expr { return e.with(lessEqualOp, v) }

// Gt is e > v.
func (e Expr) Gt(v any) Expr { return e.with(greaterOp, v) }

// Ge is e >= v.
func (e Expr) Ge(v any) Expr { return e.with(greaterEqualOp, v) }

// DistinctFrom is e IS DISTINCT FROM v.
func (e Expr) DistinctFrom(v any) Expr { return e.with(distinctOp, v) }

// IsNull is e IS NULL.
func (e Expr) IsNull() Expr { return e.with(isNullOp) }

// In is e IN (v, ...).
func (e Expr) In(v any, more ...any) Expr { return e.with(inOp, append([]any{v}, more...)...) }

// Between is e BETWEEN lo AND hi, both inclusive.
func (e Expr) Between(lo, hi any) Expr { return e.with(betweenOp, lo, hi) }

// Like is e LIKE pattern: % is any text, _ any character.
func (e Expr) Like(pattern any) Expr { return e.with(likeOp, pattern) }

// LikeEscape is e LIKE pattern ESCAPE escape: behind that character, % and _ are
// themselves.
func (e Expr) LikeEscape(pattern, escape any) Expr { return e.with(likeOp, pattern, escape) }

// Not is NOT e.
func (e Expr) Not() Expr { return e.with(notOp) }

// And is e AND v.
func (e Expr) And(v any) Expr { return joined(andOp, e, Lit(v)) }

// Or is e OR v.
func (e Expr) Or(v any) Expr { return joined(orOp, e, Lit(v)) }

// Concat is e || v.
func (e Expr) Concat(v any) Expr { return e.with(concatOp, v) }

// Add is e + v.
func (e Expr) Add(v any) Expr { return e.with(addOp, v) }

// Sub is e - v.
func (e Expr) Sub(v any) Expr { return e.with(subOp, v) }

// Mul is e * v.
func (e Expr) Mul(v any) Expr { return e.with(mulOp, v) }

// Div is e / v.
func (e Expr) Div(v any) Expr { return e.with(divOp, v) }

// Mod is e % v.
func (e Expr) Mod(v any) Expr { return e.with(modOp, v) }

// Neg is -e.
func (e Expr) Neg() Expr { return e.with(negOp) }

// Cast is CAST(e AS kind).
func (e Expr) Cast(kind segment.ValueKind) Expr {
	return Expr{op: castOp, name: kind.String(), args: []Expr{e}}
}

// TryCast is TRY_CAST(e AS kind): null where the cast is not possible.
func (e Expr) TryCast(kind segment.ValueKind) Expr {
	return Expr{op: tryCastOp, name: kind.String(), args: []Expr{e}}
}

// Filter is the aggregate e over those rows only of which cond is true.
func (e Expr) Filter(cond Expr) Expr { return e.with(filterOp, cond) }

func (e Expr) with(o op, args ...any) Expr {
	return Expr{op: o, args: append([]Expr{e}, literals(args)...)}
}

func literals(args []any) []Expr {
	var all []Expr
	for _, a := range args {
		all = append(all, Lit(a))
	}
	return all
}

// joined is all parts with AND, or OR, between them, and what is one already taken
// in: (a AND b) AND c is a AND b AND c.
func joined(o op, parts ...Expr) Expr {
	e := Expr{op: o}
	for _, part := range parts {
		if part.op == o {
			e.args = append(e.args, part.args...)
		} else {
			e.args = append(e.args, part)
		}
	}
	return e
}

// Equal reports whether both are the same expression, wherever they stand.
func (e Expr) Equal(o Expr) bool {
	return e.op == o.op && e.name == o.name && e.value == o.value && e.n == o.n &&
		slices.EqualFunc(e.args, o.args, Expr.Equal)
}

// placed is e as it stands at an offset of the text.
func (e Expr) placed(at int) Expr {
	e.at = at + 1
	return e
}

// bad is the first reason inside e why no query can be run with it, "" if none.
func (e Expr) bad() string {
	if e.op == badOp {
		return e.name
	}
	for _, a := range e.args {
		if a.op == noOp {
			return "an expression that is none is part of another"
		}
		if why := a.bad(); why != "" {
			return why
		}
	}
	return ""
}
