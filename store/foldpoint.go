package store

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// # Fold checkpoints
//
// Under Merge and Go functions a state is made of many events. So sealed files keep
// the fold of a key in front of some of its changes: of all changes before that one
// in the stream's order, in older files too. A state at any moment is then the last
// such checkpoint before it, and the changes from there on.
//
// A checkpoint holds for positions from the end of its file on, as long as no
// newer file has a change that comes before it in order, and no retraction of the
// key counts; else an older one does, or the beginning. One is kept every
// Options.FoldStep changes, by files that have a quarter as many of a key and none
// that is older than what older files have of it; merging makes those larger. So
// a state reads FoldStep changes and a quarter of that for each newer file, and
// where events were late by more than a file, what lies between.

// foldpoints makes the checkpoints of a stream for a new sealed file.
type foldpoints struct {
	db    *DB
	s     *stream
	first uint64 // the first position of the file

	key  string
	fold folder
	n    int // changes since the last checkpoint; -1: the key is not folded yet, -2: not at all
}

// foldpoints is the checkpointer of a stream for a file that begins at position
// first; nil where its states need none or cannot be computed.
func (db *DB) foldpoints(first uint64) func(stream uint32) segment.Checkpointer {
	return func(number uint32) segment.Checkpointer {
		s := db.streams.Load().list[number-1]
		if s.Fold == Replace || s.needFold() != nil {
			return nil
		}
		return &foldpoints{db: db, s: s, first: first}
	}
}

// Begin implements [segment.Checkpointer].
func (p *foldpoints) Begin(k *segment.Keyed) bool {
	p.key, p.n = k.Name, -1
	return k.Changes >= p.db.opt.FoldStep/4 && k.Retractions == 0
}

// Row implements [segment.Checkpointer].
func (p *foldpoints) Row(r *segment.SealedRow) (before string, keep bool, err error) {
	if p.n == -1 {
		if err := p.begin(r); err != nil {
			return "", false, fmt.Errorf("fold key %q of stream %q: %w", p.key, p.s.Name, err)
		}
	}
	if p.n == -2 {
		return "", false, nil
	}
	if keep = p.n >= p.db.opt.FoldStep; keep {
		before, p.n = p.fold.encode(), 0
	}
	p.n++
	v := index.Version{Time: r.Time, Seq: r.Seq}
	if err := p.fold.add(&r.Row, v); err != nil {
		p.n = -2 // it is met again, and told, by who asks for the state
		return "", false, nil
	}
	return before, keep, nil
}

// begin folds what older files have of the key, if all of it comes before r.
func (p *foldpoints) begin(r *segment.SealedRow) error {
	now, err := p.db.pin()
	if err != nil {
		return err
	}
	defer now.unpin()
	older := &files{sealed: now.sealed[:now.sealedOf(p.first)], through: p.first - 1}
	var t trail
	t.follow(p.db, older, p.s, p.key, nil)
	p.n = -2
	gone, err := t.retracted(latestSeq)
	if err != nil || len(gone) > 0 {
		return err
	}
	behind, err := t.after(changes, p.s.stamp(r.Time, r.Seq), 1, latest, latestSeq)
	if err != nil || len(behind) > 0 {
		return err
	}
	f, n, err := t.foldTo(latest, latestSeq, nil)
	if err == nil {
		p.fold, p.n = f, n
	}
	return nil
}

// foldTo folds the changes as of event time at known at position seq, from the last
// checkpoint on that holds, and says how many it read.
func (t *trail) foldTo(at int64, seq uint64, gone retracted) (f folder, n int, err error) {
	f = folder{s: t.s}
	from, err := t.resume(&f, at, seq, gone)
	if err != nil {
		return f, 0, err
	}
	all, err := t.after(changes, from, math.MaxInt, at, seq)
	if err != nil {
		return f, 0, err
	}
	for _, v := range f.sinceDelete(all, gone) {
		if gone.has(v.Seq) {
			continue
		}
		if err := f.read(t, &v); err != nil {
			return f, 0, err
		}
	}
	return f, len(all), nil
}

