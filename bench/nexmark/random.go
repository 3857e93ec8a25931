package nexmark

import "math"

// random draws the numbers that java.util.Random draws of the same seed: a linear
// congruential generator of 48 bits, as the documentation of that class states it.
type random struct{ state uint64 }

const (
	randomFactor = 0x5DEECE66D
	randomMask   = 1<<48 - 1
)

func newRandom(seed int64) random {
	return random{(uint64(seed) ^ randomFactor) & randomMask}
}

// bits draws n bits, which are the upper ones of an int32: 32 make it signed.
func (r *random) bits(n uint) int32 {
	r.state = (r.state*randomFactor + 0xB) & randomMask
	return int32(r.state >> (48 - n))
}

func (r *random) int32() int32 { return r.bits(32) }

// below draws a number from 0 to n-1. Draws from the end of the range, which n does
// not divide, are thrown away; where it does not matter what is drawn they still
// have to be, for what comes next.
func (r *random) below(n int) int {
	bound := int32(n)
	v := r.bits(31)
	if bound&(bound-1) == 0 {
		return int(int64(bound) * int64(v) >> 31)
	}
	for u := v; ; u = r.bits(31) {
		if v = u % bound; u-v+(bound-1) >= 0 { // else it has overflowed
			return int(v)
		}
	}
}

// float draws a number of [0, 1).
func (r *random) float() float64 {
	high := int64(r.bits(26)) << 27
	return float64(high+int64(r.bits(27))) * 0x1p-53
}

// round is x to the nearest integer, halves upwards, as Java's Math.round.
func round(x float64) int64 { return int64(math.Floor(x + 0.5)) }
