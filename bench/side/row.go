package side

import (
	"encoding/binary"
	"math"

	"github.com/annalsdb/annals/bench/load"
)

// How readings are stored where keys and values are bytes, by bbolt here and by
// peers of its kind: under the key and the inverted time, so that the state of a
// key at a moment is where a seek ends, as a value whose parts are told quickly.

// AppendKey appends what an event of key at a time is stored under: the key, all of
// which are equally long, and 8 bytes that fall as time rises.
func AppendKey(dst []byte, key string, nanos int64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, key...), ^uint64(nanos))
}

// HasKey reports whether an event stored under k is one of key.
func HasKey(k []byte, key string) bool { return len(k) == len(key)+8 && string(k[:len(key)]) == key }

// AppendValue appends what is stored of r besides its key and time, some 37 bytes:
// three numbers, the count with as many bytes as it needs, and two texts with a
// byte of length.
func AppendValue(dst []byte, r *load.Reading) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(r.Value))
	dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(r.Voltage))
	dst = append(append(dst, byte(len(r.Type))), r.Type...)
	dst = append(append(dst, byte(len(r.Status))), r.Status...)
	return binary.AppendVarint(dst, r.Count)
}

// ReadingOf is the reading that AppendKey and AppendValue stored. It holds nothing
// of key and value.
func ReadingOf(key, value []byte) (r load.Reading) {
	r.Nanos = RowNanos(key)
	r.Value = RowValue(value)
	r.Voltage = math.Float64frombits(binary.LittleEndian.Uint64(value[8:]))
	text := string(value[16:]) // copied once, for both
	r.Type, text = text[1:1+text[0]], text[1+text[0]:]
	r.Status = text[1 : 1+text[0]]
	r.Count, _ = binary.Varint(value[18+len(r.Type)+len(r.Status):])
	return r
}

// RowName is the key of the event in what AppendKey appended, copied.
func RowName(key []byte) string { return string(key[:len(key)-8]) }

// RowNanos is the time in what AppendKey appended.
func RowNanos(key []byte) int64 { return int64(^binary.BigEndian.Uint64(key[len(key)-8:])) }

// RowType is the type in what AppendValue appended. It is part of it.
func RowType(value []byte) []byte { return value[17 : 17+value[16]] }

// RowStatus is the status in what AppendValue appended. It is part of it.
func RowStatus(value []byte) []byte {
	value = value[17+value[16]:]
	return value[1 : 1+value[0]]
}

// RowValue is the number Value in what AppendValue appended.
func RowValue(value []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(value)) }

// Row is an event as bytes.
type Row struct{ Key, Value []byte }

// Rows makes rows of the events of a load. It is safe for concurrent use.
type Rows struct {
	load   *load.Load
	values [][]byte // of each content
}

// NewRows has the values of all contents ready.
func NewRows(l *load.Load) *Rows {
	r := &Rows{l, make([][]byte, load.NumContents)}
	for i := range r.values {
		r.values[i] = AppendValue(nil, l.Content(i))
	}
	return r
}

// Append appends the rows of events from to to-1. Their values are shared and must
// not be written to.
func (r *Rows) Append(dst []Row, from, to int) []Row {
	keys := make([]byte, 0, (to-from)*32)
	for i := from; i < to; i++ {
		at := len(keys)
		keys = AppendKey(keys, r.load.Key(i), r.load.Nanos(i))
		dst = append(dst, Row{keys[at:len(keys):len(keys)], r.values[i%load.NumContents]})
	}
	return dst
}
