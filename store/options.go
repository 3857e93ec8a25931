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
	Sync        SyncMode      // default SyncAlways
	SyncEvery   time.Duration // with SyncInterval; default 100 ms
	SegmentSize int64         // bytes at which a log file is followed by the next; default 64 MiB

	// A checkpoint writes the states changed since the last one to bbolt. It
	// begins when CheckpointBytes of log (default 256 MiB) or CheckpointEvery
	// (default 10 s) have passed since, whichever is first. They bound what
	// a reopening replays and what is held in memory: an append that would
	// hold more than twice CheckpointBytes waits for the checkpoint.
	CheckpointBytes int64
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

	fs segment.FS // a seam for tests; nil = the operating system's
}

// withDefaults is a copy of o, which may be nil, with every field set.
func (o *Options) withDefaults() (Options, error) {
	var c Options
	if o != nil {
		c = *o
	}
	setDefault(&c.SyncEvery, 100*time.Millisecond)
	setDefault(&c.SegmentSize, 64<<20)
	setDefault(&c.CheckpointBytes, 256<<20)
	setDefault(&c.CheckpointEvery, 10*time.Second)
	setDefault(&c.MaxBatchBytes, 64<<20)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.fs == nil {
		c.fs = segment.OS
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
	case o.CheckpointBytes < 0:
		return fmt.Errorf("%w: option CheckpointBytes cannot be negative", ErrInvalid)
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
