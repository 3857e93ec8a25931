package workload

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Evict takes the files under dir out of the page cache and says how that was done
// and what is left, where the kernel (6.5 and later) tells.
func Evict(dir string) (how string, err error) {
	how, left := "posix_fadvise", uint64(0)
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := f.Sync(); err != nil { // what is not on disk stays
			return err
		}
		if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
			return err
		}
		var stat unix.Cachestat_t
		if unix.Cachestat(uint(f.Fd()), &unix.CachestatRange{}, &stat, 0) == nil {
			left += stat.Cache
		} else {
			how = "posix_fadvise, unverified"
		}
		return nil
	})
	if left > 0 {
		how += fmt.Sprintf(", %d pages left", left)
	}
	return "page cache emptied by " + how, err
}
