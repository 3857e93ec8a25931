package segment

import (
	"encoding/binary"
	"hash/crc32"
)

// FrameHead is the size of a frame's head in bytes.
const FrameHead = 40

// frameAlign is the multiple at which frames begin, so that a search for the
// next frame behind a bad one has few places to look at.
const frameAlign = 8

// MaxPayload bounds a frame's payload: a length beyond it is a bad frame
// without a look at the rest.
const MaxPayload = 1 << 30

// Marker tells what a frame holds.
type Marker uint32

// The markers, as they stand in the file in ASCII.
const (
	EventFrame  Marker = 0x31426641 // "AfB1"
	StreamFrame Marker = 0x31536641 // "AfS1"
)

// Frame is one frame of a log file. Payload is valid as long as what gave it
// says.
type Frame struct {
	Marker   Marker
	Rows     int
	First    uint64 // position of the first event
	Recorded int64  // ns since 1970 UTC
	Durable  int64  // offset known to be synced when the frame was made
	Offset   int64  // where the frame begins in its file
	Payload  []byte
}

// Size is the number of bytes the frame takes in its file.
func (f *Frame) Size() int64 { return frameSize(len(f.Payload)) }

// Last is the position of the frame's last event.
func (f *Frame) Last() uint64 { return f.First + uint64(f.Rows) - 1 }

func frameSize(payload int) int64 {
	return (FrameHead + int64(payload) + frameAlign - 1) &^ (frameAlign - 1)
}

// BeginFrame appends room for a frame's head to dst; rows follow it, then
// [EndFrame].
func BeginFrame(dst []byte) []byte {
	var head [FrameHead]byte
	return append(dst, head[:]...)
}

// EndFrame completes the frame that begins at start of dst and reaches to its
// end: it writes the head and pads. Offset and Payload of f are not looked at.
func EndFrame(dst []byte, start int, salt uint32, f *Frame) []byte {
	payload := len(dst) - start - FrameHead
	head := dst[start:]
	binary.LittleEndian.PutUint32(head[0:], uint32(f.Marker))
	binary.LittleEndian.PutUint32(head[8:], uint32(payload))
	binary.LittleEndian.PutUint32(head[12:], uint32(f.Rows))
	binary.LittleEndian.PutUint64(head[16:], f.First)
	binary.LittleEndian.PutUint64(head[24:], uint64(f.Recorded))
	binary.LittleEndian.PutUint64(head[32:], uint64(f.Durable))
	binary.LittleEndian.PutUint32(head[4:], crc32.Update(salt, castagnoli, head[8:]))
	for len(dst)-start < int(frameSize(payload)) {
		dst = append(dst, 0)
	}
	return dst
}

// parseHead reads a frame's head and says how long its payload is. It is false
// for what cannot be a head.
func parseHead(b []byte) (f Frame, payload int, ok bool) {
	f.Marker = Marker(binary.LittleEndian.Uint32(b))
	n := binary.LittleEndian.Uint32(b[8:])
	if f.Marker != EventFrame && f.Marker != StreamFrame || n > MaxPayload {
		return Frame{}, 0, false
	}
	f.Rows = int(binary.LittleEndian.Uint32(b[12:]))
	f.First = binary.LittleEndian.Uint64(b[16:])
	f.Recorded = int64(binary.LittleEndian.Uint64(b[24:]))
	f.Durable = int64(binary.LittleEndian.Uint64(b[32:]))
	return f, int(n), true
}

// FrameIn is the whole frame at the front of b, which stands at offset. Its
// payload is part of b.
func FrameIn(b []byte, offset int64) Frame {
	f, payload, _ := parseHead(b)
	f.Offset, f.Payload = offset, b[FrameHead:FrameHead+payload]
	return f
}

// checksum reports whether frame, a head and its payload, is what was written.
func checksum(frame []byte, salt uint32) bool {
	return crc32.Update(salt, castagnoli, frame[8:]) == binary.LittleEndian.Uint32(frame[4:])
}

// RowAt is the body of the row that begins at pos of the payload, and where
// the next one begins. It is "" and -1 where no row can be. The body is part of
// the payload.
func (f *Frame) RowAt(pos int) (body string, next int) {
	rest := f.Payload[pos:]
	if len(rest) < rowHead {
		return "", -1
	}
	n := int(binary.LittleEndian.Uint32(rest))
	if n > len(rest)-rowHead {
		return "", -1
	}
	return viewString(rest[rowHead : rowHead+n]), pos + rowHead + n
}
