package aggregate

import (
	"math"
	"slices"
)

// slidePiece is how many values a piece has at most. More make the joins of one dearer
// when its turn comes, fewer the list of pieces longer.
const slidePiece = 64

// slideQueue has values that came in order, by pieces, as two stacks: the join of those at
// the back grows as they come; of each piece at the front there is the join of it and all
// behind it there, from which values that leave change nothing. When the front is empty
// the back becomes the front.
//
//	front            first      ...               back       ...    newest
//	               begin -> n                                      0 -> end
//	join             of it and those behind         of it alone
//	joins          of each value of it, and
//	               all behind it at the front
//
// So far it is two-stacks lite (K. Tangwongsan, M. Hirzel, S. Schneider, "In-order
// sliding-window aggregation in worst-case constant time", 2021). That has a join in place
// of each value at the front. Here only values of the first piece have one, and values
// stay, which a tree needs; memory of a piece that has left is that of the next to come.
// One ring with a join beside each value took 13.4 ns an event where this takes 14.3, but
// for a million integers 48 MiB instead of 18, and for the longest event, at which the back
// becomes the front, 16 ms instead of 0.4. A third of the time is that Go calls a Monoid
// through an interface: a copy of it all for integers alone took 8.5 ns.
type slideQueue[A any] struct {
	front, back   []*piece[A]
	left          int       // pieces of the front that have
	first, newest *piece[A] // of the front, if there is one; of the back
	begin, end    int       // of the first piece: its first value; of the newest: behind its last
	joins         [slidePiece]A
	rest          A // join of the back
	n             int
	last          int64     // time of the last one; of none, that before which none may come
	spare         *piece[A] // nil, or one that has left
}

// piece is some values, one behind the other.
type piece[A any] struct {
	n      int // once no more come
	join   A
	times  [slidePiece]int64
	values [slidePiece]A
}

func newSlideQueue[A any](m Monoid[A]) slideQueue[A] {
	return slideQueue[A]{end: slidePiece, rest: m.Fold(nil), last: math.MinInt64}
}

// lengthen begins a piece at the back.
func (q *slideQueue[A]) lengthen(m Monoid[A]) {
	q.finish(m)
	p := q.spare
	if q.spare = nil; p == nil {
		p = &piece[A]{}
	}
	q.newest, q.back, q.end = p, append(q.back, p), 0
}

// finish ends the newest piece, if there is one.
func (q *slideQueue[A]) finish(m Monoid[A]) {
	if p := q.newest; p != nil {
		p.n, p.join = q.end, m.Fold(p.values[:q.end])
	}
}

// flip makes the back the front, which is empty.
func (q *slideQueue[A]) flip(m Monoid[A]) {
	q.finish(m)
	q.front, q.back, q.left = q.back, q.front[:0], 0
	q.newest, q.end, q.rest = nil, slidePiece, m.Fold(nil)
	join := q.rest
	for _, p := range slices.Backward(q.front) {
		join = m.Join(p.join, join)
		p.join = join
	}
	q.enter(m)
}

// enter makes the next piece of the front the one that values leave, if there is one.
func (q *slideQueue[A]) enter(m Monoid[A]) {
	q.first, q.begin = nil, 0
	if q.left == len(q.front) {
		return
	}
	q.first = q.front[q.left]
	join := m.Fold(nil)
	if q.left+1 < len(q.front) {
		join = q.front[q.left+1].join
	}
	values, joins := q.first.values[:q.first.n], q.joins[:q.first.n]
	for i := len(values) - 1; i >= 0; i-- {
		join = m.Join(values[i], join)
		joins[i] = join
	}
}

// leave lets go of the first piece, whose values have left.
func (q *slideQueue[A]) leave() {
	q.spare, q.front[q.left] = q.first, nil
	q.left++
	clear(q.spare.values[:])
	clear(q.joins[:])
}

// tree is a tree of all values.
func (q *slideQueue[A]) tree(m Monoid[A]) *slideTree[A] {
	q.finish(m)
	t := newSlideTree(m)
	begin := q.begin
	for _, list := range [...][]*piece[A]{q.front[q.left:], q.back} {
		for _, p := range list {
			for i := begin; i < p.n; i++ {
				t.insert(p.times[i], p.values[i])
			}
			begin = 0
		}
	}
	return t
}
