package segment

import (
	"errors"
	"fmt"
)

// blockRows is the most values a page holds. It is small enough that a page
// decodes within the first-level cache and a position in it takes two bytes,
// and large enough that what a page says about itself weighs nothing.
const blockRows = 4096

// pageSlack is how many bytes stand behind the last packed bit of a page, so
// that a load of eight bytes never passes its end.
const pageSlack = 8

var (
	errPageShort = errors.New("page ends too early")
	errPageRows  = errors.New("page has no rows or too many")
	errPageBits  = errors.New("page with packed bits of an impossible width")
)

func errPageEncoding(of string, encoding byte) error {
	return fmt.Errorf("page of %s in unknown encoding %d", of, encoding)
}

// rows reads the number of values of a page.
func (d *Decoder) rows() (int, error) {
	n := d.Uvarint()
	if d.bad {
		return 0, errPageShort
	}
	if n == 0 || n > blockRows {
		return 0, errPageRows
	}
	return int(n), nil
}

// nested reads a length and a page of as many bytes, which stands inside
// another.
func (d *Decoder) nested() ([]byte, error) {
	s := d.Text()
	if d.bad {
		return nil, errPageShort
	}
	return view(s), nil
}
