package segment

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// The encodings of a page of floats, its first byte.
const (
	floatBits = iota + 1
	floatDecimal
	floatSplit
)

// A page of floats
//
//	1 byte      encoding
//	bits, 1     a page of ints: the 64 bits of each, turned
//	decimal, 2  1 byte e, 1 byte f, uvarint k, k × 8 bytes, k × 2 bytes, a page
//	            of ints d: value i is d[i] × 10^f × 10^-e, each product rounded,
//	            but at the k places (rising) the 64 bits given for it
//	split, 3    uvarint length, a page of ints: the high bits of each value,
//	            turned; numbers (see packed): the low ones; 8 bytes zero
//
// Turned is rotated left by one bit, so that the sign is the lowest.
//
// Decimal is the encoding of Afroozeh, Kuffó and Boncz, "ALP: Adaptive Lossless
// floating-Point Compression", SIGMOD 2024. A value is a decimal if the products
// give its bits back; NaN, the infinities, -0 and what has too many digits are
// exceptions. Split is like their ALP-RD, for what is no decimal, with the high
// bits in a page of ints in place of a dictionary. The products are never added
// to anything, so no compiler may fuse them and they are the same everywhere.

// appendFloats appends a page of the floats v, 1 to blockRows of them, bit for
// bit.
func appendFloats(dst []byte, v []float64) []byte {
	var space [blockRows]int64
	ints := space[:len(v)]
	if k, ok := findDecimal(v); ok {
		return appendDecimal(dst, v, ints, k)
	}
	runs := 1
	last := turned(v[0])
	for i, f := range v {
		ints[i] = turned(f)
		if ints[i] != last {
			runs, last = runs+1, ints[i]
		}
	}
	if runs*2 > len(v) {
		if low := splitAt(ints); low > 0 {
			return appendSplit(dst, ints, low)
		}
	}
	return appendInts(append(dst, floatBits), ints)
}

func appendDecimal(dst []byte, v []float64, ints []int64, k decimal) []byte {
	var places []int
	var last int64 // what stands for an exception: the decimal before it
	for i, f := range v {
		d, ok := k.encode(f)
		if ok {
			last = d
		} else {
			places = append(places, i)
		}
		ints[i] = last
	}
	if len(places) > 0 && places[0] == 0 {
		fill(ints[:firstDecimal(places)], ints[min(firstDecimal(places), len(ints)-1)])
	}
	dst = append(dst, floatDecimal, k.e, k.f)
	dst = binary.AppendUvarint(dst, uint64(len(places)))
	for _, i := range places {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v[i]))
	}
	for _, i := range places {
		dst = binary.LittleEndian.AppendUint16(dst, uint16(i))
	}
	return appendInts(dst, ints)
}

// firstDecimal is the first place that is not among the exceptions.
func firstDecimal(places []int) int {
	for i, p := range places {
		if i != p {
			return i
		}
	}
	return len(places)
}

// splitAt finds how many low bits to leave as they are so that the high ones
// take the fewest, or 0 where that saves too little.
func splitAt(v []int64) int {
	var space, shifted [sampleSize]int64
	sample := sampleOf(space[:0], v)
	size, low := 60, 0
	for n := 56; n >= 40; n -= 4 {
		for i, x := range sample {
			shifted[i] = int64(uint64(x) >> n)
		}
		high := shifted[:len(sample)]
		slices.Sort(high) // bit 63 is no sign any more
		_, width := packing{step: 1}.window(high, 0, 15)
		if n+width < size {
			size, low = n+width, n
		}
	}
	return low
}

func appendSplit(dst []byte, v []int64, low int) []byte {
	var space [blockRows]int64
	high := space[:len(v)]
	for i, x := range v {
		high[i] = int64(uint64(x) >> low)
	}
	page := appendInts(nil, high)
	dst = append(dst, floatSplit)
	dst = binary.AppendUvarint(dst, uint64(len(page)))
	dst = append(dst, page...)
	dst = appendPacked(dst, v, packing{step: 1, bits: uint8(low)}) // which cuts the high bits
	return appendSlack(dst)
}

// turned moves the sign of a float to the lowest bit, so that what stands
// highest, the exponent, is alike in like values.
func turned(f float64) int64 { return int64(bits.RotateLeft64(math.Float64bits(f), 1)) }

// unturned is the float of which x is turned.
func unturned(x int64) float64 { return math.Float64frombits(bits.RotateLeft64(uint64(x), -1)) }

// floatPage is an opened page of floats.
type floatPage struct {
	ints       intPage // bits, decimals or high bits
	low        packed
	exceptions []byte // 8 bytes each
	places     []byte // 2 bytes each, rising
	decimal    decimal
	encoding   byte
}

// openFloats opens what [appendFloats] appended, in a time that does not depend
// on the number of values. It keeps b.
func openFloats(b []byte) (p floatPage, err error) {
	d := NewDecoder(viewString(b))
	p.encoding = d.Byte()
	switch p.encoding {
	case floatBits:
		p.ints, err = openInts(view(d.Rest()))
	case floatDecimal:
		err = p.openDecimal(&d)
	case floatSplit:
		err = p.openSplit(&d)
	default:
		err = errPageEncoding("floats", p.encoding)
	}
	if err != nil {
		return floatPage{}, err
	}
	return p, nil
}

func (p *floatPage) openDecimal(d *Decoder) (err error) {
	p.decimal = decimal{e: d.Byte(), f: d.Byte()}
	k := d.Uvarint()
	if d.bad || k > blockRows || len(d.Rest()) < 10*int(k) {
		return errPageShort
	}
	if p.decimal.e > maxExponent || p.decimal.f > p.decimal.e {
		return fmt.Errorf("page of floats with exponents %d and %d", p.decimal.e, p.decimal.f)
	}
	p.exceptions, p.places = view(d.Bytes(8*int(k))), view(d.Bytes(2*int(k)))
	p.ints, err = openInts(view(d.Rest()))
	return err
}

func (p *floatPage) openSplit(d *Decoder) error {
	page, err := d.nested()
	if err != nil {
		return err
	}
	if p.ints, err = openInts(page); err != nil {
		return err
	}
	p.low, err = d.packed(p.ints.len())
	return err
}

// name is the encoding, for a person to read.
func (p *floatPage) name() string {
	switch p.encoding {
	case floatDecimal:
		return fmt.Sprintf("decimal 10^%d, %d exceptions, %s", int(p.decimal.f)-int(p.decimal.e), len(p.places)/2, p.ints.name())
	case floatSplit:
		return fmt.Sprintf("split at bit %d, %s", p.low.bits, p.ints.name())
	}
	return "bits, " + p.ints.name()
}

// len is the number of values.
func (p *floatPage) len() int { return p.ints.len() }

// at is value i, 0 <= i < len.
func (p *floatPage) at(i int) float64 {
	x := p.ints.at(i)
	switch p.encoding {
	case floatDecimal:
		if k := p.lower(i); 2*k < len(p.places) && p.place(k) == i {
			return p.exception(k)
		}
		return p.decimal.decode(x)
	case floatSplit:
		x = x<<(p.low.bits&63) | p.low.at(i)
	}
	return unturned(x)
}

// slice decodes the len(dst) values from value from on.
func (p *floatPage) slice(dst []float64, from int) {
	switch p.encoding {
	case floatDecimal:
		p.sliceDecimal(dst, from)
	case floatSplit:
		p.sliceSplit(dst, from)
	default:
		p.sliceBits(dst, from)
	}
}

// floatChunk is how many ints are decoded before they are made floats: they
// stay in the cache, and the stack is small.
const floatChunk = 256

func (p *floatPage) sliceBits(dst []float64, from int) {
	var space [floatChunk]int64
	for len(dst) > 0 {
		x := space[:min(floatChunk, len(dst))]
		p.ints.slice(x, from)
		for i, y := range x {
			dst[i] = unturned(y)
		}
		dst, from = dst[len(x):], from+len(x)
	}
}

func (p *floatPage) sliceDecimal(dst []float64, from int) {
	var space [floatChunk]int64
	all, start := dst, from
	up, down := powers[p.decimal.f], inverses[p.decimal.e]
	for len(dst) > 0 {
		x := space[:min(floatChunk, len(dst))]
		p.ints.slice(x, from)
		out := dst[:len(x)]
		for i, y := range x {
			out[i] = float64(y) * up * down
		}
		dst, from = dst[len(x):], from+len(x)
	}
	for k := p.lower(start); 2*k < len(p.places); k++ {
		i := uint(p.place(k) - start)
		if i >= uint(len(all)) {
			return
		}
		all[i] = p.exception(k)
	}
}

func (p *floatPage) sliceSplit(dst []float64, from int) {
	var space, lows [floatChunk]int64
	shift := p.low.bits & 63
	for len(dst) > 0 {
		x := space[:min(floatChunk, len(dst))]
		low := lows[:len(x)]
		p.ints.slice(x, from)
		p.low.slice(low, from)
		out := dst[:len(x)]
		for i, y := range x {
			out[i] = unturned(y<<shift | low[i])
		}
		dst, from = dst[len(x):], from+len(x)
	}
}

func (p *floatPage) place(k int) int { return int(binary.LittleEndian.Uint16(p.places[2*k:])) }

func (p *floatPage) exception(k int) float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(p.exceptions[8*k:]))
}

// lower is the first exception at place i or behind it.
func (p *floatPage) lower(i int) int {
	lo, hi := 0, len(p.places)/2
	for lo < hi {
		if mid := (lo + hi) / 2; p.place(mid) < i {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}
