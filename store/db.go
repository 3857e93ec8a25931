package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/annalsdb/annals/segment"
)

// DB is an open database. All methods are safe for concurrent use. Reads never
// wait for appends or checkpoints.
type DB struct {
	dir  string
	opt  Options
	id   [16]byte
	lock *os.File

	// What readers look at.
	streams  atomic.Pointer[streams]
	files    atomic.Pointer[files]
	visible  atomic.Uint64 // the last committed position
	states   *states
	cache    *segment.Cache
	news     bell // rings when visible has moved
	closed   atomic.Bool
	recovery Recovery

	// Of a database that is damaged, and open for reading only; see salvage.go.
	salvaged bool
	unusable map[string]*CorruptError // files by name
	torn     *CorruptError            // where the newest log file ends
	lost     []*CorruptError          // positions that cannot be read

	// What appends look at and change, under mu; see commit.go.
	mu         sync.Mutex
	idle       sync.Cond // nothing is being written
	log        *logFile  // the newest
	logNumber  int       // of the next
	leading    bool      // an appender has the lead
	company    bool      // the last group had several frames
	open       *group    // gathers
	syncing    *group    // is being written
	last       uint64    // the last position given
	recorded   int64     // the last commit time given
	synced     int64     // the offset in log known to be synced
	poisoned   error
	scratch    []byte      // the leader's
	placed     []placed    // the events of the batch at hand
	made       []*overlaid // memory for the next group's
	writer     trail       // of the key at hand
	generation uint32      // of the dirty lists; from 1
	stats      counters

	// The background; see upkeep.go and compact.go.
	stop       chan struct{}
	upkeepDue  chan struct{}
	mergeDue   chan struct{}
	resting    atomic.Bool   // no events have come for a while
	relieved   bell          // rings when memory may have become free
	rounds     atomic.Uint64 // of upkeep
	memory     memory
	sealing    sync.Mutex  // held by the one that seals
	merging    sync.Mutex  // held by the one that merges
	checkpoint sync.Mutex  // held by the one that makes a checkpoint
	behind     atomic.Bool // bbolt may be behind sealed files
	background sync.WaitGroup

	maintained maintained // aggregates; see maintain.go
}

// logFile is a log file, how far it is visible, and what is in memory of it.
type logFile struct {
	*segment.Log
	number int          // names it in versions
	end    atomic.Int64 // offset behind the last visible frame
	held   atomic.Int64 // bytes of memory that its versions take

	columns logColumns

	// The writer's.
	keys  []*key // with versions in it
	ids   ids
	tally tally
}

// Open opens the database in dir, which is made if it is not there, and recovers
// it after a crash; [DB.Recovery] says what was found. A nil o means the
// defaults. One process at a time can have it open, others get [ErrLocked].
//
// A torn tail of the log, which nobody was told is stored, is cut. Where the states
// in bbolt are missing, stale or damaged they are rebuilt in the background, and
// come from the events meanwhile. A log that is damaged elsewhere, or a sealed file
// that cannot be opened, is [ErrCorrupt], and nothing is changed; see
// Options.ReadDamaged.
//
// It reads the log files that are not sealed yet, usually fewer than two of
// Options.SegmentSize, however long the history.
func Open(dir string, o *Options) (*DB, error) {
	opt, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", dir, err)
	}
	if err := opt.FS.MakeDir(dir); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	db := newDB(dir, opt, lock)
	err = db.recover()
	if opt.ReadDamaged && errors.Is(err, ErrCorrupt) {
		db.closeFiles()
		db = newDB(dir, opt, lock)
		if err = db.salvage(err); err == nil {
			return db, nil
		}
	}
	if err == nil {
		err = db.openAggregates()
	}
	if err != nil {
		db.release()
		return nil, fmt.Errorf("open database %s: %w", dir, err)
	}
	db.background.Go(db.runUpkeep)
	db.background.Go(db.runMaintain)
	if !opt.noSeal {
		db.background.Go(db.runMerges)
	}
	db.wake()
	if opt.Sync == SyncInterval {
		db.background.Go(db.runSyncs)
	}
	return db, nil
}

func newDB(dir string, opt Options, lock *os.File) *DB {
	db := &DB{dir: dir, opt: opt, lock: lock, generation: 1, stop: make(chan struct{}), upkeepDue: make(chan struct{}, 1), mergeDue: make(chan struct{}, 1)}
	db.idle.L = &db.mu
	db.cache = segment.NewCache(opt.MemoryBytes / 2)
	db.streams.Store((&streams{}).with())
	db.replaceFiles(nil, nil)
	return db
}

// Close makes all that was appended durable, writes a last checkpoint, compacts
// bbolt's file if much of it is free, and gives the directory free. Appends and reads after it fail with [ErrClosed]; those
// under way end before it returns or fail with it. The error is of what could
// not be written: acknowledged events are in the log all the same.
func (db *DB) Close() error {
	if db.closed.Swap(true) {
		return ErrClosed
	}
	close(db.stop)
	db.news.Ring()
	db.relieved.Ring()
	db.background.Wait()
	if db.salvaged {
		return db.release()
	}
	db.sealing.Lock() // who waits for these finds the database closed
	defer db.sealing.Unlock()
	db.merging.Lock()
	defer db.merging.Unlock()
	db.checkpoint.Lock()
	defer db.checkpoint.Unlock()
	err := db.flush()
	if err == nil {
		err = errors.Join(db.writeCheckpoint(context.Background()), db.closeAggregates(), db.states.compact(), db.finish())
	}
	return errors.Join(err, db.release())
}

// finish cuts the zeros ahead off the newest log file.
func (db *DB) finish() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.log.Finish(db.log.end.Load())
}

// flush waits until nothing is being written and syncs the log.
func (db *DB) flush() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if err := db.settleGroups(); err != nil {
		return err
	}
	return db.log.Sync()
}

// settleGroups waits until nothing is being written. mu is held, and let go
// meanwhile.
func (db *DB) settleGroups() error {
	for db.pending() != nil {
		if db.leading {
			db.idle.Wait()
			continue
		}
		db.leading = true
		db.leadOpen()
	}
	return db.poisoned
}

// release closes all files and lets the lock go.
func (db *DB) release() error {
	return errors.Join(db.closeFiles(), db.lock.Close())
}

// closeFiles closes all files once the reads under way are over. There are none
// to pin from then on.
func (db *DB) closeFiles() error {
	f := db.files.Load()
	f.unpin()
	<-f.idle
	var err error
	if db.states != nil {
		err = db.states.close()
	}
	for _, s := range f.sealed {
		err = errors.Join(err, s.Close())
	}
	for _, l := range f.logs {
		err = errors.Join(err, l.Close())
	}
	return err
}

// syncLog makes everything visible durable.
func (db *DB) syncLog() error {
	db.mu.Lock()
	log, end := db.log, db.log.end.Load()
	done := db.synced >= end
	poisoned := db.poisoned
	db.mu.Unlock()
	if poisoned != nil || done {
		return poisoned
	}
	err := log.Sync()
	db.mu.Lock()
	defer db.mu.Unlock()
	if err != nil {
		db.poison(err)
		return db.poisoned
	}
	if db.log == log {
		db.synced = max(db.synced, end)
	}
	db.stats.syncs++
	return nil
}

// runSyncs syncs the log at every interval.
func (db *DB) runSyncs() {
	tick := time.NewTicker(db.opt.SyncEvery)
	defer tick.Stop()
	for {
		select {
		case <-db.stop:
			return
		case <-tick.C:
			if db.syncLog() != nil {
				return // it is poisoned: every append says so
			}
		}
	}
}
