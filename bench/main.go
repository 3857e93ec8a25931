// Command bench measures the engine beside bbolt, other databases and the limits of
// the machine, each side in a process of its own, and holds all their answers
// against what is right. See README.md; go run ./bench -h says how to run it.
//
// The Go benchmarks beside it are of single hot paths, for work on the engine: the
// command that gives a figure stands above each. Where a ratio is the claim, one
// benchmark alternates short slices of both and reports the median of the ratios.
// Names are key=value, for benchstat:
//
//	go test ./bench -run '^$' -bench Append -count 6 | tee new.txt
//	benchstat -col /writers new.txt
//
// Their flags:
//
//	-events N    events of the history that is read (1,000,000)
//	-keys N      keys of the latest state that is read (1,000,000)
//	-dir D       where databases are put; its file system is what is measured
//	-slice D     length of one slice of a ratio (250ms)
//
// Histories take long to make and are only read: in a -dir that is given they stay,
// as annals-bench-SIDE-LOAD-N, and the next run of either with as many events uses
// them. Remove them when the load or the format has changed.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/annalsdb/annals/bench/child"
	"github.com/annalsdb/annals/bench/side"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == child.Name {
		child.Main(side.Ours())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}
