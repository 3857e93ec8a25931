package store

import (
	"fmt"
	"math"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// latest is the moment of no bound in event time.
const latest = math.MaxInt64

// retracted is the positions of a key that count as never having happened, each
// with the first retraction that says so.
type retracted map[uint64]uint64

func (g retracted) has(seq uint64) bool {
	_, ok := g[seq]
	return ok
}

// effective is a filter of the versions not retracted; nil if none is.
func (g retracted) effective() func(index.Version) bool {
	if len(g) == 0 {
		return nil
	}
	return func(v index.Version) bool { return !g.has(v.Seq) }
}

// stateAt is the state as of event time at known at position seq, from the
// events. Replace reads one event, or two, and costs O(log n); the other folds
// begin at a checkpoint in a sealed file; see foldpoint.go.
func (t *trail) stateAt(at int64, seq uint64) (state, error) {
	gone, err := t.retracted(seq)
	if err != nil {
		return state{}, err
	}
	if t.s.Fold == Replace {
		v, ok, err := t.last(changes, at, seq, gone.effective())
		if !ok || err != nil || v.isDelete() {
			return state{}, err
		}
		return t.replaceWith(&v, gone)
	}
	if err := t.s.needFold(); err != nil {
		return state{}, err
	}
	f, _, err := t.foldTo(at, seq, gone)
	if err != nil {
		return state{}, err
	}
	return f.state(), nil
}

// replaceWith is the state that the change v makes under Replace.
func (t *trail) replaceWith(v *version, gone retracted) (state, error) {
	row, err := t.row(v)
	if err != nil {
		return state{}, err
	}
	return t.replaceRow(row, v, gone)
}

// replaceRow is replaceWith of a row that was read. An unchanged event leaves the
// state to the one it repeats, unless that is retracted.
func (t *trail) replaceRow(row segment.Row, v *version, gone retracted) (state, error) {
	st := state{live: true, from: originOf(&row, v.Version), typ: row.Type}
	if row.Unchanged {
		same, ok, err := t.find(row.Ref)
		if err != nil {
			return state{}, err
		}
		if ok && !gone.has(same.Seq) {
			first, err := t.row(&same)
			if err != nil {
				return state{}, err
			}
			st.from = originOf(&first, same.Version)
		}
		if row, err = t.repeats(row); err != nil {
			return state{}, err
		}
	}
	st.take(&row)
	return st, nil
}

// repeats is the row whose content an unchanged row under Replace stands for.
// What it names may be unchanged itself, where the first one was retracted.
func (t *trail) repeats(row segment.Row) (segment.Row, error) {
	for row.Unchanged {
		v, ok, err := t.find(row.Ref)
		if err != nil {
			return row, err
		}
		if !ok {
			return row, fmt.Errorf("fold key %q: an event repeats event %d, which is not there", t.name, row.Ref)
		}
		if row, err = t.row(&v); err != nil {
			return row, err
		}
	}
	return row, nil
}

func originOf(row *segment.Row, v index.Version) origin {
	return origin{seq: v.Seq, version: row.Version, time: v.Time, recorded: v.Time + row.Lag}
}

// folder folds the events of one key that come in the stream's order, under
// Merge or a Go function.
type folder struct {
	s      *stream
	live   bool
	from   origin
	typ    string
	merged merged
	fields Fields // of a Go function
}

// sinceDelete is the part of vs behind the last delete that is not retracted.
// Nothing before it can be seen again, but under Merge its stamp is kept for
// what may still come late.
func (f *folder) sinceDelete(vs []version, gone retracted) []version {
	for i := len(vs) - 1; i >= 0; i-- {
		if vs[i].isDelete() && !gone.has(vs[i].Seq) {
			*f = folder{s: f.s}
			f.merged.deleted = f.s.stamp(vs[i].Time, vs[i].Seq)
			return vs[i+1:]
		}
	}
	return vs
}

func (f *folder) read(t *trail, v *version) error {
	row, err := t.row(v)
	if err != nil {
		return err
	}
	return f.add(&row, v.Version)
}

// add folds the event that row holds. The row's strings are kept.
func (f *folder) add(row *segment.Row, v index.Version) error {
	if row.Kind == Delete {
		*f = folder{s: f.s}
		f.merged.deleted = f.s.stamp(v.Time, v.Seq)
		return nil
	}
	e, err := eventOf(f.s, row, v.Seq, v.Time+row.Lag)
	if err != nil {
		return err
	}
	e.Kind = Change
	if !row.Unchanged || !f.live {
		f.from, f.typ = originOf(row, v), row.Type
	}
	if f.s.Fold != Merge {
		return f.call(e)
	}
	f.merged.apply(Change, e.Fields, f.s.stamp(v.Time, v.Seq))
	f.live = true
	return nil
}

// call runs the Go function on e. A panic in it is an error here: the log is
// fine, only this state cannot be told.
func (f *folder) call(e Event) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("fold key %q of stream %q with %q: %w on event %d: %v", e.Key, e.Stream, f.s.Fold, ErrFoldPanic, e.Seq, p)
		}
	}()
	f.fields = f.s.fold(f.fields, e)
	f.live = f.fields != nil
	return nil
}

// state is what was folded so far.
func (f *folder) state() state {
	if !f.live {
		return state{}
	}
	st := state{live: true, from: f.from, typ: f.typ}
	if f.s.Fold == Merge {
		st.content = f.merged.encode()
	} else {
		st.content = string(segment.AppendFields(nil, f.fields))
	}
	return st
}

// fields decodes the content of a state that is live.
func (s *stream) fields(st *state) (Fields, error) {
	if st.decoded {
		return st.fields, nil
	}
	if s.Fold == Merge {
		m, err := parseMerged(st.content)
		if err != nil {
			return nil, err
		}
		return m.visible(), nil
	}
	fs, rest, err := segment.ParseFields(st.content)
	if err == nil && rest != "" {
		err = errRecord
	}
	return fs, err
}
