package store

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// trail is the events of one key as one operation finds them: in the live index,
// as far as no sealed file has them, and in sealed files. It is valid as long as
// its files are pinned and has one user.
//
// Sealed files are asked newest first, and only where the filter, the times and
// the positions in them leave it open whether they matter.
type trail struct {
	db    *DB
	files *files
	s     *stream
	name  string
	hash  uint64 // see [segment.Hash]
	k     *key   // nil: nothing of it is in the live index

	parts []part // what the files asked so far have
	whole bool   // all were asked
	space [4]part
	rows  segment.RowReader
}

// part is what a sealed file has of a key; none of its counts is set if it has
// nothing.
type part struct {
	file *segment.Sealed
	segment.Keyed
}

func (p *part) empty() bool { return p.Changes+p.Beats+p.Retractions == 0 }

// version is one event of a trail.
type version struct {
	index.Version
	file *segment.Sealed // nil: Place is in a log file, else a row of it
	key  *segment.Keyed
}

func (v *version) isDelete() bool { return isDelete(v.Version) }

// follow is the trail of the key of that name; k is the key if the live index has
// it.
func (t *trail) follow(db *DB, f *files, s *stream, name string, k *key) {
	t.db, t.files, t.s, t.name, t.k = db, f, s, name, k
	if t.parts == nil || t.whole {
		t.parts = t.space[:0]
	}
	t.parts, t.whole = t.parts[:0], false
	t.rows = segment.RowReader{} // so that who asks for one key alone shares its memory with none
	t.hash = segment.Hash(s.number, name)
}

// runs is the newest versions in the live index that no sealed file has.
func (t *trail) runs() *index.Runs {
	if t.k == nil {
		return nil
	}
	return t.unsealed(t.k.Runs())
}

func (t *trail) older(r *index.Runs) *index.Runs { return t.unsealed(r.Older()) }

func (t *trail) unsealed(r *index.Runs) *index.Runs {
	if r == nil || r.First <= t.files.through {
		return nil
	}
	return r
}

// part is what the i-th sealed file has of the key; nil if nothing.
func (t *trail) part(i int) (*part, error) {
	file := t.files.sealed[i]
	if t.s.in(file) == nil {
		return nil, nil
	}
	for j := range t.parts {
		if p := &t.parts[j]; p.file == file {
			return p.orNil(), nil
		}
	}
	if t.whole {
		return nil, nil
	}
	keyed, ok, err := file.Key(t.s.number, t.name, t.hash)
	if err != nil {
		return nil, err
	}
	p := part{file: file}
	if ok {
		p.Keyed = keyed
	}
	t.parts = append(t.parts, p)
	return t.parts[len(t.parts)-1].orNil(), nil
}

// partBefore is the part of the i-th sealed file if that may have an event whose
// time is at most at.
func (t *trail) partBefore(i int, in *segment.SealedStream, at int64) (*part, error) {
	if at < in.Settled && !t.whole { // of all files it is known already
		if may, err := t.files.sealed[i].MayHaveBefore(in, t.hash, at); !may {
			return nil, err
		}
	}
	return t.part(i)
}

func (p *part) orNil() *part {
	if p.empty() {
		return nil
	}
	return p
}

// newestPart is the newest sealed file's part of the key; nil if none has any.
func (t *trail) newestPart() (*part, error) {
	for i := len(t.files.sealed) - 1; i >= 0; i-- {
		if p, err := t.part(i); p != nil || err != nil {
			return p, err
		}
	}
	return nil, nil
}

// class is one of the three kinds of versions that are kept apart.
type class uint8

const (
	changes class = iota // and deletes
	beats
	retractions
)

// rows is the part's rows of a class, as if they were the changes of a key.
func (p *part) rows(c class) *segment.Keyed {
	if c == changes {
		return &p.Keyed
	}
	k := p.Keyed
	k.Row += uint64(p.Changes)
	k.Changes = p.Beats
	if c == retractions {
		k.Row += uint64(p.Beats)
		k.Changes = p.Retractions
	}
	return &k
}

// in is the statistics of the trail's stream in a sealed file; nil if it has no
// event of it.
func (s *stream) in(f *segment.Sealed) *segment.SealedStream {
	all := f.Info().Streams
	for i := range all {
		if all[i].Def.Number == s.number && all[i].Rows > 0 {
			return &all[i]
		}
	}
	return nil
}

