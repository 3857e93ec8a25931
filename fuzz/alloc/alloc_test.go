package alloc

import (
	"sync"
	"testing"
)

var sink []byte

func TestBound_Check(t *testing.T) {
	allocate := func(n int) func() { return func() { sink = make([]byte, n) } }
	b := Bound{Fixed: 4 << 10, Factor: 16}
	if err := b.Check(1<<10, allocate(20<<10)); err != nil {
		t.Errorf("all that the bound allows: %v", err)
	}
	if b.Check(1<<10, allocate(21<<10)) == nil {
		t.Error("more than the bound was not noticed")
	}
	garbage := func() {
		for range 100 {
			sink = make([]byte, 1<<10)
		}
	}
	if b.Check(1<<10, garbage) == nil {
		t.Error("more than the bound in many pieces was not noticed")
	}
}

// What is allocated once and used again from a pool is no less allocated.
func TestBound_CheckOfPool(t *testing.T) {
	pool := sync.Pool{New: func() any { return new([1 << 20]byte) }}
	if (Bound{Fixed: 1 << 10}).Check(0, func() { pool.Put(pool.Get()) }) == nil {
		t.Error("memory of a pool was not noticed")
	}
}

// What another goroutine allocates at the first look is not held against decode.
func TestBound_CheckBesideOthers(t *testing.T) {
	runs := 0
	err := Bound{Fixed: 1 << 10}.Check(0, func() {
		if runs++; runs == 1 {
			sink = make([]byte, 1<<20)
		}
	})
	if err != nil {
		t.Error(err)
	}
}
