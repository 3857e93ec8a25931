//go:build !linux

package segment

import "os"

// syncData is fsync; on macOS Go makes it F_FULLFSYNC, which reaches the disk.
func syncData(f *os.File) error { return f.Sync() }
