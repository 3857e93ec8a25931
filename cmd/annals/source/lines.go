package source

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxLine bounds a line, and with it what a file without line ends can cost.
const maxLine = 16 << 20

var errLongLine = fmt.Errorf("longer than %d MiB", maxLine>>20)

// LineError is a line that is not what it should be.
type LineError struct {
	Line int // from 1
	Err  error
}

// Error is "line 17: " and what is wrong.
func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap is what is wrong.
func (e *LineError) Unwrap() error { return e.Err }

// lineReader hands out lines without their ends. It keeps one line in memory.
type lineReader struct {
	r      *bufio.Reader
	number int // of the line handed out last
	max    int
	buf    []byte
}

func newLineReader(r io.Reader, max int) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(r, 1<<16), max: max}
}

// next is the following line, valid until the next call, or io.EOF after the
// last one. A line over the limit is handed out cut, with errLongLine; rest
// then passes the remainder on.
func (l *lineReader) next() ([]byte, error) {
	l.buf = l.buf[:0]
	for {
		part, err := l.r.ReadSlice('\n')
		if len(l.buf) == 0 && len(part) > 0 {
			l.number++
		}
		l.buf = append(l.buf, part...)
		switch {
		case err == nil || err == io.EOF && len(l.buf) > 0:
			return bytes.TrimSuffix(bytes.TrimSuffix(l.buf, []byte("\n")), []byte("\r")), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		case len(l.buf) > l.max:
			return l.buf, errLongLine
		}
	}
}

// rest copies to w what is left of a line that next cut, without its end.
func (l *lineReader) rest(w io.Writer) error {
	for {
		part, err := l.r.ReadSlice('\n')
		if _, werr := w.Write(bytes.TrimSuffix(part, []byte("\n"))); werr != nil {
			return werr
		}
		if err == nil || err == io.EOF {
			return nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}
