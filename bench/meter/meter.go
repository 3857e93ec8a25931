// Package meter measures what a process does: how long single operations take, and
// what memory, processor time and writing that costs. Figures of the process come
// from Linux's /proc; elsewhere they are 0.
package meter

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"sync"
	"time"
)

// Usage is what a process has used.
type Usage struct {
	CPU     time.Duration // of all processors
	Written int64         // bytes that it made the system write
}

// Used is what this process has used so far.
func Used() Usage { return Usage{cpuTime(), ProcValue("/proc/self/io", "\nwrite_bytes:")} }

// Since is what was used since before.
func (u Usage) Since(before Usage) Usage {
	return Usage{u.CPU - before.CPU, u.Written - before.Written}
}

// ProcValue is the number behind name in a file of /proc, or 0.
func ProcValue(file, name string) int64 {
	b, _ := os.ReadFile(file)
	return numberAfter(b, name)
}

// numberAfter is the number behind name in b, or 0.
func numberAfter(b []byte, name string) int64 {
	_, after, _ := bytes.Cut(b, []byte(name))
	fields := bytes.Fields(after)
	if len(fields) == 0 {
		return 0
	}
	n, _ := strconv.ParseInt(string(fields[0]), 10, 64)
	return n
}

// Resident watches the resident memory of the process, Go's and what is mapped of
// files included.
type Resident struct {
	Before int64 // when the watch began, with all garbage gone

	stop  chan struct{}
	ended sync.WaitGroup
	mu    sync.Mutex
	peak  int64
}

// Watch begins to watch, with all garbage gone; Stop ends it.
func Watch() *Resident {
	debug.FreeOSMemory()
	r := &Resident{stop: make(chan struct{})}
	r.Before = r.look()
	r.ended.Go(r.run)
	return r
}

func (r *Resident) run() {
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

func (r *Resident) look() int64 {
	status, _ := os.ReadFile("/proc/self/status")
	now := numberAfter(status, "RssAnon:")<<10 + numberAfter(status, "RssFile:")<<10
	r.mu.Lock()
	defer r.mu.Unlock()
	r.peak = max(r.peak, now)
	return now
}

// Forget begins anew to look for the peak, with all garbage gone.
func (r *Resident) Forget() {
	debug.FreeOSMemory()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.peak = 0
}

// Stop ends the watch and says how many bytes there were at most.
func (r *Resident) Stop() int64 {
	close(r.stop)
	r.ended.Wait()
	r.look()
	return r.peak
}

// DiskBytes is the size of all files under dir. Files that go while it looks are
// passed over.
func DiskBytes(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return ignoreGone(err)
		}
		info, err := d.Info()
		if err == nil {
			total += info.Size()
		}
		return ignoreGone(err)
	})
	return total, err
}

func ignoreGone(err error) error {
	if os.IsNotExist(err) {
		return nil
	}
	return err
}
