package segment

import (
	"encoding/binary"
	"fmt"
)

// RowWindow reads rows of log files of which several stand near each other: with
// fewer reads of the file than rows, and without memory for each. It has one user at a
// time; its zero value is ready for use.
type RowWindow struct {
	log  *Log
	at   int64  // where in it have begins
	have []byte // a piece of the file
	last int64  // the offset asked for before
}

// A row that is less than windowNear behind the one before is read with what follows,
// windowBytes of it, which the next ones are likely to be in.
const (
	windowNear  = 4 << 10
	windowBytes = 32 << 10
)

// Forget makes the window forget what it has read. It is called before rows are asked
// for that may have been written since.
func (w *RowWindow) Forget() { w.log, w.have = nil, w.have[:0] }

// Row is [Log.ReadRow] of a row of l, valid until the next call.
func (w *RowWindow) Row(l *Log, offset int64) (row Row, err error) {
	b := w.from(l, offset)
	if len(b) < rowHead || uint64(len(b)) < rowEnd(b) {
		if b, err = w.load(l, offset); err != nil {
			return Row{}, err
		}
	}
	w.last = offset
	return l.parseRow(offset, binary.LittleEndian.Uint32(b[4:]), b[rowHead:rowEnd(b)])
}

// from is what the window has of l from offset on.
func (w *RowWindow) from(l *Log, offset int64) []byte {
	if i := offset - w.at; w.log == l && i >= 0 && i < int64(len(w.have)) {
		return w.have[i:]
	}
	return nil
}

// rowEnd is the length of a row, by the first bytes of it.
func rowEnd(b []byte) uint64 { return rowHead + uint64(binary.LittleEndian.Uint32(b)) }

// load moves the window to the row at offset, all of which it then has.
func (w *RowWindow) load(l *Log, offset int64) ([]byte, error) {
	n := rowGuess
	if w.log == l && offset > w.last && offset-w.last < windowNear {
		n = windowBytes
	}
	if err := w.read(l, offset, n); len(w.have) < rowHead {
		return nil, l.rowError(offset, "no row there", err)
	}
	end := rowEnd(w.have)
	if end > rowHead+MaxPayload {
		return nil, l.rowError(offset, fmt.Sprintf("a row of %d bytes is too long", end-rowHead), nil)
	}
	if end > uint64(len(w.have)) {
		if err := l.holds(offset, int(end-rowHead)); err != nil {
			return nil, err
		}
		if err := w.read(l, offset, int(end)); end > uint64(len(w.have)) {
			return nil, l.rowError(offset, "the row ends behind the file", err)
		}
	}
	return w.have, nil
}

// read makes the window up to n bytes from offset on.
func (w *RowWindow) read(l *Log, offset int64, n int) error {
	if cap(w.have) < n {
		w.have = make([]byte, n)
	}
	n, err := l.readAt(w.have[:n], offset)
	w.log, w.at, w.have = l, offset, w.have[:n]
	return err
}
