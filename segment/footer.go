package segment

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
)

const (
	// sealedHeadSize and trailerSize are those of a sealed file's header and
	// trailer in bytes.
	sealedHeadSize = 64
	trailerSize    = 48

	trailerMagic = "S-slanna"

	// summaryGuess is how much of the end of a file is read at once to open it:
	// most summaries fit, so one read is enough.
	summaryGuess = 4 << 10
)

func appendSealedHeader(dst []byte, salt uint32, h *SealedHead) []byte {
	start := len(dst)
	dst = append(dst, sealedMagic...)
	dst = append(dst, sealedVersion, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint32(dst, salt)
	dst = binary.LittleEndian.AppendUint64(dst, h.First)
	dst = binary.LittleEndian.AppendUint64(dst, h.Last)
	dst = append(dst, h.Database[:]...)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(h.Created))
	dst = append(dst, 0, 0, 0, 0)
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

// trailer is the end of a sealed file: where the summary and the directory are.
type trailer struct {
	summary, directory pagePlace
}

func appendTrailer(dst []byte, salt uint32, t trailer) []byte {
	start := len(dst)
	for _, p := range [...]pagePlace{t.summary, t.directory} {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(p.offset))
		dst = binary.LittleEndian.AppendUint32(dst, p.length)
		dst = append(dst, 0, 0, 0, 0)
	}
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Update(salt, castagnoli, dst[start:]))
	return append(dst, trailerMagic...)
}

// parseTrailer reads a trailer at the end of b, which ends a file of that size.
func parseTrailer(b []byte, salt uint32, size int64) (t trailer, ok bool) {
	b = b[len(b)-trailerSize:]
	if string(b[40:]) != trailerMagic || crc32.Update(salt, castagnoli, b[:36]) != binary.LittleEndian.Uint32(b[36:]) {
		return trailer{}, false
	}
	place := func(b []byte) pagePlace {
		return pagePlace{int64(binary.LittleEndian.Uint64(b)), binary.LittleEndian.Uint32(b[8:])}
	}
	t = trailer{place(b), place(b[16:])}
	// The directory, the summary and the trailer are the last three things.
	end := t.directory.offset + int64(t.directory.length)
	ok = t.directory.offset >= sealedHeadSize && t.directory.length > pageHead && t.summary.length > pageHead &&
		end == t.summary.offset && end+int64(t.summary.length) == size-trailerSize
	return t, ok
}

// pageSum is the checksum of a payload that stands in a page at offset. The
// offset is part of it, so that a page read from another place is noticed.
func pageSum(salt uint32, offset int64, payload []byte) uint32 {
	return crc32.Update(salt^uint32(offset), castagnoli, payload)
}

// appendInfo appends the summary. What header and file say is left out.
func appendInfo(dst []byte, s *SealedInfo) []byte {
	for _, t := range [...]int64{s.FirstRecorded, s.LastRecorded, s.MinTime, s.MaxTime} {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(t))
	}
	dst = binary.AppendUvarint(dst, s.Rows)
	dst = binary.AppendUvarint(dst, s.Keys)
	dst = binary.AppendUvarint(dst, s.Batches)
	dst = binary.AppendUvarint(dst, s.Retractions)
	dst = binary.AppendUvarint(dst, s.IDs)
	dst = binary.AppendUvarint(dst, s.Late)
	dst = binary.AppendUvarint(dst, uint64(len(s.Streams)))
	for i := range s.Streams {
		dst = s.Streams[i].append(dst)
	}
	return dst
}

func (s *SealedStream) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(s.Def.Number))
	dst = appendText(dst, s.Def.Name)
	dst = appendText(dst, s.Def.Fold)
	dst = append(dst, s.Def.bits())
	for _, n := range s.counts() {
		dst = binary.AppendUvarint(dst, *n)
	}
	dst = binary.LittleEndian.AppendUint64(dst, uint64(s.MinTime))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(s.MaxTime))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(s.Settled))
	return appendText(appendText(dst, s.FirstKey), s.LastKey)
}

// counts are the stream's counts in the order in which they stand in the file.
func (s *SealedStream) counts() [8]*uint64 {
	return [...]*uint64{&s.Rows, &s.Keys, &s.Changes, &s.Deletes, &s.Heartbeats, &s.Retractions, &s.Unchanged, &s.IDs}
}

// leastStream is the bytes that a stream takes at least: one of each number and each
// length of a text, one of bits, and three times.
const leastStream = 1 + 2 + 1 + 8 + 3*8 + 2

var errSummary = errors.New("summary is malformed")

// parseInfo reads what appendInfo appended into s.
func parseInfo(b []byte, s *SealedInfo) error {
	d := Decoder{all: string(b)}
	for _, t := range [...]*int64{&s.FirstRecorded, &s.LastRecorded, &s.MinTime, &s.MaxTime} {
		*t = int64(d.uint64())
	}
	for _, n := range [...]*uint64{&s.Rows, &s.Keys, &s.Batches, &s.Retractions, &s.IDs, &s.Late} {
		*n = d.Uvarint()
	}
	n := d.Uvarint()
	if n > uint64(len(d.Rest())/leastStream) {
		return errSummary
	}
	s.Streams = make([]SealedStream, n)
	for i := range s.Streams {
		s.Streams[i].parse(&d)
		if i > 0 && s.Streams[i].Def.Number <= s.Streams[i-1].Def.Number {
			return errSummary
		}
	}
	if d.bad || d.Rest() != "" || s.Rows != s.Last-s.First+1 || s.Rows > maxSealedRows {
		return errSummary
	}
	return nil
}

func (s *SealedStream) parse(d *Decoder) {
	number := d.Uvarint()
	if number > math.MaxUint32 {
		d.fail()
	}
	s.Def = Stream{Number: uint32(number), Name: d.Text(), Fold: d.Text()}
	if !s.Def.setBits(d.Byte()) {
		d.fail()
	}
	for _, n := range s.counts() {
		*n = d.Uvarint()
	}
	s.MinTime, s.MaxTime, s.Settled = int64(d.uint64()), int64(d.uint64()), int64(d.uint64())
	s.FirstKey, s.LastKey = d.Text(), d.Text()
}
