package query

import (
	"math"
	"sort"
	"sync"
	"time"

	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

// joiner finds the partners of rows of the first source, one joined source after the
// other; every worker those of its own rows.
//
// A source of which the key has to be equal is asked for that key: for its state as of
// one moment once, for its states as of the times of rows one by one, each of which
// costs a look-up, until those of the key have cost about what reading all of its
// history does; from then on, the history is kept. So a few rows that ask for keys
// with long histories are as cheap as look-ups, many rows that ask for a few keys as
// cheap as a table, and nothing costs more than twice the better of the two. Of any
// other source all states are read once, by all workers, into a table by what has to be
// equal.
type joiner struct {
	x       *executor
	to      visit
	sides   []*joinSide
	workers []joinWorker
}

// joinSide is a joined source.
type joinSide struct {
	*join
	x      *executor
	source *source
	number int
	reader StateReader
	byKey  int // the equality whose right side is the key, -1 for none
	slots  []int

	keys sync.Map // of a source asked by key: from string to *joinKey

	once   sync.Once // of any other source
	table  map[string][]partner
	failed error
}

// joinKey is what is known of a key of a joined source.
type joinKey struct {
	mu     sync.Mutex
	states []partner // in order of time
	whole  bool      // they are all that there are
	asked  uint64    // how many were looked up as of times
	events uint64    // of the key, at least
}

// partner is a state that rows are joined with, and when it is valid.
type partner struct {
	values      []Value // of the side's slots
	from, until int64
	equal       string // what has to be equal, encoded
}

// joinWorker is the memory of a worker.
type joinWorker struct {
	sink   *rowSink
	row    []Value // of the joined rows, as far as they are
	other  []Value // a row with the values of a partner alone
	equal  []byte
	theirs []byte
	beyond time.Duration // that rows took behind the joins
}

func (x *executor) newJoiner(reader Reader, to visit) (*joiner, error) {
	j := &joiner{x: x, to: x.chosen(&x.steps.joined, x.behind, to)}
	for i := range x.joins {
		s := &joinSide{join: &x.joins[i], x: x, source: x.sources[i+1], number: i + 1, byKey: -1}
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
		of := reader
		if !s.asOf() {
			var err error
			if of, err = x.at(s.source); err != nil {
				return nil, err
			}
		}
		var err error
		if s.reader, err = statesOf(of, s.source); err != nil {
			return nil, err
		}
		j.sides = append(j.sides, s)
	}
	j.workers = make([]joinWorker, x.workers)
	for i := range j.workers {
		w := &j.workers[i]
		w.row, w.other = make([]Value, len(x.columns)), make([]Value, len(x.columns))
		w.sink = x.newSink(i, func(worker int, b *batch) error {
			t := x.steps.begin()
			err := j.to(worker, b)
			w.beyond += time.Since(t)
			return err
		})
	}
	return j, nil
}

func (s *joinSide) asOf() bool { return s.kind >= AsOfJoin }

func (s *joinSide) outer() bool { return s.kind == LeftJoin || s.kind == AsOfLeftJoin }

// visit joins the rows of a batch of the first source.
func (j *joiner) visit(worker int, b *batch) error {
	t, w := j.x.steps.begin(), &j.workers[worker]
	w.beyond = 0
	j.x.steps.join.in(count(b.sel, b.n))
	err := j.join(w, b)
	j.x.steps.join.end(t.Add(w.beyond))
	return err
}

func (j *joiner) join(w *joinWorker, b *batch) error {
	for slot, c := range j.x.columns {
		if c.source == 0 {
			if _, err := b.column(slot); err != nil {
				return err
			}
		}
	}
	for n, i := range b.rows(b.sel) {
		if n%rowsAtOnce == 0 {
			if err := j.x.ctx.Err(); err != nil {
				return err
			}
		}
		for slot, c := range j.x.columns {
			if c.source == 0 {
				w.row[slot] = b.cols[slot].Value(int(i))
			}
		}
		if err := j.extend(w, 0); err != nil {
			return err
		}
	}
	return w.sink.flush()
}

// extend puts the partners of the row of w in the sources from number on beside it.
func (j *joiner) extend(w *joinWorker, number int) error {
	if number == len(j.sides) {
		return w.sink.addRow(w.row)
	}
	s := j.sides[number]
	found, equal, err := s.partners(w)
	if err != nil {
		return err
	}
	at, any := s.moment(w.row), false
	for i := range found {
		p := &found[i]
		if p.equal != equal || s.asOf() && (p.from > at || at >= p.until && p.until != latest.Time) {
			continue
		}
		any = true
		for k, slot := range s.slots {
			w.row[slot] = p.values[k]
		}
		if err := j.extend(w, number+1); err != nil {
			return err
		}
	}
	if any || !s.outer() {
		return nil
	}
	for _, slot := range s.slots {
		w.row[slot] = Value{}
	}
	return j.extend(w, number+1)
}

// moment is the time of a row, of which the partner in an as-of join is the state.
func (s *joinSide) moment(row []Value) int64 {
	if !s.asOf() {
		return latest.Time
	}
	return row[s.x.timeSlot].Nanos()
}

// partners is states among which those are that are valid at the moment of the row of
// w and have equal on their right sides.
func (s *joinSide) partners(w *joinWorker) (found []partner, equal string, err error) {
	var key string
	w.equal = w.equal[:0]
	for i, n := range s.left {
		v, err := n.eval(w.row)
		if err != nil {
			return nil, "", err
		}
		if isNull(v) || isNaN(v) {
			return nil, "", nil
		}
		if i == s.byKey {
			if v.Kind() != segment.StringValue { // a key is a string
				return nil, "", nil
			}
			key = v.Str()
		}
		w.equal = appendKey(w.equal, v)
	}
	equal = string(w.equal)
	if s.byKey >= 0 {
		found, err = s.ofKey(w, key, s.moment(w.row))
		return found, equal, err
	}
	s.once.Do(func() { s.failed = s.readAll() })
	return s.table[equal], equal, s.failed
}

// ofKey is the states of a key among which that is which is valid at a moment.
func (s *joinSide) ofKey(w *joinWorker, key string, at int64) ([]partner, error) {
	k, err := s.known(key)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.whole:
	case !s.asOf():
		k.whole = true
		k.states, err = s.look(w, s.reader, key, nil)
	case k.asked < max(k.events, fewProbes) || s.x.held.Load() > s.x.limitBytes/2:
		return s.lookAsOf(w, k, key, at)
	default:
		k.whole = true
		err = s.readHistory(w, k, key)
	}
	return k.at(at), err
}

