package aggregate

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/bits"

	"github.com/annalsdb/annals/segment"
)

// Variance is the variance of int64 and float64 values, a float64: of a sample
// (over n − 1) or, with Population, of all there are (over n). It is the exact
// (Σx² − (Σx)²/n) / (n − 1), correctly rounded: sums of values and of squares are
// kept exactly. A NaN or an infinity makes it NaN. Of too few values, one for a
// sample, none for a population, it is null.
type Variance struct{ Population bool }

// StdDev is the standard deviation: the square root of [Variance], within one
// unit in the last place.
type StdDev struct{ Population bool }

// String implements [Function].
func (f Variance) String() string { return spreadName("var", f.Population) }

// String implements [Function].
func (f StdDev) String() string { return spreadName("stddev", f.Population) }

func spreadName(name string, population bool) string {
	if population {
		return name + "_pop"
	}
	return name + "_samp"
}

// Laws implements [Function].
func (Variance) Laws() Laws { return Laws{Class: Group, Inverts: true} }

// Laws implements [Function].
func (StdDev) Laws() Laws { return Laws{Class: Group, Inverts: true} }

// Groups implements [Function].
func (f Variance) Groups(n int) Groups { return newSpreads(f, n, f.Population, false) }

// Groups implements [Function].
func (f StdDev) Groups(n int) Groups { return newSpreads(f, n, f.Population, true) }

func newSpreads(f Function, n int, population, root bool) *spreads {
	return &spreads{f: f, root: root, population: population, sums: sums{f: f, n: n}, squares: make([]square, n)}
}

// spreads are the sums of values, as [Sum] has them, and those of squares.
type spreads struct {
	f                Function
	root, population bool
	sums             sums
	squares          []square
	wide             []*exact
}

// square is an exact sum of squares of numbers that are near to each other in
// size: the 192-bit number w × 2^(2 × (base − 1075)). It is a [window] that is as
// wide again; what does not fit goes into a wide number.
type square struct {
	w    [3]uint64
	base int32 // 0: no value has been in it yet
	wide int32 // 1 + index of what else there is; 0: nothing
}

// squareReach is how many exponents above base a square reaches: the 106 bits of
// the square of the greatest are moved by twice as much.
const squareReach = 31

func (s *spreads) function() Function { return s.f }

// Len implements [Groups].
func (s *spreads) Len() int { return s.sums.n }

// Grow implements [Groups].
func (s *spreads) Grow(n int) {
	s.sums.Grow(n)
	s.squares = grow(s.squares, n)
}

// Add implements [Groups].
func (s *spreads) Add(groups []uint32, v *Vector) error {
	if err := s.sums.Add(groups, v); err != nil {
		return err
	}
	s.square(groups, v, false)
	return nil
}

// Remove implements [Inverse].
func (s *spreads) Remove(groups []uint32, v *Vector) error {
	if err := s.sums.Remove(groups, v); err != nil {
		return err
	}
	s.square(groups, v, true)
	return nil
}

// square adds the squares of v, or takes them away.
func (s *spreads) square(groups []uint32, v *Vector, minus bool) {
	switch v.Kind {
	case segment.Int64Value:
		for i, x := range v.Ints {
			hi, lo := bits.Mul64(magnitude(x), magnitude(x))
			s.numberOf(&s.squares[target(groups, i)]).add(minus, hi, lo, 0)
		}
	case segment.Float64Value:
		s.squareFloats(groups, v.Floats, minus)
	}
}

func (s *spreads) squareFloats(groups []uint32, v []float64, minus bool) {
	for i, f := range v {
		c := &s.squares[target(groups, i)]
		b := math.Float64bits(f)
		k := uint(b>>52&0x7ff) - uint(c.base)
		if k > squareReach || c.base == 0 || minus {
			s.squareOdd(c, f, minus)
			continue
		}
		hi, lo := bits.Mul64(b&fraction|hiddenBit, b&fraction|hiddenBit)
		s.shift(c, hi, lo, 2*k)
	}
}

// shift adds (hi, lo) << k.
func (s *spreads) shift(c *square, hi, lo uint64, k uint) {
	var carry uint64
	c.w[0], carry = bits.Add64(c.w[0], lo<<k, 0)
	c.w[1], carry = bits.Add64(c.w[1], hi<<k|lo>>1>>(63-k), carry)
	c.w[2] += hi>>1>>(63-k) + carry
	if c.w[2] >= hiLimit {
		s.empty(c)
	}
}

// squareOdd adds the square of a value that does not fit, or of the first one.
func (s *spreads) squareOdd(c *square, f float64, minus bool) {
	if f == 0 || math.IsNaN(f) || math.IsInf(f, 0) {
		return // the sum knows of it
	}
	_, m, e := split(f)
	hi, lo := bits.Mul64(m, m)
	if c.base == 0 {
		c.base = int32(min(max(e+1075-squareReach/2, 1), 0x7fe-squareReach))
	}
	if k := e + 1075 - int(c.base); k >= 0 && k <= squareReach && !minus {
		s.shift(c, hi, lo, 2*uint(k))
		return
	}
	s.numberOf(c).add(minus, hi, lo, 2*e)
}

