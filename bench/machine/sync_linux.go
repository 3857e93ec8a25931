package machine

import (
	"os"
	"syscall"
)

// SyncData is the cheapest call that makes written data durable.
func SyncData(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }
