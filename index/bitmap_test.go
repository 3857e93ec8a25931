package index

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/annalsdb/annals/fuzz/alloc"
)

// bitmaps has every kind of container, and few and many of them.
func bitmaps() map[string]*roaring.Bitmap {
	rnd := rand.New(rand.NewPCG(5, 5))
	mixed, array, dense := roaring.New(), roaring.New(), roaring.New()
	for key := range uint64(7) {
		mixed.AddRange(key<<17, key<<17+key*1000)
		mixed.Add(uint32(key<<17 + 1<<16 + 77))
	}
	for range 300 {
		array.Add(rnd.Uint32N(200_000))
	}
	for range 20_000 {
		dense.Add(rnd.Uint32N(60_000))
	}
	few := roaring.BitmapOf(3, 4, 5, 6, 7, 8, 9, 10)
	all := roaring.New()
	all.AddRange(0, 1<<32)
	m := map[string]*roaring.Bitmap{"none": roaring.New(), "mixed": mixed, "array": array, "dense": dense, "few": few, "all": all}
	for _, b := range m {
		b.RunOptimize()
	}
	return m
}

func TestOpenBitmap_RoundTrip(t *testing.T) {
	for name, want := range bitmaps() {
		bytes, err := want.ToBytes()
		if err != nil {
			t.Fatal(err)
		}
		kept := slices.Clone(bytes)
		got, err := OpenBitmap(bytes)
		if err != nil || !got.Equals(want) {
			t.Fatalf("%s: opened with %v rows, want %d, %v", name, got, want.GetCardinality(), err)
		}
		got.AddRange(1, 1<<18)
		got.Remove(5)
		if !slices.Equal(bytes, kept) {
			t.Errorf("%s: a change to the bitmap changed its bytes", name)
		}
		if _, err := OpenBitmap(append(kept, 0)); !errors.Is(err, errBitmap) {
			t.Errorf("%s with a byte behind it: %v", name, err)
		}
	}
}

// A bitmap cut anywhere or with any byte changed is refused, or is another one
// that is sound.
func TestOpenBitmap_Damage(t *testing.T) {
	for name, want := range bitmaps() {
		if name == "all" {
			continue // too many bytes to change each
		}
		bytes, err := want.ToBytes()
		if err != nil {
			t.Fatal(err)
		}
		for n := range bytes {
			if _, err := OpenBitmap(bytes[:n:n]); !errors.Is(err, errBitmap) {
				t.Fatalf("%s cut after %d of %d bytes: %v", name, n, len(bytes), err)
			}
			damaged := slices.Clone(bytes)
			damaged[n] ^= 1 << (n % 8)
			got, err := OpenBitmap(damaged)
			if err != nil && !errors.Is(err, errBitmap) {
				t.Fatalf("%s with byte %d changed: %v", name, n, err)
			}
			if err == nil && (got.Validate() != nil || got.Equals(want)) {
				t.Fatalf("%s with byte %d changed opens, %v", name, n, got.Validate())
			}
		}
	}
}

// Runs that no writer wrote: a header of one container of runs, key 0.
func TestOpenBitmap_Runs(t *testing.T) {
	for _, c := range []struct {
		name string
		rows uint16   // stated, less 1
		runs []uint16 // start, rows less 1
		ok   bool
	}{
		{"one", 2, []uint16{5, 2}, true},
		{"two", 3, []uint16{5, 0, 7, 2}, true},
		{"the last rows", 1, []uint16{65534, 1}, true},
		{"touching", 3, []uint16{5, 1, 7, 1}, false},
		{"overlapping", 3, []uint16{5, 1, 6, 1}, false},
		{"out of order", 1, []uint16{9, 0, 5, 0}, false},
		{"past the end", 1, []uint16{65535, 1}, false},
		{"fewer rows", 3, []uint16{5, 2}, false},
		{"more rows", 1, []uint16{5, 2}, false},
		{"none", 0, nil, false},
	} {
		b := []byte{0x3b, 0x30, 0, 0, 1, 0, 0}
		for _, v := range append([]uint16{c.rows, uint16(len(c.runs) / 2)}, c.runs...) {
			b = binary.LittleEndian.AppendUint16(b, v)
		}
		got, err := OpenBitmap(b)
		if (err == nil) != c.ok || err == nil && got.GetCardinality() != uint64(c.rows)+1 {
			t.Errorf("%s: %v, error %v", c.name, got, err)
		}
	}
}

// Whatever OpenBitmap accepts, the library's own check accepts, and it is a
// bitmap that can be worked with and written again. Opening it allocates no more than
// 4 KiB and 16 bytes for each that is given: heads of containers, whose rows stay where
// they are.
func FuzzOpenBitmap(f *testing.F) {
	for _, b := range bitmaps() {
		bytes, err := b.ToBytes()
		if err != nil {
			f.Fatal(err)
		}
		if len(bytes) < 1<<17 {
			f.Add(bytes)
		}
	}
	f.Fuzz(func(t *testing.T, bytes []byte) {
		var b *roaring.Bitmap
		var err error
		bound := alloc.Bound{Fixed: 4 << 10, Factor: 16}
		if over := bound.Check(len(bytes), func() { b, err = OpenBitmap(bytes) }); over != nil {
			t.Fatal(over)
		}
		if err != nil {
			if !errors.Is(err, errBitmap) {
				t.Fatal(err)
			}
			return
		}
		if err := b.Validate(); err != nil {
			t.Fatalf("accepted, but %v", err)
		}
		rows := uint64(0)
		for from, to := range b.Ranges() {
			rows += to - uint64(from)
		}
		if rows != b.GetCardinality() {
			t.Fatalf("%d rows in ranges, %d counted", rows, b.GetCardinality())
		}
		again, err := roaring.Or(b, roaring.BitmapOf(1, 1<<20)).ToBytes()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := OpenBitmap(again); err != nil {
			t.Fatalf("a sum with it does not open: %v", err)
		}
	})
}
