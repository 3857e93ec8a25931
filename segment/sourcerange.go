package segment

import (
	"math"

	"github.com/annalsdb/annals/index"
)

// ranged is compare of a range of numbers on many rows of a block in which all rows
// have a number of the bounds' kind: it decodes the column as a whole and compares
// numbers, without a call for each. done is false where that is not so.
func (t *tester) ranged(p index.Range, want bool, b int, rows []uint16) (kept []uint16, done bool, err error) {
	if len(rows) < fewRows {
		return nil, false, nil
	}
	col := t.numbers(p, b)
	if col < 0 {
		return nil, false, nil
	}
	if col == colTime && want {
		if kept, done, err = t.times(p, b, rows); done || err != nil {
			return kept, done, err
		}
	}
	if err := t.s.part(t.d, col, b, 0, t.s.blockLen(b), &t.block); err != nil {
		return nil, false, err
	}
	if t.d.tables[rowTable].kinds[col] == floatPages {
		return floatsWithin(p, want, t.block.floats, rows), true, nil
	}
	return intsWithin(p, want, t.block.ints, rows), true, nil
}

// floatsWithin is those of the rows whose value is within the bounds, or, if not want,
// is not.
func floatsWithin(p index.Range, want bool, v []float64, rows []uint16) []uint16 {
	kept := make([]uint16, 0, len(rows))
	lo, hi := floatBound(p.Lo, -1), floatBound(p.Hi, 1)
	for _, i := range rows {
		if (v[i] >= lo && v[i] <= hi) == want {
			kept = append(kept, i)
		}
	}
	return kept
}

// intsWithin is floatsWithin of ints.
func intsWithin(p index.Range, want bool, v []int64, rows []uint16) []uint16 {
	kept := make([]uint16, 0, len(rows))
	lo, hi, none := intBounds(p)
	for _, i := range rows {
		if (v[i] >= lo && v[i] <= hi && !none) == want {
			kept = append(kept, i)
		}
	}
	return kept
}

// numbers is the column whose page has a number of the bounds' kind in every row of
// the block, -1 if there is none.
func (t *tester) numbers(p index.Range, b int) int {
	kind := numberKind(p)
	if kind == index.Null || p.Column == ColumnKind {
		return -1
	}
	col := t.d.column(p.Column, kind)
	if col < 0 {
		return -1
	}
	page, err := t.s.may(t.d, b, col)
	if page == nil || err != nil || page.sparse != nil {
		return -1
	}
	return col
}

// numberKind is the kind of the bounds, null if they are not numbers of one.
func numberKind(p index.Range) index.Kind {
	kind := p.Lo.Value.Kind()
	if other := p.Hi.Value.Kind(); kind == index.Null {
		kind = other
	} else if other != index.Null && other != kind {
		return index.Null
	}
	switch kind {
	case index.Int64, index.Float64, index.Time:
		return kind
	}
	return index.Null
}

// intBounds is the least and the greatest int within the bounds, and whether there
// is none.
func intBounds(p index.Range) (lo, hi int64, none bool) {
	lo, hi = math.MinInt64, math.MaxInt64
	if p.Lo.Value.Kind() != index.Null {
		if lo = p.Lo.Value.Int64(); p.Lo.Open {
			none = lo == math.MaxInt64
			lo++
		}
	}
	if p.Hi.Value.Kind() != index.Null {
		if hi = p.Hi.Value.Int64(); p.Hi.Open {
			none = none || hi == math.MinInt64
			hi--
		}
	}
	return lo, hi, none
}

// floatBound is the last float within a bound on that side: −1 below, 1 above. NaN is
// within none, and no float within NaN.
func floatBound(b index.Bound, side int) float64 {
	switch {
	case b.Value.Kind() == index.Null:
		return math.Inf(side)
	case b.Open && math.IsInf(b.Value.Float64(), -side):
		return math.NaN()
	case b.Open:
		return math.Nextafter(b.Value.Float64(), math.Inf(-side))
	}
	return b.Value.Float64()
}
