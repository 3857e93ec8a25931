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
// As long as values come in order, all takes a few ns: a [slideQueue], which after n
// values takes time for n / 64 once. From the first value out of order on, until the window is empty, they are in a
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
	return s.queue.n
}

// Insert takes in a value at a time, unless the window has left that behind.
func (s *Slide[A]) Insert(t int64, a A) {
	q := &s.queue
	if t < q.last || q.end == slidePiece || s.tree != nil {
		s.insert(t, a)
		return
	}
	p := q.newest
	p.times[q.end], p.values[q.end] = t, a
	q.end++
	q.n++
	q.last = t
	q.rest = s.m.Join(q.rest, a)
}

// insert takes in a value that does not simply stand behind those in the queue.
func (s *Slide[A]) insert(t int64, a A) {
	q := &s.queue
	switch {
	case t < s.oldest:
		return
	case s.tree == nil && t >= q.last:
		q.lengthen(s.m)
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
	for q.n > 0 {
		p := q.first
		if p == nil {
			p = q.back[0]
		}
		if p.times[q.begin] >= before {
			return
		}
		if q.first == nil {
			q.flip(s.m)
		}
		q.n--
		if q.begin++; q.begin == p.n {
			q.leave()
			q.enter(s.m)
		}
	}
	q.last = before
}

// Result is the join of all values in the window, in the order of their times.
func (s *Slide[A]) Result() A {
	q := &s.queue
	switch {
	case s.tree != nil:
		return s.tree.result()
	case q.first == nil:
		return q.rest
	}
	return s.m.Join(q.joins[q.begin], q.rest)
}
