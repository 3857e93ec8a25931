package aggregate

import "math"

// Monoid is how what a sliding window holds is joined: partial results, or any values
// of which neighbours can be joined, whatever stands between brackets. It is safe for
// concurrent use.
type Monoid[A any] interface {
	// Join is a, and b behind it.
	Join(a, b A) A
	// Fold is the join of all, in their order; of none that which changes nothing. It
	// keeps nothing of the slice.
	Fold(all []A) A
}

// Slide is a window that slides over values in the order of their times, and the join
// of those that are in it, at any moment: [Sliding] windows without computing each of
// them anew. Values of one time stand in the order in which they came.
//
// As long as values come in order, all takes a few ns: two stacks in one queue, as
// two-stacks lite (K. Tangwongsan, M. Hirzel, S. Schneider, "In-order sliding-window
// aggregation in worst-case constant time", 2021), which after n values takes time for n
// once. From the first value out of order on, until the window is empty, they are in a
// [slideTree], where one that is d behind takes time for log d. A copy of a Slide is not
// another one; one goroutine uses it at a time.
type Slide[A any] struct {
	m      Monoid[A]
	queue  slideQueue[A]
	tree   *slideTree[A] // nil: all is in the queue
	oldest int64         // that may be in the window
}

// NewSlide is an empty window.
func NewSlide[A any](m Monoid[A]) *Slide[A] {
	return &Slide[A]{m: m, queue: newSlideQueue(m), oldest: math.MinInt64}
}

// Len is how many values are in the window.
func (s *Slide[A]) Len() int {
	if s.tree != nil {
		return s.tree.size
	}
	return s.queue.tail - s.queue.head
}

// Insert takes in a value at a time, unless the window has left that behind.
func (s *Slide[A]) Insert(t int64, a A) {
	q := &s.queue
	if t < q.last || q.tail-q.head == len(q.ring) || s.tree != nil {
		s.insert(t, a)
		return
	}
	e := q.at(q.tail)
	e.time, e.value = t, a
	q.tail++
	q.last = t
	q.back = s.m.Join(q.back, a)
}

// insert takes in a value that does not simply stand behind those in the queue.
func (s *Slide[A]) insert(t int64, a A) {
	q := &s.queue
	switch {
	case t < s.oldest:
		return
	case s.tree == nil && t >= q.last:
		q.widen()
		s.Insert(t, a)
		return
	case s.tree == nil:
		s.tree = q.tree(s.m)
		s.queue = newSlideQueue(s.m)
	}
	s.tree.insert(t, a)
}

// Evict lets go of all values before a time; none before it come in any more.
func (s *Slide[A]) Evict(before int64) {
	if before <= s.oldest {
		return
	}
	s.oldest = before
	if s.tree != nil {
		if s.tree.evict(before); s.tree.size == 0 {
			s.tree, s.queue.last = nil, before
		}
		return
	}
	q := &s.queue
	for ; q.head < q.tail; q.head++ {
		e := q.at(q.head)
		if e.time >= before {
			return
		}
		if q.head == q.turn {
			q.flip(s.m)
		}
		*e = queued[A]{}
	}
	q.last = before
}

// Result is the join of all values in the window, in the order of their times.
func (s *Slide[A]) Result() A {
	q := &s.queue
	switch {
	case s.tree != nil:
		return s.tree.result()
	case q.head == q.turn:
		return q.back
	}
	return s.m.Join(q.at(q.head).join, q.back)
}

// slideQueue has values that came in order, in a ring. Those up to turn have beside
// them the join of them and all behind up to turn, from which leaving values change
// nothing; the join of those behind grows with them. When the first part is gone the
// second becomes the first.
type slideQueue[A any] struct {
	ring             []queued[A] // a power of two of places; a number is in the place that it is modulo that
	head, turn, tail int
	last             int64 // time of the last one; of none, that before which none may come
	back             A     // join of those from turn on
}

type queued[A any] struct {
	time        int64
	value, join A
}

func newSlideQueue[A any](m Monoid[A]) slideQueue[A] {
	return slideQueue[A]{ring: make([]queued[A], 16), back: m.Fold(nil), last: math.MinInt64}
}

func (q *slideQueue[A]) at(i int) *queued[A] { return &q.ring[i&(len(q.ring)-1)] }

// widen doubles the ring.
func (q *slideQueue[A]) widen() {
	old := *q
	q.ring = make([]queued[A], 2*len(q.ring))
	for i := old.head; i < old.tail; i++ {
		*q.at(i) = *old.at(i)
	}
}

// flip makes the second part the first.
func (q *slideQueue[A]) flip(m Monoid[A]) {
	join := m.Fold(nil)
	q.back = join
	for i := q.tail - 1; i >= q.turn; i-- {
		e := q.at(i)
		join = m.Join(e.value, join)
		e.join = join
	}
	q.turn = q.tail
}

// tree is a tree of all values.
func (q *slideQueue[A]) tree(m Monoid[A]) *slideTree[A] {
	t := newSlideTree(m)
	for i := q.head; i < q.tail; i++ {
		t.insert(q.at(i).time, q.at(i).value)
	}
	return t
}
