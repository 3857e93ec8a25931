package aggregate

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/annalsdb/annals/segment"
)

// Hashes of values. They are part of the encoding of distinct sketches and must
// never change: equal values must meet in one register whenever they were added.

// mix is the finalizer of SplitMix64 (G. L. Steele, D. Lea, C. H. Flood, 2014), a
// bijection in which every bit of x moves every bit of the result.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// seed sets the hashes of a kind apart from those of others. Both kinds of number
// share one.
func seed(kind segment.ValueKind) uint64 { return mix(uint64(rank[kind]) * 0x9e3779b97f4a7c15) }

func hashInt(kind segment.ValueKind, x int64) uint64 { return mix(uint64(x) ^ seed(kind)) }

// hashFloat is, of a whole number, that of the int64.
func hashFloat(f float64) uint64 {
	if i, ok := sameNumber(f); ok {
		return hashInt(segment.Int64Value, i)
	}
	if f != f {
		f = math.NaN()
	}
	return mix(math.Float64bits(f) ^ ^seed(segment.Float64Value))
}

// hashText folds eight bytes at a time into a product of 128 bits, as wyhash does.
func hashText(kind segment.ValueKind, s string) uint64 {
	h := seed(kind) ^ uint64(len(s))
	for len(s) >= 8 {
		h = fold(h ^ (uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56))
		s = s[8:]
	}
	var w [8]byte
	copy(w[:], s)
	return mix(fold(h ^ binary.LittleEndian.Uint64(w[:])))
}

// fold spreads every bit of x.
func fold(x uint64) uint64 {
	hi, lo := bits.Mul64(x^0xa0761d6478bd642f, 0xe7037ed1a0b428db)
	return hi ^ lo
}
