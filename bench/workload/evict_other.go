//go:build !linux

package workload

import (
	"fmt"
	"runtime"

	"github.com/annalsdb/annals/bench/side"
)

// Evict cannot be done.
func Evict(string) (string, error) {
	return "", fmt.Errorf("%w: on %s the page cache cannot be emptied file by file", side.ErrCannot, runtime.GOOS)
}
