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

// scanKeys is how many states are read from bbolt in one transaction. None is
// open while the caller has its turn.
const scanKeys = 128

// Scan is the states of the keys in the range that have one, in key order. Each
// costs about what [View.Get] does, the latest ones less.
func (v *View) Scan(stream string, r Range) iter.Seq2[State, error] {
	return func(yield func(State, error) bool) {
		s, err := v.stream(stream)
		if err != nil {
			yield(State{}, fmt.Errorf("scan: %w", err))
			return
		}
		for keys := range s.inRange(r) {
			if !v.yieldStates(s, keys, yield) {
				return
			}
		}
	}
}

// inRange is the keys of the range in order, some at a time.
func (s *stream) inRange(r Range) iter.Seq[[]*key] {
	return func(yield func([]*key) bool) {
		chunk := make([]*key, 0, scanKeys)
		more := true
		visit := func(k *key) bool {
			if !r.has(k.Name) {
				return !r.past(k.Name)
			}
			if chunk = append(chunk, k); len(chunk) == scanKeys {
				more = yield(chunk)
				chunk = chunk[:0]
			}
			return more
		}
		tree := s.live.Ordered()
		switch {
		case !r.Reverse:
			tree.AscendGreaterOrEqual(&key{Name: max(r.From, r.Prefix)}, visit)
		case r.To == "":
			tree.Descend(visit)
		default:
			tree.DescendLessOrEqual(&key{Name: r.To}, visit)
		}
		if more && len(chunk) > 0 {
			yield(chunk)
		}
	}
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

// yieldStates hands on the states of keys; it is false when the scan is over.
func (v *View) yieldStates(s *stream, keys []*key, yield func(State, error) bool) bool {
	records := v.records(s, keys)
	for i, k := range keys {
		var err error
		st := records[i].state
		if records[i].last == 0 {
			st, err = v.db.stateAt(s, k, v.time, v.seq)
		}
		var full State
		if err == nil && st.live {
			full, err = s.full(k.Name, &st)
		}
		if err != nil {
			yield(State{}, fmt.Errorf("scan stream %q: %w", s.Name, err))
			return false
		}
		if st.live && !yield(full, nil) {
			return false
		}
	}
	return true
}

// records is the records of keys that hold in the view; last is 0 in those that
// the log is to be asked for.
func (v *View) records(s *stream, keys []*key) []record {
	if v.time != latest {
		return make([]record, len(keys))
	}
	found := v.db.newestOf(s, keys, v.seq)
	for i := range found {
		if !v.sees(&found[i]) {
			found[i] = record{}
		}
	}
	return found
}

// newestOf is [DB.newest] of many keys, those in bbolt in one transaction; last
// is 0 in those that only the log can tell. Keys without an event up to seq are
// passed over.
func (db *DB) newestOf(s *stream, keys []*key, seq uint64) []record {
	found := make([]record, len(keys))
	reached := make([]uint64, len(keys)) // 0 = not in bbolt
	missing := false
	for i, k := range keys {
		if k.Data.first > seq {
			continue
		}
		r, at, inBolt := db.overlay(k, seq)
		switch {
		case inBolt:
			reached[i], missing = at, true
		case r != nil:
			found[i] = r.record
		}
	}
	if missing {
		db.states.fill(s, keys, reached, found)
	}
	return found
}
