package segment

import (
	"os"
	"syscall"
)

// syncData is fdatasync: over preallocated blocks it writes data only, where
// fsync would also write the file's modification time through the journal.
func syncData(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if err != syscall.EINTR {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
