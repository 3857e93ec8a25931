package fuzz

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/annalsdb/annals/store"
)

var (
	crashSeed  = flag.Uint64("crashseed", 0, "seed of TestCrash; 0 picks one")
	crashDepth = flag.Int("crashdepth", 3, "how many crashes follow on each other in TestCrash")
	crashEvery = flag.Int("crashevery", 8, "TestCrash crashes at one of so many changes; 1: at every one")
)

// crashScript is what happens to the database, in every change of which it
// crashes. "forget" loses bbolt's file between two openings, "fill" passes
// SegmentSize, so that the next append begins another log file and the background
// seals, "swell" and "shrink" leave bbolt's file to be compacted at the next close.
const crashScript = `
	define define define define define define define define
	append maintain append checkpoint append append seal
	append fill append checkpoint reopen
	append seal append append seal append compact append
	forget append checkpoint append seal checkpoint append reopen
	append swell checkpoint shrink checkpoint append reopen append`

// crashOnward is what happens after a crash.
const crashOnward = `append checkpoint append seal append reopen append`

func crashOptions(d *Disk, sync store.SyncMode) *store.Options {
	return &store.Options{
		FS: d, Sync: sync, SyncEvery: time.Hour, CheckpointEvery: time.Hour,
		SegmentSize: 24 << 10, Fanout: 2, FoldStep: 3, MemoryBytes: 8 << 20, Folds: killFolds,
	}
}

// TestCrash crashes after changes to the disk, with every [Loss], and looks at
// what is found: all that was acknowledged, nothing half, no file left over, and
// everything fits together. From there the database goes on, and crashes again.
//
//	go test ./fuzz -run TestCrash -crashevery 1   at every change
//
// Of the zeros that are written ahead in a log file, it is one write in eight.
func TestCrash(t *testing.T) {
	seed := *crashSeed
	if seed == 0 {
		seed = rand.Uint64N(1 << 32)
	}
	matrix := &crashMatrix{map[string]map[Loss]int{}, map[string]bool{}}
	defer matrix.report(t)
	for _, mode := range []store.SyncMode{store.SyncAlways, store.SyncNever} {
		t.Run(fmt.Sprint("sync=", mode), func(t *testing.T) {
			t.Logf("seed %d", seed)
			tried := &crashTried{matrix: matrix}
			rnd := rand.New(rand.NewPCG(seed, uint64(mode)))
			l := newCrashLife(rnd, tried, mode, NewDisk(filepath.Join(memoryDir(t), "db")))
			l.disk.Crash = l.crashes
			err := l.open()
			if err == nil {
				err = l.live(crashScript)
			}
			if err != nil {
				t.Fatalf("seed %d (-crashseed %d): %v", seed, seed, err)
			}
			t.Logf("%d changes, %d crashes, of which %d in what followed on a crash; %d states rebuilt, %d torn tails, %d results of aggregates",
				l.crashed, tried.crashes, tried.again, tried.rebuilt, tried.torn, tried.results)
			if tried.results == 0 {
				t.Errorf("seed %d: no result of an aggregate was verified after a crash", seed)
			}
		})
	}
}

// memoryDir is a directory in memory where the system has one, for what is not about
// the disk or has a [Disk] of its own: syncing takes time, on some machines very much.
func memoryDir(t testing.TB) string {
	if dir, err := os.MkdirTemp("/dev/shm", "annals-"); err == nil {
		t.Cleanup(func() { os.RemoveAll(dir) })
		return dir
	}
	return t.TempDir()
}

// crashTried counts.
type crashTried struct {
	crashes, again, rebuilt, torn int
	results                       uint64
	matrix                        *crashMatrix
}

// crashLife is a database from one crash to the next.
type crashLife struct {
	*crashHistory
	rnd   *rand.Rand // of crashes
	tried *crashTried
	mode  store.SyncMode
	disk  *Disk
	db    *store.DB
	depth int

	before  []*Disk // what was found after the change before
	appends [2]int  // begun and acknowledged then
	crashed int     // changes crashed at
	err     error   // of what followed on a crash
}

func newCrashLife(rnd *rand.Rand, tried *crashTried, mode store.SyncMode, d *Disk) *crashLife {
	return &crashLife{crashHistory: &crashHistory{seed: rnd.Uint64N(1 << 48)}, rnd: rnd, tried: tried, mode: mode, disk: d}
}

func (l *crashLife) open() (err error) {
	l.db, err = store.Open(l.disk.dir, crashOptions(l.disk, l.mode))
	return err
}

// live has the words of a script happen and closes the database.
func (l *crashLife) live(script string) error {
	defer func() { l.db.Close() }() // again, where nothing failed
	for i, word := range strings.Fields(script) {
		err := l.do(word)
		if l.err != nil {
			err = l.err
		}
		if err != nil {
			return fmt.Errorf("step %d (%s): %w", i, word, err)
		}
	}
	if err := l.db.Close(); err != nil || l.err != nil {
		return cmp.Or(l.err, err)
	}
	for _, name := range l.disk.Names() {
		if strings.HasSuffix(name, ".tmp") {
			return fmt.Errorf("%s is left", name)
		}
	}
	return nil
}

