package store

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// The plain account of an aggregate: event by event, window by window.

// accountRow is an event as an aggregate sees it.
type accountRow struct {
	time  int64
	seq   uint64
	beat  bool
	event Event
}

// accountOf is the results of a definition over what a view sees.
func accountOf(t *testing.T, v *View, d aggregate.Definition) []aggregate.Result {
	t.Helper()
	groups, values := accountGroups(t, v, d)
	var all []aggregate.Result
	for g, rows := range groups {
		for w, in := range accountWindows(d, rows) {
			r := aggregate.Result{Window: w, Group: values[g], Rows: int64(len(in)), Status: aggregate.Final}
			for _, m := range d.Measures {
				r.Values = append(r.Values, accountValue(t, m, w, d.Window, rows, in, &r.Unfit))
			}
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b aggregate.Result) int {
		switch {
		case a.Window.Start != b.Window.Start:
			return cmp.Compare(a.Window.Start, b.Window.Start)
		case a.Window.End != b.Window.End:
			return cmp.Compare(a.Window.End, b.Window.End)
		}
		return slices.CompareFunc(a.Group, b.Group, aggregate.Compare)
	})
	return all
}

// accountGroups is the rows of each group in the order of (Time, Seq).
func accountGroups(t *testing.T, v *View, d aggregate.Definition) (map[string][]accountRow, map[string][]Value) {
	t.Helper()
	var events []Event
	for e, err := range v.Events(EventQuery{Stream: d.Stream}) {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	gone := map[uint64]bool{}
	for _, e := range slices.Backward(events) {
		if e.Kind == Retraction && !gone[e.Seq] {
			gone[e.Retracts] = true
		}
	}
	ordered := slices.ContainsFunc(d.Measures, func(m aggregate.Measure) bool {
		return m.Function.Laws().Class == aggregate.Ordered
	})
	groups, values := map[string][]accountRow{}, map[string][]Value{}
	for _, e := range events {
		beat := e.Kind == Heartbeat
		if e.Kind == Retraction || gone[e.Seq] || beat && !ordered || !accountPasses(d.Where, &e) {
			continue
		}
		var group []Value
		for _, in := range d.By {
			x := columnOf(&e, in.Column)
			if f := x.Float64(); x.Kind() == Float64Value && f == 0 {
				x = segment.Float64Of(0)
			}
			group = append(group, x)
		}
		g := fmt.Sprint(group)
		values[g] = group
		groups[g] = append(groups[g], accountRow{e.Time.UnixNano(), e.Seq, beat, e})
	}
	for _, rows := range groups {
		slices.SortFunc(rows, func(a, b accountRow) int {
			return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.seq, b.seq))
		})
	}
	return groups, values
}

func accountPasses(p index.Predicate, e *Event) bool {
	return p == nil || p.Test(func(column string) (index.Literal, bool) {
		v := columnOf(e, column)
		return v.Literal(), !v.IsNull()
	}) == index.True
}

func columnOf(e *Event, column string) Value {
	switch column {
	case "":
		return segment.NullOf()
	case segment.ColumnKey:
		return segment.StringOf(e.Key)
	case segment.ColumnType:
		return segment.StringOf(e.Type)
	case segment.ColumnTime:
		return segment.TimeOf(e.Time)
	}
	v, _ := e.Fields.Get(column)
	return v
}

func accountWindows(d aggregate.Definition, rows []accountRow) map[aggregate.Span][]accountRow {
	windows := map[aggregate.Span][]accountRow{}
	if s, ok := d.Window.(aggregate.Session); ok {
		var times []int64
		for _, r := range rows {
			times = append(times, r.time)
		}
		for _, w := range s.Split(times) {
			for _, r := range rows {
				if r.time >= w.Start && r.time <= w.End-int64(s.Gap) {
					windows[w] = append(windows[w], r)
				}
			}
		}
		return windows
	}
	for _, r := range rows {
		for _, w := range d.Window.(aggregate.Fixed).Assign(nil, r.time) {
			windows[w] = append(windows[w], r)
		}
	}
	return windows
}

