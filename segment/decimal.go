package segment

import "math"

// maxExponent is the greatest exponent that is tried: 10^18 is below 2^63.
const maxExponent = 18

// powers[i] is 10^i, inverses[i] is 10^-i.
var powers, inverses = func() (up, down [maxExponent + 1]float64) {
	x := 1.0
	for i := range up {
		up[i], down[i] = x, 1/x
		x *= 10
	}
	return up, down
}()

// decimal says how floats are written as whole numbers d: as d × 10^f × 10^-e.
// An e greater than the digits after the point, and an f that takes the zeros
// off again, are what makes the inexact 10^-e harmless.
type decimal struct{ e, f uint8 }

// decode is the float that d stands for.
func (k decimal) decode(d int64) float64 {
	return float64(d) * powers[k.f] * inverses[k.e]
}

// rounder, added and taken away, rounds a float below 2^51 to a whole number.
const rounder = 1<<52 + 1<<51

// encode finds the whole number that stands for f, if there is one.
func (k decimal) encode(f float64) (d int64, ok bool) {
	d = int64(float64(f*powers[k.e]*inverses[k.f]+rounder) - rounder)
	return d, math.Float64bits(k.decode(d)) == math.Float64bits(f)
}

// findDecimal finds the exponents for v: from a few values how many digits
// stand behind the point, dividing, which is exact, and from more with which e
// the products miss the fewest. It is false where these miss more than an
// eighth.
func findDecimal(v []float64) (k decimal, ok bool) {
	digits, ok := digitsOf(v)
	if !ok {
		return decimal{}, false
	}
	n := min(len(v), sampleSize/2)
	least := n/8 + 1
	for e := uint8(maxExponent); e >= digits && e <= maxExponent && least > 0; e-- {
		d := decimal{e, e - digits}
		if m := d.misses(v, n, least); m < least {
			least, k = m, d
		}
	}
	return k, least <= n/8
}

// misses counts those of n values from all over v that k does not encode, up to
// a limit.
func (k decimal) misses(v []float64, n, limit int) int {
	misses, stride := 0, len(v)/n
	for i := range n {
		if _, ok := k.encode(v[i*stride]); !ok {
			misses++
			if misses == limit {
				break
			}
		}
	}
	return misses
}

// digitsOf finds the digits behind the point that all but a few values of v
// need no more than.
func digitsOf(v []float64) (digits uint8, ok bool) {
	n := min(len(v), sampleSize/8)
	stride, misses := len(v)/n, 0
	for i := 0; i < n; {
		switch f := v[i*stride]; {
		case isDecimal(f, powers[digits]):
			i++
		case digits < maxExponent && isAnyDecimal(f, digits+1):
			digits++
		default:
			misses++
			i++
		}
	}
	return digits, misses*4 <= n
}

// isAnyDecimal reports whether f is a decimal of so many digits behind the
// point or more.
func isAnyDecimal(f float64, digits uint8) bool {
	for _, power := range powers[digits:] {
		if isDecimal(f, power) {
			return true
		}
	}
	return false
}

// isDecimal reports whether f is a whole number over a power of ten.
func isDecimal(f, power float64) bool {
	x := f * power
	if math.Abs(x) >= 1<<50 { // also where every float is a whole number
		return false
	}
	d := float64(x+rounder) - rounder
	return math.Float64bits(d/power) == math.Float64bits(f)
}
