package query

import (
	"fmt"

	"github.com/annalsdb/annals/segment"
)

// node is a bound expression: its names are places in a row, its parameters values,
// what is constant is computed, and what can be said of its kind is known. Nothing
// changes a node once it is bound; it is safe for concurrent use.
type node struct {
	op    op
	args  []*node
	kinds kindSet // of its values, as far as that is known without a row

	value   Value             // literalOp
	span    interval          // intervalOp
	slot    int               // columnOp: its place in the row
	name    string            // memberOp
	n       int               // elementOp, and caseOp: 1 with an operand
	to      segment.ValueKind // castOp, tryCastOp
	fn      *function         // callOp
	call    scalar            // callOp: fn, for the constants among the arguments
	pattern *pattern          // likeOp with a constant pattern

	at   int     // its offset in the text of the query
	text *string // of the query
}

// scalar computes a function of a row's values.
type scalar func(args []Value) (Value, error)

// fail is an error at the node's place.
func (n *node) fail(format string, args ...any) error {
	return &Error{Text: *n.text, At: n.at, Message: fmt.Sprintf(format, args...)}
}

// constant reports whether n is a value.
func (n *node) constant() bool { return n.op == literalOp }

// equal reports whether both compute the same, wherever they stand.
func (n *node) equal(o *node) bool {
	if n.op != o.op || n.value != o.value || n.span != o.span || n.slot != o.slot || n.name != o.name ||
		n.n != o.n || n.to != o.to || n.fn != o.fn || len(n.args) != len(o.args) {
		return false
	}
	for i := range n.args {
		if !n.args[i].equal(o.args[i]) {
			return false
		}
	}
	return true
}

// walk calls f with n and all that is in it, until f is false.
func (n *node) walk(f func(*node) bool) bool {
	if !f(n) {
		return false
	}
	for _, a := range n.args {
		if !a.walk(f) {
			return false
		}
	}
	return true
}

// always reports whether no row makes n an error.
func (n *node) always() bool {
	return n.walk(func(part *node) bool {
		switch part.op {
		case literalOp, columnOp, overOp, memberOp, elementOp, equalOp, lessOp, lessEqualOp, greaterOp,
			greaterEqualOp, distinctOp, isNullOp, inOp, betweenOp, tryCastOp:
			return true
		case likeOp:
			return part.pattern != nil
		case notOp, andOp, orOp:
			for _, a := range part.args {
				if a.kinds&^bools != 0 {
					return false
				}
			}
			return true
		}
		return false
	})
}
