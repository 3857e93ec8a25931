package aggregate

import (
	"encoding/binary"

	"github.com/annalsdb/annals/segment"
)

// Count is how many values there are, of any kind, nulls left out; with Rows,
// how many rows, nulls included, heartbeats not: count(*). Of nothing it is 0.
type Count struct{ Rows bool }

// String implements [Function].
func (f Count) String() string {
	if f.Rows {
		return "count(*)"
	}
	return "count"
}

// Laws implements [Function].
func (Count) Laws() Laws { return Laws{Class: Group, Inverts: true} }

// Groups implements [Function].
func (f Count) Groups(n int) Groups { return &counts{f, make([]int64, n)} }

// Counts are groups of f that have counted so much already; n is theirs from now on.
func (f Count) Counts(n []int64) Groups { return &counts{f, n} }

type counts struct {
	f Count
	n []int64
}

func (c *counts) function() Function { return c.f }

// Len implements [Groups].
func (c *counts) Len() int { return len(c.n) }

// Grow implements [Groups].
func (c *counts) Grow(n int) { c.n = grow(c.n, n) }

// Add implements [Groups].
func (c *counts) Add(groups []uint32, v *Vector) error { return c.add(groups, v, 1) }

// Remove implements [Inverse].
func (c *counts) Remove(groups []uint32, v *Vector) error { return c.add(groups, v, -1) }

func (c *counts) add(groups []uint32, v *Vector, sign int64) error {
	if err := check(groups, v, false); err != nil {
		return err
	}
	switch {
	case v.Kind == segment.NullValue && (v.Beats || !c.f.Rows):
	case groups == nil && v.Len() > 0:
		c.n[0] += sign * int64(v.Len())
	default:
		n := c.n
		for _, g := range groups {
			n[g] += sign
		}
	}
	return nil
}

// Merge implements [Groups].
func (c *counts) Merge(groups []uint32, o Groups) error { return c.merge(groups, o, 1) }

// Subtract implements [Inverse].
func (c *counts) Subtract(groups []uint32, o Groups) error { return c.merge(groups, o, -1) }

func (c *counts) merge(groups []uint32, other Groups, sign int64) error {
	o, err := same(c, groups, other)
	if err != nil {
		return err
	}
	for i, n := range o.n {
		if g, ok := ordinal(groups, i); ok {
			c.n[g] += sign * n
		}
	}
	return nil
}

// Result implements [Groups].
func (c *counts) Result(group int) (segment.Value, error) {
	if c.n[group] < 0 {
		return segment.Value{}, ErrRemoved
	}
	return segment.Int64Of(c.n[group]), nil
}

// Size implements [Groups].
func (c *counts) Size() int64 { return int64(8 * cap(c.n)) }

// A count: 1 byte countForm; varint.

// AppendBinary implements [Groups].
func (c *counts) AppendBinary(dst []byte, group int) ([]byte, error) {
	return binary.AppendVarint(append(dst, countForm), c.n[group]), nil
}

// MergeBinary implements [Groups].
func (c *counts) MergeBinary(group int, b []byte) error {
	d, err := open(c.f, b, countForm)
	if err != nil {
		return err
	}
	n := d.Varint()
	if d.Bad() || d.Rest() != "" {
		return malformed(c.f)
	}
	c.n[group] += n
	return nil
}