// accountValue is the value of a measure over the rows of a window, in order.
func accountValue(t *testing.T, m aggregate.Measure, w aggregate.Span, window aggregate.Window, group, in []accountRow, unfit *int64) Value {
	t.Helper()
	p := aggregate.NewPartial(m.Function)
	ordered := m.Function.Laws().Class == aggregate.Ordered
	rows := func(m aggregate.Measure, r accountRow) (aggregate.Row, bool) {
		x := aggregate.Row{Time: r.time, Seq: r.seq, Beat: r.beat}
		if !r.beat {
			x.Value = columnOf(&r.event, m.Of.Column)
		}
		return x, ordered || !r.beat
	}
	var taken [segment.JSONValue + 1]int // 1: the kind is, 2: it is not
	fits := func(x aggregate.Row) bool {
		of := &taken[x.Value.Kind()]
		if *of == 0 {
			*of = 1
			if errors.Is(aggregate.NewPartial(m.Function).Add(x), aggregate.ErrKind) {
				*of = 2
			}
		}
		return *of == 1
	}
	for _, r := range in {
		if x, ok := rows(m, r); ok {
			if !fits(x) {
				*unfit++
			} else if err := p.Add(x); err != nil {
				t.Fatal(err)
			}
		}
	}
	_, global := window.(aggregate.Global)
	if _, spanned := p.Groups().(aggregate.Spanned); !spanned || global {
		return resultOf(t, p)
	}
	e := aggregate.Edges{Start: w.Start, End: w.End}
	_, live := m.Function.(aggregate.Liveness)
	_, carried := m.Function.(aggregate.Carried)
	isNumber := func(v Value) bool {
		return v.Kind() == Int64Value || v.Kind() == Float64Value && !math.IsNaN(v.Float64()) && !math.IsInf(v.Float64(), 0)
	}
	for _, r := range group {
		x, _ := rows(m, r)
		switch {
		case !fits(x) || x.Time >= w.Start:
		case live, carried && !x.Beat, isNumber(x.Value):
			e.Before = &x
		case carried && e.Before != nil:
			e.Before = &aggregate.Row{Time: x.Time, Seq: x.Seq, Value: e.Before.Value}
		}
	}
	for _, r := range group {
		if x, _ := rows(m, r); x.Time >= w.End && isNumber(x.Value) && fits(x) {
			e.After = &x
			break
		}
	}
	v, err := p.ResultIn(e)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func resultOf(t *testing.T, p *aggregate.Partial) Value {
	t.Helper()
	v, err := p.Result()
	if err != nil && !errors.Is(err, aggregate.ErrOverflow) {
		t.Fatal(err)
	}
	return v
}

// bits is a value to the bit.
func bits(v Value) string { return string(segment.AppendValue(nil, v)) }

// sameResults compares results but for status and lateness.
func sameResults(got, want []aggregate.Result) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d results, not %d", len(got), len(want))
	}
	for i, g := range got {
		w := want[i]
		if g.Window != w.Window || slices.CompareFunc(g.Group, w.Group, aggregate.Compare) != 0 {
			return fmt.Errorf("result %d is of window %s, group %v, not of %s, %v", i, g.Window, g.Group, w.Window, w.Group)
		}
		if g.Rows != w.Rows || g.Unfit != w.Unfit {
			return fmt.Errorf("window %s, group %v: %d rows, %d unfit; not %d, %d", g.Window, g.Group, g.Rows, g.Unfit, w.Rows, w.Unfit)
		}
		for j := range g.Values {
			if bits(g.Values[j]) != bits(w.Values[j]) {
				return fmt.Errorf("window %s, group %v, measure %d: %v, not %v", g.Window, g.Group, j, g.Values[j], w.Values[j])
			}
		}
	}
	return nil
}

// # Random events and definitions

