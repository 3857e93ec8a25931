package segment

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/annalsdb/annals/index"
)

const (
	logMagic   = "annals-L"
	logVersion = 1
	logSuffix  = ".log"

	// LogHead is the size of a log file's header in bytes.
	LogHead = 64

	// reserveStep is how far ahead of the writer zeros are written. The step
	// costs one slow sync; at 1 MiB that is a millisecond or two every few
	// thousand single appends, and a small database stays small.
	reserveStep = 1 << 20

	// reservePiece is how many zeros are written at once. Linux keeps a large
	// write in pages as large, and syncing a small frame within one of those
	// was measured up to a third slower.
	reservePiece = 64 << 10

	// markStep is how many bytes lie between two marks at least. A position
	// is found by a search of the marks and a read of that much.
	markStep = 64 << 10
)

// LogHeader is what the header of a log file says.
type LogHeader struct {
	Salt     uint32
	First    uint64 // position of the first event
	Created  int64  // ns since 1970 UTC
	Database [16]byte
}

// mark is a frame that a search for a position or a commit time may start from.
type mark struct {
	first    uint64
	recorded int64
	offset   int64
}

// Log is one log file. Reading is safe at any time, beside one writer: the
// methods Reserve, Write, Sync, Finish and Mark.
type Log struct {
	Header   LogHeader
	Path     string
	file     File
	reserved int64 // bytes the file has, zeros included; the writer's
	marks    index.List[mark]
	marked   int64 // offset behind the last frame that Mark was told of; the writer's

	// mu keeps the file open while it is read.
	mu     sync.RWMutex
	closed atomic.Bool
}

// LogName is the file name of the log whose first event has position first.
func LogName(first uint64) string { return fmt.Sprintf("%020d%s", first, logSuffix) }

// ParseLogName is the inverse of [LogName]; ok is false for any other name.
func ParseLogName(name string) (first uint64, ok bool) {
	digits, found := strings.CutSuffix(name, logSuffix)
	if !found || len(digits) != 20 {
		return 0, false
	}
	first, err := strconv.ParseUint(digits, 10, 64)
	return first, err == nil
}

// CreateLog makes a new log file in dir, durable with its name: it is written
// beside and renamed, so a file of a log's name always has a whole header.
func CreateLog(fs FS, dir string, h LogHeader) (*Log, error) {
	path := filepath.Join(dir, LogName(h.First))
	tmp := path + ".tmp"
	f, err := fs.Create(tmp)
	if err != nil {
		return nil, fmt.Errorf("create log file: %w", err)
	}
	l := &Log{Header: h, Path: path, file: f}
	if err := l.create(fs, tmp, dir); err != nil {
		f.Close()
		fs.Remove(tmp)
		return nil, fmt.Errorf("create log file %s: %w", path, err)
	}
	return l, nil
}

func (l *Log) create(fs FS, tmp, dir string) error {
	if _, err := l.file.WriteAt(appendHeader(nil, l.Header), 0); err != nil {
		return err
	}
	l.reserved = LogHead
	if err := l.Reserve(LogHead + 1); err != nil {
		return err
	}
	if err := l.file.Sync(); err != nil {
		return err
	}
	if err := fs.Rename(tmp, l.Path); err != nil {
		return err
	}
	return fs.SyncDir(dir)
}

func appendHeader(dst []byte, h LogHeader) []byte {
	start := len(dst)
	dst = append(dst, logMagic...)
	dst = append(dst, logVersion, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint32(dst, h.Salt)
	dst = binary.LittleEndian.AppendUint64(dst, h.First)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(h.Created))
	dst = append(dst, h.Database[:]...)
	dst = append(dst, make([]byte, 12)...)
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

// OpenLog opens a log file and reads its header. The frames are looked at by
// [Log.Recover].
func OpenLog(fs FS, path string) (*Log, error) {
	f, err := fs.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open log file: %w", err)
	}
	l := &Log{Path: path, file: f}
	if err := l.readHeader(); err != nil {
		f.Close()
		return nil, err
	}
	return l, nil
}

