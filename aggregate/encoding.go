package aggregate

import (
	"fmt"
	"unsafe"

	"github.com/annalsdb/annals/segment"
)

// The first byte of a partial result: the version of all encodings in its high
// half, the form in the low one.
const (
	version1     = 1 << 4
	countForm    = version1 | 1
	sumForm      = version1 | 2
	spreadForm   = version1 | 3
	extremeForm  = version1 | 4
	placeForm    = version1 | 5
	tallyForm    = version1 | 6
	sketchForm   = version1 | 7
	quantileForm = version1 | 8
	counterForm  = version1 | 9
	carriedForm  = version1 | 10
	linearForm   = version1 | 11
	livenessForm = version1 | 12
	customForm   = version1 | 13
)

// open begins to read b, which must be of that form. What is read is part of b:
// it is copied where it stays.
func open(f Function, b []byte, form byte) (segment.Decoder, error) {
	d := segment.NewDecoder(unsafe.String(unsafe.SliceData(b), len(b)))
	switch first := d.Byte(); {
	case d.Bad():
		return d, fmt.Errorf("decode %s: no bytes: %w", f, ErrEncoding)
	case first>>4 != version1>>4:
		return d, fmt.Errorf("decode %s: version %d is not 1: %w", f, first>>4, ErrEncoding)
	case first != form:
		return d, fmt.Errorf("decode %s: form %d is not %d: %w", f, first&15, form&15, ErrEncoding)
	}
	return d, nil
}

// malformed is the error of bytes that AppendBinary did not append.
func malformed(f Function) error { return fmt.Errorf("decode %s: %w", f, ErrEncoding) }

// readValue reads a value, its text copied.
func readValue(d *segment.Decoder) segment.Value {
	v := d.Value()
	if t := v.Text(); t != "" {
		return segment.FromText(v.Kind(), string([]byte(t)))
	}
	return v
}
