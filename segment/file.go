package segment

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// File is what the engine needs of an open file. ReadAt may be called at the
// same time as anything else; the rest has one caller at a time.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Size() (int64, error)

	// Sync makes written data durable, and of the metadata what is needed
	// to read it back.
	Sync() error
}

// FS is what the engine needs of a file system. Paths are those of the
// operating system. Everything that the engine changes on a disk goes through it,
// but for the file of the lock: it is a seam for tests that make a disk fail or
// forget; [OS] is the real one.
type FS interface {
	// MakeDir makes dir and what is missing of the directories above it, and
	// makes their names durable. A directory that is there already is left alone.
	MakeDir(dir string) error

	Create(path string) (File, error) // truncates what is there
	Open(path string) (File, error)   // for reading and writing, must exist
	Rename(from, to string) error
	Remove(path string) error
	List(dir string) ([]string, error) // names, sorted

	// SyncDir makes creations, renames and removals in dir durable.
	SyncDir(dir string) error

	// Mapped runs change, in which bbolt changes the file at path, which it maps
	// and syncs by itself: so that a test sees the file before and after it. The
	// real one only calls it. Other methods may be called meanwhile.
	Mapped(path string, change func() error) error
}

// OS is the operating system's file system.
var OS FS = osFS{}

type osFS struct{}

func (osFS) MakeDir(dir string) error {
	err := os.Mkdir(dir, 0o755)
	above := filepath.Dir(dir)
	if errors.Is(err, fs.ErrNotExist) && above != dir {
		if err := OS.MakeDir(above); err != nil {
			return err
		}
		err = os.Mkdir(dir, 0o755)
	}
	if errors.Is(err, fs.ErrExist) {
		return mustBeDir(dir)
	}
	if err != nil {
		return err
	}
	return syncDir(above)
}

// mustBeDir reports whether what is at path is a directory.
func mustBeDir(path string) error {
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "mkdir", Path: path, Err: syscall.ENOTDIR}
	}
	return err
}

func (osFS) Create(path string) (File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osFS) Open(path string) (File, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osFS) Rename(from, to string) error { return os.Rename(from, to) }
func (osFS) Remove(path string) error     { return os.Remove(path) }

func (osFS) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

func (osFS) SyncDir(dir string) error { return syncDir(dir) }

func (osFS) Mapped(_ string, change func() error) error { return change() }

type osFile struct{ *os.File }

func (f osFile) Sync() error { return syncData(f.File) }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("size of %s: %w", f.Name(), err)
	}
	return info.Size(), nil
}