// last is the last version in the stream's order with Time ≤ at and Seq ≤ seq
// that keep accepts; a nil keep accepts all. It looks at a sealed file only if
// that may hold one behind the best so far, so usually at one or two.
func (t *trail) last(c class, at int64, seq uint64, keep func(index.Version) bool) (best version, ok bool, err error) {
	arrival := t.s.Order == ByArrival
	for r := t.runs(); r != nil; r = t.older(r) {
		run := &r.Changes
		if c == beats {
			run = &r.Beats
		}
		if v, found := run.Last(at, seq, keep); found && (!ok || !arrival && best.Before(v)) {
			best, ok = version{Version: v}, true
		}
	}
	for i := len(t.files.sealed) - 1; i >= 0; i-- {
		if ok && arrival {
			return best, ok, nil
		}
		f := t.files.sealed[i]
		if info := f.Info(); info.First > seq || info.MinTime > at || ok && info.MaxTime < best.Time {
			continue
		}
		in := t.s.in(f)
		if in == nil || in.MinTime > at || ok && in.MaxTime < best.Time {
			continue
		}
		p, err := t.partBefore(i, in, at)
		if err != nil {
			return best, false, err
		}
		if p == nil {
			continue
		}
		v, found, err := t.lastIn(p, c, at, seq, keep)
		if err != nil {
			return best, false, err
		}
		if found && (!ok || best.Before(v.Version)) {
			best, ok = v, true
		}
	}
	return best, ok, nil
}

// lastIn is last within one part.
func (t *trail) lastIn(p *part, c class, at int64, seq uint64, keep func(index.Version) bool) (version, bool, error) {
	k := p.rows(c)
	st, n, err := t.stampIn(p, k, at, seq)
	if n == 0 || err != nil {
		return version{}, false, err
	}
	v := p.version(&st, k.Row+uint64(n-1))
	if v.Seq <= seq && v.Time <= at && (keep == nil || keep(v.Version)) {
		return v, true, nil
	}
	return p.lastOf(k, n-1, at, seq, keep)
}

// stampIn is the number of k's rows that are in the stream's order at or before the
// moment, and the stamp of the last one.
func (t *trail) stampIn(p *part, k *segment.Keyed, at int64, seq uint64) (st segment.Stamp, n int, err error) {
	n = k.Changes
	switch {
	case n == 0:
		return st, 0, nil
	case t.s.Order == ByTime && at != latest:
		return p.file.Last(k, at)
	case t.s.Order == ByArrival && seq < p.Last:
		n, err = p.file.SearchSeq(k, seq)
	}
	if n == 0 || err != nil {
		return st, 0, err
	}
	st, err = p.file.Stamp(k.Row + uint64(n-1))
	return st, n, err
}

// lastOf is the last of the first n rows of k with Time ≤ at and Seq ≤ seq that
// keep accepts.
func (p *part) lastOf(k *segment.Keyed, n int, at int64, seq uint64, keep func(index.Version) bool) (version, bool, error) {
	var space [stampsAtOnce]segment.Stamp
	for size := 4; n > 0; size = min(4*size, stampsAtOnce) {
		stamps := space[:min(size, n)]
		n -= len(stamps)
		if err := p.file.Stamps(k.Row+uint64(n), stamps); err != nil {
			return version{}, false, err
		}
		for i := len(stamps) - 1; i >= 0; i-- {
			if s := &stamps[i]; s.Seq <= seq && s.Time <= at {
				if v := p.version(s, k.Row+uint64(n+i)); keep == nil || keep(v.Version) {
					return v, true, nil
				}
			}
		}
	}
	return version{}, false, nil
}

// stampsAtOnce is how many stamps are read in one go: enough for the call not to
// count, few enough for the stack.
const stampsAtOnce = 64

func (p *part) version(s *segment.Stamp, row uint64) version {
	v := index.Version{Time: s.Time, Seq: s.Seq, Place: uint64(placeOf(s.Kind, s.Unchanged, 0, int64(row)))}
	return version{Version: v, file: p.file, key: &p.Keyed}
}

// beginning is before every version.
var beginning = stamp{}

