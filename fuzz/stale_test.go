package fuzz

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

var (
	staleSeed = flag.Uint64("staleseed", 0, "seed of TestStale; 0 picks one")
	stales    = flag.Int("stales", 24, "lives of TestStale, of a stale read each")
)

// TestStale has one sector read as it was before it was last written, or every one from
// there on until the database is opened again, and looks at everything after each step:
// what is found is right, or the error says that something is corrupt. Once reads are
// true all that was acknowledged is there, then and after the machine has stopped.
//
//	go test ./fuzz -run TestStale -stales 1000
func TestStale(t *testing.T) {
	seed := *staleSeed
	if seed == 0 {
		seed = rand.Uint64N(1 << 32)
	}
	t.Logf("seed %d (-staleseed %d)", seed, seed)
	rnd := rand.New(rand.NewPCG(seed, 7))
	dir, lives := memoryDir(t), 0
	live := func(p *stalePlan) {
		lives++
		l := newCrashLife(rnd, &crashTried{}, store.SyncAlways, NewDisk(filepath.Join(dir, fmt.Sprint(lives))))
		p.disk, l.disk.Stale = l.disk, p.stale
		if err := l.liveStale(p); err != nil {
			t.Fatalf("seed %d: read %d, of %q, is stale (from then on: %v): %v", seed, p.at, p.name, p.sticky, err)
		}
	}
	all := &stalePlan{at: -1}
	live(all)
	met, noticed := map[string]int{}, 0
	for range *stales {
		p := &stalePlan{at: rnd.IntN(all.n), sticky: rnd.IntN(2) == 0}
		live(p)
		if p.met {
			met[filepath.Ext(p.name)]++
		}
		if p.noticed {
			noticed++
		}
	}
	t.Logf("%d sectors read that are other than they were; stale reads by file: %v, %d of them noticed", all.n, met, noticed)
	if len(met) == 0 {
		t.Errorf("seed %d: nothing was stale", seed)
	}
}

// stalePlan says which of the reads that would show it is stale. The disk asks it one
// read at a time.
type stalePlan struct {
	at     int // -1: none
	sticky bool

	disk    *Disk // whose lock is held where the rest is used
	opening bool
	over    bool
	n       int
	met     bool
	name    string // of the file that was read first
	noticed bool
}

func (p *stalePlan) stale(name string) bool {
	if p.opening && name == newestLog(p.disk.Names()) {
		return false // nothing can tell it from a torn tail
	}
	n := p.n
	p.n++
	if p.over || p.at < 0 || n < p.at || p.met && !p.sticky {
		return false
	}
	if !p.met {
		p.met, p.name = true, name
	}
	return true
}

// newestLog is the last log file of names, which are sorted.
func newestLog(names []string) (newest string) {
	for _, name := range names {
		if _, ok := segment.ParseLogName(name); ok {
			newest = name
		}
	}
	return newest
}

// set changes the plan while a database may be open.
func (p *stalePlan) set(change func()) {
	p.disk.mu.Lock()
	defer p.disk.mu.Unlock()
	change()
}

// liveStale lives through faultScript with a stale read in it.
func (l *crashLife) liveStale(p *stalePlan) error {
	if err := l.open(); err != nil {
		return fmt.Errorf("open: %w", err)
	}
	defer func() {
		if l.db != nil {
			l.db.Close() // again, where nothing failed
		}
	}()
	for i, word := range strings.Fields(faultScript) {
		p.set(func() { p.opening = word == "reopen" || word == "forget" })
		err := l.do(word)
		p.set(func() { p.opening = false })
		if err == nil {
			err = l.check(l.db, l.acked)
		}
		if err != nil {
			err = l.afterStale(err, p)
		}
		if err != nil {
			return fmt.Errorf("step %d (%s): %w", i, word, err)
		}
	}
	p.set(func() { p.over = true })
	if err := l.found(); err != nil {
		return fmt.Errorf("at the end: %w", err)
	}
	if err := l.db.Close(); err != nil {
		return err
	}
	return l.afterLoss("-after")
}

// afterStale goes on after an error, by opening the database again with true reads.
func (l *crashLife) afterStale(err error, p *stalePlan) error {
	p.set(func() { p.over, p.noticed = true, p.met && errors.Is(err, store.ErrCorrupt) })
	if !p.noticed {
		return fmt.Errorf("it is not a stale read that is reported: %w", err)
	}
	if l.db != nil {
		l.db.Close() // it may say so again
	}
	if again := l.open(); again != nil {
		return fmt.Errorf("open after %v: %w", err, again)
	}
	if wrong := l.found(); wrong != nil {
		return fmt.Errorf("found after %v: %w", err, wrong)
	}
	return nil
}
