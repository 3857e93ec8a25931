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

// page is a page in memory. What is needed for a look at one value stands first.
type page struct {
	used     atomic.Uint32 // since the cache's hand came by
	kind     pageKind
	relative bool
	sparse   *presence // nil: every row has a value
	ints     intPage
	floats   *floatPage
	texts    *textPage
	raw      []byte
	zones    []zone

	size  int64
	owner *Sealed
	slot  *atomic.Pointer[page]
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
		if len(d.s) < size {
			return nil, errSparse
		}
		for i := range size {
			p.words[i>>3] |= uint64(d.s[i]) << (8 * (i & 7))
		}
		d.s = d.s[size:]
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
		p.raw = payload[1:]
		return p, nil
	}
	how := payload[0]
	d := Decoder{s: viewString(payload[1:])}
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
	return p, p.openValues(view(d.s), n)
}

func (p *page) openValues(b []byte, n int) (err error) {
	var have int
	switch p.kind {
	case intPages:
		p.ints, err = openInts(b)
		have = p.ints.len()
	case floatPages:
		var f floatPage
		f, err = openFloats(b)
		p.floats, have = &f, f.len()
		p.size += int64(unsafe.Sizeof(f))
	case textPages:
		var t textPage
		if t, err = openTexts(b); err == nil {
			p.size += int64(t.memory())
			have = t.len()
		}
		p.texts = &t
		p.size += int64(unsafe.Sizeof(t))
	}
	if err == nil && have != n {
		err = errPageRows
	}
	return err
}
