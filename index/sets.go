package index

import (
	"fmt"

	"github.com/RoaringBitmap/roaring/v2"
)

// sets is p.sets where p may be nil.
func (s *selector) sets(p Predicate, want bool) (*node, error) {
	switch {
	case p != nil:
		return p.sets(s, want)
	case want:
		return s.node(nil, want, s.all), nil
	}
	return s.node(nil, want, s.none), nil
}

// sets implements [Predicate].
func (p And) sets(s *selector, want bool) (*node, error) { return s.join(p, p, want, want) }

// sets implements [Predicate].
func (p Or) sets(s *selector, want bool) (*node, error) { return s.join(p, p, want, !want) }

// sets implements [Predicate].
func (p Not) sets(s *selector, want bool) (*node, error) {
	kid, err := s.sets(p.Of, !want)
	if err != nil {
		return nil, err
	}
	n := *kid
	n.p, n.want, n.kids = p, want, []*node{kid}
	return &n, nil
}

// join is the rows in the sets of every part, or of any part.
func (s *selector) join(p Predicate, parts []Predicate, want, every bool) (*node, error) {
	start, op := s.none, roaring.Or
	if every {
		start, op = s.all, roaring.And
	}
	n := s.node(p, want, start)
	for _, part := range parts {
		if every && n.may.IsEmpty() {
			break // nothing more needs to be read
		}
		kid, err := s.sets(part, want)
		if err != nil {
			return nil, err
		}
		n.add(kid, op)
	}
	return n, nil
}

// sets implements [Predicate].
func (p Eq) sets(s *selector, want bool) (*node, error) { return p.in().setsAs(p, s, want) }

// sets implements [Predicate].
func (p In) sets(s *selector, want bool) (*node, error) { return p.setsAs(p, s, want) }

// setsAs is the sets of whole, which is p. Values with postings are told by
// them, the others by zones.
func (p In) setsAs(whole Predicate, s *selector, want bool) (*node, error) {
	rest, posted := In{Column: p.Column}, roaring.New()
	for _, v := range p.Values {
		if v.kind == Null && !want {
			return s.node(whole, want, s.none), nil
		}
		found := false
		if v.kind != Null && !isNumber(v.kind) { // an equal number can have other bits
			var err error
			if found, err = s.posting(p.Column, v, posted); err != nil {
				return nil, err
			}
		}
		if !found {
			rest.Values = append(rest.Values, v)
		}
	}
	n, err := s.compare(rest, want)
	if err != nil {
		return nil, err
	}
	n.p = whole
	switch {
	case len(rest.Values) == len(p.Values):
	case want:
		n.may, n.must, n.zoned = roaring.Or(n.may, posted), roaring.Or(n.must, posted), s.all
	default:
		n.may, n.must = roaring.AndNot(n.may, posted), roaring.AndNot(n.must, posted)
	}
	return n, nil
}

// sets implements [Predicate].
func (p Range) sets(s *selector, want bool) (*node, error) { return s.compare(p, want) }

// sets implements [Predicate].
func (p Prefix) sets(s *selector, want bool) (*node, error) { return s.compare(p, want) }

// compare is what zones tell of a comparison that is neither true nor false of a
// row without a value.
func (s *selector) compare(p comparison, want bool) (*node, error) {
	if want {
		return s.scan(p, want, func(t tally) (bool, bool) { return t.some > t.no, t.yes == t.rows })
	}
	return s.scan(p, want, func(t tally) (bool, bool) { return t.some > t.yes, t.no == t.rows })
}

// sets implements [Predicate].
func (p IsNull) sets(s *selector, want bool) (*node, error) {
	if want {
		return s.scan(p, want, func(t tally) (bool, bool) { return t.some < t.rows, t.some == 0 })
	}
	return s.scan(p, want, func(t tally) (bool, bool) { return t.some > 0, t.some == t.rows })
}

// sets implements [Predicate].
func (p Same) sets(s *selector, want bool) (*node, error) {
	if p.Value.kind == Null {
		return p.setsNull(s, want)
	}
	posted := roaring.New()
	found, err := s.posting(p.Column, p.Value, posted)
	if err != nil {
		return nil, err
	}
	n := &node{p: p, may: posted, must: posted}
	if !found {
		if n, err = s.compare(p, true); err != nil {
			return nil, err
		}
	}
	if !want { // it is never unknown
		n.may, n.must = roaring.AndNot(s.all, n.must), roaring.AndNot(s.all, n.may)
	}
	n.want, n.zoned = want, n.may
	if found {
		n.zoned = s.all
	}
	return n, nil
}

// setsNull is the sets of p, whose value is null: zones do not tell a null from
// no field.
func (p Same) setsNull(s *selector, want bool) (*node, error) {
	tell := func(t tally) (bool, bool) { return true, t.some == t.rows }
	if want {
		tell = func(t tally) (bool, bool) { return t.some < t.rows, false }
	}
	n, err := s.scan(IsNull{p.Column}, want, tell)
	if err != nil {
		return nil, err
	}
	n.p = p
	return n, nil
}

// posting adds the rows of the posting of value, if there is one, to rows.
func (s *selector) posting(column string, value Literal, rows *roaring.Bitmap) (found bool, err error) {
	b, found, err := s.source.Posting(column, value)
	if err != nil || !found {
		return false, err
	}
	if !b.IsEmpty() && uint64(b.Maximum()) >= s.rows {
		return false, fmt.Errorf("the posting of %s %s has row %d of %d", name(column), value, b.Maximum(), s.rows)
	}
	rows.Or(b)
	return true, nil
}
