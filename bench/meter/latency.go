package meter

import (
	"math/bits"
	"slices"
	"time"
)

// Latencies is a histogram of durations: 32 buckets to each power of two, so a
// percentile is right within 3 %. Adding to it allocates nothing. The zero
// value is ready; it has one user at a time.
type Latencies struct {
	Max    time.Duration
	counts [60 * 32]uint64
	total  uint64
}

// bucketOf is the bucket of d: the place of its highest bit and the five bits
// behind it.
func bucketOf(d time.Duration) int {
	v := uint64(max(d, 1)) << 5
	top := bits.Len64(v) - 1
	return (top-5)<<5 | int(v>>(top-5)&31)
}

// leastOf is the least duration of a bucket, in ns.
func leastOf(bucket int) float64 {
	return float64(uint64(32|bucket&31)<<(bucket>>5)) / 32
}

// Add counts one duration.
func (l *Latencies) Add(d time.Duration) {
	l.counts[bucketOf(d)]++
	l.total++
	l.Max = max(l.Max, d)
}

// Merge adds all that o has.
func (l *Latencies) Merge(o *Latencies) {
	for i, n := range o.counts {
		l.counts[i] += n
	}
	l.total += o.total
	l.Max = max(l.Max, o.Max)
}

// Total is how many durations there are.
func (l *Latencies) Total() int { return int(l.total) }

// Quantile is the duration in ns that a part q of all does not exceed.
func (l *Latencies) Quantile(q float64) float64 {
	rank := uint64(q * float64(l.total))
	for i, n := range l.counts {
		if rank < n {
			return leastOf(i)
		}
		rank -= n
	}
	return float64(l.Max)
}

// Median is the middle of v, or the mean of the two in the middle; v has one value
// at least.
func Median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}
