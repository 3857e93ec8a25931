package aggregate

// slideFan is how many values a leaf of a slideTree has at most, and children a branch.
// More make joins on the way up dearer, fewer the tree higher; 16 was best of 8, 16, 32.
const slideFan = 16

// slideTree is a B+-tree of values in the order of their times, after the finger
// B-tree of K. Tangwongsan, M. Hirzel, S. Schneider, "Optimal and general out-of-order
// sliding-window aggregation", VLDB 2019. A branch has the join of each child beside
// it, but of children on the two spines, the ways from the root to the first and the
// last leaf: there values come and go all the time. Of each spine node it is the join
// of the other children that is kept.
//
//	          root                result = suffix of the first leaf
//	        /  ...  \                      + the rest of its parents, upwards
//	   left   inner  right                 + the inner children of the root
//	  / ...            ... \               + the rest of the parents of the last leaf, downwards
//	first                last              + the last leaf
//
// A value that is d values behind is in a subtree of some d leaves that hangs on the
// right spine: joins are made anew up to there. No fingers point at places in the
// tree, as in the paper: looking at children from the right, the way from the root
// down the spine is a comparison a level.
//
// Values leave at the left, where nodes empty from their left; nodes are never joined,
// as they are a quarter full at least, but for those on the spines.
type slideTree[A any] struct {
	m    Monoid[A]
	root *slideNode[A]
	size int

	// The spines from the root, which is the first of both, to the leaves, and the
	// joins of what is beside them: of the root between them.
	left, right         []*slideNode[A]
	leftRest, rightRest []A
	suffixes            [slideFan]A // of the first leaf, unless it is the root
	last                A           // of the last leaf, unless it is the root
	middle              A           // of all between those, if not stale
	stale               bool

	nodes   []*slideNode[A] // on the way to a leaf
	path    []int           // and which of their children are
	scratch []A
	free    []*slideNode[A] // empty leaves
}

// slideNode is a leaf, or a branch if it has kids. In use are the places from lo to n.
type slideNode[A any] struct {
	lo, n int
	times [slideFan]int64 // of values; of children those of their first value, or before it
	joins [slideFan]A     // values, or the joins of children
	kids  *[slideFan]*slideNode[A]
}

func newSlideTree[A any](m Monoid[A]) *slideTree[A] {
	t := &slideTree[A]{m: m, root: &slideNode[A]{}}
	t.rebuild()
	return t
}

// all is the join of all in n.
func (t *slideTree[A]) all(n *slideNode[A]) A { return t.m.Fold(n.joins[n.lo:n.n]) }

// rebuild finds both spines and what is beside them.
func (t *slideTree[A]) rebuild() {
	t.rebuildLeft()
	t.rebuildRight()
}

func (t *slideTree[A]) rebuildLeft() {
	t.left, t.leftRest = t.left[:0], t.leftRest[:0]
	n, rest := t.root, t.m.Fold(nil)
	for ; n.kids != nil; n = n.kids[n.lo] {
		if n != t.root {
			rest = t.m.Fold(n.joins[n.lo+1 : n.n])
		}
		t.left, t.leftRest = append(t.left, n), append(t.leftRest, rest)
	}
	t.left = append(t.left, n)
	t.rebuildFirst()
	t.rebuildInner()
}

// rebuildFirst joins what is in the first leaf from each value on.
func (t *slideTree[A]) rebuildFirst() {
	n := t.left[len(t.left)-1]
	if n == t.root {
		return
	}
	join := t.m.Fold(nil)
	for i := n.n - 1; i >= n.lo; i-- {
		join = t.m.Join(n.joins[i], join)
		t.suffixes[i] = join
	}
}

func (t *slideTree[A]) rebuildRight() {
	t.right, t.rightRest = t.right[:0], t.rightRest[:0]
	n, rest := t.root, t.m.Fold(nil)
	for ; n.kids != nil; n = n.kids[n.n-1] {
		if n != t.root {
			rest = t.m.Fold(n.joins[n.lo : n.n-1])
		}
		t.right, t.rightRest = append(t.right, n), append(t.rightRest, rest)
	}
	t.right = append(t.right, n)
	if n != t.root {
		t.last = t.all(n)
	}
	t.rebuildInner()
}

// rebuildInner joins what is between the spines below the root.
func (t *slideTree[A]) rebuildInner() {
	if n := t.root; n.kids != nil {
		t.leftRest[0] = t.m.Fold(n.joins[n.lo+1 : n.n-1])
	}
	t.stale = true
}

