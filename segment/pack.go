package segment

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// packed is a row of numbers of one width, each base + step × stored.
//
//	1 byte   width in bits, 0 to 57 or 64
//	varint   base
//	width > 0: uvarint step, then the stored numbers, value i from bit i×width
//	         on, bit 0 the lowest of the first byte; filled to a whole byte
//
// How many there are stands elsewhere. Sums and products wrap around, so all
// of int64 fits. A width of at most 57 lets one load of eight bytes reach every
// number, wherever in a byte it begins.
type packed struct {
	data []byte // from the first packed bit to the end of the page
	base int64
	step uint64
	n    int
	bits uint8
}

// packing is how numbers are to be packed.
type packing struct {
	base int64
	step uint64
	bits uint8
}

// loadable is the least width that can be packed and holds w bits.
func loadable(w int) uint8 {
	if w > 57 {
		return 64
	}
	return uint8(w)
}

func packedBytes(n int, w uint8) int { return (n*int(w) + 7) / 8 }

// appendNumbers packs v, all of which fits.
func appendNumbers(dst []byte, v []int64) []byte {
	lo, hi := slices.Min(v), slices.Max(v)
	k := packing{base: lo, step: 1, bits: loadable(bits.Len64(uint64(hi) - uint64(lo)))}
	return appendPacked(dst, v, k)
}

// appendPacked packs v. What does not fit k is cut; the caller has it elsewhere.
func appendPacked(dst []byte, v []int64, k packing) []byte {
	dst = append(dst, k.bits)
	dst = binary.AppendVarint(dst, k.base)
	if k.bits == 0 {
		return dst
	}
	dst = binary.AppendUvarint(dst, k.step)
	size := packedBytes(len(v), k.bits)
	dst = slices.Grow(dst, size+pageSlack)
	k.pack(dst[len(dst):len(dst)+size+pageSlack], v)
	return dst[:len(dst)+size]
}

// pack writes v's bits to out, which has room for a word more.
func (k packing) pack(out []byte, v []int64) {
	q, w := k.divider(), uint(k.bits)
	mask := uint64(1)<<w - 1
	var word uint64 // bits not yet written, used of them
	var used uint
	for _, x := range v {
		u := q.stored(x) & mask
		word |= u << (used & 63)
		used += w
		if used >= 64 {
			binary.LittleEndian.PutUint64(out, word)
			out = out[8:]
			used -= 64
			word = u >> 1 >> ((w - used - 1) & 63) // nothing if used is 0
		}
	}
	binary.LittleEndian.PutUint64(out, word)
}

// packed reads what [appendPacked] wrote of n numbers.
func (d *Decoder) packed(n int) (packed, error) {
	p := packed{n: n, bits: d.Byte(), base: d.Varint()}
	if p.bits > 57 && p.bits != 64 {
		return packed{}, errPageBits
	}
	if p.bits > 0 {
		p.step = d.Uvarint()
	}
	size := packedBytes(n, p.bits)
	if d.bad || size > 0 && len(d.Rest()) < size+pageSlack {
		return packed{}, errPageShort
	}
	p.data = view(d.Rest())
	d.at += size
	return p, nil
}

// at is number i.
func (p *packed) at(i int) int64 {
	if p.bits == 0 {
		return p.base
	}
	bit := uint(i) * uint(p.bits)
	u := binary.LittleEndian.Uint64(p.data[bit>>3:]) >> (bit & 7)
	u &= 1<<p.bits - 1 // all ones for 64, where the shift gives 0
	return p.base + int64(u*p.step)
}

// slice decodes the len(dst) numbers from number from on.
func (p *packed) slice(dst []int64, from int) {
	if p.bits == 0 {
		fill(dst, p.base)
		return
	}
	for len(dst) > 0 && from%8 != 0 { // up to where a group begins
		dst[0] = p.at(from)
		dst, from = dst[1:], from+1
	}
	whole := len(dst) &^ 7
	p.unpack(dst[:whole], p.data[from/8*int(p.bits):])
	for i := whole; i < len(dst); i++ {
		dst[i] = p.at(from + i)
	}
}

func fill(dst []int64, x int64) {
	for i := range dst {
		dst[i] = x
	}
}
