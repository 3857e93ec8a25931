package store

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
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
// Before the first one, the file's pages are looked at, and the keys that changed
// after the position it reaches, but stand in sealed files since, are put onto
// the lists: a crash may leave bbolt behind them.
//
// What bbolt holds must never be ahead of what the log holds for sure, so the
// log is synced before the transaction ends, where appends do not sync it.

// dirtyKey is a key with the record that a checkpoint writes.
type dirtyKey struct {
	key    *key
	record *overlaid
}

// Checkpoint writes the states changed since the last checkpoint to bbolt now.
// It is never needed: the log has them. When ctx ends first nothing is written.
func (db *DB) Checkpoint(ctx context.Context) error {
	switch {
	case db.closed.Load():
		return ErrClosed
	case db.salvaged:
		return db.poisoned
	}
	db.checkpoint.Lock()
	defer db.checkpoint.Unlock()
	if db.closed.Load() {
		return ErrClosed
	}
	if err := db.writeCheckpoint(ctx); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}

// writeCheckpoint makes one checkpoint. db.checkpoint is held.
func (db *DB) writeCheckpoint(ctx context.Context) error {
	start := time.Now()
	db.states.check()
	if db.states.damage.Load() != nil {
		return db.rebuild(ctx)
	}
	if err := db.catchUp(ctx); err != nil {
		return err
	}
	db.mu.Lock()
	position := db.visible.Load()
	lists := make([][]*key, len(db.streams.Load().list))
	total := 0
	for i, s := range db.streams.Load().list {
		lists[i], s.dirty = s.dirty, nil
		total += len(lists[i])
	}
	db.generation++
	db.mu.Unlock()
	if total == 0 && position == db.states.reached.Load() {
		return nil
	}
	var written []dirtyKey
	err := db.fill(lists)
	if err == nil {
		written, err = db.writeStates(ctx, position, lists)
	}
	db.settle(lists, written)
	if err != nil && db.states.damage.Load() != nil {
		return db.rebuild(ctx)
	}
	if err == nil {
		db.mu.Lock()
		db.stats.checkpoints++
		db.stats.keys += uint64(total)
		db.stats.checkpointTime += time.Since(start)
		db.mu.Unlock()
	}
	return err
}

// catchUp puts the keys on the dirty lists that changed behind the position that
// bbolt reaches and whose events are sealed. db.checkpoint is held.
func (db *DB) catchUp(ctx context.Context) error {
	if !db.behind.Load() {
		return nil
	}
	reached := db.states.reached.Load()
	for _, s := range db.streams.Load().list {
		w := keysWalk{db: db, s: s, n: fillKeys}
		for more, err := true, error(nil); more; {
			more, err = w.some(func(_ *files, keys []found) error { return db.dueBehind(s, keys, reached) })
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return fmt.Errorf("catch up with sealed events: %w", err)
			}
		}
	}
	db.behind.Store(false)
	return nil
}

// dueBehind has those of keys written whose events in sealed files go beyond
// position reached.
func (db *DB) dueBehind(s *stream, keys []found, reached uint64) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	for i := range keys {
		if len(keys[i].parts) == 0 || keys[i].parts[0].Last <= reached {
			continue
		}
		k, err := db.key(s, keys[i].name)
		if err != nil {
			return err
		}
		if k.Data.newest.Load() == nil {
			db.due(s, k)
		}
	}
	return nil
}

// writeStates puts the newest visible records of the keys, by stream, into bbolt.
// It returns what it put, nothing if it failed. A transaction takes some of them:
// bbolt holds in memory what it changes. The position moves with the last one;
// until then a record may be newer than it, which no reader is misled by: a key
// with events behind the position has a record in the overlay, or is due for one.
func (db *DB) writeStates(ctx context.Context, position uint64, lists [][]*key) (written []dirtyKey, err error) {
	all := db.streams.Load().list
	for i, keys := range lists {
		for some := range slices.Chunk(slices.Collect(all[i].inKeyOrder(keys)), db.stateKeys()) {
			err := db.states.put(db.id, db.states.reached.Load(), func(put func(*stream, string, *record) error) (err error) {
				written, err = db.putNewest(ctx, all[i], some, put, written)
				return err
			})
			if err != nil {
				return nil, fmt.Errorf("write states: %w", err)
			}
		}
	}
	err = db.states.put(db.id, position, func(func(*stream, string, *record) error) error { return nil })
	if err != nil {
		return nil, fmt.Errorf("write states: %w", err)
	}
	return written, nil
}

// putNewest puts the newest visible records of keys, which are durable by the end.
func (db *DB) putNewest(ctx context.Context, s *stream, keys []*key, put func(*stream, string, *record) error, written []dirtyKey) ([]dirtyKey, error) {
	var x record
	for _, k := range keys {
		r, _, _ := db.overlay(k, db.visible.Load())
		if r == nil || r.due {
			continue
		}
		x = r.record()
		if err := put(s, k.Name, &x); err != nil {
			return written, err
		}
		written = append(written, dirtyKey{k, r})
	}
	if err := ctx.Err(); err != nil || db.opt.Sync == SyncAlways { // what is visible is durable then
		return written, err
	}
	return written, db.syncLog()
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
		if !w.key.Data.newest.CompareAndSwap(w.record, nil) {
			continue
		}
		db.memory.dirty.Add(-w.record.size() - w.record.cut())
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	for i, s := range db.streams.Load().list[:len(lists)] {
		for _, k := range lists[i] {
			if k.Data.newest.Load() != nil {
				db.dirty(s, k)
			}
		}
	}
}

