package segment

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sort"
)

// readAt reads the bytes at offset while the file is held open.
func (l *Log) readAt(b []byte, offset int64) (int, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed.Load() {
		return 0, fmt.Errorf("read log file %s: %w", l.Path, os.ErrClosed)
	}
	return l.file.ReadAt(b, offset)
}

// rowGuess is how much ReadRow reads at once: most rows are smaller, so one
// system call is enough.
const rowGuess = 512

// ReadRow reads the row at offset and checks it against its checksum. Its
// strings are its own. One read of the file, two for rows over 500 bytes, three
// for those over 64 KiB, and one allocation.
func (l *Log) ReadRow(offset int64) (Row, error) {
	var guess [rowGuess]byte
	n, err := l.readAt(guess[:], offset)
	if n < rowHead {
		return Row{}, l.rowError(offset, "no row there", err)
	}
	size := int(binary.LittleEndian.Uint32(guess[:]))
	if size > MaxPayload {
		return Row{}, l.rowError(offset, fmt.Sprintf("a row of %d bytes is too long", size), nil)
	}
	if err := l.holds(offset, size); err != nil {
		return Row{}, err
	}
	body := make([]byte, size)
	if have := copy(body, guess[rowHead:n]); have < size {
		if m, err := l.readAt(body[have:], offset+rowHead+int64(have)); m < size-have {
			return Row{}, l.rowError(offset, "the row ends behind the file", err)
		}
	}
	return l.parseRow(offset, binary.LittleEndian.Uint32(guess[4:]), body)
}

// rowTrusted is how long a row may say that it is and be given memory before it is
// known whether the file has it.
const rowTrusted = 64 << 10

// holds fails where the row at offset is said to have a body that is long and that the
// file does not have.
func (l *Log) holds(offset int64, size int) error {
	var last [1]byte
	if size <= rowTrusted {
		return nil
	}
	if n, err := l.readAt(last[:], offset+rowHead+int64(size)-1); n == 0 {
		return l.rowError(offset, "the row ends behind the file", err)
	}
	return nil
}

// parseRow is the row at offset, which has that checksum and the body.
func (l *Log) parseRow(offset int64, sum uint32, body []byte) (row Row, err error) {
	if crc32.Update(l.Header.Salt, castagnoli, body) != sum {
		return Row{}, l.rowError(offset, "checksum of the row does not match", nil)
	}
	if err := ParseRow(viewString(body), &row); err != nil {
		return Row{}, l.rowError(offset, err.Error(), nil)
	}
	return row, nil
}

// rowError is the failure of the read err, or, where the read did not fail but
// what it gave is wrong, corruption.
func (l *Log) rowError(offset int64, cause string, err error) error {
	if err != nil && err != io.EOF {
		return fmt.Errorf("read row of %s at offset %d: %w", l.Path, offset, err)
	}
	return &CorruptError{File: l.Path, Offset: offset, Cause: cause}
}

// Seek is the offset of a frame at or before the one that holds position seq,
// at most markStep bytes and one frame before it. O(log n).
func (l *Log) Seek(seq uint64) int64 {
	marks := l.marks.View()
	i := sort.Search(len(marks), func(i int) bool { return marks[i].first > seq })
	return markOffset(marks, i)
}

// SeekRecorded is the offset of a frame at or before the last one recorded at
// or before t, likewise. O(log n).
func (l *Log) SeekRecorded(t int64) int64 {
	marks := l.marks.View()
	i := sort.Search(len(marks), func(i int) bool { return marks[i].recorded > t })
	return markOffset(marks, i)
}

// Cuts is the offsets of frames that cut the frames up to end into stretches of about
// size bytes: the first one's, others, and end. O(log n) a stretch.
func (l *Log) Cuts(end, size int64) []int64 {
	cuts, marks := []int64{LogHead}, l.marks.View()
	for {
		at := cuts[len(cuts)-1] + size
		i := sort.Search(len(marks), func(i int) bool { return marks[i].offset >= at })
		if i == len(marks) || marks[i].offset >= end {
			return append(cuts, end)
		}
		cuts = append(cuts, marks[i].offset)
	}
}

// FirstRecorded is the commit time of the first batch, and whether there is one.
func (l *Log) FirstRecorded() (int64, bool) {
	marks := l.marks.View()
	if len(marks) == 0 {
		return 0, false
	}
	return marks[0].recorded, true
}

func markOffset(marks []mark, i int) int64 {
	if i == 0 {
		return LogHead
	}
	return marks[i-1].offset
}

// frameBuffer is how much a FrameReader reads at once: large enough that the
// system call does not count, small enough to stay in the second-level cache.
const frameBuffer = 256 << 10

// FrameReader reads the frames of a log file one after the other and checks
// each one's checksum. It has one user at a time.
type FrameReader struct {
	log    *Log
	offset int64 // of the next frame
	end    int64 // frames are read up to here
	buf    []byte
	at     int64 // offset in the file of buf's first byte
}

// Frames reads from the frame at offset up to end.
func (l *Log) Frames(offset, end int64) *FrameReader {
	r := &FrameReader{}
	r.Move(l, offset, end)
	return r
}

// Move makes r, which may have read others, one that reads from the frame at offset of
// l up to end.
func (r *FrameReader) Move(l *Log, offset, end int64) {
	if r.log != l {
		r.buf = r.buf[:0]
	}
	r.log, r.offset, r.end = l, offset, end
}

// Offset is where the next frame begins.
func (r *FrameReader) Offset() int64 { return r.offset }

// Next is the next frame, valid until the next call. At the end it is io.EOF; a
// frame that is not whole is a [CorruptError].
func (r *FrameReader) Next() (*Frame, error) {
	if r.offset >= r.end {
		return nil, io.EOF
	}
	head, err := r.bytes(FrameHead)
	if err != nil {
		return nil, err
	}
	f, payload, ok := parseHead(head)
	if !ok {
		return nil, r.bad("no frame begins there")
	}
	whole, err := r.bytes(int(frameSize(payload)))
	if err != nil {
		return nil, err
	}
	whole = whole[:FrameHead+payload]
	if !checksum(whole, r.log.Header.Salt) {
		return nil, r.bad("checksum of the frame does not match")
	}
	f.Offset, f.Payload = r.offset, whole[FrameHead:]
	r.offset += f.Size()
	return &f, nil
}

// bytes is n bytes at the next frame.
func (r *FrameReader) bytes(n int) ([]byte, error) {
	if int64(n) > r.end-r.offset {
		return nil, r.bad("the frame ends behind the file")
	}
	skip := r.offset - r.at
	if skip < 0 || skip+int64(n) > int64(len(r.buf)) {
		size := min(int64(max(n, frameBuffer)), r.end-r.offset)
		if int64(cap(r.buf)) < size {
			r.buf = make([]byte, size)
		}
		r.buf = r.buf[:size]
		if m, err := r.log.readAt(r.buf, r.offset); m < len(r.buf) {
			r.buf = r.buf[:0]
			if err == io.EOF {
				return nil, r.bad("the file has become shorter")
			}
			return nil, fmt.Errorf("read log file %s at offset %d: %w", r.log.Path, r.offset, err)
		}
		r.at, skip = r.offset, 0
	}
	return r.buf[skip : skip+int64(n)], nil
}

func (r *FrameReader) bad(cause string) error {
	return &CorruptError{File: r.log.Path, Offset: r.offset, Cause: cause}
}
