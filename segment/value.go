package segment

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
	"unsafe"
)

// ValueKind says what a [Value] holds. The numbers are part of the disk format.
type ValueKind uint8

// The kinds of value. A value read back has the kind it was written with.
const (
	NullValue    ValueKind = iota
	BoolValue              // true or false
	Int64Value             // all 64 bits
	Float64Value           // all 64 bits: NaN payloads and -0 survive
	StringValue            // any bytes, by convention UTF-8
	BytesValue             // opaque
	TimeValue              // nanoseconds since 1970 UTC
	JSONValue              // one valid JSON text, kept to the letter
	invalidValue           // made by a constructor that was given what cannot be stored
)

var kindNames = [...]string{"null", "bool", "int64", "float64", "string", "bytes", "time", "json", "invalid"}

// String is the kind's name: "int64", "json".
func (k ValueKind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "kind(" + strconv.Itoa(int(k)) + ")"
}

// Value is one immutable value of one of eight kinds. The zero Value is null.
//
// It is 32 bytes, copied freely and safe for concurrent use. What it holds of
// text or bytes is shared with the event it came from, never with the caller's
// own slices. An accessor called on another kind returns the zero of its type.
type Value struct {
	text string // string, bytes, JSON; of an invalid value the reason
	bits uint64 // bool, int64, float64 bits, time in ns
	kind ValueKind
}

// NullOf is the null value.
func NullOf() Value { return Value{} }

// BoolOf holds b.
func BoolOf(b bool) Value {
	if b {
		return Value{kind: BoolValue, bits: 1}
	}
	return Value{kind: BoolValue}
}

// Int64Of holds i.
func Int64Of(i int64) Value { return Value{kind: Int64Value, bits: uint64(i)} }

// Float64Of holds the bits of f.
func Float64Of(f float64) Value { return Value{kind: Float64Value, bits: math.Float64bits(f)} }

// StringOf holds s.
func StringOf(s string) Value { return Value{kind: StringValue, text: s} }

// BytesOf holds a copy of b.
func BytesOf(b []byte) Value { return Value{kind: BytesValue, text: string(b)} }

// TimeOf holds the instant t to the nanosecond; its location is not kept. A
// time that an int64 of nanoseconds cannot hold (before 1677 or after 2262)
// makes a value that Append refuses.
func TimeOf(t time.Time) Value {
	ns, ok := Nanos(t)
	if !ok {
		return Value{kind: invalidValue, text: fmt.Sprintf("time %s is outside the years 1677 to 2262", t.Format(time.RFC3339))}
	}
	return Value{kind: TimeValue, bits: uint64(ns)}
}

// JSONOf holds a copy of the JSON text b, to the letter. Text that is not
// valid JSON makes a value that Append refuses.
func JSONOf(b json.RawMessage) Value {
	if !json.Valid(b) {
		return Value{kind: invalidValue, text: "not valid JSON"}
	}
	return Value{kind: JSONValue, text: string(b)}
}

// FromInt is what number i of a column of that kind (bool, int64 or time) stands
// for.
func FromInt(kind ValueKind, i int64) Value { return Value{kind: kind, bits: uint64(i)} }

// FromText is what text s of a column of that kind (string, bytes or JSON) stands
// for.
func FromText(kind ValueKind, s string) Value { return Value{kind: kind, text: s} }

// Kind says what v holds.
func (v Value) Kind() ValueKind { return v.kind }

// IsNull reports whether v is null.
func (v Value) IsNull() bool { return v.kind == NullValue }

// Bool is the bool that v holds.
func (v Value) Bool() bool { return v.kind == BoolValue && v.bits != 0 }

// Int64 is the int64 that v holds.
func (v Value) Int64() int64 {
	if v.kind != Int64Value {
		return 0
	}
	return int64(v.bits)
}

// Float64 is the float64 that v holds, bit for bit.
func (v Value) Float64() float64 {
	if v.kind != Float64Value {
		return 0
	}
	return math.Float64frombits(v.bits)
}

// Str is the string that v holds.
func (v Value) Str() string {
	if v.kind != StringValue {
		return ""
	}
	return v.text
}

// Text is the string, the bytes or the JSON text that v holds; it is shared.
func (v Value) Text() string { return v.text }

// Bytes is a copy of the bytes that v holds.
func (v Value) Bytes() []byte {
	if v.kind != BytesValue {
		return nil
	}
	return []byte(v.text)
}

// JSON is a copy of the JSON text that v holds.
func (v Value) JSON() json.RawMessage {
	if v.kind != JSONValue {
		return nil
	}
	return json.RawMessage(v.text)
}

// Nanos is the time that v holds, in nanoseconds since 1970 UTC.
func (v Value) Nanos() int64 {
	if v.kind != TimeValue {
		return 0
	}
	return int64(v.bits)
}

// Time is the time that v holds, in UTC.
func (v Value) Time() time.Time {
	if v.kind != TimeValue {
		return time.Time{}
	}
	return time.Unix(0, int64(v.bits)).UTC()
}

// Any is v as the Go value nearest to it: nil, bool, int64, float64, string,
// []byte, time.Time or json.RawMessage.
func (v Value) Any() any {
	switch v.kind {
	case BoolValue:
		return v.Bool()
	case Int64Value:
		return v.Int64()
	case Float64Value:
		return v.Float64()
	case StringValue:
		return v.text
	case BytesValue:
		return v.Bytes()
	case TimeValue:
		return v.Time()
	case JSONValue:
		return v.JSON()
	}
	return nil
}

// Equal reports whether v and o are of one kind and hold the same bits: a NaN
// equals itself, 0 does not equal -0, and 1 as an integer is not 1 as a float.
func (v Value) Equal(o Value) bool { return v == o }

// String is v for a person to read.
func (v Value) String() string {
	switch v.kind {
	case NullValue:
		return "null"
	case BoolValue:
		return strconv.FormatBool(v.Bool())
	case Int64Value:
		return strconv.FormatInt(v.Int64(), 10)
	case Float64Value:
		return strconv.FormatFloat(v.Float64(), 'g', -1, 64)
	case BytesValue:
		return base64.StdEncoding.EncodeToString(unsafe.Slice(unsafe.StringData(v.text), len(v.text)))
	case TimeValue:
		return v.Time().Format(time.RFC3339Nano)
	}
	return v.text
}

// Nanos is t in nanoseconds since 1970 UTC, and whether an int64 can hold it.
func Nanos(t time.Time) (int64, bool) {
	ns := t.UnixNano()
	return ns, time.Unix(0, ns).Equal(t)
}
