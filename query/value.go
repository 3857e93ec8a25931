package query

import (
	"cmp"
	"encoding/binary"
	"math"
	"time"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// kindSet is the kinds that the values of an expression can have, as bits.
type kindSet uint16

func setOf(kinds ...segment.ValueKind) (s kindSet) {
	for _, k := range kinds {
		s |= 1 << k
	}
	return s
}

// The sets that expressions have. Each but noKind has null in it, which any
// expression can be.
var (
	null       = setOf(segment.NullValue)
	bools      = null | setOf(segment.BoolValue)
	ints       = null | setOf(segment.Int64Value)
	floats     = null | setOf(segment.Float64Value)
	numbers    = ints | floats
	texts      = null | setOf(segment.StringValue)
	times      = null | setOf(segment.TimeValue)
	textsBytes = texts | setOf(segment.BytesValue)
	jsons      = null | setOf(segment.JSONValue)
	anyKind    = kindSet(1<<(segment.JSONValue+1) - 1)
)

// has reports whether values of kind k are possible.
func (s kindSet) has(k segment.ValueKind) bool { return s&(1<<k) != 0 }

// String is the kinds but null for an error: "int64 or float64".
func (s kindSet) String() string {
	text := ""
	for k := segment.BoolValue; k <= segment.JSONValue; k++ {
		if !s.has(k) {
			continue
		}
		if text != "" {
			text += " or "
		}
		text += k.String()
	}
	if text == "" {
		return "null"
	}
	return text
}

func isNull(v Value) bool { return v.Kind() == segment.NullValue }

func isNaN(v Value) bool { return v.Kind() == segment.Float64Value && math.IsNaN(v.Float64()) }

func isNumber(v Value) bool {
	return v.Kind() == segment.Int64Value || v.Kind() == segment.Float64Value
}

func timeValue(ns int64) Value { return segment.TimeOf(time.Unix(0, ns)) }

// compare is −1, 0 or 1 and whether a and b can be compared at all; see
// [index.Literal.Compare].
func compare(a, b Value) (order int, ok bool) { return a.Literal().Compare(b.Literal()) }

// same reports whether a IS NOT DISTINCT FROM b: they are equal, or both null, or
// both NaN.
func same(a, b Value) bool {
	if isNull(a) || isNull(b) || isNaN(a) || isNaN(b) {
		return a.Kind() == b.Kind() && (isNull(a) || isNaN(b) == isNaN(a))
	}
	order, ok := compare(a, b)
	return ok && order == 0
}

// sortRank is the place of a value's kind in an order of rows: numbers are one kind.
var sortRank = [...]int{
	segment.BoolValue: 1, segment.Int64Value: 2, segment.Float64Value: 2, segment.TimeValue: 3,
	segment.StringValue: 4, segment.BytesValue: 5, segment.JSONValue: 6, segment.NullValue: 7,
}

// collate is −1, 0 or 1 as a stands before, with or behind b where rows are put in
// order: false, true, numbers, NaN, times, strings, bytes, JSON, null. It is 0 just
// where the two are the same.
func collate(a, b Value) int {
	if order, ok := compare(a, b); ok {
		return order
	}
	return cmp.Or(cmp.Compare(sortRank[a.Kind()], sortRank[b.Kind()]), boolCompare(isNaN(a), isNaN(b)))
}

func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// appendKey appends bytes that are equal for just those values that are the same,
// and of which none is a beginning of another: the key of a group.
func appendKey(dst []byte, v Value) []byte {
	l := v.Literal()
	switch l.Kind() {
	case index.Null:
		return append(dst, 0)
	case index.Float64:
		if whole, ok := wholeOf(v); ok {
			return appendKey(dst, segment.Int64Of(whole))
		}
		f := l.Float64()
		if math.IsNaN(f) {
			f = math.NaN()
		}
		return binary.LittleEndian.AppendUint64(append(dst, byte(index.Float64)), math.Float64bits(f))
	case index.Bool, index.Int64, index.Time:
		return binary.LittleEndian.AppendUint64(append(dst, byte(l.Kind())), uint64(l.Int64()))
	}
	dst = binary.AppendUvarint(append(dst, byte(l.Kind())), uint64(len(l.Text())))
	return append(dst, l.Text()...)
}

// shown is which of two values that are the same a group shows: an int64 rather
// than a float64, -0 rather than 0. So it does not depend on the order of rows.
func shown(a, b Value) Value {
	if b.Kind() == segment.Int64Value || b.Kind() == a.Kind() && !isNaN(b) && math.Signbit(b.Float64()) {
		return b
	}
	return a
}

// truthOf is what a value is as a condition; ok is false if it is neither a bool
// nor null.
func truthOf(v Value) (truth index.Truth, ok bool) {
	switch {
	case isNull(v):
		return index.Unknown, true
	case v.Kind() != segment.BoolValue:
		return index.Unknown, false
	case v.Bool():
		return index.True, true
	}
	return index.False, true
}

// ofTruth is a truth as a value: unknown is null.
func ofTruth(t index.Truth) Value {
	if t == index.Unknown {
		return segment.NullOf()
	}
	return segment.BoolOf(t == index.True)
}

func floatBits(v Value) uint64 { return math.Float64bits(v.Float64()) }