// crowd writes random events: late ones, heartbeats, deletes, retractions, some of
// retractions.
type crowd struct {
	r      *rand.Rand
	now    int64 // in event time
	events map[string][]uint64
	next   uint64
	span   int64
}

const crowdStream = "crowd"

func newCrowd(r *rand.Rand) *crowd {
	return &crowd{r: r, now: time.Date(2026, 3, 28, 20, 0, 0, 0, time.UTC).UnixNano(), events: map[string][]uint64{}, next: 1, span: int64(time.Hour)}
}

func (c *crowd) value() Value {
	switch c.r.IntN(12) {
	case 0:
		return segment.NullOf()
	case 1:
		return segment.StringOf("text")
	case 2:
		return segment.Float64Of(math.NaN())
	case 3, 4, 5:
		return segment.Float64Of(math.Ldexp(c.r.NormFloat64(), c.r.IntN(80)-40))
	}
	return segment.Int64Of(c.r.Int64N(1000) - 200)
}

func (c *crowd) event() Event {
	key := fmt.Sprint("k", c.r.IntN(4))
	c.now += c.r.Int64N(int64(2 * time.Minute))
	at := c.now
	if c.r.IntN(5) == 0 {
		at -= c.r.Int64N(c.span)
	}
	e := Event{Stream: crowdStream, Key: key, Type: []string{"", "sold", "bought"}[c.r.IntN(3)], Time: time.Unix(0, at).UTC()}
	switch kind := c.r.IntN(20); {
	case kind == 0 && len(c.events[key]) > 0:
		e.Kind, e.Type = Retraction, ""
		e.Retracts = c.events[key][c.r.IntN(len(c.events[key]))]
	case kind == 1:
		e.Kind = Delete
	case kind <= 3:
		e.Kind = Heartbeat
	default:
		e.Fields = Fields{{Name: "x", Value: c.value()}, String("g", []string{"a", "b"}[c.r.IntN(2)])}
		if c.r.IntN(8) == 0 {
			e.Fields = e.Fields[:1]
		}
		if c.r.IntN(3) == 0 {
			e.Fields = append(e.Fields, Bool("on", c.r.IntN(2) == 0))
		}
	}
	c.events[key] = append(c.events[key], c.next)
	c.next++
	return e
}

// append appends n events in batches.
func (c *crowd) append(t *testing.T, db *DB, n int) {
	t.Helper()
	for n > 0 {
		var b Batch
		size := min(1+c.r.IntN(20), n)
		for range size {
			b.Events = append(b.Events, c.event())
		}
		if _, err := db.Append(bg, b); err != nil {
			t.Fatal(err)
		}
		n -= size
	}
}

// everyFunction is measures of all kinds of functions.
func everyFunction(ordered bool) []aggregate.Measure {
	x := aggregate.Field("x")
	all := []aggregate.Measure{
		{Name: "rows", Function: aggregate.Count{Rows: true}},
		{Name: "count", Function: aggregate.Count{}, Of: x},
		{Name: "sum", Function: aggregate.Sum{}, Of: x},
		{Name: "avg", Function: aggregate.Avg{}, Of: x},
		{Name: "var", Function: aggregate.Variance{}, Of: x},
		{Name: "min", Function: aggregate.Min{}, Of: x},
		{Name: "max", Function: aggregate.Max{}, Of: aggregate.Field("g")},
		{Name: "any", Function: aggregate.Any{}, Of: aggregate.Field("on")},
		{Name: "first", Function: aggregate.First{}, Of: x},
		{Name: "last", Function: aggregate.Last{}, Of: aggregate.Type()},
		{Name: "distinct", Function: aggregate.Distinct{}, Of: x},
		{Name: "sketch", Function: aggregate.DistinctSketch{Bits: 6}, Of: aggregate.Key()},
		{Name: "quantile", Function: aggregate.Quantile{Q: 0.9}, Of: x},
		{Name: "top", Function: aggregate.TopK{K: 2}, Of: aggregate.Type()},
	}
	if ordered {
		all = append(all, []aggregate.Measure{
			{Name: "increase", Function: aggregate.Increase{}, Of: x},
			{Name: "rate", Function: aggregate.Rate{}, Of: x},
			{Name: "average", Function: aggregate.Carried{Of: aggregate.Average}, Of: x},
			{Name: "known", Function: aggregate.Carried{Of: aggregate.Known, Alive: time.Minute}, Of: x},
			{Name: "line", Function: aggregate.Linear{Of: aggregate.Integral}, Of: x},
			{Name: "states", Function: aggregate.TimeInState(time.Hour), Of: aggregate.Field("g")},
			{Name: "live", Function: aggregate.Liveness{Every: time.Minute}},
		}...)
	}
	return all
}

