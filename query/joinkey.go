package query

import (
	"errors"
	"math"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/annalsdb/annals/store"
)

// # Joins by key
//
// A source of which the key has to be equal is asked for that key: for its state as of
// one moment once, for its states as of the times of rows one by one, each of which
// costs a look-up, until those of the key have cost about what reading all of its
// history does; from then on, the history is kept. So a few rows that ask for keys
// with long histories are as cheap as look-ups, many rows that ask for a few keys as
// cheap as a table, and nothing costs more than twice the better of the two.
//
// What is kept can be asked for again. When it takes its share of memory all of it is
// forgotten, and a history that would take half of that is not kept at all.

// joinKeys is what is known of the keys of a joined source.
type joinKeys struct {
	keys sync.Map // from string to *joinKey
	held atomic.Int64
}

// joinKey is what is known of a key of a joined source.
type joinKey struct {
	mu     sync.Mutex
	states []partner // in order of time
	whole  bool      // they are all that there are
	long   bool      // they are too many to be kept
	asked  uint64    // how many were looked up as of times
	events uint64    // of the key, at least
}

// fewProbes is how many states of a key are looked up before its history is read,
// however short that is.
const fewProbes = 4

// ofKey is the states of a key among which that is which is valid at a moment.
func (s *joinSide) ofKey(w *joinWorker, key string, at int64) ([]partner, error) {
	c := s.cache.Load()
	k := s.known(c, key)
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.whole:
	case !s.asOf():
		states, err := s.look(w, s.reader, key, nil)
		if err != nil {
			return nil, err
		}
		k.whole, k.states = true, states
		s.remember(c, sizeOf(states))
	case k.long || k.asked < max(k.events, fewProbes):
		return s.lookAsOf(w, k, key, at)
	default:
		switch states, err := s.readHistory(w, key); {
		case err == errLong:
			k.long = true
			return s.lookAsOf(w, k, key, at)
		case err != nil:
			return nil, err
		default:
			k.whole, k.states = true, states
			s.remember(c, sizeOf(states))
		}
	}
	return k.at(at), nil
}

// known is what is known of a key.
func (s *joinSide) known(c *joinKeys, key string) *joinKey {
	if k, ok := c.keys.Load(key); ok {
		return k.(*joinKey)
	}
	k, had := c.keys.LoadOrStore(key, &joinKey{})
	if !had {
		s.remember(c, int64(200+len(key)))
	}
	return k.(*joinKey)
}

// remember counts memory of what is known in c, and gives up all of it if that is too
// much. Who still works with c does so with what nobody else sees, and uncounted.
func (s *joinSide) remember(c *joinKeys, size int64) {
	s.x.note(size)
	if c.held.Add(size) > s.share {
		s.cache.CompareAndSwap(c, &joinKeys{})
	}
	if s.cache.Load() != c {
		s.x.note(-c.held.Swap(0))
	}
}

// at is those of the states of a key, of which each ends where the next begins or
// before, that may be valid at a moment.
func (k *joinKey) at(t int64) []partner {
	n := sort.Search(len(k.states), func(i int) bool { return k.states[i].from > t })
	return k.states[max(n-1, 0):n]
}

// lookAsOf is the state of a key as of a time, looked up, and counts that.
func (s *joinSide) lookAsOf(w *joinWorker, k *joinKey, key string, at int64) ([]partner, error) {
	r, err := asOf(s.reader, at)
	if err != nil {
		return nil, err
	}
	of, err := statesOf(r, s.source)
	if err != nil {
		return nil, err
	}
	k.asked++
	return s.look(w, of, key, k)
}

// look is the state of a key that of has, valid whenever it is asked for; k learns how
// many events it is from.
func (s *joinSide) look(w *joinWorker, of StateReader, key string, k *joinKey) ([]partner, error) {
	st, ok, err := of.Get(s.source.stream, key)
	if !ok || err != nil {
		return nil, err
	}
	if k != nil {
		k.events = max(k.events, st.Version)
	}
	p, ok, err := s.partner(w, func(c *column) Value { return ofState(&st, c) })
	if !ok || err != nil {
		return nil, err
	}
	p.from, p.until = math.MinInt64, latest.Time
	return []partner{p}, nil
}

// errLong: a history would take too much memory.
var errLong = errors.New("the history is too long to be kept")

// readHistory is the states that a key ever had.
func (s *joinSide) readHistory(w *joinWorker, key string) (states []partner, err error) {
	q, size := store.KeyScan{Stream: s.source.stream, Keys: []string{key}, Workers: 1}, int64(0)
	err = s.eachPeriod(q, func(_ int, period *store.Period) error {
		p, ok, err := s.ofPeriod(w, period)
		if !ok || err != nil {
			return err
		}
		states = append(states, p)
		if size += p.size(); size > s.share/2 {
			return errLong
		}
		return nil
	})
	if errors.Is(err, errLong) {
		err = errLong
	}
	return states, err
}
