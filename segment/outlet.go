package segment

import (
	"fmt"
	"sync"
)

// Work is how a seal or a merge is done.
type Work struct {
	FS  FS
	Dir string // where the sealed file goes

	// Step is called several times for 4096 rows, every tenth of a millisecond or
	// so, with how many were written since the last call, mostly none. It may
	// wait, to leave the machine to others; an error ends the work, and nothing
	// is left of it. nil: none.
	Step func(rows int) error

	// Fold says who makes the fold checkpoints of a stream, nil for none. nil:
	// no stream has any.
	Fold func(stream uint32) Checkpointer
}

// Checkpointer looks at the changes of the keys of a stream as they are written
// and says where checkpoints of the fold go.
type Checkpointer interface {
	// Begin is called before the first change of each key that has any. k is
	// the key in the new file, valid during the call. If it is false, the rows
	// of the key are not wanted.
	Begin(k *Keyed) bool

	// Row is called for each change and delete of a wanted key in the order of
	// its stream. With keep, a checkpoint with the content before is written in
	// front of the row, where [Sealed.StateAt] finds it. The row and its list of
	// fields are valid during the call, their texts for ever.
	Row(r *SealedRow) (before string, keep bool, err error)
}

// outlet is what seal and merge have in common: blocks of rows go through it to
// the writer, and what needs to see all rows sees them here.
type outlet struct {
	work    Work
	w       *sealedWriter
	row     uint64   // rows written
	cols    []vector // of the block in the making, by column
	columns []column // likewise; without name for those that every row has
	shapes  [][]int
	folding folding
	rare    rarities
}

// outlets are those at rest, with their memory.
var outlets = sync.Pool{New: func() any { return &outlet{w: &sealedWriter{}} }}

// newOutlet is an outlet to a new file, to be released.
func newOutlet(w Work, h SealedHead, recorded func(seq uint64) (int64, error)) (*outlet, error) {
	o := outlets.Get().(*outlet)
	if err := o.w.create(w.FS, w.Dir, h); err != nil {
		o.release()
		return nil, err
	}
	o.work = w
	o.w.pause = func() error { return w.step(0) }
	for range firstField {
		o.cols, o.columns = more(o.cols), append(o.columns, column{})
	}
	o.folding = folding{fold: w.Fold, recorded: recorded}
	o.rare.rows = h.Last - h.First + 1
	return o, nil
}

// release gives the memory of o to the next one.
func (o *outlet) release() {
	o.w.reset()
	for i := range o.cols {
		o.cols[i].reset()
		o.cols[i].texts.reset()
	}
	o.rare.reset()
	o.work, o.row, o.folding = Work{}, 0, folding{}
	o.cols, o.columns, o.shapes = o.cols[:0], o.columns[:0], nil
	outlets.Put(o)
}

// field is the number of a field's column, which is made if new.
func (o *outlet) field(c column) int {
	n := o.w.field(c)
	for n >= len(o.cols) {
		o.cols, o.columns = more(o.cols), append(o.columns, column{})
	}
	o.columns[n] = c
	return n
}

// shape is the number of a shape, which is made if new.
func (o *outlet) shape(cols []int) int {
	n := o.w.shape(cols)
	for n >= len(o.shapes) {
		o.shapes = append(o.shapes, nil)
	}
	o.shapes[n] = cols
	return n
}

// key announces a key before the block in which its rows begin is written.
func (o *outlet) key(k *Keyed) {
	o.w.key(&keyEntry{
		stream: k.Stream, name: k.Name, row: k.Row, changes: k.Changes, beats: k.Beats, retractions: k.Retractions,
		last: k.Last, base: k.Base,
	})
	o.folding.key(k)
}

// block writes the n rows that are in cols.
func (o *outlet) block(n int) error {
	if err := o.folding.block(o, n); err != nil {
		return err
	}
	o.rare.block(o)
	if err := o.w.block(n, o.cols); err != nil {
		return err
	}
	o.row += uint64(n)
	return o.work.step(n)
}

// step tells Step of rows written.
func (w Work) step(rows int) error {
	if w.Step == nil {
		return nil
	}
	return w.Step(rows)
}

// finish completes the file.
func (o *outlet) finish() (size int64, err error) {
	o.rare.finish(o.w)
	return o.w.finish()
}

// recordedAt finds the batch of seq in a list of batches.
func recordedAt(first []uint64, recorded []int64, seq uint64) (int64, error) {
	lo, hi := 0, len(first)
	for lo < hi {
		if mid := (lo + hi) / 2; first[mid] <= seq {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == 0 {
		return 0, fmt.Errorf("find batch of position %d: there is none", seq)
	}
	return recorded[lo-1], nil
}
