package fuzz

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

// stateFile and lockFile are what lies in a database beside its log files.
const (
	stateFile = "state.db"
	lockFile  = "LOCK"
)

// corruptFiles are the files of a database by name. A damage puts other slices
// in the map and leaves the bytes of those it found alone.
type corruptFiles map[string][]byte

// corruptBase is a sound database, kept in memory, and the answers it gave.
type corruptBase struct {
	name    string
	files   corruptFiles
	older   corruptFiles // the same at an earlier checkpoint
	streams []store.Stream
	events  []store.Event
	ends    []uint64 // last position of each batch
	frames  map[string][]corruptFrame
	logs    []string // names of the log files, oldest first
	crash   bool     // copied while it was open, as after a crash
	kept    uint64   // position at the last checkpoint, which bbolt knows
}

// corruptFrame is where a frame stands in its file: bytes from start to covered
// are under its checksum, those up to end are padding.
type corruptFrame struct{ start, covered, end int64 }

// newest is the name of the log file that was written last.
func (b *corruptBase) newest() string { return b.logs[len(b.logs)-1] }

// used is the offset behind the last frame of a log file.
func (b *corruptBase) used(log string) int64 {
	frames := b.frames[log]
	return frames[len(frames)-1].end
}

// corruptOptions has a checkpoint happen only when it is asked for.
func corruptOptions() *store.Options {
	return &store.Options{
		SegmentSize:     4 << 10,
		CheckpointEvery: time.Hour,
		Folds:           killFolds,
	}
}

// newCorruptBases makes one history and the database of it twice: as a crash
// would leave it and as Close does.
func newCorruptBases(t *testing.T, seed uint64) (crash, clean *corruptBase) {
	t.Helper()
	dir := t.TempDir()
	db, err := store.Open(dir, corruptOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	crash = &corruptBase{name: "crashed", crash: true}
	if err := crash.write(db, dir, seed); err != nil {
		t.Fatal(err)
	}
	crash.files = readCorruptFiles(t, dir)
	if err := crash.layout(dir); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	closed := *crash
	clean = &closed
	clean.name, clean.crash, clean.kept = "closed", false, uint64(len(crash.events))
	clean.files = readCorruptFiles(t, dir)
	if err := clean.layout(dir); err != nil {
		t.Fatal(err)
	}
	return crash, clean
}

// write appends some fifty batches, each durable, with two checkpoints among
// them, and notes what the database answers.
func (b *corruptBase) write(db *store.DB, dir string, seed uint64) error {
	ctx := context.Background()
	for _, s := range killStreams {
		if err := db.Define(ctx, s); err != nil {
			return err
		}
	}
	rnd := rand.New(rand.NewPCG(seed, 2))
	var targets []killTarget
	for i := range 48 {
		var target *killTarget
		if len(targets) > 0 && i%5 == 0 {
			target = &targets[rnd.IntN(len(targets))]
		}
		batch := killBatch(rnd.Uint64(), fmt.Sprintf("c.%d", i), target)
		batch.Events = batch.Events[:min(len(batch.Events), 6)]
		r, err := db.Append(ctx, batch)
		if err != nil {
			return err
		}
		b.ends = append(b.ends, r.Last)
		if targets = killTargets(batch, r.First); i == 15 || i == 30 {
			if err := b.checkpoint(db, dir, r.Last); err != nil {
				return err
			}
		}
	}
	var err error
	b.streams = db.Streams()
	b.events, err = plainEvents(db.Latest())
	return err
}

// checkpoint makes one, and keeps the files as they are at the first.
func (b *corruptBase) checkpoint(db *store.DB, dir string, at uint64) error {
	if err := db.Checkpoint(context.Background()); err != nil {
		return err
	}
	b.kept = at
	if b.older != nil {
		return nil
	}
	var err error
	b.older, err = corruptRead(dir)
	return err
}

// layout finds the frames of every log file.
func (b *corruptBase) layout(dir string) error {
	b.frames, b.logs = map[string][]corruptFrame{}, nil
	for _, name := range slices.Sorted(maps.Keys(b.files)) {
		if filepath.Ext(name) != ".log" {
			continue
		}
		frames, err := corruptLayout(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		b.logs, b.frames[name] = append(b.logs, name), frames
	}
	if len(b.logs) < 3 {
		return fmt.Errorf("only %d log files", len(b.logs))
	}
	return nil
}

func corruptLayout(path string) ([]corruptFrame, error) {
	log, err := segment.OpenLog(segment.OS, path)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	var frames []corruptFrame
	for r := log.Frames(segment.LogHead, log.Reserved()); ; {
		f, err := r.Next()
		if errors.Is(err, io.EOF) || errors.Is(err, segment.ErrCorrupt) {
			return frames, nil // the end, or the zeros ahead of the writer
		}
		if err != nil {
			return nil, err
		}
		covered := f.Offset + segment.FrameHead + int64(len(f.Payload))
		frames = append(frames, corruptFrame{f.Offset, covered, r.Offset()})
	}
}

func readCorruptFiles(t *testing.T, dir string) corruptFiles {
	t.Helper()
	files, err := corruptRead(dir)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// corruptRead reads every file of dir. The pages that bbolt has not used yet,
// which it grows its file by, are left out: they may be many.
func corruptRead(dir string) (corruptFiles, error) {
	files := corruptFiles{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, d := range entries {
		b, err := os.ReadFile(filepath.Join(dir, d.Name()))
		if err != nil {
			return nil, err
		}
		if d.Name() == stateFile {
			page := os.Getpagesize()
			used := len(bytes.TrimRight(b, "\x00"))
			b = b[:min(len(b), (used+page-1)/page*page)]
		}
		files[d.Name()] = b
	}
	return files, nil
}

// save writes the files into dir.
func (f corruptFiles) save(dir string) error {
	for name, b := range f {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// sameLogs reports which log file of dir is not as in f, "" for none.
func (f corruptFiles) sameLogs(dir string) (string, error) {
	for name, b := range f {
		if filepath.Ext(name) != ".log" {
			continue
		}
		now, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !bytes.Equal(now, b) {
			return name, err
		}
	}
	return "", nil
}
