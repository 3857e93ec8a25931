package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/annalsdb/annals/aggregate"
)

// # Maintained aggregates
//
// An aggregate follows the log with a position of its own. What it knows lies in
// three layers of cells, a cell being the partial results of a window and group:
//
//	live     what came since the last checkpoint
//	frozen   what a checkpoint that is under way is writing
//	base     a bucket in bbolt, with the position that it reaches
//
// A cell adds to those of its key below, or stands for all of them. An event that
// comes goes into live, whatever its time: nothing below is read, so a late one
// costs what any other does. A checkpoint reads, joins and writes the cells that
// changed, with the position, in one transaction. An event that is retracted is taken
// away from live, whichever layer has it: a cell of live may be of less than nothing.
// What cannot be added or taken away, as where a maximum is retracted or, for functions
// over time, an event comes among others, makes its cell stale; a stale cell is computed
// anew from the events of its group in its window, when it is read or written next.
//
// A read first follows the log to the newest position, then joins the layers: it is
// exact at a position, which it states, and waits for no refresh. Most of the time the
// background has left it nothing to follow.
//
// History that was there before the definition is first recalled in the order in which
// it came: what moved the watermark, and how much of each window came late. The windows
// are then built in the background, newest first, a stretch of time a checkpoint: base
// begins at a time, which moves back, and what is before it is computed from the events
// when asked for; cells before it say what came late, and nothing else. Windows that
// are older than Definition.Keep go back to that state. So whatever is missing from
// bbolt, all of it for instance, costs time, never an answer.
//
// Windows of bbolt are put together into longer ones, of which a range of years is made:
// see maintainlevels.go.
//
// Definitions are events of a stream, [AggregateStream], keyed by name: the log is
// the truth of them as of everything else. A bucket is named by the fingerprint of
// its definition. A definition that replaces another is built beside it; as long as
// that takes, and the database stays open, the one before answers.
//
// # Designs considered
//
// Reading the cell for each event and writing it back costs a read of bbolt for each
// that is late, and memory for all that are open. Adding what is new to what is
// stored, at the checkpoint, needs neither.
//
// Every retraction could make its cell stale, since those of some functions have to. Of
// the total of all time that is to read all events again, and a range is made of pieces
// around the window until the next checkpoint. Taking the event away costs to find it and
// to ask whether it counted, which is what an append of the retraction asks as well. Of a
// group with 5 events in its minute it is a third of the time, 0.4 ms for 1.0.
//
// Keeping what was known at each position, so that a view of any moment finds it,
// multiplies what is stored by how often windows change. The events are kept: what was
// known earlier is computed from them.
//
// Totals of any interval could be had from running totals, in two look-ups; but a late
// event changes all behind it, and a maximum cannot be taken away. The ancestors of what
// has changed could be marked, and joined when they are read next: a read would pay then
// for all the events before it. They are joined in the checkpoint that brings the
// change, once for however many events. Until then what came is in the layers above, and
// a range adds it; where a cell of a layer stands for all below it, a range is made of
// pieces around its window.
//
// Decoding each cell of a range from bbolt is slower than merging blocks of them that are
// kept in memory: 126 µs where most blocks are not there, 50 where they are, for 8 groups
// and ten years by the minute of 10 M events; 186 and 56 of 100 M (BenchmarkAggregate_Range).

// AggregateStream has the definitions of maintained aggregates, as events. Append to
// it by [DB.Maintain] and [DB.DropAggregate].
const AggregateStream = "annals.aggregates"

// definitionField is the field of its events that has the definition, encoded.
const definitionField = "definition"

// ErrNoAggregate: no aggregate of that name is maintained.
var ErrNoAggregate = errors.New("no such aggregate")

// maintained is the aggregates of a database.
type maintained struct {
	mu     sync.Mutex
	byName map[string]*Aggregate
	define sync.Mutex // held by the one that defines or drops
	due    chan struct{}
}

// Aggregate is an aggregate that is kept from the log. All methods are safe for
// concurrent use.
type Aggregate struct {
	db   *DB
	name string

	mu      sync.Mutex
	current *kept // that answers
	next    *kept // that is built to replace it; nil for none
}

