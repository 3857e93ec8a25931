package aggregate

import (
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/annalsdb/annals/segment"
)

// result is the function's value over some values.
func result(t *testing.T, f Function, values ...any) (segment.Value, error) {
	t.Helper()
	p := NewPartial(f)
	for i, v := range values {
		r := Row{Time: int64(i), Seq: uint64(i + 1)}
		switch v := v.(type) {
		case int:
			r.Value = segment.Int64Of(int64(v))
		case int64:
			r.Value = segment.Int64Of(v)
		case float64:
			r.Value = segment.Float64Of(v)
		case string:
			r.Value = segment.StringOf(v)
		case bool:
			r.Value = segment.BoolOf(v)
		case nil:
		default:
			t.Fatalf("value %T", v)
		}
		if err := p.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	return p.Result()
}

// is holds a result to be want, kind and bits.
func is(t *testing.T, f Function, want segment.Value, values ...any) {
	t.Helper()
	if v, err := result(t, f, values...); err != nil || !v.Equal(want) {
		t.Errorf("%s of %v is %s %s, %v; not %s %s", f, values, v.Kind(), v, err, want.Kind(), want)
	}
}

var null = segment.NullOf()

func TestSum_Rules(t *testing.T) {
	inf, nan, minus0 := math.Inf(1), math.NaN(), math.Copysign(0, -1)
	is(t, Sum{}, null)
	is(t, Sum{}, null, nil, nil)
	is(t, Avg{}, null)
	is(t, Sum{}, segment.Int64Of(3), 1, nil, 2)
	is(t, Sum{}, segment.Float64Of(3), 1, 2.0)
	is(t, Sum{}, segment.Float64Of(0), minus0, minus0)
	is(t, Sum{}, segment.Float64Of(inf), inf, 1.0, 1)
	is(t, Sum{}, segment.Float64Of(nan), inf, -inf)
	is(t, Sum{}, segment.Float64Of(nan), math.Float64frombits(0xfff0000000000001), 1.0)
	is(t, Sum{}, segment.Float64Of(0), 1e308, 1e308, -1e308, -1e308)
	is(t, Sum{}, segment.Float64Of(inf), 1e308, 1e308)
	is(t, Sum{}, segment.Float64Of(math.MaxFloat64), math.MaxFloat64, math.Ldexp(1, 969))
	is(t, Sum{}, segment.Float64Of(inf), math.MaxFloat64, math.Ldexp(1, 970))
	is(t, Avg{}, segment.Float64Of(1e308), 1e308, 1e308, 1e308)
	is(t, Sum{}, segment.Int64Of(math.MaxInt64), math.MaxInt64, math.MaxInt64, -math.MaxInt64)
	is(t, Avg{}, segment.Float64Of(math.MaxInt64), math.MaxInt64, math.MaxInt64)
	is(t, Avg{}, segment.Float64Of(math.MinInt64), math.MinInt64, math.MinInt64)
	is(t, Sum{}, segment.Float64Of(2.5e-323), 5e-324, 1e-323, 1e-323)
	is(t, Sum{}, segment.Float64Of(1<<63), math.MaxInt64, 1.0)
	is(t, Sum{}, segment.Float64Of(-1<<64), math.MinInt64, math.MinInt64, 0.0)
	for _, over := range [][]any{{math.MaxInt64, 1}, {math.MinInt64, -1}, {math.MaxInt64, math.MaxInt64, math.MaxInt64}} {
		if v, err := result(t, Sum{}, over...); !errors.Is(err, ErrOverflow) {
			t.Errorf("sum of %v is %s, %v", over, v, err)
		}
	}
}

// plain is the exact sum of rows, ints and finite floats, and of their squares.
func plain(rows []Row) (sum, squares *big.Rat) {
	sum, squares = new(big.Rat), new(big.Rat)
	for _, r := range rows {
		if !r.Value.IsNull() {
			x := rational(r.Value)
			sum.Add(sum, x)
			squares.Add(squares, new(big.Rat).Mul(x, x))
		}
	}
	return sum, squares
}

// nearest is the float nearest to x, an infinity beyond the greatest.
func nearest(x *big.Rat) float64 {
	f, _ := x.Float64()
	return f
}

// drawNumbers are finite numbers: near to each other, far apart, or cancelling.
func drawNumbers(r *rand.Rand, n int) []Row {
	var rows []Row
	style := r.IntN(5)
	for i := range n {
		var f float64
		switch style {
		case 0:
			f = math.Round(r.NormFloat64()*1e4) / 100
		case 1:
			f = math.Ldexp(r.Float64()-0.5, r.IntN(200)-100)
		case 2:
			f = drawFloat(r)
		case 3:
			f = math.Ldexp(1, r.IntN(2098)-1074)
		case 4:
			f = math.Ldexp(r.Float64(), 1023)
		}
		if f-f != 0 {
			f = 1
		}
		row := Row{int64(i), uint64(i + 1), segment.Float64Of(f), false}
		if r.IntN(8) == 0 {
			row.Value = segment.Int64Of(int64(r.Uint64()) >> r.IntN(64))
		}
		rows = append(rows, row)
		if r.IntN(3) == 0 && row.Value.Kind() == segment.Float64Value {
			row.Seq += 1 << 32
			row.Value = segment.Float64Of(-f)
			rows = append(rows, row)
		}
	}
	return rows
}

func TestSum_EqualsBigNumbers(t *testing.T) {
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 3))
		rows := drawNumbers(r, 1+r.IntN(300))
		sum, squares := plain(rows)
		n := new(big.Rat).SetInt64(int64(len(rows)))
		mean := new(big.Rat).Quo(sum, n)
		spread := new(big.Rat).Sub(squares, new(big.Rat).Mul(sum, mean))
		floats := false
		for _, row := range rows {
			floats = floats || row.Value.Kind() == segment.Float64Value
		}
		for _, c := range []struct {
			f    Function
			want float64
		}{
			{Sum{}, nearest(sum)},
			{Avg{}, nearest(mean)},
			{Variance{Population: true}, nearest(new(big.Rat).Quo(spread, n))},
			{StdDev{Population: true}, math.Sqrt(nearest(new(big.Rat).Quo(spread, n)))},
		} {
			if _, ok := c.f.(Sum); ok && !floats {
				continue
			}
			p := single(t, c.f, rows)
			got, err := p.Result()
			if err != nil || got.Float64() != c.want {
				t.Fatalf("seed %d: %s is %v %v, not %v", seed, c.f, got, err, c.want)
			}
			vs, _ := columns(rows, make([]uint32, len(rows)))
			g := c.f.Groups(1)
			for i := range vs {
				if err := g.Add(nil, &vs[i]); err != nil {
					t.Fatal(err)
				}
			}
			sameGroup(t, g, 0, p)
		}
	}
}

