package query

import (
	"sort"
	"sync"

	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

// joiner finds the partners of rows of the first source, one joined source after the
// other. The states of a joined source are read once, the first time one is asked
// for, into a table by what has to be equal; where the key is among that, and the
// source is not read yet, only the states of keys that are asked for.
type joiner struct {
	x     *executor
	to    visit
	mu    sync.Mutex
	sides []*joinSide
	sinks []*rowSink
}

// joinSide is a joined source.
type joinSide struct {
	*join
	x      *executor
	source *source
	number int
	reader Reader
	byKey  int // the equality whose right side is the key, -1 for none
	slots  []int

	table   map[string][]partner
	fetched map[string]bool // keys
	whole   bool            // all of it is in the table
	key     []byte
	row     []Value
}

// partner is a state that rows are joined with, and when it is valid.
type partner struct {
	values      []Value // of the side's slots
	from, until int64
}

func (x *executor) newJoiner(reader Reader, to visit) (*joiner, error) {
	j := &joiner{x: x, to: x.chosen(x.where, to)}
	for i := range x.joins {
		s := &joinSide{join: &x.joins[i], x: x, source: x.sources[i+1], number: i + 1, byKey: -1, row: make([]Value, len(x.columns))}
		s.table, s.fetched = map[string][]partner{}, map[string]bool{}
		for slot, c := range x.columns {
			if c.source == s.number {
				s.slots = append(s.slots, slot)
			}
		}
		for k, n := range s.right {
			if n.op == columnOp && x.columns[n.slot].own == "key" {
				s.byKey = k
			}
		}
		var err error
		if s.asOf() {
			s.reader = reader
		} else if s.reader, err = x.at(s.source); err != nil {
			return nil, err
		}
		j.sides = append(j.sides, s)
	}
	j.sinks = make([]*rowSink, x.workers)
	return j, nil
}

func (s *joinSide) asOf() bool { return s.kind >= AsOfJoin }

func (s *joinSide) outer() bool { return s.kind == LeftJoin || s.kind == AsOfLeftJoin }

// visit joins the rows of a batch of the first source.
func (j *joiner) visit(worker int, b *batch) error {
	if j.sinks[worker] == nil {
		j.sinks[worker] = j.x.newSink(func(_ int, b *batch) error { return j.to(worker, b) })
	}
	sink := j.sinks[worker]
	row := make([]Value, len(j.x.columns))
	for slot, c := range j.x.columns {
		if c.source == 0 {
			if _, err := b.column(slot); err != nil {
				return err
			}
		}
	}
	for _, i := range b.rows(b.sel) {
		for slot, c := range j.x.columns {
			if c.source == 0 {
				row[slot] = b.cols[slot].Value(int(i))
			}
		}
		if err := j.extend(0, row, sink); err != nil {
			return err
		}
	}
	return sink.flush()
}

// extend puts the partners of row in the sources from number on beside it.
func (j *joiner) extend(number int, row []Value, sink *rowSink) error {
	if number == len(j.sides) {
		return sink.addRow(row)
	}
	s := j.sides[number]
	found, err := j.partners(s, row)
	if err != nil {
		return err
	}
	any := false
	at := int64(0)
	if s.asOf() {
		at = row[j.x.timeSlot].Nanos()
	}
	if s.asOf() && s.byKey >= 0 { // they are of one key, in order of time
		n := sort.Search(len(found), func(i int) bool { return found[i].from > at })
		found = found[max(n-1, 0):n]
	}
	for i := range found {
		p := &found[i]
		if s.asOf() && (p.from > at || at >= p.until && p.until != latest.Time) {
			continue
		}
		any = true
		for k, slot := range s.slots {
			row[slot] = p.values[k]
		}
		if err := j.extend(number+1, row, sink); err != nil {
			return err
		}
	}
	if any || !s.outer() {
		return nil
	}
	for _, slot := range s.slots {
		row[slot] = Value{}
	}
	return j.extend(number+1, row, sink)
}

// partners is the states whose right sides equal the left ones of row.
func (j *joiner) partners(s *joinSide, row []Value) ([]partner, error) {
	var key []byte
	for i, n := range s.left {
		v, err := n.eval(row)
		if err != nil {
			return nil, err
		}
		if isNull(v) || isNaN(v) {
			return nil, nil
		}
		if i == s.byKey && v.Kind() != segment.StringValue { // a key is a string
			return nil, nil
		}
		key = appendKey(key, v)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if s.byKey < 0 {
		if err := s.readAll(); err != nil {
			return nil, err
		}
		return s.table[string(key)], nil
	}
	v, err := s.left[s.byKey].eval(row)
	if err == nil {
		err = s.fetch(v.Str())
	}
	return s.table[string(key)], err
}

// fetch reads the states of one key.
func (s *joinSide) fetch(key string) error {
	if s.fetched[key] {
		return nil
	}
	s.fetched[key] = true
	if s.asOf() {
		return s.readHistory(key)
	}
	return s.x.eachState(s.reader, s.source, []string{key}, store.Range{}, s.addState)
}

// readAll reads the states of all keys.
func (s *joinSide) readAll() error {
	if s.whole {
		return nil
	}
	s.whole = true
	if !s.asOf() {
		return s.x.eachState(s.reader, s.source, nil, store.Range{}, s.addState)
	}
	return s.x.eachKey(s.x.ctx, s.reader, s.source.stream, nil, store.Range{}, s.readHistory)
}

func (s *joinSide) addState(st *store.State) error {
	return s.add(latest.Time, latest.Time, func(c *column) Value { return ofState(st, c) })
}

func (s *joinSide) readHistory(key string) error {
	return eachPeriod(s.reader, s.source.stream, key, -1<<63, latest.Time, func(p *store.Period) error {
		until := latest.Time
		if !p.Until.IsZero() {
			until = p.Until.UnixNano()
		}
		return s.add(p.From.UnixNano(), until, func(c *column) Value { return ofPeriod(p, c) })
	})
}

// add puts a state into the table, unless it equals nothing.
func (s *joinSide) add(from, until int64, of func(c *column) Value) error {
	p := partner{values: make([]Value, len(s.slots)), from: from, until: until}
	size := int64(96)
	for i, slot := range s.slots {
		p.values[i] = of(&s.x.columns[slot])
		s.row[slot] = p.values[i]
		size += 32 + int64(len(p.values[i].Text()))
	}
	s.key = s.key[:0]
	for _, n := range s.right {
		v, err := n.eval(s.row)
		if err != nil {
			return err
		}
		if isNull(v) || isNaN(v) {
			return nil
		}
		s.key = appendKey(s.key, v)
	}
	s.table[string(s.key)] = append(s.table[string(s.key)], p)
	return s.x.hold(size)
}

// addRow takes in a row of all slots.
func (s *rowSink) addRow(row []Value) error {
	if s.n == 0 {
		for i := range s.b.cols {
			s.b.cols[i].reset()
		}
	}
	for i := range row {
		s.b.cols[i].append(row[i])
	}
	if s.n++; s.n < rowsAtOnce {
		return nil
	}
	return s.flush()
}
