package query

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/segment"
)

// function is the function of package aggregate that computes a.
func (a *aggregation) function() (aggregate.Function, error) {
	alive := time.Duration(0)
	if len(a.args) > 0 && a.args[len(a.args)-1].op == intervalOp {
		span := a.args[len(a.args)-1].span
		if span.months != 0 {
			return nil, a.args[len(a.args)-1].fail("%s takes an INTERVAL of days and less", a.kind.name)
		}
		alive = time.Duration(span.days)*24*time.Hour + time.Duration(span.nanos)
		if alive <= 0 {
			return nil, a.args[len(a.args)-1].fail("%s takes an INTERVAL above 0", a.kind.name)
		}
	}
	switch a.kind.name {
	case "count":
		if a.distinct {
			return aggregate.Distinct{}, nil
		}
		return aggregate.Count{Rows: true}, nil // of rows that are not null
	case "quantile":
		return a.quantile()
	case "top_k":
		k := a.args[1].value
		if k.Kind() != segment.Int64Value || k.Int64() < 1 {
			return nil, a.args[1].fail("top_k takes a number of 1 or more")
		}
		return aggregate.TopK{K: int(min(k.Int64(), 1<<20))}, nil
	case "live_time", "dead_time":
		return aggregate.Liveness{Every: alive, Dead: a.kind.name == "dead_time"}, nil
	case "time_avg":
		return aggregate.Carried{Of: aggregate.Average, Alive: alive}, nil
	case "integral":
		return aggregate.Carried{Of: aggregate.Integral, Alive: alive}, nil
	case "known_time":
		return aggregate.Carried{Of: aggregate.Known, Alive: alive}, nil
	case "unknown_time":
		return aggregate.Carried{Of: aggregate.Unknown, Alive: alive}, nil
	case "time_in_state":
		return aggregate.TimeInState(alive), nil
	}
	if a.distinct {
		return distinctly{plainFunctions[a.kind.name]}, nil
	}
	return plainFunctions[a.kind.name], nil
}

// placed reports whether it matters where rows stand in time.
func (a *aggregation) placed() bool {
	f, err := a.function()
	return err == nil && (a.kind.name == "first" || a.kind.name == "last" || f.Laws().Class == aggregate.Ordered)
}

// plainFunctions are those without settings.
var plainFunctions = map[string]aggregate.Function{
	"sum": aggregate.Sum{}, "avg": aggregate.Avg{}, "min": aggregate.Min{}, "max": aggregate.Max{},
	"any": aggregate.Any{}, "all": aggregate.All{}, "any_value": aggregate.AnyValue{},
	"first": aggregate.First{}, "last": aggregate.Last{}, "approx_distinct": aggregate.DistinctSketch{},
	"var_samp": aggregate.Variance{}, "var_pop": aggregate.Variance{Population: true},
	"stddev_samp": aggregate.StdDev{}, "stddev_pop": aggregate.StdDev{Population: true},
	"increase": aggregate.Increase{}, "rate": aggregate.Rate{},
	"time_avg_linear": aggregate.Linear{Of: aggregate.Average}, "integral_linear": aggregate.Linear{Of: aggregate.Integral},
}

func (a *aggregation) quantile() (aggregate.Function, error) {
	q := a.args[1].value
	share := floatOf(q)
	if isNull(q) || !(share >= 0 && share <= 1) {
		return nil, a.args[1].fail("quantile takes a share from 0 to 1")
	}
	return aggregate.Quantile{Q: share}, nil
}

// distinctly is a function over the values of a group, each once: of those that are
// the same, the one that [shown] tells.
type distinctly struct{ of aggregate.Function }

// String implements [aggregate.Function].
func (f distinctly) String() string { return f.of.String() + " of distinct values" }

// Laws implements [aggregate.Function].
func (f distinctly) Laws() aggregate.Laws { return aggregate.Laws{Class: aggregate.Holistic} }

// Groups implements [aggregate.Function].
func (f distinctly) Groups(n int) aggregate.Groups {
	return &distincts{of: f.of, groups: make([]map[string]Value, n)}
}

// distincts are sets of values by their keys.
type distincts struct {
	of     aggregate.Function
	groups []map[string]Value
	values int // in all groups
	key    []byte
}

// Len implements [aggregate.Groups].
func (d *distincts) Len() int { return len(d.groups) }

// Grow implements [aggregate.Groups].
func (d *distincts) Grow(n int) { d.groups = extended(d.groups, n) }

// Add implements [aggregate.Groups].
func (d *distincts) Add(groups []uint32, v *aggregate.Vector) error {
	c := Column{Kind: v.Kind, Ints: v.Ints, Floats: v.Floats, n: v.Len()}
	if c.Kind != segment.Int64Value && c.Kind != segment.Float64Value {
		return aggregate.ErrKind
	}
	for i := range c.n {
		g := 0
		if groups != nil {
			g = int(groups[i])
		}
		d.add(g, c.Value(i))
	}
	return nil
}

func (d *distincts) add(g int, v Value) {
	if d.groups[g] == nil {
		d.groups[g] = map[string]Value{}
	}
	d.key = appendKey(d.key[:0], v)
	if had, ok := d.groups[g][string(d.key)]; ok {
		v = shown(had, v)
	} else {
		d.values++
	}
	d.groups[g][string(d.key)] = v
}

// Merge implements [aggregate.Groups].
func (d *distincts) Merge(groups []uint32, o aggregate.Groups) error {
	for i, set := range o.(*distincts).groups {
		g := i
		if groups != nil {
			if groups[i] == aggregate.Nowhere {
				continue
			}
			g = int(groups[i])
		}
		for _, v := range set {
			d.add(g, v)
		}
	}
	return nil
}

// Size implements [aggregate.Groups].
func (d *distincts) Size() int64 { return int64(8*cap(d.groups) + 96*d.values) }

// AppendBinary implements [aggregate.Groups]: the values, sorted by their keys.
func (d *distincts) AppendBinary(dst []byte, group int) ([]byte, error) {
	set := d.groups[group]
	for _, key := range slices.Sorted(maps.Keys(set)) {
		dst = segment.AppendValue(dst, set[key])
	}
	return dst, nil
}

// MergeBinary implements [aggregate.Groups].
func (d *distincts) MergeBinary(group int, b []byte) error {
	values := segment.NewDecoder(string(b))
	for values.Rest() != "" {
		v := values.Value()
		if values.Bad() || !isNumber(v) {
			return fmt.Errorf("decode %s: %w", distinctly{d.of}, aggregate.ErrEncoding)
		}
		d.add(group, v)
	}
	return nil
}

// Result implements [aggregate.Groups].
func (d *distincts) Result(group int) (Value, error) {
	p := aggregate.NewPartial(d.of)
	for _, v := range d.groups[group] {
		if err := p.Add(aggregate.Row{Value: v}); err != nil {
			return Value{}, err
		}
	}
	return p.Result()
}
