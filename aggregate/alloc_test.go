package aggregate

import "runtime"

// A decoder allocates at most decodeFixed + decodeFactor × the bytes it is given:
// an empty group of the function, and for the smallest items of an encoding, a
// bucket or a state of two or three bytes, their place in a map or an array.
const (
	decodeFixed  = 80 << 10 // a distinct sketch of 18 bits can be 256 KiB, of as many bytes
	decodeFactor = 256
)

// allocated is how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
