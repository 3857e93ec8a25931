package store

import (
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/annalsdb/annals/segment"
)

// columnRows is how many rows are decoded in one go: enough for the search of
// where they end not to count, few enough to stay in the second-level cache.
const columnRows = 8192

// Columns is the changes and deletes of a key that the view sees and that are not
// retracted, in the stream's order, as runs of columns: History without folding,
// for those who compute with it. fields names those wanted; none stands for all. A
// run is valid until the next one; its texts for ever. A run has one row at least
// and ends where the next ones stand in another file.
//
// Of sealed files pages are decoded straight into columns, tens of millions of
// events a second.
func (v *View) Columns(stream, key string, fields ...string) iter.Seq2[*segment.Columns, error] {
	return func(yield func(*segment.Columns, error) bool) {
		s, err := v.stream(stream)
		r := columnReader{view: v, s: s, name: key, into: segment.Columns{Only: fields}}
		r.into.Only = fields
		for more := err == nil; more; {
			if more, err = r.some(); more && !yield(&r.into, nil) {
				return
			}
		}
		if err != nil {
			yield(nil, fmt.Errorf("columns of key %q of stream %q: %w", key, stream, err))
		}
	}
}

// columnReader reads a key's changes run by run.
type columnReader struct {
	view *View
	s    *stream
	name string
	gone retracted
	at   stamp // of the last change
	into segment.Columns

	// What was found in the sealed files, as long as they are the current ones.
	trail trail
	heads []partHead
	live  []stamp // of the changes in no sealed file, in order
}

// partHead is the first change behind the last one in a sealed file.
type partHead struct {
	part *part // nil: there is none
	n    int   // of the part's changes
	at   stamp
}

// some decodes the next run; it is false when there are no others. The files are
// pinned meanwhile only.
func (r *columnReader) some() (bool, error) {
	f, err := r.view.db.pin()
	if err != nil {
		return false, err
	}
	defer f.unpin()
	t := &r.trail
	if t.files != f {
		t.follow(r.view.db, f, r.s, r.name, r.s.live.Get(r.name))
		r.heads, r.live = nil, t.liveChanges(r.view.seq)
	}
	if r.at == beginning {
		if r.gone, err = t.retracted(r.view.seq); err != nil {
			return false, err
		}
	}
	ok, err := r.sealed(t)
	if !ok && err == nil {
		ok, err = r.single(t)
	}
	if n := r.into.Rows; ok && err == nil {
		r.at = r.s.stamp(r.into.Time[n-1], uint64(r.into.Seq[n-1]))
	}
	return ok, err
}

// sealed decodes the next run out of one sealed file, if whatever else there is of
// the key comes behind it and all of it counts.
func (r *columnReader) sealed(t *trail) (bool, error) {
	if len(r.gone) > 0 || r.s.Order == ByArrival && r.view.time != latest {
		return false, nil
	}
	if err := r.moveHeads(t); err != nil {
		return false, err
	}
	first := partHead{at: stamp{math.MaxInt64, math.MaxUint64}}
	bound := first.at // nothing else comes before it
	for _, h := range r.heads {
		switch {
		case h.part == nil:
		case h.at.before(first.at):
			first, bound = h, first.at
		case h.at.before(bound):
			bound = h.at
		}
	}
	best, from := first.part, first.n
	if best == nil || best.file.Info().Last > r.view.seq {
		return false, nil
	}
	for len(r.live) > 0 && !r.at.before(r.live[0]) {
		r.live = r.live[1:]
	}
	if len(r.live) > 0 && r.live[0].before(bound) {
		bound = r.live[0]
	}
	to, err := t.upTo(best, bound, r.view.time)
	if err != nil || to <= from {
		return false, err
	}
	return true, best.file.Columns(best.Row+uint64(from), min(to-from, columnRows), &r.into)
}

// moveHeads finds the first change behind the last one in each sealed file.
func (r *columnReader) moveHeads(t *trail) error {
	if r.heads == nil {
		r.heads = make([]partHead, len(t.files.sealed))
		for i := range r.heads {
			p, err := t.part(i)
			if err != nil {
				return err
			}
			r.heads[i].part = p
		}
	}
	for i := range r.heads {
		h := &r.heads[i]
		if h.part == nil || h.at != beginning && r.at.before(h.at) {
			continue
		}
		n, at, ok, err := t.next(h.part, r.at)
		if err != nil {
			return err
		}
		if h.n, h.at = n, at; !ok {
			h.part = nil
		}
	}
	return nil
}

// next is the first change of p behind the stamp from: its number, and its stamp.
func (t *trail) next(p *part, from stamp) (n int, at stamp, ok bool, err error) {
	if n, err = t.begin(p, &p.Keyed, from); err != nil {
		return 0, at, false, err
	}
	for ; n < p.Changes; n++ {
		s, err := p.file.Stamp(p.Row + uint64(n))
		if err != nil {
			return 0, at, false, err
		}
		if at = t.s.stamp(s.Time, s.Seq); from.before(at) {
			return n, at, true, nil
		}
	}
	return 0, at, false, nil
}

// liveChanges is the stamps of the changes up to position seq that are in no sealed
// file, in order.
func (t *trail) liveChanges(seq uint64) (all []stamp) {
	for run := t.runs(); run != nil; run = t.older(run) {
		for _, v := range run.Changes.All(latest, seq) {
			all = append(all, t.s.stamp(v.Time, v.Seq))
		}
	}
	slices.SortFunc(all, func(a, b stamp) int {
		if a.before(b) {
			return -1
		}
		return 1
	})
	return all
}

// upTo is how many changes of p come before the stamp bound and count as of event
// time at; it may leave out some that are at bound's own time.
func (t *trail) upTo(p *part, bound stamp, at int64) (int, error) {
	if t.s.Order == ByArrival {
		if bound.seq > p.Last {
			return p.Changes, nil
		}
		return p.file.SearchSeq(&p.Keyed, bound.seq-1)
	}
	switch {
	case bound.seq == math.MaxUint64: // there is none
	case bound.time == math.MinInt64:
		return 0, nil
	default:
		at = min(at, bound.time-1)
	}
	if at == math.MaxInt64 {
		return p.Changes, nil
	}
	return p.file.Search(&p.Keyed, at)
}

// single makes a run of the next change alone, wherever it stands.
func (r *columnReader) single(t *trail) (bool, error) {
	for {
		all, err := t.after(changes, r.at, 1, r.view.time, r.view.seq)
		if len(all) == 0 || err != nil {
			return false, err
		}
		v := &all[0]
		if r.gone.has(v.Seq) {
			r.at = r.s.stamp(v.Time, v.Seq)
			continue
		}
		if v.file != nil {
			return true, v.file.Columns(uint64(place(v.Place).offset()), 1, &r.into)
		}
		row, err := t.row(v)
		if err != nil {
			return false, err
		}
		return true, r.into.Set(&segment.SealedRow{Row: row, Seq: v.Seq, Time: v.Time, Recorded: v.Time + row.Lag})
	}
}