// empty moves what c has to its wide number.
func (s *spreads) empty(c *square) {
	s.total(c, s.numberOf(c), false)
	c.w = [3]uint64{}
}

// total adds the part of c that is not wide to x, or takes it away.
func (s *spreads) total(c *square, x *exact, minus bool) {
	if c.base != 0 {
		exp := 2 * (int(c.base) - 1075)
		x.add(minus, c.w[1], c.w[0], exp)
		x.add(minus, 0, c.w[2], exp+128)
	}
}

func (s *spreads) numberOf(c *square) *exact {
	if c.wide == 0 {
		s.wide = append(s.wide, newSquare())
		c.wide = int32(len(s.wide))
	}
	return s.wide[c.wide-1]
}

// Merge implements [Groups].
func (s *spreads) Merge(groups []uint32, o Groups) error { return s.merge(groups, o, 1) }

// Subtract implements [Inverse].
func (s *spreads) Subtract(groups []uint32, o Groups) error { return s.merge(groups, o, -1) }

func (s *spreads) merge(groups []uint32, other Groups, sign int64) error {
	o, err := same(s, groups, other)
	if err != nil {
		return err
	}
	if err := s.sums.merge(groups, &o.sums, sign); err != nil {
		return err
	}
	for i := range o.squares {
		g, ok := ordinal(groups, i)
		if !ok {
			continue
		}
		from, to := &o.squares[i], &s.squares[g]
		if to.base == 0 && to.wide == 0 && sign > 0 {
			to.base, to.w = from.base, from.w
		} else if from.w != ([3]uint64{}) {
			o.total(from, s.numberOf(to), sign < 0)
		}
		if from.wide != 0 {
			s.numberOf(to).addExact(sign < 0, o.wide[from.wide-1])
		}
	}
	return nil
}

// all is the sum of squares of a group.
func (s *spreads) all(group int) *exact {
	x, c := newSquare(), &s.squares[group]
	if c.wide != 0 {
		x.addExact(false, s.wide[c.wide-1])
	}
	s.total(c, x, false)
	return x
}

// Result implements [Groups].
func (s *spreads) Result(group int) (segment.Value, error) {
	i, f := s.sums.parts(group)
	n, of := i.n+f.n, i.n+f.n
	if !s.population {
		of--
	}
	switch {
	case i.n < 0 || f.n < 0:
		return segment.Value{}, ErrRemoved
	case of <= 0:
		return segment.Value{}, nil
	}
	r := s.sums.floats.view(&f)
	if _, decides := r.special(); decides {
		return segment.Float64Of(math.NaN()), nil
	}
	x := newSum()
	i.total(x)
	s.sums.floats.total(&f, x)
	// (n Σx² − (Σx)²) / (n × of); both sides in units of 2^squareLow.
	sum := x.int()
	sum.Mul(sum, sum)
	num := s.all(group).int()
	num.Mul(num, big.NewInt(n)).Sub(num, sum)
	den := new(big.Int).Mul(big.NewInt(n), big.NewInt(of))
	v := quotient(num, squareLow, den)
	if s.root {
		v = math.Sqrt(v)
	}
	return segment.Float64Of(v), nil
}

// Size implements [Groups].
func (s *spreads) Size() int64 {
	return s.sums.Size() + int64(32*cap(s.squares)+(8*squareChunks+64)*len(s.wide))
}

// A spread: 1 byte spreadForm; uvarint length, and the encoding of the sum; a
// number, the sum of squares of the finite values.

// AppendBinary implements [Groups].
func (s *spreads) AppendBinary(dst []byte, group int) ([]byte, error) {
	sum, err := s.sums.AppendBinary(nil, group)
	if err != nil {
		return dst, err
	}
	dst = binary.AppendUvarint(append(dst, spreadForm), uint64(len(sum)))
	return appendNumber(append(dst, sum...), s.all(group)), nil
}

// MergeBinary implements [Groups].
func (s *spreads) MergeBinary(group int, b []byte) error {
	d, err := open(s.f, b, spreadForm)
	if err != nil {
		return err
	}
	sum := d.Text()
	z, ok := readNumber(&d, squareLow, squareChunks)
	if !ok || d.Bad() || d.Rest() != "" {
		return malformed(s.f)
	}
	if err := s.sums.MergeBinary(group, []byte(sum)); err != nil {
		return err
	}
	if z.bytes != "" {
		s.numberOf(&s.squares[group]).addNumber(false, z)
	}
	return nil
}
