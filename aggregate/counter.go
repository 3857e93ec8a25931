package aggregate

import (
	"math/big"
	"time"

	"github.com/annalsdb/annals/segment"
)

// Increase is by how much a counter rose: the sum of its steps up, where a value
// lower than the one before is a counter that began again at 0. Of int64s it is
// an exact int64 ([ErrOverflow] where it is none), with floats the nearest float.
// Nulls, NaNs, infinities and heartbeats are left out. Of fewer than two values
// it is null.
//
// Over a window it includes the step from the value before it, so that the
// increases of windows that follow each other add up. Nothing is extrapolated.
type Increase struct{}

// Rate is [Increase] a second, a float64: over the time from the first value to
// the last; over a window with a value before it, over the whole window.
type Rate struct{}

// String implements [Function].
func (Increase) String() string { return "increase" }

// String implements [Function].
func (Rate) String() string { return "rate" }

// Laws implements [Function].
func (Increase) Laws() Laws { return Laws{Class: Ordered, Ordered: true} }

// Laws implements [Function].
func (Rate) Laws() Laws { return Laws{Class: Ordered, Ordered: true} }

// Groups implements [Function].
func (f Increase) Groups(n int) Groups { return newStretches(f, n) }

// Groups implements [Function].
func (f Rate) Groups(n int) Groups { return newStretches(f, n) }

func (Increase) form() byte { return counterForm }
func (Rate) form() byte     { return counterForm }

func (Increase) admits(k segment.ValueKind) bool { return numeric(k) }
func (Rate) admits(k segment.ValueKind) bool     { return numeric(k) }

func (Increase) newRun() run { return &counter{} }
func (Rate) newRun() run     { return &counter{rate: true} }

// counter is the run of Increase and Rate. The increase is last − first + what
// the counter had reached when it began again.
type counter struct {
	rate        bool
	rows        bool
	from, to    Row  // places of all rows
	values      bool // there are any
	first, last Row
	lost        *exact // Σ of values before a lower one; nil: none
	floats      bool   // there are any
}

func (c *counter) add(r *Row) {
	if !c.rows {
		c.rows, c.from = true, Row{Time: r.Time, Seq: r.Seq}
	}
	c.to = Row{Time: r.Time, Seq: r.Seq}
	if !isNumber(r.Value) {
		return
	}
	c.step(r)
	c.last = *r
	c.floats = c.floats || r.Value.Kind() == segment.Float64Value
}

// step goes from the last value to r.
func (c *counter) step(r *Row) {
	switch {
	case !c.values:
		c.values, c.first = true, *r
	case falls(c.last.Value, r.Value):
		c.lose(c.last.Value)
	}
}

// falls reports whether b is a lower number than a.
func falls(a, b segment.Value) bool {
	switch af, bf := a.Kind() == segment.Float64Value, b.Kind() == segment.Float64Value; {
	case af && bf:
		return a.Float64() > b.Float64()
	case af || bf:
		return rational(a).Cmp(rational(b)) > 0
	}
	return a.Int64() > b.Int64()
}

func (c *counter) lose(v segment.Value) {
	if c.lost == nil {
		c.lost = newSum()
	}
	addValue(c.lost, v, false)
}

// addValue adds the number v, or takes it away.
func addValue(x *exact, v segment.Value, minus bool) {
	if v.Kind() == segment.Int64Value {
		x.add(minus != (v.Int64() < 0), 0, magnitude(v.Int64()), 0)
		return
	}
	neg, m, e := split(v.Float64())
	x.add(minus != neg, 0, m, e)
}

func (c *counter) join(other run) {
	o := other.(*counter)
	c.to = o.to
	if !o.values {
		return
	}
	c.step(&o.first)
	if o.lost != nil {
		if c.lost == nil {
			c.lost = newSum()
		}
		c.lost.addExact(false, o.lost)
	}
	c.last = o.last
	c.floats = c.floats || o.floats
}

