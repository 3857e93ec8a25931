package query

import (
	"math"
	"math/bits"
	"slices"
	"strings"

	"github.com/annalsdb/annals/segment"
)

// A group is found in steps. Each column that is grouped by has a dictionary that
// numbers its values; a pairing numbers the pairs of what was found so far and the
// number in the next column. Numbers are dense from 0, so dictionaries of texts are
// asked once for each text of a page, and pairs mostly by an array.

// numbering is a hash table from 64 bits to the number that they were given: open
// addressing with linear probes.
type numbering struct {
	keys []uint64
	at   []uint32 // 1 + the number, 0 where there is none
	n    int
}

// find is the number of key, next if it has none yet.
func (t *numbering) find(key uint64, next int) (number uint32, isNew bool) {
	if 2*t.n >= len(t.keys) {
		t.grow()
	}
	mask := uint64(len(t.keys) - 1)
	for i := mixed(key) & mask; ; i = (i + 1) & mask {
		switch {
		case t.at[i] == 0:
			t.keys[i], t.at[i] = key, uint32(next)+1
			t.n++
			return uint32(next), true
		case t.keys[i] == key:
			return t.at[i] - 1, false
		}
	}
}

func (t *numbering) grow() {
	old := *t
	size := max(64, 4*len(old.keys))
	t.keys, t.at, t.n = make([]uint64, size), make([]uint32, size), 0
	for i, n := range old.at {
		if n > 0 {
			t.find(old.keys[i], int(n-1))
		}
	}
}

// textNumbering is a hash table of texts that others keep: open addressing with linear
// probes. A slot has the high half of the hash and 1 + the number, 0 where there is
// none.
type textNumbering struct {
	slots []uint64
	n     int
}

// find is the slot with that hash of the number that is it, or a free one where it
// belongs.
func (t *textNumbering) find(hash uint64, is func(number uint32) bool) *uint64 {
	if 2*t.n >= len(t.slots) {
		t.grow()
	}
	mask := uint64(len(t.slots) - 1)
	for i := hash >> 32 & mask; ; i = (i + 1) & mask {
		slot := &t.slots[i]
		if *slot == 0 || *slot>>32 == hash>>32 && is(uint32(*slot)-1) {
			return slot
		}
	}
}

func (t *textNumbering) grow() { t.resize(max(64, 4*len(t.slots))) }

// resize makes it so many slots, a power of two.
func (t *textNumbering) resize(slots int) {
	old := t.slots
	t.slots = make([]uint64, slots)
	mask := uint64(len(t.slots) - 1)
	for _, slot := range old {
		if slot == 0 {
			continue
		}
		i := slot >> 32 & mask
		for t.slots[i] != 0 {
			i = (i + 1) & mask
		}
		t.slots[i] = slot
	}
}

// dictionary numbers the values of a column, those that are not the same to the
// bit apart.
type dictionary struct {
	values []Value
	bits   [segment.JSONValue + 1]numbering
	texts  textNumbering
	none   uint32 // 1 + the number of null
	bytes  int64  // of texts
	clones bool   // texts are copied, since what they are part of is not to stay

	// Values that are the same, as 1 and 1.0, are one class, and groups go by
	// classes. Without floats these are nil, and each value is a class of its own.
	classes []uint32 // of each value
	firsts  []uint32 // the first value of each class
	whole   numbering

	// Even windows are found in an array, from the lowest on: 1 more than their
	// numbers, 0 for those that have none.
	cells  []uint32
	lowest int64

	// Of the last page: the numbers of the texts in its dictionary, 1 more, 0
	// for those that were not asked for yet.
	page  []string
	kind  segment.ValueKind
	codes []uint32
}

// number is the number of a value.
func (d *dictionary) number(v Value) uint32 {
	switch k := v.Kind(); {
	case k == segment.NullValue:
		if d.none == 0 {
			d.none = d.add(v) + 1
		}
		return d.none - 1
	case isText(k):
		return d.text(k, v.Text())
	case isNaN(v):
		return d.bit(k, 0x7ff8000000000001)
	case k == segment.Float64Value:
		return d.bit(k, floatBits(v))
	default:
		return d.bit(k, uint64(v.Literal().Int64()))
	}
}

func (d *dictionary) bit(k segment.ValueKind, b uint64) uint32 {
	n, isNew := d.bits[k].find(b, len(d.values))
	if isNew {
		d.add(segment.FromInt(k, int64(b)))
	}
	return n
}

