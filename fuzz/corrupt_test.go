package fuzz

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

var (
	corruptStride = flag.Int64("corruptstride", 0, "TestCorrupt flips a bit of every n-th byte; 0 is a sample of some seconds")
	corruptSeed   = flag.Uint64("corruptseed", 1, "seed of TestCorrupt")
	corruptTrace  = flag.Bool("corrupttrace", false, "TestCorrupt says on standard error what it damages, for damages that end the process")
)

// TestCorrupt damages the files of a small database at every kind of place,
// opens it and reads everything:
//
//	go test ./fuzz -run TestCorrupt -corruptstride 1 -timeout 2h
//
// Allowed are the right answers, the answers without a cut tail where a tail may
// be cut, and an error that names the file. Everything else is a bug.
func TestCorrupt(t *testing.T) {
	crash, clean := newCorruptBases(t, *corruptSeed)
	other, _ := newCorruptBases(t, *corruptSeed+1)
	for _, b := range []*corruptBase{crash, clean} {
		rnd := rand.New(rand.NewPCG(*corruptSeed, 3))
		group := func(name string, ds []damage) {
			t.Run(b.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				b.try(t, ds)
			})
		}
		for i, log := range b.logs {
			name := fmt.Sprintf("log%d", i)
			if log == b.newest() {
				name = "newest"
			} else if i > 1 && *corruptStride == 0 {
				continue // like the one before
			}
			cuts, blocks := b.truncations(log), b.logBlocks(rnd, log)
			group(name+"/truncated", cuts)
			group(name+"/flipped", b.logFlips(rnd, log, corruptEvery(37)))
			group(name+"/blocks", blocks)
			group(name+"/stateless", corruptStateless(append(cuts, blocks...)))
		}
		for i, file := range b.sealed {
			name := fmt.Sprintf("sealed%d", i)
			flips, blocks := b.sealedFlips(rnd, file, corruptEvery(97)), b.sealedBlocks(rnd, file)
			group(name+"/flipped", flips)
			group(name+"/blocks", blocks)
			group(name+"/stateless", corruptStateless(append(flips, blocks...)))
		}
		group("names", append(b.logNames(), b.sealedNames(other)...))
		group("leftovers", b.leftovers())
		group("state", b.stateDamages(rnd, other, corruptEvery(509)))
		group("pointers", b.statePointers(corruptEvery(3)))
		group("lock", b.lockDamages())
	}
}

// corruptEvery is how many bytes lie between flips: the usual or the flag.
func corruptEvery(usual int64) int64 {
	if *corruptStride > 0 {
		return *corruptStride
	}
	return usual
}

// corruptStateless takes every third damage, with bbolt's file gone too.
func corruptStateless(ds []damage) []damage {
	var some []damage
	for _, d := range everyNth(ds, 3) {
		some = append(some, d.withoutState())
	}
	return some
}

func everyNth(ds []damage, n int) (some []damage) {
	for i := 0; i < len(ds); i += n {
		some = append(some, ds[i])
	}
	return some
}

// try does each damage to a copy and judges what the engine makes of it.
func (b *corruptBase) try(t *testing.T, ds []damage) {
	dir := memoryDir(t)
	for i, d := range ds {
		if *corruptTrace {
			fmt.Fprintf(os.Stderr, "%s: %s\n", b.name, d.name)
		}
		c := corruptCase{base: b, damage: d, files: maps.Clone(b.files), dir: filepath.Join(dir, fmt.Sprint(i)), follow: i%5 == 0}
		d.do(c.files)
		if err := c.run(); err != nil {
			t.Errorf("%s, seed %d: %s: %v\ncopy in %s", b.name, *corruptSeed, d.name, err, c.keep())
		}
		os.RemoveAll(c.dir)
	}
}

// corruptCase is one damaged copy of a database.
type corruptCase struct {
	base   *corruptBase
	damage damage
	files  corruptFiles // damaged
	dir    string
	follow bool // go on writing where it opens

	unnoticed bool // Verify found nothing, and there is something
}

