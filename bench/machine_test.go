package bench

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

var (
	eventsFlag = flag.Int("events", 1_000_000, "events of an ingest")
	keysFlag   = flag.Int("keys", 1_000_000, "keys of the latest state")
	dirFlag    = flag.String("dir", "", "where databases are put, and kept that are only read; without it in the temporary directory, where none are kept")
	sliceFlag  = flag.Duration("slice", 250*time.Millisecond, "length of one slice of a ratio")
)

// TestMain says on which machine the figures hold, as lines that benchstat
// takes for configuration, and removes the databases that benchmarks shared.
func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.bench").Value.String() != "" {
		fmt.Printf("go: %s\nkernel: %s\ncpus: %d\nmemory: %s\nfilesystem: %s\nevents: %d\nkeys: %d\n",
			runtime.Version(), kernel(), runtime.NumCPU(), memory(), filesystem(cmp.Or(*dirFlag, os.TempDir())), *eventsFlag, *keysFlag)
	}
	code := m.Run()
	removeShared()
	os.Exit(code)
}

// kernel is the operating system's release, where /proc tells it.
func kernel() string {
	b, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return runtime.GOOS
	}
	return runtime.GOOS + " " + strings.TrimSpace(string(b))
}

// memory is the size of the machine's memory, where /proc tells it.
func memory() string {
	kb := procValue("/proc/meminfo", "MemTotal:")
	if kb == 0 {
		return "unknown"
	}
	return fmt.Sprintf("%.1f GiB", float64(kb)/(1<<20))
}

// filesystem is the type and the device of the mount that dir lies in, where
// /proc tells it. A line of mountinfo has the mount point in field 5, and after
// a dash the type and the device.
func filesystem(dir string) string {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "unknown"
	}
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "unknown"
	}
	best, found := "", "unknown"
	for line := range strings.Lines(string(b)) {
		left, right, _ := strings.Cut(line, " - ")
		mount, what := strings.Fields(left), strings.Fields(right)
		if len(mount) < 5 || len(what) < 2 || len(mount[4]) < len(best) {
			continue
		}
		if rest, ok := strings.CutPrefix(dir, strings.TrimSuffix(mount[4], "/")); ok && (rest == "" || rest[0] == '/') {
			best, found = mount[4], what[0]+" on "+what[1]
		}
	}
	return found
}

// procValue is the number behind name in a file of /proc, or 0.
func procValue(file, name string) int64 {
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

// tempDir is a new directory where -dir says, removed with the benchmark.
func tempDir(b *testing.B) string {
	b.Helper()
	dir, err := os.MkdirTemp(*dirFlag, "annals-bench-")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// diskBytes is the number of bytes in the files of dir whose names match.
func diskBytes(b *testing.B, dir, pattern string) (total int64) {
	b.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			b.Fatal(err)
		}
		total += info.Size()
	}
	return total
}
