package index

import "github.com/RoaringBitmap/roaring/v2"

// node is what a [selector] knows of one part of a predicate. Two sets of rows
// instead of one carry three-valued logic through any nesting: an Or of the
// parts' sets is right for both, and Not asks its part for the other truth. The
// sets of a node may be shared and are not changed.
type node struct {
	p    Predicate
	want bool            // which truth the sets are about
	may  *roaring.Bitmap // no other row has p as wanted
	must *roaring.Bitmap // these have: a part of may
	// zoned is what may would be without postings, for the statistics.
	zoned *roaring.Bitmap
	kids  []*node
}

// node is a node of which all sets are rows.
func (s *selector) node(p Predicate, want bool, rows *roaring.Bitmap) *node {
	return &node{p: p, want: want, may: rows, must: rows, zoned: rows}
}

// add makes kid a part of n, whose sets become what op says.
func (n *node) add(kid *node, op func(a, b *roaring.Bitmap) *roaring.Bitmap) {
	n.kids = append(n.kids, kid)
	zonesOnly := n.zoned == n.may && kid.zoned == kid.may
	n.may, n.must = op(n.may, kid.may), op(n.must, kid.must)
	if zonesOnly {
		n.zoned = n.may
	} else {
		n.zoned = op(n.zoned, kid.zoned)
	}
}

// rest is what remains of n's predicate when it is asked only of rows: a part
// whose answer is the same for them all becomes And{} or Or{}, true or false,
// and goes. Where only true counts, unknown is as good as false; under a Not,
// where only false counts, as good as true.
func (n *node) rest(rows *roaring.Bitmap) Predicate {
	switch {
	case !n.may.Intersects(rows):
		return constant(!n.want)
	case n.must.AndCardinality(rows) == rows.GetCardinality():
		return constant(n.want)
	}
	switch n.p.(type) {
	case And:
		return joinRest(n.kids, rows, true)
	case Or:
		return joinRest(n.kids, rows, false)
	case Not:
		part := n.kids[0].rest(rows)
		if is, ok := truth(part); ok {
			return constant(!is)
		}
		return Not{part}
	}
	return n.p
}

// joinRest is the And, or the Or, of what is left of parts.
func joinRest(parts []*node, rows *roaring.Bitmap, and bool) Predicate {
	var left []Predicate
	for _, part := range parts {
		p := part.rest(rows)
		if is, ok := truth(p); !ok {
			left = append(left, p)
		} else if is != and {
			return p
		}
	}
	switch {
	case len(left) == 1:
		return left[0]
	case and:
		return And(left)
	}
	return Or(left)
}

// constant is the predicate that is true, or false, of all rows.
func constant(is bool) Predicate {
	if is {
		return And{}
	}
	return Or{}
}

// truth is whether p is true, where it is a constant.
func truth(p Predicate) (is, ok bool) {
	switch p := p.(type) {
	case And:
		return true, len(p) == 0
	case Or:
		return false, len(p) == 0
	}
	return false, false
}
