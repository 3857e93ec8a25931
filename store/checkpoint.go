package store

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/annalsdb/annals/segment"
)

// # Checkpoints
//
// A checkpoint takes the lists of keys changed since the last one, sorts them,
// and puts each one's newest visible record into bbolt in one transaction with
// the position they reach. Then it takes those records out of the overlay: a
// reader that finds none there finds it in bbolt. Appends go on meanwhile and
// fill new lists. A key whose newest record was not visible yet goes onto them
// again.
//
// What bbolt holds must never be ahead of what the log holds for sure, so the
// log is synced before the transaction ends, where appends do not sync it.

// dirtyKey is a key with the record that a checkpoint writes.
type dirtyKey struct {
	key    *key
	record *overlaid
}

// runCheckpoints makes a checkpoint when one is due, until the database closes.
func (db *DB) runCheckpoints() {
	tick := time.NewTicker(db.opt.CheckpointEvery)
	defer tick.Stop()
	for {
		select {
		case <-db.stop:
			return
		case <-db.due:
		case <-tick.C:
		}
		db.checkpoint.Lock()
		err := db.writeCheckpoint(context.Background())
		db.checkpoint.Unlock()
		if err != nil {
			db.opt.Logger.Error("annals: checkpoint failed", "dir", db.dir, "error", err)
		}
	}
}

// Checkpoint writes the states changed since the last checkpoint to bbolt now.
// It is never needed: the log has them. When ctx ends first nothing is written.
func (db *DB) Checkpoint(ctx context.Context) error {
	switch {
	case db.closed.Load():
		return ErrClosed
	case len(db.lost) > 0:
		return db.poisoned
	}
	db.checkpoint.Lock()
	defer db.checkpoint.Unlock()
	if err := db.writeCheckpoint(ctx); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}

// writeCheckpoint makes one checkpoint. db.checkpoint is held.
func (db *DB) writeCheckpoint(ctx context.Context) error {
	start := time.Now()
	if db.states.damage.Load() != nil {
		return db.rebuild(ctx)
	}
	db.mu.Lock()
	position, held := db.visible.Load(), db.held.Load()
	lists := make([][]*key, len(db.streams.Load().list))
	total := 0
	for i, s := range db.streams.Load().list {
		lists[i], s.dirty = s.dirty, nil
		total += len(lists[i])
	}
	db.generation++
	db.mu.Unlock()
	if total == 0 {
		return nil
	}
	written, err := db.writeStates(ctx, db.states, position, lists)
	db.settle(lists, written)
	if err != nil && db.states.damage.Load() != nil {
		return db.rebuild(ctx)
	}
	if err == nil {
		db.held.Add(-held)
		db.mu.Lock()
		db.stats.checkpoints++
		db.stats.keys += uint64(total)
		db.stats.checkpointTime += time.Since(start)
		db.mu.Unlock()
	}
	db.checkpointed.Ring()
	return err
}

// writeStates puts the newest visible records of the keys, by stream, into to. It
// returns what it put, nothing if it failed.
func (db *DB) writeStates(ctx context.Context, to *states, position uint64, lists [][]*key) (written []dirtyKey, err error) {
	all := db.streams.Load().list
	err = to.put(db.id, position, func(put func(*stream, string, *record) error) error {
		for i, keys := range lists {
			for k := range all[i].inKeyOrder(keys) {
				r, _, _ := db.overlay(k, db.visible.Load())
				if r == nil {
					continue
				}
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := put(all[i], k.Name, &r.record); err != nil {
					return err
				}
				written = append(written, dirtyKey{k, r})
			}
		}
		if db.opt.Sync == SyncAlways {
			return nil // what is visible is durable
		}
		return db.syncLog()
	})
	if err != nil {
		return nil, fmt.Errorf("write states: %w", err)
	}
	return written, nil
}