// after is up to n versions of a class in the stream's order, those behind the
// stamp from with Time ≤ at and Seq ≤ seq. It merges what the live index and the
// files have, and reads of each no more than it needs.
func (t *trail) after(c class, from stamp, n int, at int64, seq uint64) (all []version, err error) {
	q := queue{t: t, class: c, from: from, at: at, seq: seq}
	if err := q.open(); err != nil {
		return nil, err
	}
	if len(q.sources) > 0 && n <= historyAtOnce {
		all = make([]version, 0, n)
	}
	for n > 0 && len(q.sources) > 0 {
		s, bound := q.first()
		for ; n > 0 && s.ok && (bound == nil || t.s.compare(s.head.Version, bound.Version) < 0); n-- {
			all = append(all, s.head)
			if err := q.advance(s); err != nil {
				return nil, err
			}
		}
		q.drop(s)
	}
	return all, nil
}

// compare is the stream's order.
func (s *stream) compare(a, b index.Version) int {
	if s.Order == ByTime {
		if c := cmp.Compare(a.Time, b.Time); c != 0 {
			return c
		}
	}
	return cmp.Compare(a.Seq, b.Seq)
}

// versionsIn is the versions of a class in one log file up to position seq.
func versionsIn(r *index.Runs, c class, seq uint64) []index.Version {
	switch c {
	case changes:
		return r.Changes.All(latest, seq)
	case beats:
		return r.Beats.All(latest, seq)
	}
	var vs []index.Version
	for _, v := range r.Retractions.View() {
		if v.Seq <= seq {
			vs = append(vs, v.Version)
		}
	}
	return vs
}

// begin is the row from which on versions may be behind the stamp.
func (t *trail) begin(p *part, k *segment.Keyed, from stamp) (int, error) {
	switch {
	case from.seq == 0 || k.Changes == 0:
		return 0, nil
	case t.s.Order == ByArrival:
		return p.file.SearchSeq(k, from.seq)
	case from.time == math.MinInt64, t.s.in(p.file).MinTime > from.time:
		return 0, nil
	}
	return p.file.Search(k, from.time-1)
}

// all is every version of a class in the stream's order with Time ≤ at and Seq ≤
// seq.
func (t *trail) all(c class, at int64, seq uint64) ([]version, error) {
	return t.after(c, beginning, math.MaxInt, at, seq)
}

// find is the version of position seq, of any class. O(log n) where the key's
// events came in order.
func (t *trail) find(seq uint64) (version, bool, error) {
	if seq > t.files.through {
		for r := t.runs(); r != nil; r = t.older(r) {
			if v, ok := findIn(r, seq); ok {
				return version{Version: v}, true, nil
			}
		}
		return version{}, false, nil
	}
	i := t.files.sealedOf(seq)
	if i == len(t.files.sealed) {
		return version{}, false, nil
	}
	p, err := t.part(i)
	if p == nil || err != nil {
		return version{}, false, err
	}
	for c := changes; c <= retractions; c++ {
		if v, ok, err := p.find(p.rows(c), seq); ok || err != nil {
			return v, ok, err
		}
	}
	return version{}, false, nil
}

func findIn(r *index.Runs, seq uint64) (index.Version, bool) {
	if v, ok := r.Changes.Find(seq); ok {
		return v, true
	}
	if v, ok := r.Beats.Find(seq); ok {
		return v, true
	}
	for _, v := range r.Retractions.View() {
		if v.Seq == seq {
			return v.Version, true
		}
	}
	return index.Version{}, false
}

// find looks where position seq would be if the events had come in order, and
// then everywhere.
func (p *part) find(k *segment.Keyed, seq uint64) (version, bool, error) {
	if k.Changes == 0 {
		return version{}, false, nil
	}
	n, err := p.file.SearchSeq(k, seq)
	if err != nil {
		return version{}, false, err
	}
	var space [stampsAtOnce]segment.Stamp
	if n > 0 {
		if err := p.file.Stamps(k.Row+uint64(n-1), space[:1]); err != nil || space[0].Seq == seq {
			return p.version(&space[0], k.Row+uint64(n-1)), err == nil, err
		}
	}
	for i := 0; i < k.Changes; i += stampsAtOnce {
		stamps := space[:min(stampsAtOnce, k.Changes-i)]
		if err := p.file.Stamps(k.Row+uint64(i), stamps); err != nil {
			return version{}, false, err
		}
		for j := range stamps {
			if stamps[j].Seq == seq {
				return p.version(&stamps[j], k.Row+uint64(i+j)), true, nil
			}
		}
	}
	return version{}, false, nil
}

