package query

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/store"
)

// Options are the settings of running a query. The zero value of each means its
// default.
type Options struct {
	// MemoryBytes is how much groups, rows put in order, and joined states may take,
	// about; default 1 GiB. Beyond it a query ends with [ErrMemory].
	MemoryBytes int64

	// Workers is how many processors may work on a query; default all that Go uses.
	Workers int
}

// ErrMemory: a query would hold more than Options.MemoryBytes.
var ErrMemory = errors.New("query needs more memory than it may have")

// errEnough ends a query that has all rows that LIMIT wants.
var errEnough = errors.New("there are enough rows")

// executor is one run of a plan.
type executor struct {
	*plan
	ctx     context.Context
	reader  Reader
	workers int
	windows aggregate.Window // nil: none

	pushed   index.Predicate // on the first source
	rest     []*node         // conditions that are left, of rows of the first source
	behind   []*node         // of rows behind the joins
	keys     []string        // of the first source that are wanted; nil: all
	keyRange store.Range

	timeSlot, seqSlot, kindSlot int // of the first source; -1 if it is not needed

	limitBytes int64
	held       atomic.Int64
	peak       atomic.Int64

	steps steps
	stats Stats
}

// newExecutor prepares to run p.
func (o *Options) newExecutor(r Reader, p *plan) *executor {
	x := &executor{plan: p.undistinct(), reader: r, workers: o.Workers, limitBytes: o.MemoryBytes, timeSlot: -1, seqSlot: -1, kindSlot: -1}
	if x.workers <= 0 {
		x.workers = runtime.GOMAXPROCS(0)
	}
	if x.limitBytes <= 0 {
		x.limitBytes = 1 << 30
	}
	x.windows = x.windowOf()
	x.pushed, x.rest = split(x.where, x.pushName(0))
	if x.pushed != nil {
		x.keys, x.keyRange, x.pushed = keysOf(x.pushed)
	}
	if k := x.sources[0].kind; k != eventsSource && k != allEventsSource {
		x.rest = x.where
	}
	if len(x.joins) > 0 {
		x.rest, x.behind = x.firstAlone(x.rest)
	}
	x.columns = slices.Clone(x.columns)
	x.place()
	return x
}

// firstAlone parts conditions in those that can be tested of rows of the first source,
// before the joins, and the others. One that may be an error waits: it is none where a
// row has no partner.
func (x *executor) firstAlone(where []*node) (first, behind []*node) {
	for _, n := range where {
		if n.always() && !slices.ContainsFunc(n.named(), func(slot int) bool { return x.columns[slot].source > 0 }) {
			first = append(first, n)
		} else {
			behind = append(behind, n)
		}
	}
	return first, behind
}

// place gives slots to what windows, as-of joins and aggregates in the order of time
// need of rows of the first source.
func (x *executor) place() {
	asOf := func(j join) bool { return j.kind >= AsOfJoin }
	placed := slices.ContainsFunc(x.aggregates, (*aggregation).placed)
	if placed || x.windows != nil || slices.ContainsFunc(x.joins, asOf) {
		x.timeSlot = x.slotOf("time")
	}
	if placed {
		x.seqSlot = x.slotOf("seq")
	}
	if placed && x.sources[0].kind == allEventsSource {
		x.kindSlot = x.slotOf("kind")
	}
}

// slotOf is the slot of a column of the first source, made if there is none.
func (x *executor) slotOf(own string) int {
	c := column{own: own}
	i := slices.Index(x.columns, c)
	if i < 0 {
		i = len(x.columns)
		x.columns = append(x.columns, c)
	}
	return i
}

// undistinct is p with SELECT DISTINCT of rows that are read as the GROUP BY that it
// is: one of all that is selected, with no aggregates.
func (p *plan) undistinct() *plan {
	c := *p
	if !p.distinct || p.grouped {
		return &c
	}
	c.distinct, c.grouped, c.groups = false, true, p.outputs
	c.outputs, c.order = nil, slices.Clone(p.order)
	for i, n := range p.outputs {
		c.outputs = append(c.outputs, &node{op: columnOp, slot: i, kinds: n.kinds, at: n.at, text: n.text})
	}
	for i := range c.order {
		c.order[i].by = c.outputs[slices.IndexFunc(p.outputs, c.order[i].by.equal)]
	}
	return &c
}

// hold counts memory that is kept until the answer is there.
func (x *executor) hold(more int64) error {
	if more == 0 {
		return nil
	}
	now := x.held.Add(more)
	for {
		peak := x.peak.Load()
		if now <= peak || x.peak.CompareAndSwap(peak, now) {
			break
		}
	}
	if now > x.limitBytes {
		return fmt.Errorf("query: %w: about %d MiB, the limit is %d MiB; raise Options.MemoryBytes, or ask for fewer groups or rows", ErrMemory, now>>20, x.limitBytes>>20)
	}
	return nil
}

