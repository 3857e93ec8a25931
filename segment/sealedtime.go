package segment

import "sort"

// timeline looks at the times or at the positions of rows, near each other as a
// search is.
type timeline struct {
	s      *Sealed
	d      *directory
	col    int // colTime or colSeq
	block  int // loaded, -1 for none
	seq    *page
	values *page

	// What a search found last, if that was decoded.
	time     int64
	position uint64
	found    bool

	touched uint
}

// at is the time, or the position, of a row.
func (l *timeline) at(row uint64) (int64, error) {
	if b := int(row / blockRows); b != l.block {
		if err := l.load(b); err != nil {
			return 0, err
		}
	}
	i := int(row % blockRows)
	v := l.values.int(i)
	if l.values.relative {
		v += l.d.clock.at(uint64(l.seq.int(i)))
	}
	return v, nil
}

func (l *timeline) load(b int) (err error) {
	if l.values, err = l.s.must(l.d, rowTable, b, l.col); err != nil {
		return err
	}
	if l.values.relative {
		l.seq, err = l.s.must(l.d, rowTable, b, colSeq)
	}
	l.block = b
	return err
}

// Search is the number of k's changes and deletes whose time is at most t, k being
// a key of a stream by time. O(log n) looks at values, within few pages.
func (s *Sealed) Search(k *Keyed, t int64) (n int, err error) {
	var l timeline
	return s.search(&l, k, colTime, t)
}

// Last is [Sealed.Search] with the stamp of the last of those, if there is one.
func (s *Sealed) Last(k *Keyed, t int64) (st Stamp, n int, err error) {
	var l timeline
	if n, err = s.search(&l, k, colTime, t); n == 0 || err != nil {
		return st, n, err
	}
	row := k.Row + uint64(n-1)
	if !l.found {
		st, err = s.Stamp(row)
		return st, n, err
	}
	flags, err := s.must(l.d, rowTable, l.block, colFlags)
	if err != nil {
		return st, n, err
	}
	st.Time, st.Seq = l.time, l.position
	st.setFlags(flags.int(int(row % blockRows)))
	return st, n, nil
}

// SearchSeq is the number of k's changes and deletes whose position is at most
// seq, k being a key of a stream by arrival.
func (s *Sealed) SearchSeq(k *Keyed, seq uint64) (n int, err error) {
	var l timeline
	return s.search(&l, k, colSeq, int64(min(seq, 1<<63-1)))
}

