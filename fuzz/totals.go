package fuzz

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"time"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

// Maintain takes a definition, as an event, unless the newest of that name is the same.
func (m *Model) Maintain(d aggregate.Definition, now time.Time) error {
	all := m.aggregates[d.Name]
	if len(all) > 0 && all[len(all)-1].Fingerprint() == d.Fingerprint() {
		return nil
	}
	e := store.Event{Stream: store.AggregateStream, Key: d.Name, Type: "define", Fields: store.Fields{
		store.Bytes("definition", d.AppendBinary(nil)), store.String("text", d.String())}}
	if _, err := m.Append(store.Batch{Events: []store.Event{e}}, now); err != nil {
		return err
	}
	m.aggregates[d.Name] = append(all, d)
	return nil
}

// Drop ends an aggregate.
func (m *Model) Drop(name string, now time.Time) error {
	if m.aggregates[name] == nil {
		return fmt.Errorf("drop: %w", store.ErrNoAggregate)
	}
	delete(m.aggregates, name)
	e := store.Event{Stream: store.AggregateStream, Key: name, Type: "drop", Kind: store.Delete}
	_, err := m.Append(store.Batch{Events: []store.Event{e}}, now)
	return err
}

// totalsFunctions are functions that the model knows how to compute, by a word: from sums
// alone what is retracted is taken away.
var totalsFunctions = map[string][]aggregate.Function{
	"sums": {aggregate.Count{}, aggregate.Sum{}, aggregate.Distinct{}},
	"all": {aggregate.Count{}, aggregate.Sum{}, aggregate.Min{}, aggregate.Max{}, aggregate.First{}, aggregate.Last{},
		aggregate.Distinct{}},
}

// totalsOf is the definition of an aggregate that the model knows how to compute: what
// there is of field x, by windows and groups.
func totalsOf(name, stream, functions string, w aggregate.Window, by ...aggregate.Input) aggregate.Definition {
	d := aggregate.Definition{Name: name, Stream: stream, Window: w, By: by,
		Measures: []aggregate.Measure{{Name: "rows", Function: aggregate.Count{Rows: true}}}}
	for _, f := range totalsFunctions[functions] {
		d.Measures = append(d.Measures, aggregate.Measure{Name: f.String(), Function: f, Of: aggregate.Field("x")})
	}
	return d
}

// Totals is the results of a definition by totalsOf over what the point sees, by window
// and then by group: one walk over the events for each.
func (p Point) Totals(d aggregate.Definition) (all []aggregate.Result) {
	events := p.counted(d.Stream)
	for _, group := range groupsOf(d.By, events) {
		mine := slices.DeleteFunc(slices.Clone(events), func(e store.Event) bool { return compareGroups(groupOf(d.By, e), group) != 0 })
		if w, ok := d.Window.(aggregate.Counted); ok {
			for n, some := range slices.Collect(slices.Chunk(mine, int(w.N))) {
				span := aggregate.Span{Start: some[0].Time.UnixNano(), End: cut(some[len(some)-1].Time.UnixNano(), 1)}
				r := totals(d.Measures, span, group, some)
				r.Number = int64(n)
				all = append(all, r)
			}
			continue
		}
		if w, ok := d.Window.(aggregate.Sliding); ok {
			for i, last := range mine {
				if i > 0 && mine[i-1].Time.Equal(last.Time) {
					continue
				}
				t := last.Time.UnixNano()
				span := aggregate.Span{Start: cut(t, 1-int64(w.Size)), End: cut(t, 1)}
				some := slices.DeleteFunc(slices.Clone(mine), func(e store.Event) bool { return e.Time.After(last.Time) || e.Time.UnixNano() < span.Start })
				all = append(all, totals(d.Measures, span, group, some))
			}
			continue
		}
		for _, w := range windowsOf(d.Window, mine) {
			all = append(all, totals(d.Measures, w, group, slices.DeleteFunc(slices.Clone(mine), func(e store.Event) bool { return !holds(w, e.Time) })))
		}
	}
	slices.SortStableFunc(all, func(a, b aggregate.Result) int { return a.Window.Compare(b.Window) })
	return all
}

// TotalsIn is the results over the events in [from, to); a zero Time is no bound.
func (p Point) TotalsIn(d aggregate.Definition, from, to time.Time) (all []aggregate.Result) {
	over := aggregate.Span{Start: math.MinInt64, End: math.MaxInt64}
	if !from.IsZero() {
		over.Start = from.UnixNano()
	}
	if !to.IsZero() {
		over.End = to.UnixNano()
	}
	events := slices.DeleteFunc(p.counted(d.Stream), func(e store.Event) bool {
		return !from.IsZero() && e.Time.Before(from) || !to.IsZero() && !e.Time.Before(to)
	})
	for _, group := range groupsOf(d.By, events) {
		all = append(all, totals(d.Measures, over, group, slices.DeleteFunc(slices.Clone(events), func(e store.Event) bool { return compareGroups(groupOf(d.By, e), group) != 0 })))
	}
	return all
}

// counted is the changes and deletes of a stream that count, by (Time, Seq).
func (p Point) counted(stream string) (events []store.Event) {
	for _, e := range p.Events(store.EventQuery{Stream: stream}) {
		if e.Kind <= store.Delete && p.counts(e) {
			events = append(events, e)
		}
	}
	slices.SortStableFunc(events, func(a, b store.Event) int { return a.Time.Compare(b.Time) })
	return events
}

