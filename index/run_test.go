package index

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// plainRun is a run as a slice, sorted when asked.
type plainRun struct {
	all     []Version
	arrival bool
}

func (p *plainRun) upTo(t int64, seq uint64) []Version {
	var kept []Version
	for _, v := range p.all {
		if v.Time <= t && v.Seq <= seq {
			kept = append(kept, v)
		}
	}
	if !p.arrival {
		slices.SortFunc(kept, func(a, b Version) int {
			if a.Before(b) {
				return -1
			}
			return 1
		})
	}
	return kept
}

func TestRun_AgainstSlice(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var run Run
		plain := plainRun{arrival: seed%2 == 1}
		if plain.arrival {
			run.arrival = true
		}
		for seq := uint64(1); seq <= 60; seq++ {
			v := Version{Time: rnd.Int64N(20) - 10, Seq: seq, Place: rnd.Uint64()}
			if rnd.IntN(3) > 0 {
				v.Time = int64(seq)/3 - 10
			}
			run.Insert(v)
			plain.all = append(plain.all, v)
		}
		for range 100 {
			at, seq := rnd.Int64N(24)-12, rnd.Uint64N(64)
			if rnd.IntN(4) == 0 {
				at = math.MaxInt64
			}
			compareRun(t, seed, &run, &plain, at, seq, rnd.Uint64N(3))
		}
	}
}

func compareRun(t *testing.T, seed uint64, run *Run, plain *plainRun, at int64, seq, drop uint64) {
	t.Helper()
	want := plain.upTo(at, seq)
	if got := run.All(at, seq); !slices.Equal(got, want) {
		t.Fatalf("seed %d: All(%d, %d) = %v, want %v", seed, at, seq, got, want)
	}
	keep := func(v Version) bool { return v.Seq%3 != drop }
	want = slices.DeleteFunc(want, func(v Version) bool { return !keep(v) })
	got, ok := run.Last(at, seq, keep)
	if ok != (len(want) > 0) || ok && got != want[len(want)-1] {
		t.Fatalf("seed %d: Last(%d, %d) = %v, %v, want the last of %v", seed, at, seq, got, ok, want)
	}
	found, ok := run.Find(seq)
	if is := seq >= 1 && seq <= uint64(len(plain.all)); ok != is || is && found != plain.all[seq-1] {
		t.Fatalf("seed %d: Find(%d) = %v, %v", seed, seq, found, ok)
	}
}

// A reader beside the writer sees, at every position, just what was there then.
func TestRun_ReadBesideWriter(t *testing.T) {
	var run Run
	var published List[uint64]
	done := make(chan struct{})
	go func() {
		defer close(done)
		rnd := rand.New(rand.NewPCG(7, 7))
		for seq := uint64(1); seq <= 5000; seq++ {
			run.Insert(Version{Time: int64(seq) - rnd.Int64N(10), Seq: seq})
			published.Append(seq)
		}
	}()
	for {
		seq := uint64(published.Len())
		if got := len(run.All(math.MaxInt64, seq)); got != int(seq) {
			t.Fatalf("%d versions up to position %d", got, seq)
		}
		select {
		case <-done:
			return
		default:
		}
	}
}
