package aggregate

import (
	"cmp"
	"math"

	"github.com/annalsdb/annals/segment"
)

// rank is where the values of a kind stand among those of others. Both kinds of
// number share one.
var rank = [256]int8{
	segment.NullValue: 0, segment.BoolValue: 1, segment.Int64Value: 2, segment.Float64Value: 2,
	segment.TimeValue: 3, segment.StringValue: 4, segment.BytesValue: 5, segment.JSONValue: 6,
}

// Compare is -1, 0 or 1 as a stands before, with or behind b in the order that
// min, max and top-k go by. It is total:
//
//	null < bool < numbers < time < string < bytes < JSON
//	false < true
//	numbers by value, exactly, however large; an int64 before the equal
//	float64; -0 before 0; NaN behind +Inf, all NaNs are one
//	string, bytes and JSON by their bytes
func Compare(a, b segment.Value) int {
	if r := cmp.Compare(rank[a.Kind()], rank[b.Kind()]); r != 0 {
		return r
	}
	af, bf := a.Kind() == segment.Float64Value, b.Kind() == segment.Float64Value
	switch a.Kind() {
	case segment.BoolValue:
		return cmp.Compare(bit(a.Bool()), bit(b.Bool()))
	case segment.TimeValue:
		return cmp.Compare(a.Nanos(), b.Nanos())
	case segment.StringValue, segment.BytesValue, segment.JSONValue:
		return cmp.Compare(a.Text(), b.Text())
	}
	switch {
	case af && bf:
		return cmp.Compare(floatKey(a.Float64()), floatKey(b.Float64()))
	case af:
		return -compareNumbers(b.Int64(), a.Float64())
	case bf:
		return compareNumbers(a.Int64(), b.Float64())
	}
	return cmp.Compare(a.Int64(), b.Int64())
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// compareNumbers compares i with f; i stands before an equal f.
func compareNumbers(i int64, f float64) int {
	switch {
	case f != f || f >= 1<<63:
		return -1
	case f < -1<<63:
		return 1
	}
	whole := math.Trunc(f)
	return cmp.Or(cmp.Compare(i, int64(whole)), cmp.Compare(whole, f), -1)
}

// nanKey is the key of every NaN.
const nanKey = 0x7ff8000000000001

// floatKey maps floats to integers in the order of Compare.
func floatKey(f float64) int64 {
	if f != f {
		return nanKey
	}
	b := int64(math.Float64bits(f))
	return b ^ int64(uint64(b>>63)>>1)
}

// keyFloat is the float of a key.
func keyFloat(k int64) float64 {
	return math.Float64frombits(uint64(k ^ int64(uint64(k>>63)>>1)))
}

// sameNumber is f as an int64, if it is equal to one.
func sameNumber(f float64) (int64, bool) {
	if f >= -1<<63 && f < 1<<63 && f == math.Trunc(f) {
		return int64(f), true
	}
	return 0, false
}
