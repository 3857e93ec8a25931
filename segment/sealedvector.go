package segment

import (
	"math"
	"slices"
)

// vector decodes one column of one block: absolute times and versions. Texts are
// parts of page memory, valid for ever. Memory of into is used again. It is empty
// where the block has no page.
func (s *Sealed) vector(col, block int, into *vector) error {
	d, err := s.opened()
	if err != nil {
		return err
	}
	return s.part(d, col, block, 0, d.tables[rowTable].blockLen(block), into)
}

// part is vector of the rows from, to but not including to, of the block; rows of
// into are counted from from.
func (s *Sealed) part(d *directory, col, block, from, to int, into *vector) error {
	into.reset()
	return s.more(d, col, block, from, to, into)
}

// more is part that leaves in into what is there. Texts take the place of others.
func (s *Sealed) more(d *directory, col, block, from, to int, into *vector) error {
	p, err := s.may(d, block, col)
	if err != nil || p == nil {
		return err
	}
	first, n := from, to-from
	if p.sparse != nil {
		had := len(into.rows)
		into.rows, first = p.sparse.rows(into.rows, from, to)
		n = len(into.rows) - had
	}
	if n == 0 {
		return nil
	}
	switch p.kind {
	case intPages:
		had := len(into.ints)
		into.ints = slices.Grow(into.ints, n)[:had+n]
		return s.moreInts(d, p, col, block, first, into.ints[had:])
	case floatPages:
		had := len(into.floats)
		into.floats = slices.Grow(into.floats, n)[:had+n]
		p.floats.slice(into.floats[had:], first)
	case textPages:
		p.texts.slice(&into.texts, first, n)
	}
	return nil
}

// moreInts decodes values of a page, of times and versions absolute ones.
func (s *Sealed) moreInts(d *directory, p *page, col, block, from int, dst []int64) error {
	p.slice(dst, from)
	switch {
	case col == colTime && p.relative:
		return s.addClock(d, block, from, dst)
	case col == colVersion:
		return s.addVersions(d, uint64(block)*blockRows+uint64(from), dst)
	}
	return nil
}

// addClock adds what the clock says at the positions of the rows.
func (s *Sealed) addClock(d *directory, block, from int, times []int64) error {
	p, err := s.must(d, rowTable, block, colSeq)
	if err != nil {
		return err
	}
	var buf [stampRows]int64
	for len(times) > 0 {
		n := min(len(times), len(buf))
		p.ints.slice(buf[:n], from)
		d.clock.add(buf[:n], times[:n])
		times, from = times[n:], from+n
	}
	return nil
}

// addVersions makes versions of the rows from row on absolute.
func (s *Sealed) addVersions(d *directory, row uint64, v []int64) error {
	b, i, err := s.ownerOf(d, row)
	if err != nil {
		return err
	}
	t := &d.tables[keysTable]
	end := row + uint64(len(v))
	for next := row; next < end; i++ {
		if i == t.blockLen(b) {
			if b, i = b+1, 0; b == t.len() {
				break
			}
		}
		k, err := s.keyAt(d, b, i)
		if err != nil {
			return err
		}
		if k.Row > next {
			return s.corrupt(s.end.directory.offset, "a row has no key")
		}
		if next = k.Row + uint64(k.Rows()); next > row {
			rebase(v, []keyRun{{row: k.Row, end: next, base: k.Base}}, row, true)
		}
	}
	return nil
}

// blockLen is the number of rows in a block.
func (s *Sealed) blockLen(block int) int {
	return int(min(blockRows, s.info.Rows-uint64(block)*blockRows))
}

// columns are the columns of fields; that of number firstField+i is columns()[i].
// They are shared.
func (s *Sealed) columns() ([]column, error) {
	d, err := s.opened()
	if err != nil {
		return nil, err
	}
	return d.fields, nil
}

// shapes are the shapes by number, each a list of column numbers. They are shared.
func (s *Sealed) shapes() ([][]int, error) {
	d, err := s.opened()
	if err != nil {
		return nil, err
	}
	return d.shapes, nil
}

// eachBatch gives all batches in order and in pieces, valid during the call.
func (s *Sealed) eachBatch(yield func(first []uint64, recorded []int64) error) error {
	d, err := s.opened()
	if err != nil {
		return err
	}
	var first []uint64
	var v []int64
	for b := range d.tables[batchTable].len() {
		starts, err := s.must(d, batchTable, b, 0)
		if err != nil {
			return err
		}
		times, err := s.must(d, batchTable, b, 1)
		if err != nil {
			return err
		}
		first, v = first[:0], slices.Grow(v[:0], blockRows)[:starts.ints.len()]
		starts.ints.slice(v, 0)
		for _, f := range v {
			first = append(first, uint64(f))
		}
		times.ints.slice(v, 0)
		if err := yield(first, v); err != nil {
			return err
		}
	}
	return nil
}

// clockKnots are all knots.
func (s *Sealed) clockKnots() (seq []uint64, time []int64, err error) {
	d, err := s.opened()
	if err != nil {
		return nil, nil, err
	}
	for _, p := range d.clock.pieces {
		seq, time = append(seq, p.seq), append(time, p.time)
	}
	return seq, time, nil
}

// fill sets the bits or the text of o to value j.
func (v *vector) fill(j int, o *Value) bool {
	switch {
	case j < len(v.ints):
		o.bits = uint64(v.ints[j])
		return o.kind != BoolValue || o.bits <= 1
	case j < len(v.floats):
		o.bits = math.Float64bits(v.floats[j])
	default:
		o.text = v.texts.at(j)
	}
	return true
}
