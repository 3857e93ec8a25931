package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/annalsdb/annals/bench/child"
	"github.com/annalsdb/annals/bench/machine"
)

var (
	eventsFlag = flag.Int("events", 1_000_000, "events of an ingest")
	keysFlag   = flag.Int("keys", 1_000_000, "keys of the latest state")
	dirFlag    = flag.String("dir", "", "where databases are put, and kept that are only read; without it in the temporary directory, where none are kept")
	sliceFlag  = flag.Duration("slice", 250*time.Millisecond, "length of one slice of a ratio")
)

// TestMain is the command where the runner asks for a child. Else it says on which
// machine the figures hold, as lines that benchstat takes for configuration, and
// removes the databases that benchmarks shared.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == child.Name {
		main()
	}
	flag.Parse()
	if flag.Lookup("test.bench").Value.String() != "" {
		d := machine.Describe(cmp.Or(*dirFlag, os.TempDir()))
		fmt.Printf("machine: %s\nevents: %d\nkeys: %d\n", d, *eventsFlag, *keysFlag)
	}
	code := m.Run()
	removeShared()
	os.Exit(code)
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
