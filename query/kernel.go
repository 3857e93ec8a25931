package query

import (
	"math/bits"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// Kernels compute a node for all rows of a batch at once, where the kinds of the
// columns allow it; the rest is left to node.eval. They decide nothing of their own:
// where a result could be an error, or the kinds are mixed, they decline.

// compute computes n for all rows of the batch; ok is false if no kernel does.
func (b *batch) compute(n *node, sel []uint16, c *Column) (ok bool, err error) {
	switch n.op {
	case literalOp:
		c.reset()
		c.fill(n.value, b.n)
		return true, nil
	case addOp, subOp, mulOp, divOp:
		if n.args[1].op == intervalOp {
			return false, nil
		}
		x, y, ok, err := b.operands(n, sel)
		if !ok || err != nil {
			return false, err
		}
		return arithmeticOf(n.op, x, y, c), nil
	}
	return false, nil
}

// fill makes c n times v.
func (c *Column) fill(v Value, n int) {
	switch k := v.Kind(); {
	case k == segment.NullValue:
	case k == segment.Float64Value:
		c.Floats = extended(c.Floats, n)
		for i := range c.Floats {
			c.Floats[i] = v.Float64()
		}
	case isText(k):
		c.Texts.Dict = append(c.Texts.Dict, v.Text())
		c.Texts.Codes = extended(c.Texts.Codes, n)
	default:
		c.Ints = extended(c.Ints, n)
		for i := range c.Ints {
			c.Ints[i] = v.Literal().Int64()
		}
	}
	c.Kind, c.n = v.Kind(), n
}

// operands is the two arguments of n if all of their values are numbers.
func (b *batch) operands(n *node, sel []uint16) (x, y *Column, ok bool, err error) {
	if !n.args[0].isSimple() || !n.args[1].isSimple() {
		return nil, nil, false, nil
	}
	if x, err = b.vector(n.args[0], sel); err != nil {
		return nil, nil, false, err
	}
	if y, err = b.vector(n.args[1], sel); err != nil {
		return nil, nil, false, err
	}
	number := func(c *Column) bool {
		return c.whole() && (c.Kind == segment.Int64Value || c.Kind == segment.Float64Value)
	}
	return x, y, number(x) && number(y), nil
}

// isSimple reports whether n is made of columns, numbers and + - * alone, so that
// to compute it twice, once in vain, costs little.
func (n *node) isSimple() bool {
	switch n.op {
	case columnOp, literalOp:
		return true
	case addOp, subOp, mulOp, divOp:
		return n.args[0].isSimple() && n.args[1].op != intervalOp && n.args[1].isSimple()
	}
	return false
}

// arithmeticOf computes x o y; it is false where a result is an error.
func arithmeticOf(o op, x, y *Column, c *Column) bool {
	c.reset()
	c.n = x.n
	if x.Kind == segment.Int64Value && y.Kind == segment.Int64Value && o != divOp {
		c.Kind = segment.Int64Value
		c.Ints = extended(c.Ints, x.n)
		return intKernel(o, x.Ints, y.Ints, c.Ints)
	}
	c.Kind = segment.Float64Value
	c.Floats = extended(c.Floats, x.n)
	return floatKernel(o, x.floats(), y.floats(), c.Floats)
}

// floats is the numbers of c as floats.
func (c *Column) floats() []float64 {
	if c.Kind == segment.Float64Value {
		return c.Floats
	}
	all := make([]float64, len(c.Ints))
	for i, v := range c.Ints {
		all[i] = float64(v)
	}
	return all
}

func intKernel(o op, x, y, to []int64) bool {
	x, y = x[:len(to)], y[:len(to)]
	wrong := int64(0) // negative where one overflowed
	switch o {
	case addOp:
		for i := range to {
			s := x[i] + y[i]
			wrong |= (x[i] ^ s) & (y[i] ^ s)
			to[i] = s
		}
	case subOp:
		for i := range to {
			s := x[i] - y[i]
			wrong |= (x[i] ^ y[i]) & (x[i] ^ s)
			to[i] = s
		}
	case mulOp:
		for i := range to {
			hi, lo := bits.Mul64(uint64(x[i]), uint64(y[i]))
			high := int64(hi) - x[i]>>63&y[i] - y[i]>>63&x[i] // of the signed product
			if high != int64(lo)>>63 {
				wrong = -1
			}
			to[i] = int64(lo)
		}
	}
	return wrong >= 0
}

func floatKernel(o op, x, y, to []float64) bool {
	x, y = x[:len(to)], y[:len(to)]
	switch o {
	case addOp:
		for i := range to {
			to[i] = x[i] + y[i]
		}
	case subOp:
		for i := range to {
			to[i] = x[i] - y[i]
		}
	case mulOp:
		for i := range to {
			to[i] = x[i] * y[i]
		}
	case divOp:
		for i := range to {
			if y[i] == 0 {
				return false
			}
			to[i] = x[i] / y[i]
		}
	}
	return true
}

// compareAll is filter for a comparison of a column with a constant; ok is false if
// there is no kernel for it.
func (b *batch) compareAll(n *node, sel []uint16) (passed []uint16, ok bool, err error) {
	o := n.op
	if o < equalOp || o > greaterEqualOp {
		return nil, false, nil
	}
	x, y := n.args[0], n.args[1]
	if x.constant() {
		x, y, o = y, x, turnedOps[o]
	}
	if x.op != columnOp || !y.constant() {
		return nil, false, nil
	}
	c, err := b.column(x.slot)
	if err != nil || c.Mixed != nil || isNull(y.value) {
		return nil, false, err
	}
	passed = b.nextPicked()
	rows := b.rows(sel)
	switch {
	case c.Kind == segment.NullValue:
	case isText(c.Kind):
		passed = c.compareTexts(o, y.value, rows, passed)
	case c.Kind == segment.Float64Value && y.value.Kind() == segment.Float64Value:
		passed = picked(c.Nulls, rows, passed, c.Floats, y.value.Float64(), o)
	case c.Kind != segment.Float64Value && y.value.Kind() == c.Kind:
		passed = picked(c.Nulls, rows, passed, c.Ints, y.value.Literal().Int64(), o)
	default:
		for _, i := range rows {
			if compared(o, c.Value(int(i)), y.value) == index.True {
				passed = append(passed, i)
			}
		}
	}
	return b.keep(passed, sel), true, nil
}

// picked appends the rows whose value is in the relation o to v.
func picked[T int64 | float64](nulls []bool, rows, passed []uint16, list []T, v T, o op) []uint16 {
	for _, i := range rows {
		x := list[i]
		var is bool
		switch o {
		case equalOp:
			is = x == v
		case lessOp:
			is = x < v
		case lessEqualOp:
			is = x <= v
		case greaterOp:
			is = x > v
		case greaterEqualOp:
			is = x >= v
		}
		if is && (nulls == nil || !nulls[i]) {
			passed = append(passed, i)
		}
	}
	return passed
}

// compareTexts compares each text of the dictionary once.
func (c *Column) compareTexts(o op, v Value, rows, passed []uint16) []uint16 {
	is := make([]bool, len(c.Texts.Dict))
	for j, s := range c.Texts.Dict {
		is[j] = compared(o, segment.FromText(c.Kind, s), v) == index.True
	}
	for _, i := range rows {
		if is[c.Texts.Codes[i]] && (c.Nulls == nil || !c.Nulls[i]) {
			passed = append(passed, i)
		}
	}
	return passed
}