// resume loads the last checkpoint that holds into f and returns the stamp behind
// which changes are still to be folded; the beginning if none does.
func (t *trail) resume(f *folder, at int64, seq uint64, gone retracted) (stamp, error) {
	arrival := t.s.Order == ByArrival
	if len(gone) > 0 || arrival && at != latest {
		return beginning, nil
	}
	for r := t.runs(); r != nil; r = t.older(r) {
		if vs := r.Changes.All(latest, seq); len(vs) > 0 {
			at = min(at, vs[0].Time)
		}
	}
	for i := len(t.files.sealed) - 1; i >= 0; i-- {
		if t.files.sealed[i].Info().First > seq {
			continue
		}
		p, err := t.part(i)
		if err != nil {
			return beginning, err
		}
		if p == nil || p.Changes == 0 {
			continue
		}
		if seq >= p.file.Info().Last {
			if from, ok, err := t.resumeIn(f, p, at, arrival); ok || err != nil {
				return from, err
			}
		}
		first, err := p.file.Stamp(p.Row)
		if err != nil {
			return beginning, err
		}
		at = min(at, first.Time)
	}
	return beginning, nil
}

// resumeIn loads the last checkpoint of p in front of a change with Time ≤ at.
func (t *trail) resumeIn(f *folder, p *part, at int64, arrival bool) (from stamp, ok bool, err error) {
	n := p.Changes
	if !arrival && at != latest {
		if n, err = p.file.Search(&p.Keyed, at); n == 0 || err != nil {
			return beginning, false, err
		}
	}
	row, content, ok, err := p.file.StateAt(&p.Keyed, p.Row+uint64(n)-1)
	if !ok || err != nil {
		return beginning, false, err
	}
	if err := f.decode(content); err != nil {
		return beginning, false, fmt.Errorf("fold checkpoint at row %d of %s: %w", row, p.file.Path, err)
	}
	next, err := p.file.Stamp(row)
	return t.s.stamp(next.Time, next.Seq).previous(), true, err
}

// encode is what was folded so far:
//
//	1 bit 0 live; if live: uvarint seq, version; varint time, recorded − time of
//	its origin; uvarint length, bytes of the type
//	under Merge what merged.encode says, else, if live, the fields
func (f *folder) encode() string {
	var b []byte
	if !f.live {
		b = append(b, 0)
	} else {
		b = append(b, 1)
		b = binary.AppendUvarint(b, f.from.seq)
		b = binary.AppendUvarint(b, f.from.version)
		b = binary.AppendVarint(b, f.from.time)
		b = binary.AppendVarint(b, f.from.recorded-f.from.time)
		b = binary.AppendUvarint(b, uint64(len(f.typ)))
		b = append(b, f.typ...)
	}
	switch {
	case f.s.Fold == Merge:
		return string(b) + f.merged.encode()
	case f.live:
		b = segment.AppendFields(b, f.fields)
	}
	return string(b)
}

// decode reads what encode wrote.
func (f *folder) decode(content string) error {
	d := segment.NewDecoder(content)
	if f.live = d.Byte() != 0; f.live {
		f.from.seq, f.from.version = d.Uvarint(), d.Uvarint()
		f.from.time = d.Varint()
		f.from.recorded = f.from.time + d.Varint()
		f.typ = d.Text()
	}
	switch {
	case d.Bad():
		return errRecord
	case f.s.Fold == Merge:
		m, err := parseMerged(d.Rest())
		if err == nil {
			f.merged = *m
		}
		return err
	case f.live:
		fields, rest, err := segment.ParseFields(d.Rest())
		if err == nil && rest != "" {
			err = errRecord
		}
		f.fields = fields
		return err
	}
	return nil
}
