package segment

import "fmt"

// folding feeds the checkpointers of streams with the changes that pass through
// an outlet.
type folding struct {
	fold     func(stream uint32) Checkpointer
	recorded func(seq uint64) (int64, error)
	stream   uint32
	current  Checkpointer // of stream
	keys     []foldedKey  // those with changes still to come, in order
	at       []int        // by column: how many values lie before the row
}

// foldedKey is a key whose changes are being fed.
type foldedKey struct {
	Keyed
	to    Checkpointer
	begun bool
}

// key takes note of a key that is announced.
func (f *folding) key(k *Keyed) {
	if f.fold == nil || k.Changes == 0 {
		return
	}
	if k.Stream != f.stream {
		f.stream, f.current = k.Stream, f.fold(k.Stream)
	}
	if f.current != nil {
		f.keys = append(f.keys, foldedKey{Keyed: *k, to: f.current})
	}
}

// block feeds what the next n rows hold.
func (f *folding) block(o *outlet, n int) error {
	end := o.row + uint64(n)
	f.at = grown(f.at, len(o.cols))
	clear(f.at)
	for len(f.keys) > 0 && f.keys[0].Row < end {
		k := &f.keys[0]
		behind := k.Row + uint64(k.Changes)
		if k.begun || k.to.Begin(&k.Keyed) {
			if err := f.feed(o, k, max(k.Row, o.row), min(behind, end)); err != nil {
				return err
			}
			k.begun = true
			if behind > end {
				return nil
			}
		}
		f.keys = f.keys[1:]
	}
	return nil
}

// feed feeds the rows [from, to) of k.
func (f *folding) feed(o *outlet, k *foldedKey, from, to uint64) error {
	for row := from; row < to; row++ {
		r, err := f.row(o, k, int(row-o.row))
		if err != nil {
			return err
		}
		before, keep, err := k.to.Row(&r)
		if err != nil {
			return err
		}
		if keep {
			o.w.state(row, before)
		}
	}
	return nil
}

// row is row i of the block.
func (f *folding) row(o *outlet, k *foldedKey, i int) (SealedRow, error) {
	flags := o.cols[colFlags].ints[i]
	r := SealedRow{Seq: uint64(o.cols[colSeq].ints[i]), Time: o.cols[colTime].ints[i]}
	recorded, err := f.recorded(r.Seq)
	if err != nil {
		return SealedRow{}, err
	}
	r.Recorded = recorded
	r.Row = Row{
		Kind: Kind(flags & kindBits), Unchanged: flags&flagsUnchanged != 0, Stream: k.Stream, Key: k.Name,
		Version: uint64(o.cols[colVersion].ints[i]), Lag: recorded - r.Time, Type: o.cols[colType].texts.at(i),
	}
	if at, ok := f.find(o, colID, i); ok {
		r.ID = o.cols[colID].texts.at(at)
	}
	if at, ok := f.find(o, colRef, i); ok {
		r.Ref = uint64(o.cols[colRef].ints[at])
	}
	err = f.content(o, &r, i)
	return r, err
}

// content gives r its fields.
func (f *folding) content(o *outlet, r *SealedRow, i int) error {
	shape := o.shapes[o.cols[colShape].ints[i]]
	fields := make(Fields, 0, len(shape)) // a fold may keep them
	for _, c := range shape {
		field := Field{Name: o.columns[c].name, Value: Value{kind: o.columns[c].kind}}
		if field.Value.kind != NullValue {
			at, ok := f.find(o, c, i)
			if !ok {
				return fmt.Errorf("position %d has no value in column %q, which its shape names", r.Seq, field.Name)
			}
			field.Value = o.cols[c].value(field.Value.kind, at)
		}
		fields = append(fields, field)
	}
	r.list, r.listed = fields, true
	return nil
}

// find is where the value of row i in column c stands, if there is one. Rows are
// asked for in rising order.
func (f *folding) find(o *outlet, c, i int) (at int, ok bool) {
	v := &o.cols[c]
	if len(v.rows) == 0 {
		return i, v.count() > 0
	}
	n := f.at[c]
	for n < len(v.rows) && int(v.rows[n]) < i {
		n++
	}
	f.at[c] = n
	return n, n < len(v.rows) && int(v.rows[n]) == i
}