func (t *slideTree[A]) result() A {
	if t.root.kids == nil {
		return t.all(t.root)
	}
	if t.stale {
		t.scratch = t.scratch[:0]
		for i := len(t.leftRest) - 1; i >= 0; i-- {
			t.scratch = append(t.scratch, t.leftRest[i])
		}
		t.scratch = append(t.scratch, t.rightRest[1:]...)
		t.middle, t.stale = t.m.Fold(t.scratch), false
	}
	first := t.left[len(t.left)-1]
	return t.m.Join(t.suffixes[first.lo], t.m.Join(t.middle, t.last))
}

func (t *slideTree[A]) insert(time int64, a A) {
	t.size++
	leaf := t.right[len(t.right)-1]
	switch leaf.compact(); {
	case leaf.n > leaf.lo && time < leaf.times[leaf.n-1]:
		t.insertLate(time, a)
	case leaf.n == slideFan:
		t.appendLeaf(time, a)
	default:
		leaf.times[leaf.n], leaf.joins[leaf.n] = time, a
		leaf.n++
		if leaf != t.root {
			t.last = t.m.Join(t.last, a)
		}
	}
}

// appendLeaf begins a leaf behind the last one, which is full. Nodes that are on the
// spine no longer get their join.
func (t *slideTree[A]) appendLeaf(time int64, a A) {
	kid := t.leaf()
	kid.put(0, time, a, nil)
	join := t.last
	for level := len(t.right) - 2; level >= 0; level-- {
		n := t.right[level]
		n.joins[n.n-1] = join
		if n.compact(); n.n < slideFan {
			n.put(n.n, time, a, kid) // a is in the place of a join that is not read
			t.rebuildRight()
			return
		}
		if n != t.root {
			join = t.all(n)
		}
		sibling := newSlideBranch[A]()
		sibling.put(0, time, a, kid)
		kid = sibling
	}
	t.raise(kid)
}

// raise makes a root of the root and a node behind it.
func (t *slideTree[A]) raise(kid *slideNode[A]) {
	root, unread := newSlideBranch[A](), kid.joins[kid.lo] // both are on a spine
	root.put(0, t.root.times[t.root.lo], unread, t.root)
	root.put(1, kid.times[kid.lo], unread, kid)
	t.root = root
	t.rebuildLeft()
	t.rebuildRight()
}

// insertLate takes in a value that stands before the last one.
func (t *slideTree[A]) insertLate(time int64, a A) {
	t.path = t.path[:0]
	nodes := t.nodes[:0]
	n := t.root
	for n.kids != nil {
		i := n.before(time)
		nodes, t.path = append(nodes, n), append(t.path, max(i, n.lo))
		n = n.kids[max(i, n.lo)]
	}
	t.nodes = nodes
	sibling := t.split(n, n.before(time)+1, time, a, nil)
	left, right := false, false // whether nodes of these spines are split
	for level := len(nodes) - 1; level >= 0 && (sibling != nil || !t.isSpine(level+1, n)); level-- {
		up, i := nodes[level], t.path[level]
		if n != t.left[level+1] {
			up.joins[i] = t.all(n)
		}
		if sibling != nil {
			left, right = left || up == t.left[level], right || up == t.right[level]
			join := a // that of a node on the spine is not read
			if n != t.right[level+1] {
				join = t.all(sibling)
			}
			sibling = t.split(up, i+1, sibling.times[0], join, sibling)
		}
		n = up
	}
	switch {
	case sibling != nil:
		t.raise(sibling)
	case left || right:
		if left {
			t.rebuildLeft()
		}
		if right {
			t.rebuildRight()
		}
	default:
		t.changed(n)
	}
}

// isSpine reports whether a node at a level is on a spine.
func (t *slideTree[A]) isSpine(level int, n *slideNode[A]) bool {
	return n == t.left[level] || n == t.right[level]
}

// changed joins anew what is beside a spine in one of its nodes.
func (t *slideTree[A]) changed(n *slideNode[A]) {
	t.stale = true
	for level := len(t.left) - 1; level > 0; level-- {
		leaf := level == len(t.left)-1
		switch n {
		case t.left[level]:
			if leaf {
				t.rebuildFirst()
			} else {
				t.leftRest[level] = t.m.Fold(n.joins[n.lo+1 : n.n])
			}
			return
		case t.right[level]:
			if leaf {
				t.last = t.all(n)
			} else {
				t.rightRest[level] = t.m.Fold(n.joins[n.lo : n.n-1])
			}
			return
		}
	}
	t.rebuildInner()
}

