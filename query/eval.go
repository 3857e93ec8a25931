package query

import (
	"errors"
	"time"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// eval is the value of n for a row: a value for each slot that the nodes of a plan
// name. Of AND, OR, IN, CASE, coalesce no more is looked at than is needed, from the
// left. Its errors are [*Error]s.
func (n *node) eval(row []Value) (Value, error) {
	switch n.op {
	case literalOp:
		return n.value, nil
	case columnOp:
		return row[n.slot], nil
	case overOp:
		return row[len(row)-1-n.slot], nil
	case andOp, orOp:
		return n.evalJoined(row)
	case inOp:
		return n.evalIn(row)
	case caseOp:
		return n.evalCase(row)
	case callOp:
		return n.evalCall(row)
	case tryCastOp:
		return n.evalTryCast(row)
	}
	return n.evalStrict(row)
}

// truth is what n is as a condition on a row.
func (n *node) truth(row []Value) (index.Truth, error) {
	v, err := n.eval(row)
	if err != nil {
		return index.Unknown, err
	}
	t, ok := truthOf(v)
	if !ok {
		return t, n.fail("expected a condition, found %s %s", v.Kind(), brief(v))
	}
	return t, nil
}

// evalJoined is AND, the least of the truths, or OR, the greatest.
func (n *node) evalJoined(row []Value) (Value, error) {
	all, decided := index.True, index.False
	if n.op == orOp {
		all, decided = index.False, index.True
	}
	for _, a := range n.args {
		t, err := a.truth(row)
		if err != nil {
			return Value{}, err
		}
		if t == decided {
			return ofTruth(t), nil
		}
		if t == index.Unknown {
			all = t
		}
	}
	return ofTruth(all), nil
}

// evalIn is true where one of the list is equal, else unknown where one of it is
// null.
func (n *node) evalIn(row []Value) (Value, error) {
	v, err := n.args[0].eval(row)
	if err != nil || isNull(v) {
		return segment.NullOf(), err
	}
	found := index.False
	for _, a := range n.args[1:] {
		want, err := a.eval(row)
		if err != nil {
			return Value{}, err
		}
		if isNull(want) {
			found = index.Unknown
		} else if order, ok := compare(v, want); ok && order == 0 {
			return segment.BoolOf(true), nil
		}
	}
	return ofTruth(found), nil
}

// evalCase takes the first WHEN that is true, or, where there is an operand, that
// equals it.
func (n *node) evalCase(row []Value) (Value, error) {
	args := n.args[n.n:]
	var operand Value
	if n.n == 1 {
		var err error
		if operand, err = n.args[0].eval(row); err != nil {
			return Value{}, err
		}
	}
	for ; len(args) > 1; args = args[2:] {
		hit, err := n.chooses(args[0], operand, row)
		if err != nil {
			return Value{}, err
		}
		if hit {
			return args[1].eval(row)
		}
	}
	if len(args) == 1 {
		return args[0].eval(row)
	}
	return segment.NullOf(), nil
}

func (n *node) chooses(when *node, operand Value, row []Value) (bool, error) {
	if n.n == 0 {
		t, err := when.truth(row)
		return t == index.True, err
	}
	v, err := when.eval(row)
	if err != nil {
		return false, err
	}
	order, ok := compare(operand, v)
	return ok && order == 0, nil
}

// evalCall calls a function. Most are null where an argument is.
func (n *node) evalCall(row []Value) (Value, error) {
	if n.fn.lazy {
		return n.coalesce(row)
	}
	var few [4]Value
	args := few[:0]
	for i, a := range n.args {
		if a.op == intervalOp {
			args = append(args, Value{})
			continue
		}
		v, err := a.eval(row)
		if err != nil {
			return Value{}, err
		}
		if isNull(v) && !n.fn.nulls {
			return v, nil
		}
		if takes := n.fn.takes(i); !takes.has(v.Kind()) {
			return Value{}, a.fail("%s takes %s here, not %s %s", n.fn.name, takes, v.Kind(), brief(v))
		}
		args = append(args, v)
	}
	v, err := n.call(args)
	return v, n.placed(err)
}

func (n *node) coalesce(row []Value) (Value, error) {
	for _, a := range n.args {
		if v, err := a.eval(row); err != nil || !isNull(v) {
			return v, err
		}
	}
	return segment.NullOf(), nil
}

// evalTryCast is null for what cannot be cast; what cannot be computed at all stays
// an error.
func (n *node) evalTryCast(row []Value) (Value, error) {
	v, err := n.args[0].eval(row)
	if err != nil {
		return v, err
	}
	out, err := cast(v, n.to)
	if err != nil {
		return segment.NullOf(), nil
	}
	return out, nil
}

// evalStrict is an operator that looks at all its arguments.
func (n *node) evalStrict(row []Value) (Value, error) {
	var few [3]Value
	for i, a := range n.args {
		if a.op == intervalOp {
			continue
		}
		var err error
		if few[i], err = a.eval(row); err != nil {
			return Value{}, err
		}
	}
	v, err := n.operate(few[0], few[1], few[2])
	return v, n.placed(err)
}

// placed is err at the node's place, if it has none of its own.
func (n *node) placed(err error) error {
	if err == nil {
		return nil
	}
	var placed *Error // in memory of its own, so not where there is no error
	if errors.As(err, &placed) {
		return err
	}
	return n.fail("%s", err)
}

func (n *node) operate(a, b, c Value) (Value, error) {
	switch n.op {
	case equalOp, lessOp, lessEqualOp, greaterOp, greaterEqualOp:
		return ofTruth(compared(n.op, a, b)), nil
	case betweenOp:
		return ofTruth(min(compared(greaterEqualOp, a, b), compared(lessEqualOp, a, c))), nil
	case distinctOp:
		return segment.BoolOf(!same(a, b)), nil
	case isNullOp:
		return segment.BoolOf(isNull(a)), nil
	case likeOp:
		return n.evalLike(a, b, c)
	case notOp:
		t, ok := truthOf(a)
		if !ok {
			return Value{}, n.args[0].fail("NOT takes a condition, found %s %s", a.Kind(), brief(a))
		}
		return ofTruth(index.True - t), nil
	case negOp:
		return negative(a)
	case concatOp:
		return concat(a, b)
	case castOp:
		return cast(a, n.to)
	case memberOp:
		return member(a, n.name), nil
	case elementOp:
		return element(a, n.n), nil
	}
	if n.args[1].op == intervalOp {
		return shifted(a, n.args[1].span, map[op]int64{addOp: 1, subOp: -1}[n.op], time.UTC)
	}
	return arithmetic(n.op, a, b)
}

// compared is what a comparison is of two values: unknown if one is null, false if
// they are of unlike kinds or one is NaN.
func compared(o op, a, b Value) index.Truth {
	if isNull(a) || isNull(b) {
		return index.Unknown
	}
	order, ok := compare(a, b)
	switch {
	case !ok:
	case o == equalOp && order == 0, o == lessOp && order < 0, o == lessEqualOp && order <= 0,
		o == greaterOp && order > 0, o == greaterEqualOp && order >= 0:
		return index.True
	}
	return index.False
}

// evalLike is LIKE, its pattern read anew where it is not constant.
func (n *node) evalLike(v, text, escape Value) (Value, error) {
	if n.pattern != nil {
		return like(v, n.pattern), nil
	}
	if isNull(v) || isNull(text) || len(n.args) > 2 && isNull(escape) {
		return segment.NullOf(), nil
	}
	if text.Kind() != segment.StringValue || len(n.args) > 2 && escape.Kind() != segment.StringValue {
		return Value{}, n.args[1].fail("LIKE takes a string as its pattern and its escape, not %s", brief(text))
	}
	p, err := parsePattern(text.Str(), escape.Str())
	if err != nil {
		return Value{}, n.args[1].placed(err)
	}
	return like(v, &p), nil
}
