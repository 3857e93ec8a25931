package fuzz

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

// gathered is what the workers of a scan were handed, as texts.
type gathered struct {
	mu    sync.Mutex
	texts []string
}

func (g *gathered) add(text string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.texts = append(g.texts, text)
}

// compare compares what came, in whatever order, with what is wanted.
func (g *gathered) compare(what string, err error, wants []string) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	slices.Sort(g.texts)
	slices.Sort(wants)
	return compareTexts(what, g.texts, wants)
}

// keyScans compares the scans by keys, which give no order.
func (o *oracle) keyScans(p pair, stream string) error {
	q := store.KeyScan{Stream: stream, Range: o.drawRange(), Workers: o.IntN(4)}
	if o.IntN(3) == 0 {
		q.Keys = []string{"a", "none", "ab"}[:o.IntN(4)]
	}
	wanted := func(key string) bool {
		return (q.Keys == nil || slices.Contains(q.Keys, key)) && inRange(key, q.Range)
	}
	if err := o.scanStates(p, q, wanted); err != nil {
		return err
	}
	if err := o.scanPeriods(p, q, wanted); err != nil {
		return err
	}
	return o.scanDiff(p, q, wanted)
}

func (o *oracle) scanStates(p pair, q store.KeyScan, wanted func(string) bool) error {
	var got gathered
	err := p.view.ScanStates(context.Background(), q, func(_ int, states []store.State) error {
		for _, s := range states {
			got.add(showFound(s))
		}
		return nil
	})
	var wants []string
	for _, s := range p.point.Scan(q.Stream, store.Range{}) {
		if wanted(s.Key) {
			wants = append(wants, showFound(s))
		}
	}
	return got.compare(fmt.Sprintf("states %+v at %s", q, p), err, wants)
}

func (o *oracle) scanPeriods(p pair, q store.KeyScan, wanted func(string) bool) error {
	from, to := o.drawTime(), o.drawTime()
	if to.Before(from) {
		from, to = to, from
	}
	var got gathered
	err := p.view.ScanPeriods(context.Background(), q, from, to, func(_ int, periods []store.Period) error {
		for _, period := range periods {
			got.add(showPeriod(period))
		}
		return nil
	})
	var wants []string
	for _, key := range p.point.keys(q.Stream) {
		if wanted(key) {
			wants = append(wants, showAll(p.point.Between(q.Stream, key, from, to), showPeriod)...)
		}
	}
	what := fmt.Sprintf("periods %+v between %s and %s at %s", q, showTime(from), showTime(to), p)
	return got.compare(what, err, wants)
}

func (o *oracle) scanDiff(p pair, q store.KeyScan, wanted func(string) bool) error {
	to, err := o.look(o.moment(o.Uint64(), o.Uint64()))
	if err != nil {
		return err
	}
	var got gathered
	err = p.view.ScanDiff(context.Background(), to.view, q, func(_ int, some []store.Difference) error {
		for _, d := range some {
			got.add(showDifference(d))
		}
		return nil
	})
	var wants []string
	for _, d := range p.point.Diff(to.point, q.Stream) {
		if wanted(d.Key) {
			wants = append(wants, showDifference(d))
		}
	}
	return got.compare(fmt.Sprintf("differences %+v from %s to %s", q, p, to), err, wants)
}

// eventColumns are what scans of events are asked for, besides the key.
var eventColumns = []string{segment.ColumnSeq, segment.ColumnTime, segment.ColumnKind, segment.ColumnType, "x", "y"}

// eventScan compares a scan of events with the model, and the same scan over the
// events as a reader gives them.
func (o *oracle) eventScan(p pair, stream string) error {
	q := o.drawEventScan(stream)
	var wants []string
	for _, e := range p.point.Events(store.EventQuery{Stream: stream, From: q.From}) {
		if (q.Keys == nil || slices.Contains(q.Keys, e.Key)) && inRange(e.Key, q.Range) &&
			(q.Retracted || p.point.retractedBy(e.Seq) == 0) && (q.Where == nil || q.Where.Test(rowOf(e)) == index.True) {
			wants = append(wants, eventRow(e))
		}
	}
	shown := q
	shown.Columns = nil // always the same
	what := fmt.Sprintf("scan of events %+v at %s", shown, p)
	var got, over gathered
	_, err := p.view.ScanEvents(context.Background(), q, got.rows)
	if err := got.compare(what, err, wants); err != nil {
		return err
	}
	_, err = q.Over(context.Background(), p.view.Events(store.EventQuery{}), over.rows)
	return over.compare(what+", over what was read", err, wants)
}