// inverses is those of everyFunction that events can be taken away from.
func inverses() []aggregate.Measure {
	return slices.DeleteFunc(everyFunction(false), func(m aggregate.Measure) bool { return !m.Function.Laws().Inverts })
}

// everyDefinition is definitions of functions × windows × groups.
func everyDefinition(t *testing.T) (all []aggregate.Definition) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	windows := []aggregate.Window{
		aggregate.Tumbling{Size: 10 * time.Minute, Offset: time.Minute},
		aggregate.Hopping{Size: 30 * time.Minute, Slide: 10 * time.Minute},
		aggregate.Hopping{Size: 5 * time.Minute, Slide: 20 * time.Minute, Offset: 3 * time.Minute},
		aggregate.Calendar{Unit: aggregate.Day, Zone: berlin},
		aggregate.Session{Gap: 90 * time.Second},
		aggregate.Global{},
	}
	groups := [][]aggregate.Input{nil, {aggregate.Key()}, {aggregate.Field("g"), aggregate.Type()}, {aggregate.Field("x")}}
	where := []index.Predicate{nil,
		index.Or{index.Eq{Column: segment.ColumnType, Value: index.StringOf("sold")}, index.Range{Column: "x", Lo: index.Bound{Value: index.Int64Of(5)}}}}
	for i, w := range windows {
		for j, by := range groups {
			for k, measures := range [][]aggregate.Measure{everyFunction(false), inverses(), everyFunction(true)} {
				if k == 2 && (i == 1 || i == 2) {
					continue // functions over time, windows that are not side by side
				}
				all = append(all, aggregate.Definition{
					Name: fmt.Sprint("w", i, "g", j, "m", k), Stream: crowdStream, Window: w, By: by,
					Where: where[(i+j)%2], Measures: measures,
				})
			}
		}
	}
	return all
}

// TestRun_IsThePlainAccount: all functions over all windows and groups, of events
// in log files, in sealed files and in both.
func TestRun_IsThePlainAccount(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	db := open(t, t.TempDir(), &Options{SegmentSize: 20_000})
	c := newCrowd(r)
	for round := range 2 {
		c.append(t, db, 200)
		v := db.Latest()
		if round == 1 {
			v = mustView(t, db, KnownAt(v.Seq()-uint64(r.IntN(200))))
		}
		for _, d := range everyDefinition(t) {
			got, err := aggregate.Run(bg, v, d, aggregate.Span{})
			if err == nil {
				err = sameResults(got, accountOf(t, v, d))
			}
			if err != nil {
				t.Fatalf("seed %d, round %d: %s: %v", seed, round, d, err)
			}
			from := c.now - r.Int64N(int64(5*time.Hour))
			some := aggregate.Span{Start: from, End: from + r.Int64N(int64(3*time.Hour))}
			part, err := aggregate.Run(bg, v, d, some)
			got = slices.DeleteFunc(got, func(r aggregate.Result) bool { return r.Window.Start < some.Start || r.Window.Start >= some.End })
			if err == nil {
				err = sameResults(part, got)
			}
			if err != nil {
				t.Fatalf("seed %d, round %d: %s in %s: %v", seed, round, d, some, err)
			}
		}
	}
}
