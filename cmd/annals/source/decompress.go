package source

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
	byteOrder = []byte("\xEF\xBB\xBF") // the mark some editors put before UTF-8
)

// zstdMemory bounds what the header of a zstd file can make the reader allocate.
const zstdMemory = 256 << 20

// decompress is r as plain text. What r is compressed with shows in its first
// bytes, so that standard input needs no name; neither begins a line of JSON
// or of CSV.
func decompress(r io.Reader) (io.Reader, error) {
	head := bufio.NewReaderSize(r, 1<<16)
	magic, err := head.Peek(4)
	if err != nil && err != io.EOF {
		return nil, err
	}
	var plain io.Reader = head
	switch {
	case bytes.HasPrefix(magic, gzipMagic):
		plain, err = gzip.NewReader(head)
	case bytes.HasPrefix(magic, zstdMagic):
		plain, err = zstd.NewReader(head, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(zstdMemory))
	default:
		return skipMark(head), nil
	}
	if err != nil {
		return nil, wholeness(err)
	}
	return skipMark(bufio.NewReaderSize(compressed{plain}, 1<<16)), nil
}

// skipMark passes over a byte order mark.
func skipMark(r *bufio.Reader) io.Reader {
	if head, _ := r.Peek(len(byteOrder)); bytes.Equal(head, byteOrder) {
		r.Discard(len(byteOrder))
	}
	return r
}

// compressed says of an error where it comes from.
type compressed struct{ r io.Reader }

func (c compressed) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if err != nil && err != io.EOF {
		err = wholeness(err)
	}
	return n, err
}

func wholeness(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fmt.Errorf("the compressed input ends too early: %w", io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("decompress input: %w", err)
}
