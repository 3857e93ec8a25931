package aggregate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// total joins integers by adding them.
type total struct{}

func (total) Join(a, b int64) int64 { return a + b }

func (total) Fold(all []int64) (sum int64) {
	for _, v := range all {
		sum += v
	}
	return sum
}

// BenchmarkSlide is an event of a window of 1 Mi: one value comes, one leaves, the join
// is asked for. Values come behind a number of later ones, which stay, as in the paper
// of the finger B-tree, or are shuffled over a distance. The first in the tree is 0 in
// order.
//
//	go test ./aggregate -run '^$' -bench Slide -benchtime 3000000x
func BenchmarkSlide(b *testing.B) {
	const size = 1 << 20
	fill := func(s *Slide[int64], behind int) (at int64) {
		for ; at < int64(size-behind); at++ {
			s.Insert(at, at)
		}
		for i := range behind {
			s.Insert(math.MaxInt64/2+int64(i), 1)
		}
		return at
	}
	run := func(b *testing.B, s *Slide[int64], at int64, time func(i int) int64) {
		sum, warm := int64(0), 100_000
		for i := range warm + b.N {
			if i == warm {
				b.ResetTimer()
			}
			s.Insert(time(i), int64(i))
			s.Evict(at + int64(i) + 1 - size)
			sum += s.Result()
		}
		if s.Len() == 0 || sum == 0 {
			b.Fatal("an empty window")
		}
	}
	b.Run("in=order", func(b *testing.B) {
		s := NewSlide(total{})
		at := fill(s, 0)
		run(b, s, at, func(i int) int64 { return at + int64(i) })
	})
	for _, behind := range []int{0, 4, 16, 64, 256, 1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18} {
		b.Run(fmt.Sprint("behind=", behind), func(b *testing.B) {
			s := NewSlide(total{})
			at := fill(s, behind)
			s.grow()
			run(b, s, at+int64(behind), func(i int) int64 { return at + int64(i) })
		})
	}
	for _, over := range []int64{16, 256, 1 << 12, 1 << 16, 1 << 18} {
		b.Run(fmt.Sprint("shuffled=", over), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 0))
			back := make([]int64, 1<<16)
			for i := range back {
				back[i] = r.Int64N(over)
			}
			s := NewSlide(total{})
			at := fill(s, 0)
			s.grow()
			run(b, s, at, func(i int) int64 { return at + int64(i) - back[i%len(back)] })
		})
	}
}

// grow makes a tree of a queue.
func (s *Slide[A]) grow() { s.tree, s.queue = s.queue.tree(s.m), newSlideQueue(s.m) }
