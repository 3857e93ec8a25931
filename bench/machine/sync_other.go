//go:build !linux

package machine

import "os"

// SyncData is the cheapest call that makes written data durable.
func SyncData(f *os.File) error { return f.Sync() }
