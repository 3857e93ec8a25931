package query

import (
	"context"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

// visit is called with batches of rows that passed WHERE, by several workers at the
// same time; calls with the same number come one after the other.
type visit func(worker int, b *batch) error

// read goes through the rows of all sources, joined, that pass WHERE.
func (x *executor) read(ctx context.Context, to visit) (err error) {
	first := x.sources[0]
	if first.empty() {
		return nil
	}
	reader, err := x.at(first)
	if err != nil {
		return err
	}
	x.stats.Seq = reader.Seq()
	if x.times != nil && len(x.times) == 0 {
		return nil
	}
	var j *joiner
	if len(x.joins) > 0 {
		if j, err = x.newJoiner(reader, to); err != nil {
			return err
		}
		defer func() { err = j.close(err) }()
		to = j.visit
	}
	read := x.newReadWork(x.chosen(&x.steps.filter, x.rest, to))
	switch first.kind {
	case querySource:
		err = x.readDerived(ctx, read)
	case aggregateSource:
		err = x.readAggregate(ctx, reader, read)
	case eventsSource, allEventsSource:
		err = x.readEvents(ctx, reader, read)
	case stateSource:
		err = x.readStates(ctx, reader, read)
	case historySource:
		err = x.readHistory(ctx, reader, read)
	default:
		err = x.readChanges(ctx, reader, read)
	}
	read.end()
	if err == nil && j != nil {
		err = j.end(ctx)
	}
	return err
}

// readWork is the work of reading: what workers do between the batches that they hand
// on.
type readWork struct {
	x       *executor
	to      visit
	workers []time.Time // when each was last given the word
	any     atomic.Bool
	began   time.Time
}

func (x *executor) newReadWork(to visit) *readWork {
	r := &readWork{x: x, to: to, workers: make([]time.Time, x.workers), began: x.steps.begin()}
	for i := range r.workers {
		r.workers[i] = r.began
	}
	return r
}

// visit hands a batch on.
func (r *readWork) visit(worker int, b *batch) error {
	s := &r.x.steps.read
	s.in(count(b.sel, b.n))
	s.end(r.workers[worker])
	r.any.Store(true)
	err := r.to(worker, b)
	r.workers[worker] = r.x.steps.begin()
	return err
}

// end is the end of reading, of which there is nothing to show but the time if there
// was no row.
func (r *readWork) end() {
	if !r.any.Load() {
		r.x.steps.read.end(r.began)
	}
}

// chosen visits what passes conditions.
func (x *executor) chosen(s *step, where []*node, to visit) visit {
	if len(where) == 0 {
		return to
	}
	return func(worker int, b *batch) error {
		t := x.steps.begin()
		s.in(count(b.sel, b.n))
		some, err := b.choose(where)
		s.end(t)
		if err != nil || !some {
			return err
		}
		return to(worker, b)
	}
}

// at is the reader at the moment of a source. Events and histories are bounded in
// time by what is asked of them, not by what the reader sees: a retraction counts
// whatever its time.
func (x *executor) at(s *source) (Reader, error) {
	m := latest
	switch s.known {
	case knownAt:
		m.KnownAt = s.seq
	case knownBy:
		m.KnownBy = s.by
	}
	if s.kind == stateSource {
		m.Time = s.hi
	}
	if m == latest {
		return x.reader, nil
	}
	return x.reader.At(m)
}

// # Events

// scanNames are the columns of a scan for the columns that events have of their own.
var scanNames = map[string]string{
	"seq": segment.ColumnSeq, "time": segment.ColumnTime, "recorded": segment.ColumnRecorded,
	"version": segment.ColumnVersion, "kind": segment.ColumnKind, "type": segment.ColumnType,
}

// scan is what is asked of the engine for a source of events.
func (x *executor) scan() store.EventScan {
	s := x.sources[0]
	q := store.EventScan{Stream: s.stream, Retracted: s.kind == allEventsSource, Workers: x.workers}
	q.Keys, q.Range = x.keys, x.keyRange
	var where index.And
	if s.kind == eventsSource {
		where = append(where, index.In{Column: segment.ColumnKind, Values: []index.Literal{
			index.Int64Of(int64(segment.Change)), index.Int64Of(int64(segment.Delete))}})
	}
	if s.lo != math.MinInt64 || s.hi != math.MaxInt64 {
		where = append(where, index.Range{Column: segment.ColumnTime,
			Lo: index.Bound{Value: index.TimeOf(s.lo)}, Hi: index.Bound{Value: index.TimeOf(s.hi)}})
	}
	if x.times != nil {
		where = append(where, aggregate.DuringAny(x.times))
	}
	if x.pushed != nil {
		where = append(where, x.pushed)
	}
	if len(where) > 0 {
		q.Where = where
	}
	for _, c := range x.columns {
		if name := c.scanned(); c.source == 0 && name != "" && !slices.Contains(q.Columns, name) {
			q.Columns = append(q.Columns, name)
		}
	}
	return q
}

// scanned is the name of the column in a scan, "" if it is none of a scan.
func (c column) scanned() string {
	if c.own == "" {
		return c.field
	}
	return scanNames[c.own]
}

// eventReader makes batches of those of a scan, for one worker.
type eventReader struct {
	x     *executor
	b     *batch
	from  *store.EventBatch
	order []int // by slot: column of the scan, -1 for none
}

func (x *executor) readEvents(ctx context.Context, reader Reader, to *readWork) (err error) {
	q := x.scan()
	readers := make([]eventReader, x.workers)
	for i := range readers {
		r := &readers[i]
		*r = eventReader{x: x, b: newBatch(len(x.columns))}
		for _, c := range x.columns {
			r.order = append(r.order, slices.Index(q.Columns, c.scanned()))
		}
	}
	x.stats.Scan, err = reader.ScanEvents(ctx, q, func(worker int, b *store.EventBatch) error {
		r := &readers[worker]
		r.from = b
		r.b.begin(b.Rows, b.Selected, r.load)
		if b.Whole() {
			r.b.told = r.told
		}
		return to.visit(worker, r.b)
	})
	return err
}

// load decodes the column of a slot.
func (r *eventReader) load(slot int, c *Column) error {
	switch own := r.x.columns[slot].own; own {
	case "key":
		return r.loadKeys(c)
	case "stream":
		c.reset()
		c.fill(segment.StringOf(r.x.sources[0].stream), r.from.Rows)
		return nil
	case "kind":
		kinds, err := r.from.Column(r.order[slot])
		if err != nil {
			return err
		}
		c.reset()
		c.Kind, c.n, c.Texts.Dict = segment.StringValue, r.from.Rows, append(c.Texts.Dict, eventKinds...)
		for _, k := range kinds[0].Ints {
			c.Texts.Codes = append(c.Texts.Codes, uint32(k))
		}
		return nil
	}
	parts, err := r.from.Column(r.order[slot])
	if err != nil {
		return err
	}
	c.setParts(parts, r.from.Rows)
	return nil
}

// told is what statistics of pages tell of a slot.
func (r *eventReader) told(slot int) ([]segment.PageStats, bool, error) {
	at := r.order[slot]
	if at < 0 || r.x.columns[slot].own == "kind" {
		return nil, false, nil
	}
	return r.from.Stats(at)
}

func (r *eventReader) loadKeys(c *Column) error {
	runs, err := r.from.Keys()
	if err != nil {
		return err
	}
	c.reset()
	c.Kind, c.n = segment.StringValue, r.from.Rows
	c.Texts.Codes = slices.Grow(c.Texts.Codes, r.from.Rows)[:r.from.Rows]
	if c.Texts.Dict, err = r.from.KeyNames(c.Texts.Dict); err != nil {
		return err
	}
	for i, run := range runs {
		end := r.from.Rows
		if i+1 < len(runs) {
			end = runs[i+1].Row
		}
		for row := run.Row; row < end; row++ {
			c.Texts.Codes[row] = uint32(i)
		}
	}
	return nil
}

// # States, histories, changes

// rowSink gathers rows that come one by one into batches, for one worker.
type rowSink struct {
	x      *executor
	worker int
	b      *batch
	to     visit
	n      int
}

// rowsAtOnce is how many rows that come one by one make a batch.
const rowsAtOnce = 1024

func (x *executor) newSink(worker int, to visit) *rowSink {
	return &rowSink{x: x, worker: worker, b: newBatch(len(x.columns)), to: to}
}

// newSinks is a sink for each worker.
func (x *executor) newSinks(to visit) []*rowSink {
	sinks := make([]*rowSink, x.workers)
	for i := range sinks {
		sinks[i] = x.newSink(i, to)
	}
	return sinks
}

// flushAll hands on what is left in sinks.
func flushAll(sinks []*rowSink) error {
	for _, s := range sinks {
		if err := s.flush(); err != nil {
			return err
		}
	}
	return nil
}

// add takes in a row; of is the value of a column.
func (s *rowSink) add(of func(c *column) Value) error {
	s.begin()
	for i := range s.x.columns {
		s.b.cols[i].append(of(&s.x.columns[i]))
	}
	return s.end()
}

// addRow takes in a row of all slots.
func (s *rowSink) addRow(row []Value) error {
	s.begin()
	for i := range row {
		s.b.cols[i].append(row[i])
	}
	return s.end()
}

func (s *rowSink) begin() {
	if s.n == 0 {
		for i := range s.b.cols {
			s.b.cols[i].reset()
		}
	}
}

func (s *rowSink) end() error {
	if s.n++; s.n < rowsAtOnce {
		return nil
	}
	return s.flush()
}

// flush hands on what there is.
func (s *rowSink) flush() error {
	if s.n == 0 {
		return nil
	}
	if err := s.x.ctx.Err(); err != nil { // a join may go on for long between two rows that are read
		return err
	}
	n := s.n
	s.n = 0
	s.b.begin(n, nil, func(int, *Column) error { return nil })
	return s.to(s.worker, s.b)
}

// ofState is the value of a column of a state, null if there is none.
func ofState(st *store.State, c *column) Value {
	if st == nil {
		return Value{}
	}
	switch c.own {
	case "":
		v, _ := st.Fields.Get(c.field)
		return v
	case "key":
		return segment.StringOf(st.Key)
	case "stream":
		return segment.StringOf(st.Stream)
	case "type":
		return segment.StringOf(st.Type)
	case "time":
		return segment.TimeOf(st.Time)
	case "recorded":
		return segment.TimeOf(st.Recorded)
	case "seq":
		return segment.Int64Of(int64(st.Seq))
	case "version":
		return segment.Int64Of(int64(st.Version))
	}
	return Value{}
}

// keyScan is what is asked of the keys of the first source.
func (x *executor) keyScan() store.KeyScan {
	return store.KeyScan{Stream: x.sources[0].stream, Keys: x.keys, Range: x.keyRange, Workers: x.workers}
}

// fieldsOf is the names of the fields that the query needs of a source.
func (x *executor) fieldsOf(source int) []string {
	names := []string{}
	for _, c := range x.columns {
		if c.source == source && c.own == "" {
			names = append(names, c.field)
		}
	}
	return names
}

func (x *executor) readStates(ctx context.Context, reader Reader, to *readWork) error {
	states, err := statesOf(reader, x.sources[0])
	if err != nil {
		return err
	}
	sinks, q := x.newSinks(to.visit), x.keyScan()
	q.Fields = x.fieldsOf(0)
	err = states.ScanStates(ctx, q, func(worker int, some []store.State) error {
		for i := range some {
			if err := sinks[worker].add(func(c *column) Value { return ofState(&some[i], c) }); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return flushAll(sinks)
}

func ofPeriod(p *store.Period, c *column) Value {
	switch c.own {
	case "valid_from":
		return segment.TimeOf(p.From)
	case "valid_until":
		if p.Until.IsZero() {
			return Value{}
		}
		return segment.TimeOf(p.Until)
	}
	return ofState(&p.State, c)
}

func (x *executor) readHistory(ctx context.Context, reader Reader, to *readWork) error {
	s := x.sources[0]
	states, err := statesOf(reader, s)
	if err != nil {
		return err
	}
	sinks := x.newSinks(to.visit)
	// hi is inclusive.
	err = states.ScanPeriods(ctx, x.keyScan(), time.Unix(0, s.lo), time.Unix(0, s.hi).Add(1), func(worker int, some []store.Period) error {
		for i := range some {
			if err := sinks[worker].add(func(c *column) Value { return ofPeriod(&some[i], c) }); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return flushAll(sinks)
}

func (x *executor) readChanges(ctx context.Context, reader Reader, to *readWork) error {
	s := x.sources[0]
	var ends [2]Reader
	for i, t := range [2]int64{s.lo, s.hi} {
		var err error
		if ends[i], err = asOf(reader, t); err != nil {
			return err
		}
	}
	states, err := statesOf(ends[0], s)
	if err != nil {
		return err
	}
	sinks := x.newSinks(to.visit)
	err = states.ScanDiff(ctx, ends[1], x.keyScan(), func(worker int, some []store.Difference) error {
		for i := range some {
			if err := sinks[worker].add(func(c *column) Value { return ofDifference(&some[i], c, s) }); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return flushAll(sinks)
}

// ofDifference is the value of a column of a change in a source.
func ofDifference(d *store.Difference, c *column, s *source) Value {
	switch {
	case c.side == oldSide:
		return ofState(d.Old, c)
	case c.side == newSide:
		return ofState(d.New, c)
	case c.own == "key":
		return segment.StringOf(d.Key)
	}
	return segment.StringOf(s.stream)
}

// keysOf is the keys that a predicate allows: a list, nil for all, and a range that
// has them all. rest is what the list does not say.
func keysOf(p index.Predicate) (keys []string, r store.Range, rest index.Predicate) {
	parts, ok := p.(index.And)
	if !ok {
		parts = index.And{p}
	}
	narrow := func(some []string) {
		if keys == nil {
			keys = some
			return
		}
		keys = slices.DeleteFunc(keys, func(k string) bool { return !slices.Contains(some, k) })
	}
	var left index.And
	for _, part := range parts {
		if named, ok := namedKeys(part); ok {
			narrow(named)
			continue
		}
		left = append(left, part)
		switch part := part.(type) {
		case index.Prefix:
			if part.Column == segment.ColumnKey && len(part.Prefix) > len(r.Prefix) && strings.HasPrefix(part.Prefix, r.Prefix) {
				r.Prefix = part.Prefix
			}
		case index.Range:
			if part.Column != segment.ColumnKey {
				continue
			}
			if part.Lo.Value.Kind() == index.String {
				lo := part.Lo.Value.Text()
				if part.Lo.Open {
					lo += "\x00"
				}
				r.From = max(r.From, lo)
			}
			if part.Hi.Value.Kind() == index.String {
				hi := part.Hi.Value.Text()
				if !part.Hi.Open {
					hi += "\x00"
				}
				if r.To == "" || hi < r.To {
					r.To = hi
				}
			}
		}
	}
	switch len(left) {
	case 0:
		return keys, r, nil
	case 1:
		return keys, r, left[0]
	}
	return keys, r, left
}

// namedKeys is the keys that a predicate names, if it is true of just these.
func namedKeys(p index.Predicate) ([]string, bool) {
	switch p := p.(type) {
	case index.Eq:
		return textsOf([]index.Literal{p.Value}), p.Column == segment.ColumnKey
	case index.In:
		return textsOf(p.Values), p.Column == segment.ColumnKey
	}
	return nil, false
}

// textsOf is the strings among literals, in order and each once, never nil.
func textsOf(list []index.Literal) []string {
	texts := []string{}
	for _, l := range list {
		if l.Kind() == index.String {
			texts = append(texts, l.Text())
		}
	}
	slices.Sort(texts)
	return slices.Compact(texts)
}
