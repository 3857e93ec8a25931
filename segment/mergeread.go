package segment

import (
	"fmt"
	"os"
)

// once is a page for one use, nil if there is none: as it is in memory, or read
// and not kept. A merge reads all of a file front to back, and would push out of
// the cache what readers come back to. A page of numbers is valid as long as room,
// if that is given, is not used again.
func (s *Sealed) once(d *directory, table, b, col int, room *[]byte) (*page, error) {
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
	if room == nil || d.kindOf(slot) == textPages {
		return s.load(d, slot, t.blockLen(b))
	}
	*room = grown(*room, int(d.places[slot].length))
	read, err := s.readPageInto(*room, d.places[slot])
	if err != nil {
		return nil, err
	}
	return s.openSlot(read, d, slot, t.blockLen(b))
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

// keysAtOnce is how many keys are decoded together: few enough that those of some
// files that are read side by side stay in a near cache.
const keysAtOnce = 256

// keyReader reads the table of keys front to back.
type keyReader struct {
	s     *Sealed
	block int                // the one that comes next
	pages [keyBase + 1]*page // of the block that is being read
	left  int                // keys in it that are not decoded yet
	from  int                // the first of these
	next  int                // the decoded key that comes next
	keys  int                // how many are decoded
	cols  [keyBase + 1]vector
}

// reset forgets the table and keeps the memory.
func (r *keyReader) reset() {
	for i := range r.cols {
		r.cols[i].texts.reset()
	}
	*r = keyReader{cols: r.cols}
}

// read is the next key; ok is false behind the last one. Its name is valid for
// ever.
func (r *keyReader) read(k *Keyed) (ok bool, err error) {
	if r.next == r.keys {
		if ok, err := r.decode(); !ok || err != nil {
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

// decode decodes the next keys.
func (r *keyReader) decode() (ok bool, err error) {
	if r.left == 0 {
		if ok, err := r.load(); !ok || err != nil {
			return false, err
		}
	}
	n := min(r.left, keysAtOnce)
	for col, p := range r.pages {
		v := &r.cols[col]
		if p.kind == textPages {
			p.texts.slice(&v.texts, r.from, n)
		} else {
			v.ints = grown(v.ints, n)
			p.ints.slice(v.ints, r.from)
		}
	}
	r.left, r.from, r.next, r.keys = r.left-n, r.from+n, 0, n
	return true, nil
}

// load reads the next block.
func (r *keyReader) load() (ok bool, err error) {
	d, err := r.s.opened()
	if err != nil || r.block == d.tables[keysTable].len() {
		return false, err
	}
	for col := range r.pages {
		if r.pages[col], err = r.s.once(d, keysTable, r.block, col, nil); err != nil {
			return false, err
		}
	}
	r.left, r.from = d.tables[keysTable].blockLen(r.block), 0
	r.block++
	return true, nil
}
