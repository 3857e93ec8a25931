//go:build linux

package fuzz

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/annalsdb/annals/store"
)

// TestFull fills a small file system up, but for some room or none, before each thing
// that takes room. What finds too little says so and names a file; all that was
// acknowledged is read as long as it is full, also after opening it so; and once there is
// room again the same goes through, without opening anything again.
//
// It mounts the file systems, which takes root on Linux, and for ext4 mkfs.ext4.
func TestFull(t *testing.T) {
	for name, mount := range map[string]func(t *testing.T, dir string){"tmpfs": mountTmpfs, "ext4": mountExt4} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			mount(t, root)
			l := &fullLife{crashHistory: &crashHistory{seed: 1}, dir: filepath.Join(root, "db"), ballast: filepath.Join(root, "ballast"), refused: map[string]int{}}
			defer func() {
				if l.db != nil {
					l.db.Close() // again, where nothing failed
				}
			}()
			if err := l.live(); err != nil {
				t.Fatal(err)
			}
			t.Logf("what found no room, and how often: %v", l.refused)
			for _, s := range fullSteps {
				if s.refused && l.refused[s.name] == 0 {
					t.Errorf("%s always found room", s.name)
				}
			}
		})
	}
}

// mountTmpfs mounts 16 MiB of memory on dir.
func mountTmpfs(t *testing.T, dir string) {
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=16m"); err != nil {
		t.Skipf("no tmpfs can be mounted here: %v", err)
	}
	unmountAfter(t, dir)
}

// mountExt4 mounts a file of 32 MiB on dir, none of it reserved for root.
func mountExt4(t *testing.T, dir string) {
	image := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 32<<20); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{{"mkfs.ext4", "-q", "-F", "-m", "0", image}, {"mount", "-o", "loop", image, dir}} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Skipf("no ext4 in a file can be mounted here: %s: %v: %s", command[0], err, out)
		}
	}
	unmountAfter(t, dir)
}

func unmountAfter(t *testing.T, dir string) {
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
			syscall.Unmount(dir, syscall.MNT_DETACH)
		}
	})
}

// fullLife is a database on a file system that fills up.
type fullLife struct {
	*crashHistory
	db      *store.DB
	dir     string
	ballast string // a file that takes the room
	refused map[string]int
}

// fullStep is something that takes room. before brings about that there is something
// to do.
type fullStep struct {
	name    string
	before  func(l *fullLife, pad int) error
	do      func(l *fullLife, pad int) error
	refused bool // with no room at all
}

var fullSteps = []fullStep{
	{"append", nil, (*fullLife).put, true},
	{"checkpoint", (*fullLife).put, func(l *fullLife, _ int) error { return l.db.Checkpoint(context.Background()) }, true},
	{"seal", (*fullLife).put, (*fullLife).seal, true},
	{"merge", (*fullLife).double, func(l *fullLife, _ int) error { return l.db.Compact(context.Background()) }, true},
	{"close and open", (*fullLife).put, (*fullLife).reopen, false},
}

func (l *fullLife) put(pad int) error { return l.append(l.db, pad, true) }

func (l *fullLife) seal(int) error { return l.db.Seal(context.Background()) }

// double seals as many events as there are, which can be merged with those then. It
// seals twice: the second time finds nothing, and gives back what the log has reserved.
func (l *fullLife) double(int) error {
	for end := 2 * l.db.Latest().Seq(); l.db.Latest().Seq() < end; {
		if err := l.put(0); err != nil {
			return err
		}
	}
	return errors.Join(l.seal(0), l.seal(0))
}

// reopen closes the database, which may fail for want of room, and opens it, which may
// not: it is to be read.
func (l *fullLife) reopen(int) error {
	err := l.db.Close()
	if again := l.open(); again != nil {
		return fmt.Errorf("open on a full disk: %w", errors.Join(again, errOpenFull))
	}
	return err
}

var errOpenFull = errors.New("it is not to be refused")

func (l *fullLife) open() (err error) {
	l.db, err = store.Open(l.dir, &store.Options{
		Sync: store.SyncAlways, CheckpointEvery: time.Hour, SegmentSize: 64 << 20, Fanout: 8, FoldStep: 3, Folds: killFolds,
	})
	return err
}

// live does each step with less and less room.
func (l *fullLife) live() error {
	if err := l.open(); err != nil {
		return err
	}
	for range killStreams {
		if err := l.define(l.db); err != nil {
			return err
		}
	}
	pad := 3 << 19 // over what is reserved in the log
	for _, room := range []int64{256 << 10, 4 << 10, 0} {
		for _, s := range fullSteps {
			pad += 16 << 10 // so that a checkpoint finds no place that is large enough in the file
			if err := l.step(&s, room, pad); err != nil {
				return fmt.Errorf("%s with room for %d bytes: %w", s.name, room, err)
			}
		}
	}
	if _, err := l.db.Verify(context.Background(), nil); err != nil {
		return err
	}
	return l.db.Close()
}

func (l *fullLife) step(s *fullStep, room int64, pad int) error {
	if s.before != nil {
		if err := s.before(l, pad); err != nil {
			return fmt.Errorf("before: %w", err)
		}
	}
	if err := l.fillUp(room); err != nil {
		return err
	}
	err := s.do(l, pad)
	if err != nil {
		if !errors.Is(err, syscall.ENOSPC) || errors.Is(err, errOpenFull) || errors.Is(err, store.ErrPoisoned) || errors.Is(err, store.ErrCorrupt) {
			return fmt.Errorf("it is not a full disk that is reported: %w", err)
		}
		if !strings.Contains(err.Error(), l.dir) {
			return fmt.Errorf("the error names no file: %w", err)
		}
		l.refused[s.name]++
	}
	if err := l.check(l.db, l.acked); err != nil {
		return fmt.Errorf("while it is full: %w", err)
	}
	if err := os.Remove(l.ballast); err != nil {
		return err
	}
	if err != nil {
		if err := s.do(l, pad); err != nil {
			return fmt.Errorf("again, with room: %w", err)
		}
	}
	if err := errors.Join(l.seal(0), l.db.Compact(context.Background()), l.db.Checkpoint(context.Background())); err != nil {
		return fmt.Errorf("after it: %w", err)
	}
	return l.check(l.db, len(l.batches))
}

// fillUp leaves that much room.
func (l *fullLife) fillUp(room int64) error {
	f, err := os.Create(l.ballast)
	if err != nil {
		return err
	}
	defer f.Close()
	size := int64(0)
	for piece := make([]byte, 64<<10); ; {
		n, err := f.Write(piece)
		size += int64(n)
		switch {
		case errors.Is(err, syscall.ENOSPC) && len(piece) > 1<<10:
			piece = piece[:len(piece)/2]
		case errors.Is(err, syscall.ENOSPC):
			return errors.Join(f.Truncate(max(size-room, 0)), f.Sync())
		case err != nil:
			return err
		}
	}
}
