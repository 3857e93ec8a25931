package segment

import (
	"math"
	"math/bits"
	"slices"
)

// runPlaceBits is what the start of a run takes, and patchPlaceBits the place of
// a patch; patchedBits is what having patches at all takes.
const (
	runPlaceBits   = 12
	patchPlaceBits = 16
	patchedBits    = 64
)

// fitting says how values are to be packed and what it costs.
type fitting struct {
	packing
	patches int // values that do not fit
	full    int // bits a value takes without patches
	cost    int // bits of all
}

// survey is what one pass over a page's values tells.
type survey struct {
	lo, hi int64
	runs   int  // stretches of equal values
	near   bool // most neighbours are nearer to each other than lo to hi
}

// surveyInts looks at all values of v, and at the distance of every eighth to
// its neighbour.
func surveyInts(v []int64) survey {
	s := survey{lo: v[0], hi: v[0], runs: 1}
	last := v[0]
	for _, x := range v {
		s.lo, s.hi = min(s.lo, x), max(s.hi, x)
		if x != last {
			s.runs++
		}
		last = x
	}
	limit := bits.Len64(uint64(s.hi)-uint64(s.lo)) * 4 / 5
	near, seen := 0, 0
	for i := 1; i < len(v); i += 8 {
		d := v[i] - v[i-1]
		if bits.Len64(uint64(d^d>>63))+1 < limit {
			near++
		}
		seen++
	}
	s.near = near*4 >= seen*3
	return s
}

// differ sets d to the differences between neighbours of v, and where a base
// stands to one that is there anyway. It says what they lie between.
func differ(d, v []int64) (lo, hi int64) {
	last := v[1] - v[0]
	lo, hi = last, last
	for i := range v {
		if i%restart != 0 {
			last = v[i] - v[i-1]
		}
		d[i] = last
		lo, hi = min(lo, last), max(hi, last)
	}
	return lo, hi
}

// fit finds how to pack v, whose least and greatest are lo and hi. Where a
// sample shows that most values lie in a narrow window it counts what does not
// fit that window, and takes it if patches cost less than width.
func fit(v []int64, lo, hi int64) fitting {
	k := packing{base: lo, step: stepOf(v, lo)}
	full := bits.Len64((uint64(hi) - uint64(lo)) / k.step)
	k.bits = loadable(full)
	if k.bits == 64 {
		k.step = 1
	}
	best := fitting{packing: k, full: int(k.bits), cost: len(v) * int(k.bits)}
	if k.bits < 4 || len(v) < 2*restart {
		return best
	}
	var space [sampleSize]int64
	sample := sampleOf(space[:0], v)
	last := full - 1
	for _, of16 := range [...]int{16, 15, 14} {
		from, width := k.window(sample, lo, of16)
		if width >= last {
			continue
		}
		last = width
		f := countPatches(v, packing{base: from, step: k.step}, full)
		if f.cost*10 < best.cost*9 {
			best = f
		}
	}
	return best
}

// stepOf is the greatest common divisor of what the values are above lo. Most
// pages show after a few values that it is 1.
func stepOf(v []int64, lo int64) uint64 {
	var g uint64
	for _, x := range v {
		u := uint64(x) - uint64(lo)
		for u != 0 {
			g, u = u, g%u
		}
		if g == 1 {
			break
		}
	}
	return max(g, 1)
}

const sampleSize = 128

// sampleOf appends values from all over v, in their order of size.
func sampleOf(dst, v []int64) []int64 {
	stride := (len(v) + sampleSize - 1) / sampleSize
	for i := 0; i < len(v); i += stride {
		dst = append(dst, v[i])
	}
	slices.Sort(dst)
	return dst
}

// window finds the narrowest stretch that holds so many sixteenths of a sorted
// sample, and moves its start down by half of what its width in bits leaves
// free, as far as lo.
func (k packing) window(sample []int64, lo int64, of16 int) (from int64, width int) {
	m := max(1, len(sample)*of16/16)
	least := uint64(math.MaxUint64)
	for i := 0; i+m <= len(sample); i++ {
		if d := uint64(sample[i+m-1]) - uint64(sample[i]); d < least {
			from, least = sample[i], d
		}
	}
	least /= k.step
	width = bits.Len64(least)
	free := (uint64(1)<<width - 1 - least) / 2
	free = min(free, (uint64(from)-uint64(lo))/k.step)
	return from - int64(free*k.step), width
}

// countPatches finds the width for packing v from a given base at which width
// and patches together cost least.
func countPatches(v []int64, k packing, full int) fitting {
	var widths [65]int
	q := k.divider()
	for _, x := range v {
		widths[bits.Len64(q.stored(x))]++
	}
	best := fitting{cost: math.MaxInt}
	wider := len(v)
	for w := 0; w <= min(full, 57); w++ {
		wider -= widths[w]
		if cost := len(v)*w + wider*(patchPlaceBits+full) + patchedBits; cost < best.cost {
			k.bits = uint8(w)
			best = fitting{packing: k, patches: wider, full: full, cost: cost}
		}
	}
	return best
}

// divider divides what a value is above the base by the step, which must go
// into it: a shift for the step's power of two and a product with the inverse,
// modulo 2^64, of what is left of it.
type divider struct {
	base    int64
	inverse uint64
	shift   uint8
}

func (k packing) divider() divider {
	shift := bits.TrailingZeros64(k.step)
	return divider{base: k.base, inverse: inverseOf(k.step >> shift), shift: uint8(shift)}
}

// stored is what is stored for x, if that fits.
func (q *divider) stored(x int64) uint64 {
	return (uint64(x) - uint64(q.base)) >> (q.shift & 63) * q.inverse
}

// inverseOf is the inverse of an odd number modulo 2^64. An odd number is its
// own inverse in the lowest three bits, and Newton's step doubles those that
// are right.
func inverseOf(x uint64) uint64 {
	y := x
	for range 5 {
		y *= 2 - x*y
	}
	return y
}
