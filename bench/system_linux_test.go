package bench

import (
	"os"
	"syscall"
	"time"
)

// syncData is the cheapest call that makes written data durable.
func syncData(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }

// cpuTime is the processor time that the process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
