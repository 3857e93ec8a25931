package store

import (
	"fmt"
	"iter"
	"strings"

	bolt "go.etcd.io/bbolt"
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
		var st state
		var err error
		if r := records[i]; r != nil {
			st = r.state
		} else {
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

// records is the records of keys that hold in the view, nil for those the log is
// to be asked for.
func (v *View) records(s *stream, keys []*key) []*record {
	found := make([]*record, len(keys))
	if v.time != latest {
		return found
	}
	v.db.fillRecords(s, keys, v.seq, found)
	for i, r := range found {
		if !v.sees(r) {
			found[i] = nil
		}
	}
	return found
}

// fillRecords is [DB.newest] of many keys, those of bbolt in one transaction.
// Keys without an event up to seq are passed over.
func (db *DB) fillRecords(s *stream, keys []*key, seq uint64, found []*record) {
	reached := make([]uint64, len(keys)) // 0 = not in bbolt
	missing := false
	for i, k := range keys {
		if k.Data.first > seq {
			continue
		}
		r, at, inBolt := db.overlaid(k, seq)
		if found[i] = r; inBolt {
			reached[i], missing = at, true
		}
	}
	if !missing {
		return
	}
	db.states.access(s, func(tx *bolt.Tx) (err error) {
		b := tx.Bucket(s.bucketName())
		for i, at := range reached {
			if at == 0 {
				continue
			}
			if found[i], err = recordIn(b, s, keys[i], at); err != nil {
				return err
			}
		}
		return nil
	})
}
