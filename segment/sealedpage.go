package segment

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"sync/atomic"
	"unsafe"
)

// pageKind is what the values of a column's pages are.
type pageKind uint8

const (
	noPages pageKind = iota // a field that is null
	intPages
	floatPages
	textPages
	rawPages  // bytes of a filter
	zonePages // zones of a column
)

// pagesOf says how values of a kind are stored.
func pagesOf(k ValueKind) pageKind {
	switch k {
	case BoolValue, Int64Value, TimeValue:
		return intPages
	case Float64Value:
		return floatPages
	case StringValue, BytesValue, JSONValue:
		return textPages
	}
	return noPages
}

// The first byte of a page's payload.
const (
	pageBitmap   = 1 << iota // some rows have no value: a bitmap of those that do
	pageRuns                 // the same: the rows at which having changes into not having, and back
	pageRelative             // times as their difference to the clock
)

// pageHead is the checksum in front of a page's payload.
const pageHead = 4

var errSparse = errors.New("list of the rows with a value is malformed")

// page is a page in memory. It takes two lines of memory, and the first one has all
// that most looks at one value need: a random row is a look at a dozen pages that
// are in no near cache.
type page struct {
	used     atomic.Uint32 // since the cache's hand came by
	kind     pageKind
	relative bool
	quick    bool      // value i is that of the numbers packed in the next four
	bits     uint8     // or their code in dict; see packed
	data     []byte    // of a filter: all of it
	base     int64     //
	step     uint64    //
	sparse   *presence // nil: every row has a value
	ints     *intPage  // this and what follows is there as the kind says

	floats *floatPage
	texts  *textPage
	dict   []string // of a quick page of texts
	zones  *[]zone
	size   int64
	slot   *atomic.Pointer[page]
}

// number is value i of the packed numbers of a quick page.
func (p *page) number(i int) int64 {
	if p.bits == 0 {
		return p.base
	}
	bit := uint(i) * uint(p.bits)
	u := binary.LittleEndian.Uint64(p.data[bit>>3:]) >> (bit & 7)
	return p.base + int64(u&(1<<p.bits-1)*p.step)
}

// int is value i of a page of ints.
func (p *page) int(i int) int64 {
	if p.quick {
		return p.number(i)
	}
	return p.ints.at(i)
}

// slice decodes the len(dst) values of a page of ints from value from on.
func (p *page) slice(dst []int64, from int) {
	if p.quick {
		q := packed{data: p.data, base: p.base, step: p.step, n: from + len(dst), bits: p.bits}
		q.slice(dst, from)
		return
	}
	p.ints.slice(dst, from)
}

// float is value i of a page of floats.
func (p *page) float(i int) float64 {
	f := p.floats
	if !p.quick {
		return f.at(i)
	}
	if len(f.places) > 0 {
		if k := f.lower(i); 2*k < len(f.places) && f.place(k) == i {
			return f.exception(k)
		}
	}
	return f.decimal.decode(p.number(i))
}

// text is value i of a page of texts. It is valid for ever.
func (p *page) text(i int) string {
	if p.quick {
		if code := uint64(p.number(i)); code < uint64(len(p.dict)) {
			return p.dict[code]
		}
		return ""
	}
	return p.texts.at(i)
}

// quicken copies the numbers of ints, if they are packed and all of them fit.
func (p *page) quicken(ints *intPage) {
	if ints.encoding == intPacked && ints.patches.n() == 0 {
		m := &ints.main
		p.quick, p.bits, p.data, p.base, p.step = true, m.bits, m.data, m.base, m.step
	}
}

// quickWords is how many words of a dictionary are kept as strings.
const quickWords = 256

// quickenTexts does it for the codes of a small dictionary.
func (p *page) quickenTexts(t *textPage) {
	n := t.ends.len()
	if t.encoding != textDictionary || n > quickWords {
		return
	}
	if p.quicken(&t.ints); p.quick {
		p.dict = cutAll(make([]string, 0, n), t.heap, &t.ends, 0, n)
		p.size += int64(n) * int64(unsafe.Sizeof(""))
	}
}

// words appends the dictionary of a page of texts that has one.
func (p *page) words(dst []string) []string {
	if p.quick {
		return append(dst, p.dict...)
	}
	return cutAll(dst, p.texts.heap, &p.texts.ends, 0, p.texts.ends.len())
}

// presence is the rows of a page that have a value.
type presence struct {
	words [blockRows / 64]uint64
	ranks [blockRows / 64]uint16 // values before each word
	count int
}

// find is the number of the value of row i, and whether there is one.
func (p *presence) find(i int) (int, bool) {
	w := p.words[i>>6]
	below := w & (1<<(i&63) - 1)
	return int(p.ranks[i>>6]) + bits.OnesCount64(below), w>>(i&63)&1 != 0
}

func (p *presence) rank() {
	for i, w := range p.words {
		p.ranks[i] = uint16(p.count)
		p.count += bits.OnesCount64(w)
	}
}

