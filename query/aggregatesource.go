package query

import (
	"context"
	"slices"
	"time"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

// A maintained aggregate as a source: its results are the rows of an inner query, whose
// columns are the groups, the window, the measures, and what is known of the result.

// The columns behind the groups and the measures.
const (
	statusColumn = "status"
	lateColumn   = "late"
	seqColumn    = "seq"
)

// resultColumns is the names of the columns of an aggregate.
func resultColumns(d *aggregate.Definition) (names []string) {
	for _, in := range d.By {
		names = append(names, nameOf(in))
	}
	names = append(names, windowStart, windowEnd)
	for _, m := range d.Measures {
		names = append(names, m.Name)
	}
	return append(names, statusColumn, lateColumn, seqColumn)
}

// nameOf is an input as it is written in a query.
func nameOf(in aggregate.Input) string {
	if in.Column == segment.ColumnKey {
		return "key"
	}
	for own, name := range scanNames {
		if in.Column == name && in.Of == nil {
			return own
		}
	}
	return in.String()
}

// kindsOfResult is what is known of the kinds of those columns.
var kindsOfResult = map[string]kindSet{
	"key": texts, "type": texts, windowStart: times, windowEnd: times, statusColumn: texts, lateColumn: ints, seqColumn: ints,
}

// aggregateOf is the aggregate that a source names; nil if it is none, or a stream is
// called so.
func (b *binder) aggregateOf(from Source) *store.Aggregate {
	r, ok := b.catalog.(dbReader)
	if !ok || from.kind != eventsSource || from.query != nil {
		return nil
	}
	if streams, err := r.Streams(); err != nil || slices.Contains(streams, from.stream) {
		return nil
	}
	a, err := r.db.Aggregate(from.stream)
	if err != nil {
		return nil
	}
	return a
}

// bindAggregate makes s one of the results of an aggregate.
func (b *binder) bindAggregate(s *source, a *store.Aggregate, from Source) error {
	at := Expr{at: from.at}
	if len(b.sources) > 0 {
		return b.fail(at, "an aggregate stands as the first source; a JOIN is with states")
	}
	d := a.Definition()
	inner := newPlan(Query{}, b.text)
	of := &source{kind: aggregateSource, stream: from.stream, name: from.stream, aggregate: a, lo: s.lo, hi: s.hi}
	if err := b.bindMoment(of, from.moment, at); err != nil {
		return err
	}
	if from.moment.kind == asOfMoment {
		return b.fail(from.moment.a, "an aggregate is of all event times: expected FROM a TO b of the starts of windows, or KNOWN")
	}
	if err := b.bindKnown(of, from.known); err != nil {
		return err
	}
	inner.sources = []*source{of}
	for i, name := range resultColumns(&d) {
		kinds, ok := kindsOfResult[name]
		if !ok {
			kinds = anyKind
		}
		inner.columns = append(inner.columns, column{own: name})
		inner.names = append(inner.names, name)
		inner.outputs = append(inner.outputs, &node{op: columnOp, slot: i, kinds: kinds, at: max(from.at-1, 0), text: &inner.text})
	}
	s.kind, s.plan = querySource, inner
	return nil
}

// readAggregate reads the results of windows that begin in the range of the source.
func (x *executor) readAggregate(ctx context.Context, reader Reader, to *readWork) error {
	s := x.sources[0]
	known, err := reader.(dbReader).known() // bindAggregate saw to it
	if err != nil {
		return err
	}
	q := store.AggregateQuery{KnownAt: known}
	if s.lo != -1<<63 {
		q.From = time.Unix(0, s.lo)
	}
	if s.hi != latest.Time {
		q.To = time.Unix(0, s.hi).Add(1) // hi is inclusive
	}
	answer, err := s.aggregate.Read(ctx, q)
	if err != nil {
		return err
	}
	x.stats.Seq = answer.Seq
	sink := x.newSink(0, to.visit)
	row := make([]Value, 0, len(x.columns))
	for i := range answer.Results {
		row = appendResult(row[:0], &answer.Results[i], answer.Seq)
		if err := sink.addRow(row); err != nil {
			return err
		}
	}
	return sink.flush()
}

// appendResult appends the columns of a result. A window without a start or an end,
// as of all time, has nulls there.
func appendResult(row []Value, r *aggregate.Result, seq uint64) []Value {
	row = append(row, r.Group...)
	for _, t := range [...]int64{r.Window.Start, r.Window.End} {
		if t == -1<<63 || t == 1<<63-1 {
			row = append(row, Value{})
			continue
		}
		row = append(row, segment.FromInt(segment.TimeValue, t))
	}
	row = append(row, r.Values...)
	return append(row, segment.StringOf(r.Status.String()), segment.Int64Of(r.Late), segment.Int64Of(int64(seq)))
}
