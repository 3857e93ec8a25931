package aggregate

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/annalsdb/annals/segment"
)

const second = int64(time.Second)

// points are rows of values, step seconds apart from time 0 on.
func points(step int64, values ...float64) []Row {
	rows := make([]Row, len(values))
	for i, v := range values {
		rows[i] = Row{int64(i) * step * second, uint64(i + 1), segment.Float64Of(v), false}
	}
	return rows
}

// over is the function's value over [start, end) seconds.
func over(t *testing.T, f Function, start, end int64, before, after *Row, rows ...Row) segment.Value {
	t.Helper()
	v, err := single(t, f, rows).ResultIn(Edges{start * second, end * second, before, after})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func wantValue(t *testing.T, what string, got, want segment.Value) {
	t.Helper()
	if !got.Equal(want) {
		t.Errorf("%s is %s, not %s", what, got, want)
	}
}

func TestCarried_WorkedExamples(t *testing.T) {
	// Points 10, 20, 10, 20, 15 a minute apart: the last one has no time yet.
	got, _ := single(t, Carried{}, points(60, 10, 20, 10, 20, 15)).Result()
	wantValue(t, "average", got, segment.Float64Of(15))

	rows := points(10, 1, 0, 2, 1, -3, -3)
	for i, want := range []float64{0, 10, 10, 30, 40, 10} {
		got, _ := single(t, Carried{Of: Integral}, rows[:i+1]).Result()
		if i == 0 {
			wantValue(t, "integral over no time", got, null)
			continue
		}
		wantValue(t, fmt.Sprint("carried integral to point ", i), got, segment.Float64Of(want))
	}
	for i, want := range []float64{0, 5, 15, 30, 20, -10} {
		got, _ := single(t, Linear{Integral}, rows[:i+1]).Result()
		if i == 0 {
			wantValue(t, "integral over no time", got, null)
			continue
		}
		wantValue(t, fmt.Sprint("linear integral to point ", i), got, segment.Float64Of(want))
	}
}

func TestCarried_Edges(t *testing.T) {
	rows := points(10, 1, 3)
	long := Row{-1000 * second, 0, segment.Int64Of(5), false}
	of := func(w OverTime) Carried { return Carried{Of: w} }
	wantValue(t, "integral", over(t, of(Integral), -10, 30, &long, nil, rows...), segment.Float64Of(50+10+60))
	wantValue(t, "average", over(t, of(Average), -10, 30, &long, nil, rows...), segment.Float64Of(3))
	wantValue(t, "integral, nothing before", over(t, of(Integral), -10, 30, nil, nil, rows...), segment.Float64Of(70))
	wantValue(t, "known", over(t, of(Known), -10, 30, nil, nil, rows...), segment.Int64Of(30*second))
	wantValue(t, "unknown", over(t, of(Unknown), -10, 30, nil, nil, rows...), segment.Int64Of(10*second))
	wantValue(t, "no rows", over(t, of(Average), 0, 1, &long, nil), segment.Float64Of(5))
	wantValue(t, "nothing at all", over(t, of(Average), 0, 1, nil, nil), null)
	wantValue(t, "nothing at all is unknown", over(t, of(Unknown), 0, 1, nil, nil), segment.Int64Of(second))

	// A source is alive for 15 s after a row: the value before stood until −985,
	// 3 stands from 10 to 25.
	alive := func(w OverTime) Carried { return Carried{w, 15 * time.Second} }
	wantValue(t, "integral", over(t, alive(Integral), -10, 30, &long, nil, rows...), segment.Float64Of(10+45))
	wantValue(t, "known", over(t, alive(Known), -10, 30, &long, nil, rows...), segment.Int64Of(25*second))
	// A heartbeat at −5 keeps 5 standing from then on.
	beat := Row{Time: -5 * second, Beat: true}
	wantValue(t, "with a beat", over(t, alive(Integral), -10, 30, &long, nil, append([]Row{beat}, rows...)...), segment.Float64Of(25+10+45))
	near := Row{-20 * second, 0, segment.Int64Of(5), false}
	wantValue(t, "5 until −5", over(t, alive(Integral), -10, 30, &near, nil, rows...), segment.Float64Of(25+10+45))

	r, p := rows[0], single(t, of(Average), rows)
	if _, err := p.ResultIn(Edges{Start: 1, End: 100 * second}); err == nil {
		t.Error("a row before the start was not refused")
	}
	if _, err := p.ResultIn(Edges{Start: 0, End: 100 * second, Before: &r}); err == nil {
		t.Error("a row before that is inside was not refused")
	}
}

func TestLinear_Edges(t *testing.T) {
	rows := points(10, 1, 3)
	before, after := Row{-10 * second, 0, segment.Float64Of(0), false}, Row{30 * second, 9, segment.Int64Of(7), false}
	wantValue(t, "integral", over(t, Linear{Integral}, -5, 20, &before, &after, rows...), segment.Float64Of(3.75+20+40))
	wantValue(t, "average", over(t, Linear{Average}, -10, 10, nil, &after, rows[0]), segment.Float64Of(2))
	wantValue(t, "unknown", over(t, Linear{Unknown}, -10, 10, nil, &after, rows[0]), segment.Int64Of(10*second))
	wantValue(t, "no rows", over(t, Linear{Integral}, 0, 10, &before, &after), segment.Float64Of(10*(1.75+3.5)/2))
	wantValue(t, "one side only", over(t, Linear{Integral}, 0, 10, &before, nil), null)
}

func TestTimeInState_IsAList(t *testing.T) {
	rows := []Row{
		{0, 1, segment.StringOf("on"), false},
		{10 * second, 2, segment.StringOf("off"), false},
		{15 * second, 3, segment.StringOf("on"), false},
		{20 * second, 4, segment.NullOf(), false},
	}
	got := over(t, TimeInState(0), -1, 30, nil, nil, rows...)
	want := `[{"value":"off","nanoseconds":5000000000},{"value":"on","nanoseconds":15000000000}]`
	wantValue(t, "states", got, segment.JSONOf([]byte(want)))
}

func TestLiveness_Edges(t *testing.T) {
	rows := []Row{{0, 1, segment.NullOf(), true}, {10 * second, 2, segment.Int64Of(1), false}, {100 * second, 3, segment.NullOf(), true}}
	live, dead := Liveness{Every: 20 * time.Second}, Liveness{Every: 20 * time.Second, Dead: true}
	before := Row{Time: -5 * second, Beat: true}
	wantValue(t, "live", over(t, live, -10, 110, nil, nil, rows...), segment.Int64Of((10+20+10)*second))
	wantValue(t, "dead", over(t, dead, -10, 110, nil, nil, rows...), segment.Int64Of((10+70)*second))
	before.Time = -15 * second
	wantValue(t, "live", over(t, live, -10, 110, &before, nil, rows...), segment.Int64Of((10+10+20+10)*second))
	wantValue(t, "no rows", over(t, live, 0, 110, &before, nil), segment.Int64Of(5*second))
}

func TestCounter_Rules(t *testing.T) {
	is(t, Increase{}, null)
	is(t, Increase{}, null, 5)
	is(t, Increase{}, segment.Int64Of(0), 5, 5)
	is(t, Increase{}, segment.Int64Of(5+3+4), 5, 7, 10, 3, 7)
	is(t, Increase{}, segment.Float64Of(0.5), 1.5, nil, 2, math.NaN())
	is(t, Increase{}, segment.Int64Of(0), math.MaxInt64, math.MaxInt64)
	rows := points(10, 5, 7, 10, 3, 7)
	before := Row{-10 * second, 0, segment.Int64Of(1), false}
	wantValue(t, "increase", over(t, Increase{}, -5, 50, &before, nil, rows...), segment.Float64Of(4+5+7))
	wantValue(t, "rate", over(t, Rate{}, -5, 50, &before, nil, rows...), segment.Float64Of(16.0/55))
	wantValue(t, "rate", over(t, Rate{}, -5, 50, nil, nil, rows...), segment.Float64Of(12.0/40))
	wantValue(t, "no rows", over(t, Increase{}, -5, 50, &before, nil), segment.Int64Of(0))
}

// TestOrdered_WindowsAddUp cuts a history into windows, each settled by its
// neighbours: integrals, times and increases add up to those of the whole.
func TestOrdered_WindowsAddUp(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 6))
		rows := points(7, make([]float64, 40)...)
		for i := range rows {
			rows[i].Value = segment.Int64Of(r.Int64N(100) - 50)
		}
		for _, f := range []Function{Carried{Of: Known}, Carried{Of: Unknown}, Liveness{Every: 5 * time.Second},
			Carried{Of: Integral}, Linear{Integral}, Linear{Known}, Increase{}} {
			total := new(big.Rat)
			ends := []int64{0, 1 + r.Int64N(100), 102 + r.Int64N(100), 7*39 + 5}
			for i := range ends[1:] {
				v := over(t, f, ends[i], ends[i+1], lastBefore(rows, ends[i]*second), firstFrom(rows, ends[i+1]*second), inside(rows, ends[i]*second, ends[i+1]*second)...)
				if !v.IsNull() {
					total.Add(total, rational(v))
				}
			}
			whole := over(t, f, 0, ends[3], nil, nil, rows...)
			if diff := nearest(total) - nearest(rational(whole)); math.Abs(diff) > 1e-9*math.Abs(nearest(total)) {
				t.Fatalf("seed %d: %s of the parts is %v, of the whole %v", seed, f, nearest(total), whole)
			}
		}
	}
}

