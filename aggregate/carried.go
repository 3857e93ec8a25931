package aggregate

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"slices"
	"time"

	"github.com/annalsdb/annals/segment"
)

// Carried is an aggregate over time of values of which each stands until the next
// one: last value carried forward. A null, a NaN or an infinity makes the value
// unknown until the next one. With Alive, a value stands at most that long after
// the last row of any kind, heartbeats included; beyond it time is unknown, until
// the next row: if that is a heartbeat, the value stands again. Before the first
// value, time is unknown.
//
// Over a window [Partial.ResultIn] begins with the value that stood at its start
// and goes on to its end; Result goes from the first row to the last.
type Carried struct {
	Of    OverTime
	Alive time.Duration // 0: for ever
}

// OverTime says what is asked of values over time.
type OverTime uint8

// What is asked of values over time. An average or integral over no known time is
// null. All are correctly rounded, once.
const (
	Average  OverTime = iota // the integral over known time
	Integral                 // value × seconds, over known time
	Known                    // how long the value was known, ns
	Unknown                  // how long it was not, ns
	States                   // how long each value stood, ns: of any kind, see [TimeInState]
)

var overTimeNames = [...]string{"time_avg", "integral", "known_time", "unknown_time", "time_in_state"}

// String implements [Function].
func (f Carried) String() string {
	name := overTimeNames[f.Of]
	if f.Alive > 0 {
		name += fmt.Sprintf("(%s)", f.Alive)
	}
	return name
}

// Laws implements [Function].
func (Carried) Laws() Laws { return Laws{Class: Ordered, Ordered: true} }

// Groups implements [Function].
func (f Carried) Groups(n int) Groups { return newStretches(f, n) }

func (Carried) form() byte { return carriedForm }

func (f Carried) admits(k segment.ValueKind) bool { return f.Of == States || numeric(k) }

func (f Carried) newRun() run {
	c := &carried{f: f}
	if f.Of == States {
		c.states = map[segment.Value]uint64{}
	}
	return c
}

// TimeInState is how long each value stood: a JSON list of {"value", "nanoseconds"}
// in the order of [Compare]. Values are as in [Carried], of any kind.
func TimeInState(alive time.Duration) Carried { return Carried{States, alive} }

// Liveness is how long a source was live, ns, or with Dead how long it was not.
// Any row shows that it is alive from its time on for Every.
type Liveness struct {
	Every time.Duration // more than 0
	Dead  bool
}

// String implements [Function].
func (f Liveness) String() string {
	if f.Dead {
		return fmt.Sprintf("dead_time(%s)", f.Every)
	}
	return fmt.Sprintf("live_time(%s)", f.Every)
}

// Laws implements [Function].
func (Liveness) Laws() Laws { return Laws{Class: Ordered, Ordered: true} }

// Groups implements [Function].
func (f Liveness) Groups(n int) Groups { return newStretches(f, n) }

func (Liveness) form() byte { return livenessForm }

func (Liveness) admits(segment.ValueKind) bool { return true }

// newRun is that of a value that is known as long as the source is alive.
func (f Liveness) newRun() run {
	of := Known
	if f.Dead {
		of = Unknown
	}
	return &carried{f: Carried{of, max(f.Every, 1)}, beats: true}
}

// carried is the run of Carried and Liveness.
type carried struct {
	f     Carried
	beats bool // every row is a beat of liveness

	rows        bool // there are any
	first, last Row  // their places
	// The time from the first row to the first value, of which the value before
	// it would stand for live if there is one.
	head span
	// From the first value on.
	started        bool
	value          segment.Value // that stands after the last row
	known, unknown uint64
	area           *exact // Σ value × ns
	states         map[segment.Value]uint64
}

// span is a stretch of time: as long as a value stands, and beyond that.
type span struct{ live, dead uint64 }

// span is the time between two rows.
func (c *carried) span(from, to int64) span {
	d := between(from, to)
	if c.f.Alive > 0 && d > uint64(c.f.Alive) {
		return span{uint64(c.f.Alive), d - uint64(c.f.Alive)}
	}
	return span{d, 0}
}

// spend lets the value stand for s.
func (c *carried) spend(s span) {
	switch {
	case !c.started:
		c.head.live += s.live
		c.head.dead += s.dead
	case c.value.IsNull():
		c.unknown += s.live + s.dead
	default:
		c.known += s.live
		c.unknown += s.dead
		c.hold(s.live)
	}
}

