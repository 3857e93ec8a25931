package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/RoaringBitmap/roaring/v2"
)

// The portable format of roaring bitmaps
// (github.com/RoaringBitmap/RoaringFormatSpec), all little endian:
//
//	either  u32 12346, u32 containers
//	or      u16 12347, u16 containers-1, one bit a container: set for runs
//	per container  u16 key (high half of its rows), u16 rows-1
//	per container  u32 offset in the bitmap, unless runs are marked and there
//	               are fewer than 4 containers
//	containers     runs:            u16 n, n times u16 start, u16 rows-1
//	               up to 4096 rows: u16 each
//	               more:            8 KiB of bits
const (
	cookiePlain   = 12346
	cookieRuns    = 12347
	maxContainers = 1 << 16
	maxArray      = 4096
	bitsBytes     = maxContainers / 8
	offsetsFrom   = 4
)

var errBitmap = errors.New("bitmap is malformed")

// OpenBitmap reads a bitmap that [PostingsBuilder.Rare] yielded. Everything is
// checked, in O(len(b)) and without a copy: the bitmap keeps b, which must not
// be written to again. A change to the bitmap does not change b.
func OpenBitmap(b []byte) (*roaring.Bitmap, error) {
	if err := checkBitmap(b); err != nil {
		return nil, fmt.Errorf("open bitmap of %d bytes: %w", len(b), err)
	}
	bitmap := roaring.New()
	if _, err := bitmap.FromBuffer(b); err != nil {
		return nil, fmt.Errorf("open bitmap of %d bytes: %w: %w", len(b), errBitmap, err)
	}
	return bitmap, nil
}

// checkBitmap reports what of b is not as the format has it. The library has a
// check of its own, in time quadratic in the runs of a container.
func checkBitmap(b []byte) error {
	n, runs, rest, err := bitmapHead(b)
	if err != nil {
		return err
	}
	heads, offsets := rest, []byte(nil)
	if rest = after(rest, 4*n); rest != nil && (runs == nil || n >= offsetsFrom) {
		offsets, rest = rest, after(rest, 4*n)
	}
	if rest == nil {
		return fmt.Errorf("%w: %d containers do not fit", errBitmap, n)
	}
	for i := range n {
		if offsets != nil && int(binary.LittleEndian.Uint32(offsets[4*i:])) != len(b)-len(rest) {
			return fmt.Errorf("%w: container %d is not where it should be", errBitmap, i)
		}
		key, rows := u16(heads, 2*i), u16(heads, 2*i+1)+1
		if i > 0 && key <= u16(heads, 2*i-2) {
			return fmt.Errorf("%w: container %d is out of order", errBitmap, i)
		}
		var ok bool
		if runs != nil && runs[i/8]>>(i%8)&1 != 0 {
			rest, ok = checkRuns(rest, rows)
		} else {
			rest, ok = checkRows(rest, rows)
		}
		if !ok {
			return fmt.Errorf("%w: container %d does not hold %d rows in order", errBitmap, i, rows)
		}
	}
	if len(rest) > 0 {
		return fmt.Errorf("%w: %d bytes follow it", errBitmap, len(rest))
	}
	return nil
}

// bitmapHead is the number of containers, the bits that mark those of runs, nil
// if none can be, and what follows.
func bitmapHead(b []byte) (n int, runs, rest []byte, err error) {
	switch {
	case len(b) >= 8 && binary.LittleEndian.Uint32(b) == cookiePlain:
		many := binary.LittleEndian.Uint32(b[4:])
		if many > maxContainers {
			return 0, nil, nil, fmt.Errorf("%w: %d containers", errBitmap, many)
		}
		return int(many), nil, b[8:], nil
	case len(b) >= 4 && u16(b, 0) == cookieRuns:
		n = u16(b, 1) + 1
		runs = b[4:]
		if rest = after(runs, (n+7)/8); rest != nil && (n%8 == 0 || runs[n/8]>>(n%8) == 0) {
			return n, runs, rest, nil
		}
	}
	return 0, nil, nil, fmt.Errorf("%w: it does not begin like one", errBitmap)
}

// checkRuns passes over a container of runs: in order, not touching, rows in all.
func checkRuns(b []byte, rows int) ([]byte, bool) {
	if len(b) < 2 {
		return nil, false
	}
	n := u16(b, 0)
	rest := after(b[2:], 4*n)
	if rest == nil {
		return nil, false
	}
	free := 0 // the first row that the next run may begin at
	for i := range n {
		start, more := u16(b, 1+2*i), u16(b, 2+2*i)
		if start < free || start+more >= maxContainers {
			return nil, false
		}
		free = start + more + 2
		rows -= more + 1
	}
	return rest, rows == 0
}

// checkRows passes over a container of single rows or of bits.
func checkRows(b []byte, rows int) ([]byte, bool) {
	if rows > maxArray {
		rest := after(b, bitsBytes)
		for i := 0; rest != nil && i < bitsBytes; i += 8 {
			rows -= bits.OnesCount64(binary.LittleEndian.Uint64(b[i:]))
		}
		return rest, rest != nil && rows == 0
	}
	rest := after(b, 2*rows)
	for i := 1; rest != nil && i < rows; i++ {
		if u16(b, i) <= u16(b, i-1) {
			return nil, false
		}
	}
	return rest, rest != nil
}

// u16 is number i of b.
func u16(b []byte, i int) int { return int(binary.LittleEndian.Uint16(b[2*i:])) }

// after is b behind its first n bytes, nil if it has not as many.
func after(b []byte, n int) []byte {
	if len(b) < n {
		return nil
	}
	return b[n:]
}
