package store

import (
	"context"
	"errors"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/annalsdb/annals/segment"
)

// faultFS is the operating system's file system with faults to order in the
// files it opens.
type faultFS struct {
	segment.FS
	mu     sync.Mutex
	sync   error        // of every sync
	room   int64        // bytes that writes may still add to files; -1 = no limit
	writes error        // of every write
	read   func() error // before every read, if it is not nil
}

func newFaultFS() *faultFS { return &faultFS{FS: segment.OS, room: -1} }

func (fs *faultFS) set(change func(*faultFS)) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	change(fs)
}

func (fs *faultFS) Create(path string) (segment.File, error) {
	f, err := fs.FS.Create(path)
	return &faultFile{f, fs}, err
}

func (fs *faultFS) Open(path string) (segment.File, error) {
	f, err := fs.FS.Open(path)
	return &faultFile{f, fs}, err
}

type faultFile struct {
	segment.File
	fs *faultFS
}

func (f *faultFile) ReadAt(b []byte, at int64) (int, error) {
	f.fs.mu.Lock()
	read := f.fs.read
	f.fs.mu.Unlock()
	if read != nil {
		if err := read(); err != nil {
			return 0, err
		}
	}
	return f.File.ReadAt(b, at)
}

func (f *faultFile) Sync() error {
	f.fs.mu.Lock()
	err := f.fs.sync
	f.fs.mu.Unlock()
	if err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *faultFile) WriteAt(b []byte, at int64) (int, error) {
	size, err := f.Size()
	if err != nil {
		return 0, err
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.fs.writes != nil {
		return 0, f.fs.writes
	}
	if grow := at + int64(len(b)) - size; grow > 0 && f.fs.room >= 0 {
		if grow > f.fs.room {
			return 0, syscall.ENOSPC
		}
		f.fs.room -= grow
	}
	return f.File.WriteAt(b, at)
}

func put(t *testing.T, db *DB, key string, value int64) error {
	t.Helper()
	_, err := db.Append(context.Background(), Batch{Events: []Event{{Stream: "s", Key: key, Fields: Fields{Int64("v", value)}}}})
	return err
}

// want checks the latest state of a key; value < 0 means none.
func want(t *testing.T, db *DB, key string, value int64) {
	t.Helper()
	st, ok, err := db.Latest().Get("s", key)
	if err != nil {
		t.Fatalf("get %q: %v", key, err)
	}
	v, _ := st.Fields.Get("v")
	if ok != (value >= 0) || ok && v.Int64() != value {
		t.Fatalf("key %q is %v (there: %v), want %d", key, st.Fields, ok, value)
	}
}

func open(t *testing.T, dir string, o *Options) *DB {
	t.Helper()
	db, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// A failed sync refuses the batch and all after it; reads go on, what was
// acknowledged is there after opening again, and so may be the batch that failed.
func TestAppend_FailedSyncPoisons(t *testing.T) {
	for _, fault := range []func(*faultFS){
		func(fs *faultFS) { fs.sync = errors.New("disk on fire") },
		func(fs *faultFS) { fs.writes = errors.New("disk on fire") },
	} {
		fs, dir := newFaultFS(), t.TempDir()
		db := open(t, dir, &Options{FS: fs})
		if err := put(t, db, "a", 1); err != nil {
			t.Fatal(err)
		}
		fs.set(fault)
		if err := put(t, db, "a", 2); !errors.Is(err, ErrPoisoned) || !strings.Contains(err.Error(), "on fire") {
			t.Fatalf("append on a failing disk: %v", err)
		}
		want(t, db, "a", 1)
		fs.set(func(fs *faultFS) { fs.sync, fs.writes = nil, nil })
		if err := put(t, db, "b", 3); !errors.Is(err, ErrPoisoned) {
			t.Fatalf("append after a failed one: %v", err)
		}
		want(t, db, "b", -1)
		if err := db.Close(); !errors.Is(err, ErrPoisoned) {
			t.Errorf("close after a failed append: %v", err)
		}
		db = open(t, dir, nil)
		if n := db.Latest().Seq(); n != 1 && n != 2 {
			t.Fatalf("position %d after opening again", n)
		}
		want(t, db, "b", -1)
		if err := put(t, db, "b", 4); err != nil {
			t.Fatal(err)
		}
		want(t, db, "b", 4)
	}
}

// A full disk fails the batch that finds no room and nothing else.
func TestAppend_FullDisk(t *testing.T) {
	fs, dir := newFaultFS(), t.TempDir()
	db := open(t, dir, &Options{FS: fs, SegmentSize: 2 << 20})
	big := strings.Repeat("x", 100_000)
	fill := func() (stored int64, err error) {
		for ; stored < 100; stored++ {
			if _, err = db.Append(context.Background(), Batch{Events: []Event{{Stream: "s", Key: "k", Fields: Fields{Int64("v", stored), String("pad", big)}}}}); err != nil {
				return stored, err
			}
		}
		return stored, nil
	}
	fs.set(func(fs *faultFS) { fs.room = 3 << 20 })
	n, err := fill()
	if !errors.Is(err, syscall.ENOSPC) || errors.Is(err, ErrPoisoned) || n == 0 {
		t.Fatalf("%d batches fitted, then %v", n, err)
	}
	want(t, db, "k", n-1)
	fs.set(func(fs *faultFS) { fs.room = -1 })
	if err := put(t, db, "k", 1000); err != nil {
		t.Fatalf("append once there is room: %v", err)
	}
	want(t, db, "k", 1000)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, dir, nil)
	want(t, db, "k", 1000)
	if seq := db.Latest().Seq(); seq != uint64(n)+1 {
		t.Errorf("position %d, want %d", seq, n+1)
	}
	if _, err := db.Verify(context.Background(), nil); err != nil {
		t.Error(err)
	}
}

// When the sync of a group fails, every batch in it and behind it is told so.
func TestAppend_FailedSyncReachesTheWholeGroup(t *testing.T) {
	fs := newFaultFS()
	db := open(t, t.TempDir(), &Options{FS: fs})
	if err := put(t, db, "a", 0); err != nil {
		t.Fatal(err)
	}
	fs.set(func(fs *faultFS) { fs.sync = errors.New("disk on fire") })
	var writers sync.WaitGroup
	for range 32 {
		writers.Go(func() {
			for range 20 {
				if err := put(t, db, "a", 1); !errors.Is(err, ErrPoisoned) {
					t.Errorf("append on a failing disk: %v", err)
				}
			}
		})
	}
	writers.Wait()
	want(t, db, "a", 0)
}

// stop ends the use of a database as a crash does.
func stop(db *DB) {
	db.closed.Store(true)
	close(db.stop)
	db.background.Wait()
	db.release()
}
