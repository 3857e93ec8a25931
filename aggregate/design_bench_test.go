package aggregate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// go test ./aggregate -run '^$' -bench SumDesigns -benchtime 100ms -cpu 1
//
// What a value costs into one group, and into many at random, in the designs
// that the package documentation speaks of. Only the first is not exact.
func BenchmarkSumDesigns(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	v := make([]float64, 1<<14)
	for i := range v {
		v[i] = math.Round(r.Float64()*1e5) / 100
	}
	for _, n := range []int{1, 80, 10_000} {
		const blocks = 64
		groups := make([]uint32, len(v)*blocks)
		for i := range groups {
			groups[i] = uint32(r.IntN(n))
		}
		block := func(i int) []uint32 { i %= blocks; return groups[i*len(v) : (i+1)*len(v)] }
		run := func(name string, f func(g []uint32)) {
			b.Run(fmt.Sprintf("groups=%d/design=%s", n, name), func(b *testing.B) {
				i := 0
				for b.Loop() {
					f(block(i))
					i++
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(v)), "ns/value")
			})
		}
		naive := make([]float64, n)
		run("plain", func(g []uint32) {
			for i, f := range v {
				naive[g[i]] += f
			}
		})
		var w floatSums
		w.grow(n)
		run("window", func(g []uint32) {
			if n == 1 {
				g = nil
			}
			w.add(g, v)
		})
		wide := make([]*exact, n)
		for i := range wide {
			wide[i] = newSum()
		}
		run("small", func(g []uint32) {
			for i, f := range v {
				minus, m, exp := split(f)
				wide[g[i]].add(minus, 0, m, exp)
			}
		})
		pairs := make([]splitSum, n)
		run("split", func(g []uint32) {
			for i, f := range v {
				pairs[g[i]].add(f)
			}
		})
		if n == 1 {
			var l largeSum
			run("large", func([]uint32) { l.add(v) })
			run("block", func([]uint32) { blockSum(v) })
		}
	}
}

// splitSum rounds each value to a multiple of a power of two and keeps what that
// leaves apart, so that both sums of doubles are exact for as many values as the
// budget says.
type splitSum struct {
	magic, hi, lo float64
	base          int32
	budget        int32
}

func (s *splitSum) add(f float64) {
	k := uint(math.Float64bits(f)>>52&0x7ff) - uint(s.base)
	if k > 38 || s.budget == 0 {
		e := int(math.Float64bits(f) >> 52 & 0x7ff)
		s.base, s.budget = int32(max(e-19, 0)), 256
		s.magic = math.Ldexp(1.5, e-1023+19+8)
		s.hi, s.lo = 0, 0 // the real thing would go on in a wide number
		return
	}
	s.budget--
	h := (f + s.magic) - s.magic
	s.hi += h
	s.lo += f - h
}

// largeSum is Neal's large superaccumulator: a chunk for each sign and exponent.
type largeSum struct {
	chunks [4096]uint64
	counts [4096]int16
}

func (l *largeSum) add(v []float64) {
	for _, f := range v {
		b := math.Float64bits(f)
		i := b >> 52
		if l.counts[i]--; l.counts[i] < 0 {
			l.chunks[i], l.counts[i] = 0, 4096>>1 // the real thing would go on in a small one
		}
		l.chunks[i] += b
	}
}

// blockSum looks for the greatest and the least exponent first, then splits.
func blockSum(v []float64) (hi, lo float64) {
	for len(v) > 0 {
		n := min(256, len(v))
		most, least := uint64(0), uint64(math.MaxUint64)
		for _, f := range v[:n] {
			e := math.Float64bits(f) << 1
			most, least = max(most, e), min(least, e-1)
		}
		if most>>53-least>>53 > 38 {
			return math.NaN(), 0
		}
		magic := math.Ldexp(1.5, int(most>>53)-1023+8)
		var h0, h1, l0, l1 float64
		for i := 0; i+1 < n; i += 2 {
			a := (v[i] + magic) - magic
			b := (v[i+1] + magic) - magic
			h0 += a
			h1 += b
			l0 += v[i] - a
			l1 += v[i+1] - b
		}
		hi, lo = hi+h0+h1, lo+l0+l1
		v = v[n:]
	}
	return hi, lo
}
