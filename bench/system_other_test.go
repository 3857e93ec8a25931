//go:build !linux

package bench

import (
	"os"
	"time"
)

// syncData is the cheapest call that makes written data durable.
func syncData(f *os.File) error { return f.Sync() }

// cpuTime is not known.
func cpuTime() time.Duration { return 0 }
