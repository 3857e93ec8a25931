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
	Recorded time.Time // its commit time; zero if there is none
	Streams  int
	Keys     uint64 // in sealed files, counted once a file, and in the live index

	// Events by what they are; their sum is Position.
	Changes, Deletes, Heartbeats, Retractions uint64
	Unchanged                                 uint64 // stored as heartbeats by OnlyChanges
	Batches                                   uint64

	// Sealed files and what is in them.
	SealedFiles  int
	SealedBytes  int64
	SealedEvents uint64

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
	Seals           uint64 // log files sealed
	SealTime        time.Duration
	SealWritten     int64 // bytes of sealed files made of log files
	Merges          uint64
	MergeTime       time.Duration
	MergeWritten    int64 // bytes of sealed files made of others
	HeldBytes       int64 // memory for versions not sealed, states not in bbolt, and keys in use
	CacheBytes      int64 // memory for pages of sealed files and columns of log files
	StatesDamaged   bool  // bbolt is damaged: states come from the events until it is rebuilt
	LastPoisonError error // why nothing can be appended, nil if all is well
}

// counters is what is counted as it happens, under DB.mu.
type counters struct {
	groups, syncs            uint64
	checkpoints, keys        uint64
	checkpointTime           time.Duration
	sealed, merged           uint64
	sealTime, mergeTime      time.Duration
	sealedBytes, mergedBytes int64
}

// tally counts what is in a log file, under DB.mu.
type tally struct {
	kinds                         [4]uint64
	unchanged, batches            uint64
	frameBytes, rowBytes, defined int64
}

func (c *tally) event(kind Kind, unchanged bool) {
	switch {
	case unchanged:
		c.unchanged++
	default:
		c.kinds[kind]++
	}
}

// frame counts the bytes of a frame.
func (c *tally) frame(f *segment.Frame) {
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
		Position: db.visible.Load(), Recorded: db.lastTime(),
		Groups: c.groups, Syncs: c.syncs,
		Checkpoints: c.checkpoints, CheckpointKeys: c.keys, CheckpointTime: c.checkpointTime,
		Seals: c.sealed, SealTime: c.sealTime, SealWritten: c.sealedBytes,
		Merges: c.merged, MergeTime: c.mergeTime, MergeWritten: c.mergedBytes,
		HeldBytes: db.memory.held(), CacheBytes: db.cache.Bytes() + db.memory.columns.Load(), LastPoisonError: db.poisoned,
	}
	for _, l := range db.files.Load().logs {
		s.Changes += l.tally.kinds[Change]
		s.Deletes += l.tally.kinds[Delete]
		s.Heartbeats += l.tally.kinds[Heartbeat]
		s.Retractions += l.tally.kinds[Retraction]
		s.Unchanged += l.tally.unchanged
		s.Batches += l.tally.batches
		s.FrameBytes += l.tally.frameBytes
		s.RowBytes += l.tally.rowBytes
		s.DefinitionBytes += l.tally.defined
		s.LogFiles++
		s.HeaderBytes += segment.LogHead
		s.LogBytes += l.Reserved()
		s.ReservedBytes += l.Reserved() - l.end.Load()
	}
	db.countSealed(&s, db.files.Load())
	return s
}

// countSealed adds what the sealed files say.
func (db *DB) countSealed(s *Stats, f *files) {
	for _, st := range db.streams.Load().list {
		s.Streams++
		s.Keys += uint64(st.live.Len())
	}
	for _, file := range f.sealed {
		info := file.Info()
		s.SealedFiles++
		s.SealedBytes += info.Bytes
		s.SealedEvents += info.Rows
		s.Keys += info.Keys
		s.Batches += info.Batches
		for i := range info.Streams {
			in := &info.Streams[i]
			s.Changes += in.Changes - in.Unchanged
			s.Deletes += in.Deletes
			s.Heartbeats += in.Heartbeats
			s.Retractions += in.Retractions
			s.Unchanged += in.Unchanged
		}
	}
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
	line("sealed", "%d bytes in %d files: %d events", s.SealedBytes, s.SealedFiles, s.SealedEvents)
	line("log", "%d bytes in %d files: %d events, %d frames, %d definitions, %d headers, %d reserved ahead",
		s.LogBytes, s.LogFiles, s.RowBytes, s.FrameBytes, s.DefinitionBytes, s.HeaderBytes, s.ReservedBytes)
	line("states", "%d bytes: %d used, %d free, %d meta", s.StateBytes, s.StateUsedBytes, s.StateFreeBytes, s.StateMetaBytes)
	line("memory", "%d bytes held, %d of pages and columns", s.HeldBytes, s.CacheBytes)
	line("since open", "%d groups, %d syncs, %d checkpoints of %d keys in %v, %d seals in %v, %d merges in %v",
		s.Groups, s.Syncs, s.Checkpoints, s.CheckpointKeys, s.CheckpointTime.Round(time.Millisecond),
		s.Seals, s.SealTime.Round(time.Millisecond), s.Merges, s.MergeTime.Round(time.Millisecond))
	return b.String()
}
