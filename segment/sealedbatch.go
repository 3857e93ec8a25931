package segment

import "fmt"

// batchPlace is where a batch stands in its table.
type batchPlace struct{ b, i int }

// batchOf finds the batch that holds position seq.
func (s *Sealed) batchOf(d *directory, seq uint64) (at batchPlace, err error) {
	if seq < s.info.First || seq > s.info.Last {
		return at, fmt.Errorf("read batch of position %d in %s: it holds %d to %d", seq, s.Path, s.info.First, s.info.Last)
	}
	b := max(d.tables[batchTable].lastFence(int64(seq)), 0)
	i, err := s.lastBatch(d, b, 0, int64(seq))
	return batchPlace{b, max(i, 0)}, err
}

// lastBatch is the last batch of a block whose value in a column is at most v, -1
// if there is none.
func (s *Sealed) lastBatch(d *directory, b, col int, v int64) (int, error) {
	p, err := s.must(d, batchTable, b, col)
	if err != nil {
		return 0, err
	}
	return p.ints.below(v+1) - 1, nil
}

// batch is the batch at a place: its positions in this file and its commit time.
func (s *Sealed) batch(d *directory, at batchPlace) (first, last uint64, recorded int64, err error) {
	t := &d.tables[batchTable]
	p, err := s.must(d, batchTable, at.b, 0)
	if err != nil {
		return 0, 0, 0, err
	}
	r, err := s.must(d, batchTable, at.b, 1)
	if err != nil {
		return 0, 0, 0, err
	}
	first, last, recorded = uint64(p.int(at.i)), s.info.Last, r.int(at.i)
	switch {
	case at.i+1 < p.ints.len():
		last = uint64(p.int(at.i+1)) - 1
	case at.b+1 < t.len():
		last = uint64(t.ints[at.b+1]) - 1
	}
	return first, last, recorded, nil
}

// BatchOf is the batch that holds position seq: its positions, as far as they lie
// in this file, and its commit time.
func (s *Sealed) BatchOf(seq uint64) (first, last uint64, recorded int64, err error) {
	d, err := s.opened()
	if err != nil {
		return 0, 0, 0, err
	}
	at, err := s.batchOf(d, seq)
	if err != nil {
		return 0, 0, 0, err
	}
	return s.batch(d, at)
}

// Recorded is the commit time of position seq. O(log batches).
func (s *Sealed) Recorded(seq uint64) (int64, error) {
	d, err := s.opened()
	if err != nil {
		return 0, err
	}
	return s.recorded(d, seq)
}

func (s *Sealed) recorded(d *directory, seq uint64) (int64, error) {
	at, err := s.batchOf(d, seq)
	if err != nil {
		return 0, err
	}
	p, err := s.must(d, batchTable, at.b, 1)
	if err != nil {
		return 0, err
	}
	return p.int(at.i), nil
}

// RecordedBy is the last position of this file that was recorded at or before t,
// First − 1 if there is none.
func (s *Sealed) RecordedBy(t int64) (last uint64, err error) {
	d, err := s.opened()
	if err != nil {
		return 0, err
	}
	table := &d.tables[batchTable]
	lo, hi := 0, table.len()
	for lo < hi { // the last block whose first batch is at most t
		mid := (lo + hi) / 2
		p, err := s.must(d, batchTable, mid, 1)
		if err != nil {
			return 0, err
		}
		if p.int(0) <= t {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == 0 {
		return s.info.First - 1, nil
	}
	i, err := s.lastBatch(d, lo-1, 1, t)
	if err != nil {
		return 0, err
	}
	_, last, _, err = s.batch(d, batchPlace{lo - 1, max(i, 0)})
	return last, err
}

// recorder tells commit times of positions that come mostly in order.
type recorder struct {
	s           *Sealed
	d           *directory
	first, last uint64
	recorded    int64
	at          batchPlace
}

// has reports whether the batch looked at last holds seq.
func (r *recorder) has(seq uint64) bool { return seq-r.first <= r.last-r.first && r.last != 0 }

// forward goes to the next batch, if there is one.
func (r *recorder) forward() (err error) {
	next := batchPlace{r.at.b, r.at.i + 1}
	if next.i == r.d.tables[batchTable].blockLen(next.b) {
		if next = (batchPlace{r.at.b + 1, 0}); next.b == r.d.tables[batchTable].len() {
			return nil
		}
	}
	r.at = next
	r.first, r.last, r.recorded, err = r.s.batch(r.d, next)
	return err
}

func (r *recorder) of(seq uint64) (int64, error) {
	if r.has(seq) {
		return r.recorded, nil
	}
	if seq > r.last && r.last != 0 { // mostly the next batch has it
		if err := r.forward(); r.has(seq) || err != nil {
			return r.recorded, err
		}
	}
	at, err := r.s.batchOf(r.d, seq)
	if err == nil {
		r.at = at
		r.first, r.last, r.recorded, err = r.s.batch(r.d, at)
	}
	return r.recorded, err
}

// all fills dst with the commit times of the positions seqs.
func (r *recorder) all(seqs, dst []int64) error {
	for i, seq := range seqs {
		if !r.has(uint64(seq)) {
			if _, err := r.of(uint64(seq)); err != nil {
				return r.s.corrupt(0, err.Error())
			}
		}
		dst[i] = r.recorded
	}
	return nil
}
