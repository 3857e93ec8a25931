package query

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// kernelColumns are lists of values that kernels take, and some that they decline.
var kernelColumns = func() map[string][]Value {
	columns := map[string][]Value{
		"texts": {segment.StringOf("a"), segment.StringOf(""), segment.StringOf("ab"), segment.StringOf("a"), segment.StringOf("b"), segment.StringOf("b")},
		"bools": {segment.BoolOf(true), segment.BoolOf(false), segment.BoolOf(true), segment.BoolOf(true), segment.BoolOf(false), segment.BoolOf(true)},
		"nulls": {{}, {}, {}, {}, {}, {}},
		"holes": {segment.Int64Of(1), {}, segment.Int64Of(3), segment.Int64Of(-1), {}, segment.Int64Of(2)},
		"mixed": {segment.Int64Of(1), segment.Float64Of(1), segment.StringOf("a"), {}, segment.BoolOf(true), segment.Int64Of(2)},
	}
	for name, list := range map[string][]int64{
		"small": {1, -2, 3, 0, 2, 7},
		"ends":  {math.MaxInt64, math.MinInt64, -1, 1 << 32, -1 << 32, 0},
		"ones":  {1, 1, -1, -1, 1 << 31, 1},
		"zero":  {0, 0, 0, 0, 0, 0},
	} {
		for _, v := range list {
			columns[name] = append(columns[name], segment.Int64Of(v))
		}
	}
	for name, list := range map[string][]float64{
		"floats": {1, -2.5, math.Copysign(0, -1), 1e300, math.SmallestNonzeroFloat64, 3},
		"nans":   {math.NaN(), math.Inf(1), math.Inf(-1), 1, 1 << 53, 2},
	} {
		for _, v := range list {
			columns[name] = append(columns[name], segment.Float64Of(v))
		}
	}
	return columns
}()

// kernelBatch is a batch of the columns a and b.
func kernelBatch(a, b []Value) *batch {
	of := newBatch(2)
	of.begin(len(a), nil, func(slot int, c *Column) error {
		c.reset()
		for _, v := range [][]Value{a, b}[slot] {
			c.append(v)
		}
		return nil
	})
	return of
}

// TestKernels: a vector of values is what they are one by one, and an error where one
// of a wanted row is; a filter is the rows of which the condition is true.
func TestKernels(t *testing.T) {
	computed := 0
	a, b := Col("a"), Col("b")
	for _, o := range []op{addOp, subOp, mulOp, divOp, equalOp, lessOp, lessEqualOp, greaterOp, greaterEqualOp} {
		for _, shape := range []func(constant Value) Expr{
			func(Value) Expr { return a.with(o, b) },
			func(v Value) Expr { return a.with(o, Lit(v)) },
			func(v Value) Expr { return Lit(v).with(o, a) },
			func(v Value) Expr { return a.Mul(Lit(v)).with(o, b) },
		} {
			for nameA, listA := range kernelColumns {
				for nameB, listB := range kernelColumns {
					e := shape(listB[0])
					p, err := bind(From("t").Select(a, b, e), nil, nil)
					if err != nil {
						continue // no arithmetic of texts
					}
					for _, sel := range [][]uint16{nil, {0, 2, 3}, {4, 1}, {}} {
						took, wrong := checkKernel(p.outputs[2], listA, listB, sel)
						if took {
							computed++
						}
						if wrong != "" {
							t.Errorf("%s of a: %s and b: %s, rows %v: %s", e, nameA, nameB, sel, wrong)
						}
					}
				}
			}
		}
	}
	if computed < 500 {
		t.Errorf("kernels took only %d", computed)
	}
}

// checkKernel compares n of all rows at once with n row by row, and says whether a
// kernel took it.
func checkKernel(n *node, listA, listB []Value, sel []uint16) (took bool, wrong string) {
	of := kernelBatch(listA, listB)
	var failed error
	var want []Value
	var pass []uint16
	for _, i := range of.rows(sel) {
		v, err := n.eval([]Value{listA[i], listB[i]})
		if err != nil {
			failed = err
			break
		}
		want = append(want, v)
		if truth, _ := truthOf(v); truth == index.True {
			pass = append(pass, i)
		}
	}
	if equalOp <= n.op && n.op <= greaterEqualOp {
		got, err := of.filter(n, sel)
		if (err == nil) != (failed == nil) || err == nil && !slices.Equal(of.rows(got), pass) {
			return false, fmt.Sprintf("passed %v, %v, want %v, %v", of.rows(got), err, pass, failed)
		}
		_, took, _ = of.compareAll(n, sel)
		return took, ""
	}
	took, _ = of.compute(n, sel, &Column{})
	c, err := of.vector(n, sel)
	if (err == nil) != (failed == nil) {
		return took, fmt.Sprintf("error %v, want %v", err, failed)
	}
	if err != nil {
		return took, ""
	}
	if c.Len() != of.n {
		return took, "it has another number of rows"
	}
	var got []Value
	for _, i := range of.rows(sel) {
		got = append(got, c.Value(int(i)))
	}
	if !slices.EqualFunc(got, want, sameKernel) {
		return took, "got" + show(got) + ", want" + show(want)
	}
	return took, ""
}

// sameKernel: all bits, but those of what is not a number.
func sameKernel(a, b Value) bool {
	return a.Equal(b) || a.Kind() == segment.Float64Value && b.Kind() == segment.Float64Value && math.IsNaN(a.Float64()) && math.IsNaN(b.Float64())
}