// rows appends the rows from, to but not including to, that have a value, less
// from, and says the number of the first one's value.
func (p *presence) rows(dst []uint16, from, to int) (rows []uint16, first int) {
	first, _ = p.find(from)
	for w := from >> 6; w<<6 < to; w++ {
		word := p.words[w]
		if w == from>>6 {
			word &= ^uint64(0) << (from & 63)
		}
		for ; word != 0; word &= word - 1 {
			i := w<<6 + bits.TrailingZeros64(word)
			if i >= to {
				break
			}
			dst = append(dst, uint16(i-from))
		}
	}
	return dst, first
}

// find is the number of the value of row i, and whether there is one.
func (p *page) find(i int) (int, bool) {
	if p.sparse == nil {
		return i, true
	}
	return p.sparse.find(i)
}

// appendPresence appends what says which of n rows have a value, whichever way
// is shorter, and returns the bit that names it.
func appendPresence(dst []byte, rows []uint16, n int) ([]byte, byte) {
	var runs []int64
	next := -1
	for _, r := range rows {
		if int(r) != next {
			if next >= 0 {
				runs = append(runs, int64(next))
			}
			runs = append(runs, int64(r))
		}
		next = int(r) + 1
	}
	if next < n {
		runs = append(runs, int64(next))
	}
	start := len(dst)
	size := (n + 7) / 8
	if len(runs) < size { // else it cannot be shorter
		runsPage := appendInts(nil, runs)
		dst = append(binary.AppendUvarint(dst, uint64(len(runsPage))), runsPage...)
		if len(dst)-start <= size {
			return dst, pageRuns
		}
		dst = dst[:start]
	}
	dst = append(dst, make([]byte, size)...)
	for _, r := range rows {
		dst[start+int(r>>3)] |= 1 << (r & 7)
	}
	return dst, pageBitmap
}

// presence reads what appendPresence appended for n rows.
func (d *Decoder) presence(how byte, n int) (*presence, error) {
	p := &presence{}
	if how == pageBitmap {
		size := (n + 7) / 8
		bits := d.Bytes(size)
		if len(bits) < size {
			return nil, errSparse
		}
		for i := range size {
			p.words[i>>3] |= uint64(bits[i]) << (8 * (i & 7))
		}
		if n < blockRows && p.words[n>>6]>>(n&63) != 0 {
			return nil, errSparse
		}
	} else if err := d.runs(p, n); err != nil {
		return nil, err
	}
	p.rank()
	return p, nil
}

func (d *Decoder) runs(p *presence, n int) error {
	b, err := d.nested()
	if err != nil {
		return err
	}
	runs, err := openInts(b)
	if err != nil {
		return err
	}
	for i := 0; i < runs.len(); i += 2 {
		from, to := runs.at(i), int64(n)
		if i+1 < runs.len() {
			to = runs.at(i + 1)
		}
		if from < 0 || from >= to || to > int64(n) {
			return errSparse
		}
		for r := from; r < to; r++ {
			p.words[r>>6] |= 1 << (r & 63)
		}
	}
	return nil
}

// openPage makes a page of n rows from its payload, which it keeps.
func openPage(payload []byte, kind pageKind, n int) (*page, error) {
	p := &page{kind: kind, size: int64(cap(payload)) + int64(unsafe.Sizeof(page{}))}
	if len(payload) == 0 {
		return nil, errPageShort
	}
	if kind == rawPages || kind == zonePages {
		p.data = payload[1:]
		return p, nil
	}
	how := payload[0]
	d := Decoder{all: viewString(payload[1:])}
	p.relative = how&pageRelative != 0
	if how &^= pageRelative; how != 0 {
		if how != pageBitmap && how != pageRuns {
			return nil, errSparse
		}
		var err error
		if p.sparse, err = d.presence(how, n); err != nil {
			return nil, err
		}
		p.size += int64(unsafe.Sizeof(presence{}))
		n = p.sparse.count
	}
	return p, p.openValues(view(d.Rest()), n)
}

func (p *page) openValues(b []byte, n int) (err error) {
	var have int
	switch p.kind {
	case intPages:
		var ints intPage
		ints, err = openInts(b)
		p.ints, have = &ints, ints.len()
		p.quicken(p.ints)
		p.size += int64(unsafe.Sizeof(ints))
	case floatPages:
		var f floatPage
		f, err = openFloats(b)
		p.floats, have = &f, f.len()
		if f.encoding == floatDecimal {
			p.quicken(&f.ints)
		}
		p.size += int64(unsafe.Sizeof(f))
	case textPages:
		var t textPage
		if t, err = openTexts(b); err == nil {
			p.size += int64(t.memory())
			have = t.len()
			p.quickenTexts(&t)
		}
		p.texts = &t
		p.size += int64(unsafe.Sizeof(t))
	}
	if err == nil && have != n {
		err = errPageRows
	}
	return err
}
