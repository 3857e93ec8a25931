package store

import (
	"slices"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// queue merges the versions of a trail, of one class, in the stream's order.
type queue struct {
	t       *trail
	class   class
	from    stamp // those behind it
	at      int64 // with Time ≤ at, if they are no retractions
	seq     uint64
	sources []*source
}

// source is where some of the versions stand: in the live index, all of them, or
// in a sealed file, from row next on.
type source struct {
	head version // the next version, if ok
	ok   bool

	live []index.Version
	part *part
	rows *segment.Keyed
	next int // of rows
	read []segment.Stamp
}

// open finds the sources and the first version of each.
func (q *queue) open() error {
	t := q.t
	for r := t.runs(); r != nil; r = t.older(r) {
		if err := q.add(&source{live: versionsIn(r, q.class, q.seq)}); err != nil {
			return err
		}
	}
	for i, f := range t.files.sealed {
		in := t.s.in(f)
		if in == nil || f.Info().First > q.seq || q.past(f, in) {
			continue
		}
		p, err := t.part(i)
		if err != nil {
			return err
		}
		if p == nil {
			continue
		}
		s := &source{part: p, rows: p.rows(q.class)}
		if s.next, err = t.begin(p, s.rows, q.from); err != nil {
			return err
		}
		if err := q.add(s); err != nil {
			return err
		}
	}
	return nil
}

// past reports whether a file has nothing that is asked for.
func (q *queue) past(f *segment.Sealed, in *segment.SealedStream) bool {
	switch {
	case q.class == retractions && in.Retractions == 0, q.class == beats && in.Heartbeats == 0:
		return true
	case q.class != retractions && in.MinTime > q.at, q.from == beginning:
		return q.class != retractions && in.MinTime > q.at
	case q.t.s.Order == ByArrival:
		return f.Info().Last <= q.from.seq
	}
	return in.MaxTime < q.from.time
}

func (q *queue) add(s *source) error {
	err := q.advance(s)
	if s.ok {
		q.sources = append(q.sources, s)
	}
	return err
}

// drop takes a source away that has no more.
func (q *queue) drop(s *source) {
	if !s.ok {
		q.sources = slices.DeleteFunc(q.sources, func(o *source) bool { return o == s })
	}
}

// first is the source whose next version comes first, and the version that comes
// first in the others, nil if there are none.
func (q *queue) first() (s *source, bound *version) {
	s = q.sources[0]
	for _, o := range q.sources[1:] {
		least := o
		if q.t.s.compare(o.head.Version, s.head.Version) < 0 {
			s, least = o, s
		}
		if bound == nil || q.t.s.compare(least.head.Version, bound.Version) < 0 {
			bound = &least.head
		}
	}
	return s, bound
}

// wants reports whether a version is asked for.
func (q *queue) wants(time int64, seq uint64) bool {
	return seq <= q.seq && (time <= q.at || q.class == retractions) && q.from.before(q.t.s.stamp(time, seq))
}

// advance moves a source to its next version that is asked for.
func (q *queue) advance(s *source) error {
	if s.part == nil {
		q.advanceLive(s)
		return nil
	}
	for s.ok = false; !s.ok; {
		if len(s.read) == 0 {
			if more, err := q.fill(s); !more {
				return err
			}
		}
		st := &s.read[0]
		if s.ok = q.wants(st.Time, st.Seq); s.ok {
			s.head = s.part.version(st, s.rows.Row+uint64(s.next-len(s.read)))
		}
		s.read = s.read[1:]
	}
	return nil
}

func (q *queue) advanceLive(s *source) {
	for s.ok = false; len(s.live) > 0 && !s.ok; s.live = s.live[1:] {
		v := s.live[0]
		if s.ok = q.wants(v.Time, v.Seq); s.ok {
			s.head = version{Version: v}
		}
	}
}

// fill reads the next stamps of a source, few at first; more is false at its end.
func (q *queue) fill(s *source) (more bool, err error) {
	left := s.rows.Changes - s.next
	if left <= 0 {
		return false, nil
	}
	n := min(left, max(4, min(2*cap(s.read), stampsAtOnce)))
	s.read = slices.Grow(s.read[:0], n)[:n]
	if err := s.part.file.Stamps(s.rows.Row+uint64(s.next), s.read); err != nil {
		return false, err
	}
	s.next += n
	return true, nil
}
