package segment

import (
	"encoding/binary"
	"math"
)

// Stream is the definition of a stream as it stands in the log.
type Stream struct {
	Number      uint32 // from 1, in the order of definition
	Name        string
	Fold        string
	ByArrival   bool
	OnlyChanges bool
}

// AppendStream appends the row of a definition.
func AppendStream(dst []byte, salt uint32, s Stream) []byte {
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0)
	dst = binary.AppendUvarint(dst, uint64(s.Number))
	dst = appendText(dst, s.Name)
	dst = appendText(dst, s.Fold)
	return sealRow(append(dst, s.bits()), start, salt)
}

// bits is what of a definition is yes or no.
func (s *Stream) bits() (bits byte) {
	if s.ByArrival {
		bits |= 1
	}
	if s.OnlyChanges {
		bits |= 2
	}
	return bits
}

// setBits is the inverse of bits; it is false for what no writer wrote.
func (s *Stream) setBits(bits byte) bool {
	s.ByArrival, s.OnlyChanges = bits&1 != 0, bits&2 != 0
	return bits <= 3
}

// ParseStream reads the body of a definition's row. Its strings are copies.
func ParseStream(body string) (Stream, error) {
	c := Decoder{all: body}
	number := c.Uvarint()
	s := Stream{Number: uint32(number)}
	s.Name = string([]byte(c.Text()))
	s.Fold = string([]byte(c.Text()))
	known := s.setBits(c.Byte())
	if c.bad || c.Rest() != "" || !known || number > math.MaxUint32 {
		return Stream{}, errRow
	}
	return s, nil
}
