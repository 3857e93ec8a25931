package aggregate

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// window is an exact sum of floats that are near to each other in size: the
// 128-bit number (hi, lo), in two's complement, × 2^(base − 1075). A float whose
// biased exponent is base to base+63 is added with two shifts and an addition
// with carry; see the package documentation for what else was tried. What does
// not fit goes into a wide number.
type window struct {
	lo   uint64
	hi   int64
	n    int64 // values, of every kind of float
	base int32 // 0: no value has been in the window yet
	wide int32 // 1 + index of what else there is; 0: nothing
}

const (
	reach     = 63            // exponents above base that a window reaches
	maxBase   = 0x7fe - reach // so that infinities and NaN never fit
	hiLimit   = 1 << 62       // a window that is fuller is emptied into the wide number
	fraction  = 1<<52 - 1     // bits of a float
	hiddenBit = 1 << 52
)

// rest is what a sum has outside its window.
type rest struct {
	number        *exact // nil: nothing
	nan, pos, neg int64  // NaNs and infinities
}

// floatSums are sums of floats by group.
type floatSums struct {
	windows []window
	rests   []rest
}

func (s *floatSums) grow(n int) { s.windows = grow(s.windows, n) }

// add adds v[i] to group groups[i].
func (s *floatSums) add(groups []uint32, v []float64) {
	if groups == nil {
		s.addAll(0, v)
		return
	}
	cells := s.windows
	groups = groups[:len(v)]
	for i, f := range v {
		c := &cells[groups[i]]
		b := math.Float64bits(f)
		k := uint(b>>52&0x7ff) - uint(c.base)
		if k > reach || c.base == 0 {
			s.addOdd(c, f)
			continue
		}
		m := b&fraction | hiddenBit
		minus := uint64(int64(b) >> 63)
		lo, carry := bits.Add64(c.lo, m<<(k&63)^minus, minus&1)
		c.lo = lo
		c.hi += int64(m>>1>>(^k&63)^minus) + int64(carry)
		c.n++
		if uint64(c.hi+hiLimit) >= 2*hiLimit {
			s.empty(c)
		}
	}
}

// addAll adds all of v to group g: the window stays in registers.
func (s *floatSums) addAll(g int, v []float64) {
	c := &s.windows[g]
	for len(v) > 0 {
		n := c.run(v)
		if v = v[n:]; len(v) == 0 {
			return
		}
		s.addOdd(c, v[0])
		v = v[1:]
	}
}

// run adds values up to the first that does not fit, and says how many.
func (c *window) run(v []float64) int {
	if uint64(c.hi+hiLimit) >= 2*hiLimit || c.base == 0 {
		return 0
	}
	// Each value adds less than 2^52 to hi: it cannot overflow on the way.
	v = v[:min(len(v), 512)]
	lo, hi, base := c.lo, uint64(c.hi), uint(c.base)
	for i, f := range v {
		b := math.Float64bits(f)
		k := uint(b>>52&0x7ff) - base
		if k > reach {
			v = v[:i]
			break
		}
		m := b&fraction | hiddenBit
		minus := uint64(int64(b) >> 63)
		var carry uint64
		lo, carry = bits.Add64(lo, m<<(k&63)^minus, minus&1)
		hi, _ = bits.Add64(hi, m>>1>>(^k&63)^minus, carry)
	}
	c.lo, c.hi = lo, int64(hi)
	c.n += int64(len(v))
	return len(v)
}

// addOdd adds a value that does not fit the window, or the first one.
func (s *floatSums) addOdd(c *window, f float64) {
	c.n++
	s.put(c, f, 1)
}

// put adds f, sign 1, or takes it away, sign −1, and does not count it.
func (s *floatSums) put(c *window, f float64, sign int64) {
	switch {
	case f == 0:
		return // -0 is as good as 0: a sum is never -0
	case f != f:
		s.restOf(c).nan += sign
	case f > math.MaxFloat64:
		s.restOf(c).pos += sign
	case f < -math.MaxFloat64:
		s.restOf(c).neg += sign
	default:
		neg, m, e := split(f)
		c.center(e)
		if k := e + 1075 - int(c.base); k < 0 || k > reach {
			s.numberOf(c).add(neg != (sign < 0), 0, m, e)
		} else {
			s.shift(c, neg != (sign < 0), m, uint(k))
		}
	}
}

// center lays a window without values around the exponent e of the first.
func (c *window) center(e int) {
	if c.base == 0 {
		c.base = int32(min(max(e+1075-reach/2, 1), maxBase))
	}
}

// shift adds ± m << k.
func (s *floatSums) shift(c *window, neg bool, m uint64, k uint) {
	lo, hi := m<<k, m>>1>>(63-k)
	var carry uint64
	if neg {
		c.lo, carry = bits.Sub64(c.lo, lo, 0)
		c.hi -= int64(hi) + int64(carry)
	} else {
		c.lo, carry = bits.Add64(c.lo, lo, 0)
		c.hi += int64(hi) + int64(carry)
	}
	if uint64(c.hi+hiLimit) >= 2*hiLimit {
		s.empty(c)
	}
}

// empty moves what is in the window to the wide number.
func (s *floatSums) empty(c *window) {
	s.numberOf(c).addSigned(false, c.hi, c.lo, int(c.base)-1075)
	c.hi, c.lo = 0, 0
}

func (s *floatSums) restOf(c *window) *rest {
	if c.wide == 0 {
		s.rests = append(s.rests, rest{})
		c.wide = int32(len(s.rests))
	}
	return &s.rests[c.wide-1]
}