// hold adds what the value does in time t.
func (c *carried) hold(t uint64) {
	switch {
	case c.states != nil:
		if t > 0 {
			c.states[c.value] += t
		}
	case c.beats || c.f.Of > Integral:
	default:
		if c.area == nil {
			c.area = newSum()
		}
		if c.value.Kind() == segment.Int64Value {
			c.area.addIntProduct(c.value.Int64(), t)
		} else {
			c.area.addProduct(c.value.Float64(), t)
		}
	}
}

func (c *carried) add(r *Row) {
	if c.rows {
		c.spend(c.span(c.last.Time, r.Time))
	} else {
		c.first = Row{Time: r.Time, Seq: r.Seq}
	}
	c.rows, c.last = true, Row{Time: r.Time, Seq: r.Seq}
	if c.beats {
		c.set(segment.BoolOf(true))
	} else if !r.Beat {
		c.set(r.Value)
	}
}

// set makes v the value that stands.
func (c *carried) set(v segment.Value) {
	c.started = true
	if c.states != nil || c.beats {
		c.value = canonical(v)
	} else if c.value = (segment.Value{}); isNumber(v) {
		c.value = canonical(v)
	}
}

func (c *carried) join(other run) {
	o := other.(*carried)
	c.spend(c.span(c.last.Time, o.first.Time))
	c.pass(o)
	c.last = o.last
}

// pass goes from the first row of o to its last.
func (c *carried) pass(o *carried) {
	c.spend(o.head)
	if !o.started {
		return
	}
	c.started, c.value = true, o.value
	c.known += o.known
	c.unknown += o.unknown
	if o.area != nil {
		if c.area == nil {
			c.area = newSum()
		}
		c.area.addExact(false, o.area)
	}
	for v, t := range o.states {
		c.states[v] += t
	}
}

func (c *carried) ends() (first, last Row) { return c.first, c.last }

// next: after rows that are heartbeats alone it is the value before them that
// stands, shown alive by the last of them.
func (c *carried) next(before, after *Row) (nextBefore, nextAfter *Row) {
	switch {
	case !c.rows:
		return before, after
	case c.started:
		return &Row{Time: c.last.Time, Seq: c.last.Seq, Value: c.value}, after
	case before == nil:
		return nil, after
	}
	return &Row{Time: c.last.Time, Seq: c.last.Seq, Value: before.Value}, after
}

// fresh is an empty run like c.
func (c *carried) fresh() *carried {
	z := &carried{f: c.f, beats: c.beats}
	if c.states != nil {
		z.states = map[segment.Value]uint64{}
	}
	return z
}

func (c *carried) clone() run {
	z := c.fresh()
	z.pass(c)
	z.rows, z.first, z.last = c.rows, c.first, c.last
	return z
}

// over is c from edge to edge.
func (c *carried) over(e *Edges) *carried {
	z := c.fresh()
	end := e.End
	if c.rows {
		end = c.first.Time
	}
	lead := span{dead: between(e.Start, end)}
	if b := e.Before; b != nil {
		if !b.Beat || c.beats {
			z.add(b)
		}
		// Of the time since b only that from the start on counts.
		all, gone := c.span(b.Time, end), c.span(b.Time, e.Start)
		lead = span{all.live - gone.live, all.dead - gone.dead}
	}
	z.spend(lead)
	if c.rows {
		z.pass(c)
		z.spend(c.span(c.last.Time, e.End))
	}
	return z
}

func (c *carried) result(e *Edges) (segment.Value, error) {
	if e != nil {
		c = c.over(e)
	}
	switch c.f.Of {
	case Known:
		return duration(c.known), nil
	case Unknown:
		return duration(c.unknown + c.head.live + c.head.dead), nil
	case States:
		return c.list()
	}
	if c.known == 0 {
		return segment.Value{}, nil
	}
	over := new(big.Int).SetUint64(c.known)
	if c.f.Of == Integral {
		over.SetInt64(int64(time.Second))
	}
	return segment.Float64Of(quotient(c.area.int(), c.area.low, over)), nil
}

// duration is t ns; 292 years and more are the most that an int64 holds.
func duration(t uint64) segment.Value {
	return segment.Int64Of(int64(min(t, math.MaxInt64)))
}

