package aggregate

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/bits"

	"github.com/annalsdb/annals/segment"
)

// exact is a wide fixed-point number: the small superaccumulator of R. M. Neal,
// "Fast exact summation using small and large superaccumulators", 2015, over any
// range of exponents. It stands for the sum of chunks[i] × 2^(low + 32i). Chunks
// overlap, so that carries need settling only once in a while.
type exact struct {
	chunks []int64
	low    int // a multiple of 32
	adds   int // since carries were last settled
}

const (
	// settleAfter additions can make a chunk at most 2^30 × 2^32 in size.
	settleAfter = 1 << 30

	// A sum reaches from the least bit of a float, 2^-1074, to 2^63 times the
	// greatest, times a time of 2^63 ns; the five chunks that one addition
	// touches fit behind.
	sumLow, sumChunks = -1088, (1088+1024+63+64)/32 + 6
	// A sum of squares: twice as wide.
	squareLow, squareChunks = -2176, (2176+2048+64)/32 + 6
)

func newSum() *exact    { return &exact{chunks: make([]int64, sumChunks), low: sumLow} }
func newSquare() *exact { return &exact{chunks: make([]int64, squareChunks), low: squareLow} }

// add adds (hi × 2^64 + lo) × 2^exp, or takes it away.
func (x *exact) add(minus bool, hi, lo uint64, exp int) {
	if x.adds == settleAfter {
		x.settle()
	}
	x.adds++
	at, s := uint(exp-x.low)>>5, uint(exp-x.low)&31
	w0, w1, w2 := lo<<s, hi<<s|lo>>(64-s), hi>>(64-s)
	c := x.chunks[at : at+5 : at+5]
	if minus {
		c[0] -= int64(uint32(w0))
		c[1] -= int64(w0 >> 32)
		c[2] -= int64(uint32(w1))
		c[3] -= int64(w1 >> 32)
		c[4] -= int64(w2)
		return
	}
	c[0] += int64(uint32(w0))
	c[1] += int64(w0 >> 32)
	c[2] += int64(uint32(w1))
	c[3] += int64(w1 >> 32)
	c[4] += int64(w2)
}

// addSigned adds the 128-bit number (hi, lo) in two's complement × 2^exp.
func (x *exact) addSigned(minus bool, hi int64, lo uint64, exp int) {
	if hi < 0 {
		var borrow uint64
		lo, borrow = bits.Sub64(0, lo, 0)
		hi, minus = -hi-int64(borrow), !minus
	}
	x.add(minus, uint64(hi), lo, exp)
}

// addProduct adds f × n.
func (x *exact) addProduct(f float64, n uint64) {
	neg, m, e := split(f)
	hi, lo := bits.Mul64(m, n)
	x.add(neg, hi, lo, e)
}

// addIntProduct adds i × n.
func (x *exact) addIntProduct(i int64, n uint64) {
	hi, lo := bits.Mul64(magnitude(i), n)
	x.add(i < 0, hi, lo, 0)
}

// addExact adds o, of the same range, or takes it away.
func (x *exact) addExact(minus bool, o *exact) {
	x.settle()
	c := o.settled()
	x.adds = 2
	for i, v := range c.chunks {
		if minus {
			v = -v
		}
		x.chunks[i] += v
	}
}

// split is f = ± m × 2^e, f finite.
func split(f float64) (neg bool, m uint64, e int) {
	b := math.Float64bits(f)
	m, e = b&(1<<52-1), int(b>>52&0x7ff)
	if e == 0 {
		return f < 0, m, -1074
	}
	return f < 0, m | 1<<52, e - 1075
}

func magnitude(i int64) uint64 {
	if i < 0 {
		return -uint64(i)
	}
	return uint64(i)
}

// settle makes every chunk but the last one lie in [0, 2^32).
func (x *exact) settle() {
	var carry int64
	last := len(x.chunks) - 1
	for i, c := range x.chunks[:last] {
		c += carry
		x.chunks[i], carry = c&math.MaxUint32, c>>32
	}
	x.chunks[last] += carry
	x.adds = 1
}

// settled is a settled copy.
func (x *exact) settled() *exact {
	c := &exact{chunks: append([]int64(nil), x.chunks...), low: x.low}
	c.settle()
	return c
}

// exactSpace is memory for chunks, for a moment.
type exactSpace [squareChunks]int64

// parts is the number as sign and settled chunks of its magnitude, in space.
func (x *exact) parts(space *exactSpace) (neg bool, chunks []int64) {
	c := exact{chunks: append(space[:0], x.chunks...), low: x.low}
	c.settle()
	if neg = c.chunks[len(c.chunks)-1] < 0; neg {
		for i := range c.chunks {
			c.chunks[i] = -c.chunks[i]
		}
		c.settle()
	}
	return neg, c.chunks
}

// float is the number correctly rounded: to nearest, ties to even, and to an
// infinity beyond the greatest float. exact says that nothing was lost.
func (x *exact) float() (f float64, exact bool) {
	var space exactSpace
	neg, c := x.parts(&space)
	top := len(c) - 1
	for top >= 0 && c[top] == 0 {
		top--
	}
	if top < 0 {
		return 0, true
	}
	at := func(i int) uint64 {
		if i < 0 {
			return 0
		}
		return uint64(c[i])
	}
	// 96 bits hold 65 significant ones at least.
	hi, lo := at(top)<<32|at(top-1), at(top-2)
	shift := bits.LeadingZeros64(hi)
	m := hi<<shift | lo<<32>>(64-shift)
	sticky := lo<<32<<shift != 0
	for i := 0; i < top-2 && !sticky; i++ {
		sticky = c[i] != 0
	}
	return round(neg, m, x.low+32*(top-1)-shift, sticky)
}

