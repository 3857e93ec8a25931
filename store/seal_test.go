package store

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/annalsdb/annals/segment"
)

// crashFS stops working after a number of changes to the disk, as if the machine
// had. With forget set, only what was synced by then is found afterwards: files
// have the content of their last sync, and names that of the last sync of their
// directory.
type crashFS struct {
	segment.FS
	forget bool

	mu      sync.Mutex
	left    int // changes until it stops; below 0 never
	done    int
	synced  map[string][]byte // content by path
	renames [][2]string       // since the directory was synced
}

var errCrashed = errors.New("the machine has stopped")

func newCrashFS(left int, forget bool) *crashFS {
	return &crashFS{FS: segment.OS, left: left, forget: forget, synced: map[string][]byte{}}
}

// change counts one; it is an error once the machine has stopped.
func (fs *crashFS) change() error {
	if fs.left == 0 {
		return errCrashed
	}
	fs.left--
	fs.done++
	return nil
}

func (fs *crashFS) Create(path string) (segment.File, error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if err := fs.change(); err != nil {
		return nil, err
	}
	fs.synced[path] = nil
	f, err := fs.FS.Create(path)
	return &crashFile{f, fs, path}, err
}

func (fs *crashFS) Open(path string) (segment.File, error) {
	f, err := fs.FS.Open(path)
	return &crashFile{f, fs, path}, err
}

func (fs *crashFS) Rename(from, to string) error {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if err := fs.change(); err != nil {
		return err
	}
	fs.renames = append(fs.renames, [2]string{from, to})
	fs.synced[to] = fs.synced[from]
	delete(fs.synced, from)
	return fs.FS.Rename(from, to)
}

func (fs *crashFS) Remove(path string) error {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if err := fs.change(); err != nil {
		return err
	}
	delete(fs.synced, path)
	return fs.FS.Remove(path)
}

func (fs *crashFS) SyncDir(string) error {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if err := fs.change(); err != nil {
		return err
	}
	fs.renames = nil
	return nil
}