// Maintain keeps an aggregate from now on, and, once it is defined, whenever the
// database is open. It returns at once: what is not built yet comes from the events.
// The same definition again is free; another one of the same name replaces it, as soon
// as it is built.
//
// Expressions and functions of the user's own are not stored. After an Open, an
// aggregate with some answers [aggregate.ErrDefinition] until Maintain is called
// again.
func (db *DB) Maintain(ctx context.Context, d aggregate.Definition) (*Aggregate, error) {
	plan, err := aggregate.NewPlan(d)
	if err != nil {
		return nil, fmt.Errorf("maintain: %w", err)
	}
	if d.Stream == AggregateStream {
		return nil, fmt.Errorf("maintain aggregate %q: %w: stream %q cannot be aggregated", d.Name, ErrInvalid, d.Stream)
	}
	db.maintained.define.Lock()
	defer db.maintained.define.Unlock()
	a, _ := db.Aggregate(d.Name)
	if a != nil && a.take(plan) {
		db.wakeMaintain()
		return a, nil
	}
	e := Event{Stream: AggregateStream, Key: d.Name, Type: "define", Fields: Fields{
		Bytes(definitionField, d.AppendBinary(nil)), String("text", d.String())}}
	if _, err := db.Append(ctx, Batch{Events: []Event{e}}); err != nil {
		return nil, fmt.Errorf("maintain aggregate %q: %w", d.Name, err)
	}
	if a == nil {
		a = &Aggregate{db: db, name: d.Name}
		db.maintained.mu.Lock()
		db.maintained.byName[d.Name] = a
		db.maintained.mu.Unlock()
	}
	a.mu.Lock()
	old := a.next
	if k := newKept(db, plan); a.current == nil || a.current.plan == nil {
		old, a.current = a.current, k
	} else {
		a.next = k
	}
	a.mu.Unlock()
	old.drop()
	db.wakeMaintain()
	return a, nil
}

// take makes the aggregate compute with a plan, if that is of the definition that is
// the newest; false if it is of another one.
func (a *Aggregate) take(plan *aggregate.Plan) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	newest := &a.current
	if a.next != nil {
		newest = &a.next
	}
	if (*newest).def.Fingerprint() != plan.Definition().Fingerprint() {
		return false
	}
	if (*newest).plan == nil {
		*newest = newKept(a.db, plan)
	}
	return true
}

// DropAggregate ends an aggregate and gives up what is kept of it.
func (db *DB) DropAggregate(ctx context.Context, name string) error {
	db.maintained.define.Lock()
	defer db.maintained.define.Unlock()
	a, err := db.Aggregate(name)
	if err != nil {
		return fmt.Errorf("drop: %w", err)
	}
	if _, err := db.Append(ctx, Batch{Events: []Event{{Stream: AggregateStream, Key: name, Type: "drop", Kind: Delete}}}); err != nil {
		return fmt.Errorf("drop aggregate %q: %w", name, err)
	}
	db.maintained.mu.Lock()
	delete(db.maintained.byName, name)
	db.maintained.mu.Unlock()
	a.mu.Lock()
	k, next := a.current, a.next
	a.mu.Unlock()
	k.drop()
	next.drop()
	return nil
}

// Aggregate is the aggregate of that name.
func (db *DB) Aggregate(name string) (*Aggregate, error) {
	db.maintained.mu.Lock()
	defer db.maintained.mu.Unlock()
	if a := db.maintained.byName[name]; a != nil {
		return a, nil
	}
	return nil, fmt.Errorf("%w: %q", ErrNoAggregate, name)
}

// Aggregates is all aggregates by name.
func (db *DB) Aggregates() []*Aggregate {
	db.maintained.mu.Lock()
	defer db.maintained.mu.Unlock()
	var all []*Aggregate
	for _, a := range db.maintained.byName {
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b *Aggregate) int { return strings.Compare(a.name, b.name) })
	return all
}

// Definition is the one that answers now.
func (a *Aggregate) Definition() aggregate.Definition {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.current.def
}

// AggregateProgress is how far an aggregate is.
type AggregateProgress struct {
	Seq   uint64 // the position that it has followed the log to
	Built bool   // all windows are kept, as far back as Definition.Keep says
	From  int64  // windows that begin at it or later are kept; ns, math.MaxInt64 for none

	// Replaced is the definition that is being built to take over; nil for none.
	Replaced *aggregate.Definition
}