// evict lets go of all values before a time.
func (t *slideTree[A]) evict(before int64) {
	for t.size > 0 {
		leaf := t.left[len(t.left)-1]
		for leaf.lo < leaf.n && leaf.times[leaf.lo] < before {
			leaf.drop()
			t.size--
		}
		if leaf.lo < leaf.n {
			return
		}
		t.dropFirst()
	}
}

// dropFirst takes the first leaf, which is empty, out of the tree.
func (t *slideTree[A]) dropFirst() {
	level := len(t.left) - 1
	if level == 0 {
		return
	}
	t.release(t.left[level])
	for level--; ; level-- {
		if t.left[level].drop(); t.left[level].lo < t.left[level].n {
			break
		}
	}
	root := t.root
	for t.root.kids != nil && t.root.n-t.root.lo == 1 {
		t.root = t.root.kids[t.root.lo]
	}
	t.rebuildLeft()
	if t.root != root {
		t.rebuildRight()
	}
}

func newSlideBranch[A any]() *slideNode[A] {
	return &slideNode[A]{kids: new([slideFan]*slideNode[A])}
}

// leaf is an empty leaf.
func (t *slideTree[A]) leaf() *slideNode[A] {
	if last := len(t.free) - 1; last >= 0 {
		n := t.free[last]
		t.free = t.free[:last]
		return n
	}
	return &slideNode[A]{}
}

// release keeps an empty leaf for later.
func (t *slideTree[A]) release(n *slideNode[A]) {
	n.lo, n.n = 0, 0
	t.free = append(t.free, n)
}

// split puts a value or a child at a place of n. If n is full, what is behind that place
// goes into a node behind it, which is returned: so values that come in order before
// some that stay leave few gaps. At least a quarter stays in each.
func (t *slideTree[A]) split(n *slideNode[A], at int, time int64, a A, kid *slideNode[A]) *slideNode[A] {
	at -= n.compact()
	if n.n < slideFan {
		n.put(at, time, a, kid)
		return nil
	}
	sibling := t.leaf()
	if n.kids != nil {
		sibling = newSlideBranch[A]()
	}
	from := min(max(at, slideFan/4), slideFan-slideFan/4)
	copy(sibling.times[:], n.times[from:])
	copy(sibling.joins[:], n.joins[from:])
	if n.kids != nil {
		copy(sibling.kids[:], n.kids[from:])
	}
	sibling.n = slideFan - from
	n.cut(from)
	if at > from {
		sibling.put(at-from, time, a, kid)
	} else {
		n.put(at, time, a, kid)
	}
	return sibling
}

// before is the last place whose time is not after t, n.lo-1 if there is none.
func (n *slideNode[A]) before(t int64) int {
	i := n.n - 1
	for i >= n.lo && n.times[i] > t {
		i--
	}
	return i
}

// put puts a value or a child at a place, before what is there.
func (n *slideNode[A]) put(at int, time int64, a A, kid *slideNode[A]) {
	copy(n.times[at+1:n.n+1], n.times[at:n.n])
	copy(n.joins[at+1:n.n+1], n.joins[at:n.n])
	n.times[at], n.joins[at] = time, a
	if kid != nil {
		copy(n.kids[at+1:n.n+1], n.kids[at:n.n])
		n.kids[at] = kid
	}
	n.n++
}

// drop lets go of the first place.
func (n *slideNode[A]) drop() {
	var none A
	n.joins[n.lo] = none
	if n.kids != nil {
		n.kids[n.lo] = nil
	}
	n.lo++
}

// cut lets go of all from a place on.
func (n *slideNode[A]) cut(at int) {
	clear(n.joins[at:])
	if n.kids != nil {
		clear(n.kids[at:])
	}
	n.n = at
}

// compact moves what is in a full node to its beginning, and says how far.
func (n *slideNode[A]) compact() (by int) {
	if by = n.lo; n.n < slideFan || by == 0 {
		return 0
	}
	copy(n.times[:], n.times[by:n.n])
	copy(n.joins[:], n.joins[by:n.n])
	if n.kids != nil {
		copy(n.kids[:], n.kids[by:n.n])
	}
	n.lo = 0
	n.cut(n.n - by)
	return by
}
