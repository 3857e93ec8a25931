package aggregate

import (
	"encoding/binary"
	"math/big"

	"github.com/annalsdb/annals/segment"
)

// Sum is the exact sum of int64 and float64 values.
//
// Of int64s alone it is an int64, and an [ErrOverflow] where it does not fit one:
// what matters is the sum, not what was reached on the way. With at least one
// float64 it is the float64 nearest to the exact sum of all, ties to even, an
// infinity beyond the greatest float; it does not depend on the order of values.
// NaN, or infinities of both signs, make it NaN; infinities of one sign that
// infinity. A sum begins with 0, so it is never -0. Nothing sums to null.
type Sum struct{}

// String implements [Function].
func (Sum) String() string { return "sum" }

// Laws implements [Function].
func (Sum) Laws() Laws { return Laws{Class: Group, Inverts: true} }

// Groups implements [Function].
func (f Sum) Groups(n int) Groups { return &sums{f: f, n: n} }

// Avg is the mean of int64 and float64 values, a float64: the exact sum over the
// count, correctly rounded, also where the sum alone would overflow. NaN and
// infinities are as in [Sum]. The mean of nothing is null.
type Avg struct{}

// String implements [Function].
func (Avg) String() string { return "avg" }

// Laws implements [Function].
func (Avg) Laws() Laws { return Laws{Class: Group, Inverts: true} }

// Groups implements [Function].
func (f Avg) Groups(n int) Groups { return &sums{f: f, n: n, avg: true} }

// sums are the sums and counts that both come from. The list of a kind of number
// that has not come yet is shorter than n.
type sums struct {
	f      Function
	avg    bool
	n      int
	floats floatSums
	ints   []intSum
}

func (s *sums) function() Function { return s.f }

// Len implements [Groups].
func (s *sums) Len() int { return s.n }

// Grow implements [Groups].
func (s *sums) Grow(n int) { s.n = max(s.n, n) }

// Add implements [Groups].
func (s *sums) Add(groups []uint32, v *Vector) error {
	if err := s.fit(groups, v); err != nil {
		return err
	}
	switch v.Kind {
	case segment.Int64Value:
		addInts(s.ints, groups, v.Ints)
	case segment.Float64Value:
		s.floats.add(groups, v.Floats)
	}
	return nil
}

// fit checks what is added and makes room for its kind.
func (s *sums) fit(groups []uint32, v *Vector) error {
	switch v.Kind {
	case segment.Int64Value:
		s.ints = grow(s.ints, s.n)
	case segment.Float64Value:
		s.floats.grow(s.n)
	case segment.NullValue:
	default:
		return refuse(s.f, v.Kind)
	}
	return check(groups, v, false)
}

// Remove implements [Inverse].
func (s *sums) Remove(groups []uint32, v *Vector) error {
	if err := s.fit(groups, v); err != nil {
		return err
	}
	switch v.Kind {
	case segment.Int64Value:
		for i, x := range v.Ints {
			c := &s.ints[target(groups, i)]
			c.n--
			c.sub(x)
		}
	case segment.Float64Value:
		for i, f := range v.Floats {
			c := &s.floats.windows[target(groups, i)]
			c.n--
			s.floats.put(c, f, -1)
		}
	}
	return nil
}

// Merge implements [Groups].
func (s *sums) Merge(groups []uint32, o Groups) error { return s.merge(groups, o, 1) }

// Subtract implements [Inverse].
func (s *sums) Subtract(groups []uint32, o Groups) error { return s.merge(groups, o, -1) }

func (s *sums) merge(groups []uint32, other Groups, sign int64) error {
	o, err := same(s, groups, other)
	if err != nil {
		return err
	}
	if len(o.ints) > 0 {
		s.ints = grow(s.ints, s.n)
	}
	for i, c := range o.ints {
		if g, ok := ordinal(groups, i); ok {
			s.ints[g].merge(c, sign)
		}
	}
	if len(o.floats.windows) > 0 {
		s.floats.grow(s.n)
	}
	for i := range o.floats.windows {
		if g, ok := ordinal(groups, i); ok {
			s.floats.merge(&s.floats.windows[g], &o.floats, &o.floats.windows[i], sign)
		}
	}
	return nil
}

// parts are the two sums of a group, zero where there are none.
func (s *sums) parts(group int) (i intSum, f window) {
	if group < len(s.ints) {
		i = s.ints[group]
	}
	if group < len(s.floats.windows) {
		f = s.floats.windows[group]
	}
	return i, f
}

