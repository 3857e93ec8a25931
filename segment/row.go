package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"time"
)

// rowHead is the length and the checksum in front of a row's body.
const rowHead = 8

// flags of a row's first byte, beside the kind in the low bits.
const (
	kindBits      = 0x07
	flagID        = 0x08
	flagUnchanged = 0x10
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Row is an event as it stands in a file. Its strings are those of the buffer it
// was read from, see [Frame.RowAt], [Log.ReadRow] and [Sealed.Row].
type Row struct {
	Kind      Kind
	Unchanged bool   // a change that altered nothing: shown as a heartbeat, still folded
	Stream    uint32 // number of the stream
	Version   uint64
	Lag       int64 // recorded − time, ns, modulo 2^64
	Key       string
	Type      string
	ID        string
	Ref       uint64 // the position that a retraction or an unchanged event names
	fields    string // encoded, or
	list      Fields // if listed
	listed    bool
}

// RowOf is the row that an event with a position would be read as. It shares the
// memory of its fields.
func RowOf(e *Event) (r SealedRow, err error) {
	var times [2]int64
	for i, t := range [...]time.Time{e.Time, e.Recorded} {
		ns, ok := Nanos(t)
		if !ok {
			return r, fmt.Errorf("%w: time %s is outside the years 1677 to 2262", ErrInvalid, t)
		}
		times[i] = ns
	}
	r = SealedRow{
		Row: Row{Kind: e.Kind, Version: e.Version, Lag: times[1] - times[0], Key: e.Key, Type: e.Type, ID: e.ID, list: e.Fields, listed: true},
		Seq: e.Seq, Time: times[0], Recorded: times[1],
	}
	if r.Ref = e.Retracts; e.Kind != Retraction {
		r.Ref = e.Same
	}
	return r, nil
}

// AppendRow appends the row of e to dst and says where in it the encoding of the
// fields begins. The caller gives what the engine adds: number of the stream,
// version, lag and whether the event is unchanged. The checksum starts from
// salt. It allocates only to grow dst.
func AppendRow(dst []byte, salt uint32, e *Event, stream uint32, version uint64, lag int64, unchanged bool) (row []byte, fields int) {
	start := len(dst)
	flags := byte(e.Kind)
	if e.ID != "" {
		flags |= flagID
	}
	if unchanged {
		flags |= flagUnchanged
	}
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0, flags)
	dst = binary.AppendUvarint(dst, uint64(stream))
	dst = binary.AppendUvarint(dst, version)
	dst = binary.AppendVarint(dst, lag)
	dst = appendText(dst, e.Key)
	dst = appendText(dst, e.Type)
	if e.ID != "" {
		dst = appendText(dst, e.ID)
	}
	switch {
	case e.Kind == Retraction:
		dst = binary.AppendUvarint(dst, e.Retracts)
	case unchanged:
		dst = binary.AppendUvarint(dst, e.Same)
	}
	fields = len(dst)
	dst = AppendFields(dst, e.Fields)
	return sealRow(dst, start, salt), fields
}

// sealRow fills in length and checksum of the row that begins at start.
func sealRow(dst []byte, start int, salt uint32) []byte {
	body := dst[start+rowHead:]
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(body)))
	binary.LittleEndian.PutUint32(dst[start+4:], crc32.Update(salt, castagnoli, body))
	return dst
}

// AppendFields appends the encoding of fs: their number, then each one.
func AppendFields(dst []byte, fs Fields) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(fs)))
	for i := range fs {
		dst = AppendField(dst, fs[i])
	}
	return dst
}

// AppendField appends name, kind and value of f.
func AppendField(dst []byte, f Field) []byte { return AppendValue(appendText(dst, f.Name), f.Value) }

// AppendValue appends kind and value of v.
func AppendValue(dst []byte, v Value) []byte {
	dst = append(dst, byte(v.kind))
	switch v.kind {
	case BoolValue:
		return append(dst, byte(v.bits))
	case Int64Value, TimeValue:
		return binary.AppendVarint(dst, int64(v.bits))
	case Float64Value:
		return binary.LittleEndian.AppendUint64(dst, v.bits)
	case StringValue, BytesValue, JSONValue:
		return appendText(dst, v.text)
	}
	return dst
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// errRow is what a decoder's user reports when the bytes end too early or say
// something that no writer wrote.
var errRow = errors.New("row is malformed")

// ParseRow reads the body of a row into r: a row is large to be returned, and many are
// read. Its strings are parts of body.
func ParseRow(body string, r *Row) error {
	c := Decoder{all: body}
	flags := c.Byte()
	*r = Row{Kind: Kind(flags & kindBits), Unchanged: flags&flagUnchanged != 0}
	stream := c.Uvarint()
	r.Stream = uint32(stream)
	r.Version = c.Uvarint()
	r.Lag = c.Varint()
	r.Key = c.Text()
	r.Type = c.Text()
	if flags&flagID != 0 {
		r.ID = c.Text()
	}
	if r.Kind == Retraction || r.Unchanged {
		r.Ref = c.Uvarint()
	}
	r.fields = c.Rest()
	if c.bad || stream > math.MaxUint32 || r.Kind > Retraction || r.Unchanged && r.Kind != Change {
		return errRow
	}
	return nil
}

// RowIn reads the row that begins at the front of b, which is a whole one. Its
// strings are its own.
func RowIn(b []byte) (r Row, err error) {
	n := binary.LittleEndian.Uint32(b)
	err = ParseRow(string(b[rowHead:rowHead+n]), &r)
	return r, err
}

// Fields is the row's fields: those of a sealed file as they are, those of a log
// decoded in one allocation. Their names and texts live as long as the row's.
func (r *Row) Fields() (Fields, error) {
	if r.listed {
		return r.list, nil
	}
	fs, rest, err := ParseFields(r.fields)
	if err == nil && rest != "" {
		err = errRow
	}
	return fs, err
}

// Decoded is the row's fields, where it has them and not their encoding.
func (r *Row) Decoded() (Fields, bool) { return r.list, r.listed }

// Encoded is the encoding of the row's fields, as [ParseFields] reads it. That of
// a row of a sealed file is made on each call.
func (r *Row) Encoded() string {
	if r.listed {
		return viewString(AppendFields(nil, r.list))
	}
	return r.fields
}

// leastField is the bytes that a field takes at least: two, of an empty name and a
// null.
const leastField = 2

// ParseFields reads what [AppendFields] wrote at the front of s, and returns
// what follows it. Names and texts are parts of s.
func ParseFields(s string) (Fields, string, error) {
	c := Decoder{all: s}
	n := c.Uvarint()
	if n == 0 && !c.bad {
		return nil, c.Rest(), nil
	}
	if n > MaxFields || n > uint64(len(c.Rest())/leastField) {
		return nil, "", fmt.Errorf("%w: %d fields", errRow, n)
	}
	fs := make(Fields, n)
	for i := range fs {
		fs[i] = c.Field()
	}
	if c.bad {
		return nil, "", errRow
	}
	return fs, c.Rest(), nil
}
