package store

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/annalsdb/annals/segment"
)

// SyncMode says when an append is durable.
type SyncMode uint8

const (
	// SyncAlways syncs before Append returns: what is acknowledged survives
	// a crash of the machine. Appends that wait at the same time share a sync.
	SyncAlways SyncMode = iota
	// SyncInterval syncs every Options.SyncEvery: a crash of the machine may
	// lose the last such interval, a crash of the process loses nothing.
	SyncInterval
	// SyncNever leaves syncing to the operating system, to checkpoints and to
	// Close: a crash of the machine may lose all since the last of those, a
	// crash of the process loses nothing.
	SyncNever
)

// Options are the settings of a database. The zero value of each field means its
// default; Open copies them.
type Options struct {
	Sync      SyncMode      // default SyncAlways
	SyncEvery time.Duration // with SyncInterval; default 100 ms
	// SegmentSize is the bytes at which a log file is followed by the next and
	// sealed; default 4 MiB. Open reads what is not sealed yet: usually less
	// than two log files.
	SegmentSize int64

	// MemoryBytes is about how much memory the engine takes; default 256 MiB.
	// Half of it is held: at most three eighths of it by what is not sealed
	// or in bbolt yet and the keys in use, the rest by pages of sealed files and columns
	// of log files that were scanned.
	// The other half is left to Go's collector, which lets as much garbage
	// gather as there is live data. Appends wait before they would hold
	// more; with very little they wait for each checkpoint. Results and
	// batches are the caller's.
	MemoryBytes int64

	// Fanout is how many adjacent sealed files of like size are merged into
	// one; default 8, at least 2. A read may have to look at that many files
	// a size, so fewer than Fanout · log(events) to the base of Fanout; each
	// event is written again log(events) times. Once no events have come for one
	// to two CheckpointEvery, files are merged further, see [DB.Compact].
	Fanout int

	// FoldStep is how many changes lie between two checkpoints of a key's fold
	// in sealed files, under Merge and Go functions; default 64. A state at
	// a past moment reads about as many.
	FoldStep int

	// CheckpointEvery is how often the states changed since are written to
	// bbolt, at the latest (default 10 s); memory may ask for it earlier.
	CheckpointEvery time.Duration

	// ReadDamaged opens a database whose log is damaged, for reading what is
	// left: appends are refused, nothing on disk is changed, and what cannot
	// be told without the lost positions is [ErrCorrupt]: every state in a
	// view that should see them. Views before them, and the events on either
	// side, are exact. DB.Recovery lists the damage. A database that is not
	// damaged is opened as without it.
	ReadDamaged bool

	MaxBatchBytes int // a batch's size on disk; default 64 MiB, at most 1 GiB

	// Folds are the Go functions that streams name as their fold. They must
	// be there whenever such a stream is written or its state is read.
	Folds map[string]FoldFunc

	Logger *slog.Logger     // what happened in the background; default none
	Now    func() time.Time // the clock; default time.Now

	// FS is the file system that all but the lock goes through; default
	// [segment.OS]. It is there for tests of what disks do.
	FS segment.FS

	noSeal bool // for tests: only Seal seals and merges
}

// withDefaults is a copy of o, which may be nil, with every field set.
func (o *Options) withDefaults() (Options, error) {
	var c Options
	if o != nil {
		c = *o
	}
	setDefault(&c.SyncEvery, 100*time.Millisecond)
	setDefault(&c.SegmentSize, 4<<20)
	setDefault(&c.MemoryBytes, 256<<20)
	setDefault(&c.Fanout, 8)
	setDefault(&c.FoldStep, 64)
	setDefault(&c.CheckpointEvery, 10*time.Second)
	setDefault(&c.MaxBatchBytes, 64<<20)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.FS == nil {
		c.FS = segment.OS
	}
	return c, c.check()
}

func setDefault[T ~int | ~int64](v *T, to T) {
	if *v == 0 {
		*v = to
	}
}

func (o *Options) check() error {
	switch {
	case o.Sync > SyncNever:
		return fmt.Errorf("%w: option Sync is %d", ErrInvalid, o.Sync)
	case o.SyncEvery < 0, o.CheckpointEvery < 0:
		return fmt.Errorf("%w: options SyncEvery and CheckpointEvery cannot be negative", ErrInvalid)
	case o.SegmentSize < 0, o.SegmentSize >= maxOffset:
		return fmt.Errorf("%w: option SegmentSize is %d, it takes 1 to %d", ErrInvalid, o.SegmentSize, maxOffset-1)
	case o.Fanout < 2:
		return fmt.Errorf("%w: option Fanout is %d, it takes at least 2", ErrInvalid, o.Fanout)
	case o.FoldStep < 0:
		return fmt.Errorf("%w: option FoldStep cannot be negative", ErrInvalid)
	case o.MemoryBytes < 0:
		return fmt.Errorf("%w: option MemoryBytes cannot be negative", ErrInvalid)
	case o.MaxBatchBytes < 0, o.MaxBatchBytes > segment.MaxPayload:
		return fmt.Errorf("%w: option MaxBatchBytes is %d, it takes 1 to %d", ErrInvalid, o.MaxBatchBytes, segment.MaxPayload)
	}
	for name, f := range o.Folds {
		if f == nil || Fold(name).builtIn() {
			return fmt.Errorf("%w: option Folds: %q is a name of our own or has no function", ErrInvalid, name)
		}
	}
	return nil
}