// stateList are the states in order.
func (c *carried) stateList() []segment.Value {
	list := make([]segment.Value, 0, len(c.states))
	for v := range c.states {
		list = append(list, v)
	}
	slices.SortFunc(list, Compare)
	return list
}

// list is the time in each state as JSON.
func (c *carried) list() (segment.Value, error) {
	out := []byte{'['}
	for i, v := range c.stateList() {
		if i > 0 {
			out = append(out, ',')
		}
		out = v.AppendJSON(append(out, `{"value":`...))
		out = fmt.Appendf(out, `,"nanoseconds":%d}`, c.states[v])
	}
	return segment.JSONOf(append(out, ']')), nil
}

// A carried run
//
//	varint, uvarint  time and position of the first row
//	uvarint, uvarint time of the last row less that of the first; its position
//	uvarint, uvarint time before the first value, see the struct: live, dead
//	nothing more if there is no value; otherwise
//	uvarint, uvarint known, unknown time, ns
//	value            that stands at the end
//	average, integral: a number, Σ value × ns
//	states: uvarint count, and for each, in order: value, uvarint ns

func (c *carried) append(dst []byte) []byte {
	dst = binary.AppendVarint(dst, c.first.Time)
	for _, u := range [...]uint64{c.first.Seq, between(c.first.Time, c.last.Time), c.last.Seq, c.head.live, c.head.dead} {
		dst = binary.AppendUvarint(dst, u)
	}
	if !c.started {
		return dst
	}
	dst = binary.AppendUvarint(dst, c.known)
	dst = binary.AppendUvarint(dst, c.unknown)
	dst = segment.AppendValue(dst, c.value)
	switch {
	case c.states != nil:
		dst = binary.AppendUvarint(dst, uint64(len(c.states)))
		for _, v := range c.stateList() {
			dst = binary.AppendUvarint(segment.AppendValue(dst, v), c.states[v])
		}
	case c.area != nil:
		dst = appendNumber(dst, c.area)
	case !c.beats && c.f.Of <= Integral:
		dst = append(dst, 0)
	}
	return dst
}

func (f Carried) readRun(d *segment.Decoder) (run, bool) {
	return readCarried(d, f.newRun().(*carried))
}

func (f Liveness) readRun(d *segment.Decoder) (run, bool) {
	return readCarried(d, f.newRun().(*carried))
}

func readCarried(d *segment.Decoder, c *carried) (run, bool) {
	c.rows = true
	c.first = Row{Time: d.Varint(), Seq: d.Uvarint()}
	length := d.Uvarint()
	c.last = Row{Time: int64(uint64(c.first.Time) + length), Seq: d.Uvarint()}
	c.head = span{d.Uvarint(), d.Uvarint()}
	if d.Bad() || c.last.before(&c.first) || between(c.first.Time, c.last.Time) != length {
		return nil, false
	}
	if d.Rest() == "" {
		return c, true
	}
	c.started = true
	c.known, c.unknown = d.Uvarint(), d.Uvarint()
	c.value = readValue(d)
	switch {
	case c.beats:
		return c, c.value.Kind() == segment.BoolValue
	case c.states != nil:
		return c, c.readStates(d)
	case !c.value.IsNull() && !isNumber(c.value):
		return nil, false
	case c.f.Of > Integral:
		return c, true
	}
	z, ok := readNumber(d, sumLow, sumChunks)
	c.area = newSum()
	c.area.addNumber(false, z)
	return c, ok
}

func (c *carried) readStates(d *segment.Decoder) bool {
	last := segment.Value{}
	for n := d.Uvarint(); n > 0 && !d.Bad(); n-- {
		v := readValue(d)
		if Compare(last, v) >= 0 || canonical(v) != v {
			return false // each state once and in order
		}
		last = v
		c.states[v] = d.Uvarint()
	}
	return !d.Bad()
}

// canonical is v, where that is a NaN or a zero the one that stands for all.
func canonical(v segment.Value) segment.Value {
	if v.Kind() != segment.Float64Value {
		return v
	}
	switch f := v.Float64(); {
	case f != f:
		return segment.Float64Of(math.NaN())
	case f == 0:
		return segment.Float64Of(0)
	}
	return v
}
