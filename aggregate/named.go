package aggregate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/annalsdb/annals/segment"
)

// plainFunctions take no settings. Those that [Named] takes by another name too
// are there twice.
var plainFunctions = map[string]Function{
	"count": Count{}, "count(*)": Count{Rows: true}, "sum": Sum{}, "avg": Avg{},
	"var_samp": Variance{}, "variance": Variance{}, "var_pop": Variance{Population: true},
	"stddev_samp": StdDev{}, "stddev": StdDev{}, "stddev_pop": StdDev{Population: true},
	"min": Min{}, "max": Max{}, "all": All{}, "any": Any{}, "any_value": AnyValue{},
	"first": First{}, "last": Last{}, "count_distinct": Distinct{},
	"increase": Increase{}, "rate": Rate{},
	"time_avg_linear": Linear{Average}, "integral_linear": Linear{Integral},
	"known_time_linear": Linear{Known}, "unknown_time_linear": Linear{Unknown},
}

// settings make a function of its settings.
var settings = map[string]func(s *settingList) Function{
	"approx_distinct": func(s *settingList) Function { return DistinctSketch{int(s.int("bits", 14, 4, 18))} },
	"quantile": func(s *settingList) Function {
		return Quantile{s.float("share", -1, 0, 1), s.float("error", 0.01, 0.0001, 1)}
	},
	"median":        func(s *settingList) Function { return Quantile{0.5, s.float("error", 0.01, 0.0001, 1)} },
	"top_k":         func(s *settingList) Function { return TopK{int(s.int("count", -1, 1, 1<<20))} },
	"time_avg":      func(s *settingList) Function { return Carried{Average, s.duration(true)} },
	"integral":      func(s *settingList) Function { return Carried{Integral, s.duration(true)} },
	"known_time":    func(s *settingList) Function { return Carried{Known, s.duration(true)} },
	"unknown_time":  func(s *settingList) Function { return Carried{Unknown, s.duration(true)} },
	"time_in_state": func(s *settingList) Function { return TimeInState(s.duration(true)) },
	"live_time":     func(s *settingList) Function { return Liveness{Every: s.duration(false)} },
	"dead_time":     func(s *settingList) Function { return Liveness{Every: s.duration(false), Dead: true} },
}

// Named is the function that a query calls by name, with the arguments behind the
// column: quantile(x, 0.99) is Named("quantile", 0.99). Durations are texts, "90s",
// or ns. The error says what is wrong or, of a name, what there is.
func Named(name string, args ...segment.Value) (Function, error) {
	name = strings.ToLower(name)
	s := &settingList{args: args}
	f := plainFunctions[name]
	if build, ok := settings[name]; ok {
		f = build(s)
	}
	switch {
	case f == nil:
		return nil, fmt.Errorf("no aggregate function is named %q; there are %s", name, strings.Join(Names(), ", "))
	case s.err != nil:
		return nil, fmt.Errorf("%s: %w", name, s.err)
	case len(s.args) > 0:
		return nil, fmt.Errorf("%s: %d arguments too many", name, len(s.args))
	}
	return f, nil
}

// Names are the names of all functions, sorted.
func Names() []string {
	var names []string
	for name := range plainFunctions {
		names = append(names, name)
	}
	for name := range settings {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// settingList takes settings from the front of arguments.
type settingList struct {
	args []segment.Value
	err  error
}

// next is the next argument, null if there is none.
func (s *settingList) next() (v segment.Value) {
	if len(s.args) > 0 {
		v, s.args = s.args[0], s.args[1:]
	}
	return v
}

func (s *settingList) fail(format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf(format, args...)
	}
}

// float is a number between lo and hi; a fallback below lo says that it must be
// given.
func (s *settingList) float(what string, fallback, lo, hi float64) float64 {
	v := s.next()
	f := v.Float64()
	switch v.Kind() {
	case segment.NullValue:
		f = fallback
	case segment.Int64Value:
		f = float64(v.Int64())
	case segment.Float64Value:
	default:
		s.fail("the %s is a number, not %s", what, v.Kind())
	}
	if !(f >= lo && f <= hi) {
		s.fail("the %s is a number from %v to %v", what, lo, hi)
	}
	return f
}

func (s *settingList) int(what string, fallback, lo, hi int64) int64 {
	v := s.next()
	i := v.Int64()
	if v.IsNull() {
		i = fallback
	} else if v.Kind() != segment.Int64Value {
		s.fail("the %s is an integer, not %s", what, v.Kind())
	}
	if i < lo || i > hi {
		s.fail("the %s is an integer from %d to %d", what, lo, hi)
	}
	return i
}

func (s *settingList) duration(optional bool) time.Duration {
	v := s.next()
	d := time.Duration(v.Int64())
	if v.Kind() == segment.StringValue {
		var err error
		if d, err = time.ParseDuration(v.Str()); err != nil {
			s.fail("%s is no duration like \"90s\"", v)
		}
	}
	if d <= 0 && !(optional && v.IsNull()) {
		s.fail("how long a source is alive after it was heard is a duration like \"90s\"")
	}
	return d
}
