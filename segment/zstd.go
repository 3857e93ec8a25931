package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// A page of texts is compressed when it is large enough for that and gets
// smaller by a fifth, and only if it can be read again: a page may not grow to
// more than maxRatio times its size, so that a forged one asks for no memory
// that it has not paid for, nor above maxExpanded.
const (
	minCompressed = 1 << 10
	maxExpanded   = 64 << 20
	maxRatio      = 256
)

var errPageExpands = errors.New("compressed page of texts that grows too much")

// compressor and expander are shared by all pages; both may be used by several
// goroutines at the same time.
var (
	compressor = sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false),
			zstd.WithWindowSize(256<<10), zstd.WithLowerEncoderMem(true))
		if err != nil {
			panic("make zstd encoder: " + err.Error()) // an option of ours is wrong
		}
		return e
	})
	expander = sync.OnceValue(func() *zstd.Decoder {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxExpanded),
			zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderLowmem(true))
		if err != nil {
			panic("make zstd decoder: " + err.Error())
		}
		return d
	})
)

// compress replaces the page that begins at start of dst by a compressed one,
// if that pays. A sample from the front spares pages that do not compress.
func (e *textEncoder) compress(dst []byte, start int) []byte {
	page := dst[start:]
	if len(page) < minCompressed || len(page) > maxExpanded {
		return dst
	}
	if len(page) > 4*zstdSample {
		middle := page[len(page)/2:][:zstdSample]
		e.page = compressor().EncodeAll(middle, e.page[:0])
		if len(e.page)*10 > len(middle)*9 {
			return dst
		}
	}
	e.page = compressor().EncodeAll(page, e.page[:0])
	if len(e.page) > len(page)-len(page)/5 {
		return dst
	}
	size := len(page)
	dst = append(dst[:start], textZstd)
	dst = binary.AppendUvarint(dst, uint64(size))
	dst = binary.AppendUvarint(dst, uint64(len(e.page)))
	dst = append(dst, e.page...)
	if least := size/maxRatio + 1; len(dst)-start < least+1 {
		dst = append(dst, make([]byte, least+1-(len(dst)-start))...)
	}
	return dst
}

// zstdSample is how much of a large page is compressed to see if it pays.
const zstdSample = 4 << 10

// expand decompresses a page, b without its first byte.
func expand(b []byte) ([]byte, error) {
	d := NewDecoder(viewString(b))
	size := d.Uvarint()
	frame := d.Text()
	if d.bad {
		return nil, errPageShort
	}
	if size > maxExpanded || size > maxRatio*uint64(len(b)) {
		return nil, errPageExpands
	}
	out, err := expander().DecodeAll(view(frame), make([]byte, 0, size))
	if err != nil {
		return nil, fmt.Errorf("decompress page of texts: %w", err)
	}
	if uint64(len(out)) != size {
		return nil, errPageExpands
	}
	return out, nil
}