func (l *Log) readHeader() error {
	size, err := l.file.Size()
	if err != nil {
		return err
	}
	l.reserved = size
	first, _ := ParseLogName(filepath.Base(l.Path))
	bad := func(cause string) error {
		return &CorruptError{File: l.Path, First: first, Cause: cause}
	}
	var b [LogHead]byte
	if size < LogHead {
		return bad(fmt.Sprintf("the file has %d bytes, a header has %d", size, LogHead))
	}
	if _, err := l.file.ReadAt(b[:], 0); err != nil {
		return fmt.Errorf("read header of %s: %w", l.Path, err)
	}
	if string(b[:8]) != logMagic {
		return bad("not a log file of annals")
	}
	if crc32.Checksum(b[:60], castagnoli) != binary.LittleEndian.Uint32(b[60:]) {
		return bad("checksum of the header does not match")
	}
	if b[8] != logVersion {
		return fmt.Errorf("open log file %s: format version %d is not known to this program, which reads version %d", l.Path, b[8], logVersion)
	}
	l.Header = LogHeader{
		Salt:     binary.LittleEndian.Uint32(b[12:]),
		First:    binary.LittleEndian.Uint64(b[16:]),
		Created:  int64(binary.LittleEndian.Uint64(b[24:])),
		Database: [16]byte(b[32:48]),
	}
	if l.Header.First != first {
		return bad(fmt.Sprintf("the header says position %d, the name says %d", l.Header.First, first))
	}
	return nil
}

// Reserve makes the file at least end bytes long, by whole steps of zeros that
// are on their blocks before a frame is written over them: so a sync need not
// write metadata, and a full disk is met here, before anything is changed. A
// failure leaves the file as it was, or longer by zeros.
func (l *Log) Reserve(end int64) error {
	if end <= l.reserved {
		return nil
	}
	target := (end + reserveStep - 1) / reserveStep * reserveStep
	for l.reserved < target {
		n := min(target-l.reserved, reservePiece)
		if _, err := l.file.WriteAt(zeros[:n], l.reserved); err != nil {
			return fmt.Errorf("reserve %d bytes in log file %s: %w", target-l.reserved, l.Path, err)
		}
		l.reserved += n
	}
	return nil
}

var zeros [reservePiece]byte

// Reserved is the number of bytes the file has, zeros ahead included.
func (l *Log) Reserved() int64 { return l.reserved }

// Write writes whole frames at offset.
func (l *Log) Write(frames []byte, offset int64) error {
	if _, err := l.file.WriteAt(frames, offset); err != nil {
		return fmt.Errorf("write log file %s at offset %d: %w", l.Path, offset, err)
	}
	return nil
}

// Sync makes what was written durable.
func (l *Log) Sync() error {
	if err := l.file.Sync(); err != nil {
		return fmt.Errorf("sync log file %s: %w", l.Path, err)
	}
	return nil
}

// Finish cuts the zeros behind end off, so that a file left behind has just
// its frames, and syncs it.
func (l *Log) Finish(end int64) error {
	if l.reserved != end {
		if err := l.file.Truncate(end); err != nil {
			return fmt.Errorf("truncate log file %s to %d bytes: %w", l.Path, end, err)
		}
		l.reserved = end
	}
	return l.Sync()
}

// Mark notes that the frame f is in the file, for [Log.Seek]. Frames come in
// order.
func (l *Log) Mark(f *Frame) {
	gap := f.Offset != l.marked // a search must not begin before damage
	l.marked = f.Offset + f.Size()
	if f.Marker != EventFrame {
		return
	}
	marks := l.marks.View()
	if n := len(marks); n == 0 || gap || f.Offset-marks[n-1].offset >= markStep {
		l.marks.Append(mark{first: f.First, recorded: f.Recorded, offset: f.Offset})
	}
}

// Close closes the file once nobody reads it.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed.Swap(true) {
		return nil
	}
	return l.file.Close()
}
