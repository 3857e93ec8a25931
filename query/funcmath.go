package query

import (
	"fmt"
	"math"
	"strconv"

	"github.com/annalsdb/annals/segment"
)

// mathFunctions: what is exact for int64 gives int64, the others float64.
var mathFunctions = []function{
	{name: "abs", min: 1, max: 1, args: []kindSet{numbers}, result: numbers, call: func(a []Value) (Value, error) {
		if a[0].Kind() == segment.Int64Value && a[0].Int64() >= 0 {
			return a[0], nil
		}
		if a[0].Kind() == segment.Float64Value {
			return segment.Float64Of(math.Abs(a[0].Float64())), nil
		}
		return negative(a[0])
	}},
	{name: "sign", min: 1, max: 1, args: []kindSet{numbers}, result: numbers, call: func(a []Value) (Value, error) {
		if a[0].Kind() == segment.Float64Value && (a[0].Float64() == 0 || isNaN(a[0])) {
			return a[0], nil
		}
		order, _ := compare(a[0], segment.Int64Of(0))
		if a[0].Kind() == segment.Float64Value {
			return segment.Float64Of(float64(order)), nil
		}
		return intValue(order), nil
	}},
	whole("floor", math.Floor), whole("ceil", math.Ceil), whole("trunc", math.Trunc),
	{name: "round", min: 1, max: 2, args: []kindSet{numbers, ints}, result: numbers, call: round},
	float1("sqrt", math.Sqrt, func(x float64) bool { return x >= 0 }, "a number of 0 or more"),
	float1("exp", math.Exp, nil, ""),
	float1("ln", math.Log, func(x float64) bool { return x > 0 }, "a number above 0"),
	float1("log10", math.Log10, func(x float64) bool { return x > 0 }, "a number above 0"),
	float1("log2", math.Log2, func(x float64) bool { return x > 0 }, "a number above 0"),
	{name: "pow", min: 2, max: 2, args: []kindSet{numbers}, result: floats, call: pow},
	{name: "mod", min: 2, max: 2, args: []kindSet{numbers}, result: numbers, call: func(a []Value) (Value, error) {
		return arithmetic(modOp, a[0], a[1])
	}},
	{name: "div", min: 2, max: 2, args: []kindSet{ints}, result: ints, call: div},
	{name: "is_nan", min: 1, max: 1, args: []kindSet{numbers}, result: bools, call: func(a []Value) (Value, error) {
		return segment.BoolOf(isNaN(a[0])), nil
	}},
}

// whole is a function to whole numbers, which leaves an int64 as it is.
func whole(name string, f func(float64) float64) function {
	return function{name: name, min: 1, max: 1, args: []kindSet{numbers}, result: numbers, call: func(a []Value) (Value, error) {
		if a[0].Kind() == segment.Int64Value {
			return a[0], nil
		}
		return segment.Float64Of(f(a[0].Float64())), nil
	}}
}

// float1 is a function of one float64. NaN goes through; what else defined (nil: all)
// does not admit is an error.
func float1(name string, f func(float64) float64, defined func(float64) bool, domain string) function {
	return function{name: name, min: 1, max: 1, args: []kindSet{numbers}, result: floats, call: func(a []Value) (Value, error) {
		x := floatOf(a[0])
		if defined != nil && !math.IsNaN(x) && !defined(x) {
			return Value{}, fmt.Errorf("%s takes %s, not %s", name, domain, floatText(x))
		}
		return segment.Float64Of(f(x)), nil
	}}
}

// round is to the nearest with so many digits behind the point, and to the even one
// of two that are as near.
func round(a []Value) (Value, error) {
	digits := int64(0)
	if len(a) == 2 {
		digits = a[1].Int64()
	}
	if digits < 0 || digits > 300 {
		return Value{}, fmt.Errorf("round takes 0 to 300 digits, not %d", digits)
	}
	x := a[0].Float64()
	if a[0].Kind() == segment.Int64Value || math.IsNaN(x) || math.IsInf(x, 0) {
		return a[0], nil
	}
	// Formatting rounds the exact value of x; multiplying it would round twice.
	f, err := strconv.ParseFloat(strconv.FormatFloat(x, 'f', int(digits), 64), 64)
	return segment.Float64Of(f), err
}

func pow(a []Value) (Value, error) {
	x, y := floatOf(a[0]), floatOf(a[1])
	switch {
	case x == 0 && y < 0:
		return Value{}, errDivision
	case x < 0 && y != math.Trunc(y):
		return Value{}, fmt.Errorf("pow of a negative number takes a whole exponent, not %s", floatText(y))
	}
	return segment.Float64Of(math.Pow(x, y)), nil
}

// div is the whole part of a quotient, towards 0.
func div(a []Value) (Value, error) {
	x, y := a[0].Int64(), a[1].Int64()
	switch {
	case y == 0:
		return Value{}, errDivision
	case x == math.MinInt64 && y == -1:
		return Value{}, errOverflow
	}
	return segment.Int64Of(x / y), nil
}
