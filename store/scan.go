package store

import (
	"fmt"
	"iter"
	"runtime"
	"strings"
	"sync"
)

// Range is a range of keys in byte order: those with the prefix, from From on and
// before To; an empty bound is open.
type Range struct {
	Prefix, From, To string
	Reverse          bool // descending
}

// Keys are gone through some at a time, with the files pinned, and bbolt in one
// transaction: nothing is held while the caller has its turn. A scan begins with
// few, for a caller who wants no more, and goes on with more, which all processors
// work on.
const (
	scanKeys     = 128
	scanKeysMost = 1024
	scanPart     = 64 // keys for which another processor is worth its while
)

// Scan is the states of the keys in the range that have one, in key order. Each
// costs about what [View.Get] does, the latest ones less.
func (v *View) Scan(stream string, r Range) iter.Seq2[State, error] {
	return func(yield func(State, error) bool) {
		s, err := v.stream(stream)
		if err != nil {
			yield(State{}, fmt.Errorf("scan: %w", err))
			return
		}
		w := keysWalk{db: v.db, s: s, n: scanKeys, reverse: r.Reverse, from: r.start()}
		var states []State
		for more := true; more; {
			over := false
			more, err = w.some(func(f *files, keys []found) (err error) {
				keys, over = r.of(keys)
				states, err = v.states(f, s, keys, states[:0])
				return err
			})
			w.n = min(2*w.n, scanKeysMost)
			for i := range states {
				if !yield(states[i], nil) {
					return
				}
			}
			if err != nil {
				yield(State{}, fmt.Errorf("scan stream %q: %w", stream, err))
				return
			}
			more = more && !over
		}
	}
}

// start is the name to begin at.
func (r *Range) start() string {
	if r.Reverse {
		return r.To
	}
	return max(r.From, r.Prefix)
}

// of is those of keys that are in the range, and whether none behind them is.
func (r *Range) of(keys []found) (in []found, over bool) {
	in = keys[:0]
	for i := range keys {
		switch name := keys[i].name; {
		case r.has(name):
			in = append(in, keys[i])
		case r.past(name):
			return in, true
		}
	}
	return in, false
}

func (r *Range) has(name string) bool {
	return name >= r.From && (r.To == "" || name < r.To) && strings.HasPrefix(name, r.Prefix)
}

// past reports whether name and all keys behind it are out of the range.
func (r *Range) past(name string) bool {
	if r.Reverse {
		return name < r.From || name < r.Prefix
	}
	return r.To != "" && name >= r.To || name > r.Prefix && !strings.HasPrefix(name, r.Prefix)
}

// states appends the states of keys that have one. The processors share the work.
func (v *View) states(f *files, s *stream, keys []found, to []State) ([]State, error) {
	parts := min(runtime.GOMAXPROCS(0), len(keys)/scanPart)
	if parts < 2 {
		return v.someStates(f, s, keys, to)
	}
	found, errs := make([][]State, parts), make([]error, parts)
	var others sync.WaitGroup
	for i := range parts {
		share := keys[i*len(keys)/parts : (i+1)*len(keys)/parts]
		if i == parts-1 {
			found[i], errs[i] = v.someStates(f, s, share, make([]State, 0, len(share)))
			continue
		}
		others.Go(func() { found[i], errs[i] = v.someStates(f, s, share, make([]State, 0, len(share))) })
	}
	others.Wait()
	for i := range found {
		if to = append(to, found[i]...); errs[i] != nil {
			return to, errs[i]
		}
	}
	return to, nil
}

func (v *View) someStates(f *files, s *stream, keys []found, to []State) ([]State, error) {
	records := make([]record, len(keys))
	if v.time == latest {
		records = v.db.newestOf(s, keys, v.seq)
	}
	var t trail
	for i := range keys {
		r := &records[i]
		st, err := r.state, error(nil)
		if r.last == 0 || !v.sees(r) {
			t.followFound(v.db, f, s, &keys[i])
			st, err = t.stateAt(v.time, v.seq)
		}
		if err != nil {
			return to, err
		}
		if !st.live {
			continue
		}
		full, err := s.full(keys[i].name, &st)
		if err != nil {
			return to, err
		}
		to = append(to, full)
	}
	return to, nil
}

// newestOf is [DB.newest] of many keys, those in bbolt in one transaction; last
// is 0 in those that only the events can tell.
func (db *DB) newestOf(s *stream, keys []found, seq uint64) []record {
	records := make([]record, len(keys))
	names := make([]string, len(keys))
	reached := make([]uint64, len(keys)) // 0 = not in bbolt
	for i := range keys {
		x := &keys[i]
		names[i], reached[i] = x.name, x.reached()
		if x.k == nil {
			continue
		}
		r, at, inBolt := db.overlay(x.k, seq)
		if at != 0 {
			reached[i] = at
		}
		if !inBolt {
			reached[i] = 0
		}
		if r != nil {
			records[i] = r.record
		}
	}
	db.states.fill(s, names, reached, records)
	return records
}

// Has reports whether a key is in the range.
func (r *Range) Has(key string) bool { return r.has(key) }
