package query

import (
	"slices"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// split takes from the conditions of a WHERE what a predicate on columns can say.
// A row passes all of where if and only if the predicate is true of it and it passes
// rest; for rows of which either is not true, so is not all of where. Columns that
// named does not name are left to rest. Nothing of where that can be an error is in
// the predicate, so a row is an error in rest just where it is in where.
func split(where []*node, named func(slot int) (string, bool)) (pushed index.Predicate, rest []*node) {
	var all index.And
	t := translator{named}
	for _, n := range where {
		p, whole := t.predicate(n)
		if p == nil {
			p = t.implied(n)
		}
		if p != nil {
			all = append(all, p)
		}
		if !whole {
			rest = append(rest, n)
		}
	}
	switch len(all) {
	case 0:
		return nil, rest
	case 1:
		return all[0], rest
	}
	return all, rest
}

// pushName is the name by which a predicate on the rows of a source (of states, not
// of the events that they are made from) knows a column, if it does: recorded is no
// column of rows, those of other sources are not theirs, and where a LEFT JOIN finds
// no row of the source there is nothing to test before it.
func (p *plan) pushName(number int) func(slot int) (string, bool) {
	left := number > 0 && (p.joins[number-1].kind == LeftJoin || p.joins[number-1].kind == AsOfLeftJoin)
	return func(slot int) (string, bool) {
		c := p.columns[slot]
		if c.source != number || c.side != noSide || left || p.sources[number].plan != nil {
			return "", false
		}
		if c.own == "" {
			return c.field, true
		}
		name, ok := pushNames[c.own]
		return name, ok
	}
}

var pushNames = map[string]string{
	"stream": segment.ColumnStream, "key": segment.ColumnKey, "seq": segment.ColumnSeq, "time": segment.ColumnTime,
	"version": segment.ColumnVersion, "kind": segment.ColumnKind, "type": segment.ColumnType,
}

// translator makes predicates of conditions.
type translator struct {
	named func(slot int) (string, bool)
}

// column is the name of the column that n is.
func (t translator) column(n *node) (string, bool) {
	if n.op != columnOp {
		return "", false
	}
	return t.named(n.slot)
}

// predicate is n as a predicate with the same three truths; whole is false, and it
// nil, if there is none.
func (t translator) predicate(n *node) (p index.Predicate, whole bool) {
	switch n.op {
	case literalOp:
		return constantTruth(n.value)
	case notOp:
		if p, whole = t.predicate(n.args[0]); whole {
			p = index.Not{Of: p}
		}
		return p, whole
	case andOp, orOp:
		parts := make([]index.Predicate, len(n.args))
		for i, a := range n.args {
			if parts[i], whole = t.predicate(a); !whole {
				return nil, false
			}
		}
		if n.op == andOp {
			return index.And(parts), true
		}
		return index.Or(parts), true
	}
	return t.comparison(n)
}

// constantTruth is a condition that is the same for each row. No predicate is
// unknown of each.
func constantTruth(v Value) (index.Predicate, bool) {
	switch truth, ok := truthOf(v); {
	case !ok || truth == index.Unknown:
		return nil, false
	case truth == index.True:
		return index.And{}, true
	}
	return index.Or{}, true
}

// comparison is a test of one column with constants.
func (t translator) comparison(n *node) (index.Predicate, bool) {
	if len(n.args) == 0 {
		return nil, false
	}
	subject, others, o := n.args[0], n.args[1:], n.op
	if turned, ok := turnedOps[o]; ok && subject.constant() {
		subject, others, o = n.args[1], n.args[:1], turned
	}
	name, ok := t.column(subject)
	if !ok || slices.ContainsFunc(others, func(a *node) bool { return !a.constant() }) {
		return nil, false
	}
	values := make([]index.Literal, len(others))
	for i, a := range others {
		values[i] = a.value.Literal()
	}
	if name == segment.ColumnKind {
		return kindTest(o, values)
	}
	return tested(o, name, values, n.pattern)
}

// turnedOps are comparisons with their sides exchanged.
var turnedOps = map[op]op{
	equalOp: equalOp, distinctOp: distinctOp, lessOp: greaterOp, lessEqualOp: greaterEqualOp,
	greaterOp: lessOp, greaterEqualOp: lessEqualOp,
}

// tested is the test o of a column with values.
func tested(o op, name string, values []index.Literal, like *pattern) (index.Predicate, bool) {
	switch o {
	case equalOp:
		return index.Eq{Column: name, Value: values[0]}, true
	case inOp:
		return index.In{Column: name, Values: values}, true
	case lessOp, lessEqualOp:
		return ranged(name, index.Bound{}, index.Bound{Value: values[0], Open: o == lessOp}), true
	case greaterOp, greaterEqualOp:
		return ranged(name, index.Bound{Value: values[0], Open: o == greaterOp}, index.Bound{}), true
	case betweenOp:
		return between(name, values[0], values[1]), true
	case isNullOp:
		return index.IsNull{Column: name}, true
	case distinctOp:
		return distinct(name, values[0])
	case likeOp:
		switch {
		case like == nil:
		case like.exact():
			return index.Eq{Column: name, Value: index.StringOf(like.texts[0])}, true
		case like.isPrefix():
			return index.Prefix{Column: name, Prefix: like.texts[0]}, true
		}
	}
	return nil, false
}

// ranged is a range with one bound. A null bound, which a range takes for none, makes
// a comparison unknown.
func ranged(name string, lo, hi index.Bound) index.Predicate {
	if lo.Value.Kind() == index.Null && hi.Value.Kind() == index.Null {
		return index.Eq{Column: name}
	}
	return index.Range{Column: name, Lo: lo, Hi: hi}
}

func between(name string, lo, hi index.Literal) index.Predicate {
	if lo.Kind() == index.Null || hi.Kind() == index.Null {
		return index.And{ranged(name, index.Bound{Value: lo}, index.Bound{}), ranged(name, index.Bound{}, index.Bound{Value: hi})}
	}
	return index.Range{Column: name, Lo: index.Bound{Value: lo}, Hi: index.Bound{Value: hi}}
}

// distinct is IS DISTINCT FROM, which is never unknown. No predicate finds NaN.
func distinct(name string, v index.Literal) (index.Predicate, bool) {
	null := index.IsNull{Column: name}
	switch f := v.Float64(); {
	case v.Kind() == index.Null:
		return index.Not{Of: null}, true
	case f != f:
		return nil, false
	}
	return index.Not{Of: index.And{index.Not{Of: null}, index.Eq{Column: name, Value: v}}}, true
}

// kindTest is a test of the kind of event, which predicates know by numbers. No
// event has the number that stands for what is no kind.
func kindTest(o op, values []index.Literal) (index.Predicate, bool) {
	if o != equalOp && o != inOp {
		return nil, false
	}
	numbers := make([]index.Literal, len(values))
	for i, v := range values {
		if numbers[i] = v; v.Kind() != index.Null {
			numbers[i] = index.Int64Of(int64(slices.Index(eventKinds, v.Text())))
		}
	}
	return index.In{Column: segment.ColumnKind, Values: numbers}, true
}

// eventKinds are the kinds of event by their numbers.
var eventKinds = []string{
	segment.Change: "change", segment.Delete: "delete", segment.Heartbeat: "heartbeat", segment.Retraction: "retraction",
}

// implied is a predicate that is at least as true as n of any row, nil if there is
// none: the text that all that match a pattern begin with.
func (t translator) implied(n *node) index.Predicate {
	if n.op != likeOp || n.pattern == nil || n.pattern.prefix() == "" {
		return nil
	}
	name, ok := t.column(n.args[0])
	if !ok || name == segment.ColumnKind { // kinds of events are numbers there
		return nil
	}
	return index.Prefix{Column: name, Prefix: n.pattern.prefix()}
}