// inKeyOrder is the keys in byte order. If they are a good part of all, it is the
// index that has them in order: more keys than these may come then, all with a
// record in the overlay.
func (s *stream) inKeyOrder(keys []*key) iter.Seq[*key] {
	if len(keys) < s.live.Len()/4 {
		slices.SortFunc(keys, func(a, b *key) int { return strings.Compare(a.Name, b.Name) })
		return slices.Values(keys)
	}
	return func(yield func(*key) bool) {
		s.live.Ordered().Ascend(func(k *key) bool {
			return k.Data.newest.Load() == nil || yield(k)
		})
	}
}

// settle takes the written records out of the overlay and puts the keys that
// still have one back on their lists.
func (db *DB) settle(lists [][]*key, written []dirtyKey) {
	for _, w := range written {
		w.key.Data.newest.CompareAndSwap(w.record, nil)
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	for i, s := range db.streams.Load().list[:len(lists)] {
		for _, k := range lists[i] {
			if d := &k.Data; d.newest.Load() != nil && d.dirty != db.generation {
				d.dirty = db.generation
				s.dirty = append(s.dirty, k)
			}
		}
	}
}

const (
	// rebuildKeys is how many keys a rebuild writes in one transaction: it
	// holds their states in memory.
	rebuildKeys = 1 << 16

	// fillKeys is how many states are computed under one hold of the writer's
	// lock, at a read of the log each.
	fillKeys = 256
)

// rebuild makes the bbolt file anew from the log, beside, and renames it.
// db.checkpoint is held; appends and reads go on, reads from the log.
func (db *DB) rebuild(ctx context.Context) error {
	db.opt.Logger.Warn("annals: the states in bbolt are rebuilt", "dir", db.dir, "because", *db.states.damage.Load())
	defer db.checkpointed.Ring()
	tmp := db.states.path + ".tmp"
	beside, err := createStates(tmp, db.id)
	if err != nil {
		return fmt.Errorf("rebuild states: %w", err)
	}
	// What comes after this position is on the dirty lists.
	held, position := db.held.Load(), db.visible.Load()
	err = db.rebuildInto(ctx, beside)
	if err == nil {
		err = beside.put(db.id, position, func(func(*stream, string, *record) error) error { return nil })
	}
	if closed := beside.close(); err == nil {
		err = closed
	}
	if err == nil {
		err = db.states.replace(tmp)
	}
	if err != nil {
		return fmt.Errorf("rebuild states: %w", err)
	}
	db.held.Add(-held)
	return segment.OS.SyncDir(db.dir)
}

func (db *DB) rebuildInto(ctx context.Context, beside *states) error {
	for i, s := range db.streams.Load().list {
		lists := make([][]*key, i+1)
		for chunk := range s.chunks(rebuildKeys) {
			for part := range slices.Chunk(chunk, fillKeys) {
				db.fill(s, part)
			}
			lists[i] = chunk
			written, err := db.writeStates(ctx, beside, 0, lists)
			db.settle(lists, written)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// chunks is the stream's keys in key order, n at a time.
func (s *stream) chunks(n int) iter.Seq[[]*key] {
	return func(yield func([]*key) bool) {
		chunk := make([]*key, 0, n)
		more := true
		s.live.Ordered().Ascend(func(k *key) bool {
			if chunk = append(chunk, k); len(chunk) == n {
				more = yield(chunk)
				chunk = chunk[:0]
			}
			return more
		})
		if more && len(chunk) > 0 {
			yield(chunk)
		}
	}
}

// fill computes from the log the records of the keys that have none in the
// overlay.
func (db *DB) fill(s *stream, keys []*key) {
	db.mu.Lock()
	defer db.mu.Unlock()
	for _, k := range keys {
		if k.Data.newest.Load() != nil {
			continue
		}
		st, err := db.stateAt(s, k, latest, latestSeq)
		k.Data.newest.Store(&overlaid{record: record{last: k.Data.last, state: st, unknown: err != nil}})
	}
}
