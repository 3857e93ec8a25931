package aggregate

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/annalsdb/annals/segment"
)

// framesOf are n groups of a value each, and a frame that ends with each and reaches so
// many back.
func framesOf(f Function, n, size int) (from Groups, list []uint32, frames []Frame) {
	r := rand.New(rand.NewPCG(1, 1))
	v := Vector{Kind: segment.Float64Value}
	for i := range n {
		v.Floats = append(v.Floats, float64(r.IntN(100_000))/100)
		v.Time, v.Seq = append(v.Time, int64(i)), append(v.Seq, int64(i))
		list = append(list, uint32(i))
		frames = append(frames, Frame{max(0, i+1-size), i + 1})
	}
	from = f.Groups(n)
	if err := from.Add(list, &v); err != nil {
		panic(err)
	}
	return from, list, frames
}

// BenchmarkJoinFrames is ns a row of windows that slide over groups of one row each.
//
//	go test ./aggregate -run ^$ -bench JoinFrames
func BenchmarkJoinFrames(b *testing.B) {
	for _, f := range []Function{Count{}, Sum{}, Max{}, Quantile{Q: 0.5}, Distinct{}, Carried{}} {
		for _, size := range []int{10, 10_000} {
			b.Run(fmt.Sprintf("f=%s/size=%d", f, size), func(b *testing.B) {
				const n = 100_000
				from, list, frames := framesOf(f, n, size)
				start := time.Now()
				for b.Loop() {
					if _, err := JoinFrames(f, from, list, frames, nil); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(time.Since(start).Nanoseconds())/float64(n*b.N), "ns/row")
			})
		}
	}
}
