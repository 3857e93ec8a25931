package fuzz

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

var slowSeed = flag.Uint64("slowseed", 0, "seed of TestSlow; 0 picks one")

// TestSlow has one kind of operation come after all that others have to do, while one
// goroutine appends, one makes checkpoints, seals and merges, and one holds what it finds
// against the model. In the end all that was acknowledged is there, then and after the
// machine has stopped.
func TestSlow(t *testing.T) {
	seed := *slowSeed
	if seed == 0 {
		seed = rand.Uint64N(1 << 32)
	}
	sealed := func(name string) bool { return strings.Contains(name, ".seg") }
	log := func(name string) bool { return strings.Contains(name, ".log") }
	for name, slow := range map[string]func(op Op, name string) bool{
		"log files":       func(_ Op, name string) bool { return log(name) },
		"reads of logs":   func(op Op, name string) bool { return log(name) && op == OpRead },
		"sealed files":    func(_ Op, name string) bool { return sealed(name) },
		"bbolt":           func(_ Op, name string) bool { return strings.HasPrefix(name, stateFile) },
		"syncs":           func(op Op, _ string) bool { return op == OpSync || op == OpSyncDir },
		"names":           func(op Op, _ string) bool { return op == OpRename || op == OpRemove || op == OpSyncDir },
		"all but the log": func(_ Op, name string) bool { return !log(name) },
	} {
		t.Run(name, func(t *testing.T) {
			d := &slowDisk{Disk: NewDisk(filepath.Join(memoryDir(t), "db")), slow: slow}
			l := newCrashLife(rand.New(rand.NewPCG(seed, 8)), &crashTried{}, store.SyncAlways, d.Disk)
			if err := l.liveSlowly(d); err != nil {
				t.Fatalf("seed %d (-slowseed %d): %v", seed, seed, err)
			}
			if d.waited.Load() == 0 {
				t.Error("nothing was slow")
			}
		})
	}
}

// liveSlowly appends while upkeep and reads go on.
func (l *crashLife) liveSlowly(d *slowDisk) (err error) {
	o := crashOptions(l.disk, l.mode)
	o.FS = d
	if l.db, err = store.Open(l.disk.dir, o); err != nil {
		return err
	}
	defer func() { l.db.Close() }() // again, where nothing failed
	for range killStreams {
		if err := l.define(l.db); err != nil {
			return err
		}
	}
	if err := l.maintain(l.db, true); err != nil {
		return err
	}
	var over atomic.Bool
	var beside sync.WaitGroup
	errs := make([]error, 2)
	for i, do := range []func() error{l.upkeep, l.look} {
		beside.Go(func() {
			for errs[i] == nil && !over.Load() {
				errs[i] = do()
			}
		})
	}
	for i := 0; i < slowBatches && err == nil; i++ {
		pad := 0
		if i%12 == 11 {
			pad = 24 << 10 // the next one begins another log file
		}
		err = l.append(l.db, pad, true)
	}
	over.Store(true)
	beside.Wait()
	for _, e := range append(errs, err) {
		if e != nil {
			return e
		}
	}
	if err := l.found(); err != nil {
		return fmt.Errorf("at the end: %w", err)
	}
	if err := l.db.Close(); err != nil {
		return err
	}
	return l.afterLoss("-after")
}

// slowBatches is how many are appended.
const slowBatches = 50

// upkeep does all that the background does.
func (l *crashLife) upkeep() error {
	for _, do := range []func(context.Context) error{l.db.Checkpoint, l.db.Seal, l.db.Checkpoint, l.db.Compact} {
		if err := do(context.Background()); err != nil {
			return err
		}
	}
	return nil
}

// look holds what is there now against the model.
func (l *crashLife) look() error {
	v := l.db.Latest()
	events, err := plainEvents(v)
	if err != nil {
		return err
	}
	return newPlain(l.db.Streams(), killFolds, events).check(v)
}

// slowDisk is a [Disk] of which some operations are slow.
type slowDisk struct {
	*Disk
	slow         func(op Op, name string) bool
	done, waited atomic.Int64 // operations
}

// slowFor is how many operations of others a slow one lets pass.
const slowFor = 8

// wait is called before each operation. A slow one gives the processor away until so
// many others are done, or none is for a while: whoever could go on has done so then,
// or waits for this one.
func (d *slowDisk) wait(op Op, name string) {
	defer d.done.Add(1)
	if !d.slow(op, name) {
		return
	}
	d.waited.Add(1)
	from := d.done.Load()
	for idle, seen := 0, from; idle < 100 && seen < from+slowFor; idle++ {
		runtime.Gosched()
		if now := d.done.Load(); now != seen {
			idle, seen = 0, now
		}
	}
}

func (d *slowDisk) open(op Op, path string, open func(string) (segment.File, error)) (segment.File, error) {
	d.wait(op, filepath.Base(path))
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	return &slowFile{f.(*file), d}, nil
}

func (d *slowDisk) Create(path string) (segment.File, error) {
	return d.open(OpCreate, path, d.Disk.Create)
}

func (d *slowDisk) Open(path string) (segment.File, error) {
	return d.open(OpOpen, path, d.Disk.Open)
}

func (d *slowDisk) Rename(from, to string) error {
	d.wait(OpRename, filepath.Base(to))
	return d.Disk.Rename(from, to)
}

func (d *slowDisk) Remove(path string) error {
	d.wait(OpRemove, filepath.Base(path))
	return d.Disk.Remove(path)
}

func (d *slowDisk) SyncDir(dir string) error {
	d.wait(OpSyncDir, "")
	return d.Disk.SyncDir(dir)
}

func (d *slowDisk) Mapped(path string, change func() error) error {
	d.wait(OpWrite, filepath.Base(path))
	return d.Disk.Mapped(path, change)
}

// slowFile is a file of a slowDisk.
type slowFile struct {
	*file
	of *slowDisk
}

func (f *slowFile) wait(op Op) {
	f.disk.mu.Lock()
	name := f.node.name
	f.disk.mu.Unlock()
	f.of.wait(op, name)
}

func (f *slowFile) ReadAt(b []byte, offset int64) (int, error) {
	f.wait(OpRead)
	return f.file.ReadAt(b, offset)
}

func (f *slowFile) WriteAt(b []byte, offset int64) (int, error) {
	f.wait(OpWrite)
	return f.file.WriteAt(b, offset)
}

func (f *slowFile) Truncate(size int64) error {
	f.wait(OpTruncate)
	return f.file.Truncate(size)
}

func (f *slowFile) Sync() error {
	f.wait(OpSync)
	return f.file.Sync()
}
