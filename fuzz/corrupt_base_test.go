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
	"strings"
	"testing"
	"time"

	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

// stateFile and lockFile are what lies in a database beside its history.
const (
	stateFile = "state.db"
	lockFile  = "LOCK"
)

// corruptFiles are the files of a database by name. A damage puts other slices
// in the map and leaves the bytes of those it found alone.
type corruptFiles map[string][]byte

// corruptBase is a sound database, kept in memory, and the answers it gave. Its
// first half is in sealed files, one of them merged, the second half in log files.
type corruptBase struct {
	name    string
	files   corruptFiles
	older   corruptFiles // the same at an earlier checkpoint
	stale   corruptFiles // what a crash may leave beside files: those they were made of
	ahead   corruptFiles // sealed files made of the log files
	streams []store.Stream
	events  []store.Event
	history map[plainKey]string
	ends    []uint64 // last position of each batch
	frames  map[string][]corruptFrame
	logs    []string // names of the log files, oldest first
	sealed  []string // names of the sealed files, oldest first
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

// span is the positions that a file of the history holds.
func (b *corruptBase) span(file string) (first, last uint64) {
	if first, last, ok := segment.ParseSealedName(file); ok {
		return first, last
	}
	first, _ = segment.ParseLogName(file)
	if i := slices.Index(b.logs, file); i >= 0 && i+1 < len(b.logs) {
		last, _ = segment.ParseLogName(b.logs[i+1])
		return first, last - 1
	}
	return first, uint64(len(b.events))
}

// isHistory reports whether a file of that name holds events.
func isHistory(name string) bool {
	_, isLog := segment.ParseLogName(name)
	_, _, isSealed := segment.ParseSealedName(name)
	return isLog || isSealed
}

// Five sealed files of so many events and at most as many as a batch has more are of
// one tier, and with that fanout three of them are merged.
const (
	corruptFanout = 3
	corruptPiece  = 9
	corruptBatch  = 6
)

// corruptOptions has a checkpoint happen only when it is asked for.
func corruptOptions(fanout int) *store.Options {
	return &store.Options{
		SegmentSize:     3 << 10,
		Fanout:          fanout,
		FoldStep:        2,
		CheckpointEvery: time.Hour,
		Folds:           killFolds,
	}
}

// corruptMaker writes a database and keeps each of its log files, which the engine
// removes once they are sealed.
type corruptMaker struct {
	corruptBase
	dir, logDir string
	rnd         *rand.Rand
	targets     []killTarget
}

// newCorruptBases makes one history and the database of it twice: as a crash
// would leave it and as Close does.
func newCorruptBases(t *testing.T, seed uint64) (crash, clean *corruptBase) {
	t.Helper()
	m := &corruptMaker{dir: memoryDir(t), logDir: memoryDir(t), rnd: rand.New(rand.NewPCG(seed, 2))}
	m.stale, m.ahead = corruptFiles{}, corruptFiles{}
	if err := m.sealedHalf(); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(m.dir, corruptOptions(corruptFanout))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := m.loggedHalf(db); err != nil {
		t.Fatal(err)
	}
	crashed := m.corruptBase
	crash = &crashed
	crash.name, crash.crash = "crashed", true
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	closed := m.corruptBase
	clean = &closed
	clean.name, clean.kept = "closed", uint64(len(m.events))
	clean.files = maps.Clone(crash.files)
	for _, name := range []string{stateFile, crash.newest()} {
		if clean.files[name], err = os.ReadFile(filepath.Join(m.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, b := range []*corruptBase{crash, clean} {
		if err := b.layout(memoryDir(t)); err != nil {
			t.Fatal(err)
		}
	}
	if crash.ahead, err = crash.sealAhead(memoryDir(t)); err != nil {
		t.Fatal(err)
	}
	clean.ahead = crash.ahead
	return crash, clean
}

// sealedHalf appends the first batches, seals some at a time and merges.
func (m *corruptMaker) sealedHalf() error {
	for _, fanout := range []int{1000, corruptFanout} {
		db, err := store.Open(m.dir, corruptOptions(fanout))
		if err != nil {
			return err
		}
		defer db.Close()
		if fanout == 1000 {
			err = m.pieces(db)
		} else {
			err = db.Seal(context.Background())
		}
		if err := errors.Join(err, db.Close()); err != nil {
			return err
		}
		files, err := corruptRead(m.dir)
		if err != nil {
			return err
		}
		if m.files != nil {
			maps.Copy(m.stale, m.files)
		}
		m.files = files
		maps.DeleteFunc(m.files, func(name string, _ []byte) bool { return filepath.Ext(name) != ".seg" })
	}
	logs, err := corruptRead(m.logDir)
	for name, b := range logs {
		if _, err := os.Stat(filepath.Join(m.dir, name)); err != nil { // it is sealed
			m.stale[name] = b
		}
	}
	for name := range m.files {
		delete(m.stale, name)
	}
	return err
}

// pieces appends batches to the first sealed files.
func (m *corruptMaker) pieces(db *store.DB) error {
	for _, s := range killStreams {
		if err := db.Define(context.Background(), s); err != nil {
			return err
		}
	}
	for piece := range 5 {
		for start := m.last(); m.last() < start+corruptPiece; {
			if err := m.append(db); err != nil {
				return err
			}
		}
		if piece == 3 {
			if err := m.checkpoint(db); err != nil {
				return err
			}
		}
		if err := db.Seal(context.Background()); err != nil {
			return err
		}
	}
	return nil
}

// last is the newest position.
func (m *corruptMaker) last() uint64 {
	if len(m.ends) == 0 {
		return 0
	}
	return m.ends[len(m.ends)-1]
}

// loggedHalf appends the rest and takes all files that hold the history: the
// sealed ones as they are before, and the log files as if none of them had been
// sealed since.
func (m *corruptMaker) loggedHalf(db *store.DB) error {
	for i := range 28 {
		if err := m.append(db); err != nil {
			return err
		}
		if i == 14 {
			if err := m.checkpoint(db); err != nil {
				return err
			}
		}
	}
	m.streams = db.Streams()
	var err error
	if m.events, err = plainEvents(db.Latest()); err != nil {
		return err
	}
	if m.history, err = corruptHistory(db.Latest(), m.events); err != nil {
		return err
	}
	logs, err := corruptRead(m.logDir)
	if err != nil {
		return err
	}
	others, err := corruptRead(m.dir)
	if err != nil {
		return err
	}
	maps.DeleteFunc(others, func(name string, _ []byte) bool { return isHistory(name) || filepath.Ext(name) == ".tmp" })
	maps.DeleteFunc(logs, func(name string, _ []byte) bool { return m.stale[name] != nil })
	maps.Copy(m.files, others)
	maps.Copy(m.files, logs)
	m.logs = slices.Sorted(maps.Keys(logs))
	return nil
}

// append appends a batch and keeps the log file that it stands in.
func (m *corruptMaker) append(db *store.DB) error {
	i := len(m.ends)
	var target *killTarget
	if len(m.targets) > 0 && i%5 == 0 {
		target = &m.targets[m.rnd.IntN(len(m.targets))]
	}
	batch := killBatch(m.rnd.Uint64(), fmt.Sprintf("c.%d", i), target)
	batch.Events = batch.Events[:min(len(batch.Events), corruptBatch)]
	r, err := db.Append(context.Background(), batch)
	if err != nil {
		return err
	}
	m.ends = append(m.ends, r.Last)
	m.targets = killTargets(batch, r.First)
	logs, err := filepath.Glob(filepath.Join(m.dir, "*.log"))
	if err != nil {
		return err
	}
	for _, path := range logs {
		err := os.Link(path, filepath.Join(m.logDir, filepath.Base(path)))
		if err != nil && !errors.Is(err, os.ErrExist) && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// checkpoint makes one, and keeps the files as they are at the first.
func (m *corruptMaker) checkpoint(db *store.DB) error {
	if err := db.Checkpoint(context.Background()); err != nil {
		return err
	}
	m.kept = m.last()
	if m.older != nil {
		return nil
	}
	var err error
	m.older, err = corruptRead(m.dir)
	return err
}

// corruptHistory is the history of every key as a text.
func corruptHistory(v *store.View, events []store.Event) (map[plainKey]string, error) {
	all := map[plainKey]string{}
	for _, e := range events {
		k := plainKey{e.Stream, e.Key}
		if _, ok := all[k]; ok {
			continue
		}
		text, err := corruptHistoryOf(v, k)
		if err != nil {
			return nil, err
		}
		all[k] = text
	}
	return all, nil
}

func corruptHistoryOf(v *store.View, k plainKey) (string, error) {
	var b strings.Builder
	for step, err := range v.History(k.stream, k.key) {
		if err != nil {
			return "", fmt.Errorf("history of %s in %s: %w", k.key, k.stream, err)
		}
		fmt.Fprintln(&b, showTransition(step))
	}
	return b.String(), nil
}

// layout finds the frames of every log file, in a copy in dir.
func (b *corruptBase) layout(dir string) error {
	if err := b.files.save(dir); err != nil {
		return err
	}
	b.frames, b.sealed = map[string][]corruptFrame{}, nil
	for _, name := range b.logs {
		var err error
		if b.frames[name], err = corruptLayout(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.files)) {
		if filepath.Ext(name) == ".seg" {
			b.sealed = append(b.sealed, name)
		}
	}
	if len(b.logs) < 3 || len(b.sealed) != 3 || len(b.stale) < 4 {
		return fmt.Errorf("log files %v, sealed files %v, of %d others", b.logs, b.sealed, len(b.stale))
	}
	return nil
}

// sealAhead is the sealed files that the log files become, made of a copy in dir.
func (b *corruptBase) sealAhead(dir string) (corruptFiles, error) {
	if err := b.files.save(dir); err != nil {
		return nil, err
	}
	db, err := store.Open(dir, corruptOptions(1000))
	if err != nil {
		return nil, err
	}
	if err := errors.Join(db.Seal(context.Background()), db.Close()); err != nil {
		return nil, err
	}
	files, err := corruptRead(dir)
	maps.DeleteFunc(files, func(name string, _ []byte) bool {
		return filepath.Ext(name) != ".seg" || b.files[name] != nil
	})
	return files, err
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

// corruptRead reads every file of dir. The pages that bbolt has not used yet,
// which it grows its file by, are left out: they may be many. So is a file that
// goes between the listing and the reading: an open database seals and merges.
func corruptRead(dir string) (corruptFiles, error) {
	files := corruptFiles{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, d := range entries {
		b, err := os.ReadFile(filepath.Join(dir, d.Name()))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
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

// sameHistory reports which log or sealed file of dir is not as in f, "" for none.
func (f corruptFiles) sameHistory(dir string) (string, error) {
	for name, b := range f {
		if !isHistory(name) {
			continue
		}
		now, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !bytes.Equal(now, b) {
			return name, err
		}
	}
	return "", nil
}
