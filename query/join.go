package query

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

// joiner finds the partners of rows of the first source, one joined source after the
// other; every worker those of its own rows.
//
// A source of which the key has to be equal is asked for that key, and what it said is
// kept as long as there is room, see joinkey.go. Of any other source all states are
// read once, by all workers, into a table by what has to be equal; one that does not
// fit memory goes to disk in parts, and so do the rows that look for partners there,
// until all of these have come, see jointable.go.
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
	inner  *executor // of a source that is a query; nil: it is one of states
	reader StateReader
	byKey  int // the equality whose right side is the key, -1 for none
	slots  []int
	share  int64 // of memory

	cache atomic.Pointer[joinKeys] // of a source asked by key

	once   sync.Once // of any other source
	table  joinTable
	disk   *joinFile // what is in parts instead; nil: the table has all
	failed error
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
		s := &joinSide{join: &x.joins[i], x: x, source: x.sources[i+1], number: i + 1, byKey: -1, share: x.limitBytes / 2 / int64(len(x.joins))}
		s.cache.Store(&joinKeys{})
		for slot, c := range x.columns {
			if c.source == s.number {
				s.slots = append(s.slots, slot)
			}
		}
		for k, n := range s.right {
			if n.op == columnOp && x.columns[n.slot].own == "key" && s.source.plan == nil {
				s.byKey = k
			}
		}
		j.sides = append(j.sides, s)
		if s.inner = x.joined[i]; s.inner != nil {
			continue
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
	equal, key, ok, err := s.wanted(w)
	switch {
	case err != nil:
		return err
	case !ok:
		return j.beside(w, number, nil, "")
	case s.byKey >= 0:
		found, err := s.ofKey(w, key, s.moment(w.row))
		if err != nil {
			return err
		}
		return j.beside(w, number, found, equal)
	}
	s.once.Do(func() { s.failed = s.readAll() })
	switch {
	case s.failed != nil:
		return s.failed
	case s.disk != nil:
		return s.disk.putRow(w.row, equal)
	}
	return j.beside(w, number, s.table.by[equal], equal)
}

// beside puts those of states beside the row of w that are its partners in a source.
func (j *joiner) beside(w *joinWorker, number int, found []partner, equal string) error {
	s := j.sides[number]
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

// end joins the rows that wait on disk, of one source after the other.
func (j *joiner) end(ctx context.Context) error {
	for number, s := range j.sides {
		if s.disk == nil {
			continue
		}
		if err := j.joinDisk(ctx, number, s.disk); err != nil {
			return err
		}
	}
	return nil
}

// close gives up files, after what was done ended with err: the error of all.
func (j *joiner) close(err error) error {
	for _, s := range j.sides {
		err = s.disk.closeAfter(err)
	}
	return err
}

// moment is the time of a row, of which the partner in an as-of join is the state.
func (s *joinSide) moment(row []Value) int64 {
	if !s.asOf() {
		return latest.Time
	}
	return row[s.x.timeSlot].Nanos()
}

// wanted is what has to be equal for the row of w, and the key among it, if that is
// one; ok is false if nothing is equal to it.
func (s *joinSide) wanted(w *joinWorker) (equal, key string, ok bool, err error) {
	w.equal = w.equal[:0]
	for i, n := range s.left {
		v, err := n.eval(w.row)
		if err != nil {
			return "", "", false, err
		}
		if isNull(v) || isNaN(v) {
			return "", "", false, nil
		}
		if i == s.byKey {
			if v.Kind() != segment.StringValue { // a key is a string
				return "", "", false, nil
			}
			key = v.Str()
		}
		w.equal = appendKey(w.equal, v)
	}
	return string(w.equal), key, true, nil
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
