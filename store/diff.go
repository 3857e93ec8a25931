package store

import (
	"cmp"
	"fmt"
	"iter"
	"slices"

	"github.com/annalsdb/annals/index"
)

// Difference is a key whose state is not the same in two views.
type Difference struct {
	Key      string
	Old, New *State // nil = no state

	// Events explain it: those that one of the views sees and the other does
	// not, by position.
	Events []Event
}

// Diff is what differs in a stream from v to the view to, in key order: keys
// that have a state in one only, or states that are attributed to another event
// or hold other fields. Both views are of the same database. It looks at the
// versions of every key in memory and reads the events and states of those that
// may differ.
func (v *View) Diff(to *View, stream string) iter.Seq2[Difference, error] {
	return func(yield func(Difference, error) bool) {
		s, err := v.stream(stream)
		if err == nil {
			err = to.db.lostUpTo(to.seq)
		}
		if err == nil && to.db != v.db {
			err = fmt.Errorf("%w: the views are of two databases", ErrInvalid)
		}
		if err != nil {
			yield(Difference{}, fmt.Errorf("diff: %w", err))
			return
		}
		s.live.Ordered().Ascend(func(k *key) bool {
			versions := seenByOne(v, to, k)
			if len(versions) == 0 {
				return true
			}
			d, differs, err := v.difference(to, s, k, versions)
			if err != nil {
				yield(Difference{}, fmt.Errorf("diff key %q of stream %q: %w", k.Name, stream, err))
				return false
			}
			return !differs || yield(d, nil)
		})
	}
}

// seenByOne is the versions of k, by position, that just one of the views sees.
func seenByOne(a, b *View, k *key) []index.Version {
	var found []index.Version
	look := func(v index.Version) {
		if (v.Time <= a.time && v.Seq <= a.seq) != (v.Time <= b.time && v.Seq <= b.seq) {
			found = append(found, v)
		}
	}
	time, seq := max(a.time, b.time), max(a.seq, b.seq)
	for _, v := range k.Changes.All(time, seq) {
		look(v)
	}
	for _, v := range k.Beats.All(time, seq) {
		look(v)
	}
	for _, r := range k.Retractions.View() {
		if (r.Seq <= a.seq) != (r.Seq <= b.seq) {
			found = append(found, r.Version)
		}
	}
	slices.SortFunc(found, func(a, b index.Version) int { return cmp.Compare(a.Seq, b.Seq) })
	return found
}

func (v *View) difference(to *View, s *stream, k *key, versions []index.Version) (d Difference, differs bool, err error) {
	d.Key = k.Name
	if d.Old, err = v.pointer(s, k); err != nil {
		return d, false, err
	}
	if d.New, err = to.pointer(s, k); err != nil {
		return d, false, err
	}
	if d.Old.same(d.New) {
		return d, false, nil
	}
	for _, at := range versions {
		e, err := v.db.event(s, at)
		if err != nil {
			return d, false, err
		}
		d.Events = append(d.Events, e)
	}
	return d, true, nil
}

// pointer is the state of k, nil where it has none.
func (v *View) pointer(s *stream, k *key) (*State, error) {
	st, err := v.state(s, k)
	if err != nil || !st.live {
		return nil, err
	}
	full, err := s.full(k.Name, &st)
	return &full, err
}

// same reports whether both are no state or the same one.
func (a *State) same(b *State) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Seq == b.Seq && a.Fields.Equal(b.Fields)
}
