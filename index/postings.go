package index

import (
	"cmp"
	"encoding/binary"
	"iter"
	"slices"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"
)

// PostingsBuilder collects, for one column, which rows hold each value, and
// hands out bitmaps of the values that have cheap ones. The zero builder is
// ready. One goroutine at a time.
type PostingsBuilder struct {
	// Limit is how many bytes the builder may hold; 0 means any number. When it
	// is passed the values that take most are forgotten, for good; a column of
	// so many values that their names alone pass it gets no bitmaps at all.
	Limit int

	values map[string]*rowList
	held   int
	over   bool // too many values
}

// rowList is the rows of one value as pairs of uvarints: how far from the end of
// the run before the next run begins (modulo 2^32), how many rows it has. The
// last run is still open.
type rowList struct {
	pairs     []byte
	run       uint64 // rows of the open run
	skip      uint32 // what the open run's first number will be
	next      uint32 // one behind the last row
	forgotten bool
}

// listBytes is what a value costs beside its name and its pairs: rowList, map
// slot, allocation headers.
const listBytes = 96

// Add says that row holds value.
func (p *PostingsBuilder) Add(value string, row uint32) {
	p.AddMany(value, []uint32{row})
}

// AddMany says that each of rows holds value. Rows that rise, from call to call
// too, take least memory; one added twice counts once.
func (p *PostingsBuilder) AddMany(value string, rows []uint32) {
	if p.over || len(rows) == 0 {
		return
	}
	list := p.values[value]
	if list == nil {
		list = p.open(value)
	}
	if list.forgotten {
		return
	}
	before := cap(list.pairs)
	for _, row := range rows {
		list.add(row)
	}
	p.held += cap(list.pairs) - before
	if p.Limit > 0 && p.held > p.Limit {
		p.forget()
	}
}

// open begins the list of a new value.
func (p *PostingsBuilder) open(value string) *rowList {
	if p.values == nil {
		p.values = map[string]*rowList{}
	}
	list := &rowList{}
	p.values[strings.Clone(value)] = list
	p.held += listBytes + len(value)
	return list
}

func (l *rowList) add(row uint32) {
	if l.run > 0 && row == l.next && row != 0 { // row 0 follows none
		l.run++
		l.next++
		return
	}
	l.close()
	l.skip, l.run, l.next = row-l.next, 1, row+1
}

// close writes down the open run.
func (l *rowList) close() {
	if l.run > 0 {
		l.pairs = binary.AppendUvarint(l.pairs, uint64(l.skip))
		l.pairs = binary.AppendUvarint(l.pairs, l.run)
		l.run = 0
	}
}

// forget makes room: the longest lists go until half the limit is free, so that
// it costs little a row. When names are what takes the room, all goes.
func (p *PostingsBuilder) forget() {
	lists := make([]*rowList, 0, len(p.values))
	for _, l := range p.values {
		lists = append(lists, l)
	}
	slices.SortFunc(lists, func(a, b *rowList) int { return cmp.Compare(cap(b.pairs), cap(a.pairs)) })
	for _, l := range lists {
		if p.held <= p.Limit/2 || cap(l.pairs) == 0 {
			break
		}
		p.held -= cap(l.pairs)
		*l = rowList{forgotten: true}
	}
	if p.held > p.Limit/2 {
		p.values, p.held, p.over = nil, 0, true
	}
}

// Rare yields values and their bitmaps (the portable roaring format, with runs),
// those that take fewest bytes first, as long as values and bitmaps together
// cost at most bitsPerRow bits for each of a table's rows. A value left out is
// frequent and scattered, and scanning finds its rows as fast. The order depends
// on nothing but what was added.
func (p *PostingsBuilder) Rare(rows int, bitsPerRow float64) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		budget := int(float64(rows) * bitsPerRow / 8)
		for _, posting := range p.postings(budget) {
			budget -= posting.size()
			if budget < 0 || !yield(posting.value, posting.bitmap) {
				return
			}
		}
	}
}

type posting struct {
	value  string
	bitmap []byte
}

func (p posting) size() int { return len(p.value) + len(p.bitmap) }

// postings is all values whose bitmaps fit in limit alone, smallest first.
func (p *PostingsBuilder) postings(limit int) []posting {
	var all []posting
	for value, list := range p.values {
		if list.forgotten {
			continue
		}
		b := list.bitmap()
		if len(value)+int(b.GetSerializedSizeInBytes()) > limit {
			continue
		}
		bytes, err := b.ToBytes()
		if err == nil { // writing to memory does not fail
			all = append(all, posting{value, bytes})
		}
	}
	slices.SortFunc(all, func(a, b posting) int {
		return cmp.Or(cmp.Compare(a.size(), b.size()), cmp.Compare(a.value, b.value))
	})
	return all
}

func (l *rowList) bitmap() *roaring.Bitmap {
	l.close()
	b, next := roaring.New(), uint32(0)
	for pairs := l.pairs; len(pairs) > 0; {
		skip, n := binary.Uvarint(pairs)
		run, m := binary.Uvarint(pairs[n:])
		pairs = pairs[n+m:]
		start := next + uint32(skip)
		if run == 1 {
			b.Add(start)
		} else {
			b.AddRange(uint64(start), uint64(start)+run)
		}
		next = start + uint32(run)
	}
	b.RunOptimize()
	return b
}