func (c *counter) ends() (first, last Row) { return c.from, c.to }

func (c *counter) next(before, after *Row) (nextBefore, nextAfter *Row) {
	if !c.values {
		return before, after
	}
	return &c.last, &c.first
}

func (c *counter) clone() run {
	z := *c
	if c.lost != nil {
		z.lost = c.lost.settled()
	}
	return &z
}

func (c *counter) result(e *Edges) (segment.Value, error) {
	single := !c.values || !c.first.before(&c.last)
	passed := uint64(0)
	if c.values {
		passed = between(c.first.Time, c.last.Time)
	}
	if e != nil && e.Before != nil && isNumber(e.Before.Value) {
		z := &counter{rate: c.rate}
		z.add(e.Before)
		if c.rows {
			z.join(c)
		}
		c, single, passed = z, false, between(e.Start, e.End)
	}
	if single {
		return segment.Value{}, nil
	}
	x := newSum()
	if c.lost != nil {
		x.addExact(false, c.lost)
	}
	addValue(x, c.last.Value, false)
	addValue(x, c.first.Value, true)
	if c.rate {
		return perSecond(x, passed), nil
	}
	return c.number(x)
}

// perSecond is x / t, null for no time.
func perSecond(x *exact, t uint64) segment.Value {
	if t == 0 {
		return segment.Value{}
	}
	num := x.int()
	num.Mul(num, big.NewInt(int64(time.Second)))
	return segment.Float64Of(quotient(num, x.low, new(big.Int).SetUint64(t)))
}

// number is x as the kind of number that the counter is.
func (c *counter) number(x *exact) (segment.Value, error) {
	if c.floats {
		f, _ := x.float()
		return segment.Float64Of(f), nil
	}
	z := x.int()
	z.Rsh(z, uint(-x.low))
	if !z.IsInt64() {
		return segment.Value{}, ErrOverflow
	}
	return segment.Int64Of(z.Int64()), nil
}

// A counter run
//
//	row, row  places of the first and the last row, with null values
//	nothing more if there are no values; otherwise
//	row, row  the first and the last value
//	1 byte    1 if there are floats, else 0
//	number    Σ of the values before a lower one

func (c *counter) append(dst []byte) []byte {
	dst = appendRow(appendRow(dst, &c.from), &c.to)
	if !c.values {
		return dst
	}
	dst = append(appendRow(appendRow(dst, &c.first), &c.last), byte(bit(c.floats)))
	if c.lost == nil {
		return append(dst, 0)
	}
	return appendNumber(dst, c.lost)
}

func (f Increase) readRun(d *segment.Decoder) (run, bool) { return readCounter(d, &counter{}) }
func (f Rate) readRun(d *segment.Decoder) (run, bool)     { return readCounter(d, &counter{rate: true}) }

func readCounter(d *segment.Decoder, c *counter) (run, bool) {
	c.rows, c.from, c.to = true, readRow(d), readRow(d)
	if d.Bad() || c.to.before(&c.from) || !c.from.Value.IsNull() || !c.to.Value.IsNull() {
		return nil, false
	}
	if d.Rest() == "" {
		return c, true
	}
	c.values, c.first, c.last = true, readRow(d), readRow(d)
	kind := d.Byte()
	c.floats = kind == 1
	z, ok := readNumber(d, sumLow, sumChunks)
	floats := c.first.Value.Kind() == segment.Float64Value || c.last.Value.Kind() == segment.Float64Value
	if !ok || kind > 1 || !c.floats && (floats || z.exp < 0) || !isNumber(c.first.Value) || !isNumber(c.last.Value) ||
		c.last.before(&c.first) || c.first.before(&c.from) || c.to.before(&c.last) {
		return nil, false
	}
	if z.bytes != "" {
		c.lost = newSum()
		c.lost.addNumber(false, z)
	}
	return c, true
}
