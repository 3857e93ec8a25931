package aggregate

import (
	"github.com/annalsdb/annals/segment"
)

// First is the value of the first row in the order of (Time, Seq), of any kind.
// Nulls are left out; of nothing it is null. Rows may come in any order.
type First struct{}

// Last is the value of the last row in the order of (Time, Seq), of any kind.
// Nulls are left out; of nothing it is null. Rows may come in any order.
type Last struct{}

// String implements [Function].
func (First) String() string { return "first" }

// String implements [Function].
func (Last) String() string { return "last" }

// Laws implements [Function].
func (First) Laws() Laws { return Laws{Class: Semilattice} }

// Laws implements [Function].
func (Last) Laws() Laws { return Laws{Class: Semilattice} }

// Groups implements [Function].
func (f First) Groups(n int) Groups { return &places{f: f, rows: make([]Row, n)} }

// Groups implements [Function].
func (f Last) Groups(n int) Groups { return &places{f: f, last: true, rows: make([]Row, n)} }

// places are rows; one with a null is none.
type places struct {
	f    Function
	last bool
	rows []Row
}

func (p *places) function() Function { return p.f }

// Len implements [Groups].
func (p *places) Len() int { return len(p.rows) }

// Grow implements [Groups].
func (p *places) Grow(n int) { p.rows = grow(p.rows, n) }

// Add implements [Groups].
func (p *places) Add(groups []uint32, v *Vector) error {
	if err := check(groups, v, true); err != nil || v.Kind == segment.NullValue {
		return err
	}
	for i, t := range v.Time {
		have := &p.rows[target(groups, i)]
		if at := (Row{Time: t, Seq: uint64(v.Seq[i])}); p.wins(have, &at) {
			*have = v.row(i)
		} else if !at.before(have) && !have.before(&at) {
			p.take(target(groups, i), v.row(i))
		}
	}
	return nil
}

// wins reports whether a row of that place is wanted rather than have.
func (p *places) wins(have, at *Row) bool {
	if p.last {
		return have.Value.IsNull() || have.before(at)
	}
	return have.Value.IsNull() || at.before(have)
}

// take takes in a row. Of two at one place, which the engine never gives, the
// lesser value counts, so that the order does not.
func (p *places) take(g int, r Row) {
	have := &p.rows[g]
	same := !r.before(have) && !have.before(&r)
	if !r.Value.IsNull() && (p.wins(have, &r) || same && Compare(r.Value, have.Value) < 0) {
		*have = r
	}
}

// Merge implements [Groups].
func (p *places) Merge(groups []uint32, other Groups) error {
	o, err := same(p, groups, other)
	if err != nil {
		return err
	}
	for i, r := range o.rows {
		if g, ok := ordinal(groups, i); ok {
			p.take(g, r)
		}
	}
	return nil
}

// Result implements [Groups].
func (p *places) Result(group int) (segment.Value, error) { return p.rows[group].Value, nil }

// Size implements [Groups].
func (p *places) Size() int64 { return int64(rowSize * cap(p.rows)) }

// rowSize is about how many bytes a row takes.
const rowSize = 64

// A place: 1 byte placeForm; a row, missing if there is none.

// AppendBinary implements [Groups].
func (p *places) AppendBinary(dst []byte, group int) ([]byte, error) {
	dst = append(dst, placeForm)
	if r := &p.rows[group]; !r.Value.IsNull() {
		dst = appendRow(dst, r)
	}
	return dst, nil
}

// MergeBinary implements [Groups].
func (p *places) MergeBinary(group int, b []byte) error {
	d, err := open(p.f, b, placeForm)
	if err != nil || d.Rest() == "" {
		return err
	}
	r := readRow(&d)
	if d.Bad() || d.Rest() != "" || r.Value.IsNull() {
		return malformed(p.f)
	}
	p.take(group, r)
	return nil
}