// run hands on the answer in batches; emit is called by one goroutine at a time.
func (x *executor) run(ctx context.Context, emit func(*Batch) error) error {
	x.ctx = ctx
	if x.limit == 0 {
		return nil
	}
	counted := func(b *Batch) error {
		x.stats.Rows += int64(b.Rows)
		return emit(b)
	}
	switch {
	case x.grouped:
		return x.runGroups(ctx, counted)
	case len(x.order) > 0:
		return x.runSorted(ctx, counted)
	}
	return x.runPlain(ctx, counted)
}

// runPlain hands rows on as they are read.
func (x *executor) runPlain(ctx context.Context, emit func(*Batch) error) error {
	var mu sync.Mutex
	skip, left := x.offset, x.limit
	err := x.read(ctx, func(_ int, b *batch) error {
		if x.limit >= 0 {
			mu.Lock()
			defer mu.Unlock()
			sel, enough := limited(b, &skip, &left)
			if len(sel) > 0 {
				out, err := x.project(b, sel)
				if err == nil {
					err = emit(out)
				}
				if err != nil {
					return err
				}
			}
			if enough {
				return errEnough
			}
			return nil
		}
		out, err := x.project(b, b.sel)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		if skip > 0 {
			sel, _ := limited(b, &skip, &left)
			if len(sel) == 0 {
				return nil
			}
			if out, err = x.project(b, sel); err != nil {
				return err
			}
		}
		return emit(out)
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// limited is the rows of b that OFFSET and LIMIT leave, and whether LIMIT has no
// need of more.
func limited(b *batch, skip, left *int64) (sel []uint16, enough bool) {
	rows := b.rows(b.sel)
	n := min(*skip, int64(len(rows)))
	rows, *skip = rows[n:], *skip-n
	if *left >= 0 {
		rows = rows[:min(*left, int64(len(rows)))]
		*left -= int64(len(rows))
	}
	return rows, *left == 0
}

// project is the outputs of the rows that sel names.
func (x *executor) project(b *batch, sel []uint16) (*Batch, error) {
	t := x.steps.begin()
	out := newBatchOf(len(x.outputs))
	out.Rows = count(sel, b.n)
	for i, n := range x.outputs {
		c, err := b.vector(n, sel)
		if err != nil {
			return nil, err
		}
		out.Columns[i].pick(c, sel)
	}
	x.steps.project.in(out.Rows)
	x.steps.project.end(t)
	return out, nil
}

// runSorted puts rows in order: each worker those that it reads.
func (x *executor) runSorted(ctx context.Context, emit func(*Batch) error) error {
	sorters := make([]*sorter, x.workers)
	for i := range sorters {
		sorters[i] = x.newSorter()
	}
	err := x.read(ctx, func(worker int, b *batch) error { return x.sortBatch(sorters[worker], b) })
	if err != nil {
		return err
	}
	t := x.steps.begin()
	o := x.newOutput(emit)
	for _, s := range sorters {
		for _, r := range s.rows {
			if o.sort.wants(r.keys) {
				if err := o.sort.add(r.values, r.keys); err != nil {
					return err
				}
			}
		}
	}
	err = o.end()
	x.steps.order.end(t)
	return err
}

// sortBatch takes in those rows of a batch that are among the first: what is
// selected is computed of no others.
func (x *executor) sortBatch(s *sorter, b *batch) error {
	t := x.steps.begin()
	defer x.steps.order.end(t)
	x.steps.order.in(count(b.sel, b.n))
	by := make([]*Column, len(x.order))
	for i := range x.order {
		var err error
		if by[i], err = b.vector(x.order[i].by, b.sel); err != nil {
			return err
		}
	}
	var wanted []uint16
	var keys [][]Value
	scratch := make([]Value, len(by))
	for _, i := range b.rows(b.sel) {
		for k, c := range by {
			scratch[k] = c.Value(int(i))
		}
		if s.wants(scratch) {
			wanted, keys = append(wanted, i), append(keys, slices.Clone(scratch))
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	columns := make([]*Column, len(x.outputs))
	for i, n := range x.outputs {
		var err error
		if columns[i], err = b.vector(n, wanted); err != nil {
			return err
		}
	}
	for j, i := range wanted {
		if !s.wants(keys[j]) {
			continue
		}
		values := make([]Value, len(columns))
		for c := range columns {
			values[c] = columns[c].Value(int(i))
		}
		if err := s.add(values, keys[j]); err != nil {
			return err
		}
	}
	return nil
}
