package segment

import (
	"encoding/binary"
	"math/bits"
)

// A filter says of a key or of an ID that it is not in the file, or that it may
// be. It is a blocked Bloom filter (Putze, Sanders, Singler, Cache-, Hash- and
// Space-Efficient Bloom Filters, WEA 2007): each entry sets filterProbes bits
// within one block of 64 bytes, so a question touches one line of memory. With
// ten bits an entry it errs on one question in a hundred.
//
// An entry is the upper half of its [Hash]. The block is that half, taken as a
// fraction, of the number of blocks; the bits are nine bits each of the half
// spread by a multiplication. Two entries of one upper half are one to the
// filter: with a hundred million entries that is two more questions in a hundred.
const (
	filterBits   = 10 // per entry
	filterProbes = 6
	filterBlock  = 64 // bytes
	filterPage   = 64 << 10
)

// The multipliers are odd and look random: the fractions of the square roots of
// 2, 3 and 5, and the golden ratio. They are part of the format.
const (
	hashStream = 0x6a09e667f3bcc909
	hashLength = 0xbb67ae8584caa73b
	hashWord   = 0x3c6ef372fe94f82b
	hashSpread = 0x9e3779b97f4a7c15
)

// Hash is the number under which a sealed file knows a key of a stream, or an
// ID. It is part of the format: the same for ever, everywhere.
//
// The name is taken in words of eight bytes, little endian, the last one filled
// with zeros. With mix(a, b) the two halves of the product a·b xored,
//
//	h = mix(stream ^ hashStream, length ^ hashLength)
//	h = mix(h ^ word, hashWord)           for each word
//	Hash = mix(h ^ hashSpread, hashWord)
//
// It is fast, a multiplication a word, and no defence against one who chooses
// keys to collide: those cost a look at the directory each, not an error.
func Hash(stream uint32, name string) uint64 {
	h := mix(uint64(stream)^hashStream, uint64(len(name))^hashLength)
	b := view(name)
	for len(b) >= 8 {
		h = mix(h^binary.LittleEndian.Uint64(b), hashWord)
		b = b[8:]
	}
	if len(b) > 0 {
		var word uint64
		for i, c := range b {
			word |= uint64(c) << (8 * i)
		}
		h = mix(h^word, hashWord)
	}
	return mix(h^hashSpread, hashWord)
}

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// filterBlocks is the number of blocks of a filter of n entries.
func filterBlocks(n int) int {
	return (n*filterBits + 8*filterBlock - 1) / (8 * filterBlock)
}

// filterPlace is the block of an entry, and the bits in it, nine each.
func filterPlace(entry uint32, blocks uint64) (block, probes uint64) {
	return uint64(entry) * blocks >> 32, uint64(entry) * hashSpread >> 10
}

// makeFilter is the filter of the entries.
func makeFilter(entries []uint32) []byte {
	blocks := filterBlocks(len(entries))
	f := make([]byte, blocks*filterBlock)
	for _, e := range entries {
		block, probes := filterPlace(e, uint64(blocks))
		b := f[block*filterBlock:][:filterBlock]
		for range filterProbes {
			b[probes>>3&(filterBlock-1)] |= 1 << (probes & 7)
			probes >>= 9
		}
	}
	return f
}

// filterHas reports whether the block has all bits of the probes.
func filterHas(block []byte, probes uint64) bool {
	_ = block[filterBlock-1]
	for range filterProbes {
		if block[probes>>3&(filterBlock-1)]>>(probes&7)&1 == 0 {
			return false
		}
		probes >>= 9
	}
	return true
}
