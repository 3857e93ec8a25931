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
// merges sealed files, which takes longer. Both give the processor away every
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
	for {
		timeUp := false
		select {
		case <-db.stop:
			return
		case <-db.upkeepDue:
		case <-tick.C:
			timeUp = true
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
// be merged. It is never needed: log files are sealed as they fill up.
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
	for merged := true; merged && err == nil; {
		if err = ctx.Err(); err == nil {
			merged, err = db.mergeSome()
		}
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

// runMerges merges sealed files until the database closes.
func (db *DB) runMerges() {
	for {
		select {
		case <-db.stop:
			return
		case <-db.mergeDue:
		}
		for {
			merged, err := db.mergeSome()
			if err != nil && !errors.Is(err, errStopped) {
				db.opt.Logger.Error("annals: merge failed", "dir", db.dir, "error", err)
			}
			if !merged || err != nil {
				break
			}
		}
	}
}

// mergeSome merges one run of adjacent files, if any has come together.
func (db *DB) mergeSome() (bool, error) {
	db.merging.Lock()
	defer db.merging.Unlock()
	if err := db.pace(0); err != nil {
		return false, err
	}
	f, err := db.pin()
	if err != nil {
		return false, err
	}
	from, to := mergeable(f.sealed, db.opt.Fanout)
	in := f.sealed[from:to]
	f.unpin() // who holds merging alone takes sealed files away
	if len(in) == 0 {
		return false, nil
	}
	start := time.Now()
	path, size, err := segment.Merge(db.work(in[0].Info().First), in)
	if err != nil {
		return false, fmt.Errorf("merge %d files from %s on: %w", len(in), in[0].Path, err)
	}
	merged, err := segment.OpenSealed(db.opt.FS, path, db.cache)
	if err != nil {
		return false, err
	}
	db.mu.Lock()
	now := db.files.Load()
	sealed := append(now.sealed[:from:from], merged)
	before := db.replaceFiles(append(sealed, now.sealed[to:]...), now.logs)
	db.stats.merged++
	db.stats.mergedBytes += size
	db.stats.mergeTime += time.Since(start)
	db.mu.Unlock()
	<-before.idle
	for _, s := range in {
		err = errors.Join(err, s.Close(), db.opt.FS.Remove(s.Path))
	}
	return true, err
}

// mergeable is the first run of adjacent files that has fanout files of one tier
// and else only some of lower tiers between them, the lowest tier first. A file's
// tier is how often its rows can be divided by fanout; what fanout files of a tier
// become is of the next. So each event is merged once a tier, and there are fewer
// than fanout files a tier.
func mergeable(sealed []*segment.Sealed, fanout int) (from, to int) {
	highest := 0
	for _, s := range sealed {
		highest = max(highest, tier(s.Info().Rows, fanout))
	}
	for at := 0; at <= highest; at++ {
		n := 0
		for i := range sealed {
			switch t := tier(sealed[i].Info().Rows, fanout); {
			case t > at:
				n = 0
			case t == at:
				if n++; n == 1 {
					from = i
				}
				if n == fanout {
					return from, i + 1
				}
			}
		}
	}
	return 0, 0
}

func tier(rows uint64, fanout int) (n int) {
	for ; rows >= uint64(fanout); rows /= uint64(fanout) {
		n++
	}
	return n
}
