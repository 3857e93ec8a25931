package segment

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestIntPage_Below(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	draw := map[string]func() int64{
		"even":   func() int64 { return 1000 },
		"near":   func() int64 { return rng.Int64N(3) },
		"uneven": func() int64 { return int64(1) << rng.IntN(40) },
	}
	for name, next := range draw {
		for _, n := range []int{1, 31, 32, 33, 64, 65, 97, 1000, blockRows} {
			v := make([]int64, n)
			x := int64(-500)
			for i := range v {
				v[i] = x
				x += next()
			}
			if name == "uneven" && n > 2 {
				v[0], v[n-1] = math.MinInt64, math.MaxInt64
			}
			p, err := openInts(appendInts(nil, v))
			if err != nil {
				t.Fatal(err)
			}
			for i := 0; i < n; i += 1 + n/200 {
				for _, ask := range []int64{v[i] - 1, v[i], v[i] + 1} {
					want, _ := slices.BinarySearch(v, ask)
					if got := p.below(ask); got != want {
						t.Fatalf("%s, %d values: %d are below %d, want %d", name, n, got, ask, want)
					}
				}
			}
		}
	}
}