func TestSum_WindowFillsUp(t *testing.T) {
	// The same value so often that a window is emptied: its exponent at the top
	// of the window, which the first value has laid far below.
	low, high, n := math.Ldexp(1, -31), math.Ldexp(1.5, 1), 5000
	v := make([]float64, n)
	for i := range v {
		v[i] = high
	}
	want := new(big.Rat).SetFloat64(low)
	for _, groups := range [][]uint32{nil, make([]uint32, n)} {
		g := Sum{}.Groups(1)
		if err := g.Add(nil, &Vector{Kind: segment.Float64Value, Floats: []float64{low}}); err != nil {
			t.Fatal(err)
		}
		if err := g.Add(groups, &Vector{Kind: segment.Float64Value, Floats: v}); err != nil {
			t.Fatal(err)
		}
		x := new(big.Rat).SetFloat64(high)
		x.Mul(x, new(big.Rat).SetInt64(int64(n))).Add(x, want)
		if got, err := g.Result(0); err != nil || got.Float64() != nearest(x) {
			t.Errorf("sum is %v %v, not %v", got, err, nearest(x))
		}
		if w := &g.(*sums).floats.windows[0]; w.wide == 0 {
			t.Error("the window was never emptied: nothing was tested")
		}
	}
}

func TestVariance_WindowFillsUp(t *testing.T) {
	// As above, with squares: the greatest that the window holds, 2^24 times.
	v := make([]float64, 1<<14)
	for i := range v {
		v[i] = math.Ldexp(1.75, squareReach-squareReach/2)
	}
	g := Variance{Population: true}.Groups(1)
	add := func(v []float64) {
		if err := g.Add(nil, &Vector{Kind: segment.Float64Value, Floats: v}); err != nil {
			t.Fatal(err)
		}
	}
	add([]float64{1})
	for range 1 << 10 {
		add(v)
	}
	if s := &g.(*spreads).squares[0]; s.wide == 0 {
		t.Error("the window was never emptied: nothing was tested")
	}
	// One value apart from n others: its distance² × n / (n + 1)².
	n := new(big.Rat).SetInt64(1 << 24)
	want := new(big.Rat).SetFloat64(v[0] - 1)
	want.Mul(want, want).Mul(want, n)
	n.Add(n, big.NewRat(1, 1))
	want.Quo(want, n).Quo(want, n)
	if got, err := g.Result(0); err != nil || got.Float64() != nearest(want) {
		t.Errorf("variance is %v %v, not %v", got, err, nearest(want))
	}
}

func TestVariance_Rules(t *testing.T) {
	is(t, Variance{}, null)
	is(t, Variance{}, null, 1)
	is(t, Variance{Population: true}, segment.Float64Of(0), 1)
	is(t, Variance{}, segment.Float64Of(2.5), 1, 2, 3.0, 4, 5, nil)
	is(t, StdDev{Population: true}, segment.Float64Of(2), 2, 4, 4, 4, 5, 5, 7, 9)
	// Where Σx² − (Σx)²/n in floats has no digit left.
	is(t, Variance{}, segment.Float64Of(1), 1e15, 1e15+1, 1e15+2)
	is(t, Variance{}, segment.Float64Of(math.NaN()), 1.0, math.Inf(1))
	is(t, Variance{Population: true}, segment.Float64Of(math.Inf(1)), math.MaxFloat64, -math.MaxFloat64)
}

func TestRound_TiesAndSubnormals(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for range 20000 {
		m, exp := r.Uint64()>>r.IntN(63)|1<<r.IntN(64), r.IntN(2300)-1200
		if r.IntN(3) == 0 {
			m = 1<<63 | 1<<r.IntN(63) // ties
		}
		want := new(big.Rat).SetInt(new(big.Int).SetUint64(m))
		two := new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), uint(max(exp, -exp))))
		if exp < 0 {
			two.Inv(two)
		}
		got, exact := round(false, m, exp, false)
		f := nearest(want.Mul(want, two))
		same := !math.IsInf(f, 0) && new(big.Rat).SetFloat64(f).Cmp(want) == 0
		if got != f || exact != same {
			t.Fatalf("%d × 2^%d is rounded to %v, exact %t; not %v, %t", m, exp, got, exact, f, same)
		}
	}
}
