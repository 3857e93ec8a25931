package main

import (
	"testing"
	"time"

	"github.com/annalsdb/annals/bench/meter"
)

// latencies are reported with a benchmark.
type latencies struct{ meter.Latencies }

func (l *latencies) report(b *testing.B) {
	b.ReportMetric(l.Quantile(0.50), "p50-ns")
	b.ReportMetric(l.Quantile(0.99), "p99-ns")
	b.ReportMetric(float64(l.Max), "max-ns")
}

// resident is memory that is reported with a benchmark.
type resident struct{ *meter.Resident }

// report says how much there was at most, and what of it before the database.
func (r resident) report(b *testing.B) {
	peak := r.Stop()
	if peak == 0 {
		return // no /proc
	}
	b.ReportMetric(float64(r.Before)/(1<<20), "loadRSS-MiB")
	b.ReportMetric(float64(peak)/(1<<20), "peakRSS-MiB")
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
	b.ReportMetric(meter.Median(limits), "limit-"+unit)
	b.ReportMetric(meter.Median(mine), unit)
	b.ReportMetric(meter.Median(ratios), "ratio")
}

// rate is how many steps a second there are, over one slice.
func rate(step func()) float64 {
	const unwatched = 8 // steps between looks at the clock
	n, start := 0, time.Now()
	for n == 0 || time.Since(start) < *sliceFlag {
		for range unwatched {
			step()
		}
		n += unwatched
	}
	return float64(n) / time.Since(start).Seconds()
}
