package main

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"time"
)

// usage is what a process holds.
type usage struct {
	heap       uint64 // bytes in use after a collection
	goroutines int
	files      int // open, -1 where the system does not say
}

func (u usage) String() string {
	return fmt.Sprintf("%d KiB, %d goroutines, %d files", u.heap>>10, u.goroutines, u.files)
}

// use is what is held now. It waits for goroutines that are about to end, while there
// are more than so many, but not for ever: some may not end.
func use(goroutines int) usage {
	for tries := 0; runtime.NumGoroutine() > goroutines && tries < 1000; tries++ {
		time.Sleep(10 * time.Millisecond)
	}
	return usage{goroutines: runtime.NumGoroutine(), files: openFiles(), heap: heap()}
}

// heap is the bytes in use once three collections in a row find nothing more. What pools
// have goes with the second; what is to be closed when it is collected, and all that
// hangs on it, when a goroutine of Go's has got to it.
func heap() uint64 {
	const little = 64 << 10
	least := uint64(math.MaxUint64)
	for idle := 0; idle < 3; idle++ {
		time.Sleep(10 * time.Millisecond)
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if m.HeapAlloc < least-little {
			idle = -1
		}
		least = min(least, m.HeapAlloc)
	}
	return least
}

func openFiles() int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return -1
	}
	return len(list)
}

// heapSlack is what may be held more at the end than after the first life, by tables
// of libraries, and by what they keep for each processor that has used them: decoders of
// zstd. The database is closed: it holds nothing.
func heapSlack() uint64 { return 3<<20 + 512<<10*uint64(runtime.GOMAXPROCS(0)) }

// flat is an error if u, with the database closed, is more than after its first life,
// or for goroutines more than before it. Files that are opened once are Go's own.
func (u usage) flat(before, first usage) error {
	switch {
	case u.goroutines > before.goroutines:
		buf := make([]byte, 1<<20)
		return fmt.Errorf("%d goroutines, %d before:\n%s", u.goroutines, before.goroutines, buf[:runtime.Stack(buf, true)])
	case u.files > first.files:
		return fmt.Errorf("%d files are open, %d were after the first life", u.files, first.files)
	case u.heap > first.heap+heapSlack():
		return fmt.Errorf("%d bytes are in use, %d were after the first life", u.heap, first.heap)
	}
	return nil
}
