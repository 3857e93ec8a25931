// Package alloc holds decoders to a bound on the memory that they allocate: what a
// hostile file can make one ask for is a stated multiple of its size.
package alloc

import (
	"fmt"
	"runtime"
)

// Bound is the most that a decoder may allocate.
type Bound struct {
	Fixed  int // bytes, whatever it is given
	Factor int // bytes, for each that it is given
}

// Check runs decode, which is given that many bytes, and returns an error if it
// allocates more than the bound, over all its run: memory that is garbage by the end
// counts. It may run decode several times.
//
// Other goroutines count as well, so what exceeds the bound is measured again, with
// pools emptied in between: what decode allocates into one is not to be hidden by
// that. One of a few runs is enough to hold the bound.
func (b Bound) Check(given int, decode func()) error {
	limit := uint64(b.Fixed) + uint64(b.Factor)*uint64(given)
	for again := 0; ; again++ {
		got := allocated(decode)
		if got <= limit {
			return nil
		}
		if again == retries {
			return fmt.Errorf("%d bytes were allocated for %d given; the bound is %d + %d a byte, %d", got, given, b.Fixed, b.Factor, limit)
		}
		runtime.GC()
		runtime.GC() // a pool lasts through one
	}
}

// retries is how often a bound that was exceeded is looked at again.
const retries = 3

// allocated is how many bytes are allocated while f runs.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
