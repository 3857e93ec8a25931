package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/annalsdb/annals/aggregate"
)

// noWindows is the from of a basis that has none.
const noWindows = math.MaxInt64

// unkept reports whether a window that begins at start is not among those from a time on.
func unkept(start, from int64) bool { return start < from || from == noWindows }

// firstStretch is how much event time is built first; the more if it is sparse.
const firstStretch = time.Hour

// A stretch with less than stretchLeast cells is followed by a longer one, one with
// more than stretchMost by a shorter one: cells of a stretch are in memory at once. It is
// not to have more than stretchEvents events, which take a second: no other checkpoint is
// made meanwhile.
const (
	stretchLeast  = 1 << 18
	stretchMost   = 1 << 20
	stretchEvents = 1 << 24
)

// upkeep does a part of what is due; more says that there is more.
func (k *kept) upkeep() (more bool, err error) {
	k.mu.Lock()
	if k.dropped || k.plan == nil {
		k.mu.Unlock()
		return false, nil
	}
	_, err = k.attach()
	visible := k.db.visible.Load()
	switch {
	case err != nil || k.base == nil:
	case !k.marked:
		err = k.recall(max(biteMost, uint64(k.db.opt.MemoryBytes/recallEach)))
	case k.position < visible:
		err = k.bite(min(visible, k.position+biteMost))
	}
	if err != nil || k.base == nil { // it may have been given up meanwhile
		k.mu.Unlock()
		return false, err
	}
	behind, due, from := k.position < visible || !k.marked, k.due(), k.base.from
	if !behind && !k.complete() {
		from, due = k.further(), true
	}
	k.mu.Unlock()
	if !due {
		return behind, nil
	}
	k.db.checkpoint.Lock()
	defer k.db.checkpoint.Unlock()
	if k.db.closed.Load() {
		return false, ErrClosed
	}
	return true, k.checkpoint(context.Background(), from)
}

// due reports whether it is time for a checkpoint. mu is held.
func (k *kept) due() bool {
	if k.frozen != nil || k.changed.IsZero() {
		return false
	}
	return k.live.Size() > k.db.opt.MemoryBytes/16 || time.Since(k.changed) >= k.db.opt.CheckpointEvery
}

// further is from where on windows are to be built next. mu is held.
func (k *kept) further() int64 {
	first, last := k.sealedTimes()
	at := k.base.from
	if at == noWindows {
		at = last
	}
	if k.stretch == 0 {
		k.stretch = int64(firstStretch)
	}
	keep := k.keepFrom()
	if at < math.MinInt64+k.stretch || at-k.stretch <= first {
		return keep // little is left, whatever times events in log files have
	}
	return max(keep, k.plan.Align(at-k.stretch))
}

// sealedTimes is the first and the last time of the stream's events in sealed files.
func (k *kept) sealedTimes() (first, last int64) {
	first, last = math.MaxInt64, math.MinInt64
	s := k.db.streams.Load().byName[k.def.Stream]
	if s == nil {
		return first, last
	}
	for _, f := range k.db.files.Load().sealed {
		if in := s.in(f); in != nil {
			first, last = min(first, in.MinTime), max(last, in.MaxTime)
		}
	}
	return first, last
}

// checkpoint brings what has changed to bbolt, and with it the windows from a time
// on that base does not have yet. db.checkpoint is held.
func (k *kept) checkpoint(ctx context.Context, from int64) error {
	k.mu.Lock()
	c, err := k.freeze(ctx, from)
	k.mu.Unlock()
	if err != nil || c == nil {
		return err
	}
	if err = c.gather(ctx); err == nil {
		err = c.write()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.epoch != c.epoch: // it was given up meanwhile
		if k.dropped {
			return k.db.states.dropAggregate(k.bucket)
		}
		return nil
	case errors.Is(err, errMoved), errors.Is(err, errUnbuilt):
		k.reset()
		return nil
	case err != nil:
		k.reset() // what was frozen comes from the log again
		return fmt.Errorf("aggregate %q: checkpoint: %w", k.def.Name, err)
	}
	k.base, k.pending, k.frozen, k.frozenSessions = c.to, nil, nil, nil
	k.forgetBlocks(c.touched)
	return nil
}

// checkpointing is a checkpoint under way.
type checkpointing struct {
	*kept
	epoch    int
	from, to *basis
	frozen   *aggregate.Cells
	puts     []cellPut
	anew     [][]byte // keys of cells that are computed from the events
	touched  map[blockID]bool
}

// freeze makes live frozen, without stale cells, and begins another one. mu is held.
func (k *kept) freeze(ctx context.Context, from int64) (*checkpointing, error) {
	if k.dropped { // a read may have attached it again since
		return nil, nil
	}
	if _, err := k.attach(); err != nil || k.base == nil || k.frozen != nil {
		return nil, err
	}
	if err := k.refresh(ctx); err != nil {
		if errors.Is(err, errUnbuilt) {
			err = nil
		}
		return nil, err
	}
	from = max(from, k.keepFrom())
	c := &checkpointing{kept: k, epoch: k.epoch, from: k.base, frozen: k.live}
	c.to = &basis{position: k.position, from: from, mark: k.mark.AppendBinary(nil)}
	k.frozen, k.frozenSessions, k.pending = k.live, k.sessions, c.to
	k.begin(from)
	return c, nil
}

