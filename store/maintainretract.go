package store

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/segment"
)

// turns are the events that retractions have made count no more, and those that count
// again, because it is a retraction that was retracted.
type turns struct{ gone, back segment.LoadedRows }

// retract takes away what events have added that count no more, and adds what those do
// that count again; before is the position behind which the retractions came. Cells of
// functions that cannot take away become stale.
func (k *kept) retract(retractions []retractionAt, before uint64) error {
	if len(retractions) == 0 {
		return nil
	}
	turned, err := k.turned(retractions, before)
	if err != nil {
		return err
	}
	if !k.plan.Inverts() {
		if err = k.batches(&turned.gone, k.spoil); err == nil {
			err = k.batches(&turned.back, k.spoil)
		}
		return err
	}
	if err = k.turn(&turned.gone, k.live.Subtract); err == nil {
		err = k.turn(&turned.back, k.live.Merge)
	}
	return err
}

// turned finds the events that retractions are about. Whether they counted before and
// do now is asked of all retractions of their key: one of several that an event has, or
// one that was taken back in the same bite, changes nothing. What came in the bite was
// added whatever was retracted.
func (k *kept) turned(retractions []retractionAt, before uint64) (all turns, err error) {
	f, err := k.db.pin()
	if err != nil {
		return all, err
	}
	defer f.unpin()
	all.gone.Names, all.back.Names = k.plan.Columns(), k.plan.Columns()
	s := k.db.streams.Load().byName[k.def.Stream]
	test := segment.NewRowTest(k.def.Where, k.def.Stream)
	seen := map[uint64]bool{}
	var t trail
	var was, is retracted
	slices.SortStableFunc(retractions, func(a, b retractionAt) int { return cmp.Compare(a.key, b.key) })
	for i, r := range retractions {
		if i == 0 || r.key != retractions[i-1].key {
			t.follow(k.db, f, s, r.key, s.live.Get(r.key))
			if was, err = t.retracted(before); err == nil {
				is, err = t.retracted(k.position)
			}
		}
		var row segment.SealedRow
		ok := false
		if err == nil {
			row, ok, err = t.retractedRow(r.seq)
		}
		counted, counts := !was.has(row.Seq), !is.has(row.Seq)
		if ok = ok && counted != counts && !seen[row.Seq]; ok && k.def.Where != nil {
			ok, err = test.Passes(&row)
		}
		if ok && err == nil {
			seen[row.Seq] = true
			into := &all.gone
			if counts {
				into = &all.back
			}
			err = into.Add(&row)
		}
		if err != nil {
			return all, fmt.Errorf("retraction %d: %w", r.seq, err)
		}
	}
	return all, nil
}

// retractedRow is the event that the retraction at a position is about in the end: a
// retraction of one brings what that was about back. It is false if there is none.
func (t *trail) retractedRow(seq uint64) (segment.SealedRow, bool, error) {
	for {
		v, ok, err := t.find(seq)
		if !ok || err != nil {
			return segment.SealedRow{}, false, err
		}
		row, err := t.row(&v)
		if err != nil {
			return segment.SealedRow{}, false, err
		}
		if row.Kind != Retraction {
			return segment.SealedRow{Row: row, Seq: v.Seq, Time: v.Time, Recorded: v.Time + row.Lag}, true, nil
		}
		seq = row.Ref
	}
}

// batches calls f for rows in memory.
func (k *kept) batches(rows *segment.LoadedRows, f func(b *segment.Batch) error) error {
	var b segment.Batch
	scan := rows.Scan(k.plan.Columns())
	for _, block := range scan.Blocks() {
		err := scan.Read(block, &b)
		if err == nil {
			err = f(&b)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// turn has take take the cells of rows.
func (k *kept) turn(rows *segment.LoadedRows, take func(cells *aggregate.Cells) error) error {
	cells := k.plan.Cells()
	cells.From = k.liveFrom
	if err := k.batches(rows, cells.Add); err != nil {
		return err
	}
	for i := range cells.Len() {
		k.touch(cells.AppendKey(nil, i))
	}
	return take(cells)
}

// spoil makes the cells of the rows of a batch stale.
func (k *kept) spoil(b *segment.Batch) error {
	if _, sessions := k.plan.Sessions(); sessions {
		return k.spoilSessions(b)
	}
	cells, err := k.live.Mark(b)
	for _, i := range cells {
		if !unkept(k.live.At(i).Window.Start, k.liveFrom) {
			k.live.At(i).Stale, k.stale[i] = true, true
		}
	}
	k.touchCells(cells)
	return err
}
