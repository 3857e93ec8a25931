package store

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"slices"
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
// versions of every key and reads the events and states of those that may differ.
func (v *View) Diff(to *View, stream string) iter.Seq2[Difference, error] {
	return func(yield func(Difference, error) bool) {
		s, err := v.stream(stream)
		if err == nil {
			err = v.comparable(to)
		}
		if err != nil {
			yield(Difference{}, fmt.Errorf("diff: %w", err))
			return
		}
		w := keysWalk{db: v.db, s: s, n: scanKeys}
		var differences []Difference
		for more := true; more; {
			more, err = w.some(func(f *files, keys []found) (err error) {
				differences, err = v.differences(to, f, s, keys, differences[:0])
				return err
			})
			for i := range differences {
				if !yield(differences[i], nil) {
					return
				}
			}
			if err != nil {
				yield(Difference{}, fmt.Errorf("diff stream %q: %w", stream, err))
				return
			}
		}
	}
}

// comparable reports why v cannot be compared with to.
func (v *View) comparable(to *View) error {
	if to.db != v.db {
		return fmt.Errorf("%w: the views are of two databases", ErrInvalid)
	}
	return to.db.lostUpTo(to.seq)
}

// differences appends those of keys.
func (v *View) differences(to *View, f *files, s *stream, keys []found, all []Difference) ([]Difference, error) {
	var t trail
	for i := range keys {
		t.followFound(v.db, f, s, &keys[i])
		versions, err := t.seenByOne(v, to)
		if err != nil {
			return all, err
		}
		if len(versions) == 0 {
			continue
		}
		d, differs, err := v.difference(to, &t, versions)
		if err != nil {
			return all, fmt.Errorf("key %q: %w", keys[i].name, err)
		}
		if differs {
			all = append(all, d)
		}
	}
	return all, nil
}

// seenByOne is the versions, by position, that just one of the views sees. Where both
// know the same, these are behind the time of the earlier one: by time only they are
// looked at.
func (t *trail) seenByOne(a, b *View) (found []version, err error) {
	time, seq, from := max(a.time, b.time), max(a.seq, b.seq), beginning
	if a.seq == b.seq && t.s.Order == ByTime {
		from = stamp{min(a.time, b.time), math.MaxUint64}
	}
	for c := changes; c <= retractions; c++ {
		all, err := t.after(c, from, math.MaxInt, time, seq)
		if err != nil {
			return nil, err
		}
		for _, v := range all {
			byA := v.Seq <= a.seq && (v.Time <= a.time || c == retractions)
			byB := v.Seq <= b.seq && (v.Time <= b.time || c == retractions)
			if byA != byB {
				found = append(found, v)
			}
		}
	}
	slices.SortFunc(found, func(a, b version) int { return cmp.Compare(a.Seq, b.Seq) })
	return found, nil
}

func (v *View) difference(to *View, t *trail, versions []version) (d Difference, differs bool, err error) {
	d.Key = t.name
	if d.Old, err = v.pointer(t); err != nil {
		return d, false, err
	}
	if d.New, err = to.pointer(t); err != nil {
		return d, false, err
	}
	if d.Old.same(d.New) {
		return d, false, nil
	}
	for i := range versions {
		e, err := t.event(&versions[i])
		if err != nil {
			return d, false, err
		}
		d.Events = append(d.Events, e)
	}
	return d, true, nil
}

// pointer is the state of the key of t, nil where it has none.
func (v *View) pointer(t *trail) (*State, error) {
	st, err := v.state(t)
	if err != nil || !st.live {
		return nil, err
	}
	full, err := t.s.full(t.name, &st)
	return &full, err
}

// same reports whether both are no state or the same one.
func (a *State) same(b *State) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Seq == b.Seq && a.Fields.Equal(b.Fields)
}