// search is the number of k's changes whose value in a column is at most v.
func (s *Sealed) search(l *timeline, k *Keyed, col int, v int64) (int, error) {
	d, err := s.opened()
	if err != nil {
		return 0, err
	}
	if k.Row+uint64(k.Changes) > s.info.Rows {
		return 0, s.noRow(k.Row + uint64(k.Changes))
	}
	if col == colTime && v >= s.info.MaxTime || col == colSeq && v >= int64(s.info.Last) {
		return k.Changes, nil
	}
	lo, hi := k.Row, k.Row+uint64(k.Changes)
	if hi-lo > 2*blockRows {
		if lo, hi, err = s.narrow(col, lo, hi, v); err != nil {
			return 0, err
		}
	}
	*l = timeline{s: s, d: d, col: col, block: -1}
	if lo/blockRows == (hi-1)/blockRows && lo < hi { // a row of that block is read next
		blocks := d.tables[rowTable].blocks[lo/blockRows:]
		l.touched = d.touch(int(blocks[0].slot), int(blocks[1].slot), int(lo%blockRows))
	}
	for hi-lo > spanRows || lo < hi && lo/blockRows != (hi-1)/blockRows {
		mid := (lo + hi) / 2
		if hi-lo > spanRows {
			mid &^= restart - 1 // where a page of differences is read at once
		}
		at, err := l.at(mid)
		if err != nil {
			return 0, err
		}
		if at <= v {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	n, err := l.upTo(lo, hi, v)
	return int(lo-k.Row) + n, err
}

// spanRows is from how few rows on a search decodes them all: that costs less than
// the last few looks at single values. More would cost most keys, which have few
// rows, the clearing of the memory they are decoded into. It is twice restart, so
// that the middle of more is not rounded down to below their first.
const spanRows = 2 * restart

// upTo is the number of the rows from lo to hi, of one block and at most spanRows,
// whose value is at most v.
func (l *timeline) upTo(lo, hi uint64, v int64) (int, error) {
	if lo == hi {
		return 0, nil
	}
	if b := int(lo / blockRows); b != l.block {
		if err := l.load(b); err != nil {
			return 0, err
		}
	}
	var space, seqs [spanRows]int64
	values := space[:hi-lo]
	l.values.slice(values, int(lo%blockRows))
	if l.values.relative {
		l.seq.slice(seqs[:len(values)], int(lo%blockRows))
	}
	i, j := 0, len(values)
	for i < j {
		mid := (i + j) / 2
		at := values[mid]
		if l.values.relative {
			at += l.d.clock.at(uint64(seqs[mid]))
		}
		if at <= v {
			i = mid + 1
		} else {
			j = mid
		}
	}
	if l.found = i > 0 && l.values.relative; l.found {
		l.position = uint64(seqs[i-1])
		l.time = values[i-1] + l.d.clock.at(l.position)
	}
	return i, nil
}

// narrow is the part of the rows from lo to hi, all of one key, in which the
// first one beyond v must be. It looks at statistics instead of pages: the least
// value of a block that lies wholly within is that of its first row.
func (s *Sealed) narrow(col int, lo, hi uint64, v int64) (uint64, uint64, error) {
	zones, err := s.zonesOf(col)
	if err != nil {
		return 0, 0, err
	}
	first, last := int(lo/blockRows)+1, int((hi-1)/blockRows)
	inner := zones[first:last]
	i := sort.Search(len(inner), func(i int) bool { return inner[i].min > v })
	if i > 0 {
		lo = uint64(first+i-1) * blockRows
	}
	if i < len(inner) {
		hi = uint64(first+i) * blockRows
	}
	return lo, hi, nil
}

// Stamp is when and what a row is.
func (s *Sealed) Stamp(row uint64) (st Stamp, err error) {
	d, err := s.opened()
	if err != nil {
		return st, err
	}
	if row >= s.info.Rows {
		return st, s.noRow(row)
	}
	t := &d.tables[rowTable]
	b, i := int(row/blockRows), int(row%blockRows)
	slot, n := int(t.blocks[b].slot), t.blockLen(b)
	var p [colFlags + 1]*page
	for _, col := range [...]int{colSeq, colTime, colFlags} {
		if p[col], err = s.page(d, slot+col, n); err != nil {
			return st, err
		}
	}
	st.Seq = uint64(p[colSeq].int(i))
	st.Time = p[colTime].int(i)
	if p[colTime].relative {
		st.Time += d.clock.at(st.Seq)
	}
	st.setFlags(p[colFlags].int(i))
	return st, nil
}

func (st *Stamp) setFlags(f int64) {
	st.Kind, st.Unchanged = Kind(f&kindBits), f&flagsUnchanged != 0
}

// stampRows is how many stamps are decoded at once, on the stack.
const stampRows = 256

// Stamps fills dst with the stamps of the rows from row on, decoded in bulk.
func (s *Sealed) Stamps(row uint64, dst []Stamp) error {
	d, err := s.opened()
	if err != nil {
		return err
	}
	if row+uint64(len(dst)) > s.info.Rows || row > s.info.Rows {
		return s.noRow(row + uint64(len(dst)))
	}
	for len(dst) > 0 {
		n := min(len(dst), stampRows, blockRows-int(row%blockRows))
		if err := s.stamps(d, row, dst[:n]); err != nil {
			return err
		}
		row, dst = row+uint64(n), dst[n:]
	}
	return nil
}

// stamps is Stamps of a few rows of one block.
func (s *Sealed) stamps(d *directory, row uint64, dst []Stamp) error {
	b, i := int(row/blockRows), int(row%blockRows)
	var v [stampRows]int64
	values := v[:len(dst)]
	for _, col := range [...]int{colSeq, colTime, colFlags} {
		p, err := s.must(d, rowTable, b, col)
		if err != nil {
			return err
		}
		p.ints.slice(values, i)
		for j, x := range values {
			switch col {
			case colSeq:
				dst[j].Seq = uint64(x)
			case colTime:
				dst[j].Time = x
			default:
				dst[j].setFlags(x)
			}
		}
		if col == colTime && p.relative {
			for j := range dst {
				dst[j].Time += d.clock.at(dst[j].Seq)
			}
		}
	}
	return nil
}
