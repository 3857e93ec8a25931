package store

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The lock is held on a file that is never removed: a lock on a removed file
// would not stop the next process. Beside it stands who holds it, for the one
// that is turned away.
const (
	lockName   = "LOCK"
	holderName = "LOCK.holder"
)

// lockDir takes the directory for this process, or says who has it.
func lockDir(dir string) (*os.File, error) {
	f, err := lockFile(filepath.Join(dir, lockName))
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w by %s: %v", dir, ErrLocked, holder(dir), err)
	}
	host, _ := os.Hostname()
	who := fmt.Sprintf("process %d (%s) on %s since %s\n", os.Getpid(), filepath.Base(os.Args[0]), host, time.Now().UTC().Format(time.RFC3339))
	if err := os.WriteFile(filepath.Join(dir, holderName), []byte(who), 0o644); err != nil {
		f.Close()
		return nil, fmt.Errorf("open database %s: %w", dir, err)
	}
	return f, nil
}

func holder(dir string) string {
	who, err := os.ReadFile(filepath.Join(dir, holderName))
	if err != nil || len(who) == 0 {
		return "another process"
	}
	return strings.TrimSpace(string(who))
}