// fewProbes is how many states of a key are looked up before its history is read,
// however short that is.
const fewProbes = 4

// known is what is known of a key.
func (s *joinSide) known(key string) (*joinKey, error) {
	if k, ok := s.keys.Load(key); ok {
		return k.(*joinKey), nil
	}
	k, had := s.keys.LoadOrStore(key, &joinKey{})
	if had {
		return k.(*joinKey), nil
	}
	return k.(*joinKey), s.x.hold(int64(200 + len(key)))
}

// at is those of the states of a key, of which each ends where the next begins or
// before, that may be valid at a moment.
func (k *joinKey) at(t int64) []partner {
	n := sort.Search(len(k.states), func(i int) bool { return k.states[i].from > t })
	return k.states[max(n-1, 0):n]
}

// lookAsOf is the state of a key as of a time, looked up, and counts that.
func (s *joinSide) lookAsOf(w *joinWorker, k *joinKey, key string, at int64) ([]partner, error) {
	r, err := asOf(s.reader, at)
	if err != nil {
		return nil, err
	}
	of, err := statesOf(r, s.source)
	if err != nil {
		return nil, err
	}
	k.asked++
	return s.look(w, of, key, k)
}

// look is the state of a key that of has, valid whenever it is asked for; k learns how
// many events it is from.
func (s *joinSide) look(w *joinWorker, of StateReader, key string, k *joinKey) ([]partner, error) {
	st, ok, err := of.Get(s.source.stream, key)
	if !ok || err != nil {
		return nil, err
	}
	if k != nil {
		k.events = max(k.events, st.Version)
	}
	p, ok, err := s.partner(w, func(c *column) Value { return ofState(&st, c) })
	if !ok || err != nil {
		return nil, err
	}
	p.from, p.until = math.MinInt64, latest.Time
	return []partner{p}, nil
}

