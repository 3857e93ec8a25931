package segment

import (
	"encoding/binary"
	"unsafe"
)

// Decoder reads numbers, texts and fields from the front of a string. After the
// first fault everything reads as zero; the fault is asked for once, at the end.
// What it returns is part of the string.
//
// It counts where it stands and leaves the string as it is: cutting the string short
// would write a pointer at each step, which costs twice while memory is collected.
type Decoder struct {
	all string
	at  int // of the first byte that was not read
	bad bool
}

// NewDecoder reads s.
func NewDecoder(s string) Decoder { return Decoder{all: s} }

// Bad reports whether the string ended too early or said what no writer wrote.
func (d *Decoder) Bad() bool { return d.bad }

// Rest is what was not read yet.
func (d *Decoder) Rest() string { return d.all[d.at:] }

func (d *Decoder) fail() { d.at, d.bad = len(d.all), true }

// Byte reads one byte.
func (d *Decoder) Byte() byte {
	if d.at >= len(d.all) {
		d.fail()
		return 0
	}
	b := d.all[d.at]
	d.at++
	return b
}

// Uvarint reads an unsigned integer.
func (d *Decoder) Uvarint() uint64 {
	if at := d.at; at < len(d.all) && d.all[at] < 0x80 { // most are one byte
		d.at++
		return uint64(d.all[at])
	}
	return d.uvarint()
}

func (d *Decoder) uvarint() uint64 {
	v, n := binary.Uvarint(view(d.Rest()))
	if n <= 0 {
		d.fail()
		return 0
	}
	d.at += n
	return v
}

// Varint reads a signed integer.
func (d *Decoder) Varint() int64 {
	u := d.Uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

// Text reads a length and as many bytes.
func (d *Decoder) Text() string {
	n := d.Uvarint()
	if n > uint64(len(d.all)-d.at) {
		d.fail()
		return ""
	}
	return d.Bytes(int(n))
}

// Bytes reads n bytes.
func (d *Decoder) Bytes(n int) string {
	if n > len(d.all)-d.at {
		d.fail()
		return ""
	}
	d.at += n
	return d.all[d.at-n : d.at]
}

func (d *Decoder) uint64() uint64 {
	if len(d.all)-d.at < 8 {
		d.fail()
		return 0
	}
	d.at += 8
	return binary.LittleEndian.Uint64(view(d.all[d.at-8 : d.at]))
}

// Field reads what [AppendField] wrote.
func (d *Decoder) Field() Field { return Field{Name: d.Text(), Value: d.Value()} }

// Value reads what [AppendValue] wrote.
func (d *Decoder) Value() Value {
	v := Value{kind: ValueKind(d.Byte())}
	switch v.kind {
	case NullValue:
	case BoolValue:
		v.bits = uint64(d.Byte())
		if v.bits > 1 {
			d.fail()
		}
	case Int64Value, TimeValue:
		v.bits = uint64(d.Varint())
	case Float64Value:
		v.bits = d.uint64()
	case StringValue, BytesValue, JSONValue:
		v.text = d.Text()
	default:
		d.fail()
		return Value{}
	}
	return v
}

// view is the bytes of s, for functions that read bytes and keep nothing.
func view(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// viewString is b as a string, valid as long as b is not written to.
func viewString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
