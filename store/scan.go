package store

import (
	"fmt"
	"iter"
	"strings"
)

// Range is a range of keys in byte order: those with the prefix, from From on and
// before To; an empty bound is open.
type Range struct {
	Prefix, From, To string
	Reverse          bool // descending
}

// Scan is the states of the keys in the range that have one, in key order. Each
// costs about what [View.Get] does, the latest ones less, and all processors share
// the work: they read some hundred states ahead of the caller. The memory of the
// fields and texts of some states that follow each other is one: a state that is
// kept keeps a few KiB.
func (v *View) Scan(stream string, r Range) iter.Seq2[State, error] {
	return func(yield func(State, error) bool) {
		s, err := v.stream(stream)
		if err != nil {
			yield(State{}, fmt.Errorf("scan: %w", err))
			return
		}
		c := newScan(v, s, r)
		defer c.stop()
		for leg := c.first(); leg != nil; leg = c.next(leg) {
			for i := range leg.states {
				if !yield(leg.states[i], nil) {
					return
				}
			}
			if leg.err != nil {
				yield(State{}, fmt.Errorf("scan stream %q: %w", stream, leg.err))
				return
			}
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

// states appends the states of keys that have one, with the fields that are named, or
// with all of them if fields is nil.
func (v *View) states(f *files, s *stream, keys []found, fields []string, to []State) ([]State, error) {
	var records []record
	if v.time == latest {
		records = v.db.newestOf(s, keys, v.seq)
	}
	var t trail
	if s.Fold == Replace { // others make a state of fields that nobody asked for
		t.rows.Only = fields
	}
	for i := range keys {
		var st state
		var err error
		if records != nil && records[i].last != 0 && v.sees(&records[i]) {
			st = records[i].state
		} else {
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
			records[i] = r.record()
		}
	}
	db.states.fill(s, names, reached, records)
	return records
}