// add gives a new value the next number.
func (d *dictionary) add(v Value) uint32 {
	n := uint32(len(d.values))
	d.values = append(d.values, v)
	if d.classes != nil || v.Kind() == segment.Float64Value {
		d.classify(n)
	}
	return n
}

// expect makes room for all that the parts of lists may have, of one column.
func (d *dictionary) expect(lists []groupList, part int) {
	values, texts := 0, false
	for i := range lists {
		values += len(lists[i].parts[part])
		texts = texts || lists[i].g.columns[0].texts.n > 0
	}
	d.values = make([]Value, 0, values)
	if texts {
		d.texts.resize(1 << bits.Len(uint(max(32, 2*values))))
	}
}

// classify finds the class of the last value; at the first float, those of all.
func (d *dictionary) classify(n uint32) {
	if d.classes == nil {
		d.classes = make([]uint32, 0, n+1)
		for i := range n {
			d.classify(i)
		}
	}
	next := uint32(len(d.firsts))
	class := next
	if whole, ok := wholeOf(d.values[n]); ok {
		class, _ = d.whole.find(uint64(whole), int(next))
	}
	if class == next {
		d.firsts = append(d.firsts, n)
	}
	d.classes = append(d.classes, class)
}

// wholeOf is the int64 that a value is the same as.
func wholeOf(v Value) (n int64, ok bool) {
	switch v.Kind() {
	case segment.Int64Value:
		return v.Int64(), true
	case segment.Float64Value:
		f := v.Float64()
		return int64(f), f == math.Trunc(f) && f >= -1<<63 && f < 1<<63
	}
	return 0, false
}

// size is about how many bytes it takes.
func (d *dictionary) size() int64 {
	n := d.bytes + int64(32*cap(d.values)+4*(cap(d.classes)+cap(d.firsts)+cap(d.cells))+12*len(d.whole.keys))
	for i := range d.bits {
		n += int64(12 * len(d.bits[i].keys))
	}
	n += int64(8 * len(d.texts.slots))
	return n
}

// len is the number of classes.
func (d *dictionary) len() int {
	if d.classes != nil {
		return len(d.firsts)
	}
	return len(d.values)
}

// shown is which of two values of a class a group shows.
func (d *dictionary) shown(a, b uint32) uint32 {
	if a != b && shown(d.values[a], d.values[b]) == d.values[b] {
		return b
	}
	return a
}

// hash is a hash of a value, equal for those of a class.
func (d *dictionary) hash(n uint32) uint64 {
	v := d.values[n]
	if isText(v.Kind()) {
		return segment.Hash(uint32(v.Kind()), v.Text())
	}
	kind, b := v.Kind(), uint64(v.Literal().Int64())
	if whole, ok := wholeOf(v); ok {
		kind, b = segment.Int64Value, uint64(whole)
	} else if kind == segment.Float64Value {
		b = floatBits(v)
	}
	return mixed(b ^ uint64(kind)<<56)
}

// mixed spreads 64 bits over all of them.
func mixed(x uint64) uint64 {
	hi, lo := bits.Mul64(x^0x9e3779b97f4a7c15, 0xd1342543de82ef95)
	return hi ^ lo
}

func (d *dictionary) text(k segment.ValueKind, s string) uint32 {
	h := segment.Hash(uint32(k), s)
	slot := d.texts.find(h, func(n uint32) bool { return d.is(n, k, s) })
	if *slot != 0 {
		return uint32(*slot) - 1
	}
	if d.clones {
		s = strings.Clone(s)
	}
	n := d.add(segment.FromText(k, s))
	*slot = h&^math.MaxUint32 | uint64(n+1)
	d.texts.n++
	d.bytes += int64(len(s))
	return n
}

// is tells whether a text has that number.
func (d *dictionary) is(n uint32, k segment.ValueKind, s string) bool {
	return d.values[n].Kind() == k && d.values[n].Text() == s
}

// column appends the numbers of the rows of c that sel names.
func (d *dictionary) column(dst []uint32, c *Column, sel []uint16, n int) []uint32 {
	rows := sel
	if rows == nil {
		rows = all[:n]
	}
	switch {
	case !c.whole():
		for _, i := range rows {
			dst = append(dst, d.number(c.Value(int(i))))
		}
	case isText(c.Kind):
		d.turn(c)
		if sel == nil && len(d.page) == 0 {
			d.known(c.Kind, c.Texts.Dict)
		}
		codes := c.Texts.Codes
		for _, i := range rows {
			code := codes[i]
			if d.codes[code] == 0 {
				d.codes[code] = d.text(c.Kind, c.Texts.Dict[code]) + 1
			}
			dst = append(dst, d.codes[code]-1)
		}
	case c.Kind == segment.Float64Value:
		for _, i := range rows {
			dst = append(dst, d.number(segment.Float64Of(c.Floats[i])))
		}
	default:
		dst = d.ints(dst, c.Kind, c.Ints, rows)
	}
	return dst
}