func (o *oracle) drawEventScan(stream string) store.EventScan {
	q := store.EventScan{Stream: stream, Columns: eventColumns, Range: o.drawRange(), Retracted: o.IntN(3) == 0, Workers: o.IntN(4)}
	if o.IntN(4) == 0 {
		q.Keys = []string{"a", "none", "ab"}[:o.IntN(4)]
	}
	if o.IntN(3) == 0 {
		q.From = o.Uint64N(o.model.Seq() + 2)
	}
	if o.IntN(3) > 0 {
		q.Where = o.drawPredicate(2)
	}
	return q
}

func (o *oracle) drawPredicate(depth int) index.Predicate {
	n := o.IntN(8)
	if n < 3 && depth > 0 {
		parts := []index.Predicate{o.drawPredicate(depth - 1), o.drawPredicate(depth - 1)}
		return []index.Predicate{index.And(parts), index.Or(parts), index.Not{Of: parts[0]}}[n]
	}
	column := eventColumns[o.IntN(len(eventColumns))]
	switch n {
	case 3:
		return index.IsNull{Column: column}
	case 4:
		return index.In{Column: column, Values: []index.Literal{o.drawLiteral(column), o.drawLiteral(column)}}
	case 5:
		return index.Eq{Column: column, Value: o.drawLiteral(column)}
	case 6:
		return index.Range{Column: column, Hi: index.Bound{Value: o.drawLiteral(column), Open: o.IntN(2) == 0}}
	}
	return index.Range{Column: column, Lo: index.Bound{Value: o.drawLiteral(column), Open: o.IntN(2) == 0}}
}

func (o *oracle) drawLiteral(column string) index.Literal {
	switch column {
	case segment.ColumnSeq:
		return index.Int64Of(o.Int64N(int64(o.model.Seq()) + 2))
	case segment.ColumnTime:
		return index.TimeOf(o.drawTime().UnixNano())
	case segment.ColumnKind:
		return index.Int64Of(o.Int64N(4))
	case segment.ColumnType:
		return index.StringOf([]string{"", "t", "u"}[o.IntN(3)])
	}
	return []index.Literal{index.Int64Of(1), index.Float64Of(0), index.StringOf("1"), index.BoolOf(true), index.Int64Of(2)}[o.IntN(5)]
}

func (o *oracle) drawRange() store.Range {
	bounds := []string{"", "", "", "a", "aa", "ab", "b", "c"}
	pick := func() string { return bounds[o.IntN(len(bounds))] }
	return store.Range{Prefix: pick(), From: pick(), To: pick()}
}

// rowOf is an event as a predicate sees it.
func rowOf(e store.Event) index.Row {
	return func(column string) (index.Literal, bool) {
		switch column {
		case segment.ColumnSeq:
			return index.Int64Of(int64(e.Seq)), true
		case segment.ColumnTime:
			return index.TimeOf(e.Time.UnixNano()), true
		case segment.ColumnKind:
			return index.Int64Of(int64(e.Kind)), true
		case segment.ColumnType:
			return index.StringOf(e.Type), true
		}
		v, ok := e.Fields.Get(column)
		return v.Literal(), ok
	}
}

// eventRow is what a scan of eventColumns has of an event.
func eventRow(e store.Event) string {
	var fields store.Fields
	for _, name := range []string{"x", "y"} {
		if v, ok := e.Fields.Get(name); ok {
			fields = append(fields, store.Field{Name: name, Value: v})
		}
	}
	return showEvent(store.Event{Seq: e.Seq, Kind: e.Kind, Key: e.Key, Time: e.Time, Type: e.Type, Fields: fields})
}

// rows takes in the selected rows of a batch.
func (g *gathered) rows(_ int, b *store.EventBatch) error {
	events := make([]store.Event, b.Rows)
	for i := range eventColumns {
		parts, err := b.Column(i)
		if err != nil {
			return err
		}
		for j := range parts {
			takeColumn(events, &parts[j], eventColumns[i])
		}
	}
	runs, err := b.Keys()
	if err != nil {
		return err
	}
	names, err := b.KeyNames(nil)
	if err != nil {
		return err
	}
	for i, run := range runs {
		for row := run.Row; row < b.Rows; row++ {
			events[row].Key = names[i] // the next run has the rest
		}
	}
	for row, e := range events {
		if b.Selected == nil || slices.Contains(b.Selected, uint16(row)) {
			g.add(eventRow(e))
		}
	}
	return nil
}

// takeColumn puts the values of a column into the events of its rows.
func takeColumn(events []store.Event, f *segment.FieldColumn, column string) {
	for row := range events {
		at, ok := f.Find(row)
		if !ok {
			continue
		}
		switch e, v := &events[row], f.Value(at); column {
		case segment.ColumnSeq:
			e.Seq = uint64(v.Int64())
		case segment.ColumnTime:
			e.Time = v.Time()
		case segment.ColumnKind:
			e.Kind = store.Kind(v.Int64())
		case segment.ColumnType:
			e.Type = v.Str()
		default:
			e.Fields = append(e.Fields, store.Field{Name: f.Name, Value: v})
		}
	}
}
