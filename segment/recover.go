package segment

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
)

// Recover reads the whole file, hands each frame to visit in order and ends
// with the offset behind the last one. visit's frame is valid during the call.
//
// In the newest file a torn tail is cut: torn is the number of bytes that were
// there and are no longer, and the file is synced without them before Recover
// returns. In any other file, where a frame behind proves that the bad bytes had
// been synced, and where the file would end before position durable, the error
// is a [CorruptError] and nothing is changed.
func (l *Log) Recover(newest bool, durable uint64, visit func(*Frame) error) (end, torn int64, err error) {
	r := l.Frames(LogHead, l.reserved)
	next := l.Header.First
	for {
		f, err := r.Next()
		if errors.Is(err, io.EOF) {
			return r.Offset(), 0, nil
		}
		var bad *CorruptError
		if errors.As(err, &bad) {
			bad.First = next
			if newest && next > durable {
				torn, err = l.cut(bad)
			}
			return bad.Offset, torn, err
		}
		if err != nil {
			return 0, 0, err
		}
		l.Mark(f)
		next = f.First + uint64(f.Rows)
		if f.Marker == StreamFrame {
			next = f.First
		}
		if err := visit(f); err != nil {
			return 0, 0, err
		}
	}
}

// Renew makes durable what stands from one offset to the other, whatever came of
// the syncs before. After a sync that failed, Linux still shows what was written and
// takes it for written back: another sync does nothing, so it is written again.
func (l *Log) Renew(from, to int64) error {
	b := make([]byte, to-from)
	if n, err := l.readAt(b, from); n < len(b) {
		return fmt.Errorf("read log file %s at offset %d: %w", l.Path, from, err)
	}
	if err := l.Write(b, from); err != nil {
		return err
	}
	return l.Sync()
}

// cut removes the torn tail that begins at the bad frame. Zeros reserved ahead
// are no tail: they stay.
func (l *Log) cut(bad *CorruptError) (torn int64, err error) {
	tail, err := l.proves(bad)
	if err != nil || tail == bad.Offset {
		return 0, err
	}
	if err := l.Finish(bad.Offset); err != nil {
		return 0, err
	}
	return tail - bad.Offset, nil
}

// proves looks through everything behind the bad frame: it returns the offset
// behind the last byte that is not zero, or bad itself if a whole frame says
// that the bad one had been synced.
//
// A frame's checksum is only tried where its head can be one, so the search is
// one pass over the tail, which is a group and the zeros ahead.
func (l *Log) proves(bad *CorruptError) (tail int64, err error) {
	rest, err := l.rest(bad.Offset)
	if err != nil {
		return 0, err
	}
	for _, f := range l.search(rest) {
		if f.Durable > bad.Offset {
			bad.Last = f.First - 1
			bad.Cause += ", and a whole frame behind it shows that it had been synced; restore the file from a copy"
			return 0, bad
		}
	}
	return bad.Offset + int64(len(bytes.TrimRight(rest, "\x00"))), nil
}

// Behind is the offset of the first whole frame behind a bad one, for reading
// what damage has left; ok is false if there is none.
func (l *Log) Behind(bad int64) (offset int64, ok bool, err error) {
	rest, err := l.rest(bad)
	if err != nil {
		return 0, false, err
	}
	for at := range l.search(rest) {
		return bad + at, true, nil
	}
	return 0, false, nil
}

// rest is the file from offset on.
func (l *Log) rest(offset int64) ([]byte, error) {
	b := make([]byte, l.reserved-offset)
	if n, err := l.readAt(b, offset); n < len(b) {
		return nil, fmt.Errorf("read log file %s at offset %d: %w", l.Path, offset, err)
	}
	return b, nil
}

// search is the whole frames behind the front of b, and where they begin in it.
func (l *Log) search(b []byte) iter.Seq2[int64, Frame] {
	return func(yield func(int64, Frame) bool) {
		for at := frameAlign; at+FrameHead <= len(b); at += frameAlign {
			f, payload, ok := parseHead(b[at:])
			if ok && payload <= len(b)-at-FrameHead && checksum(b[at:at+FrameHead+payload], l.Header.Salt) && !yield(int64(at), f) {
				return
			}
		}
	}
}
