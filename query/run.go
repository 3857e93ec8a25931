package query

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/store"
)

// Options are the settings of running a query. The zero value of each means its
// default.
type Options struct {
	// MemoryBytes is how much groups, rows put in order, and joined states may take,
	// about; default 1 GiB. Each goes to disk, or, if it can be asked for again, is
	// forgotten, before it takes more than half of it; so do rows of SELECT DISTINCT.
	// With ranked rows beyond it, a single group that is larger, or states as large
	// that are all joined with the same, a query ends with [ErrMemory].
	MemoryBytes int64

	// TempDir is where that is written which does not fit memory, in files that are gone
	// when the query ends; default [os.TempDir].
	TempDir string

	// Workers is how many processors may work on a query; default all that Go uses.
	Workers int

	// Events has events read even where a maintained aggregate has the answer, which
	// is the same.
	Events bool
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

	inner  *executor   // of a first source that is a query; nil: it is none
	joined []*executor // likewise of each joined source
	outer  *executor   // that this one is an inner one of

	pushed   index.Predicate // on the first source
	rest     []*node         // conditions that are left, of rows of the first source
	behind   []*node         // of rows behind the joins
	keys     []string        // of the first source that are wanted; nil: all
	keyRange store.Range

	timeSlot, seqSlot, kindSlot int // of the first source; -1 if it is not needed

	fit   *fitting         // an aggregate that has the answer; nil: none
	unfit []string         // why those of the stream have not
	times []aggregate.Span // of events that are read; nil: all

	limitBytes int64
	held       atomic.Int64
	peak       atomic.Int64
	tempDir    string
	spilled    atomic.Int64 // bytes written to disk
	pages      atomic.Int64 // whose statistics were enough

	steps steps
	stats Stats
}

// newExecutor prepares to run p.
func (o *Options) newExecutor(r Reader, p *plan) *executor {
	x := &executor{plan: p.undistinct(), reader: r, workers: o.Workers, limitBytes: o.MemoryBytes, tempDir: o.TempDir, timeSlot: -1, seqSlot: -1, kindSlot: -1}
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
	x.inner = o.newInner(r, x, x.sources[0])
	for _, s := range x.sources[1:] {
		x.joined = append(x.joined, o.newInner(r, x, s))
	}
	if !o.Events {
		x.findFit()
	}
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
	if placed || x.window.kind == countedWindow {
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
	if !p.distinct || p.grouped || len(p.ranks) > 0 {
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

// note counts memory that is held, and is how much that is, of a query around it as
// well.
func (x *executor) note(more int64) (now int64) {
	now = x.held.Add(more)
	for peak := x.peak.Load(); now > peak && !x.peak.CompareAndSwap(peak, now); peak = x.peak.Load() {
	}
	if x.outer != nil {
		return x.outer.note(more)
	}
	return now
}

// hold counts memory that is kept until the answer is there.
func (x *executor) hold(more int64) error {
	if now := x.note(more); now > x.limitBytes {
		return fmt.Errorf("query: %w: about %d MiB, the limit is %d MiB; raise Options.MemoryBytes, or ask for fewer groups or rows", ErrMemory, now>>20, x.limitBytes>>20)
	}
	return nil
}

// run hands on the answer in batches; emit is called by one goroutine at a time.
func (x *executor) run(ctx context.Context, emit func(*Batch) error) (err error) {
	x.ctx = ctx
	if x.limit == 0 {
		return nil
	}
	counted := func(b *Batch) error {
		x.stats.Rows += int64(b.Rows)
		return emit(b)
	}
	o := x.newOutput(counted)
	defer func() { err = o.close(err) }()
	if x.grouped {
		err = x.runGroups(ctx, o.visit)
	} else {
		err = x.read(ctx, o.visit)
	}
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	return o.end()
}
