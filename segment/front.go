package segment

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"slices"
)

// frontGroup is how many texts of a front-coded page stand on one that is
// written out: what at most must be read to reach a text.
const frontGroup = 16

// frontSize is how many bytes of text a front-coded page would hold, with two
// for the lengths of each: more than any page where the texts do not rise. It
// also says whether there are several and each one is above the one before.
func (e *textEncoder) frontSize() (size int, rise bool) {
	rise = len(e.texts) > 1
	last := ""
	for i, s := range e.texts {
		same := shared(s, last)
		switch a, b := s[same:], last[same:]; {
		case a < b:
			return math.MaxInt, false
		case a == b && i > 0:
			rise = false
		}
		size += 2 + len(s)
		if i%frontGroup != 0 {
			size -= same
		}
		last = s
	}
	return size, rise
}

// shared is how many bytes s and t begin with alike.
func shared(s, t string) int {
	n, i := min(len(s), len(t)), 0
	for a, b := view(s), view(t); i+8 <= n; i += 8 {
		if d := binary.LittleEndian.Uint64(a[i:]) ^ binary.LittleEndian.Uint64(b[i:]); d != 0 {
			return i + bits.TrailingZeros64(d)/8
		}
	}
	for i < n && s[i] == t[i] {
		i++
	}
	return i
}

func (e *textEncoder) appendFront(dst []byte) []byte {
	e.ends = e.ends[:0]
	groups := e.front[:0]
	for i, s := range e.texts {
		same := 0
		if i%frontGroup == 0 {
			e.ends = append(e.ends, int64(len(groups)))
		} else {
			same = shared(s, e.texts[i-1])
		}
		groups = binary.AppendUvarint(groups, uint64(same))
		groups = binary.AppendUvarint(groups, uint64(len(s)-same))
		groups = append(groups, s[same:]...)
	}
	e.front = groups
	dst = binary.AppendUvarint(append(dst, textFront), uint64(len(e.texts)))
	// A search jumps among the groups, so their places are not differences.
	e.page = appendPlainInts(e.page[:0], e.ends, fit(e.ends, 0, e.ends[len(e.ends)-1]))
	dst = append(binary.AppendUvarint(dst, uint64(len(e.page))), e.page...)
	return append(dst, groups...)
}

// openFront checks that there is a place for each group and that these rise,
// so that texts are never more than frontGroup times the page's bytes.
func (p *textPage) openFront() error {
	var space [blockRows / frontGroup]int64
	if p.ints.len() != (p.n+frontGroup-1)/frontGroup {
		return errPageRows
	}
	starts := space[:p.ints.len()]
	p.ints.slice(starts, 0)
	if !slices.IsSorted(starts) {
		return errors.New("page of texts whose groups do not rise")
	}
	return nil
}

// group is the bytes of group g.
func (p *textPage) group(g int) Decoder {
	end := int64(len(p.heap))
	if g+1 < p.ints.len() {
		end = p.ints.at(g + 1)
	}
	return NewDecoder(between(p.heap, p.ints.at(g), end))
}

// frontNext reads the next text of a group over the one before it. A forged
// page may share more than there is; then it shares what there is.
func frontNext(text []byte, d *Decoder) []byte {
	same := d.Uvarint()
	return append(text[:min(same, uint64(len(text)))], d.Text()...)
}

func (p *textPage) frontAt(i int) string {
	var space [256]byte
	text := space[:0]
	d := p.group(i / frontGroup)
	for range i%frontGroup + 1 {
		text = frontNext(text, &d)
	}
	return string(text)
}

// frontSlice appends the n texts from text from on. They share memory of their
// own, which is enough at once if they are as long as the first one.
func (p *textPage) frontSlice(dst []string, from, n int) []string {
	var heap []byte
	var d Decoder
	var last string
	for i := from &^ (frontGroup - 1); i < from+n; i++ {
		if i%frontGroup == 0 {
			d, last = p.group(i/frontGroup), ""
		}
		same, rest := min(d.Uvarint(), uint64(len(last))), d.Text()
		if heap == nil {
			heap = make([]byte, 0, min((from+n-i)*len(rest), frontGroup*len(p.heap)))
		}
		start := len(heap)
		heap = append(append(heap, last[:same]...), rest...)
		last = viewString(heap[start:]) // which stays, if heap moves
		if i >= from {
			dst = append(dst, last)
		}
	}
	return dst
}

// frontSearch finds the group by the texts that are written out and goes
// through it. It builds no text: as they rise, how much of s the last one began
// with and how much the next shares with that say most of the order.
func (p *textPage) frontSearch(s string) (i int, found bool) {
	lo, hi := 0, p.ints.len() // groups that begin below s end at lo
	for lo < hi {
		mid := (lo + hi) / 2
		d := p.group(mid)
		d.Uvarint()
		if d.Text() < s {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo > 0 {
		first := (lo - 1) * frontGroup
		n := min(frontGroup, p.n-first)
		if k, found := p.searchGroup(lo-1, n, s); k < n {
			return first + k, found
		}
	}
	if i = lo * frontGroup; i >= p.n {
		return p.n, false
	}
	d := p.group(lo)
	d.Uvarint()
	return i, d.Text() == s
}

// searchGroup finds s among the n texts of a group, the first of which is less.
func (p *textPage) searchGroup(g, n int, s string) (k int, found bool) {
	d := p.group(g)
	like := 0 // bytes that s and the last text begin with alike
	for k = range n {
		same := d.Uvarint()
		rest := d.Text()
		if same > uint64(like) && k > 0 {
			continue // differs from s where the last one did
		}
		if same < uint64(like) {
			return k, false // is greater than the last one where that is like s
		}
		tail := s[like:]
		m := shared(rest, tail)
		if like += m; rest[m:] >= tail[m:] {
			return k, rest == tail
		}
	}
	return n, false
}
