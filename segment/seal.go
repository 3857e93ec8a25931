package segment

import (
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
)

// Seal writes the sealed file of the positions h.First to h.Last, which the
// frames, in order, hold without a gap. Definitions among them are passed over:
// h.Defs is what counts. A frame is not looked at after the next one was asked
// for.
//
// All rows are held in memory until the end, about as much as the frames take. The
// next seal uses it again, unless the garbage collector takes it before.
// When Seal fails nothing is left in the directory.
func Seal(w Work, h SealedHead, frames iter.Seq2[*Frame, error]) (path string, size int64, err error) {
	in := newIntake(h)
	defer in.release()
	if err := in.take(&w, frames); err != nil {
		return "", 0, fmt.Errorf("seal positions %d to %d: %w", h.First, h.Last, err)
	}
	recorded := func(seq uint64) (int64, error) {
		return recordedAt(in.batches.first, in.batches.recorded, seq)
	}
	path, size, err = w.file(h, recorded, func(o *outlet) error { return in.seal(o) })
	if err != nil {
		return "", 0, fmt.Errorf("seal positions %d to %d: %w", h.First, h.Last, err)
	}
	return path, size, nil
}

// file writes a sealed file, of which nothing is left if write fails.
func (w Work) file(h SealedHead, recorded func(uint64) (int64, error), write func(*outlet) error) (path string, size int64, err error) {
	o, err := newOutlet(w, h, recorded)
	if err != nil {
		return "", 0, err
	}
	defer o.release()
	if err = write(o); err == nil {
		size, err = o.finish()
	}
	if err != nil {
		o.w.abort()
		return "", 0, err
	}
	return filepath.Join(w.Dir, SealedName(h.First, h.Last)), size, nil
}

// stepRows is how many rows are taken in between two steps at least.
const stepRows = 256

// take reads the frames.
func (in *intake) take(w *Work, frames iter.Seq2[*Frame, error]) error {
	h := &in.head
	if h.First == 0 || h.Last < h.First || h.Last-h.First >= maxSealedRows {
		return errors.New("a sealed file holds one position at least and less than 2^32")
	}
	told := 0
	for f, err := range frames {
		if err == nil {
			err = in.frame(f)
		}
		if err == nil && in.count >= told+stepRows {
			told = in.count
			err = w.step(0)
		}
		if err != nil {
			return err
		}
	}
	if in.next() != h.Last+1 {
		return fmt.Errorf("the frames end before position %d", in.next())
	}
	return nil
}

// seal writes the rows of in.
func (in *intake) seal(o *outlet) error {
	o.w.batches(in.batches.first, in.batches.recorded)
	o.w.knots(in.knots())
	for stream, time := range in.settled() {
		o.w.settle(stream, time)
	}
	order := in.order()
	g := &in.gather
	g.begin(in, o)
	keys, row := order.keys, uint64(0) // those not announced yet, and the first one's first row
	for rows := order.rows; len(rows) > 0; {
		n := min(len(rows), blockRows)
		for len(keys) > 0 && row < o.row+uint64(n) {
			k := in.keyed(&keys[0], row)
			o.key(&k)
			keys, row = keys[1:], row+uint64(k.Rows())
		}
		g.fill(rows[:n])
		if err := o.block(n); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// keyed is key k, whose rows begin at row.
func (in *intake) keyed(k *intakeKey, row uint64) Keyed {
	return Keyed{
		Stream: k.stream, Name: k.name, Row: row,
		Changes: int(k.counts[changeClass]), Beats: int(k.counts[beatClass]), Retractions: int(k.counts[retractionClass]),
		Last: in.head.First + uint64(k.last), Base: k.base,
	}
}

// lateShare is the share of a stream's events, one in so many, whose times may lie
// before the one that is said to be settled, and sampleRows how many are looked at.
const (
	lateShare  = 50
	sampleRows = 4096
)

// settled is, by stream, the time that one in lateShare events is before.
func (in *intake) settled() map[uint32]int64 {
	times := map[uint32][]int64{}
	for i := 0; i < in.count; i += max(1, in.count/sampleRows) {
		r := in.row(uint32(i))
		stream := in.keys.keys[r.key].stream
		times[stream] = append(times[stream], r.time)
	}
	settled := make(map[uint32]int64, len(times))
	for stream, t := range times {
		slices.Sort(t)
		settled[stream] = t[len(t)/lateShare]
	}
	return settled
}

// knots puts one knot into each chunk, at the first place where the times around
// it rise, so that no late event bends the clock.
func (in *intake) knots() (seq []uint64, time []int64) {
	for from := 0; from < in.count; {
		first := in.head.First + uint64(from)
		next := min(in.count, from+int((first>>chunkBits+1)<<chunkBits-first))
		at := in.rising(from, next)
		seq, time = append(seq, in.head.First+uint64(at)), append(time, in.row(uint32(at)).time)
		from = next
	}
	return seq, time
}

// rising is the first row in [from, to) around which times rise, from if there
// is none.
func (in *intake) rising(from, to int) int {
	for i := max(from, 1); i < to && i+1 < in.count; i++ {
		before, at, after := in.row(uint32(i-1)).time, in.row(uint32(i)).time, in.row(uint32(i+1)).time
		if before <= at && at <= after {
			return i
		}
	}
	return from
}
