package index

import (
	"fmt"

	"github.com/RoaringBitmap/roaring/v2"
)

// Source is a table of rows in blocks and what is known of them without reading
// any. What it returns is not changed by who asks.
type Source interface {
	// Rows is the number of rows; they are numbered from 0.
	Rows() uint32
	// BlockRows is the rows of each block but the last, which may have fewer.
	BlockRows() int
	// Zones has one zone a block for the values of that kind in that column, or
	// is nil where there is none in any row. Null is not asked for.
	Zones(column string, kind Kind) ([]Zone, error)
	// Posting is all rows whose value in the column is the literal, kind and
	// bits, and whether that is known.
	Posting(column string, value Literal) (*roaring.Bitmap, bool, error)
}

// Selection is what [Select] found out. The bitmaps are the caller's and have no
// row in common; the answer is Sure and those rows of Maybe for which Residue is
// true.
type Selection struct {
	Sure    *roaring.Bitmap // the predicate is true of these rows
	Maybe   *roaring.Bitmap // it may be true of these
	Residue Predicate       // what to test on Maybe; nil if that is empty
	Stats   SelectStats
}

// Extent counts rows, and the blocks that they fill or stand in.
type Extent struct{ Blocks, Rows int }

// SelectStats says what a [Select] saved. Rows: All is the sum of the others.
type SelectStats struct {
	All      Extent // of the source
	Zones    Extent // ruled out by zones; blocks without another row
	Postings Extent // ruled out by postings and not by zones; blocks likewise
	Sure     Extent // answered without a look; blocks of nothing else
	Maybe    Extent // left to be tested; blocks that have such a row
}

// Select tells from zones and postings which rows of s the predicate can be true
// of. It costs O(blocks) for each column, kind and value that p names, and reads
// no rows.
func Select(p Predicate, s Source) (Selection, error) {
	sel, err := newSelector(s)
	if err != nil {
		return Selection{}, fmt.Errorf("select rows: %w", err)
	}
	n, err := sel.sets(p, true)
	if err != nil {
		return Selection{}, fmt.Errorf("select rows where %s: %w", inner(p), err)
	}
	out := Selection{Sure: n.must, Maybe: roaring.AndNot(n.may, n.must)}
	if !out.Maybe.IsEmpty() {
		out.Residue = n.rest(out.Maybe)
	}
	out.Stats = sel.stats(n, &out)
	return out, nil
}

// selector is one Select at work.
type selector struct {
	source    Source
	rows      uint64
	blockRows uint64
	all, none *roaring.Bitmap
}

func newSelector(source Source) (*selector, error) {
	blockRows := source.BlockRows()
	if blockRows <= 0 {
		return nil, fmt.Errorf("blocks of %d rows", blockRows)
	}
	s := &selector{source: source, rows: uint64(source.Rows()), blockRows: uint64(blockRows), all: roaring.New(), none: roaring.New()}
	s.all.AddRange(0, s.rows)
	return s, nil
}

// blocks is the number of blocks, in whole or in part, that rows rows take.
func (s *selector) blocks(rows uint64) uint64 { return (rows + s.blockRows - 1) / s.blockRows }

// stats counts what n and the selection made of it tell.
func (s *selector) stats(n *node, out *Selection) SelectStats {
	zones, both, sure := s.touched(n.zoned), s.touched(n.may), s.touched(out.Sure)
	all := Extent{Blocks: int(s.blocks(s.rows)), Rows: int(s.rows)}
	return SelectStats{
		All:      all,
		Zones:    Extent{all.Blocks - zones.Blocks, all.Rows - zones.Rows},
		Postings: Extent{zones.Blocks - both.Blocks, zones.Rows - both.Rows},
		Sure:     Extent{sure.full, sure.Rows},
		Maybe:    s.touched(out.Maybe).Extent,
	}
}

// touch is some rows, the blocks that have one, and how many of those have no
// other.
type touch struct {
	Extent
	full int
}

func (s *selector) touched(b *roaring.Bitmap) touch {
	t := touch{Extent: Extent{Rows: int(b.GetCardinality())}}
	for it := b.Iterator(); it.HasNext(); {
		from := uint64(it.PeekNext()) / s.blockRows * s.blockRows
		to := min(from+s.blockRows, s.rows)
		t.Blocks++
		if b.CardinalityInRange(from, to) == to-from {
			t.full++
		}
		if to == s.rows {
			break
		}
		it.AdvanceIfNeeded(uint32(to))
	}
	return t
}