func compareGroups(a, b []segment.Value) int { return slices.CompareFunc(a, b, aggregate.Compare) }

func groupOf(by []aggregate.Input, e store.Event) (group []segment.Value) {
	for _, in := range by {
		switch in.Column {
		case segment.ColumnKey:
			group = append(group, segment.StringOf(e.Key))
		case segment.ColumnType:
			group = append(group, segment.StringOf(e.Type))
		default:
			v, _ := e.Fields.Get(in.Column)
			if v.Kind() == store.Float64Value && v.Float64() == 0 {
				v = segment.Float64Of(0) // -0 is no group of its own
			}
			group = append(group, v)
		}
	}
	return group
}

func groupsOf(by []aggregate.Input, events []store.Event) (all [][]segment.Value) {
	for _, e := range events {
		all = append(all, groupOf(by, e))
	}
	slices.SortFunc(all, compareGroups)
	return slices.CompactFunc(all, func(a, b []segment.Value) bool { return compareGroups(a, b) == 0 })
}

// windowsOf is the windows that hold any of a group's events, which are in order.
func windowsOf(w aggregate.Window, events []store.Event) (all []aggregate.Span) {
	for _, e := range events {
		t := e.Time.UnixNano()
		switch w := w.(type) {
		case nil:
			all = append(all, aggregate.Span{Start: math.MinInt64, End: math.MaxInt64})
		case aggregate.Tumbling:
			since := (t%int64(w.Size) + int64(w.Size)) % int64(w.Size)
			all = append(all, aggregate.Span{Start: cut(t, -since), End: cut(t, int64(w.Size)-since)})
		case aggregate.Session:
			if n := len(all) - 1; n >= 0 && t <= all[n].End {
				all[n].End = cut(t, int64(w.Gap))
			} else {
				all = append(all, aggregate.Span{Start: t, End: cut(t, int64(w.Gap))})
			}
		}
	}
	return slices.Compact(all)
}

// cut is a + b, at the ends of what an int64 holds where it is beyond.
func cut(a, b int64) int64 {
	switch c := a + b; {
	case b > 0 && c < a:
		return math.MaxInt64
	case b < 0 && c > a:
		return math.MinInt64
	default:
		return c
	}
}

// holds reports whether the window holds a time: one that ends at the end of time has it.
func holds(w aggregate.Span, t time.Time) bool {
	ns := t.UnixNano()
	return ns >= w.Start && (ns < w.End || w.End == math.MaxInt64)
}

// totals is what there is of the events of one window and group, in order.
func totals(measures []aggregate.Measure, w aggregate.Span, group []segment.Value, events []store.Event) aggregate.Result {
	r := aggregate.Result{Window: w, Group: group, Rows: int64(len(events))}
	var first, last, least, greatest segment.Value
	var values []segment.Value
	distinct := map[string]bool{}
	for _, e := range events {
		v, _ := e.Fields.Get("x")
		if v.IsNull() {
			continue
		}
		if first.IsNull() {
			first = v
		}
		last = v
		if least.IsNull() || aggregate.Compare(v, least) < 0 {
			least = v
		}
		if greatest.IsNull() || aggregate.Compare(v, greatest) > 0 {
			greatest = v
		}
		values = append(values, v)
		distinct[worth(v)] = true
	}
	sum, unfit, err := sumOf(values)
	r.Unfit, r.Err = unfit, err
	all := map[string]segment.Value{"rows": segment.Int64Of(r.Rows), "count": segment.Int64Of(int64(len(values))), "sum": sum,
		"min": least, "max": greatest, "first": first, "last": last, "count_distinct": segment.Int64Of(int64(len(distinct)))}
	for _, m := range measures {
		r.Values = append(r.Values, all[m.Name])
	}
	return r
}

func isNaN(v segment.Value) bool { return v.Kind() == store.Float64Value && math.IsNaN(v.Float64()) }

// worth is equal of what is one value: numbers by what they are worth.
func worth(v segment.Value) string {
	if x := v.Float64(); v.Kind() == store.Float64Value && x == math.Trunc(x) && math.Abs(x) < 1<<53 {
		v = segment.Int64Of(int64(x))
	}
	if v.Kind() == store.Int64Value || v.Kind() == store.Float64Value {
		return v.String()
	}
	return fmt.Sprint(v.Kind(), v)
}

// sumOf is the exact sum of the numbers, rounded once, and how many are none.
func sumOf(values []segment.Value) (sum segment.Value, unfit int64, err error) {
	exact := new(big.Float).SetPrec(2400)
	ints, floats, nan := 0, 0, false
	for _, v := range values {
		switch v.Kind() {
		case store.Int64Value:
			ints++
			exact.Add(exact, new(big.Float).SetInt64(v.Int64()))
		case store.Float64Value:
			floats++
			if isNaN(v) {
				nan = true
			} else {
				exact.Add(exact, big.NewFloat(v.Float64()))
			}
		default:
			unfit++
		}
	}
	switch n, _ := exact.Int(nil); {
	case ints+floats == 0:
		return segment.Value{}, unfit, nil
	case nan:
		return segment.Float64Of(math.NaN()), unfit, nil
	case floats > 0:
		x, _ := exact.Float64()
		return segment.Float64Of(x + 0), unfit, nil // a sum is never -0
	case !n.IsInt64():
		return segment.Value{}, unfit, aggregate.ErrOverflow
	default:
		return segment.Int64Of(n.Int64()), unfit, nil
	}
}
