package query

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/annalsdb/annals/segment"
)

var (
	errOverflow = errors.New("the result does not fit an int64")
	errDivision = errors.New("division by zero")
	errTime     = errors.New("the result is outside the years 1677 to 2262")
)

// addInt is a + b and whether it fits.
func addInt(a, b int64) (int64, bool) {
	c := a + b
	return c, (c > a) == (b > 0)
}

// subInt is a - b and whether it fits.
func subInt(a, b int64) (int64, bool) {
	c := a - b
	return c, (c < a) == (b > 0)
}

// mulInt is a · b and whether it fits.
func mulInt(a, b int64) (int64, bool) {
	if a == 0 || b == 0 {
		return 0, true
	}
	c := a * b
	return c, c/b == a && !(a == -1 && b == math.MinInt64) && !(b == -1 && a == math.MinInt64)
}

// nanosOf is t in nanoseconds since 1970 and whether an int64 holds it.
func nanosOf(t time.Time) (int64, bool) { return segment.Nanos(t) }

// arithmetic is what an operator makes of two numbers; of two times, their distance
// in nanoseconds. Two int64 make an int64, or an error if that does not fit, except
// that they are divided as float64: the fields of a stream hold 3 in one row and 3.5
// in the next, and a half of them should not be another thing each time. An int64
// with a float64 is taken as the nearest float64. Floats follow IEEE 754, except
// that nothing is divided by zero.
func arithmetic(o op, a, b Value) (Value, error) {
	switch {
	case isNull(a) || isNull(b):
		return segment.NullOf(), nil
	case a.Kind() == segment.TimeValue && b.Kind() == segment.TimeValue && o == subOp:
		return intResult(subInt(a.Nanos(), b.Nanos()))
	case !isNumber(a) || !isNumber(b):
		return Value{}, fmt.Errorf("%s takes numbers, not %s and %s%s", operators[o].sign, a.Kind(), b.Kind(), remedy(o, a, b))
	case a.Kind() == segment.Int64Value && b.Kind() == segment.Int64Value && o != divOp:
		return intArithmetic(o, a.Int64(), b.Int64())
	}
	return floatArithmetic(o, floatOf(a), floatOf(b))
}

// remedy is what else there is to put two values together.
func remedy(o op, a, b Value) string {
	switch {
	case o == addOp && a.Kind() == segment.StringValue && b.Kind() == segment.StringValue:
		return "; strings are joined by ||"
	case a.Kind() == segment.TimeValue && isNumber(b):
		return "; to times an INTERVAL is added"
	}
	return ""
}

func intArithmetic(o op, a, b int64) (Value, error) {
	switch o {
	case addOp:
		return intResult(addInt(a, b))
	case subOp:
		return intResult(subInt(a, b))
	case mulOp:
		return intResult(mulInt(a, b))
	}
	if b == 0 {
		return Value{}, errDivision
	}
	return segment.Int64Of(a % b), nil
}

func intResult(v int64, fits bool) (Value, error) {
	if !fits {
		return Value{}, errOverflow
	}
	return segment.Int64Of(v), nil
}

func floatArithmetic(o op, a, b float64) (Value, error) {
	switch o {
	case addOp:
		return segment.Float64Of(a + b), nil
	case subOp:
		return segment.Float64Of(a - b), nil
	case mulOp:
		return segment.Float64Of(a * b), nil
	}
	if b == 0 {
		return Value{}, errDivision
	}
	if o == modOp {
		return segment.Float64Of(math.Mod(a, b)), nil
	}
	return segment.Float64Of(a / b), nil
}

// floatOf is a number as the nearest float64.
func floatOf(v Value) float64 {
	if v.Kind() == segment.Int64Value {
		return float64(v.Int64())
	}
	return v.Float64()
}

// negative is -v.
func negative(v Value) (Value, error) {
	switch v.Kind() {
	case segment.NullValue:
		return v, nil
	case segment.Int64Value:
		return intResult(subInt(0, v.Int64()))
	case segment.Float64Value:
		return segment.Float64Of(-v.Float64()), nil
	}
	return Value{}, fmt.Errorf("- takes a number, not %s", v.Kind())
}

// shifted is the time v moved by an interval, sign times (1 or -1), by the calendar
// of a zone.
func shifted(v Value, by interval, sign int64, zone *time.Location) (Value, error) {
	switch v.Kind() {
	case segment.NullValue:
		return v, nil
	case segment.TimeValue:
		ns, ok := by.times(sign).after(v.Nanos(), zone)
		if !ok {
			return Value{}, errTime
		}
		return timeValue(ns), nil
	}
	return Value{}, fmt.Errorf("an INTERVAL is added to a time, not to %s", v.Kind())
}

// concat is a || b: two strings, or two of bytes.
func concat(a, b Value) (Value, error) {
	switch {
	case isNull(a) || isNull(b):
		return segment.NullOf(), nil
	case a.Kind() == segment.StringValue && b.Kind() == segment.StringValue:
		return segment.StringOf(a.Str() + b.Str()), nil
	case a.Kind() == segment.BytesValue && b.Kind() == segment.BytesValue:
		return segment.BytesOf(append(a.Bytes(), b.Bytes()...)), nil
	}
	return Value{}, fmt.Errorf("|| joins two strings or two of bytes, not %s and %s; concat takes values of any kind", a.Kind(), b.Kind())
}
