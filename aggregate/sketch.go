package aggregate

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/annalsdb/annals/segment"
)

// DistinctSketch is about how many different values there are: HyperLogLog with
// 2^Bits registers (P. Flajolet and others, 2007), read by the improved estimator
// of O. Ertl, "New cardinality estimation algorithms for HyperLogLog sketches",
// 2017, algorithm 6. What is one value is as in [Distinct]. The standard error is
// 1.04/√2^Bits; up to 2^Bits/16 different values there is none but by colliding
// hashes of 64 bits. Nulls are left out; of nothing it is 0.
type DistinctSketch struct{ Bits int } // 4 to 18; 0 stands for 14: 0.81 %, 16 KiB

// String implements [Function].
func (f DistinctSketch) String() string { return fmt.Sprintf("approx_distinct(%d)", f.bits()) }

func (f DistinctSketch) bits() int {
	if f.Bits == 0 {
		return 14
	}
	return min(max(f.Bits, 4), 18)
}

// Laws implements [Function].
func (f DistinctSketch) Laws() Laws {
	return Laws{Class: Semilattice, Error: 1.04 / math.Sqrt(float64(int(1)<<f.bits()))}
}

// Groups implements [Function].
func (f DistinctSketch) Groups(n int) Groups {
	return &sketches{f: f, bits: f.bits(), few: 1 << f.bits() / 16, groups: make([]sketch, n)}
}

type sketches struct {
	f      DistinctSketch
	bits   int
	few    int // how many hashes are kept themselves
	groups []sketch
	held   int // bytes of their sets
}

// sketch is a set of hashes, or registers once there are more than a few. Which
// of the two depends on the set alone.
type sketch struct {
	hashes    []uint64 // open addressing, 0 is free
	n         int
	registers []uint8
}

func (s *sketches) function() Function { return s.f }

// Len implements [Groups].
func (s *sketches) Len() int { return len(s.groups) }

// Grow implements [Groups].
func (s *sketches) Grow(n int) { s.groups = grow(s.groups, n) }

// Add implements [Groups].
func (s *sketches) Add(groups []uint32, v *Vector) error {
	if err := check(groups, v, false); err != nil {
		return err
	}
	switch v.Kind {
	case segment.BoolValue, segment.Int64Value, segment.TimeValue:
		for i, x := range v.Ints {
			s.add(&s.groups[target(groups, i)], hashInt(v.Kind, x))
		}
	case segment.Float64Value:
		for i, f := range v.Floats {
			s.add(&s.groups[target(groups, i)], hashFloat(f))
		}
	case segment.StringValue, segment.BytesValue, segment.JSONValue:
		for i, t := range v.Texts {
			s.add(&s.groups[target(groups, i)], hashText(v.Kind, t))
		}
	}
	return nil
}

// add takes in a hash.
func (s *sketches) add(c *sketch, h uint64) {
	if c.registers != nil {
		c.register(h, s.bits)
		return
	}
	if 2*(c.n+1) > len(c.hashes) {
		old := c.hashes
		c.hashes = make([]uint64, max(4, 2*len(old)))
		s.held += 8 * (len(c.hashes) - len(old))
		for _, h := range old {
			if h != 0 {
				*c.find(h) = h
			}
		}
	}
	h |= bit64(h == 0) // 0 is taken as 1
	if p := c.find(h); *p == 0 {
		*p = h
		if c.n++; c.n > s.few {
			s.dense(c)
		}
	}
}

func bit64(b bool) uint64 { return uint64(bit(b)) }

// find is where h is, or the free place where it belongs.
func (c *sketch) find(h uint64) *uint64 {
	mask := len(c.hashes) - 1
	for i := int(h) & mask; ; i = (i + 1) & mask {
		if p := &c.hashes[i]; *p == 0 || *p == h {
			return p
		}
	}
}

// dense goes over to registers.
func (s *sketches) dense(c *sketch) {
	c.registers = make([]uint8, 1<<s.bits)
	s.held += len(c.registers) - 8*len(c.hashes)
	for _, h := range c.hashes {
		if h != 0 {
			c.register(h, s.bits)
		}
	}
	c.hashes, c.n = nil, 0
}

// register keeps the most zeros that a hash of its register begins with, and one.
func (c *sketch) register(h uint64, b int) {
	i := h >> (64 - b)
	zeros := bits.LeadingZeros64(h<<b | 1<<(b-1))
	c.registers[i] = max(c.registers[i], uint8(zeros+1))
}