// round is ± m × 2^exp, m not 0, and a little more if sticky, correctly rounded.
func round(neg bool, m uint64, exp int, sticky bool) (f float64, exact bool) {
	shift := bits.LeadingZeros64(m)
	m, exp = m<<shift, exp-shift
	drop := 11
	if below := -1074 - (exp + drop); below > 0 {
		drop += below // a subnormal has fewer bits
	}
	var q, rest uint64
	if drop <= 64 {
		q, rest = m>>drop, m<<(64-drop)
	} else {
		sticky = true
	}
	exact = rest == 0 && !sticky
	if rest > 1<<63 || rest == 1<<63 && (sticky || q&1 == 1) {
		q++
	}
	f = math.Ldexp(float64(q), exp+drop)
	if neg {
		f = -f
	}
	return f, exact && !math.IsInf(f, 0)
}

// int is the number as a multiple of 2^low.
func (x *exact) int() *big.Int {
	var space exactSpace
	neg, c := x.parts(&space)
	b := make([]byte, 4*len(c)+8)
	n := len(b)
	for i, v := range c[:len(c)-1] {
		binary.BigEndian.PutUint32(b[n-4*i-4:], uint32(v))
	}
	binary.BigEndian.PutUint64(b[n-4*(len(c)-1)-8:], uint64(c[len(c)-1]))
	z := new(big.Int).SetBytes(b)
	if neg {
		z.Neg(z)
	}
	return z
}

// quotient is num × 2^exp / den, den > 0, correctly rounded.
func quotient(num *big.Int, exp int, den *big.Int) float64 {
	if num.Sign() == 0 {
		return 0
	}
	n := new(big.Int).Abs(num)
	shift := max(0, 66+den.BitLen()-n.BitLen())
	q, r := n.QuoRem(n.Lsh(n, uint(shift)), den, new(big.Int))
	exp -= shift
	sticky := r.Sign() != 0
	if drop := q.BitLen() - 64; drop > 0 {
		sticky = sticky || q.TrailingZeroBits() < uint(drop)
		q.Rsh(q, uint(drop))
		exp += drop
	}
	f, _ := round(num.Sign() < 0, q.Uint64(), exp, sticky)
	return f
}

// A number in an encoding
//
//	uvarint  2 × count of bytes, and 1 if it is negative; 0 is the number 0
//	varint   exponent of its first byte: that counts 256^exponent
//	bytes    of the magnitude, little endian; neither the first nor the last
//	         is zero
//
// appendNumber appends x.
func appendNumber(dst []byte, x *exact) []byte {
	var space exactSpace
	neg, c := x.parts(&space)
	first, last := 0, len(c)-1
	for first <= last && c[first] == 0 {
		first++
	}
	if first > last {
		return append(dst, 0)
	}
	for c[last] == 0 {
		last--
	}
	skip := bits.TrailingZeros64(uint64(c[first])) / 8
	top := (bits.Len64(uint64(c[last])) + 7) / 8
	head := uint64(4*(last-first)+top-skip) << 1
	if neg {
		head |= 1
	}
	dst = binary.AppendUvarint(dst, head)
	dst = binary.AppendVarint(dst, int64(x.low/8+4*first+skip))
	for i, v := range c[first : last+1] {
		n := 4
		if first+i == last {
			n = top
		}
		for at := skip; at < n; at++ {
			dst = append(dst, byte(v>>(8*at)))
		}
		skip = 0
	}
	return dst
}

// number is a number read from an encoding.
type number struct {
	neg   bool
	exp   int // of 2
	bytes string
}

// readNumber reads what appendNumber appended of an exact like the one that
// makes would make; ok is false if that could not hold it.
func readNumber(d *segment.Decoder, low, chunks int) (z number, ok bool) {
	head := d.Uvarint()
	if head == 0 {
		return z, !d.Bad()
	}
	exp, n := d.Varint(), head>>1
	end := int64(low/8 + 4*chunks) // the last byte is the sign's
	if d.Bad() || n == 0 || n > uint64(len(d.Rest())) || exp < int64(low/8) || exp >= end || int64(n) >= end-exp {
		return z, false
	}
	z = number{head&1 == 1, int(exp) * 8, d.Bytes(int(n))}
	return z, z.bytes[0] != 0 && z.bytes[n-1] != 0
}

// addNumber adds z, or takes it away.
func (x *exact) addNumber(minus bool, z number) {
	b, exp := z.bytes, z.exp
	for len(b) > 0 {
		var w [4]byte
		n := copy(w[:], b)
		i := (exp - x.low) / 8
		at, s := i/4, 8*uint(i%4)
		v := int64(binary.LittleEndian.Uint32(w[:]))
		if minus != z.neg {
			v = -v
		}
		// A piece of 32 bits lies over two chunks.
		x.chunks[at] += v << s & math.MaxUint32
		if at+1 < len(x.chunks) {
			x.chunks[at+1] += v << s >> 32
		} else if v<<s>>32 != 0 {
			x.chunks[at] += v << s >> 32 << 32
		}
		b, exp = b[n:], exp+32
	}
	x.adds++
}
