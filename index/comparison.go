package index

import (
	"slices"
	"strconv"
	"strings"
)

// comparison is a predicate on the value of one column, or one part of it that
// zones can tell of.
type comparison interface {
	Predicate
	column() string
	// reaches reports whether values of kind k can pass at all.
	reaches(k Kind) bool
	// judge says which of the values of z, all of kind k, pass.
	judge(k Kind, z *Zone) Verdict
}

// Eq is true where the column's value equals Value. Where Value is null it is
// unknown.
type Eq struct {
	Column string
	Value  Literal
}

// Test implements [Predicate].
func (p Eq) Test(row Row) Truth { return p.in().Test(row) }

// in is p as the In that it is.
func (p Eq) in() In { return In{p.Column, []Literal{p.Value}} }

// String implements [Predicate].
func (p Eq) String() string { return name(p.Column) + " = " + p.Value.String() }

// In is true where the column's value equals one of Values. Where it equals none
// and one of them is null it is unknown.
type In struct {
	Column string
	Values []Literal
}

// Test implements [Predicate].
func (p In) Test(row Row) Truth {
	v, _ := row(p.Column)
	if v.kind == Null {
		return Unknown
	}
	truth := False
	for _, want := range p.Values {
		if order, ok := v.Compare(want); ok && order == 0 {
			return True
		}
		if want.kind == Null {
			truth = Unknown
		}
	}
	return truth
}

// String implements [Predicate].
func (p In) String() string {
	values := make([]string, len(p.Values))
	for i, v := range p.Values {
		values[i] = v.String()
	}
	return name(p.Column) + " in (" + strings.Join(values, ", ") + ")"
}

func (p In) column() string { return p.Column }

func (p In) reaches(k Kind) bool {
	return slices.ContainsFunc(p.Values, func(v Literal) bool { return alike(k, v.kind) })
}

func (p In) judge(k Kind, z *Zone) Verdict {
	v := Never
	for _, value := range p.Values {
		if !alike(k, value.kind) {
			continue
		}
		switch z.between(Bound{Value: value}, Bound{Value: value}) {
		case Always:
			return Always
		case Maybe:
			v = Maybe
		}
	}
	return v
}

// Bound is one end of a [Range]. The zero Bound is none.
type Bound struct {
	Value Literal
	Open  bool // Value itself is outside
}

// Range is true where the column's value is within both bounds; without bounds,
// where there is a value. A column compared with null is not a Range but an [Eq].
type Range struct {
	Column string
	Lo, Hi Bound
}

// Test implements [Predicate].
func (p Range) Test(row Row) Truth {
	v, _ := row(p.Column)
	if v.kind == Null {
		return Unknown
	}
	return truthOf(p.Lo.admits(v, 1) && p.Hi.admits(v, -1))
}

// admits reports whether v is on side (1 above, −1 below) of b, or b is none.
func (b Bound) admits(v Literal, side int) bool {
	if b.Value.kind == Null {
		return true
	}
	order, ok := v.Compare(b.Value)
	return ok && (order == side || order == 0 && !b.Open)
}

// String implements [Predicate].
func (p Range) String() string {
	lo, hi := "", ""
	if p.Lo.Value.kind != Null {
		lo = p.Lo.Value.String() + p.Lo.sign()
	}
	if p.Hi.Value.kind != Null {
		hi = p.Hi.sign() + p.Hi.Value.String()
	}
	if lo == "" && hi == "" {
		return name(p.Column) + " is not null"
	}
	return lo + name(p.Column) + hi
}

func (b Bound) sign() string {
	if b.Open {
		return " < "
	}
	return " <= "
}

func (p Range) column() string                { return p.Column }
func (p Range) reaches(k Kind) bool           { return p.Lo.reaches(k) && p.Hi.reaches(k) }
func (p Range) judge(_ Kind, z *Zone) Verdict { return z.between(p.Lo, p.Hi) }

// reaches reports whether values of kind k can be within b.
func (b Bound) reaches(k Kind) bool { return b.Value.kind == Null || alike(k, b.Value.kind) }

// Prefix is true where the column's value is a string that begins with Prefix.
type Prefix struct {
	Column string
	Prefix string
}

// Test implements [Predicate].
func (p Prefix) Test(row Row) Truth {
	v, _ := row(p.Column)
	if v.kind == Null {
		return Unknown
	}
	return truthOf(v.kind == String && strings.HasPrefix(v.text, p.Prefix))
}

// String implements [Predicate].
func (p Prefix) String() string { return name(p.Column) + " begins with " + strconv.Quote(p.Prefix) }

func (p Prefix) column() string                { return p.Column }
func (p Prefix) reaches(k Kind) bool           { return k == String }
func (p Prefix) judge(_ Kind, z *Zone) Verdict { return z.begins(p.Prefix) }

// IsNull is true where the row has no such column or a null in it, and false
// elsewhere.
type IsNull struct{ Column string }

// Test implements [Predicate].
func (p IsNull) Test(row Row) Truth {
	v, _ := row(p.Column)
	return truthOf(v.kind == Null)
}

// String implements [Predicate].
func (p IsNull) String() string { return name(p.Column) + " is null" }

func (p IsNull) column() string            { return p.Column }
func (p IsNull) reaches(Kind) bool         { return true }
func (p IsNull) judge(Kind, *Zone) Verdict { return Never }

// Same is true where the row has the column with just this value, kind and bits
// (== of literals), a null if Value is null, and false elsewhere.
type Same struct {
	Column string
	Value  Literal
}

// Test implements [Predicate].
func (p Same) Test(row Row) Truth {
	v, ok := row(p.Column)
	return truthOf(ok && v == p.Value)
}

// String implements [Predicate].
func (p Same) String() string { return name(p.Column) + " is " + p.Value.String() }

func (p Same) column() string                { return p.Column }
func (p Same) reaches(k Kind) bool           { return k == p.Value.kind }
func (p Same) judge(_ Kind, z *Zone) Verdict { return z.same(p.Value) }
