package segment

import "encoding/binary"

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
	var bits byte
	if s.ByArrival {
		bits |= 1
	}
	if s.OnlyChanges {
		bits |= 2
	}
	return sealRow(append(dst, bits), start, salt)
}

// ParseStream reads the body of a definition's row. Its strings are copies.
func ParseStream(body string) (Stream, error) {
	c := Decoder{s: body}
	s := Stream{Number: uint32(c.Uvarint())}
	s.Name = string([]byte(c.Text()))
	s.Fold = string([]byte(c.Text()))
	bits := c.Byte()
	s.ByArrival, s.OnlyChanges = bits&1 != 0, bits&2 != 0
	if c.bad || c.s != "" || bits > 3 {
		return Stream{}, errRow
	}
	return s, nil
}
