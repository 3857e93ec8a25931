package segment

import (
	"encoding/binary"
	"sync"
)

// appendTexts appends a page of the texts v, 1 to blockRows of them.
func appendTexts(dst []byte, v *texts) []byte {
	e := textEncoders.Get().(*textEncoder)
	defer textEncoders.Put(e)
	e.load(v)
	start := len(dst)
	front, rise := e.frontSize()
	switch {
	case !rise && e.repeats():
		dst = e.appendDictionary(dst)
	case front < e.size-e.size/5:
		dst = e.appendFront(dst)
	default:
		dst = e.appendPlain(dst, e.texts)
	}
	dst = e.compress(dst, start)
	clear(e.texts) // which may be all that holds large memory
	clear(e.words)
	clear(e.seen)
	e.input = nil
	return dst
}

// textEncoder is the memory that encoding a page takes, kept for the next.
type textEncoder struct {
	texts []string // the values
	size  int      // bytes of all
	seen  map[string]uint32
	words []string // the distinct ones, in order of first use
	codes []int64  // of each value, its word
	known []known  // by code of the input
	stamp uint32
	input []uint32 // the codes of the input
	ends  []int64
	page  []byte // a nested page
	front []byte // groups
}

// known is the word that a code of the input stands for, if the stamp is that
// of this page.
type known struct{ stamp, word uint32 }

var textEncoders = sync.Pool{New: func() any { return &textEncoder{seen: map[string]uint32{}} }}

// load takes the values of a page.
func (e *textEncoder) load(v *texts) {
	e.texts, e.size, e.input = e.texts[:0], 0, v.codes
	for _, c := range v.codes {
		e.texts = append(e.texts, v.dict[c])
		e.size += len(v.dict[c])
	}
	if len(e.known) < len(v.dict) {
		e.known = make([]known, len(v.dict))
	}
	if e.stamp++; e.stamp == 0 { // once in 2^32 pages
		clear(e.known)
		e.stamp = 1
	}
}

// repeats numbers the distinct values, and reports whether they are few enough
// for a dictionary. It gives up when they are too many.
func (e *textEncoder) repeats() bool {
	e.words, e.codes = e.words[:0], e.codes[:0]
	most := max(1, len(e.texts)/2)
	for i, c := range e.input {
		k := &e.known[c]
		if k.stamp != e.stamp {
			w, ok := e.seen[e.texts[i]]
			if !ok {
				if len(e.words) == most {
					return false
				}
				w = uint32(len(e.words))
				e.words = append(e.words, e.texts[i])
				e.seen[e.texts[i]] = w
			}
			*k = known{e.stamp, w}
		}
		e.codes = append(e.codes, int64(k.word))
	}
	return true
}

func (e *textEncoder) appendDictionary(dst []byte) []byte {
	dst = e.appendNested(append(dst, textDictionary), e.codes)
	return e.appendPlain(dst, e.words)
}

func (e *textEncoder) appendPlain(dst []byte, v []string) []byte {
	e.ends = e.ends[:0]
	var end int64
	for _, s := range v {
		end += int64(len(s))
		e.ends = append(e.ends, end)
	}
	dst = e.appendNested(append(dst, textPlain), e.ends)
	for _, s := range v {
		dst = append(dst, s...)
	}
	return dst
}

// appendNested appends the length of a page of ints, and the page.
func (e *textEncoder) appendNested(dst []byte, v []int64) []byte {
	e.page = appendInts(e.page[:0], v)
	dst = binary.AppendUvarint(dst, uint64(len(e.page)))
	return append(dst, e.page...)
}
