package aggregate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/annalsdb/annals/segment"
)

// go test ./aggregate -run '^$' -bench Columns -benchtime 50ms -cpu 1
//
// What a value costs in batches of 4096, of groups at random.
func BenchmarkColumns(b *testing.B) {
	const batch, batches = 4096, 256
	r := rand.New(rand.NewPCG(1, 2))
	floats, ints := make([]float64, batch*batches), make([]int64, batch*batches)
	for i := range floats {
		floats[i] = math.Round(r.Float64()*1e5) / 100
		ints[i] = r.Int64N(1e6)
	}
	groups := make([]uint32, batch*batches)
	for _, f := range []Function{Count{}, Sum{}, Min{}, Max{}, Avg{}, Variance{}, Quantile{Q: 0.99}, Distinct{}, DistinctSketch{}} {
		for _, n := range []int{1, 80, 10_000, 1_000_000} {
			for _, kind := range []segment.ValueKind{segment.Float64Value, segment.Int64Value} {
				if _, heavy := f.(Distinct); heavy && n > 10_000 || kind == segment.Int64Value && n == 1_000_000 {
					continue
				}
				b.Run(fmt.Sprintf("of=%s/kind=%s/groups=%d", f, kind, n), func(b *testing.B) {
					for i := range groups {
						groups[i] = uint32(r.IntN(n))
					}
					g := f.Groups(n)
					add := func(i int) {
						at := i % batches * batch
						v := Vector{Kind: kind, Floats: floats[at : at+batch], Ints: ints[at : at+batch]}
						ordinals := groups[at : at+batch]
						if n == 1 {
							ordinals = nil
						}
						if err := g.Add(ordinals, &v); err != nil {
							b.Fatal(err)
						}
					}
					for i := range batches { // what every group holds is there
						add(i)
					}
					i := 0
					for b.Loop() {
						add(i)
						i++
					}
					perValue(b, batch)
				})
			}
		}
	}
}

func perValue(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/value")
}

// go test ./aggregate -run '^$' -bench 'Merge|Single|Starts' -benchtime 50ms -cpu 1
func BenchmarkMerge(b *testing.B) {
	const n = 10_000
	for _, f := range []Function{Count{}, Sum{}, Min{}, Quantile{Q: 0.5}} {
		b.Run(fmt.Sprintf("of=%s/groups=%d", f, n), func(b *testing.B) {
			v := Vector{Kind: segment.Float64Value, Floats: make([]float64, n)}
			ordinals := make([]uint32, n)
			for i := range ordinals {
				ordinals[i], v.Floats[i] = uint32(i), float64(i)/100
			}
			x, y := f.Groups(n), f.Groups(n)
			if err := y.Add(ordinals, &v); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if err := x.Merge(nil, y); err != nil {
					b.Fatal(err)
				}
			}
			perValue(b, n)
		})
	}
}

func BenchmarkSingle(b *testing.B) {
	for _, f := range []Function{Sum{}, Quantile{Q: 0.5}, Carried{}} {
		b.Run("of="+f.String(), func(b *testing.B) {
			p := NewPartial(f)
			r := Row{Value: segment.Float64Of(1.25)}
			for b.Loop() {
				r.Time++
				if err := p.Add(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkStarts(b *testing.B) {
	berlin := zone(b, "Europe/Berlin")
	r := rand.New(rand.NewPCG(1, 2))
	random, rising := make([]int64, 4096), make([]int64, 4096)
	for i := range random {
		random[i] = date(berlin, 2015, 1, 1, 0, 0) + r.Int64N(10*365*24*int64(time.Hour))
		rising[i] = date(berlin, 2015, 1, 1, 0, 0) + int64(i)*int64(time.Hour)/4
	}
	for _, w := range []Aligned{Tumbling{Size: time.Minute}, Tumbling{Size: time.Hour}, Calendar{Unit: Day, Zone: berlin}, Calendar{Unit: Month, Zone: berlin}} {
		for name, times := range map[string][]int64{"random": random, "rising": rising} {
			b.Run(fmt.Sprintf("of=%s/times=%s", w, name), func(b *testing.B) {
				fill, dst := w.Starter(), make([]int64, len(times))
				for b.Loop() {
					fill(dst, times)
				}
				perValue(b, len(times))
			})
		}
	}
}
