package index

import (
	"fmt"
	"strconv"
	"strings"
)

// Truth is what a predicate is of a row. And is the least of its parts, Or the
// greatest.
type Truth uint8

// The truths of SQL's three-valued logic.
const (
	False Truth = iota
	Unknown
	True
)

var truthNames = [...]string{"false", "unknown", "true"}

// String is the truth's name.
func (t Truth) String() string {
	if int(t) < len(truthNames) {
		return truthNames[t]
	}
	return "truth(" + strconv.Itoa(int(t)) + ")"
}

func truthOf(b bool) Truth {
	if b {
		return True
	}
	return False
}

// Row is one row to test: the value of a column and whether the row has one.
type Row func(column string) (Literal, bool)

// Predicate is a condition on a row: one of [Eq], [In], [Range], [Prefix],
// [IsNull], [Same], [And], [Or], [Not], or nil, which is true of every row.
//
// A comparison with null, or with a column that the row does not have, is
// unknown, and Not keeps it so. With a value of another kind (numbers are of
// one) or a NaN it is false, see [Literal.Compare].
//
// Predicates are values that nothing changes, safe for concurrent use.
type Predicate interface {
	// Test is what the predicate is of row.
	Test(row Row) Truth
	// String is the predicate for a person to read.
	String() string
	// sets is what s tells without reading rows of which ones the predicate
	// is true (want) or false.
	sets(s *selector, want bool) (*node, error)
}

// test is p.Test where p may be nil.
func test(p Predicate, row Row) Truth {
	if p == nil {
		return True
	}
	return p.Test(row)
}

// And is true where all of it is; without parts it is true.
type And []Predicate

// Test implements [Predicate].
func (p And) Test(row Row) Truth {
	truth := True
	for i := 0; i < len(p) && truth != False; i++ {
		truth = min(truth, test(p[i], row))
	}
	return truth
}

// String implements [Predicate].
func (p And) String() string { return joined(p, " and ", "true") }

// Or is true where any of it is; without parts it is false.
type Or []Predicate

// Test implements [Predicate].
func (p Or) Test(row Row) Truth {
	truth := False
	for i := 0; i < len(p) && truth != True; i++ {
		truth = max(truth, test(p[i], row))
	}
	return truth
}

// String implements [Predicate].
func (p Or) String() string { return joined(p, " or ", "false") }

// Not is true where Of is false, and false where it is true.
type Not struct{ Of Predicate }

// Test implements [Predicate].
func (p Not) Test(row Row) Truth { return True - test(p.Of, row) }

// String implements [Predicate].
func (p Not) String() string { return "not " + inner(p.Of) }

func joined(parts []Predicate, by, none string) string {
	if len(parts) == 0 {
		return none
	}
	texts := make([]string, len(parts))
	for i, p := range parts {
		texts[i] = inner(p)
	}
	return strings.Join(texts, by)
}

// inner is p as a part of another predicate.
func inner(p Predicate) string {
	switch p.(type) {
	case nil:
		return "true"
	case And, Or:
		return "(" + p.String() + ")"
	}
	return p.String()
}

// name is a column's name, quoted where it could be read as something else.
func name(column string) string {
	for i, c := range column {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return fmt.Sprintf("`%s`", column)
		}
	}
	if column == "" {
		return "``"
	}
	return column
}