// gather finds out what is to be written.
func (c *checkpointing) gather(ctx context.Context) error {
	if err := c.changes(); err != nil {
		return err
	}
	if c.to.from < c.from.from {
		cells, err := c.plan.Gather(ctx, c.view(c.to.position), aggregate.Span{Start: c.to.from, End: c.from.from}, nil)
		if err == nil {
			err = c.recount(cells)
		}
		if err == nil {
			err = c.putAll(cells)
		}
		if err != nil {
			return err
		}
	}
	if c.to.from > c.from.from {
		if err := c.forget(); err != nil {
			return err
		}
	}
	if len(c.anew) > 0 {
		if err := c.refold(ctx); err != nil {
			return err
		}
	}
	slices.SortFunc(c.puts, func(a, b cellPut) int { return bytes.Compare(a.key, b.key) })
	return nil
}

// changesAtOnce is how many cells are encoded under one hold of mu.
const changesAtOnce = 1 << 10

// changes joins the cells of frozen with those below them.
func (c *checkpointing) changes() error {
	for first := 0; first < c.frozen.Len(); first += changesAtOnce {
		if err := c.db.pace(0); err != nil && !c.db.closed.Load() {
			return err
		}
		c.mu.Lock() // readers encode its cells too
		err := c.db.states.view(func(tx *bolt.Tx) error {
			return c.some(tx.Bucket(c.bucket), first, min(first+changesAtOnce, c.frozen.Len()))
		})
		c.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// some joins those from first on, before end. All of them are merged before the first is
// encoded: a function that lays out what all groups have in order to encode one of them
// does so once.
func (c *checkpointing) some(b *bolt.Bucket, first, end int) error {
	sum := c.plan.Cells()
	var joined []int // cells of sum
	for i := first; i < end; i++ {
		cell := c.frozen.At(i)
		if cell.Gone || !c.goesDown(cell) {
			continue
		}
		key := c.frozen.AppendKey(nil, i)
		var below []byte
		if b != nil && !cell.Whole {
			if value := b.Get(key); value != nil {
				var err error
				if below, err = openCell(key, value); err != nil {
					return err
				}
			}
		}
		n, err := c.one(sum, i, key, below)
		if err != nil {
			return err
		}
		if n >= 0 {
			joined = append(joined, n)
		}
	}
	for _, n := range joined {
		value, err := sum.AppendCell(nil, n)
		if err := c.settle(sum.AppendKey(nil, n), sum.At(n), value, err); err != nil {
			return err
		}
	}
	return nil
}

// goesDown reports whether a cell of frozen is to be joined with what is below. Before
// windows that are kept only what came late is, until they are built, which recounts it.
func (c *checkpointing) goesDown(cell *aggregate.Cell) bool {
	start := cell.Window.Start
	if unkept(start, c.to.from) {
		return cell.Late > 0 && c.to.from <= c.from.from
	}
	return !unkept(start, c.from.from)
}

// isNothing reports whether nothing is known of a cell. Of events that came late it is
// known for ever how many they were, whether they are retracted or their window is not
// built yet; but which session they were in depends on others.
func (c *checkpointing) isNothing(cell *aggregate.Cell) bool {
	_, sessions := c.plan.Sessions()
	return cell.Rows == 0 && (cell.Late == 0 || sessions)
}

// one settles cell i of frozen, or merges it into cell n of sum if there is something
// below it; n is -1 if it is settled.
func (c *checkpointing) one(sum *aggregate.Cells, i int, key, below []byte) (n int, err error) {
	cell := *c.frozen.At(i)
	var value []byte
	if unkept(cell.Window.Start, c.from.from) {
		cell.Rows = 0
		value, err = c.plan.AppendEmpty(nil, cell.Window, cell.Late)
	} else {
		value, err = c.frozen.AppendCell(nil, i)
	}
	if err != nil || below == nil {
		return -1, c.settle(key, &cell, value, err)
	}
	if n, err = sum.MergeCell(key, below); err == nil {
		_, err = sum.MergeCell(key, value)
	}
	if err != nil {
		return -1, c.settle(key, &cell, nil, err)
	}
	return n, nil
}

// settle puts a cell, takes it away if nothing is known of it or, where it cannot be added
// to what is below it, has it computed anew.
func (c *checkpointing) settle(key []byte, cell *aggregate.Cell, value []byte, err error) error {
	switch {
	case errors.Is(err, aggregate.ErrOrder):
		c.anew = append(c.anew, key)
		return nil
	case err != nil:
		return err
	case c.isNothing(cell):
		c.puts = append(c.puts, cellPut{key: key})
		return nil
	}
	c.put(key, value)
	return nil
}

// recount adds to the cells of windows that were not kept before what is known to have
// come late of them: all that frozen and bbolt have of them.
func (c *checkpointing) recount(cells *aggregate.Cells) error {
	built := aggregate.Span{Start: c.to.from, End: c.from.from}
	add := func(key []byte, late int64) (err error) {
		i, ok := cells.Lookup(key)
		if !ok {
			if i, err = cells.Renew(key); err != nil {
				return err
			}
		}
		cells.At(i).Late += late
		return nil
	}
	var err error
	c.mu.Lock() // readers encode its keys too
	for i := 0; i < c.frozen.Len() && err == nil; i++ {
		if cell := c.frozen.At(i); cell.Late > 0 && inReach(built, cell.Window.Start) {
			err = add(c.frozen.AppendKey(nil, i), cell.Late)
		}
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	return c.db.states.view(func(tx *bolt.Tx) error {
		b, over := tx.Bucket(c.bucket), built
		if b == nil {
			return nil
		}
		if c.plan.ByGroup() {
			over = wholeTime
		}
		return levelCells{b: b}.each(over, nil, func(key, body []byte) error {
			w, _, err := c.plan.ReadKey(key)
			if err == nil && inReach(built, w.Start) {
				err = add(key, c.plan.Lateness(body))
			}
			return err
		})
	})
}

// put puts a cell.
func (c *checkpointing) put(key, value []byte) {
	c.puts = append(c.puts, cellPut{key, sealCell(value, 0, key)})
}

// Most keys and cells need no more room than this.
const keyRoom, cellRoom = 32, 64

// putAll puts cells that nothing is below of.
func (c *checkpointing) putAll(cells *aggregate.Cells) error {
	for i := range cells.Len() {
		if cells.At(i).Gone || c.isNothing(cells.At(i)) {
			continue
		}
		value, err := cells.AppendCell(make([]byte, 0, cellRoom), i)
		if err != nil {
			return err
		}
		c.put(cells.AppendKey(make([]byte, 0, keyRoom), i), value)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch n, events := cells.Len(), cells.Rows(); {
	case n > stretchMost || events > stretchEvents:
		c.stretch = max(c.stretch/2, int64(time.Second))
	case n < stretchLeast && events < stretchEvents/4:
		c.stretch = min(c.stretch, math.MaxInt64/8) * 4
	}
	return nil
}

// forget takes the windows away that are older than is kept.
func (c *checkpointing) forget() error {
	return c.db.states.view(func(tx *bolt.Tx) error {
		b := tx.Bucket(c.bucket)
		if b == nil {
			return nil
		}
		cursor := b.Cursor()
		for key, _ := cursor.First(); key != nil; key, _ = cursor.Next() {
			if len(key) < cellKeyLeast {
				continue
			}
			w, _, err := c.plan.ReadKey(key)
			switch {
			case err != nil:
				return fmt.Errorf("%w: %w", errRecord, err)
			case w.Start < c.to.from:
				c.puts = append(c.puts, cellPut{key: bytes.Clone(key)})
			case !c.plan.ByGroup():
				return nil
			}
		}
		return nil
	})
}

// refold puts the cells that have to be computed anew.
func (c *checkpointing) refold(ctx context.Context) error {
	windows := make([]aggregate.Span, len(c.anew))
	for n, key := range c.anew {
		w, _, err := c.plan.ReadKey(key)
		if err != nil {
			return err
		}
		windows[n] = w
	}
	cells, err := c.plan.Refold(ctx, c.view(c.to.position), c.anew, windows)
	if err != nil {
		return err
	}
	for _, key := range c.anew {
		i, ok := cells.Lookup(key)
		if !ok {
			if i, err = cells.Renew(key); err != nil {
				return err
			}
		}
		c.mu.Lock()
		late, err := c.frozenLateness(key)
		c.mu.Unlock()
		if err != nil {
			return err
		}
		if cells.At(i).Late = late; c.isNothing(cells.At(i)) {
			c.puts = append(c.puts, cellPut{key: key})
			continue
		}
		value, err := cells.AppendCell(nil, i)
		if err != nil {
			return err
		}
		c.put(key, value)
	}
	return nil
}

// write writes it all in one transaction, once the log has what it is of.
func (c *checkpointing) write() error {
	if c.db.opt.Sync != SyncAlways { // what is visible is durable then
		if err := c.db.syncLog(); err != nil {
			return err
		}
	}
	return c.db.states.putCells(c.bucket, c.from, c.to, c.puts, func(b *bolt.Bucket) (err error) {
		c.touched, err = c.recombine(b, c.puts)
		return err
	})
}

// close writes what has not been written yet, of a database that is being closed.
// What cannot be, because events would have to be read, the log has.
func (k *kept) close() error {
	k.mu.Lock()
	idle := k.base == nil || len(k.stale) > 0 || k.base.none || k.position == k.base.position
	k.mu.Unlock()
	if idle {
		return nil
	}
	err := k.checkpoint(context.Background(), k.base.from)
	if errors.Is(err, ErrClosed) {
		return nil
	}
	return err
}
