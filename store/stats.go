package store

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/annalsdb/annals/segment"
	bolt "go.etcd.io/bbolt"
)

// Stats says what the database holds and where every byte on disk and every
// frame written has gone. Counts of events and bytes are of all history, those
// under "since Open" of this opening.
type Stats struct {
	Position uint64    // the newest
	Recorded time.Time // its commit time
	Streams  int
	Keys     int

	// Events by what they are; their sum is Position.
	Changes, Deletes, Heartbeats, Retractions uint64
	Unchanged                                 uint64 // stored as heartbeats by OnlyChanges
	Batches                                   uint64

	// The log files' bytes; their sum is LogBytes.
	LogFiles        int
	LogBytes        int64
	HeaderBytes     int64 // of the files
	FrameBytes      int64 // heads and padding of frames of events
	RowBytes        int64 // events
	DefinitionBytes int64 // frames that define streams
	ReservedBytes   int64 // zeros ahead of the writer

	// bbolt's bytes; their sum is StateBytes.
	StateBytes     int64
	StateUsedBytes int64 // pages with records in them, and their branches
	StateFreeBytes int64 // pages to be used again
	StateMetaBytes int64

	OtherBytes int64 // the lock and its holder

	// Since Open.
	Groups          uint64 // writes to the log, each one or more batches
	Syncs           uint64 // of the log
	Checkpoints     uint64
	CheckpointKeys  uint64 // records written to bbolt
	CheckpointTime  time.Duration
	HeldBytes       int64 // frames kept in memory until the next checkpoint
	StatesDamaged   bool  // bbolt is damaged: states are read from the log until it is rebuilt
	LastPoisonError error // why nothing can be appended, nil if all is well
}

// counters is what is counted as it happens, under DB.mu.
type counters struct {
	kinds                         [4]uint64
	unchanged, batches            uint64
	frameBytes, rowBytes, defined int64
	groups, syncs                 uint64
	checkpoints, keys             uint64
	checkpointTime                time.Duration
}

func (c *counters) event(kind Kind, unchanged bool) {
	switch {
	case unchanged:
		c.unchanged++
	default:
		c.kinds[kind]++
	}
}

// frame counts the bytes of a frame.
func (c *counters) frame(f *segment.Frame) {
	if f.Marker != segment.EventFrame {
		c.defined += f.Size()
		return
	}
	c.batches++
	c.rowBytes += int64(len(f.Payload))
	c.frameBytes += f.Size() - int64(len(f.Payload))
}

// Stats counts. It waits for an append or two, and reads bbolt's free pages.
func (db *DB) Stats() (Stats, error) {
	if db.closed.Load() {
		return Stats{}, ErrClosed
	}
	s := db.counted()
	for _, st := range db.streams.Load().list {
		s.Streams++
		s.Keys += st.live.Len()
	}
	s.StatesDamaged = db.states.damage.Load() != nil
	if err := db.states.size(&s); err != nil {
		if db.closed.Load() {
			err = ErrClosed
		}
		return s, fmt.Errorf("stats: %w", err)
	}
	for _, name := range []string{lockName, holderName} {
		if info, err := os.Stat(db.dir + string(os.PathSeparator) + name); err == nil {
			s.OtherBytes += info.Size()
		}
	}
	return s, nil
}

// counted is what was counted, as of one moment between appends.
func (db *DB) counted() Stats {
	db.mu.Lock()
	defer db.mu.Unlock()
	c := &db.stats
	s := Stats{
		Position: db.visible.Load(), Recorded: instant(db.recorded),
		Changes: c.kinds[Change], Deletes: c.kinds[Delete], Heartbeats: c.kinds[Heartbeat], Retractions: c.kinds[Retraction],
		Unchanged: c.unchanged, Batches: c.batches,
		FrameBytes: c.frameBytes, RowBytes: c.rowBytes, DefinitionBytes: c.defined,
		Groups: c.groups, Syncs: c.syncs,
		Checkpoints: c.checkpoints, CheckpointKeys: c.keys, CheckpointTime: c.checkpointTime,
		HeldBytes: db.held.Load(), LastPoisonError: db.poisoned,
	}
	for _, l := range *db.logs.Load() {
		s.LogFiles++
		s.HeaderBytes += segment.LogHead
		s.LogBytes += l.Reserved()
		s.ReservedBytes += l.Reserved() - l.end.Load()
	}
	return s
}

// size fills in what bbolt's file is made of.
func (s *states) size(into *Stats) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	info, err := os.Stat(s.path)
	if err != nil || s.db == nil {
		return err
	}
	into.StateBytes = info.Size()
	return guard(func() error {
		return s.db.View(func(tx *bolt.Tx) error {
			page := int64(s.db.Info().PageSize)
			stats := s.db.Stats()
			into.StateMetaBytes = 2 * page
			into.StateFreeBytes = int64(stats.FreePageN+stats.PendingPageN)*page + info.Size() - tx.Size()
			into.StateUsedBytes = info.Size() - into.StateMetaBytes - into.StateFreeBytes
			return nil
		})
	})
}

// String is the statistics as a table of text.
func (s Stats) String() string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-12s ", name)
		fmt.Fprintf(&b, format, args...)
		b.WriteByte('\n')
	}
	line("position", "%d, recorded %s", s.Position, s.Recorded.Format(time.RFC3339Nano))
	line("events", "%d changes, %d deletes, %d heartbeats, %d unchanged, %d retractions in %d batches",
		s.Changes, s.Deletes, s.Heartbeats, s.Unchanged, s.Retractions, s.Batches)
	line("keys", "%d in %d streams", s.Keys, s.Streams)
	line("log", "%d bytes in %d files: %d events, %d frames, %d definitions, %d headers, %d reserved ahead",
		s.LogBytes, s.LogFiles, s.RowBytes, s.FrameBytes, s.DefinitionBytes, s.HeaderBytes, s.ReservedBytes)
	line("states", "%d bytes: %d used, %d free, %d meta", s.StateBytes, s.StateUsedBytes, s.StateFreeBytes, s.StateMetaBytes)
	line("since open", "%d groups, %d syncs, %d checkpoints of %d keys in %v, %d bytes held for the next",
		s.Groups, s.Syncs, s.Checkpoints, s.CheckpointKeys, s.CheckpointTime.Round(time.Millisecond), s.HeldBytes)
	return b.String()
}