// Progress is how far the aggregate is. Right after an Open it waits until what is kept was
// looked at, as a read does.
func (a *Aggregate) Progress() AggregateProgress {
	if !a.db.closed.Load() {
		a.db.look(context.Background()) // which ends in time
	}
	a.mu.Lock()
	k, next := a.current, a.next
	a.mu.Unlock()
	p := k.progress()
	if next != nil {
		p.Replaced = &next.def
	}
	return p
}

// openAggregates finds the definitions in the log.
func (db *DB) openAggregates() error {
	db.maintained.byName = map[string]*Aggregate{}
	db.maintained.due = make(chan struct{}, 1)
	if db.streams.Load().byName[AggregateStream] == nil {
		return nil
	}
	for st, err := range db.Latest().Scan(AggregateStream, Range{}) {
		if err != nil {
			return fmt.Errorf("find aggregates: %w", err)
		}
		if err := db.openAggregate(st); err != nil {
			db.opt.Logger.Error("annals: an aggregate cannot be maintained", "name", st.Key, "error", err)
		}
	}
	return nil
}

// openAggregate takes up the aggregate that a state defines. One that was to replace
// another and was not built yet answers from now on.
func (db *DB) openAggregate(st State) error {
	k, err := keptOf(db, st.Fields)
	if err == nil {
		db.maintained.byName[st.Key] = &Aggregate{db: db, name: st.Key, current: k}
	}
	return err
}

// keptOf is what is kept of the definition in an event of AggregateStream.
func keptOf(db *DB, fields Fields) (*kept, error) {
	v, _ := fields.Get(definitionField)
	d, err := aggregate.DecodeDefinition(v.Bytes())
	if err != nil {
		return nil, err
	}
	if len(d.Missing()) > 0 {
		return &kept{db: db, def: d, bucket: bucketOf(d)}, nil
	}
	plan, err := aggregate.NewPlan(d)
	if err != nil {
		return nil, err
	}
	return newKept(db, plan), nil
}

// wakeMaintain asks for a round of maintenance.
func (db *DB) wakeMaintain() { ask(db.maintained.due) }

// runMaintain keeps all aggregates until the database closes.
func (db *DB) runMaintain() {
	tick := time.NewTicker(db.opt.CheckpointEvery)
	defer tick.Stop()
	swept := false
	for {
		news := db.news.Listen()
		more := false
		swept = swept || db.sweepAggregates() == nil
		for _, a := range db.Aggregates() {
			did, err := a.upkeep()
			if err != nil && !errors.Is(err, ErrClosed) && !errors.Is(err, errUnbuilt) && db.pace(0) == nil {
				db.opt.Logger.Error("annals: an aggregate is not kept up", "name", a.name, "error", err)
			}
			more = more || did && err == nil
		}
		if more && db.pace(0) == nil {
			continue
		}
		if len(db.Aggregates()) == 0 {
			news = nil // until one is defined
		}
		select {
		case <-db.stop:
			return
		case <-news:
		case <-db.maintained.due:
		case <-tick.C:
		}
	}
}

// sweepAggregates takes away what an interruption has left of aggregates that are not
// kept any more.
func (db *DB) sweepAggregates() error {
	db.maintained.define.Lock()
	defer db.maintained.define.Unlock()
	db.checkpoint.Lock()
	defer db.checkpoint.Unlock()
	kept := map[string]bool{}
	for _, a := range db.Aggregates() {
		a.mu.Lock()
		kept[string(a.current.bucket)] = true
		if a.next != nil {
			kept[string(a.next.bucket)] = true
		}
		a.mu.Unlock()
	}
	return db.states.dropStrays(kept)
}

// upkeep does a part of what is due; more says that there is more.
func (a *Aggregate) upkeep() (more bool, err error) {
	a.mu.Lock()
	k, next := a.current, a.next
	a.mu.Unlock()
	if next != nil {
		if more, err = next.upkeep(); err != nil {
			return false, err
		}
		if next.progress().Built {
			a.mu.Lock()
			if a.next == next {
				a.current, a.next = next, nil
			}
			a.mu.Unlock()
			k.drop()
			return true, nil
		}
	}
	did, err := k.upkeep()
	return more || did, err
}

// closeAggregates writes what the aggregates have not written yet.
func (db *DB) closeAggregates() error {
	var errs []error
	for _, a := range db.Aggregates() {
		a.mu.Lock()
		k, next := a.current, a.next
		a.mu.Unlock()
		errs = append(errs, k.close())
		if next != nil {
			errs = append(errs, next.close())
		}
	}
	return errors.Join(errs...)
}
