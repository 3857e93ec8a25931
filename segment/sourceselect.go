package segment

import (
	"github.com/RoaringBitmap/roaring/v2"

	"github.com/annalsdb/annals/index"
)

// Selected is the rows of a sealed file of which a predicate is true, as far as
// that is known without reading them. What is not known is found out of those rows
// that are asked for. It has one user at a time.
type Selected struct {
	// Stats says what was saved.
	Stats index.SelectStats

	s       *Sealed
	d       *directory
	sure    *roaring.Bitmap
	rows    *roaring.Bitmap // these and those that are to be tested
	maybe   *roaring.Bitmap // those alone
	residue index.Predicate
}

// Select finds the rows of which p is true by bitmaps and by the statistics of
// pages. Columns are the fields, by name, and [ColumnType] and its like. It costs
// O(pages) for each column that p names; no row is read.
func (s *Sealed) Select(p index.Predicate) (*Selected, error) {
	d, err := s.opened()
	if err != nil {
		return nil, err
	}
	found, err := index.Select(p, source{s, d})
	if err != nil {
		return nil, err
	}
	return &Selected{
		Stats: found.Stats, s: s, d: d, residue: found.Residue,
		sure: found.Sure, maybe: found.Maybe, rows: roaring.Or(found.Sure, found.Maybe),
	}, nil
}

// Rows is the rows of which the predicate is true, numbered in the file's order.
// It reads what the predicate names of those that are to be tested, some
// nanoseconds each. The bitmap is the caller's.
func (c *Selected) Rows() (*roaring.Bitmap, error) {
	rows := c.sure.Clone()
	t := c.tester()
	var in []uint16
	for it := c.maybe.Iterator(); it.HasNext(); {
		b := it.PeekNext() / blockRows
		for in = in[:0]; it.HasNext() && it.PeekNext()/blockRows == b; {
			in = append(in, uint16(it.Next()%blockRows))
		}
		passed, err := filter(t, c.residue, true, int(b), in)
		if err != nil {
			return nil, err
		}
		for _, i := range passed {
			rows.Add(b*blockRows + uint32(i))
		}
	}
	return rows, nil
}

// in is how many rows of a block may be wanted.
func (c *Selected) in(b int) int {
	from := uint64(b) * blockRows
	return int(c.rows.CardinalityInRange(from, from+uint64(c.s.blockLen(b))))
}

// among is those of the rows in a block that are wanted, of which all that may be
// are known to be among c.rows.
func (c *Selected) among(t *tester, b int, rows []uint16) ([]uint16, error) {
	first := uint64(b) * blockRows
	switch {
	case len(rows) == 0 || c.residue == nil || !c.maybe.IntersectsWithInterval(first, first+blockRows):
		return rows, nil
	case !c.sure.IntersectsWithInterval(first, first+blockRows): // most blocks are of one sort
		return filter(t, c.residue, true, b, rows)
	}
	ask := make([]uint16, 0, len(rows))
	for _, i := range rows {
		if c.maybe.Contains(uint32(first) + uint32(i)) {
			ask = append(ask, i)
		}
	}
	passed, err := filter(t, c.residue, true, b, ask)
	return without(rows, without(ask, passed)), err
}

// tester tests predicates on rows of a block. It has one user at a time.
type tester struct {
	s    *Sealed
	d    *directory
	keys keyWalk

	// Memory for a column that is tested as a whole.
	block  vector
	codes  []uint32
	passes []bool // by word
}

func (c *Selected) tester() *tester {
	return &tester{s: c.s, d: c.d, keys: keyWalk{s: c.s, d: c.d}}
}

// comparer tests comparisons on rows of a block, see [filter].
type comparer interface {
	// compare is those of the rows of which a comparison is true, or, if not want,
	// false.
	compare(p index.Predicate, want bool, b int, rows []uint16) ([]uint16, error)
}

// filter is those of the rows in a block, which rise, of which p is true, or, if
// not want, false. It does not change rows, which what it returns may be.
func filter(c comparer, p index.Predicate, want bool, b int, rows []uint16) ([]uint16, error) {
	switch p := p.(type) {
	case nil:
		return join(c, nil, want, want, b, rows)
	case index.And:
		return join(c, p, want, want, b, rows)
	case index.Or:
		return join(c, p, want, !want, b, rows)
	case index.Not:
		return filter(c, p.Of, !want, b, rows)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	return c.compare(p, want, b, rows)
}

// join is those of the rows of which every part, or any, is as wanted.
func join(c comparer, parts []index.Predicate, want, every bool, b int, rows []uint16) ([]uint16, error) {
	left := rows
	for _, p := range parts {
		got, err := filter(c, p, want, b, left)
		if err != nil {
			return nil, err
		}
		if every {
			left = got
		} else {
			left = without(left, got)
		}
	}
	if every {
		return left, nil
	}
	return without(rows, left), nil
}

// without is the rows that are not in less, which is a part of them; both rise.
func without(rows, less []uint16) []uint16 {
	switch len(less) {
	case 0:
		return rows
	case len(rows):
		return nil
	}
	left := make([]uint16, 0, len(rows)-len(less))
	for _, i := range rows {
		if len(less) > 0 && less[0] == i {
			less = less[1:]
			continue
		}
		left = append(left, i)
	}
	return left
}