func (l *crashLife) do(word string) error {
	always := l.mode == store.SyncAlways
	switch word {
	case "define":
		return l.define(l.db)
	case "append":
		return l.append(l.db, 0, always)
	case "fill":
		return l.append(l.db, 24<<10, always)
	case "swell":
		return l.append(l.db, 3<<19, always)
	case "shrink":
		return l.append(l.db, 1, always)
	case "maintain":
		return l.maintain(l.db, always)
	case "reopen":
		return l.reopen(nil)
	case "forget":
		return l.reopen(func() error { return l.disk.Remove(filepath.Join(l.disk.dir, stateFile)) })
	}
	err := error(nil)
	switch word {
	case "seal":
		err = l.db.Seal(context.Background())
	case "compact":
		err = l.db.Compact(context.Background())
	default:
		err = l.db.Checkpoint(context.Background())
	}
	l.durable()
	return err
}

// reopen closes the database and opens it again; between does something in
// between.
func (l *crashLife) reopen(between func() error) error {
	if err := l.db.Close(); err != nil {
		return err
	}
	l.durable()
	if between != nil {
		if err := between(); err != nil {
			return err
		}
	}
	if err := l.open(); err != nil {
		return err
	}
	return l.check(l.db, len(l.batches))
}

// crashes is a crash with every loss after a change.
func (l *crashLife) crashes(d *Disk) {
	if l.err != nil || l.rnd.IntN(*crashEvery) > 0 || d.reserves() && l.rnd.IntN(8) > 0 {
		return
	}
	l.crashed++
	h := l.copy()
	appends := [2]int{len(h.batches), len(h.receipts)}
	if l.appends != appends {
		l.before, l.appends = nil, appends
	}
	var now []*Disk
	for _, loss := range Losses {
		c := crash{l, loss, l.rnd.Uint64()}
		found := c.after(d)
		same := func(o *Disk) bool { return o.Same(found) }
		if slices.ContainsFunc(l.before, same) || slices.ContainsFunc(now, same) {
			continue
		}
		now = append(now, c.after(d)) // to compare with: found is written to
		if l.err = c.happen(d, found, h.copy()); l.err != nil {
			return
		}
	}
	l.before = now
}

// crash is one crash.
type crash struct {
	of   *crashLife
	loss Loss
	seed uint64
}

// after is what is found after it.
func (c crash) after(d *Disk) *Disk {
	dir := filepath.Join(filepath.Dir(c.of.disk.dir), fmt.Sprintf("crash-%d", c.of.depth))
	return d.After(c.loss, rand.New(rand.NewPCG(c.seed, 1)), dir)
}

// happen has the database go on from what is found, with the history so far.
func (c crash) happen(d, found *Disk, h *crashHistory) error {
	n, change := d.Changes()
	c.of.tried.crashes++
	c.of.tried.matrix.add(change, c.loss, c.of.depth == 0)
	next := newCrashLife(rand.New(rand.NewPCG(c.seed, 2)), c.of.tried, c.of.mode, found)
	next.depth = c.of.depth + 1
	seed := next.seed
	next.crashHistory = h
	defer os.RemoveAll(found.dir)
	if c.loss != Killed {
		h.acked = h.synced
	}
	err := found.Save(false)
	if err == nil {
		err = next.goOn(seed, c.loss == Killed)
	}
	if err == nil {
		return nil
	}
	return fmt.Errorf("crash after change %d (%s: %s), %s, files in %s:\n%w", n, change.Name, change.Op, c.loss, c.keep(d), err)
}

// keep saves what is found to where it outlives the test.
func (c crash) keep(d *Disk) string {
	dir, err := os.MkdirTemp("", "annals-crash-")
	if err == nil {
		found := c.after(d)
		found.dir = dir
		err = found.Save(true)
	}
	if err != nil {
		return err.Error()
	}
	return dir
}

// goOn opens what is found after a crash, looks at it, and goes on as the seed
// says, in some cases up to another crash somewhere and past it. A kill alone loses
// nothing; it is the next crash that may.
func (l *crashLife) goOn(seed uint64, killed bool) error {
	then := "append"
	if at := 1 + l.rnd.IntN(80); l.depth <= *crashDepth && (killed || l.rnd.IntN(4) == 0) {
		then = crashOnward
		l.disk.Crash = func(d *Disk) {
			if n, _ := d.Changes(); n == at && l.err == nil {
				l.tried.again++
				c := crash{l, Losses[l.rnd.IntN(len(Losses))], l.rnd.Uint64()}
				l.err = c.happen(d, c.after(d), l.copy())
			}
		}
	}
	if err := l.open(); err != nil {
		return fmt.Errorf("open: %w", err)
	}
	if err := l.found(); err != nil {
		l.db.Close()
		return fmt.Errorf("after %s: %w", l.db.Recovery(), err)
	}
	l.seed = seed
	return l.live(then)
}

// found looks at what a crash left.
func (l *crashLife) found() error {
	if r := l.db.Recovery(); r.StateRebuilt {
		l.tried.rebuilt++
	} else if r.TornBytes > 0 {
		l.tried.torn++
	}
	for _, s := range killStreams[:l.defined] {
		if l.mode == store.SyncAlways && !slices.Contains(l.db.Streams(), s) {
			return fmt.Errorf("stream %q was defined and is not there", s.Name)
		}
	}
	if err := l.check(l.db, l.acked); err != nil {
		return err
	}
	l.durable() // as Open found it
	for l.defined < len(killStreams) {
		if err := l.define(l.db); err != nil {
			return err
		}
	}
	if err := l.maintained(l.db); err != nil {
		return err
	}
	r, err := l.db.Verify(context.Background(), nil)
	l.tried.results += r.Results
	return err
}
