package aggregate

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/annalsdb/annals/segment"
)

func TestExtremes_Rules(t *testing.T) {
	inf, nan, minus0 := math.Inf(1), math.NaN(), math.Copysign(0, -1)
	is(t, Min{}, null)
	is(t, Max{}, null, nil)
	is(t, Max{}, segment.Float64Of(nan), 1.0, nan, inf)
	is(t, Min{}, segment.Float64Of(-inf), nan, -inf)
	is(t, Min{}, segment.Float64Of(nan), nan)
	is(t, Min{}, segment.Float64Of(minus0), 0.0, minus0)
	is(t, Max{}, segment.Float64Of(0), minus0, 0.0, minus0)
	is(t, Min{}, segment.Int64Of(1), 1.0, 1)
	is(t, Max{}, segment.Float64Of(1), 1.0, 1)
	is(t, Max{}, segment.Int64Of(math.MaxInt64), math.MaxInt64, float64(1<<62))
	is(t, Max{}, segment.Float64Of(1<<63), math.MaxInt64, float64(1<<63))
	is(t, Min{}, segment.Int64Of(math.MaxInt64), math.MaxInt64, math.MaxInt64)
	is(t, Max{}, segment.Int64Of(math.MinInt64), math.MinInt64)
	is(t, Min{}, segment.Int64Of(1<<53+1), 1<<53+1, float64(1<<53+2))
	is(t, Min{}, segment.BoolOf(false), true, false, -5, "")
	is(t, Max{}, segment.StringOf("b"), 1, "a", "b", "")
	is(t, Min{}, segment.StringOf(""), "", "a")
	is(t, All{}, segment.BoolOf(false), true, false)
	is(t, All{}, segment.BoolOf(true), true, nil)
	is(t, Any{}, segment.BoolOf(true), false, true)
	is(t, Any{}, null)
	is(t, First{}, segment.Int64Of(2), nil, 2, 3)
	is(t, Last{}, segment.Int64Of(3), 2, 3, nil)
	is(t, Last{}, null)
	is(t, Count{}, segment.Int64Of(2), 1, nil, nan)
	is(t, Count{Rows: true}, segment.Int64Of(3), 1, nil, nan)
	is(t, Count{}, segment.Int64Of(0))
}

func TestCompare_IsATotalOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for range 100000 {
		a, b, c := draw(r, pick(r, allKinds)), draw(r, pick(r, allKinds)), draw(r, pick(r, allKinds))
		if Compare(a, b) != -Compare(b, a) {
			t.Fatalf("%s against %s is %d and %d", a, b, Compare(a, b), Compare(b, a))
		}
		if Compare(a, b) <= 0 && Compare(b, c) <= 0 && Compare(a, c) > 0 {
			t.Fatalf("%s ≤ %s ≤ %s, but not %s ≤ %s", a, b, c, a, c)
		}
		if (Compare(a, b) == 0) != a.Equal(b) && a.Float64() == a.Float64() {
			t.Fatalf("%s and %s: %d", a, b, Compare(a, b))
		}
	}
}
