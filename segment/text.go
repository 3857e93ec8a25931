package segment

import (
	"fmt"
	"slices"
)

// The encodings of a page of texts, its first byte.
const (
	textPlain = iota + 1
	textDictionary
	textFront
	textZstd
)

// A page of texts
//
//	1 byte         encoding
//	plain, 1       uvarint length, a page of ints: where each text ends in what
//	               follows; the bytes of all texts
//	dictionary, 2  uvarint length, a page of ints: a code for each text; a plain
//	               page, its encoding included, of the texts that codes count
//	front, 3       uvarint n; uvarint length, a page of ints: where each group of
//	               16 texts begins in what follows; for each text uvarint bytes
//	               shared with the one before it, 0 where a group begins, uvarint
//	               length of the rest, the rest
//	zstd, 4        uvarint size, uvarint length, a zstd frame of that length of a
//	               page of that size in one of the other encodings; filled with
//	               zeros where the size is more than maxRatio times the page's
//
// A constant page is a dictionary of one.

// texts is a column of strings: value i is dict[codes[i]]. The dictionary may
// hold entries that are equal and entries that nothing refers to.
type texts struct {
	codes []uint32
	dict  []string
}

// at is value i.
func (t *texts) at(i int) string { return t.dict[t.codes[i]] }

// reset empties t and keeps its memory, but none of the texts.
func (t *texts) reset() {
	clear(t.dict[:cap(t.dict)])
	t.codes, t.dict = t.codes[:0], t.dict[:0]
}

// textPage is an opened page of texts. Its memory, which the texts it gives are
// part of, is never written to.
type textPage struct {
	ints     intPage // ends, codes, or where groups begin
	ends     intPage // of the words of a dictionary
	heap     string  // bytes of texts, or groups
	grown    int     // bytes that were decompressed
	n        int
	encoding byte
}

// openTexts opens what [appendTexts] appended. It keeps b, or, where that is
// compressed, what comes out of it.
func openTexts(b []byte) (textPage, error) {
	if len(b) == 0 || b[0] != textZstd {
		return openPlainTexts(b)
	}
	grown, err := expand(b[1:])
	if err != nil {
		return textPage{}, err
	}
	p, err := openPlainTexts(grown)
	p.grown = len(grown)
	return p, err
}

// openPlainTexts opens a page that is not compressed, in a time that does not
// depend on the number of values.
func openPlainTexts(b []byte) (p textPage, err error) {
	d := NewDecoder(viewString(b))
	p.encoding = d.Byte()
	if p.encoding == textFront {
		if p.n, err = d.rows(); err != nil {
			return textPage{}, err
		}
	}
	if p.ints, err = d.nestedInts(); err != nil {
		return textPage{}, err
	}
	switch p.encoding {
	case textPlain:
		p.n = p.ints.len()
	case textDictionary:
		p.n = p.ints.len()
		if d.Byte() != textPlain {
			return textPage{}, errPageShort
		}
		p.ends, err = d.nestedInts()
	case textFront:
		p.heap = d.Rest()
		err = p.openFront()
	default:
		err = errPageEncoding("texts", p.encoding)
	}
	if err != nil {
		return textPage{}, err
	}
	p.heap = d.Rest()
	return p, nil
}

// name is the encoding, for a person to read.
func (p *textPage) name() string {
	s := "plain"
	switch p.encoding {
	case textDictionary:
		s = fmt.Sprintf("dictionary of %d, %s", p.ends.len(), p.ints.name())
	case textFront:
		s = "front"
	}
	if p.grown > 0 {
		s += ", zstd"
	}
	return s
}

// len is the number of values.
func (p *textPage) len() int { return p.n }

// memory is how many bytes of memory the page holds besides what it was opened
// from.
func (p *textPage) memory() int { return p.grown }

// at is value i, 0 <= i < len. It is valid for ever; only that of a front-coded
// page is memory of its own, else it is the page's.
func (p *textPage) at(i int) string {
	switch p.encoding {
	case textDictionary:
		return p.word(int(p.ints.at(i)))
	case textFront:
		return p.frontAt(i)
	}
	return textIn(p.heap, &p.ints, i)
}

