package workload

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/annalsdb/annals/bench/meter"
	"github.com/annalsdb/annals/bench/side"
)

var appends = []Workload{
	{
		Name: "append", What: "durable appends of one event each, by one writer",
		Load: "zipf-100k", Limit: Limit{"sync", 1}, Syncs: true, can: anySide,
		run: func(j *Job) error { return j.appendAlone(1) },
	},
	{
		Name: "append-64", What: "durable appends of one event each, by 64 writers",
		Load: "zipf-100k", Limit: Limit{"sync", 1}, Syncs: true, can: anySide,
		run: func(j *Job) error { return j.appendAlone(64) },
	},
	{
		Name: "curve", What: "latency against throughput of durable appends of one event each, from one writer to 256",
		Load: "zipf-100k", Limit: Limit{"sync", 1}, Syncs: true, can: anySide, run: curve,
	},
}

func (j *Job) appendAlone(writers int) error {
	before := meter.Used()
	a, err := j.appendBy(writers, j.Time)
	if err != nil {
		return err
	}
	spent := meter.Used().Since(before)
	j.figure("rate", a.rate(), "events/s")
	j.latencies("", &a.lat)
	j.figure("CPU an event", float64(spent.CPU)/float64(a.lat.Total()), "ns")
	return nil
}

// appended is what some writers did.
type appended struct {
	lat  meter.Latencies
	took time.Duration
}

func (a *appended) rate() float64 { return float64(a.lat.Total()) / a.took.Seconds() }

// appendBy appends single events to a new database, for d, one at least by each writer,
// and at most j.Events, and verifies that all are there.
func (j *Job) appendBy(writers int, d time.Duration) (*appended, error) {
	dir := filepath.Join(j.Scratch, fmt.Sprint("writers-", writers))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	const first = 100 // events, which make the files
	a, next := &appended{}, new(atomic.Int64)
	next.Store(first)
	err := j.with(dir, side.Options{Purpose: side.Ingest, Writers: writers}, func(s side.Side) error {
		if err := s.Put(0, first); err != nil {
			return err
		}
		return j.profiled(func() error {
			start := time.Now()
			lats, err := together(writers, func(lat *meter.Latencies) error {
				for lat.Total() == 0 || time.Since(start) < d {
					i := int(next.Add(1)) - 1
					if i >= first+j.Events {
						break
					}
					begin := time.Now()
					if err := s.Put(i, i+1); err != nil {
						return fmt.Errorf("put event %d: %w", i, err)
					}
					lat.Add(time.Since(begin))
				}
				return nil
			})
			a.lat, a.took = *lats, time.Since(start)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return a, j.verify(dir, first+a.lat.Total())
}

// together runs f so many times at once and joins what they measure.
func together(n int, f func(lat *meter.Latencies) error) (*meter.Latencies, error) {
	var mu sync.Mutex
	var all meter.Latencies
	var errs []error
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			var own meter.Latencies
			err := f(&own)
			mu.Lock()
			defer mu.Unlock()
			all.Merge(&own)
			errs = append(errs, err)
		})
	}
	wg.Wait()
	return &all, errors.Join(errs...)
}

// latencies are figures of l, named with a prefix.
func (j *Job) latencies(prefix string, l *meter.Latencies) {
	j.figure(prefix+"p50", l.Quantile(0.5), "ns")
	j.figure(prefix+"p99", l.Quantile(0.99), "ns")
	j.figure(prefix+"p99.9", l.Quantile(0.999), "ns")
	j.figure(prefix+"max", float64(l.Max), "ns")
}

// curve appends by twice as many writers each time.
func curve(j *Job) error {
	steps, best := []int{1, 2, 4, 8, 16, 32, 64, 128, 256}, 0.0
	for i, writers := range steps {
		a, err := j.appendBy(writers, j.Time)
		if err != nil {
			return fmt.Errorf("%d writers: %w", writers, err)
		}
		j.result.Points = append(j.result.Points, Point{writers, a.rate(), a.lat.Quantile(0.5), a.lat.Quantile(0.99)})
		best = max(best, a.rate())
		j.progress(i+1, len(steps))
	}
	j.figure("highest rate", best, "events/s")
	return nil
}
