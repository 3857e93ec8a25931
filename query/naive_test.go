package query

import (
	"maps"
	"slices"
	"strings"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// naiveData is a database as a slice of events, and queries over it answered by the
// rules, with plain loops: every question walks all events from the first. It shares
// the binder and the evaluator of expressions with the package, and nothing of how
// rows are found, grouped or put in order.
type naiveData struct {
	streams []naiveStream
	log     []segment.Event // the event with Seq n is log[n-1]
}

// naiveStream is a stream: folded by replace, or by merge; in order of time, or of
// arrival.
type naiveStream struct {
	name             string
	merge, byArrival bool
}

// add stores an event: its Seq, Version and, if it has none, Time and Recorded are
// found here.
func (d *naiveData) add(e segment.Event) {
	e.Seq, e.Version = uint64(len(d.log))+1, 1
	for _, o := range d.log {
		if o.Stream == e.Stream && o.Key == e.Key {
			e.Version++
		}
	}
	if e.Recorded.IsZero() {
		e.Recorded = e.Time
		if n := len(d.log); n > 0 && !e.Recorded.After(d.log[n-1].Recorded) {
			e.Recorded = d.log[n-1].Recorded.Add(1)
		}
	}
	if e.Time.IsZero() {
		e.Time = e.Recorded
	}
	d.log = append(d.log, e)
}

// Streams implements [Catalog].
func (d *naiveData) Streams() (names []string, err error) {
	for _, s := range d.streams {
		names = append(names, s.name)
	}
	return names, nil
}

// Fields implements [Catalog]: in order of their names.
func (d *naiveData) Fields(stream string) ([]string, error) {
	found := map[string]bool{}
	for _, e := range d.log {
		for _, f := range e.Fields {
			if e.Stream == stream {
				found[f.Name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// answer is the rows of a query.
type answer struct {
	names []string
	rows  [][]Value
}

// String is the answer as a table of columns with | between them.
func (a *answer) String() string {
	var b strings.Builder
	b.WriteString(strings.Join(a.names, " | ") + "\n")
	for _, r := range a.rows {
		for i, v := range r {
			if i > 0 {
				b.WriteString(" | ")
			}
			text := v.String()
			if v.Kind() == segment.Float64Value {
				text = floatText(v.Float64())
			}
			b.WriteString(text)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// naiveRecord is a row of a source: an event, a state, or a change of one.
type naiveRecord struct {
	own      map[string]Value
	fields   segment.Fields
	old, new *naiveRecord
}

// naiveRow is a row of each source of a join; nil for a side that has none.
type naiveRow []*naiveRecord

func (r naiveRow) value(c column) Value {
	if c.source >= len(r) || r[c.source] == nil {
		return segment.NullOf()
	}
	rec := r[c.source]
	switch c.side {
	case oldSide:
		rec = rec.old
	case newSide:
		rec = rec.new
	}
	if rec == nil {
		return segment.NullOf()
	}
	if c.own != "" {
		return rec.own[c.own]
	}
	v, _ := rec.fields.Get(c.field)
	return v
}

// run answers a query.
func (d *naiveData) run(q Query, params []any) (*answer, error) {
	p, err := bind(q, d, params)
	if err != nil {
		return nil, err
	}
	return d.planned(p)
}

func (d *naiveData) planned(p *plan) (*answer, error) {
	rows, err := d.joined(p)
	if err != nil {
		return nil, err
	}
	flat, err := naiveWhere(p, rows)
	if err != nil {
		return nil, err
	}
	if p.grouped {
		if flat, err = naiveGroups(p, flat); err != nil {
			return nil, err
		}
	}
	if err := naiveRanks(p, flat); err != nil {
		return nil, err
	}
	return naiveOutput(p, flat)
}

// naiveRanks counts, for each row, the rows of its part that stand before it.
func naiveRanks(p *plan, rows []naiveSlots) error {
	ranks := make([][]int64, len(rows))
	for i := range rows {
		for _, r := range p.ranks {
			n, err := r.naive(rows, i)
			if err != nil {
				return err
			}
			ranks[i] = append(ranks[i], n)
		}
	}
	for i := range rows {
		for k := len(p.ranks) - 1; k >= 0; k-- {
			rows[i].values = append(rows[i].values, segment.Int64Of(ranks[i][k]))
		}
	}
	return nil
}

func (r *ranking) naive(rows []naiveSlots, which int) (int64, error) {
	of := func(row naiveSlots) (partition, order []Value, err error) {
		for _, n := range r.partition {
			v, err := n.eval(row.values)
			if err != nil {
				return nil, nil, err
			}
			partition = append(partition, v)
		}
		for _, k := range r.order {
			v, err := k.by.eval(row.values)
			if err != nil {
				return nil, nil, err
			}
			order = append(order, v)
		}
		return partition, order, nil
	}
	part, at, err := of(rows[which])
	before := int64(0)
	var different [][]Value
	for i := range rows {
		p, o, failed := of(rows[i])
		if failed != nil {
			return 0, failed
		}
		c := compareKeys(r.order, o, at)
		if !slices.EqualFunc(p, part, same) || c > 0 || c == 0 && (r.kind != rowNumber || i >= which) {
			continue
		}
		before++
		if !slices.ContainsFunc(different, func(d []Value) bool { return compareKeys(r.order, d, o) == 0 }) {
			different = append(different, o)
		}
	}
	if r.kind == denseRank {
		before = int64(len(different))
	}
	return before + 1, err
}

// naiveSlots is a row that is read as a plan's nodes take it.
type naiveSlots struct {
	values []Value
	time   int64  // of the first source, for windows
	seq    uint64 // of the first source, for first and last
	kind   string // of event
}

func naiveFlat(p *plan, r naiveRow) naiveSlots {
	s := naiveSlots{values: make([]Value, len(p.columns))}
	for i, c := range p.columns {
		s.values[i] = r.value(c)
	}
	if r[0].own != nil {
		s.time, s.seq = r[0].own["time"].Nanos(), uint64(r[0].own["seq"].Int64())
		s.kind = r[0].own["kind"].Text()
	}
	return s
}

func naiveWhere(p *plan, rows []naiveRow) (kept []naiveSlots, err error) {
rows:
	for _, r := range rows {
		s := naiveFlat(p, r)
		for _, c := range p.where {
			t, err := c.truth(s.values)
			if err != nil {
				return nil, err
			}
			if t != index.True {
				continue rows
			}
		}
		kept = append(kept, s)
	}
	return kept, nil
}

// joined is the rows of all sources, put together.
func (d *naiveData) joined(p *plan) ([]naiveRow, error) {
	var rows []naiveRow
	first, err := d.records(p, p.sources[0])
	if err != nil {
		return nil, err
	}
	for _, r := range first {
		rows = append(rows, naiveRow{r})
	}
	for i, j := range p.joins {
		var next []naiveRow
		for _, left := range rows {
			s := *p.sources[i+1]
			if j.kind >= AsOfJoin {
				s.hi = left[0].own["time"].Nanos()
			}
			found := false
			others, err := d.records(p, &s)
			if err != nil {
				return nil, err
			}
			for _, right := range others {
				both := append(slices.Clone(left), right)
				ok, err := j.holds(naiveFlat(p, both).values)
				if err != nil {
					return nil, err
				}
				if ok {
					next, found = append(next, both), true
				}
			}
			if !found && (j.kind == LeftJoin || j.kind == AsOfLeftJoin) {
				next = append(next, append(slices.Clone(left), nil))
			}
		}
		rows = next
	}
	return rows, nil
}

// records is the rows of a source, an inner query or one of what is stored.
func (d *naiveData) records(p *plan, s *source) (all []*naiveRecord, err error) {
	if s.plan == nil {
		return d.read(p, s), nil
	}
	a, err := d.planned(s.plan)
	if err != nil {
		return nil, err
	}
	for _, row := range a.rows {
		r := &naiveRecord{own: map[string]Value{}}
		for i, name := range a.names {
			r.own[name] = row[i]
		}
		all = append(all, r)
	}
	return all, nil
}

func (j *join) holds(row []Value) (bool, error) {
	for i := range j.left {
		a, err := j.left[i].eval(row)
		if err != nil {
			return false, err
		}
		b, err := j.right[i].eval(row)
		if err != nil {
			return false, err
		}
		if order, ok := compare(a, b); !ok || order != 0 {
			return false, nil
		}
	}
	return true, nil
}

// read is the rows of a source.
func (d *naiveData) read(p *plan, s *source) (rows []*naiveRecord) {
	seq := uint64(len(d.log))
	switch s.known {
	case knownAt:
		seq = s.seq
	case knownBy:
		seq = 0
		for _, e := range d.log {
			if e.Recorded.UnixNano() <= s.by {
				seq = e.Seq
			}
		}
	}
	n := slices.IndexFunc(d.streams, func(o naiveStream) bool { return o.name == s.stream })
	if s.empty() || n < 0 {
		return nil
	}
	v := naiveView{d, d.streams[n], seq}
	switch s.kind {
	case eventsSource, allEventsSource:
		return v.events(s.lo, s.hi, s.kind == allEventsSource)
	case stateSource:
		for _, key := range v.keys() {
			if st := v.state(key, s.hi); st != nil {
				rows = append(rows, st)
			}
		}
	case historySource:
		for _, key := range v.keys() {
			rows = append(rows, v.history(key, s.lo, s.hi)...)
		}
	case changesSource:
		for _, key := range v.keys() {
			a, b := v.state(key, s.lo), v.state(key, s.hi)
			if !sameState(a, b) {
				own := map[string]Value{"key": segment.StringOf(key), "stream": segment.StringOf(s.stream)}
				rows = append(rows, &naiveRecord{own: own, old: a, new: b})
			}
		}
	}
	return rows
}

// naiveView is a stream as it was known at a position.
type naiveView struct {
	d   *naiveData
	s   naiveStream
	seq uint64
}

// retracted reports whether a retraction, itself not retracted, names an event.
func (v naiveView) retracted(seq uint64) bool {
	for _, e := range v.d.log[:v.seq] {
		if e.Kind == segment.Retraction && e.Retracts == seq && !v.retracted(e.Seq) {
			return true
		}
	}
	return false
}

func (v naiveView) keys() (keys []string) {
	for _, e := range v.d.log[:v.seq] {
		if e.Stream == v.s.name {
			keys = append(keys, e.Key)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// events is the events whose time is from lo to hi: those that count, or all.
func (v naiveView) events(lo, hi int64, all bool) (rows []*naiveRecord) {
	for _, e := range v.d.log[:v.seq] {
		t := e.Time.UnixNano()
		counts := e.Kind <= segment.Delete && !v.retracted(e.Seq)
		if e.Stream == v.s.name && lo <= t && t <= hi && (all || counts) {
			own := ownOfEvent(e)
			own["kind"] = segment.StringOf(e.Kind.String())
			rows = append(rows, &naiveRecord{own: own, fields: e.Fields})
		}
	}
	return rows
}

func ownOfEvent(e segment.Event) map[string]Value {
	return map[string]Value{
		"stream": segment.StringOf(e.Stream), "key": segment.StringOf(e.Key), "type": segment.StringOf(e.Type),
		"time": segment.TimeOf(e.Time), "recorded": segment.TimeOf(e.Recorded),
		"seq": segment.Int64Of(int64(e.Seq)), "version": segment.Int64Of(int64(e.Version)),
	}
}

// state is the fold of a key's events with times up to hi, nil if there is none.
func (v naiveView) state(key string, hi int64) (st *naiveRecord) {
	var events []segment.Event
	for _, e := range v.d.log[:v.seq] {
		if e.Stream == v.s.name && e.Key == key && e.Time.UnixNano() <= hi && e.Kind <= segment.Delete && !v.retracted(e.Seq) {
			events = append(events, e)
		}
	}
	if !v.s.byArrival {
		slices.SortStableFunc(events, func(a, b segment.Event) int { return a.Time.Compare(b.Time) })
	}
	for _, e := range events {
		switch {
		case e.Kind == segment.Delete:
			st = nil
		case v.s.merge && st != nil:
			st = &naiveRecord{own: ownOfEvent(e), fields: merged(st.fields, e.Fields)}
		case v.s.merge:
			st = &naiveRecord{own: ownOfEvent(e), fields: merged(nil, e.Fields)}
		default:
			st = &naiveRecord{own: ownOfEvent(e), fields: e.Fields}
		}
	}
	return st
}

// merged is old with a change over it, in the order of names; null removes a field.
func merged(old, change segment.Fields) segment.Fields {
	m := map[string]Value{}
	for _, f := range append(slices.Clone(old), change...) {
		m[f.Name] = f.Value
		if isNull(f.Value) {
			delete(m, f.Name)
		}
	}
	var out segment.Fields
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out = append(out, segment.Field{Name: name, Value: m[name]})
	}
	return out
}

func sameState(a, b *naiveRecord) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.own["seq"] == b.own["seq"] && a.fields.Equal(b.fields)
}

// history is the states of a key that were valid at some moment from lo to hi. It
// asks for the state at each time at which something happened.
func (v naiveView) history(key string, lo, hi int64) (rows []*naiveRecord) {
	var at []int64
	for _, e := range v.d.log[:v.seq] {
		if e.Stream == v.s.name && e.Key == key && e.Kind != segment.Retraction {
			at = append(at, e.Time.UnixNano())
		}
	}
	slices.Sort(at)
	var all []*naiveRecord
	var last *naiveRecord
	for _, t := range slices.Compact(at) {
		st := v.state(key, t)
		if sameState(st, last) {
			continue
		}
		if last != nil {
			last.own["valid_until"] = timeValue(t)
		}
		if last = st; st != nil {
			st.own["valid_from"] = timeValue(t)
			all = append(all, st)
		}
	}
	for _, st := range all {
		until := st.own["valid_until"]
		if st.own["valid_from"].Nanos() <= hi && (isNull(until) || until.Nanos() > lo) {
			rows = append(rows, st)
		}
	}
	return rows
}

// naiveOutput makes rows of the answer, distinct, in order, as many as are wanted.
func naiveOutput(p *plan, rows []naiveSlots) (*answer, error) {
	type out struct{ values, keys []Value }
	var outs []out
	for _, r := range rows {
		var o out
		for _, n := range p.outputs {
			v, err := n.eval(r.values)
			if err != nil {
				return nil, err
			}
			o.values = append(o.values, v)
		}
		for _, k := range p.order {
			v, err := k.by.eval(r.values)
			if err != nil {
				return nil, err
			}
			o.keys = append(o.keys, v)
		}
		same := func(other out) bool { return slices.EqualFunc(o.values, other.values, same) }
		if i := slices.IndexFunc(outs, same); p.distinct && i >= 0 {
			for c, v := range o.values {
				outs[i].values[c] = shown(outs[i].values[c], v)
			}
			continue
		}
		outs = append(outs, o)
	}
	slices.SortStableFunc(outs, func(a, b out) int { return p.sorted(a.keys, b.keys) })
	outs = outs[min(p.offset, int64(len(outs))):]
	if p.limit >= 0 {
		outs = outs[:min(p.limit, int64(len(outs)))]
	}
	a := &answer{names: p.names}
	for _, o := range outs {
		a.rows = append(a.rows, o.values)
	}
	return a, nil
}

// sorted is how ORDER BY compares two rows by their keys.
func (p *plan) sorted(a, b []Value) int {
	for i, k := range p.order {
		c := collate(a[i], b[i])
		switch {
		case isNull(a[i]) || isNull(b[i]):
			if k.nullsFirst {
				c = -c
			}
		case k.descending:
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return 0
}
