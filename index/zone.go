package index

import "strings"

// Zone is what is known of the values of one column in one block of rows
// without reading them. Rows that have no value there are not counted.
type Zone struct {
	Count uint32 // rows with a value
	NaNs  uint32 // those of them that are NaN, of which Min and Max say nothing

	// Min is no greater and Max no less than any value; they need not occur.
	// Null says nothing is known.
	Min, Max Literal
	// Cut says that Max is only how the highest text begins.
	Cut bool
}

// Verdict is what a [Zone] can say about a comparison.
type Verdict uint8

// The verdicts.
const (
	Maybe  Verdict = iota // the values must be looked at
	Never                 // no value passes
	Always                // every value passes
)

// from judges v ≥ b, or v > b where b is open, for the values v of z.
func (z *Zone) from(b Bound) Verdict {
	if b.Value.isNaN() || z.NaNs == z.Count {
		return Never
	}
	if order, ok := z.Max.Compare(b.Value); ok && (order < 0 || order == 0 && b.Open) && !z.mayExceed(b.Value) {
		return Never
	}
	if order, ok := z.Min.Compare(b.Value); ok && z.NaNs == 0 && (order > 0 || order == 0 && !b.Open) {
		return Always
	}
	return Maybe
}

// upTo judges v ≤ b, or v < b where b is open, for the values v of z.
func (z *Zone) upTo(b Bound) Verdict {
	if b.Value.isNaN() || z.NaNs == z.Count {
		return Never
	}
	if order, ok := z.Min.Compare(b.Value); ok && (order > 0 || order == 0 && b.Open) {
		return Never
	}
	if order, ok := z.Max.Compare(b.Value); ok && z.NaNs == 0 && (order < 0 || order == 0 && !b.Open) && !z.mayExceed(b.Value) {
		return Always
	}
	return Maybe
}

// mayExceed reports whether a value of z, whose Max is at most v, may be greater
// than v because Max is cut.
func (z *Zone) mayExceed(v Literal) bool { return z.Cut && strings.HasPrefix(v.text, z.Max.text) }

// between judges both bounds; a bound that is null is none.
func (z *Zone) between(lo, hi Bound) Verdict {
	low, high := Always, Always
	if lo.Value.kind != Null {
		low = z.from(lo)
	}
	if hi.Value.kind != Null {
		high = z.upTo(hi)
	}
	switch {
	case low == Never || high == Never:
		return Never
	case low == Always && high == Always:
		return Always
	}
	return Maybe
}

// same judges whether the values of z have the kind of v, which they have, and
// its bits.
func (z *Zone) same(v Literal) Verdict {
	if v.isNaN() {
		if z.NaNs == 0 {
			return Never
		}
		return Maybe
	}
	verdict := z.between(Bound{Value: v}, Bound{Value: v})
	if verdict == Always && v.kind == Float64 && v.Float64() == 0 {
		return Maybe // 0 or -0
	}
	return verdict
}

// begins judges whether the strings of z begin with prefix. Every string between
// two that do, does.
func (z *Zone) begins(prefix string) Verdict {
	if z.Min.kind != String || z.Max.kind != String {
		return Maybe
	}
	low, high := strings.HasPrefix(z.Min.text, prefix), strings.HasPrefix(z.Max.text, prefix)
	switch {
	case low && high:
		return Always
	case !low && z.Min.text > prefix:
		return Never
	case z.Max.text < prefix && !(z.Cut && strings.HasPrefix(prefix, z.Max.text)):
		return Never
	}
	return Maybe
}
