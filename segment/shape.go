package segment

import "slices"

// layout finds out which columns the fields of a row are and which shape they
// make together, by one comparison a field as long as events look like the ones
// before.
//
// The shapes seen are a tree: a node is a list of fields from the first one on,
// its children are that list and one field more. A node remembers the child that
// was taken last, and the next row is expected to take it again.
type layout struct {
	columns []column
	numbers map[column]int
	roots   map[uint32]*shapeNode // by stream
	stream  uint32                // of root
	root    *shapeNode
	shapes  [][]int // columns by number of the shape
}

// shapeNode is a list of fields, the last of which is its column.
type shapeNode struct {
	column
	number   int // of the column
	up       *shapeNode
	shape    int // its number, -1 as long as no row has it
	guess    *shapeNode
	children map[int]*shapeNode // by column, nil as long as there is none but guess
}

func newLayout() *layout {
	return &layout{numbers: map[column]int{}, roots: map[uint32]*shapeNode{}}
}

// begin is the empty list, where the fields of a row of the stream begin.
func (l *layout) begin(stream uint32) *shapeNode {
	if l.root == nil || l.stream != stream {
		root := l.roots[stream]
		if root == nil {
			root = &shapeNode{shape: -1}
			l.roots[stream] = root
		}
		l.stream, l.root = stream, root
	}
	return l.root
}

// next is the list at with one field more, nil if it has that name already. name
// is not kept.
func (l *layout) next(at *shapeNode, name string, kind ValueKind) *shapeNode {
	if g := at.guess; g != nil && g.kind == kind && g.name == name {
		return g
	}
	number, known := l.numbers[column{name, kind}]
	if !known {
		number = l.add(column{string([]byte(name)), kind})
	}
	child := at.children[number]
	if child == nil {
		if at.has(name) {
			return nil
		}
		child = &shapeNode{column: l.columns[number], number: number, up: at, shape: -1}
		at.adopt(child)
	}
	at.guess = child
	return child
}

func (l *layout) add(c column) int {
	l.numbers[c] = len(l.columns)
	l.columns = append(l.columns, c)
	return len(l.columns) - 1
}

// has reports whether one of the node's fields has that name.
func (n *shapeNode) has(name string) bool {
	for ; n.up != nil; n = n.up {
		if n.name == name {
			return true
		}
	}
	return false
}

// adopt adds a child. Most nodes have one, which guess is enough for.
func (n *shapeNode) adopt(child *shapeNode) {
	if n.guess == nil {
		return
	}
	if n.children == nil {
		n.children = map[int]*shapeNode{n.guess.number: n.guess}
	}
	n.children[child.number] = child
}

// end is the number of the shape that a row has whose list of fields is at.
func (l *layout) end(at *shapeNode) int {
	if at.shape < 0 {
		at.shape = len(l.shapes)
		l.shapes = append(l.shapes, at.list())
	}
	return at.shape
}

// list is the columns of the node's fields in order.
func (n *shapeNode) list() []int {
	var list []int
	for ; n.up != nil; n = n.up {
		list = append(list, n.number)
	}
	slices.Reverse(list)
	return list
}
