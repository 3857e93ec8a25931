package aggregate

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// texts joins texts, which neither commutes nor inverts.
type texts struct{}

func (texts) Join(a, b string) string  { return a + b }
func (texts) Fold(all []string) string { return strings.Join(all, "") }

// naiveSlide is a Slide as a list.
type naiveSlide struct {
	times  []int64
	values []string
	oldest int64
}

func (n *naiveSlide) insert(t int64, v string) {
	if t < n.oldest {
		return
	}
	at, _ := slices.BinarySearch(n.times, t+1)
	n.times, n.values = slices.Insert(n.times, at, t), slices.Insert(n.values, at, v)
}

func (n *naiveSlide) evict(before int64) {
	n.oldest = max(n.oldest, before)
	at, _ := slices.BinarySearch(n.times, n.oldest)
	n.times, n.values = n.times[at:], n.values[at:]
}

// TestSlide: whatever comes in whatever order, and leaves in whatever steps, the join is
// that of all that is there, in order.
func TestSlide(t *testing.T) {
	for range 300 {
		seed := rand.Uint64()
		r := rand.New(rand.NewPCG(seed, 0))
		s, want := NewSlide(texts{}), naiveSlide{oldest: -1 << 63}
		late, step, size := r.Int64N(1+1<<r.IntN(14)), r.Int64N(4), 1+r.Int64N(1<<r.IntN(13))
		chance := pick(r, []int{0, 1, 50, 100}) // of a hundred that are late
		now := r.Int64N(1000) - 500
		for i := range 3000 {
			now += r.Int64N(step + 1)
			at := now
			if i > 100 && r.IntN(100) < chance {
				at -= r.Int64N(late + 1)
			}
			v := fmt.Sprint(i, ";")
			s.Insert(at, v)
			want.insert(at, v)
			switch r.IntN(200) {
			case 0:
				now += size / 2 // many leave at once
			case 1:
				now += 2 * size // all do
			}
			if r.IntN(3) > 0 {
				s.Evict(now - size)
				want.evict(now - size)
			}
			if s.Len() != len(want.times) {
				t.Fatalf("seed %d, step %d: there are %d values, want %d", seed, i, s.Len(), len(want.times))
			}
			if i%17 == 0 || i > 2980 {
				if got := s.Result(); got != strings.Join(want.values, "") {
					t.Fatalf("seed %d, step %d: the join is\n%s, want\n%s", seed, i, got, want.values)
				}
			}
		}
	}
}

// TestSlide_Deep: a tree of several levels that grows and shrinks at both ends and in the
// middle.
func TestSlide_Deep(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	s, m := NewSlide(affines{}), affines{}
	var times []int64
	var values []affine
	check := func(step string) {
		t.Helper()
		if got, want := s.Result(), m.Fold(values); got != want || s.Len() != len(values) {
			t.Fatalf("seed %d, %s: the join of %d values is %v, want %v of %d", seed, step, s.Len(), got, want, len(values))
		}
	}
	insert := func(at int64) {
		v := affine{int64(r.Uint64()), int64(r.Uint64())}
		s.Insert(at, v)
		i, _ := slices.BinarySearch(times, at+1)
		times, values = slices.Insert(times, i, at), slices.Insert(values, i, v)
	}
	last := int64(0)
	for range 4 {
		for i := range 6000 {
			last += 2
			insert(last)
			if i%13 == 0 {
				insert(times[0] + r.Int64N(times[len(times)-1]-times[0]+1))
				check("insert")
			}
			if i%997 == 0 {
				insert(times[0])
				check("insert first")
			}
		}
		for len(times) > 12 {
			n := min(1+r.IntN(1<<r.IntN(12)), len(times)-10)
			at := times[n]
			for n > 0 && times[n-1] == at {
				n--
			}
			times, values = times[n:], values[n:]
			s.Evict(at)
			check("evict")
			if n == 0 {
				at++
			}
			s.Evict(at)
			n, _ = slices.BinarySearch(times, at)
			times, values = times[n:], values[n:]
			insert(at + r.Int64N(100))
			check("evict and insert")
		}
		last = times[len(times)-1]
	}
}

// affine is x → mul·x + add. One behind another they make one again, and it matters which
// is first.
type affine struct{ mul, add int64 }

type affines struct{}

func (affines) Join(a, b affine) affine { return affine{a.mul * b.mul, a.add*b.mul + b.add} }

func (m affines) Fold(all []affine) affine {
	join := affine{1, 0}
	for _, a := range all {
		join = m.Join(join, a)
	}
	return join
}

// TestSlider: of every function, over rows in any order, the result is that of a partial
// result over the rows of the window.
func TestSlider(t *testing.T) {
	for _, tt := range functions {
		t.Run(tt.f.String(), func(t *testing.T) {
			seed := rand.Uint64()
			r := rand.New(rand.NewPCG(seed, 0))
			for _, chance := range []int{0, 30} {
				w := Sliding{time.Duration(1+r.IntN(20)) * time.Minute}
				s := w.Over(tt.f)
				rows := drawRows(r, tt.kinds, 120)
				for i := range rows { // where some come later than those behind them
					if j := i - r.IntN(8); j >= 0 && r.IntN(100) < chance {
						rows[i].Time, rows[j].Time = rows[j].Time, rows[i].Time
					}
					rows[i].Seq = uint64(i + 1)
				}
				latest := rows[0].Time
				for i, row := range rows {
					if err := s.Add(row); err != nil {
						t.Fatalf("seed %d: %v", seed, err)
					}
					latest = max(latest, row.Time)
					var in []Row
					for _, o := range rows[:i+1] {
						if w.At(latest).Has(o.Time) {
							in = append(in, o)
						}
					}
					slices.SortFunc(in, func(a, b Row) int { return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Seq, b.Seq)) })
					p := NewPartial(tt.f)
					for _, o := range in {
						if err := p.Add(o); err != nil {
							t.Fatalf("seed %d: %v", seed, err)
						}
					}
					want, failed := p.Result()
					if g, ok := p.Groups().(Spanned); ok {
						want, failed = g.ResultIn(0, Edges{Start: w.At(latest).Start, End: w.At(latest).End})
					}
					got, err := s.Result()
					if fmt.Sprint(err) != fmt.Sprint(failed) || got.Kind() != want.Kind() || got.String() != want.String() {
						t.Fatalf("seed %d, row %d: %v, %v, want %v, %v", seed, i, got, err, want, failed)
					}
				}
			}
		})
	}
}
