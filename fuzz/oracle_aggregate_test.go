package fuzz

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

// totalsText is an aggregate as a script names it: its functions, windows and groups by a
// word.
type totalsText struct{ name, stream, functions, window, by string }

var oracleWindows = map[string]aggregate.Window{
	"global": nil, "tumbling2": aggregate.Tumbling{Size: 2}, "tumbling3": aggregate.Tumbling{Size: 3}, "session1": aggregate.Session{Gap: 1},
	"sliding3": aggregate.Sliding{Size: 3}, "counted2": aggregate.Counted{N: 2},
}

var oracleGroups = map[string][]aggregate.Input{
	"all": nil, "key": {aggregate.Key()}, "type": {aggregate.Type()}, "y": {aggregate.Field("y")},
}

func (t totalsText) definition() aggregate.Definition {
	return totalsOf(t.name, t.stream, t.functions, oracleWindows[t.window], oracleGroups[t.by]...)
}

func (g *scripter) drawTotals() totalsText {
	pick := func(words ...string) string { return words[g.IntN(len(words))] }
	return totalsText{name: pick("a", "b"), stream: g.script.streams[g.IntN(len(g.script.streams))].Name,
		functions: pick("all", "sums"), window: pick("global", "tumbling2", "tumbling3", "session1", "sliding3", "counted2"),
		by: pick("all", "key", "type", "y")}
}

// maintain has an aggregate kept, or dropped, and looks at all of them.
func (o *oracle) maintain(s step) error {
	o.clock.Store(s.now.UnixNano())
	var got, want error
	if s.do == dropping {
		got, want = o.db.DropAggregate(context.Background(), s.totals.name), o.model.Drop(s.totals.name, s.now)
	} else {
		_, got = o.db.Maintain(context.Background(), s.totals.definition())
		want = o.model.Maintain(s.totals.definition(), s.now)
	}
	if err := sameError(o.tellError(got), want); err != nil {
		return err
	}
	if err := o.followed(); err != nil {
		return err
	}
	return o.aggregates()
}

// aggregates asks all aggregates for windows and for an interval.
func (o *oracle) aggregates() error {
	var names []string
	for _, a := range o.db.Aggregates() {
		names = append(names, a.Definition().Name)
	}
	if err := compareTexts("aggregates", names, slices.Sorted(maps.Keys(o.model.aggregates))); err != nil {
		return err
	}
	for _, name := range names {
		a, err := o.db.Aggregate(name)
		if err != nil {
			return err
		}
		if err := o.windows(a, o.model.aggregates[name]); err != nil {
			return err
		}
		if err := o.interval(a, o.model.aggregates[name]); err != nil {
			return err
		}
	}
	if _, err := o.db.Aggregate("none"); !errors.Is(err, store.ErrNoAggregate) {
		return fmt.Errorf("aggregate that is not there: error %v", err)
	}
	return nil
}

// windows compares windows as they are kept with the model's. As long as a definition
// that replaces others is not built they answer: any of them will do.
func (o *oracle) windows(a *store.Aggregate, defs []aggregate.Definition) error {
	var q store.AggregateQuery
	known := o.model.Seq()
	if o.IntN(2) == 0 {
		q.From, q.To = o.someTime(), o.someTime()
	}
	if o.IntN(3) == 0 && known > 0 {
		q.KnownAt = 1 + o.Uint64N(known)
		known = q.KnownAt
	}
	got, err := a.Read(context.Background(), q)
	if err != nil {
		return err
	}
	if err := compare("position of an answer", got.Seq, known); err != nil {
		return err
	}
	var wants [][]string
	for _, d := range defs {
		var want []string
		for _, r := range o.model.At(time.Time{}, known).Totals(d) {
			if begins := time.Unix(0, r.Window.Start); (q.From.IsZero() || !begins.Before(q.From)) && (q.To.IsZero() || begins.Before(q.To)) {
				want = append(want, showResult(r))
			}
		}
		wants = append(wants, want)
	}
	return anyOf(fmt.Sprintf("windows from %s to %s, known at %d, of %v", showTime(q.From), showTime(q.To), q.KnownAt, defs), showAll(got.Results, showResult), wants)
}

// interval compares the totals of an interval.
func (o *oracle) interval(a *store.Aggregate, defs []aggregate.Definition) error {
	from, to := o.someTime(), o.someTime()
	got, err := a.Range(context.Background(), from, to)
	if err != nil {
		return err
	}
	var wants [][]string
	for _, d := range defs {
		wants = append(wants, showAll(o.model.now().TotalsIn(d, from, to), showResult))
	}
	return anyOf(fmt.Sprintf("range from %s to %s of %v", showTime(from), showTime(to), defs), showAll(got.Results, showResult), wants)
}

// someTime is a bound of an interval, or none. The end of all time is none, so the last
// ns of all cannot be told apart as one.
func (o *oracle) someTime() time.Time {
	t := o.drawTime()
	if o.IntN(3) == 0 || t.UnixNano() == math.MaxInt64 {
		return time.Time{}
	}
	return t
}

// anyOf compares with each of wants, of which one must be it.
func anyOf(what string, texts []string, wants [][]string) error {
	if slices.ContainsFunc(wants, func(want []string) bool { return slices.Equal(texts, want) }) {
		return nil
	}
	return compareTexts(what, texts, wants[len(wants)-1])
}

// bounded compares an aggregate of what a view sees.
func (o *oracle) bounded(p pair, stream string) error {
	t := (&scripter{Rand: o.Rand, script: o.script}).drawTotals()
	t.stream = stream
	got, err := aggregate.Run(context.Background(), p.view, t.definition(), aggregate.Span{})
	if err != nil {
		return err
	}
	return compareTexts(fmt.Sprintf("run of %+v at %s", t, p), showAll(got, showResult), showAll(p.point.Totals(t.definition()), showResult))
}

func showResult(r aggregate.Result) string {
	text := fmt.Sprintf("[%d, %d) %s %d rows, %d unfit: %s", r.Window.Start, r.Window.End, showValues(r.Group), r.Rows, r.Unfit, showValues(r.Values))
	if r.Err != nil {
		text += fmt.Sprint(" overflow ", errors.Is(r.Err, aggregate.ErrOverflow))
	}
	return text
}

func showValues(values []segment.Value) string {
	var fields store.Fields
	for _, v := range values {
		if isNaN(v) {
			v = segment.Float64Of(math.NaN()) // which one is not told
		}
		fields = append(fields, store.Field{Value: v})
	}
	return showFields(fields)
}
