package bench

import (
	"os"
	"runtime/debug"
	"sync"
	"testing"
	"time"
)

// usage is what the process has used so far.
type usage struct {
	cpu     time.Duration
	written int64 // bytes that it made the system write
}

func used() usage { return usage{cpuTime(), procValue("/proc/self/io", "\nwrite_bytes:")} }

// add adds what was used since before.
func (u *usage) add(before usage) {
	now := used()
	u.cpu += now.cpu - before.cpu
	u.written += now.written - before.written
}

// report says what each of n events cost; without the figures, nothing.
func (u *usage) report(b *testing.B, n float64, jsonBytes float64) {
	if u.cpu > 0 {
		b.ReportMetric(float64(u.cpu)/n, "cpu-ns/event")
	}
	if u.written > 0 {
		b.ReportMetric(float64(u.written)/n, "written-B/event")
		b.ReportMetric(float64(u.written)/n/jsonBytes, "write-amp")
	}
}

// resident watches the resident memory of the process, that of the load and of
// Go included: anonymous memory, and what is mapped of files.
type resident struct {
	before int64 // without a database
	stop   chan struct{}
	ended  sync.WaitGroup

	mu         sync.Mutex
	peak, anon int64 // the highest of both together, and of the first
	quarters   [4]int64
}

// watchResident begins to watch, with all garbage gone; the benchmark's end ends it.
func watchResident(b *testing.B) *resident {
	debug.FreeOSMemory()
	r := &resident{stop: make(chan struct{})}
	r.before = r.look()
	r.ended.Go(r.run)
	b.Cleanup(func() {
		close(r.stop)
		r.ended.Wait()
	})
	return r
}

func (r *resident) run() {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-r.stop:
			return
		case <-tick.C:
			r.look()
		}
	}
}

func (r *resident) look() int64 {
	status, _ := os.ReadFile("/proc/self/status")
	anon := numberAfter(status, "RssAnon:") << 10
	all := anon + numberAfter(status, "RssFile:")<<10
	r.mu.Lock()
	defer r.mu.Unlock()
	r.peak, r.anon = max(r.peak, all), max(r.anon, anon)
	return all
}

// forget begins anew to look for the highest, with all garbage gone.
func (r *resident) forget() {
	debug.FreeOSMemory()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.peak, r.anon = 0, 0
}

// quarter notes how much it is at quarter i of an ingest.
func (r *resident) quarter(i int) {
	now := r.look()
	r.quarters[i] = max(r.quarters[i], now)
}

// report says how much there was at most, and what of it before the database; and
// how much at the quarters, if they were noted.
func (r *resident) report(b *testing.B) {
	r.look()
	if r.peak == 0 {
		return // no /proc
	}
	mib := func(n int64, name string) { b.ReportMetric(float64(n)/(1<<20), name) }
	mib(r.before, "loadRSS-MiB")
	mib(r.peak, "peakRSS-MiB")
	mib(r.anon, "peakAnon-MiB")
	for i, name := range []string{"RSS25-MiB", "RSS50-MiB", "RSS75-MiB", "RSS100-MiB"} {
		if r.quarters[i] > 0 {
			mib(r.quarters[i], name)
		}
	}
}
