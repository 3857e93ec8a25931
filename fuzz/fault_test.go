package fuzz

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/annalsdb/annals/store"
)

var (
	faultSeed  = flag.Uint64("faultseed", 0, "seed of TestFault; 0 picks one")
	faultEvery = flag.Int("faultevery", 40, "TestFault has one of so many operations fail; 1: every one")
)

// faultScript is crashScript without what takes long.
const faultScript = `
	define define define define define define define define
	append append checkpoint append seal append append seal append
	reopen append fill append checkpoint forget append checkpoint append seal append reopen append`

// TestFault has each operation on the disk fail in turn, once or from then on
// until the database is opened again, and looks whether what was acknowledged is
// there, then and after the machine has stopped, whoever met the fault says so, and
// all goes on:
//
//	go test ./fuzz -run TestFault -faultevery 1
func TestFault(t *testing.T) {
	seed := *faultSeed
	if seed == 0 {
		seed = rand.Uint64N(1 << 32)
	}
	t.Logf("seed %d (-faultseed %d)", seed, seed)
	rnd := rand.New(rand.NewPCG(seed, 6))
	dir := memoryDir(t)
	total := map[string]int{}
	for at := rnd.IntN(*faultEvery); ; at += 1 + rnd.IntN(2**faultEvery-1) {
		p := &faultPlan{at: at, sticky: rnd.IntN(2) == 0, err: []error{syscall.EIO, syscall.ENOSPC}[rnd.IntN(2)]}
		l := newCrashLife(rnd, &crashTried{}, store.SyncAlways, NewDisk(filepath.Join(dir, fmt.Sprint(at))))
		l.disk.Fault = p.fault
		if err := l.liveWith(p); err != nil {
			t.Fatalf("seed %d: operation %d, %s of %q, fails (%v, from then on: %v): %v", seed, at, p.op, p.name, p.err, p.sticky, err)
		}
		if !p.met {
			t.Logf("%d operations, faults by operation: %v", p.n, total)
			return
		}
		total[string(p.op)]++
	}
}

// faultPlan says which operation fails. Which one that is depends a little on the
// background.
type faultPlan struct {
	at     int
	sticky bool
	err    error

	mu   sync.Mutex
	n    int
	met  bool // an operation has failed
	over bool
	op   Op // that failed first
	name string
}

func (p *faultPlan) fault(op Op, name string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n++
	if p.over || p.n <= p.at || p.met && !p.sticky {
		return nil
	}
	if !p.met {
		p.met, p.op, p.name = true, op, name
	}
	return p.err
}

// hit reports whether an operation has failed.
func (p *faultPlan) hit() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.met
}

// end has nothing fail any more.
func (p *faultPlan) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
}

// liveWith lives through faultScript and a fault in it.
func (l *crashLife) liveWith(p *faultPlan) error {
	err := l.open()
	if err != nil {
		p.end()
		if err := l.afterFault(err, p); err != nil {
			return fmt.Errorf("open: %w", err)
		}
	}
	defer func() { l.db.Close() }() // again, where nothing failed
	for i, word := range strings.Fields(faultScript) {
		before := p.hit()
		err := l.do(word)
		switch {
		case err != nil:
			err = l.afterFault(err, p)
		case p.hit() && !before: // in the background, or it was forgotten
			err = l.afterLoss("-at-once")
		}
		if err != nil {
			return fmt.Errorf("step %d (%s): %w", i, word, err)
		}
	}
	p.end()
	if err := l.found(); err != nil {
		return fmt.Errorf("at the end: %w", err)
	}
	if err := l.db.Close(); err != nil && !errors.Is(err, store.ErrPoisoned) {
		return err
	}
	return l.afterLoss("-after")
}

// afterLoss looks at what a machine that stops now would leave, in a directory of its
// own.
func (l *crashLife) afterLoss(suffix string) error {
	h := l.copy()
	next := newCrashLife(l.rnd, l.tried, l.mode, l.disk.After(AllLost, l.rnd, l.disk.dir+suffix))
	next.crashHistory = h
	if err := next.disk.Save(false); err != nil {
		return err
	}
	if err := next.open(); err != nil {
		return fmt.Errorf("open after a crash: %w", err)
	}
	defer next.db.Close()
	return next.found()
}

// afterFault goes on after a step that failed, by opening the database again.
func (l *crashLife) afterFault(err error, p *faultPlan) error {
	if !errors.Is(err, p.err) || errors.Is(err, store.ErrCorrupt) {
		return fmt.Errorf("it is not the fault that is reported: %w", err)
	}
	if l.db != nil {
		l.db.Close() // it may say so again
	}
	p.end()
	if again := l.open(); again != nil {
		return fmt.Errorf("open after %v: %w", err, again)
	}
	if wrong := l.found(); wrong != nil {
		return fmt.Errorf("found after %v: %w", err, wrong)
	}
	return nil
}