// turn makes codes those of the dictionary of c.
func (d *dictionary) turn(c *Column) {
	dict := c.Texts.Dict
	if len(dict) == len(d.page) && c.Kind == d.kind && slices.Equal(dict, d.page) {
		return
	}
	d.page, d.kind = d.page[:0], c.Kind
	if len(dict) <= pageMost {
		d.page = append(d.page, dict...)
	}
	d.codes = extended(d.codes[:0], len(dict))
}

// known finds the numbers of the texts of a page that have one, some at once, each where
// it most likely is, so that the waits for memory overlap. The others get theirs with the
// rows: a page may have texts that are in none, of which there is no group.
func (d *dictionary) known(k segment.ValueKind, dict []string) {
	if len(d.texts.slots) == 0 {
		return
	}
	const together = 64
	var hashes, slots [together]uint64
	for from := 0; from < len(dict); from += together {
		some := dict[from:min(from+together, len(dict))]
		codes := d.codes[from : from+len(some)]
		for i, s := range some {
			hashes[i] = segment.Hash(uint32(k), s)
		}
		mask := uint64(len(d.texts.slots) - 1)
		for i := range some {
			slots[i] = d.texts.slots[hashes[i]>>32&mask]
		}
		for i, s := range some {
			if slot := slots[i]; slot != 0 && slot>>32 == hashes[i]>>32 && d.is(uint32(slot)-1, k, s) {
				codes[i] = uint32(slot)
			}
		}
	}
}

// pageMost is how many texts a dictionary may have to be remembered: longer ones, as
// that of keys, hardly ever come again.
const pageMost = 256

// ints appends the numbers of ints; the same one often comes again at once.
func (d *dictionary) ints(dst []uint32, k segment.ValueKind, list []int64, rows []uint16) []uint32 {
	if len(rows) == 0 {
		return dst
	}
	last := list[rows[0]]
	number := d.bit(k, uint64(last))
	for _, i := range rows {
		if v := list[i]; v != last {
			last, number = v, d.bit(k, uint64(v))
		}
		dst = append(dst, number)
	}
	return dst
}

// pairing numbers pairs.
type pairing struct {
	left, right []uint32 // of each pair

	stride int      // a power of two, above all numbers on the right
	table  []uint32 // 1 + the number of the pair at left·stride + right; nil: too many
	hash   numbering
}

// pairingMost is how long a table of pairs may be.
const pairingMost = 1 << 20

// size is about how many bytes it takes.
func (p *pairing) size() int64 {
	return int64(4*(cap(p.left)+cap(p.right)+len(p.table)) + 12*len(p.hash.keys))
}

// pairs replaces each left by the number of its pair with the right; there are so
// many numbers on either side.
func (p *pairing) pairs(left, right []uint32, lefts, rights int) {
	p.fit(lefts, rights)
	if p.table == nil {
		for i, r := range right {
			n, isNew := p.hash.find(uint64(left[i])<<32|uint64(r), len(p.left))
			if isNew {
				p.left, p.right = append(p.left, left[i]), append(p.right, r)
			}
			left[i] = n
		}
		return
	}
	for i, r := range right {
		cell := &p.table[int(left[i])*p.stride+int(r)]
		if *cell == 0 {
			p.left, p.right = append(p.left, left[i]), append(p.right, r)
			*cell = uint32(len(p.left))
		}
		left[i] = *cell - 1
	}
}

// fit makes the table fit so many numbers, or gives it up for the hash.
func (p *pairing) fit(lefts, rights int) {
	switch {
	case p.stride < 0 || rights <= p.stride && lefts*p.stride <= len(p.table):
		return
	}
	stride := max(p.stride, 16)
	for stride < rights {
		stride *= 2
	}
	if size := 2 * lefts * stride; size <= pairingMost {
		p.stride, p.table = stride, make([]uint32, max(size, 1024))
		for i := range p.left {
			p.table[int(p.left[i])*stride+int(p.right[i])] = uint32(i) + 1
		}
		return
	}
	p.stride, p.table = -1, nil
	for i := range p.left {
		p.hash.find(uint64(p.left[i])<<32|uint64(p.right[i]), i)
	}
}
