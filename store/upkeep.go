package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"time"

	"github.com/annalsdb/annals/segment"
)

// # Upkeep
//
// One goroutine seals log files, makes checkpoints and evicts keys, another one
// merges sealed files, which takes longer: see compact.go. Both give the processor away every
// tenth of a millisecond or so, so that an append or a read that is ready to run
// waits no longer: with two processors and both at work, an append whose batch is on
// disk finds none free.
//
// A log file is sealed once it is followed by another. The sealed file is written
// beside, synced and renamed; its name says which positions it holds, so at any
// moment the directory says what there is: a log file whose positions are in a
// sealed one, or a sealed file whose positions are in a larger one, is what a
// crash left, and Open removes it. Then the sealed file takes the log file's place
// in [DB.files], and when the last read that found the old ones is over, the
// versions in memory are dropped and the file is removed.

// runUpkeep does what is due until the database closes.
func (db *DB) runUpkeep() {
	tick := time.NewTicker(db.opt.CheckpointEvery)
	defer tick.Stop()
	seen := db.visible.Load() // at the tick before
	for {
		timeUp := false
		select {
		case <-db.stop:
			return
		case <-db.upkeepDue:
		case <-tick.C:
			timeUp = true
			now := db.visible.Load()
			if now == seen {
				db.calm()
			}
			seen = now
		}
		if err := db.upkeep(timeUp); err != nil && !errors.Is(err, errStopped) {
			db.opt.Logger.Error("annals: upkeep failed", "dir", db.dir, "error", err)
		}
		db.rounds.Add(1)
		db.relieved.Ring()
		db.wakeMaintain() // bbolt may be there now
	}
}

// upkeep does one round.
func (db *DB) upkeep(timeUp bool) error {
	var err error
	if !db.opt.noSeal {
		err = db.sealAll()
	}
	half := db.bound() / 2
	db.checkpoint.Lock() // the check reads pages that a checkpoint would be writing
	if timeUp || db.memory.dirty.Load() > half || db.memory.held() > db.bound() || db.states.damage.Load() != nil {
		err = errors.Join(err, db.writeCheckpoint(context.Background()))
	} else {
		db.states.check()
	}
	db.checkpoint.Unlock()
	if db.memory.held() > db.bound() {
		db.evict()
	}
	db.dropColumns()
	db.shareMemory()
	return err
}

// look waits until bbolt's pages were looked at, and looks itself if nobody does: about as
// long as it takes to read the file, which an Open does not wait for.
func (db *DB) look(ctx context.Context) error {
	for !db.states.looked() {
		if db.checkpoint.TryLock() {
			db.states.check()
			db.checkpoint.Unlock()
			continue
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// errStopped ends background work when the database closes.
var errStopped = errors.New("the database is being closed")

// pace is called by background work every tenth of a millisecond or so.
func (db *DB) pace(int) error {
	select {
	case <-db.stop:
		return errStopped
	default:
		runtime.Gosched()
		return nil
	}
}

// Seal seals everything appended so far, small as it may be, and merges what is to
// be merged. It is never needed: log files are sealed as they fill up. [DB.Compact]
// merges further.
func (db *DB) Seal(ctx context.Context) error {
	db.mu.Lock()
	err := db.settleGroups()
	if err == nil {
		err = db.writable(ctx)
	}
	if err == nil {
		err = db.nextLog()
	}
	db.mu.Unlock()
	if err == nil {
		err = db.sealAll()
	}
	if err == nil {
		err = db.mergeDown(ctx, db.mergeable)
	}
	if errors.Is(err, errStopped) {
		err = ErrClosed
	}
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	return nil
}

// sealAll seals all log files but the newest.
func (db *DB) sealAll() error {
	db.sealing.Lock()
	defer db.sealing.Unlock()
	for {
		if err := db.pace(0); err != nil {
			return err
		}
		f := db.files.Load()
		if len(f.logs) < 2 {
			return nil
		}
		if err := db.seal(f.logs[0], f.logs[1].Header.First-1); err != nil {
			return fmt.Errorf("seal %s: %w", f.logs[0].Path, err)
		}
		ask(db.mergeDue)
		db.relieved.Ring()
	}
}

// seal puts a sealed file in the place of the oldest log file, whose last
// position is last.
func (db *DB) seal(log *logFile, last uint64) error {
	start := time.Now()
	head := segment.SealedHead{First: log.Header.First, Last: last, Database: db.id, Created: db.opt.Now().UnixNano()}
	for _, s := range db.streams.Load().list {
		head.Defs = append(head.Defs, s.record())
	}
	path, size, err := segment.Seal(db.work(head.First), head, framesOf(log))
	if err != nil {
		return err
	}
	sealed, err := segment.OpenSealed(db.opt.FS, path, db.cache)
	if err != nil {
		return err
	}
	db.mu.Lock()
	f := db.files.Load()
	before := db.replaceFiles(append(f.sealed[:len(f.sealed):len(f.sealed)], sealed), f.logs[1:])
	db.stats.sealed++
	db.stats.sealedBytes += size
	db.stats.sealTime += time.Since(start)
	db.mu.Unlock()
	<-before.idle
	db.forget(log, last)
	return errors.Join(log.Close(), db.opt.FS.Remove(log.Path))
}

// work is how a sealed file is made that begins at position first.
func (db *DB) work(first uint64) segment.Work {
	return segment.Work{FS: db.opt.FS, Dir: db.dir, Step: db.pace, Fold: db.foldpoints(first)}
}

// framesOf is all frames of a log file.
func framesOf(log *logFile) iter.Seq2[*segment.Frame, error] {
	return func(yield func(*segment.Frame, error) bool) {
		r := log.Frames(segment.LogHead, log.end.Load())
		for {
			f, err := nextEvents(r)
			if f == nil && err == nil || !yield(f, err) {
				return
			}
		}
	}
}

// forgetAtOnce is how many keys are gone through under one hold of the writer's
// lock.
const forgetAtOnce = 512

// forget drops the versions and the columns of a sealed log file from memory. Nobody
// reads the file any more.
func (db *DB) forget(log *logFile, last uint64) {
	keys := log.keys
	for len(keys) > 0 {
		n := min(forgetAtOnce, len(keys))
		db.mu.Lock()
		for _, k := range keys[:n] {
			k.Drop(last)
		}
		db.mu.Unlock()
		keys = keys[n:]
	}
	db.memory.versions.Add(-log.held.Load())
	log.columns.drop(&db.memory)
}
