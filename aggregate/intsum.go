package aggregate

import (
	"math/big"
	"math/bits"
)

// intSum is an exact sum of int64s: sum + carry × 2^64.
type intSum struct {
	sum   int64
	carry int64
	n     int64 // values
}

// add adds i.
func (s *intSum) add(i int64) {
	sum := s.sum + i
	if (i^sum)&(s.sum^sum) < 0 {
		s.carry += i>>63 | 1
	}
	s.sum = sum
}

// sub takes i away.
func (s *intSum) sub(i int64) {
	sum := s.sum - i
	if (s.sum^i)&(s.sum^sum) < 0 {
		s.carry -= i>>63 | 1
	}
	s.sum = sum
}

// merge adds o, or takes it away.
func (s *intSum) merge(o intSum, sign int64) {
	if sign < 0 {
		s.sub(o.sum)
	} else {
		s.add(o.sum)
	}
	s.carry += sign * o.carry
	s.n += sign * o.n
}

// wide is the sum as a 128-bit number in two's complement.
func (s *intSum) wide() (hi int64, lo uint64) { return s.carry + s.sum>>63, uint64(s.sum) }

// total adds the sum to x.
func (s *intSum) total(x *exact) {
	hi, lo := s.wide()
	x.addSigned(false, hi, lo, 0)
}

// mean is the sum / n, correctly rounded.
func (s *intSum) mean(n int64) float64 {
	if s.carry == 0 && magnitude(s.sum) <= 1<<53 && n <= 1<<53 {
		return float64(s.sum) / float64(n)
	}
	hi, lo := s.wide()
	z := new(big.Int).Lsh(big.NewInt(hi), 64)
	return quotient(z.Add(z, new(big.Int).SetUint64(lo)), 0, big.NewInt(n))
}

// addInts adds v[i] to group groups[i].
func addInts(cells []intSum, groups []uint32, v []int64) {
	if groups == nil {
		addAllInts(&cells[0], v)
		return
	}
	groups = groups[:len(v)]
	for i, x := range v {
		c := &cells[groups[i]]
		c.n++
		c.add(x)
	}
}

// addAllInts adds all of v to one group.
func addAllInts(c *intSum, v []int64) {
	lo, hi := uint64(0), int64(0)
	for _, x := range v {
		var carry uint64
		lo, carry = bits.Add64(lo, uint64(x), 0)
		hi += x>>63 + int64(carry)
	}
	// hi and lo are in two's complement, carry and sum are not.
	c.merge(intSum{sum: int64(lo), carry: hi - int64(lo)>>63, n: int64(len(v))}, 1)
}
