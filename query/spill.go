package query

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"sync"
)

// spillFile is a file for what does not fit memory, in blocks. Where blocks are, and
// their CRC32C, is kept in memory: the file is of no use without the query, and its
// name is gone as soon as it is open, where the system allows that.
type spillFile struct {
	x    *executor
	what string // it holds, for errors
	file *os.File

	mu   sync.Mutex
	size int64
}

// diskBlockAt is where a block is.
type diskBlockAt struct {
	at       int64
	size     int
	checksum uint32
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (x *executor) newSpillFile(what string) (*spillFile, error) {
	file, err := os.CreateTemp(x.tempDir, "annals-query-*")
	if err != nil {
		return nil, fmt.Errorf("query: make a file for %s that do not fit memory: %w; set Options.TempDir, or raise Options.MemoryBytes", what, err)
	}
	_ = os.Remove(file.Name()) // where it cannot be, close does it
	return &spillFile{x: x, what: what, file: file}, nil
}

// close removes the file.
func (f *spillFile) close() error {
	err := f.file.Close()
	if gone := os.Remove(f.file.Name()); gone != nil && !errors.Is(gone, os.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	if err != nil {
		return fmt.Errorf("query: remove %s on disk: %w", f.what, err)
	}
	return nil
}

// closeAfter is close after what was done ended with err: the error of all. There may
// be no file.
func (f *spillFile) closeAfter(err error) error {
	if f == nil {
		return err
	}
	switch failed := f.close(); {
	case failed == nil:
		return err
	case err == nil || err == errEnough:
		return failed
	default:
		return errors.Join(err, failed)
	}
}

// write appends a block; several may at the same time.
func (f *spillFile) write(block []byte) (diskBlockAt, error) {
	b := diskBlockAt{size: len(block), checksum: crc32.Checksum(block, castagnoli)}
	f.mu.Lock()
	b.at = f.size
	f.size += int64(b.size)
	f.mu.Unlock()
	if _, err := f.file.WriteAt(block, b.at); err != nil {
		return b, fmt.Errorf("query: write %s that do not fit memory: %w; set Options.TempDir to where there is room, or raise Options.MemoryBytes", f.what, err)
	}
	f.x.spilled.Add(int64(b.size))
	return b, nil
}

// read is a block; dst is memory for it.
func (f *spillFile) read(b diskBlockAt, dst []byte) ([]byte, error) {
	dst = extended(dst[:0], b.size)
	if _, err := f.file.ReadAt(dst, b.at); err != nil {
		return nil, fmt.Errorf("query: read %s on disk: %w", f.what, err)
	}
	if crc32.Checksum(dst, castagnoli) != b.checksum {
		return nil, f.damaged(b)
	}
	return dst, nil
}

func (f *spillFile) damaged(b diskBlockAt) error {
	return fmt.Errorf("query: read %s on disk: %s: what is at %d to %d is not what was written there", f.what, f.file.Name(), b.at, b.at+int64(b.size))
}
