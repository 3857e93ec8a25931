package query

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"time"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/segment"
)

// naiveOrdered are the aggregates that go by where rows stand in time, each by a walk
// from row to row with exact fractions; live_time and dead_time have no values.
var naiveOrdered = map[string]func(w *naiveWalk) (Value, error){
	"increase":        (*naiveWalk).increase,
	"rate":            (*naiveWalk).rate,
	"time_avg":        func(w *naiveWalk) (Value, error) { return w.over(w.carried(), nil), nil },
	"integral":        func(w *naiveWalk) (Value, error) { return w.over(w.carried(), big.NewRat(int64(time.Second), 1)), nil },
	"known_time":      func(w *naiveWalk) (Value, error) { return segment.Int64Of(w.carried().known), nil },
	"unknown_time":    func(w *naiveWalk) (Value, error) { return segment.Int64Of(w.carried().unknown), nil },
	"time_in_state":   func(w *naiveWalk) (Value, error) { return w.carried().list(), nil },
	"time_avg_linear": func(w *naiveWalk) (Value, error) { return w.over(w.linear(), nil), nil },
	"integral_linear": func(w *naiveWalk) (Value, error) { return w.over(w.linear(), big.NewRat(int64(time.Second), 1)), nil },
	"live_time":       func(w *naiveWalk) (Value, error) { return segment.Int64Of(w.carried().known), nil },
	"dead_time":       func(w *naiveWalk) (Value, error) { return segment.Int64Of(w.carried().unknown), nil },
}

// naiveWalk is the rows of a group in order, heartbeats among them.
type naiveWalk struct {
	rows       []naivePoint
	window     bool
	start, end int64
	alive      int64 // 0: a value stands for ever
	any        bool  // values of any kind stand
}

type naivePoint struct {
	time  int64
	value Value
	beat  bool
}

// walk is the rows of a group as an aggregate sees them.
func (a *aggregation) walk(g *naiveGroup, rows []naiveSlots, window bool) (*naiveWalk, error) {
	w := &naiveWalk{window: window, start: g.start, end: g.end}
	liveness := a.kind.takes[0] == spans
	w.any = liveness || a.kind.name == "time_in_state"
	if last := a.args[len(a.args)-1]; last.op == intervalOp {
		w.alive = int64(last.span.days)*int64(24*time.Hour) + last.span.nanos
	}
	for _, r := range rows {
		if r.kind == "retraction" {
			continue
		}
		p := naivePoint{r.time, segment.BoolOf(true), r.kind == "heartbeat" && !liveness}
		if !liveness {
			var err error
			if p.value, err = a.args[0].eval(r.values); err != nil {
				return nil, err
			}
			if takes := a.kind.takes[0]; !p.beat && !isNull(p.value) && !takes.has(p.value.Kind()) {
				return nil, a.args[0].fail("%s takes %s, not %s", a.kind.name, takes, p.value.Kind())
			}
		}
		w.rows = append(w.rows, p)
	}
	return w, nil
}

// naiveSpan is what values did over time.
type naiveSpan struct {
	known, unknown int64 // ns
	area           *big.Rat
	states         []Value
	times          []int64
}

func finite(v Value) bool {
	return (v.Kind() == segment.Int64Value || v.Kind() == segment.Float64Value) && !math.IsNaN(v.Float64()) && !math.IsInf(v.Float64(), 0)
}

func ratOf(v Value) *big.Rat {
	if v.Kind() == segment.Int64Value {
		return new(big.Rat).SetInt64(v.Int64())
	}
	return new(big.Rat).SetFloat64(v.Float64())
}