// word is one of a dictionary, or empty if a forged page counts no such one.
func (p *textPage) word(code int) string {
	if uint(code) >= uint(p.ends.len()) {
		return ""
	}
	return textIn(p.heap, &p.ends, code)
}

// textIn is text i of those that end in heap where ends say, or empty where a
// forged page says what cannot be.
func textIn(heap string, ends *intPage, i int) string {
	if i == 0 {
		return between(heap, 0, ends.at(0))
	}
	if ends.encoding != intDelta {
		return between(heap, ends.at(i-1), ends.at(i))
	}
	var both [2]int64 // which share most of the way there
	ends.slice(both[:], i-1)
	return between(heap, both[0], both[1])
}

func between(heap string, from, to int64) string {
	if uint64(to) > uint64(len(heap)) || uint64(from) > uint64(to) {
		return ""
	}
	return heap[from:to]
}

// slice decodes the n values from value from on into dst, whose memory it
// reuses. The texts are valid for ever.
func (p *textPage) slice(dst *texts, from, n int) {
	dst.codes, dst.dict = dst.codes[:0], dst.dict[:0]
	if p.encoding == textDictionary && n*4 > p.ends.len() {
		dst.dict = cutAll(dst.dict, p.heap, &p.ends, 0, p.ends.len())
		p.sliceCodes(dst, from, n)
		return
	}
	dst.dict = p.appendTexts(dst.dict, from, n)
	for i := range n {
		dst.codes = append(dst.codes, uint32(i))
	}
}

// appendTexts appends the n texts from text from on, one by one where they are those
// of a dictionary.
func (p *textPage) appendTexts(dst []string, from, n int) []string {
	switch p.encoding {
	case textDictionary:
		for i := range n {
			dst = append(dst, p.at(from+i))
		}
		return dst
	case textFront:
		return p.frontSlice(dst, from, n)
	}
	return cutAll(dst, p.heap, &p.ints, from, n)
}

const textChunk = 256

// cutAll appends the n texts from text from on.
func cutAll(dst []string, heap string, ends *intPage, from, n int) []string {
	var space [textChunk]int64
	var start int64
	if from > 0 && n > 0 {
		start = ends.at(from - 1)
	}
	for n > 0 {
		chunk := space[:min(textChunk, n)]
		ends.slice(chunk, from)
		for _, end := range chunk {
			dst = append(dst, between(heap, start, end))
			start = end
		}
		from, n = from+len(chunk), n-len(chunk)
	}
	return dst
}

// sliceCodes appends codes to dst, of which each is in its dictionary.
func (p *textPage) sliceCodes(dst *texts, from, n int) {
	had := len(dst.codes)
	dst.codes = slices.Grow(dst.codes, n)[:had+n]
	p.decodeCodes(dst.codes[had:], from)
}

// decodeCodes decodes the len(dst) codes from value from on. Each is in the
// dictionary.
func (p *textPage) decodeCodes(dst []uint32, from int) {
	var space [textChunk]int64
	last := uint64(p.ends.len() - 1)
	for len(dst) > 0 {
		chunk := space[:min(textChunk, len(dst))]
		p.ints.slice(chunk, from)
		for i, c := range chunk {
			dst[i] = uint32(min(uint64(c), last))
		}
		dst, from = dst[len(chunk):], from+len(chunk)
	}
}

// search finds s in a page whose values rise: the first value that is not less,
// len if there is none, and whether it is s.
func (p *textPage) search(s string) (i int, found bool) {
	if p.encoding == textFront {
		return p.frontSearch(s)
	}
	lo, hi := 0, p.n
	for lo < hi {
		if mid := (lo + hi) / 2; p.at(mid) < s {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, lo < p.n && p.at(lo) == s
}

// nestedInts reads a page of ints inside another.
func (d *Decoder) nestedInts() (intPage, error) {
	page, err := d.nested()
	if err != nil {
		return intPage{}, err
	}
	return openInts(page)
}
