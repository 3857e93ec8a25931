package segment

import (
	"math"
	"testing"

	"github.com/annalsdb/annals/index"
)

// Bounds of numbers say what the predicate does, at the ends of what there is too.
func TestRanged_Bounds(t *testing.T) {
	floats := []float64{math.Inf(-1), -math.MaxFloat64, -1, math.Copysign(0, -1), 0, math.SmallestNonzeroFloat64, 1, math.MaxFloat64, math.Inf(1), math.NaN()}
	ints := []int64{math.MinInt64, math.MinInt64 + 1, -1, 0, 1, math.MaxInt64 - 1, math.MaxInt64}
	var floatLiterals, intLiterals []index.Literal
	for _, f := range floats {
		floatLiterals = append(floatLiterals, index.Float64Of(f))
	}
	for _, i := range ints {
		intLiterals = append(intLiterals, index.Int64Of(i))
	}
	eachRange(floatLiterals, func(p index.Range) {
		lo, hi := floatBound(p.Lo, -1), floatBound(p.Hi, 1)
		for i, f := range floats {
			if got := f >= lo && f <= hi; got != passes(p, floatLiterals[i]) {
				t.Errorf("%v of %v: %v", p, f, got)
			}
		}
	})
	eachRange(intLiterals, func(p index.Range) {
		lo, hi, none := intBounds(p)
		for i, x := range ints {
			if got := x >= lo && x <= hi && !none; got != passes(p, intLiterals[i]) {
				t.Errorf("%v of %v: %v", p, x, got)
			}
		}
	})
}

// eachRange gives all ranges with one or two of these bounds.
func eachRange(values []index.Literal, visit func(p index.Range)) {
	bounds := []index.Bound{{}}
	for _, v := range values {
		bounds = append(bounds, index.Bound{Value: v}, index.Bound{Value: v, Open: true})
	}
	for i, lo := range bounds {
		for j, hi := range bounds {
			if i+j > 0 {
				visit(index.Range{Column: "x", Lo: lo, Hi: hi})
			}
		}
	}
}

func passes(p index.Predicate, v index.Literal) bool {
	return p.Test(func(string) (index.Literal, bool) { return v, true }) == index.True
}
