package segment

import "math"

// count is the number of values in v.
func (v *vector) count() int { return len(v.ints) + len(v.floats) + len(v.texts.codes) }

// value is the value at at of v, a column of that kind.
func (v *vector) value(kind ValueKind, at int) Value {
	switch kind {
	case NullValue:
		return Value{}
	case Float64Value:
		return Value{kind: kind, bits: math.Float64bits(v.floats[at])}
	case StringValue, BytesValue, JSONValue:
		return Value{kind: kind, text: v.texts.at(at)}
	}
	return Value{kind: kind, bits: uint64(v.ints[at])}
}
