package segment

import (
	"encoding/binary"
	"unsafe"
)

// unpack decodes groups of eight numbers, which begin at data[0] and fill w
// bytes each, into dst, a multiple of eight long. Behind the last group stand
// pageSlack bytes. The fewer bits a number has, the more of them one load of
// eight bytes brings; from bit 0 to 7 of its first byte on they are shifted
// down in turn.
func (p *packed) unpack(dst []int64, data []byte) {
	switch w := p.bits; {
	case w <= 8:
		p.unpackBy8(dst, data)
	case w <= 15:
		p.unpackBy4(dst, data)
	default:
		p.unpackBy1(dst, data)
	}
}

// unpackBy8 takes eight numbers from a load: 8×8 bits.
func (p *packed) unpackBy8(dst []int64, data []byte) {
	w, mask, base, step := uint(p.bits)&63, uint64(1)<<p.bits-1, p.base, p.step
	for at := 0; len(dst) >= 8; at += int(w) {
		d := (*[8]int64)(dst)
		dst = dst[8:]
		x := binary.LittleEndian.Uint64(data[at:])
		d[0] = base + int64(x&mask*step)
		x >>= w
		d[1] = base + int64(x&mask*step)
		x >>= w
		d[2] = base + int64(x&mask*step)
		x >>= w
		d[3] = base + int64(x&mask*step)
		x >>= w
		d[4] = base + int64(x&mask*step)
		x >>= w
		d[5] = base + int64(x&mask*step)
		x >>= w
		d[6] = base + int64(x&mask*step)
		x >>= w
		d[7] = base + int64(x&mask*step)
	}
}

// unpackBy4 takes four numbers from a load: 4 + 4×15 bits.
func (p *packed) unpackBy4(dst []int64, data []byte) {
	w, mask, base, step := uint(p.bits)&63, uint64(1)<<p.bits-1, p.base, p.step
	half, skip := int(w)/2, 4*w&7
	for at := 0; len(dst) >= 8; at += int(w) {
		d := (*[8]int64)(dst)
		dst = dst[8:]
		x := binary.LittleEndian.Uint64(data[at:])
		y := binary.LittleEndian.Uint64(data[at+half:]) >> skip
		d[0] = base + int64(x&mask*step)
		d[4] = base + int64(y&mask*step)
		x >>= w
		y >>= w
		d[1] = base + int64(x&mask*step)
		d[5] = base + int64(y&mask*step)
		x >>= w
		y >>= w
		d[2] = base + int64(x&mask*step)
		d[6] = base + int64(y&mask*step)
		x >>= w
		y >>= w
		d[3] = base + int64(x&mask*step)
		d[7] = base + int64(y&mask*step)
	}
}

// unpackBy1 takes one number from a load: 7 + 57 bits, or all of 64.
func (p *packed) unpackBy1(dst []int64, data []byte) {
	w, mask, base, step := int(p.bits), uint64(1)<<p.bits-1, p.base, p.step
	from, bit := unsafe.Pointer(unsafe.SliceData(data)), 0
	for i := range dst {
		x := load(from, bit>>3) >> (uint(bit) & 7)
		dst[i] = base + int64(x&mask*step)
		bit += w
	}
}

// load reads eight bytes without a look at where the page ends: opening it
// has made sure that they, and pageSlack behind the last bit, are there.
func load(from unsafe.Pointer, at int) uint64 {
	return binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(from, at))[:])
}
