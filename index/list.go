package index

import (
	"sync/atomic"
	"unsafe"
)

// List is a slice that one goroutine appends to while any number read it
// without locks. The zero List is empty; it holds fewer than 2^32 items.
//
// A reader sees a prefix of what was appended: an item is written before the
// length that covers it is published, and a grown array before both. The array is
// kept as the address of its first item rather than as a slice: a slice would
// have to be allocated to be replaced at once, and be one more place to wait for.
type List[T any] struct {
	items atomic.Pointer[T] // the first of room items
	n     atomic.Uint32
	room  uint32 // the writer's
}

// Append adds v at the end. One goroutine at a time; O(1) amortised.
func (l *List[T]) Append(v T) {
	n := l.n.Load()
	if n == l.room {
		l.room = max(2, n+min(n, max(64, n/2)))
		grown := make([]T, l.room)
		copy(grown, l.View())
		l.items.Store(&grown[0])
	}
	*l.at(n) = v
	l.n.Store(n + 1)
}

// at is the place of item i, which is below room.
func (l *List[T]) at(i uint32) *T {
	return (*T)(unsafe.Add(unsafe.Pointer(l.items.Load()), uintptr(i)*unsafe.Sizeof(*new(T))))
}

// View is what has been appended so far. It never changes and is not to be
// written to; its memory lives as long as it is held.
func (l *List[T]) View() []T {
	n := l.n.Load()
	if n == 0 {
		return nil
	}
	return unsafe.Slice(l.items.Load(), n)
}

// Len is the number of items.
func (l *List[T]) Len() int { return int(l.n.Load()) }