// Merge implements [Groups].
func (s *sketches) Merge(groups []uint32, other Groups) error {
	o, err := same(s, groups, other)
	if err != nil {
		return err
	}
	for i := range o.groups {
		if g, ok := ordinal(groups, i); ok {
			s.merge(&s.groups[g], &o.groups[i])
		}
	}
	return nil
}

func (s *sketches) merge(c, from *sketch) {
	for _, h := range from.hashes {
		if h != 0 {
			s.add(c, h)
		}
	}
	if from.registers != nil && c.registers == nil {
		s.dense(c)
	}
	for i, r := range from.registers {
		c.registers[i] = max(c.registers[i], r)
	}
}

// Result implements [Groups].
func (s *sketches) Result(group int) (segment.Value, error) {
	c := &s.groups[group]
	if c.registers == nil {
		return segment.Int64Of(int64(c.n)), nil
	}
	counts := make([]int, 64-s.bits+2)
	for _, r := range c.registers {
		counts[r]++
	}
	n := math.Round(estimate(counts, float64(len(c.registers))))
	if n >= 1<<63 {
		return segment.Value{}, ErrOverflow
	}
	return segment.Int64Of(int64(n)), nil
}

// estimate is Ertl's algorithm 6: counts[k] of m registers have the value k.
func estimate(counts []int, m float64) float64 {
	q := len(counts) - 2
	z := m * tau(1-float64(counts[q+1])/m)
	for k := q; k >= 1; k-- {
		z = 0.5 * (z + float64(counts[k]))
	}
	z += m * sigma(float64(counts[0])/m)
	return float64(m/(2*math.Ln2)) * m / z
}

func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	y, z := 1.0, x
	for {
		x *= x
		old := z
		z += float64(x * y)
		y += y
		if z == old {
			return z
		}
	}
}

func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, 1-x
	for {
		x = math.Sqrt(x)
		old := z
		y *= 0.5
		z -= float64(float64((1-x)*(1-x)) * y)
		if z == old {
			return z / 3
		}
	}
}

// Size implements [Groups].
func (s *sketches) Size() int64 { return int64(64*cap(s.groups) + s.held) }

// A distinct sketch
//
//	1 byte   sketchForm
//	1 byte   Bits
//	uvarint  1 + count of hashes, or 0
//	hashes   8 bytes each, little endian, rising; or
//	registers 1 byte each
//
// AppendBinary implements [Groups].
func (s *sketches) AppendBinary(dst []byte, group int) ([]byte, error) {
	c := &s.groups[group]
	dst = append(dst, sketchForm, byte(s.bits))
	if c.registers != nil {
		return append(append(dst, 0), c.registers...), nil
	}
	dst = binary.AppendUvarint(dst, uint64(c.n)+1)
	sorted := slices.DeleteFunc(slices.Clone(c.hashes), func(h uint64) bool { return h == 0 })
	slices.Sort(sorted)
	for _, h := range sorted {
		dst = binary.LittleEndian.AppendUint64(dst, h)
	}
	return dst, nil
}

// MergeBinary implements [Groups].
func (s *sketches) MergeBinary(group int, b []byte) error {
	d, err := open(s.f, b, sketchForm)
	if err != nil {
		return err
	}
	size, n := d.Byte(), d.Uvarint()
	rest := []byte(d.Rest())
	if d.Bad() || int(size) != s.bits {
		return malformed(s.f)
	}
	if n == 0 {
		return s.mergeRegisters(&s.groups[group], rest)
	}
	if n--; n > uint64(s.few) || uint64(len(rest)) != 8*n {
		return malformed(s.f)
	}
	hashes, last := make([]uint64, n), uint64(0)
	for i := range hashes {
		hashes[i] = binary.LittleEndian.Uint64(rest[8*i:])
		if hashes[i] <= last {
			return malformed(s.f)
		}
		last = hashes[i]
	}
	s.merge(&s.groups[group], &sketch{hashes: hashes})
	return nil
}

func (s *sketches) mergeRegisters(c *sketch, registers []byte) error {
	if len(registers) != 1<<s.bits {
		return malformed(s.f)
	}
	for _, r := range registers {
		if int(r) > 64-s.bits+1 {
			return malformed(s.f)
		}
	}
	s.merge(c, &sketch{registers: registers})
	return nil
}
