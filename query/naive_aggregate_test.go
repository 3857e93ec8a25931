package query

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"slices"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// naive is the aggregate over the rows of a group, of a window or not, by plain loops.
func (a *aggregation) naive(g *naiveGroup, window bool) (Value, error) {
	kept, err := a.filtered(g.rows)
	if err != nil {
		return Value{}, err
	}
	if len(a.args) == 0 {
		return intValue(len(kept)), nil
	}
	// first and last go by time.
	slices.SortStableFunc(kept, func(a, b naiveSlots) int { return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.seq, b.seq)) })
	if of, ok := naiveOrdered[a.kind.name]; ok {
		w, err := a.walk(g, kept, window)
		if err != nil || len(w.rows) == 0 && !window { // nothing has no time
			return Value{}, err
		}
		return of(w)
	}
	var values []Value
	for _, r := range kept {
		v, err := a.args[0].eval(r.values)
		if err != nil {
			return Value{}, err
		}
		if i := slices.IndexFunc(values, func(o Value) bool { return same(o, v) }); a.distinct && i >= 0 {
			values[i] = shown(values[i], v)
			continue
		}
		if !isNull(v) {
			values = append(values, v)
		}
	}
	for _, v := range values {
		if takes := a.kind.takes[0]; !takes.has(v.Kind()) {
			return Value{}, a.args[0].fail("%s takes %s, not %s %s", a.kind.name, takes, v.Kind(), brief(v))
		}
	}
	return a.naiveOf(values)
}

func (a *aggregation) filtered(rows []naiveSlots) (kept []naiveSlots, err error) {
	for _, r := range rows {
		if a.filter != nil {
			t, err := a.filter.truth(r.values)
			if err != nil {
				return nil, err
			}
			if t != index.True {
				continue
			}
		}
		kept = append(kept, r)
	}
	return kept, nil
}

// naiveOf is the aggregate of values that are not null.
func (a *aggregation) naiveOf(values []Value) (Value, error) {
	switch a.kind.name {
	case "count":
		return intValue(len(values)), nil
	case "approx_distinct":
		return intValue(len(distinctOf(values))), nil
	}
	if len(values) == 0 {
		return segment.NullOf(), nil
	}
	switch a.kind.name {
	case "sum":
		return naiveSum(values)
	case "avg":
		return segment.Float64Of(rounded(new(big.Float).Quo(bigSum(values), big.NewFloat(float64(len(values)))), values)), nil
	case "min", "any_value":
		return slices.MinFunc(values, naiveOrder), nil
	case "max":
		return slices.MaxFunc(values, naiveOrder), nil
	case "first":
		return values[0], nil
	case "last":
		return values[len(values)-1], nil
	case "any":
		return segment.BoolOf(slices.Contains(values, segment.BoolOf(true))), nil
	case "all":
		return segment.BoolOf(!slices.Contains(values, segment.BoolOf(false))), nil
	case "quantile":
		return a.naiveQuantile(values)
	case "var_samp", "var_pop", "stddev_samp", "stddev_pop":
		return naiveSpread(a.kind.name, values), nil
	}
	return Value{}, fmt.Errorf("query: the naive evaluator does not know %s", a.kind.name)
}

// naiveOrder is the order of min and max: as rows are put in order, an int64 before
// an equal float64, -0 before 0.
func naiveOrder(a, b Value) int {
	if c := collate(a, b); c != 0 {
		return c
	}
	switch {
	case a.Equal(b), isNaN(a):
		return 0
	case shown(a, b).Equal(a):
		return -1
	}
	return 1
}

func distinctOf(values []Value) (all []Value) {
	for _, v := range values {
		if !slices.ContainsFunc(all, func(o Value) bool { return same(o, v) }) {
			all = append(all, v)
		}
	}
	return all
}

// bigSum is the exact sum of the finite values.
func bigSum(values []Value) *big.Float {
	sum := new(big.Float).SetPrec(4096)
	for _, v := range values {
		if f := v.Float64(); !math.IsNaN(f) && !math.IsInf(f, 0) {
			x := new(big.Float).SetPrec(4096).SetFloat64(f)
			if v.Kind() == segment.Int64Value {
				x.SetInt64(v.Int64())
			}
			sum.Add(sum, x)
		}
	}
	return sum
}

// rounded is the float64 nearest to an exact result over values; what is not finite
// among them decides first.
func rounded(exact *big.Float, values []Value) float64 {
	special, any := 0.0, false
	for _, v := range values {
		if f := v.Float64(); math.IsNaN(f) || math.IsInf(f, 0) {
			special, any = special+f, true
		}
	}
	if any {
		return special
	}
	f, _ := exact.Float64()
	return f + 0 // never -0
}

// naiveSum is an int64 of int64s, else a float64.
func naiveSum(values []Value) (Value, error) {
	sum := bigSum(values)
	if slices.ContainsFunc(values, func(v Value) bool { return v.Kind() == segment.Float64Value }) {
		return segment.Float64Of(rounded(sum, values)), nil
	}
	i, accuracy := sum.Int64()
	if accuracy != big.Exact {
		return Value{}, fmt.Errorf("query: sum: %w", errOverflow)
	}
	return segment.Int64Of(i), nil
}

// naiveQuantile is the value at or below which that share of values is: the one with
// the rank floor(q·(n-1)).
func (a *aggregation) naiveQuantile(values []Value) (Value, error) {
	q := floatOf(a.args[1].value)
	if isNull(a.args[1].value) || !(q >= 0 && q <= 1) {
		return Value{}, a.args[1].fail("quantile takes a share from 0 to 1")
	}
	slices.SortFunc(values, collate)
	return segment.Float64Of(floatOf(values[int(math.Floor(q*float64(len(values)-1)))])), nil
}

// naiveSpread is a variance, from exact sums of values and squares, or its root.
func naiveSpread(name string, values []Value) Value {
	n := float64(len(values))
	over := map[string]float64{"var_samp": n - 1, "stddev_samp": n - 1, "var_pop": n, "stddev_pop": n}[name]
	if over == 0 {
		return segment.NullOf()
	}
	squares := new(big.Float).SetPrec(4096)
	for _, v := range values {
		x := bigSum([]Value{v})
		squares.Add(squares, new(big.Float).SetPrec(4096).Mul(x, x))
	}
	sum := bigSum(values)
	mean := new(big.Float).SetPrec(4096).Quo(new(big.Float).SetPrec(4096).Mul(sum, sum), big.NewFloat(n))
	f := rounded(squares.Sub(squares, mean).Quo(squares, big.NewFloat(over)), values)
	if slices.ContainsFunc(values, func(v Value) bool { return math.IsInf(v.Float64(), 0) }) {
		f = math.NaN() // infinity less infinity
	}
	if name[0] == 's' {
		f = math.Sqrt(f)
	}
	return segment.Float64Of(f)
}