// carried has each value stand until the next.
func (w *naiveWalk) carried() *naiveSpan {
	s := &naiveSpan{area: new(big.Rat)}
	at, value := w.start, segment.NullOf()
	to := func(t int64) {
		passed := t - at
		live := passed
		if w.alive > 0 {
			live = min(live, w.alive)
		}
		if isNull(value) {
			live = 0
		}
		s.known += live
		s.unknown += passed - live
		if live > 0 && w.any {
			s.stand(value, live)
		} else if live > 0 {
			s.area.Add(s.area, new(big.Rat).Mul(ratOf(value), big.NewRat(live, 1)))
		}
		at = t
	}
	for i, p := range w.rows {
		if i == 0 && !w.window {
			at = p.time
		}
		to(p.time)
		switch {
		case p.beat:
		case w.any || finite(p.value):
			value = p.value
		default:
			value = segment.NullOf()
		}
	}
	if w.window {
		to(w.end)
	}
	return s
}

// stand has a state last.
func (s *naiveSpan) stand(v Value, t int64) {
	if v.Kind() == segment.Float64Value && v.Float64() == 0 { // -0 is the same
		v = segment.Float64Of(0)
	}
	i := slices.IndexFunc(s.states, func(o Value) bool { return o.Kind() == v.Kind() && aggregate.Compare(o, v) == 0 })
	if i < 0 {
		i = len(s.states)
		s.states, s.times = append(s.states, v), append(s.times, 0)
	}
	s.times[i] += t
}

// list is the states in order.
func (s *naiveSpan) list() Value {
	order := make([]int, len(s.states))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return aggregate.Compare(s.states[a], s.states[b]) })
	text := []byte("[")
	for n, i := range order {
		if n > 0 {
			text = append(text, ',')
		}
		text = s.states[i].AppendJSON(append(text, `{"value":`...))
		text = fmt.Appendf(text, `,"nanoseconds":%d}`, s.times[i])
	}
	return segment.JSONOf(append(text, ']'))
}

// linear has a line from each value to the next.
func (w *naiveWalk) linear() *naiveSpan {
	s := &naiveSpan{area: new(big.Rat)}
	var last *naivePoint
	for i := range w.rows {
		p := &w.rows[i]
		if p.beat || !finite(p.value) {
			continue
		}
		if last != nil {
			passed := p.time - last.time
			mean := new(big.Rat).Add(ratOf(last.value), ratOf(p.value))
			s.area.Add(s.area, mean.Mul(mean, big.NewRat(passed, 2)))
			s.known += passed
		}
		last = p
	}
	return s
}

// over is an area over some time, nil for the time that it is known for.
func (w *naiveWalk) over(s *naiveSpan, t *big.Rat) Value {
	if s.known == 0 {
		return segment.NullOf()
	}
	if t == nil {
		t = big.NewRat(s.known, 1)
	}
	f, _ := new(big.Rat).Quo(s.area, t).Float64()
	return segment.Float64Of(f)
}

// rise is by how much a counter rose, in which time, and whether floats are among its
// values; nil of fewer than two.
func (w *naiveWalk) rise() (sum *big.Rat, passed int64, floats bool) {
	var values []naivePoint
	for _, p := range w.rows {
		if !p.beat && finite(p.value) {
			values = append(values, p)
			floats = floats || p.value.Kind() == segment.Float64Value
		}
	}
	if len(values) < 2 {
		return nil, 0, false
	}
	sum = new(big.Rat)
	for i := 1; i < len(values); i++ {
		a, b := ratOf(values[i-1].value), ratOf(values[i].value)
		if sum.Add(sum, b); a.Cmp(b) <= 0 {
			sum.Sub(sum, a)
		}
	}
	return sum, values[len(values)-1].time - values[0].time, floats
}

func (w *naiveWalk) increase() (Value, error) {
	switch sum, _, floats := w.rise(); {
	case sum == nil:
		return segment.NullOf(), nil
	case floats:
		f, _ := sum.Float64()
		return segment.Float64Of(f), nil
	case !sum.Num().IsInt64():
		return Value{}, fmt.Errorf("query: increase: %w", errOverflow)
	default:
		return segment.Int64Of(sum.Num().Int64()), nil
	}
}

func (w *naiveWalk) rate() (Value, error) {
	sum, passed, _ := w.rise()
	if sum == nil || passed == 0 {
		return segment.NullOf(), nil
	}
	f, _ := sum.Mul(sum, big.NewRat(int64(time.Second), passed)).Float64()
	return segment.Float64Of(f), nil
}