// restart leaves on the disk what a machine finds that was stopped.
func (fs *crashFS) restart(t *testing.T) {
	t.Helper()
	if !fs.forget {
		return
	}
	for path, content := range fs.synced {
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range slices.Backward(fs.renames) {
		if err := os.Rename(r[1], r[0]); err != nil {
			t.Fatal(err)
		}
	}
}

type crashFile struct {
	segment.File
	fs   *crashFS
	path string
}

// WriteAt leaves half of what it is given when the machine stops during it.
func (f *crashFile) WriteAt(b []byte, at int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.fs.change(); err != nil {
		n, _ := f.File.WriteAt(b[:len(b)/2], at)
		return n, err
	}
	return f.File.WriteAt(b, at)
}

func (f *crashFile) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.fs.change(); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *crashFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.fs.change(); err != nil {
		return err
	}
	if !f.fs.forget {
		return nil
	}
	path := f.path
	for _, r := range f.fs.renames {
		if r[0] == path {
			path = r[1]
		}
	}
	if _, ok := f.fs.synced[path]; !ok {
		path = strings.TrimSuffix(path, ".tmp")
	}
	size, err := f.Size()
	if err != nil {
		return err
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil {
		return err
	}
	f.fs.synced[path] = b
	return nil
}

// crashOptions has nothing happen in the background.
func crashOptions(fs segment.FS) *Options {
	return &Options{FS: fs, noSeal: true, SegmentSize: 700, Fanout: 2, FoldStep: 3, CheckpointEvery: time.Hour, Folds: map[string]FoldFunc{"count": countFold}}
}

func countFold(state Fields, _ Event) Fields {
	n, _ := state.Get("n")
	return Fields{Int64("n", n.Int64()+1)}
}

// crashSteps appends, seals and merges; each append that is acknowledged is told.
func crashSteps(db *DB, said func(Event)) error {
	for _, s := range []Stream{{Name: "s"}, {Name: "m", Fold: Merge}, {Name: "c", Fold: "count", Order: ByArrival}} {
		if err := db.Define(bg, s); err != nil {
			return err
		}
	}
	for i := range 24 {
		e := Event{
			Stream: []string{"s", "m", "c"}[i%3], Key: fmt.Sprint("k", i%4), Type: fmt.Sprint("t", i%2),
			ID: fmt.Sprint("id", i), Time: time.Unix(int64(i-i%5*3), 0).UTC(), Fields: Fields{Int64("v", int64(i)), String(fmt.Sprint("f", i%3), "x")},
		}
		switch {
		case i%11 == 7:
			e.Kind, e.Fields = Heartbeat, nil
		case i%11 == 9:
			e.Kind, e.Fields = Delete, nil
		}
		r, err := db.Append(bg, Batch{Events: []Event{e}})
		if err != nil {
			return err
		}
		e.Seq = r.First
		said(e)
		if i%4 == 3 {
			if err := db.Seal(bg); err != nil {
				return err
			}
		}
	}
	return nil
}

// stop ends the use of a database as a crash does.
func stop(db *DB) {
	db.closed.Store(true)
	close(db.stop)
	db.background.Wait()
	db.release()
}

// Seal, merge and rotation are each interrupted at every change to the disk, once
// with everything kept that was written and once with only what was synced. What
// was acknowledged is there afterwards, nothing is left over, and work goes on.
func TestSeal_CrashAtEveryChange(t *testing.T) {
	for _, forget := range []bool{false, true} {
		whole := newCrashFS(-1, forget)
		db := open(t, t.TempDir(), crashOptions(whole))
		if err := crashSteps(db, func(Event) {}); err != nil {
			t.Fatal(err)
		}
		if s, _ := db.Stats(); s.Seals < 5 || s.Merges < 3 {
			t.Fatalf("too little happens: %v", s)
		}
		stop(db)
		for at := range whole.done {
			crashAt(t, at, forget)
			if t.Failed() {
				t.Fatalf("after %d of %d changes, what was not synced lost: %v", at, whole.done, forget)
			}
		}
		t.Logf("%d places to stop at", whole.done)
	}
}

func crashAt(t *testing.T, at int, forget bool) {
	t.Helper()
	fs, dir := newCrashFS(at, forget), t.TempDir()
	said := map[uint64]Event{}
	db, err := Open(dir, crashOptions(fs))
	if err == nil {
		err = crashSteps(db, func(e Event) { said[e.Seq] = e })
		stop(db)
	}
	if !errors.Is(err, errCrashed) {
		t.Errorf("the steps ended with %v", err)
		return
	}
	fs.restart(t)
	db, err = Open(dir, crashOptions(segment.OS))
	if err != nil {
		t.Errorf("open: %v", err)
		return
	}
	defer stop(db)
	checkSaid(t, db, said)
	if left, _ := filepath.Glob(dir + "/*.tmp"); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
	if err := crashSteps(db, func(e Event) { said[e.Seq] = e }); err != nil {
		t.Errorf("going on: %v", err)
	}
	checkSaid(t, db, said)
}

// checkSaid checks that all acknowledged events are there and everything fits
// together.
func checkSaid(t *testing.T, db *DB, said map[uint64]Event) {
	t.Helper()
	for e, err := range db.Latest().Events(EventQuery{}) {
		if err != nil {
			t.Errorf("events: %v", err)
			return
		}
		want, ok := said[e.Seq]
		if !ok {
			continue // it was on its way
		}
		e.Recorded, e.Version = time.Time{}, 0
		if !reflect.DeepEqual(e, want) {
			t.Errorf("event %d is %+v, said was %+v", e.Seq, e, want)
		}
	}
	if last := slices.Max(append(slices.Collect(maps.Keys(said)), 0)); db.Latest().Seq() < last {
		t.Errorf("%d events are there, %d were acknowledged", db.Latest().Seq(), last)
	}
	if _, err := db.Verify(bg, nil); err != nil {
		t.Error(err)
	}
}
