package aggregate

import (
	"fmt"
	"math/big"
	"time"

	"github.com/annalsdb/annals/segment"
)

// Linear is an aggregate over time of int64 and float64 values that a line joins
// to the next one; Of is not States. Nulls, NaNs, infinities and heartbeats are
// left out: the line goes past them. Before the first and behind the last value
// time is unknown; over a window, [Edges] name the values on the other sides of
// its ends.
type Linear struct{ Of OverTime }

// String implements [Function].
func (f Linear) String() string { return overTimeNames[f.Of] + "_linear" }

// Laws implements [Function].
func (Linear) Laws() Laws { return Laws{Class: Ordered, Ordered: true} }

// Groups implements [Function].
func (f Linear) Groups(n int) Groups { return newStretches(f, n) }

func (Linear) form() byte { return linearForm }

func (Linear) admits(k segment.ValueKind) bool { return numeric(k) }

func (f Linear) newRun() run { return &linear{f: f} }

// linear is the run of Linear.
type linear struct {
	f           Linear
	rows        bool
	from, to    Row  // places of all rows
	values      bool // there are any
	first, last Row
	area        *exact // twice Σ mean value × ns
}

func (l *linear) add(r *Row) {
	if !l.rows {
		l.rows, l.from = true, Row{Time: r.Time, Seq: r.Seq}
	}
	l.to = Row{Time: r.Time, Seq: r.Seq}
	if !isNumber(r.Value) {
		return
	}
	if l.values {
		l.step(&l.last, r)
	} else {
		l.values, l.first = true, *r
	}
	l.last = *r
}

// step adds the area between two values.
func (l *linear) step(from, to *Row) {
	if l.area == nil {
		l.area = newSum()
	}
	t := between(from.Time, to.Time)
	for _, v := range [...]segment.Value{from.Value, to.Value} {
		if v.Kind() == segment.Int64Value {
			l.area.addIntProduct(v.Int64(), t)
		} else {
			l.area.addProduct(v.Float64(), t)
		}
	}
}

func (l *linear) join(other run) {
	o := other.(*linear)
	l.to = o.to
	if !o.values {
		return
	}
	if l.values {
		l.step(&l.last, &o.first)
	} else {
		l.values, l.first = true, o.first
	}
	if o.area != nil {
		if l.area == nil {
			l.area = newSum()
		}
		l.area.addExact(false, o.area)
	}
	l.last = o.last
}

func (l *linear) ends() (first, last Row) { return l.from, l.to }

func (l *linear) next(before, after *Row) (nextBefore, nextAfter *Row) {
	if !l.values {
		return before, after
	}
	return &l.last, &l.first
}

func (l *linear) clone() run {
	z := *l
	if l.area != nil {
		z.area = l.area.settled()
	}
	return &z
}

func (l *linear) result(e *Edges) (segment.Value, error) {
	area, known, unknown := new(big.Rat), uint64(0), uint64(0)
	if l.values {
		known = between(l.first.Time, l.last.Time)
	}
	if l.area != nil {
		scale := new(big.Int).Lsh(big.NewInt(1), uint(1-l.area.low)) // it is twice
		area.SetFrac(l.area.int(), scale)
	}
	if e != nil {
		edges, more := l.edges(e)
		area.Add(area, edges)
		known += more
		unknown = between(e.Start, e.End) - known
	}
	switch {
	case l.f.Of > Unknown:
		return segment.Value{}, fmt.Errorf("%s: a line has no states", l.f)
	case l.f.Of == Known:
		return duration(known), nil
	case l.f.Of == Unknown:
		return duration(unknown), nil
	case known == 0:
		return segment.Value{}, nil
	}
	over := new(big.Int).SetUint64(known)
	if l.f.Of == Integral {
		over.SetInt64(int64(time.Second))
	}
	return segment.Float64Of(quotient(area.Num(), 0, over.Mul(over, area.Denom()))), nil
}

// edges is the area, value × ns, between the ends and the values next to them,
// and the time that it is known for.
func (l *linear) edges(e *Edges) (area *big.Rat, known uint64) {
	area = new(big.Rat)
	before := e.Before != nil && isNumber(e.Before.Value)
	after := e.After != nil && isNumber(e.After.Value)
	if !l.values {
		if before && after {
			return line(e.Before, e.After, e.Start, e.End), between(e.Start, e.End)
		}
		return area, 0
	}
	if before {
		area.Add(area, line(e.Before, &l.first, e.Start, l.first.Time))
		known += between(e.Start, l.first.Time)
	}
	if after {
		area.Add(area, line(&l.last, e.After, l.last.Time, e.End))
		known += between(l.last.Time, e.End)
	}
	return area, known
}

// line is the area from time a to time b under the line through p and q.
func line(p, q *Row, a, b int64) *big.Rat {
	v0, v1 := rational(p.Value), rational(q.Value)
	slope := new(big.Rat).Sub(v1, v0)
	slope.Quo(slope, ratio(between(p.Time, q.Time)))
	// The mean is the value in the middle: v0 + slope × ((a + b)/2 − p).
	middle := ratio(between(p.Time, a))
	middle.Add(middle, ratio(between(p.Time, b)))
	middle.Mul(middle, slope).Quo(middle, ratio(2))
	middle.Add(middle, v0)
	return middle.Mul(middle, ratio(between(a, b)))
}

func ratio(u uint64) *big.Rat { return new(big.Rat).SetUint64(u) }

// rational is the number v.
func rational(v segment.Value) *big.Rat {
	if v.Kind() == segment.Int64Value {
		return new(big.Rat).SetInt64(v.Int64())
	}
	return new(big.Rat).SetFloat64(v.Float64())
}

// A linear run
//
//	row, row  places of the first and the last row, with null values
//	nothing more if there are no values; otherwise
//	row, row  the first and the last value
//	number    Σ (value + next) × ns

func (l *linear) append(dst []byte) []byte {
	dst = appendRow(appendRow(dst, &l.from), &l.to)
	if !l.values {
		return dst
	}
	dst = appendRow(appendRow(dst, &l.first), &l.last)
	if l.area == nil {
		return append(dst, 0)
	}
	return appendNumber(dst, l.area)
}

func (f Linear) readRun(d *segment.Decoder) (run, bool) {
	l := &linear{f: f, rows: true, from: readRow(d), to: readRow(d)}
	if d.Bad() || l.to.before(&l.from) || !l.from.Value.IsNull() || !l.to.Value.IsNull() {
		return nil, false
	}
	if d.Rest() == "" {
		return l, true
	}
	l.values, l.first, l.last = true, readRow(d), readRow(d)
	z, ok := readNumber(d, sumLow, sumChunks)
	if !ok || !isNumber(l.first.Value) || !isNumber(l.last.Value) || l.last.before(&l.first) ||
		l.first.before(&l.from) || l.to.before(&l.last) {
		return nil, false
	}
	if z.bytes != "" {
		l.area = newSum()
		l.area.addNumber(false, z)
	}
	return l, true
}
