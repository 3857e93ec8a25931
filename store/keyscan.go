package store

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/annalsdb/annals/segment"
)

// KeyScan says which keys of a stream a scan by keys is about.
type KeyScan struct {
	Stream string

	// Keys are the keys wanted, nil for all; names that the stream does not have
	// do no harm. Range is those wanted by their order; Reverse means nothing.
	Keys  []string
	Range Range

	// Fields are the names of those that states need to have; nil for all. It spares
	// [View.ScanStates] reading others from sealed files under [Replace]; whether
	// states have others all the same is not said.
	Fields []string

	Workers int // 0: as many as there are processors
}

// # Scans by keys
//
// Workers go through the keys of a stream, some hundred at a time: to find the next
// ones they take turns, as those of [View.Scan] do; but each hands what it made of its
// keys to the caller itself, so that the caller works on all processors too, and nobody
// waits for what comes before in the order of keys. Files are pinned while something is
// made of the events in them, not while the caller has it.

// ScanStates hands the states of keys that have one to visit, in runs and in no order,
// from as many goroutines as there are workers. Calls with the same number of a worker,
// which counts from 0, come one after the other; the slice is valid during the call,
// the states in it for ever. An error of visit, or the end of ctx, ends the scan, and is
// returned.
func (v *View) ScanStates(ctx context.Context, q KeyScan, visit func(worker int, states []State) error) error {
	made := func(f *files, s *stream, keys []found, all []State) ([]State, error) {
		return v.states(f, s, keys, q.Fields, all)
	}
	return scanByKeys(ctx, v, v, &q, "scan states", made, visit)
}

// ScanPeriods hands what [View.Between] is of each key to visit, the periods of a key
// in order and in one call, else as [View.ScanStates] does.
func (v *View) ScanPeriods(ctx context.Context, q KeyScan, from, to time.Time, visit func(worker int, periods []Period) error) error {
	made := func(f *files, s *stream, keys []found, all []Period) ([]Period, error) {
		var t trail
		for i := range keys {
			t.followFound(v.db, f, s, &keys[i])
			some, err := v.periods(&t, from, to)
			if err != nil {
				return all, fmt.Errorf("key %q: %w", keys[i].name, err)
			}
			all = append(all, some...)
		}
		return all, nil
	}
	return scanByKeys(ctx, v, nil, &q, "scan periods", made, visit)
}

// ScanDiff hands what [View.Diff] is to visit, as [View.ScanStates] does.
func (v *View) ScanDiff(ctx context.Context, to *View, q KeyScan, visit func(worker int, some []Difference) error) error {
	if err := v.comparable(to); err != nil {
		return fmt.Errorf("scan differences: %w", err)
	}
	made := func(f *files, s *stream, keys []found, all []Difference) ([]Difference, error) {
		return v.differences(to, f, s, keys, all)
	}
	return scanByKeys(ctx, v, nil, &q, "scan differences", made, visit)
}

// keyScan is the keys of a scan that are still to be found.
type keyScan struct {
	v    *View
	s    *stream
	q    *KeyScan
	turn sync.Mutex // of what follows
	walk keysWalk
	name []string // the keys wanted, where they are named
	over bool
}

// scanByKeys has made make something of keys, and visit have it; of is the view whose
// states the keys matter for, nil for all keys.
func scanByKeys[T any](ctx context.Context, v, of *View, q *KeyScan, what string,
	made func(f *files, s *stream, keys []found, all []T) ([]T, error), visit func(worker int, some []T) error) error {
	s, err := v.stream(q.Stream)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	c := &keyScan{v: v, s: s, q: q, walk: keysWalk{db: v.db, s: s, n: scanKeysLeg, of: of, from: max(q.Range.From, q.Range.Prefix)}}
	if q.Keys != nil {
		c.name = slices.Compact(slices.Sorted(slices.Values(q.Keys)))
	}
	err = inTurn(workersOf(q.Workers), func(worker int, failed *atomic.Bool) error {
		var l keyList
		var some []T
		for !failed.Load() {
			if err := ctx.Err(); err != nil {
				return err
			}
			f, err := c.next(&l)
			if f != nil && err == nil {
				some, err = made(f, s, l.keys, some[:0])
			}
			if f != nil {
				f.unpin()
			}
			if f == nil || err != nil {
				return err
			}
			if len(some) > 0 {
				if err := visit(worker, some); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s of stream %q: %w", what, s.Name, err)
	}
	return nil
}

// next finds the next keys in the files f, which it pins; there are none where f is
// nil.
func (c *keyScan) next(l *keyList) (f *files, err error) {
	c.turn.Lock()
	defer c.turn.Unlock()
	if c.over {
		return nil, nil
	}
	if f, err = c.v.db.pin(); err != nil {
		return nil, err
	}
	over, more := false, false
	if c.q.Keys != nil {
		more, err = c.named(f, l)
	} else if more, err = c.walk.next(f, l); err == nil {
		l.keys, over = c.q.Range.of(l.keys)
	}
	c.over = over || !more || err != nil
	return f, err
}

// named fills l with what f, which is pinned, holds of the next of the keys that are
// named.
func (c *keyScan) named(f *files, l *keyList) (more bool, err error) {
	l.keys, l.parts = slices.Grow(l.keys[:0], scanKeysLeg), l.parts[:0]
	for len(c.name) > 0 && len(l.keys) < scanKeysLeg {
		name := c.name[0]
		if c.name = c.name[1:]; !c.q.Range.has(name) {
			continue
		}
		x := found{name: name, k: c.s.live.Get(name)}
		parts, hash := l.room(len(f.sealed)), segment.Hash(c.s.number, name)
		for i := len(f.sealed) - 1; i >= 0; i-- {
			if c.s.in(f.sealed[i]) == nil {
				continue
			}
			keyed, ok, err := f.sealed[i].Key(c.s.number, name, hash)
			if err != nil {
				return false, err
			}
			if ok {
				parts = append(parts, part{file: f.sealed[i], Keyed: keyed})
			}
		}
		if x.k == nil && len(parts) == 0 {
			continue
		}
		x.parts = slices.Clip(parts)
		l.parts = l.parts[:len(l.parts)+len(parts)]
		l.keys = append(l.keys, x)
	}
	return len(c.name) > 0, nil
}

// workersOf is how many workers are meant by n.
func workersOf(n int) int {
	if n <= 0 {
		return runtime.GOMAXPROCS(0)
	}
	return n
}

// inTurn has n workers work, one of them here, and returns the first error of the
// lowest number; failed tells the others that there was one.
func inTurn(n int, work func(worker int, failed *atomic.Bool) error) error {
	var failed atomic.Bool
	errs := make([]error, n)
	run := func(worker int) {
		if errs[worker] = work(worker, &failed); errs[worker] != nil {
			failed.Store(true)
		}
	}
	var others sync.WaitGroup
	for worker := 1; worker < n; worker++ {
		others.Go(func() { run(worker) })
	}
	run(0)
	others.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
