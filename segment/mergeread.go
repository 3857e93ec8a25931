package segment

import (
	"fmt"
	"os"
)

// once is a page for one use, nil if there is none: as it is in memory, or read
// and not kept. A merge reads all of a file front to back, and would push out of
// the cache what readers come back to.
func (s *Sealed) once(d *directory, table, b, col int) (*page, error) {
	t := &d.tables[table]
	slot := d.slot(t, b, col)
	if slot < 0 {
		return nil, nil
	}
	if p := d.pages[slot].Load(); p != nil {
		return p, nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, fmt.Errorf("read sealed file %s: %w", s.Path, os.ErrClosed)
	}
	return s.load(d, slot, t.blockLen(b))
}

// decode decodes the whole of p into v, whose memory is used again. Numbers are
// as they are stored. n is how many rows the block has.
func (p *page) decode(v *vector, n int) {
	if p.sparse != nil {
		v.rows, _ = p.sparse.rows(v.rows, 0, n)
		n = len(v.rows)
	}
	switch {
	case n == 0:
	case p.kind == intPages:
		v.ints = grown(v.ints, n)
		p.ints.slice(v.ints, 0)
	case p.kind == floatPages:
		v.floats = grown(v.floats, n)
		p.floats.slice(v.floats, 0)
	case p.kind == textPages:
		p.texts.slice(&v.texts, 0, n)
	}
}

// keyReader reads the table of keys front to back, a block at a time.
type keyReader struct {
	s     *Sealed
	block int // the one that is decoded
	next  int // the key in it that comes next
	keys  int // how many it has
	cols  [keyBase + 1]vector
}

// read is the next key; ok is false behind the last one. Its name is valid for
// ever.
func (r *keyReader) read(k *Keyed) (ok bool, err error) {
	if r.next == r.keys {
		if ok, err := r.load(); !ok || err != nil {
			return false, err
		}
	}
	i := r.next
	r.next++
	*k = Keyed{
		Stream: uint32(r.cols[keyStream].ints[i]), Name: r.cols[keyName].texts.at(i), Row: uint64(r.cols[keyRow].ints[i]),
		Changes: int(r.cols[keyChanges].ints[i]), Beats: int(r.cols[keyBeats].ints[i]), Retractions: int(r.cols[keyRetractions].ints[i]),
		Last: uint64(r.cols[keyLast].ints[i]), Base: uint64(r.cols[keyBase].ints[i]),
	}
	return true, nil
}

// load decodes the next block.
func (r *keyReader) load() (ok bool, err error) {
	d, err := r.s.opened()
	if err != nil || r.block == d.tables[keysTable].len() {
		return false, err
	}
	n := d.tables[keysTable].blockLen(r.block)
	for col := range r.cols {
		v := &r.cols[col]
		p, err := r.s.once(d, keysTable, r.block, col)
		if err != nil {
			return false, err
		}
		v.reset()
		p.decode(v, n)
	}
	r.block, r.next, r.keys = r.block+1, 0, n
	return true, nil
}