// readHistory reads the states that a key ever had.
func (s *joinSide) readHistory(w *joinWorker, k *joinKey, key string) error {
	q := store.KeyScan{Stream: s.source.stream, Keys: []string{key}, Workers: 1}
	return s.eachPeriod(q, func(_ int, period *store.Period) error {
		p, ok, err := s.ofPeriod(w, period)
		if !ok || err != nil {
			return err
		}
		k.states = append(k.states, p)
		return s.x.hold(p.size())
	})
}

func (s *joinSide) eachPeriod(q store.KeyScan, visit func(worker int, p *store.Period) error) error {
	from, to := time.Unix(0, math.MinInt64), time.Unix(0, math.MaxInt64).Add(1)
	return s.reader.ScanPeriods(s.x.ctx, q, from, to, func(worker int, some []store.Period) error {
		for i := range some {
			if err := visit(worker, &some[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// readAll reads the states of all keys into the table.
func (s *joinSide) readAll() error {
	var mu sync.Mutex
	s.table = map[string][]partner{}
	add := func(p partner, ok bool, err error) error {
		if !ok || err != nil {
			return err
		}
		mu.Lock()
		s.table[p.equal] = append(s.table[p.equal], p)
		mu.Unlock()
		return s.x.hold(p.size())
	}
	workers := make([]joinWorker, s.x.workers)
	for i := range workers {
		workers[i].other = make([]Value, len(s.x.columns))
	}
	q := store.KeyScan{Stream: s.source.stream, Workers: s.x.workers}
	if s.asOf() {
		return s.eachPeriod(q, func(worker int, p *store.Period) error { return add(s.ofPeriod(&workers[worker], p)) })
	}
	return s.reader.ScanStates(s.x.ctx, q, func(worker int, some []store.State) error {
		for i := range some {
			p, ok, err := s.partner(&workers[worker], func(c *column) Value { return ofState(&some[i], c) })
			if err := add(p, ok, err); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *joinSide) ofPeriod(w *joinWorker, period *store.Period) (p partner, ok bool, err error) {
	p, ok, err = s.partner(w, func(c *column) Value { return ofPeriod(period, c) })
	p.from, p.until = period.From.UnixNano(), latest.Time
	if !period.Until.IsZero() {
		p.until = period.Until.UnixNano()
	}
	return p, ok, err
}

// partner is a state, unless it equals nothing; of is the value of a column.
func (s *joinSide) partner(w *joinWorker, of func(c *column) Value) (p partner, ok bool, err error) {
	p.values = make([]Value, len(s.slots))
	for i, slot := range s.slots {
		p.values[i] = of(&s.x.columns[slot])
		w.other[slot] = p.values[i]
	}
	w.theirs = w.theirs[:0]
	for _, n := range s.right {
		v, err := n.eval(w.other)
		if err != nil {
			return p, false, err
		}
		if isNull(v) || isNaN(v) {
			return p, false, nil
		}
		w.theirs = appendKey(w.theirs, v)
	}
	p.equal = string(w.theirs)
	return p, true, nil
}

// size is about what a partner takes of memory.
func (p *partner) size() int64 {
	n := int64(80 + len(p.equal))
	for i := range p.values {
		n += 32 + int64(len(p.values[i].Text()))
	}
	return n
}