func lastBefore(rows []Row, t int64) (last *Row) {
	for i := range rows {
		if rows[i].Time < t {
			last = &rows[i]
		}
	}
	return last
}

func firstFrom(rows []Row, t int64) *Row {
	for i := range rows {
		if rows[i].Time >= t {
			return &rows[i]
		}
	}
	return nil
}

func inside(rows []Row, a, b int64) (in []Row) {
	for _, r := range rows {
		if r.Time >= a && r.Time < b {
			in = append(in, r)
		}
	}
	return in
}

// TestCarried_EqualsTheLongWay steps through a history in single seconds.
func TestCarried_EqualsTheLongWay(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 8))
		var rows []Row
		for at := int64(0); at < 100; at += 1 + r.Int64N(9) {
			row := Row{at * second, uint64(at + 1), segment.Int64Of(r.Int64N(9)), false}
			if r.IntN(3) == 0 {
				row.Value, row.Beat = null, r.IntN(2) == 0
			}
			rows = append(rows, row)
		}
		alive := r.Int64N(8)
		start, end := 20+r.Int64N(20), 60+r.Int64N(60)
		var sum, known, live int64
		for at := start; at < end; at++ {
			beat, value := lastBefore(rows, (at+1)*second), lastBefore(without(rows), (at+1)*second)
			isLive := beat != nil && (alive == 0 || at*second-beat.Time < alive*second)
			if isLive {
				live++
			}
			if isLive && value != nil && !value.Value.IsNull() {
				known++
				sum += value.Value.Int64()
			}
		}
		var before *Row
		if b := lastBefore(rows, start*second); b != nil {
			row := Row{Time: b.Time, Beat: true}
			if v := lastBefore(without(rows), start*second); v != nil {
				row = Row{b.Time, b.Seq, v.Value, false}
			}
			before = &row
		}
		in := inside(rows, start*second, end*second)
		d := time.Duration(alive) * time.Second
		if got := over(t, Carried{Known, d}, start, end, before, nil, in...); got.Int64() != known*second {
			t.Fatalf("seed %d: known %s, not %d s", seed, got, known)
		}
		if got := over(t, Carried{Integral, d}, start, end, before, nil, in...); known > 0 && got.Float64() != float64(sum) {
			t.Fatalf("seed %d: integral %s, not %d", seed, got, sum)
		}
		if alive > 0 {
			if got := over(t, Liveness{Every: d}, start, end, before, nil, in...); got.Int64() != live*second {
				t.Fatalf("seed %d: live %s, not %d s", seed, got, live)
			}
		}
	}
}

// without are the rows that are no heartbeats.
func without(rows []Row) (rest []Row) {
	for _, r := range rows {
		if !r.Beat {
			rest = append(rest, r)
		}
	}
	return rest
}