// keep saves the damaged files to where they outlive the test.
func (c *corruptCase) keep() string {
	dir, err := os.MkdirTemp("", "annals-corrupt-")
	if err == nil {
		err = c.files.save(dir)
	}
	if err != nil {
		return err.Error()
	}
	return dir
}

// run judges the case. A panic is a verdict; whoever hangs is shown by the timeout of
// the test command.
func (c *corruptCase) run() (err error) {
	if err := os.Mkdir(c.dir, 0o755); err != nil {
		return err
	}
	if err := c.files.save(c.dir); err != nil {
		return err
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // a fault in a mapped file becomes a panic
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return c.judge()
}

// judge opens the database, reads it and holds the answers against the base's.
func (c *corruptCase) judge() error {
	db, err := store.Open(c.dir, corruptOptions(corruptFanout))
	if err != nil {
		return c.refused(err)
	}
	defer db.Close()
	events, err := plainEvents(db.Latest())
	if errors.Is(err, store.ErrCorrupt) {
		return c.partly(db, err)
	}
	if err != nil {
		return err
	}
	if err := c.checkLength(db, events); err != nil {
		return fmt.Errorf("%w; %s", err, db.Recovery())
	}
	if err := c.checkAnswers(db, events); errors.Is(err, store.ErrCorrupt) {
		return c.partly(db, err)
	} else if err != nil {
		return fmt.Errorf("%w; %s", err, db.Recovery())
	}
	if err := c.verified(db, len(events) == len(c.base.events)); err != nil {
		return err
	}
	if c.follow || len(events) < len(c.base.events) {
		return c.goOn(db, events)
	}
	return c.closed(db)
}

// verified has Verify find what is wrong, which must be something if bytes under a
// checksum differ and nothing was cut; see closed.
func (c *corruptCase) verified(db *store.DB, all bool) error {
	_, err := db.Verify(context.Background(), nil)
	if err != nil && c.damage.file != "" && !errors.Is(err, store.ErrCorrupt) {
		return fmt.Errorf("verify: %w", err)
	}
	c.unnoticed = err == nil && c.damage.shown && all
	return nil
}

// partly judges a database that opened and of which something cannot be read, as
// err says: the rest can.
func (c *corruptCase) partly(db *store.DB, err error) error {
	if err := c.named(err); err != nil {
		return err
	}
	if _, _, ok := segment.ParseSealedName(c.damage.file); ok {
		if err := c.rest(db); err != nil {
			return fmt.Errorf("%w; %s", err, db.Recovery())
		}
	}
	if err := c.verified(db, true); err != nil {
		return err
	}
	return c.closed(db)
}

// closed closes the database, of which nothing unfinished may be left. What Verify
// did not notice must be gone: a sealed file that was damaged in what merging does
// not read, as its statistics are, and that was merged meanwhile.
func (c *corruptCase) closed(db *store.DB) error {
	if err := db.Close(); err != nil && (c.damage.file == "" || !errors.Is(err, store.ErrCorrupt)) {
		return fmt.Errorf("close: %w", err)
	}
	if _, err := os.Stat(filepath.Join(c.dir, c.damage.file)); err == nil && c.unnoticed {
		return fmt.Errorf("nobody noticed; %s", db.Recovery())
	}
	return corruptUnfinished(c.dir)
}

// corruptUnfinished is an error if a database that was closed has left a file that
// is not finished.
func corruptUnfinished(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, "*.tmp"))
	if len(left) > 0 {
		err = fmt.Errorf("%v is left", left)
	}
	return err
}

// refused looks at the error of an Open. It has to name a file, to be the same a
// second time, and to have left the history as it was. What can be read must be
// readable with ReadDamaged.
func (c *corruptCase) refused(err error) error {
	if err := c.named(err); err != nil {
		return err
	}
	if db, again := store.Open(c.dir, corruptOptions(corruptFanout)); again == nil {
		db.Close()
		return fmt.Errorf("open refused with %q, and then did not", err)
	} else if again.Error() != err.Error() {
		return fmt.Errorf("open refused with %q, and then with %q", err, again)
	}
	if err := c.salvaged(); err != nil {
		return fmt.Errorf("with ReadDamaged: %w", err)
	}
	if changed, err := c.files.sameHistory(c.dir); err != nil || changed != "" {
		return fmt.Errorf("open refused and yet changed %s (%v)", changed, err)
	}
	return nil
}