// Result implements [Groups].
func (s *sums) Result(group int) (segment.Value, error) {
	i, f := s.parts(group)
	n := i.n + f.n
	switch {
	case i.n < 0 || f.n < 0:
		return segment.Value{}, ErrRemoved
	case n == 0:
		return segment.Value{}, nil
	case f.n == 0 && s.avg:
		return segment.Float64Of(i.mean(n)), nil
	case f.n == 0 && i.carry != 0:
		return segment.Value{}, ErrOverflow
	case f.n == 0:
		return segment.Int64Of(i.sum), nil
	case !s.avg:
		n = 1
	}
	return segment.Float64Of(s.float(i, f, n)), nil
}

// float is the sum of both / n, correctly rounded.
func (s *sums) float(i intSum, f window, n int64) float64 {
	r := s.floats.view(&f)
	if v, decides := r.special(); decides {
		return v
	}
	if i.n == 0 && r.number == nil {
		return f.mean(uint64(n))
	}
	x := newSum()
	i.total(x)
	s.floats.total(&f, x)
	if v, exact := x.float(); n == 1 || exact && n <= 1<<53 {
		return v / float64(n)
	}
	return quotient(x.int(), x.low, big.NewInt(n))
}

// Size implements [Groups].
func (s *sums) Size() int64 { return int64(24*cap(s.ints)) + s.floats.size() }

// A sum
//
//	1 byte   sumForm
//	varint   count of int64s; a number, their sum
//	varint   count of floats; a number, the sum of the finite ones; varint each
//	         the count of NaNs, of +Inf, of -Inf. All that is missing if it is 0

// AppendBinary implements [Groups].
func (s *sums) AppendBinary(dst []byte, group int) ([]byte, error) {
	i, f := s.parts(group)
	dst = append(dst, sumForm)
	dst = binary.AppendVarint(dst, i.n)
	if i == (intSum{}) {
		dst = append(dst, 0) // the number
	} else {
		x := newSum()
		i.total(x)
		dst = appendNumber(dst, x)
	}
	if n := len(dst); f != (window{}) {
		if dst = s.floats.append(dst, &f); string(dst[n:]) == "\x00\x00\x00\x00\x00" {
			dst = dst[:n]
		}
	}
	return dst, nil
}

func (s *floatSums) append(dst []byte, c *window) []byte {
	dst = binary.AppendVarint(dst, c.n)
	x := newSum()
	s.total(c, x)
	r := s.view(c)
	dst = appendNumber(dst, x)
	dst = binary.AppendVarint(dst, r.nan)
	dst = binary.AppendVarint(dst, r.pos)
	return binary.AppendVarint(dst, r.neg)
}

// MergeBinary implements [Groups].
func (s *sums) MergeBinary(group int, b []byte) error {
	d, err := open(s.f, b, sumForm)
	if err != nil {
		return err
	}
	n := d.Varint()
	z, ok := readNumber(&d, sumLow, sumChunks)
	hi, lo, fits := z.int128()
	var f floatSum
	if d.Rest() != "" && ok {
		f, ok = readFloatSum(&d)
	}
	if !ok || !fits || d.Bad() || d.Rest() != "" {
		return malformed(s.f)
	}
	s.ints = grow(s.ints, s.n)
	s.ints[group].merge(intSum{sum: int64(lo), carry: hi - int64(lo)>>63, n: n}, 1)
	if f != (floatSum{}) {
		s.floats.grow(s.n)
		s.floats.take(&s.floats.windows[group], f)
	}
	return nil
}

// floatSum is the encoded sum of floats.
type floatSum struct {
	n, nan, pos, neg int64
	number           number
}

func readFloatSum(d *segment.Decoder) (f floatSum, ok bool) {
	f.n = d.Varint()
	f.number, ok = readNumber(d, sumLow, sumChunks)
	f.nan, f.pos, f.neg = d.Varint(), d.Varint(), d.Varint()
	return f, ok && !d.Bad()
}

// take adds f to c.
func (s *floatSums) take(c *window, f floatSum) {
	c.n += f.n
	if w, ok := f.number.window(); ok {
		s.merge(c, nil, &w, 1)
	} else {
		s.numberOf(c).addNumber(false, f.number)
	}
	if f.nan != 0 || f.pos != 0 || f.neg != 0 {
		r := s.restOf(c)
		r.nan, r.pos, r.neg = r.nan+f.nan, r.pos+f.pos, r.neg+f.neg
	}
}

// int128 is z as a 128-bit number in two's complement, if it is a whole number
// that 127 bits hold.
func (z number) int128() (hi int64, lo uint64, ok bool) {
	if z.bytes == "" {
		return 0, 0, true
	}
	at := z.exp / 8
	if at < 0 || at+len(z.bytes) > 16 || at+len(z.bytes) == 16 && z.bytes[len(z.bytes)-1] >= 0x80 {
		return 0, 0, false
	}
	var b [16]byte
	copy(b[at:], z.bytes)
	lo, h := binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])
	if z.neg {
		h = ^h
		if lo = -lo; lo == 0 {
			h++
		}
	}
	return int64(h), lo, true
}
