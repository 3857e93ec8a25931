package store

import (
	"context"
	"sync/atomic"

	"github.com/annalsdb/annals/index"
)

// # Memory
//
// Options.MemoryBytes is what the engine may take. Half of it is left to Go's
// collector, which begins when the heap has doubled. The other half is shared by
// what must be held, bounded by three quarters of it, and what is only kept to
// be read again, which has the rest. Held are
//
//   - versions in log files that are not sealed yet: sealing frees them;
//   - records that bbolt does not have yet: a checkpoint frees them;
//   - keys in the live index: those without either are evicted, and found again in
//     bbolt and in sealed files.
//
// Kept are the columns of log files that scans decoded, in up to half of the rest,
// and pages of sealed files. When the rest becomes less than twice the columns, all
// of them are let go.
//
// The upkeep begins when half of the bound is reached by what it can free, and
// appends wait for it at the bound. The sizes are estimates of what Go allocates.

// memory counts what is held, in bytes.
type memory struct {
	versions, dirty, keys atomic.Int64
	columns               atomic.Int64 // kept, not held
}

func (m *memory) held() int64 { return m.versions.Load() + m.dirty.Load() + m.keys.Load() }

// bound is what may be held.
func (db *DB) bound() int64 { return db.opt.MemoryBytes / 8 * 3 }

// About what things take in memory: a key in the live index, its first version
// in a log file, any version.
const (
	keyBytes     = 220
	runsBytes    = 160
	versionBytes = 32
)

// rest is what is not held.
func (db *DB) rest() int64 { return db.opt.MemoryBytes/2 - min(db.memory.held(), db.bound()) }

// columnsMost is how much the columns of log files may take.
func (db *DB) columnsMost() int64 { return db.rest() / 2 }

// shareMemory gives the cache what is neither held nor taken by columns of log
// files.
func (db *DB) shareMemory() { db.cache.SetLimit(db.rest() - db.memory.columns.Load()) }

// dropColumns lets go of the columns of log files if they take more than they may.
func (db *DB) dropColumns() {
	if db.memory.columns.Load() > db.columnsMost() {
		for _, log := range db.files.Load().logs {
			log.columns.drop(&db.memory)
		}
	}
}

// full reports whether an append has to wait for the upkeep.
func (db *DB) full() bool {
	return db.memory.held() > db.bound() || len(db.files.Load().logs) > maxUnsealed && !db.opt.noSeal
}

// maxUnsealed is how many log files may wait for their sealing, the newest
// included: so many Open may have to read.
const maxUnsealed = 4

// makeRoom waits while as much is held as may be. It waits for the upkeep to have
// done once what it can, and no longer: what is held then cannot be freed.
func (db *DB) makeRoom(ctx context.Context) error {
	if !db.full() || db.salvaged {
		return nil
	}
	for rounds := db.rounds.Load() + 2; db.full() && db.rounds.Load() < rounds; { // one may be half done
		done := db.relieved.Listen()
		db.wake()
		if db.closed.Load() {
			return ErrClosed
		}
		select {
		case <-done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// wake asks for upkeep.
func (db *DB) wake() { ask(db.upkeepDue) }

func ask(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// evict takes keys out of the live index that are not in use: bbolt and sealed
// files have everything of them. The upkeep calls it when memory is short, so
// what has not been written to lately goes first.
func (db *DB) evict() {
	for _, s := range db.streams.Load().list {
		for shard := range index.Shards {
			db.mu.Lock()
			dropped := s.live.Evict(shard, func(k *key) bool {
				return k.Runs() == nil && k.Data.newest.Load() == nil && k.Data.dirty != db.generation
			})
			db.mu.Unlock()
			s.live.Forget(dropped)
			db.memory.keys.Add(-keyBytes * int64(len(dropped)))
		}
	}
}