// named is nil if err is the right kind of error for the damage.
func (c *corruptCase) named(err error) error {
	var bad *store.CorruptError
	switch {
	case !errors.Is(err, store.ErrCorrupt) || !errors.As(err, &bad):
		return fmt.Errorf("not a corruption error: %w", err)
	case c.damage.file == "":
		return fmt.Errorf("no file of the history is damaged: %w", err)
	case filepath.Dir(bad.File) != c.dir && bad.File != c.dir: // it may be the directory that lacks a file
		return fmt.Errorf("file %q is not of this database: %w", bad.File, err)
	case c.damage.shown && filepath.Base(bad.File) != c.damage.file:
		return fmt.Errorf("file %q is blamed: %w", bad.File, err)
	}
	return nil
}

// checkLength says whether so many events are allowed to be missing, if any.
func (c *corruptCase) checkLength(db *store.DB, events []store.Event) error {
	b, d, n := c.base, c.damage, uint64(len(events))
	all := uint64(len(b.events))
	switch {
	case n > all:
		return fmt.Errorf("%d events, there were %d", n, all)
	case d.gone && !db.Recovery().StateRebuilt:
		return errors.New("the state was rebuilt and that is not reported")
	case n == all:
		return nil
	case d.file != b.newest() && !d.wide:
		return fmt.Errorf("%d of %d events, and the newest log file is not damaged", n, all)
	case n < b.kept && !d.gone:
		return fmt.Errorf("%d of %d events, and bbolt knew of %d", n, all, b.kept)
	case n > 0 && !slices.Contains(b.ends, n):
		return fmt.Errorf("%d of %d events, which is half a batch", n, all)
	case d.one && n < b.ends[len(b.ends)-2]:
		return fmt.Errorf("%d of %d events, and frames behind the bad one showed it had been synced", n, all)
	case !d.whole && db.Recovery().TornBytes == 0:
		return fmt.Errorf("%d of %d events, and no torn bytes reported", n, all)
	}
	return nil
}

// checkAnswers compares everything the database says with what the base said
// when it had just these events, now and in the middle.
func (c *corruptCase) checkAnswers(db *store.DB, events []store.Event) error {
	for i, e := range events {
		if !plainSameEvent(e, c.base.events[i]) {
			return fmt.Errorf("event %d is %s, was %s", i+1, plainText(e), plainText(c.base.events[i]))
		}
	}
	if len(events) == 0 {
		return nil
	}
	half := uint64(len(events)+1) / 2
	middle, err := db.View(store.KnownAt(half))
	if err != nil {
		return err
	}
	if err := newPlain(c.base.streams, killFolds, events[:half]).check(middle); err != nil {
		return fmt.Errorf("known at %d: %w", half, err)
	}
	return newPlain(c.base.streams, killFolds, events).check(db.Latest())
}

// goOn appends an event, closes, and opens again.
func (c *corruptCase) goOn(db *store.DB, events []store.Event) error {
	e := store.Event{Stream: killStreams[0].Name, Key: "after", Fields: store.Fields{store.Int64("n", 1)}}
	r, err := db.Append(context.Background(), store.Batch{Events: []store.Event{e}})
	if err != nil || r.First != uint64(len(events))+1 {
		return fmt.Errorf("append after it gives %+v, %v", r, err)
	}
	if err := c.closed(db); err != nil {
		return err
	}
	again, err := store.Open(c.dir, corruptOptions(corruptFanout))
	if err != nil {
		return fmt.Errorf("open again: %w", err)
	}
	defer again.Close()
	now, err := plainEvents(again.Latest())
	if err != nil || len(now) != len(events)+1 {
		return fmt.Errorf("opened again after an append it has %d events, had %d: %v", len(now), len(events), err)
	}
	return newPlain(again.Streams(), killFolds, now).check(again.Latest())
}
