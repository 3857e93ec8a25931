package aggregate

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func TestWatermark_Rules(t *testing.T) {
	w := &Watermark{Bound: 10, Skew: 5, Idle: 100}
	expect := func(what string, want int64) {
		t.Helper()
		if got := w.Complete(); got != want {
			t.Errorf("%s: complete up to %d, not %d", what, got, want)
		}
	}
	expect("nothing yet", math.MinInt64)
	w.Observe("a", 1000, 1000)
	expect("one source", 990)
	w.Observe("a", 900, 1001)
	expect("late", 990)
	w.Observe("b", 1000+int64(24*time.Hour), 1002)
	expect("a clock a day ahead", 990)
	w.Observe("a", 1050, 1050)
	expect("lowest is b, held to its skew", 1002+5-10)
	w.Observe("b", 1, 1060)
	expect("b's greatest time counts as the clock goes on", 1040)
	w.Observe("a", 1200, 1200)
	expect("b is idle", 1190)
	w.Observe("c", 100, 1210)
	expect("never back", 1190)
	w.Tick(2000)
	expect("all idle: the highest of all", 1190)
	w.MaxDelay = 50
	w.Tick(2001)
	expect("closes without input", 1951)
	w.End()
	expect("bounded range", math.MaxInt64)
	w.Tick(3000)
	expect("bounded range", math.MaxInt64)
}

func TestWatermark_OwnBoundsAndEnds(t *testing.T) {
	w := &Watermark{Bound: 10, Bounds: map[string]time.Duration{"slow": 500, "exact": 0}}
	w.Observe("exact", 1000, 2000)
	if w.Complete() != 1000 {
		t.Errorf("complete up to %d", w.Complete())
	}
	if s := (Span{0, 1000}); !w.IsComplete(s) || w.IsComplete(Span{0, 1001}) || !w.IsLate(s) {
		t.Error("a window is complete when it ends at the mark")
	}
	w = &Watermark{Bound: 10, Skew: time.Hour}
	w.Observe("a", math.MinInt64, math.MinInt64)
	if w.Complete() != math.MinInt64 {
		t.Errorf("complete up to %d", w.Complete())
	}
	w.Observe("a", math.MaxInt64, math.MaxInt64)
	if w.Complete() != math.MaxInt64-10 {
		t.Errorf("complete up to %d", w.Complete())
	}
}

// TestWatermark_NeverBackAndNoEventBefore: with sources that keep to the bound
// nothing comes that was not expected, and the mark never goes back.
func TestWatermark_NeverBackAndNoEventBefore(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 12))
		w := &Watermark{Bound: 50, Skew: 1000}
		most, last := map[string]int64{}, int64(math.MinInt64)
		now := int64(1000)
		names := []string{"a", "b", "c"}
		for _, n := range names { // all are known from the start
			most[n] = now
			w.Observe(n, now, now)
		}
		for range 300 {
			now += r.Int64N(20)
			n := pick(r, names)
			at := max(most[n]-r.Int64N(51), now-r.Int64N(50))
			if at < w.Complete() {
				t.Fatalf("seed %d: an event at %d, complete up to %d", seed, at, w.Complete())
			}
			most[n] = max(most[n], at)
			w.Observe(n, at, now)
			if w.Complete() < last {
				t.Fatalf("seed %d: back from %d to %d", seed, last, w.Complete())
			}
			last = w.Complete()
		}
	}
}