// row reads the row of v.
func (t *trail) row(v *version) (segment.Row, error) {
	if v.file == nil {
		return t.db.row(t.files, v.Version)
	}
	row, err := t.rows.Row(v.file, v.key, uint64(place(v.Place).offset()))
	if err != nil {
		return segment.Row{}, fmt.Errorf("read event %d: %w", v.Seq, err)
	}
	return row.Row, nil
}

// event reads the whole event of v.
func (t *trail) event(v *version) (Event, error) {
	row, err := t.row(v)
	if err != nil {
		return Event{}, err
	}
	e, err := eventOf(t.s, &row, v.Seq, v.Time+row.Lag)
	if err != nil {
		return Event{}, fmt.Errorf("read event %d: %w", v.Seq, err)
	}
	return e, nil
}

// retracted is what is retracted as known at seq: nil for most keys. The newest
// retraction is looked at first, so one that is itself retracted has no effect.
// O(retractions of the key), and free while there are none.
func (t *trail) retracted(seq uint64) (retracted, error) {
	if !t.files.retract && t.runs() == nil {
		return nil, nil
	}
	all, err := t.after(retractions, beginning, math.MaxInt, latest, seq)
	if len(all) == 0 || err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b version) int { return cmp.Compare(b.Seq, a.Seq) })
	gone := make(retracted, len(all))
	for i := range all {
		if gone.has(all[i].Seq) {
			continue
		}
		target, err := t.target(&all[i])
		if err != nil {
			return nil, err
		}
		gone[target] = all[i].Seq
	}
	return gone, nil
}

// target is the position that the retraction v names.
func (t *trail) target(v *version) (uint64, error) {
	if v.file == nil {
		for r := t.runs(); r != nil; r = t.older(r) {
			for _, have := range r.Retractions.View() {
				if have.Seq == v.Seq {
					return have.Target, nil
				}
			}
		}
	}
	row, err := t.row(v)
	return row.Ref, err
}

// lastSeen is the last sign of life as of at known at seq: any event but a
// retraction that is not retracted. By arrival it looks at every change.
func (t *trail) lastSeen(at int64, seq uint64) (seen int64, ok bool, err error) {
	gone, err := t.retracted(seq)
	if err != nil {
		return 0, false, err
	}
	keep := gone.effective()
	if t.s.Order == ByArrival {
		return t.latestTime(at, seq, gone)
	}
	seen = never
	for _, c := range []class{changes, beats} {
		v, found, err := t.last(c, at, seq, keep)
		if err != nil {
			return 0, false, err
		}
		if found {
			seen, ok = max(seen, v.Time), true
		}
	}
	return seen, ok, nil
}

func (t *trail) latestTime(at int64, seq uint64, gone retracted) (seen int64, ok bool, err error) {
	seen = never
	for _, c := range []class{changes, beats} {
		all, err := t.all(c, at, seq)
		if err != nil {
			return 0, false, err
		}
		for i := range all {
			if !gone.has(all[i].Seq) {
				seen, ok = max(seen, all[i].Time), true
			}
		}
	}
	return seen, ok, nil
}

// head is what an append needs to know of the key, from its events up to position
// seq, which none in a sealed file is behind.
func (t *trail) head(seq uint64) (h head, err error) {
	h.seen = never
	p, err := t.newestPart()
	if err != nil {
		return h, err
	}
	if p != nil {
		h.last, h.version = p.Last, p.newest()
	}
	for r := t.runs(); r != nil; r = t.older(r) {
		for c := changes; c <= retractions; c++ {
			for _, v := range versionsIn(r, c, seq) {
				h.last = max(h.last, v.Seq)
				h.version++
			}
		}
	}
	if h.last == 0 {
		return h, nil
	}
	gone, err := t.retracted(seq)
	if err != nil {
		return h, err
	}
	v, ok, err := t.last(changes, latest, seq, gone.effective())
	if err != nil {
		return h, err
	}
	if ok {
		h.order, h.deleted = t.s.stamp(v.Time, v.Seq), v.isDelete()
	}
	h.seen, _, err = t.lastSeen(latest, seq)
	return h, err
}

// newest is the highest version in the part: they are dense.
func (p *part) newest() uint64 { return p.Base + uint64(p.Changes+p.Beats+p.Retractions) - 1 }
