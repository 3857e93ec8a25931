package segment

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// Between two knots the clock is on the line, but for two nanoseconds; at a knot
// it is exact.
func TestClock_Line(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		var seq []uint64
		var time []int64
		chunk := rnd.Uint64N(1 << 40)
		for range 1 + rnd.IntN(20) {
			seq = append(seq, chunk<<chunkBits+rnd.Uint64N(1<<chunkBits))
			time = append(time, rnd.Int64N(1<<61)-1<<60)
			chunk++
		}
		c := newClock(seq, time)
		for i := range seq {
			if got := c.at(seq[i]); got != time[i] {
				t.Fatalf("at knot %d: %d, want %d", i, got, time[i])
			}
			if i > 0 {
				checkLine(t, &c, rnd, seq[i-1:i+1], time[i-1:i+1])
			}
		}
	}
}

func checkLine(t *testing.T, c *clock, rnd *rand.Rand, seq []uint64, time []int64) {
	t.Helper()
	at := seq[0] + rnd.Uint64N(seq[1]-seq[0])
	want := new(big.Int).Sub(big.NewInt(time[1]), big.NewInt(time[0]))
	want.Mul(want, big.NewInt(int64(at-seq[0])))
	want.Div(want, big.NewInt(int64(seq[1]-seq[0])))
	want.Add(want, big.NewInt(time[0]))
	if d := want.Int64() - c.at(at); d < 0 || d > 2 {
		t.Fatalf("between %v, %v at %d: %d, the line has %v", seq, time, at, c.at(at), want)
	}
}

// Beyond the knots the nearest piece goes on.
func TestClock_Beyond(t *testing.T) {
	c := newClock([]uint64{1500, 2500}, []int64{1_000_000, 1_000_000 + 1000*17})
	for _, seq := range []uint64{1024, 1499, 2501, 3071} {
		if got, want := c.at(seq), 1_000_000+(int64(seq)-1500)*17; got != want {
			t.Errorf("at %d: %d, want %d", seq, got, want)
		}
	}
	one := newClock([]uint64{70}, []int64{-5})
	if a, b := one.at(1), one.at(1000); a != -5 || b != -5 {
		t.Errorf("with one knot: %d and %d, want -5", a, b)
	}
	if none := newClock(nil, nil); none.at(9) != 0 {
		t.Error("without knots the clock does not say 0")
	}
}

// Knots that no writer leaves do not make it panic: gaps, the ends of what an
// int64 holds, positions that fall.
func TestClock_Odd(t *testing.T) {
	for _, seq := range [][]uint64{{1, 1 << 40, 1<<40 + 5}, {0, 1023, 1024, math.MaxUint64}, {5000, 100, 5000, 9}, {7, 7, 7, 7}} {
		time := []int64{math.MinInt64, math.MaxInt64, math.MinInt64, 0}[:len(seq)]
		c := newClock(seq, time)
		for _, at := range []uint64{0, 1, 8, 1023, 5000, 1 << 39, 1 << 40, math.MaxUint64} {
			if first, again := c.at(at), c.at(at); first != again {
				t.Fatalf("at %d the clock says %d and %d", at, first, again)
			}
		}
	}
}

// Many positions at once, in any order, get what each gets alone.
func TestClock_Add(t *testing.T) {
	rnd := rand.New(rand.NewPCG(2, 2))
	for _, knots := range [][]uint64{nil, {70}, {1500, 2500}, {0, 1023, 1024, 3000}, {1, 1 << 40, 1<<40 + 5}} {
		c := newClock(knots, []int64{3, -1 << 40, 1 << 50, 7}[:len(knots)])
		seqs, times := make([]int64, 500), make([]int64, 500)
		at := int64(0)
		for i := range seqs {
			if at += rnd.Int64N(20); rnd.IntN(10) == 0 {
				at = rnd.Int64N(5000)
			}
			seqs[i] = at
		}
		c.add(seqs, times)
		for i, seq := range seqs {
			if want := c.at(uint64(seq)); times[i] != want {
				t.Fatalf("knots %v: at %d it is %d, want %d", knots, seq, times[i], want)
			}
		}
	}
}
