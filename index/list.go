package index

import "sync/atomic"

// List is a slice that one goroutine appends to while any number read it
// without locks. The zero List is empty.
//
// A reader sees a prefix of what was appended: an item is written before the
// length that covers it is published, and a grown array before both.
type List[T any] struct {
	items atomic.Pointer[[]T]
	n     atomic.Int64
}

// Append adds v at the end. One goroutine at a time; O(1) amortised.
func (l *List[T]) Append(v T) {
	n := int(l.n.Load())
	items := l.items.Load()
	if items == nil || n == len(*items) {
		grown := make([]T, max(1, n+n/2+n%2))
		if items != nil {
			copy(grown, *items)
		}
		items = &grown
		l.items.Store(items)
	}
	(*items)[n] = v
	l.n.Store(int64(n + 1))
}

// View is what has been appended so far. It never changes and is not to be
// written to; its memory lives as long as it is held.
func (l *List[T]) View() []T {
	n := l.n.Load()
	if n == 0 {
		return nil
	}
	return (*l.items.Load())[:n:n]
}

// Len is the number of items.
func (l *List[T]) Len() int { return int(l.n.Load()) }
