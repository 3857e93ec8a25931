package bench

import (
	"math/bits"
	"slices"
	"testing"
	"time"
)

// latencies is a histogram of durations: 32 buckets to each power of two, so a
// percentile is right within 3 %. Adding to it allocates nothing. The zero
// value is ready; it has one user at a time.
type latencies struct {
	counts [60 * 32]uint64
	total  uint64
	max    time.Duration
}

// latencyBucket is the bucket of d: the place of its highest bit and the five
// bits behind it.
func latencyBucket(d time.Duration) int {
	v := uint64(max(d, 1)) << 5
	top := bits.Len64(v) - 1
	return (top-5)<<5 | int(v>>(top-5)&31)
}

// latencyOf is the least duration of a bucket.
func latencyOf(bucket int) float64 {
	return float64(uint64(32|bucket&31)<<(bucket>>5)) / 32
}

func (l *latencies) add(d time.Duration) {
	l.counts[latencyBucket(d)]++
	l.total++
	l.max = max(l.max, d)
}

func (l *latencies) merge(o *latencies) {
	for i, n := range o.counts {
		l.counts[i] += n
	}
	l.total += o.total
	l.max = max(l.max, o.max)
}

// quantile is the duration in ns that a part q of all does not exceed.
func (l *latencies) quantile(q float64) float64 {
	rank := uint64(q * float64(l.total))
	for i, n := range l.counts {
		if rank < n {
			return latencyOf(i)
		}
		rank -= n
	}
	return float64(l.max)
}

func (l *latencies) report(b *testing.B) {
	b.ReportMetric(l.quantile(0.50), "p50-ns")
	b.ReportMetric(l.quantile(0.99), "p99-ns")
	b.ReportMetric(float64(l.max), "max-ns")
}

// alternate runs slices of limit and ours by turns, one pair an iteration and
// each first every other time, and reports the medians: both rates and, as
// ratio, that of ours to that of limit. A step is one operation.
func alternate(b *testing.B, limit, ours func(), unit string) {
	var limits, mine, ratios []float64
	for i := 0; b.Loop(); i++ {
		var l, o float64
		if i%2 == 0 {
			l, o = rate(limit), rate(ours)
		} else {
			o, l = rate(ours), rate(limit)
		}
		limits, mine, ratios = append(limits, l), append(mine, o), append(ratios, o/l)
	}
	b.ReportMetric(0, "ns/op") // the length of two slices, no figure
	b.ReportMetric(median(limits), "limit-"+unit)
	b.ReportMetric(median(mine), unit)
	b.ReportMetric(median(ratios), "ratio")
}

// rate is how many steps a second there are, over one slice.
func rate(step func()) float64 {
	const unwatched = 8 // steps between looks at the clock
	n, start := 0, time.Now()
	for time.Since(start) < *sliceFlag {
		for range unwatched {
			step()
		}
		n += unwatched
	}
	return float64(n) / time.Since(start).Seconds()
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

func TestLatencies_Quantile(t *testing.T) {
	var l latencies
	for i := range 1000 {
		l.add(time.Duration(i+1) * time.Microsecond)
	}
	for q, want := range map[float64]float64{0: 1e3, 0.5: 501e3, 0.99: 991e3} {
		if got := l.quantile(q); got > want || got < want*0.96 {
			t.Errorf("quantile %g is %g, want %g or up to 4 %% less", q, got, want)
		}
	}
	if l.max != time.Millisecond {
		t.Errorf("max is %s", l.max)
	}
}
