package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/segment"
)

// kept is what is kept of one definition.
type kept struct {
	db     *DB
	def    aggregate.Definition
	bucket []byte          // its name
	whole  *aggregate.Plan // of def; nil: something of it was not handed over yet
	plan   *aggregate.Plan // of the cells that are kept of it, see [aggregate.Plan.Kept]; nil as whole
	rollup

	mu                       sync.Mutex
	base                     *basis // nil: bbolt was not looked at yet
	pending                  *basis // what base becomes when the checkpoint under way is done
	position                 uint64 // up to which everything is in the layers
	live                     *aggregate.Cells
	liveFrom                 int64            // windows that begin before it are not kept: of their cells in live only Late counts
	frozen                   *aggregate.Cells // nil: no checkpoint is under way
	stale                    map[int]bool     // cells of live
	sessions, frozenSessions sessionIndex
	mark                     aggregate.Watermark
	marked                   bool // history is taken in: windows may be built
	arrivals                 aggregate.Arrivals
	epoch                    int      // moves when the layers are given up
	behind                   logPlace // of position, in the log file that was read last
	dropped                  bool
	changed                  time.Time // when position first moved on from that of base; zero: not yet
	stretch                  int64     // of event time that was built last
	watchers                 map[*watcher]bool
}

// basis is what the bucket in bbolt has.
type basis struct {
	position uint64
	from     int64  // windows that begin at it or later
	mark     []byte // where the watermark stood
	none     bool   // there is no bucket
}

func newKept(db *DB, plan *aggregate.Plan) *kept {
	d, cells := plan.Definition(), plan.Kept()
	return &kept{db: db, def: d, bucket: bucketOf(d), whole: plan, plan: cells, rollup: rollup{levels: cells.Levels()}}
}

// attach finds out what bbolt has and begins from there; false if that cannot be
// told now, or if history has to be recalled first. mu is held.
func (k *kept) attach() (bool, error) {
	if k.base != nil {
		return k.marked, nil
	}
	if k.plan == nil {
		return false, fmt.Errorf("aggregate %q: %w: %q must be handed over again, by Maintain", k.def.Name, aggregate.ErrDefinition, k.def.Missing())
	}
	newest := k.db.visible.Load()
	b, ok := k.db.states.basis(k.bucket, newest)
	if !ok {
		return false, nil
	}
	k.mark = k.def.Watermark.Watermark()
	if !b.none {
		if err := k.mark.Decode(b.mark); err != nil {
			k.db.states.noteAggregate(k.def.Name, err)
			return false, nil
		}
	}
	k.base, k.position = b, b.position
	k.marked = b.from != noWindows
	if k.db.streams.Load().byName[k.def.Stream] == nil { // there is no history
		k.marked, k.position = true, newest
	}
	k.begin(b.from)
	return k.marked, nil
}

// recallEach is how many bytes of Options.MemoryBytes there are for each position that is
// recalled with others: it takes up to 100. The more they are, the fewer scans.
const recallEach = 256

// recall takes in the next positions, at most so many, of history that was there before
// the definition, or before bbolt was lost: what moved the watermark, and what came late.
// What windows add up is built afterwards. mu is held; it is let go meanwhile.
func (k *kept) recall(most uint64) error {
	visible, epoch := k.db.visible.Load(), k.epoch
	from, to := k.position+1, min(k.position+most, visible)
	mark := k.mark // nobody else looks at its sources before all is recalled
	k.mu.Unlock()
	late, err := k.arrived(from, to, &mark)
	k.mu.Lock()
	if err != nil || k.epoch != epoch {
		return err
	}
	k.live.MergeLate(late)
	k.mark, k.position, k.marked = mark, to, to == visible
	if k.changed.IsZero() {
		k.changed = time.Now()
	}
	return nil
}

// arrived moves a watermark on by the events at some positions, and is the cells that
// they went to, without values. Which session an event belongs to it cannot tell.
func (k *kept) arrived(from, to uint64, mark *aggregate.Watermark) (*aggregate.Cells, error) {
	cells := k.plan.Bare().Cells()
	if _, sessions := k.plan.Sessions(); sessions {
		cells.From = noWindows
	}
	if from > to {
		return cells, nil
	}
	if err := k.db.pace(0); err != nil {
		return nil, err
	}
	var a aggregate.Arrivals
	q := EventScan{Stream: k.def.Stream, Where: k.plan.Where(), Columns: k.plan.Columns(), From: from, Retracted: true, Workers: 1}
	_, err := k.view(to).ScanEvents(context.Background(), q, func(_ int, b *EventBatch) error { return cells.Take(&b.Batch, &a) })
	if err != nil {
		return nil, fmt.Errorf("aggregate %q: recall positions %d to %d: %w", k.def.Name, from, to, err)
	}
	a.Settle(cells, mark)
	return cells, nil
}

// begin makes live empty, for windows from a time on. mu is held.
func (k *kept) begin(from int64) {
	k.live, k.liveFrom = k.plan.Cells(), from
	k.live.From = min(from, k.keepFrom())
	k.stale, k.sessions, k.changed = map[int]bool{}, sessionIndex{}, time.Time{}
}

