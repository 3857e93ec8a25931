package aggregate

import (
	"encoding/binary"

	"github.com/annalsdb/annals/segment"
)

// Accumulator is a partial result of a function of the user's own, over one group.
type Accumulator interface {
	// Add takes in a row.
	Add(r Row) error
	// Merge takes in o, made by the same function; o stays as it is.
	Merge(o Accumulator) error
	// Append appends the encoding. Equal content must give equal bytes.
	Append(dst []byte) []byte
	// Result is the value; null where there is nothing to say.
	Result() (segment.Value, error)
}

// Custom is a function of the user's own. Its laws are promises: a maintained
// result relies on them. Rows come in any order, as workers have them, unless
// Promises.Ordered; then whoever adds them sees to the order.
type Custom struct {
	Name     string // with all settings; no other function's String
	Promises Laws   // Inverts is ignored: it does not
	New      func() Accumulator
	// Decode reads what Append appended; b is the caller's again afterwards.
	Decode func(b []byte) (Accumulator, error)
}

// String implements [Function].
func (f Custom) String() string { return f.Name }

// Laws implements [Function].
func (f Custom) Laws() Laws {
	l := f.Promises
	l.Inverts = false
	return l
}

// Groups implements [Function].
func (f Custom) Groups(n int) Groups {
	c := &customs{f: f}
	c.Grow(n)
	return c
}

type customs struct {
	f      Custom
	groups []Accumulator
}

func (c *customs) function() Function { return c.f }

// Len implements [Groups].
func (c *customs) Len() int { return len(c.groups) }

// Grow implements [Groups].
func (c *customs) Grow(n int) {
	for len(c.groups) < n {
		c.groups = append(c.groups, c.f.New())
	}
}

// Add implements [Groups]; rows without times and positions have none.
func (c *customs) Add(groups []uint32, v *Vector) error {
	placed := c.f.Promises.Ordered || len(v.Time) > 0
	if err := check(groups, v, placed); err != nil {
		return err
	}
	for i := range v.Len() {
		r := Row{Value: v.value(i), Beat: v.Beats}
		if placed {
			r = v.row(i)
		}
		if err := c.groups[target(groups, i)].Add(r); err != nil {
			return err
		}
	}
	return nil
}

// Merge implements [Groups].
func (c *customs) Merge(groups []uint32, other Groups) error {
	o, err := same(c, groups, other)
	if err != nil {
		return err
	}
	for i, a := range o.groups {
		g, ok := ordinal(groups, i)
		if !ok {
			continue
		}
		if err := c.groups[g].Merge(a); err != nil {
			return err
		}
	}
	return nil
}

// Result implements [Groups].
func (c *customs) Result(group int) (segment.Value, error) { return c.groups[group].Result() }

// Size implements [Groups]; what an accumulator keeps beyond a few words is not
// known.
func (c *customs) Size() int64 { return int64(64 * len(c.groups)) }

// A custom partial result: 1 byte customForm; uvarint length and bytes of the
// name; what the function appends.

// AppendBinary implements [Groups].
func (c *customs) AppendBinary(dst []byte, group int) ([]byte, error) {
	dst = binary.AppendUvarint(append(dst, customForm), uint64(len(c.f.Name)))
	return c.groups[group].Append(append(dst, c.f.Name...)), nil
}

// MergeBinary implements [Groups].
func (c *customs) MergeBinary(group int, b []byte) error {
	d, err := open(c.f, b, customForm)
	if err != nil {
		return err
	}
	if d.Text() != c.f.Name || d.Bad() {
		return malformed(c.f)
	}
	a, err := c.f.Decode([]byte(d.Rest()))
	if err != nil {
		return err
	}
	return c.groups[group].Merge(a)
}
