package query

import (
	"fmt"
	"math"
	"slices"

	"github.com/annalsdb/annals/segment"
)

// sameAnswer is what is wrong with an answer to q, "" if nothing: rows may come in
// any order that ORDER BY allows, and with LIMIT be any of those that it allows.
// near is how far, relatively, floats may be off; whole is the answer without LIMIT
// and OFFSET.
func sameAnswer(p *plan, got, want, whole *answer, near float64) string {
	if !slices.Equal(got.names, want.names) {
		return fmt.Sprintf("columns %q, want %q", got.names, want.names)
	}
	if len(got.rows) != len(want.rows) {
		return fmt.Sprintf("%d rows, want %d", len(got.rows), len(want.rows))
	}
	alike := func(a, b []Value) bool {
		return slices.EqualFunc(a, b, func(x, y Value) bool { return closeTo(x, y, near) })
	}
	left := slices.Clone(whole.rows)
	for _, r := range got.rows {
		i := slices.IndexFunc(left, func(o []Value) bool { return alike(r, o) })
		if i < 0 {
			return fmt.Sprintf("row %v is none of those wanted", r)
		}
		left = slices.Delete(left, i, i+1)
	}
	for i, k := range p.order { // what ORDER BY goes by, as far as it is shown
		c := slices.IndexFunc(p.outputs, k.by.equal)
		if c < 0 {
			break
		}
		for r := range got.rows {
			if a, b := got.rows[r][c], want.rows[r][c]; collate(a, b) != 0 && !closeTo(a, b, near) {
				return fmt.Sprintf("row %d has %v where ORDER BY %d wants %v", r, got.rows[r][c], i+1, want.rows[r][c])
			}
		}
	}
	return ""
}

func closeTo(a, b Value, near float64) bool {
	if a.Kind() != segment.Float64Value || b.Kind() != segment.Float64Value || near == 0 {
		return a.Kind() == b.Kind() && same(a, b)
	}
	x, y := a.Float64(), b.Float64()
	if math.IsInf(x, 0) || math.IsInf(y, 0) { // no distance from it is any share of it
		return same(a, b)
	}
	return same(a, b) || math.Abs(x-y) <= near*max(math.Abs(x), math.Abs(y), 1e-300)
}
