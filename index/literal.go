package index

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"time"
)

// Kind says what a [Literal] holds. A caller with kinds of its own gives them
// these numbers.
type Kind uint8

// The kinds of literal.
const (
	Null    Kind = iota
	Bool         // true or false
	Int64        // all 64 bits
	Float64      // all 64 bits
	String       // any bytes, by convention UTF-8
	Bytes        // opaque
	Time         // nanoseconds since 1970 UTC
	JSON         // a text
	kinds        // how many there are
)

var kindNames = [kinds]string{"null", "bool", "int64", "float64", "string", "bytes", "time", "json"}

// String is the kind's name: "int64", "json".
func (k Kind) String() string {
	if k < kinds {
		return kindNames[k]
	}
	return "kind(" + strconv.Itoa(int(k)) + ")"
}

// Literal is one immutable value. The zero Literal is null. With == two are the
// same when kind and bits are: a NaN equals itself, 0 does not equal -0, 1 does
// not equal 1.0. [Literal.Compare] is what a predicate means by equal.
type Literal struct {
	text string
	bits uint64
	kind Kind
}

// BoolOf holds b.
func BoolOf(b bool) Literal {
	if b {
		return Literal{kind: Bool, bits: 1}
	}
	return Literal{kind: Bool}
}

// Int64Of holds i.
func Int64Of(i int64) Literal { return Literal{kind: Int64, bits: uint64(i)} }

// Float64Of holds the bits of f.
func Float64Of(f float64) Literal { return Literal{kind: Float64, bits: math.Float64bits(f)} }

// StringOf holds s.
func StringOf(s string) Literal { return Literal{kind: String, text: s} }

// BytesOf holds the bytes of s.
func BytesOf(s string) Literal { return Literal{kind: Bytes, text: s} }

// TimeOf holds the instant ns nanoseconds after 1970 UTC.
func TimeOf(ns int64) Literal { return Literal{kind: Time, bits: uint64(ns)} }

// JSONOf holds the text s.
func JSONOf(s string) Literal { return Literal{kind: JSON, text: s} }

// Kind says what l holds.
func (l Literal) Kind() Kind { return l.kind }

// Text is the string, bytes or JSON that l holds.
func (l Literal) Text() string { return l.text }

// Int64 is the int64, the nanoseconds of the time, or 1 for the true, that l
// holds.
func (l Literal) Int64() int64 {
	if l.kind == Float64 {
		return 0
	}
	return int64(l.bits)
}

// Float64 is the float64 that l holds, bit for bit.
func (l Literal) Float64() float64 {
	if l.kind != Float64 {
		return 0
	}
	return math.Float64frombits(l.bits)
}

// isNaN reports whether l is a float that is not a number.
func (l Literal) isNaN() bool { return l.kind == Float64 && l.Float64() != l.Float64() }

// alike reports whether values of kinds a and b can be compared: those of
// one kind, and numbers with numbers. Nothing can be with null.
func alike(a, b Kind) bool {
	return a != Null && (a == b || isNumber(a) && isNumber(b))
}

func isNumber(k Kind) bool { return k == Int64 || k == Float64 }

// Compare is −1, 0 or 1 as l is less than, equal to or greater than o, and
// whether the two can be compared: not null, not NaN, and of one kind or both
// numbers, which compare exactly, however large. false is less than true; text,
// bytes and JSON go by their bytes; 0 equals -0.
func (l Literal) Compare(o Literal) (order int, ok bool) {
	switch {
	case !alike(l.kind, o.kind) || l.isNaN() || o.isNaN():
		return 0, false
	case l.kind == Float64 && o.kind == Float64:
		return cmp.Compare(l.Float64(), o.Float64()), true
	case l.kind == Float64:
		return -compareNumbers(o.Int64(), l.Float64()), true
	case o.kind == Float64:
		return compareNumbers(l.Int64(), o.Float64()), true
	case l.kind == String || l.kind == Bytes || l.kind == JSON:
		return cmp.Compare(l.text, o.text), true
	}
	return cmp.Compare(int64(l.bits), int64(o.bits)), true
}

// compareNumbers compares i with f, not NaN, without rounding either.
func compareNumbers(i int64, f float64) int {
	switch {
	case f >= 1<<63:
		return -1
	case f < -1<<63:
		return 1
	}
	whole := math.Trunc(f)
	return cmp.Or(cmp.Compare(i, int64(whole)), cmp.Compare(whole, f))
}

// String is l for a person to read.
func (l Literal) String() string {
	switch l.kind {
	case Null:
		return "null"
	case Bool:
		return strconv.FormatBool(l.bits != 0)
	case Int64:
		return strconv.FormatInt(int64(l.bits), 10)
	case Float64:
		return formatFloat(l.Float64())
	case String:
		return strconv.Quote(l.text)
	case Bytes:
		return "x'" + hex.EncodeToString([]byte(l.text)) + "'"
	case Time:
		return time.Unix(0, int64(l.bits)).UTC().Format(time.RFC3339Nano)
	}
	return fmt.Sprintf("json %s", l.text)
}

// formatFloat is f so that it cannot be taken for an integer.
func formatFloat(f float64) string {
	s := strconv.FormatFloat(f, 'g', -1, 64)
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	return s
}
