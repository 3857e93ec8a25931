//go:build !linux

package bench

import "os"

// syncData is the cheapest call that makes written data durable.
func syncData(f *os.File) error { return f.Sync() }
