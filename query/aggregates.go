package query

// aggregateKind is what the language knows of an aggregate function: how it is
// called. What it computes is the business of package aggregate.
type aggregateKind struct {
	name     string
	min, max int       // number of arguments
	takes    []kindSet // what they may be
	result   kindSet
	star     bool  // it can count rows: count(*)
	distinct bool  // it can be of distinct values
	fixed    []int // arguments that have to be constant
}

// aggregates are the aggregate functions by name.
var aggregates = func() map[string]*aggregateKind {
	one := func(name string, takes, result kindSet) aggregateKind {
		return aggregateKind{name: name, min: 1, max: 1, takes: []kindSet{takes}, result: result}
	}
	// Values stand until the next one, or at most an INTERVAL after the last sign of life.
	carried := func(name string, takes, result kindSet) aggregateKind {
		return aggregateKind{name: name, min: 1, max: 2, takes: []kindSet{takes, spans}, result: result}
	}
	list := []aggregateKind{
		{name: "count", min: 1, max: 1, takes: []kindSet{anyKind}, result: ints, star: true, distinct: true},
		{name: "sum", min: 1, max: 1, takes: []kindSet{numbers}, result: numbers, distinct: true},
		{name: "avg", min: 1, max: 1, takes: []kindSet{numbers}, result: floats, distinct: true},
		one("min", anyKind, anyKind), one("max", anyKind, anyKind),
		one("any", bools, bools), one("all", bools, bools),
		one("first", anyKind, anyKind), one("last", anyKind, anyKind), one("any_value", anyKind, anyKind),
		one("var_samp", numbers, floats), one("var_pop", numbers, floats),
		one("stddev_samp", numbers, floats), one("stddev_pop", numbers, floats),
		{name: "quantile", min: 2, max: 2, takes: []kindSet{numbers, numbers}, result: floats, fixed: []int{1}},
		one("approx_distinct", anyKind, ints),
		{name: "top_k", min: 2, max: 2, takes: []kindSet{anyKind, ints}, result: jsons, fixed: []int{1}},
		one("increase", numbers, numbers), one("rate", numbers, floats),
		carried("time_avg", numbers, floats), carried("integral", numbers, floats),
		carried("known_time", numbers, ints), carried("unknown_time", numbers, ints),
		carried("time_in_state", anyKind, jsons),
		one("time_avg_linear", numbers, floats), one("integral_linear", numbers, floats),
		one("live_time", spans, ints), one("dead_time", spans, ints),
	}
	all := map[string]*aggregateKind{}
	for i := range list {
		all[list[i].name] = &list[i]
	}
	return all
}()

// aggregation is one call of an aggregate function in a query.
type aggregation struct {
	kind     *aggregateKind
	args     []*node // over a row; none of count(*)
	distinct bool
	filter   *node // it is over the rows of which this is true; nil = all
}

// equal reports whether both compute the same.
func (a *aggregation) equal(o *aggregation) bool {
	if a.kind != o.kind || a.distinct != o.distinct || len(a.args) != len(o.args) || (a.filter == nil) != (o.filter == nil) {
		return false
	}
	for i := range a.args {
		if !a.args[i].equal(o.args[i]) {
			return false
		}
	}
	return a.filter == nil || a.filter.equal(o.filter)
}
