package store

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"syscall"
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
			r := aggregate.Result{Window: w.Span, Group: values[g], Number: w.number, Rows: int64(len(in)), Status: aggregate.Final}
			if _, counted := d.Window.(aggregate.Counted); counted {
				r.Rows = int64(len(slices.DeleteFunc(slices.Clone(in), func(r accountRow) bool { return r.beat })))
			}
			for _, m := range d.Measures {
				r.Values = append(r.Values, accountValue(t, m, w.Span, d.Window, rows, in, &r.Unfit))
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
		return cmp.Or(slices.CompareFunc(a.Group, b.Group, aggregate.Compare), cmp.Compare(a.Number, b.Number))
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

// accountWindow is a window, and how many of its group are before it where they are
// counted.
type accountWindow struct {
	aggregate.Span
	number int64
}

func accountWindows(d aggregate.Definition, rows []accountRow) map[accountWindow][]accountRow {
	windows := map[accountWindow][]accountRow{}
	switch of := d.Window.(type) {
	case aggregate.Session:
		var times []int64
		for _, r := range rows {
			times = append(times, r.time)
		}
		for _, w := range of.Split(times) {
			for _, r := range rows {
				if r.time >= w.Start && r.time <= w.End-int64(of.Gap) {
					windows[accountWindow{Span: w}] = append(windows[accountWindow{Span: w}], r)
				}
			}
		}
	case aggregate.Sliding:
		for _, end := range rows {
			w := accountWindow{Span: aggregate.Span{Start: end.time - int64(of.Size) + 1, End: end.time + 1}}
			if end.beat || windows[w] != nil {
				continue
			}
			for _, r := range rows {
				if w.Has(r.time) {
					windows[w] = append(windows[w], r)
				}
			}
		}
	case aggregate.Counted:
		var w accountWindow
		events := int64(0)
		var in []accountRow
		for i, r := range rows {
			if !r.beat && events%of.N == 0 {
				w, in = accountWindow{Span: aggregate.Span{Start: r.time}, number: events / of.N}, nil
			}
			if !r.beat {
				w.End = r.time + 1
				events++
			}
			if in = append(in, r); events > 0 && (i+1 == len(rows) || !rows[i+1].beat && events%of.N == 0) {
				windows[w] = in
			}
		}
	default:
		for _, r := range rows {
			for _, w := range d.Window.(aggregate.Fixed).Assign(nil, r.time) {
				windows[accountWindow{Span: w}] = append(windows[accountWindow{Span: w}], r)
			}
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
	_, counted := window.(aggregate.Counted)
	if _, spanned := p.Groups().(aggregate.Spanned); !spanned || global || counted {
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
		if g.Window != w.Window || g.Number != w.Number || slices.CompareFunc(g.Group, w.Group, aggregate.Compare) != 0 {
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
	if c.r.IntN(6) > 0 { // else two events have one time
		c.now += c.r.Int64N(int64(2 * time.Minute))
	}
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
		aggregate.Sliding{Size: 20 * time.Minute},
		aggregate.Counted{N: 3},
		aggregate.Global{},
	}
	groups := [][]aggregate.Input{nil, {aggregate.Key()}, {aggregate.Field("g"), aggregate.Type()}, {aggregate.Field("x")}}
	where := []index.Predicate{nil,
		index.Or{index.Eq{Column: segment.ColumnType, Value: index.StringOf("sold")}, index.Range{Column: "x", Lo: index.Bound{Value: index.Int64Of(5)}}}}
	for i, w := range windows {
		for j, by := range groups {
			for k, measures := range [][]aggregate.Measure{everyFunction(false), inverses(), everyFunction(true)} {
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

// TestRunWithin_IsRun: in however little memory, the results are those of a run that has
// all it wants; functions over time end it instead.
func TestRunWithin_IsRun(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	db := open(t, t.TempDir(), &Options{SegmentSize: 20_000})
	c := newCrowd(r)
	c.append(t, db, 500)
	v := db.Latest()
	for _, d := range everyDefinition(t) {
		from := c.now - r.Int64N(int64(5*time.Hour))
		for _, some := range []aggregate.Span{{}, {Start: from, End: from + r.Int64N(int64(3*time.Hour))}} {
			want, err := aggregate.Run(bg, v, d, some)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := d.Window.(aggregate.Session); ok {
				slices.SortStableFunc(want, func(a, b aggregate.Result) int { return slices.CompareFunc(a.Group, b.Group, aggregate.Compare) })
			}
			for _, bytes := range []int64{1, 40_000, 1 << 40} {
				got, err := runWithin(t, v, d, some, bytes)
				if errors.Is(err, aggregate.ErrMemory) && overTime(d) && bytes < 1<<40 || errors.Is(err, aggregate.ErrWindow) && across(d) {
					continue
				}
				if err == nil {
					err = sameResults(got, want)
				}
				if err != nil {
					t.Fatalf("seed %d: %s in %s within %d bytes: %v", seed, d, some, bytes, err)
				}
			}
		}
	}
}

// overTime reports whether a function of the definition is of values over time.
func overTime(d aggregate.Definition) bool {
	return slices.ContainsFunc(d.Measures, func(m aggregate.Measure) bool { return m.Function.Laws().Class == aggregate.Ordered })
}

// across reports whether windows of the definition are not made of cells.
func across(d aggregate.Definition) bool {
	p, err := aggregate.NewPlan(d)
	return err == nil && p.Across()
}

// runWithin is the results in some memory, of which at least one byte too many is wanted
// where that is 1.
func runWithin(t *testing.T, v *View, d aggregate.Definition, some aggregate.Span, bytes int64) (all []aggregate.Result, err error) {
	t.Helper()
	file := &cellFile{}
	for r, err := range aggregate.RunWithin(bg, v, d, some, aggregate.Memory{Bytes: bytes, File: file}) {
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	if bytes == 1 && len(all) > 0 && len(file.b) == 0 {
		t.Errorf("%s: %d results were held within a byte", d, len(all))
	}
	return all, nil
}

// cellFile is a file in memory that is damaged, or full.
type cellFile struct {
	b             []byte
	damaged, full bool
}

func (f *cellFile) ReadAt(b []byte, at int64) (int, error) {
	n := copy(b, f.b[at:])
	if f.damaged && at == 0 {
		b[n-1] ^= 1
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *cellFile) WriteAt(b []byte, at int64) (int, error) {
	if f.full {
		return 0, syscall.ENOSPC
	}
	f.b = append(f.b[:at], b...)
	return len(b), nil
}

// TestRunWithin_Ends: a file that is full or damaged is an error; whoever wants no more
// results hears of none.
func TestRunWithin_Ends(t *testing.T) {
	db := open(t, t.TempDir(), nil)
	newCrowd(rand.New(rand.NewPCG(1, 0))).append(t, db, 500)
	d := aggregate.Definition{Name: "rows", Stream: crowdStream, By: []aggregate.Input{aggregate.Key()}, Window: aggregate.Tumbling{Size: time.Minute},
		Measures: []aggregate.Measure{{Name: "rows", Function: aggregate.Count{}}}}
	run := func(f *cellFile, most int) (n int, err error) {
		for _, err := range aggregate.RunWithin(bg, db.Latest(), d, aggregate.Span{}, aggregate.Memory{Bytes: 1, File: f}) {
			if n++; err != nil || n == most {
				return n, err
			}
		}
		return n, nil
	}
	if n, err := run(&cellFile{}, 3); n != 3 || err != nil {
		t.Errorf("three results are %d, %v", n, err)
	}
	if _, err := run(&cellFile{full: true}, -1); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("of a full file: %v", err)
	}
	if n, err := run(&cellFile{damaged: true}, -1); err == nil {
		t.Errorf("a damaged file has %d results", n)
	}
}