func (s *floatSums) numberOf(c *window) *exact {
	r := s.restOf(c)
	if r.number == nil {
		r.number = newSum()
	}
	return r.number
}

// view is what c has outside its window.
func (s *floatSums) view(c *window) rest {
	if c.wide == 0 {
		return rest{}
	}
	return s.rests[c.wide-1]
}

// merge adds group c2 of o to group c, or takes it away.
func (s *floatSums) merge(c *window, o *floatSums, c2 *window, sign int64) {
	c.n += sign * c2.n
	switch {
	case c2.hi == 0 && c2.lo == 0:
	case c.base == 0 && c.wide == 0 && sign > 0:
		c.base, c.hi, c.lo = c2.base, c2.hi, c2.lo
	case c.base == c2.base && sign > 0:
		lo, carry := bits.Add64(c.lo, c2.lo, 0)
		c.lo, c.hi = lo, c.hi+c2.hi+int64(carry) // both are below 2^62
		if uint64(c.hi+hiLimit) >= 2*hiLimit {
			s.empty(c)
		}
	case sign > 0 && c.base != 0 && c.meet(c2):
		if uint64(c.hi+hiLimit) >= 2*hiLimit {
			s.empty(c)
		}
	default:
		s.numberOf(c).addSigned(sign < 0, c2.hi, c2.lo, int(c2.base)-1075)
	}
	if c2.wide == 0 {
		return
	}
	from, to := o.view(c2), s.restOf(c)
	to.nan += sign * from.nan
	to.pos += sign * from.pos
	to.neg += sign * from.neg
	if from.number != nil {
		s.numberOf(c).addExact(sign < 0, from.number)
	}
}

// meet adds o, which has another base, to c, which goes down to the lower base of
// the two; it is false, and does nothing, where that would not fit.
func (c *window) meet(o *window) bool {
	high, low, base := *c, *o, o.base
	if c.base < o.base {
		high, low, base = *o, *c, c.base
	}
	by := uint(high.base - low.base)
	if by >= 64 || high.hi<<by>>by != high.hi || uint64(high.hi<<by+hiLimit) >= 2*hiLimit {
		return false
	}
	lo, carry := bits.Add64(high.lo<<by, low.lo, 0)
	hi := high.hi<<by | int64(high.lo>>1>>(63-by))
	c.lo, c.hi, c.base = lo, hi+low.hi+int64(carry), base // both are below 2^62
	return true
}

// window is z as a window, laid as for a first value of its size; false if it does not
// fit one.
func (z number) window() (w window, ok bool) {
	base := z.exp + 1075
	if len(z.bytes) > 15 || base < 1 {
		return w, false
	}
	var b [16]byte
	copy(b[:], z.bytes)
	lo, hi := binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])
	top := bits.Len64(lo)
	if hi != 0 {
		top = 64 + bits.Len64(hi)
	}
	up := min(max(53+reach/2-top, 0), base-1)
	if up >= 64 {
		hi, lo = lo<<(up-64), 0
	} else {
		hi, lo = hi<<up|lo>>1>>(63-up), lo<<up
	}
	if base -= up; base > maxBase {
		return w, false
	}
	if z.neg {
		var borrow uint64
		lo, borrow = bits.Sub64(0, lo, 0)
		hi = -hi - borrow
	}
	return window{lo: lo, hi: int64(hi), base: int32(base)}, true
}

// size is about how many bytes the sums take.
func (s *floatSums) size() int64 {
	return int64(40*cap(s.windows) + (8*sumChunks+96)*len(s.rests))
}

// total adds the finite values of c to x.
func (s *floatSums) total(c *window, x *exact) {
	if c.base != 0 {
		x.addSigned(false, c.hi, c.lo, int(c.base)-1075)
	}
	if r := s.view(c); r.number != nil {
		x.addExact(false, r.number)
	}
}

// special is the sum where NaN or an infinity decides it, as IEEE 754 has it.
func (r *rest) special() (f float64, decides bool) {
	switch {
	case r.nan > 0 || r.pos > 0 && r.neg > 0:
		return math.NaN(), true
	case r.pos > 0:
		return math.Inf(1), true
	case r.neg > 0:
		return math.Inf(-1), true
	}
	return 0, false
}

// mean is what is in c / n, correctly rounded; n is from 1 to 2^63 - 1.
func (c *window) mean(n uint64) float64 {
	hi, lo, neg := uint64(c.hi), c.lo, c.hi < 0
	if neg {
		var borrow uint64
		lo, borrow = bits.Sub64(0, lo, 0)
		hi, _ = bits.Sub64(0, hi, borrow)
	}
	exp := int(c.base) - 1075
	if hi == 0 {
		if lo == 0 {
			return 0
		}
		hi, lo, exp = lo, 0, exp-64
	}
	shift := uint(bits.LeadingZeros64(hi))
	hi, lo = hi<<shift|lo>>1>>(63-shift), lo<<shift
	exp -= int(shift)
	// Long division by words. hi is at least 2^63 and n is less, so q1 is not 0.
	q1, r := hi/n, hi%n
	q0, r := bits.Div64(r, lo, n)
	shift = uint(bits.LeadingZeros64(q1))
	m := q1<<shift | q0>>1>>(63-shift)
	f, _ := round(neg, m, exp+64-int(shift), r != 0 || q0<<shift != 0)
	return f
}