// stateKeys is how many keys are written in one transaction. bbolt holds each page
// that it changes, twice by the end, and few keys may share one.
func (db *DB) stateKeys() int {
	return int(min(max(fillKeys, db.opt.MemoryBytes/statePage), 1<<14))
}

const (
	// statePage is how much memory there is for each key of a transaction.
	statePage = 16 << 10

	// fillKeys is how many states are computed under one hold of the writer's
	// lock, or of the files, at a read of an event each.
	fillKeys = 256
)

// rebuild makes the bbolt file anew from the events, beside, and renames it.
// db.checkpoint is held; appends and reads go on, reads from the events.
func (db *DB) rebuild(ctx context.Context) error {
	db.opt.Logger.Warn("annals: the states in bbolt are rebuilt", "dir", db.dir, "because", *db.states.damage.Load())
	tmp := db.states.path + ".tmp"
	beside, err := createStates(db.opt.FS, tmp, db.id)
	if err != nil {
		return fmt.Errorf("rebuild states: %w", err)
	}
	// What comes after this position is on the dirty lists.
	position := db.visible.Load()
	err = db.rebuildInto(ctx, beside)
	if err == nil {
		err = beside.put(db.id, position, func(func(*stream, string, *record) error) error { return nil })
	}
	if closed := beside.close(); err == nil {
		err = closed
	}
	if err == nil {
		err = db.syncLog() // the records may be of events that came meanwhile
	}
	if err == nil {
		err = db.states.replace(tmp)
	}
	if err != nil {
		db.opt.FS.Remove(tmp)
		return fmt.Errorf("rebuild states: %w", err)
	}
	db.states.reached.Store(position)
	db.behind.Store(false)
	return db.opt.FS.SyncDir(db.dir)
}

// rebuildInto computes the record of every key. Those that change meanwhile are on
// the dirty lists, and have a record in the overlay.
func (db *DB) rebuildInto(ctx context.Context, beside *states) error {
	for _, s := range db.streams.Load().list {
		w := keysWalk{db: db, s: s, n: fillKeys}
		for more := true; more; {
			err := beside.put(db.id, 0, func(put func(*stream, string, *record) error) (err error) {
				for n := 0; n < db.stateKeys() && more && err == nil; n += fillKeys {
					more, err = w.some(func(f *files, keys []found) error { return db.rebuildKeys(f, s, keys, put) })
				}
				return cmp.Or(err, ctx.Err())
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (db *DB) rebuildKeys(f *files, s *stream, keys []found, put func(*stream, string, *record) error) error {
	for i := range keys {
		if err := db.rebuildKey(f, s, &keys[i], put); err != nil {
			return err
		}
	}
	return nil
}

func (db *DB) rebuildKey(f *files, s *stream, x *found, put func(*stream, string, *record) error) error {
	var t trail
	t.followFound(db, f, s, x)
	r, ok, err := t.record(db.visible.Load())
	if !ok || err != nil {
		return err
	}
	return put(s, x.name, &r)
}

// record is the key's head and state known at position seq, from its events; false
// if it has none yet.
func (t *trail) record(seq uint64) (r record, ok bool, err error) {
	if r.head, err = t.head(seq); err != nil || r.last == 0 {
		return r, false, err
	}
	st, err := t.stateAt(latest, seq)
	r.state, r.unknown = st, err != nil
	return r, true, nil
}

// fill computes from the events the records of the keys, by stream, that have only
// been promised one.
func (db *DB) fill(lists [][]*key) error {
	for i, s := range db.streams.Load().list[:len(lists)] {
		for part := range slices.Chunk(lists[i], fillKeys) {
			if err := db.fillSome(s, part); err != nil {
				return err
			}
		}
	}
	return nil
}

func (db *DB) fillSome(s *stream, keys []*key) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	for _, k := range keys {
		if r := k.Data.newest.Load(); r != nil && r.due {
			if err := db.fillOne(s, k, r); err != nil {
				return fmt.Errorf("state of key %q of stream %q: %w", k.Name, s.Name, err)
			}
		}
	}
	return nil
}

// fillOne fails if the head of k cannot be read: bbolt has no way to say that it is
// not known, as it has for a state.
func (db *DB) fillOne(s *stream, k *key, due *overlaid) error {
	t := &db.writer
	t.follow(db, db.files.Load(), s, k.Name, k)
	if k.Data.partial {
		h, err := t.head(latestSeq)
		if err != nil {
			return err
		}
		k.Data.head, k.Data.partial = h, false
	}
	st, err := t.stateAt(latest, latestSeq)
	r := &overlaid{}
	r.set(&record{head: k.Data.head, state: st, unknown: err != nil})
	db.memory.dirty.Add(r.size() - due.size())
	k.Data.newest.Store(r)
	return nil
}