// reset gives up what is in memory: it begins again from what bbolt has. mu is held.
func (k *kept) reset() {
	k.base, k.pending, k.live, k.frozen = nil, nil, nil, nil
	k.blocks = nil
	k.arrivals = aggregate.Arrivals{}
	k.epoch++
	for w := range k.watchers {
		w.restart()
	}
}

// view is what was known at a position.
func (k *kept) view(seq uint64) *View { return &View{db: k.db, time: latest, seq: seq} }

// biteMost is how many positions are taken in under one hold of mu.
const biteMost = 1 << 14

// advance follows the log to a position, which is visible. mu is held; it is let go
// now and then, for others that want to read.
func (k *kept) advance(ctx context.Context, to uint64) error {
	for k.position < to {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := k.bite(min(to, k.position+biteMost)); err != nil {
			return err
		}
		if k.position < to {
			k.mu.Unlock()
			k.mu.Lock()
			if ok, err := k.attach(); !ok {
				return errors.Join(err, errUnbuilt)
			}
		}
	}
	return nil
}

// bite takes in the positions behind position up to another one. mu is held.
func (k *kept) bite(to uint64) error {
	if _, sessions := k.plan.Sessions(); sessions && k.building() {
		return errUnbuilt
	}
	before := k.position
	retractions, err := k.follow(to)
	if err == nil {
		k.position = to
		err = k.retract(retractions, before)
	}
	if err != nil {
		k.reset() // part of it may be in
		return fmt.Errorf("aggregate %q: follow the log to position %d: %w", k.def.Name, to, err)
	}
	if k.changed.IsZero() {
		k.changed = time.Now()
	}
	return nil
}

// retractionAt is a retraction that has come.
type retractionAt struct {
	seq uint64
	key string
}

// follow adds the events of the bite and returns the retractions among them.
func (k *kept) follow(to uint64) (retractions []retractionAt, err error) {
	if k.db.streams.Load().byName[k.def.Stream] == nil {
		return nil, nil
	}
	q := EventScan{Stream: k.def.Stream, Where: k.plan.Where(), Columns: k.plan.Columns(), From: k.position + 1, Retracted: true, Workers: 1, behind: &k.behind}
	into := k.live
	_, sessions := k.plan.Sessions()
	if sessions {
		into = k.plan.Cells()
		into.From = k.liveFrom
	}
	_, err = k.view(to).ScanEvents(context.Background(), q, func(_ int, b *EventBatch) error {
		if err := into.Take(&b.Batch, &k.arrivals); err != nil {
			return err
		}
		found, err := k.retractionsIn(&b.Batch)
		retractions = append(retractions, found...)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(k.watchers) > 0 && !sessions {
		k.touchCells(k.arrivals.Cells())
	}
	k.arrivals.Settle(into, &k.mark)
	if sessions {
		err = k.join(into)
	}
	return retractions, err
}

// retractionsIn is the retractions among the rows of a batch.
func (k *kept) retractionsIn(b *segment.Batch) (all []retractionAt, err error) {
	rows, err := k.plan.Retractions(b)
	if len(rows) == 0 || err != nil {
		return nil, err
	}
	runs, err := b.Keys()
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		for len(runs) > 1 && runs[1].Row <= r.Row {
			runs = runs[1:]
		}
		name, err := b.KeyName(runs[0].Key)
		if err != nil {
			return nil, err
		}
		all = append(all, retractionAt{uint64(r.Seq), name})
	}
	return all, nil
}

// complete reports whether all windows that are to be kept are in base.
func (k *kept) complete() bool {
	return k.base != nil && !k.base.none && k.base.from <= k.keepFrom()
}

// keepFrom is the time from which on windows are to be kept. mu is held.
func (k *kept) keepFrom() int64 {
	complete := k.mark.Complete()
	if k.def.Keep == 0 || complete == math.MinInt64 || complete < math.MinInt64+int64(k.def.Keep) {
		return math.MinInt64
	}
	return k.plan.Align(complete - int64(k.def.Keep))
}

func (k *kept) progress() AggregateProgress {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.plan != nil && !k.dropped && !k.db.closed.Load() {
		k.attach() // if it cannot, nothing is kept yet
	}
	p := AggregateProgress{Seq: k.position, From: math.MaxInt64}
	if k.base != nil {
		p.From, p.Built = k.base.from, k.complete()
	}
	return p
}

// drop gives up what is kept. k may be nil.
func (k *kept) drop() {
	if k == nil {
		return
	}
	k.mu.Lock()
	k.dropped = true
	k.reset()
	k.mu.Unlock()
	k.db.checkpoint.Lock()
	defer k.db.checkpoint.Unlock()
	if err := k.db.states.dropAggregate(k.bucket); err != nil {
		k.db.opt.Logger.Warn("annals: what was kept of an aggregate stays until the next Open", "name", k.def.Name, "error", err)
	}
}
