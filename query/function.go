package query

import (
	"fmt"
	"maps"
	"slices"

	"github.com/annalsdb/annals/segment"
)

// function is a scalar function. It depends on nothing but its arguments.
type function struct {
	name     string
	min, max int       // number of arguments; max < 0: any
	args     []kindSet // what they may be; the last is that of all further ones
	result   kindSet
	nulls    bool // it is called with nulls; others are null where an argument is
	lazy     bool // coalesce: evaluates its own arguments
	call     scalar
	// make is what there is in place of call where constant arguments are prepared
	// once: those that fixed names have to be constant.
	make  func(args []*node) (scalar, error)
	fixed []int
}

// takes is the kinds that the i-th argument may be of.
func (f *function) takes(i int) kindSet { return f.args[min(i, len(f.args)-1)] }

// arity says how many arguments f takes, for an error.
func (f *function) arity() string { return arity(f.min, f.max) }

func arity(least, most int) string {
	plural := "s"
	if max(least, most) == 1 {
		plural = ""
	}
	switch {
	case most < 0:
		return fmt.Sprintf("at least %d argument%s", least, plural)
	case least == most:
		return fmt.Sprintf("%d argument%s", least, plural)
	}
	return fmt.Sprintf("%d to %d arguments", least, most)
}

// spans is what an argument is that takes an INTERVAL. It is no kind of value.
const spans kindSet = 1 << 15

// functions are the scalar functions by name.
var functions = func() map[string]*function {
	all := map[string]*function{}
	for _, list := range [][]function{textFunctions, mathFunctions, timeFunctions, choiceFunctions} {
		for i := range list {
			all[list[i].name] = &list[i]
		}
	}
	return all
}()

// functionNames is the names of all functions, aggregates and rankings, for suggestions.
func functionNames() []string {
	return slices.Concat(slices.Sorted(maps.Keys(functions)), slices.Sorted(maps.Keys(aggregates)), slices.Sorted(maps.Keys(rankings)))
}

// choiceFunctions choose among values of any kind.
var choiceFunctions = []function{
	{name: "coalesce", min: 1, max: -1, args: []kindSet{anyKind}, result: anyKind, lazy: true},
	{name: "nullif", min: 2, max: 2, args: []kindSet{anyKind}, result: anyKind, nulls: true, call: func(a []Value) (Value, error) {
		if order, ok := compare(a[0], a[1]); ok && order == 0 {
			return segment.NullOf(), nil
		}
		return a[0], nil
	}},
	{name: "greatest", min: 1, max: -1, args: []kindSet{anyKind}, result: anyKind, nulls: true, call: extreme(1)},
	{name: "least", min: 1, max: -1, args: []kindSet{anyKind}, result: anyKind, nulls: true, call: extreme(-1)},
	{name: "kind_of", min: 1, max: 1, args: []kindSet{anyKind}, result: texts, nulls: true, call: func(a []Value) (Value, error) {
		return segment.StringOf(a[0].Kind().String()), nil
	}},
}

// extreme is the greatest (1) or least (-1) of the values that are not null, null
// without any. NaN is greater than other numbers.
func extreme(side int) scalar {
	return func(args []Value) (Value, error) {
		best := segment.NullOf()
		for _, v := range args {
			switch {
			case isNull(v):
			case isNull(best):
				best = v
			case sortRank[v.Kind()] != sortRank[best.Kind()]:
				return Value{}, fmt.Errorf("expected values of one kind, found %s and %s", best.Kind(), v.Kind())
			case collate(v, best) == side:
				best = v
			}
		}
		return best, nil
	}
}

// string1 is a function of one string.
func string1(name string, f func(string) string) function {
	return function{name: name, min: 1, max: 1, args: []kindSet{texts}, result: texts, call: func(a []Value) (Value, error) {
		return segment.StringOf(f(a[0].Str())), nil
	}}
}

// strings2 is a condition on two strings.
func strings2(name string, f func(a, b string) bool) function {
	return function{name: name, min: 2, max: 2, args: []kindSet{texts}, result: bools, call: func(a []Value) (Value, error) {
		return segment.BoolOf(f(a[0].Str(), a[1].Str())), nil
	}}
}
