package bench

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// statesAt says for each key which of the first n events is its state at t, -1
// for none: what every side must answer, reckoned without one.
func (l *load) statesAt(n int, t time.Time) []int32 {
	states, until := make([]int32, len(l.keys)), t.UnixNano()
	for k := range states {
		states[k] = -1
	}
	for i := range n {
		at := l.nanos(i)
		if at > until {
			continue
		}
		if k := l.draw(i); states[k] < 0 || at >= l.nanos(int(states[k])) {
			states[k] = int32(i)
		}
	}
	return states
}

// is reports whether r says what event i does.
func (l *load) is(r reading, i int) bool {
	want := l.sample(i).reading
	want.nanos = l.nanos(i)
	return r == want
}

// checkAsOf holds a thousand answers against the load.
func (l *load) checkAsOf(b *testing.B, s side, n int) {
	b.Helper()
	rnd := rand.New(rand.NewPCG(13, 13))
	for range 4 {
		t := l.moment(rnd)
		states := l.statesAt(n, t)
		for range 250 {
			k := rnd.IntN(len(l.keys))
			r, ok, err := s.asOf(l.keys[k], t)
			if err != nil {
				b.Fatal(err)
			}
			if want := int(states[k]); ok != (want >= 0) || ok && !l.is(r, want) {
				b.Fatalf("state of %s at %s is %+v, %v, want that of event %d", l.keys[k], t, r, ok, want)
			}
		}
	}
}

// checkStates holds the states of all keys at t against the load.
func (l *load) checkStates(b *testing.B, s side, t time.Time) (n int) {
	b.Helper()
	place := map[string]int{}
	for k, key := range l.keys {
		place[key] = k
	}
	states := l.statesAt(*eventsFlag, t)
	err := s.statesAt(t, func(key string, r reading) {
		k := place[key]
		if states[k] < 0 || !l.is(r, int(states[k])) {
			b.Fatalf("state of %s at %s is %+v, want that of event %d", key, t, r, states[k])
		}
		states[k], n = -1, n+1
	})
	if err != nil {
		b.Fatal(err)
	}
	for k, left := range states {
		if left >= 0 {
			b.Fatalf("there is no state of %s at %s, want that of event %d", l.keys[k], t, left)
		}
	}
	return n
}

// checkHistory holds the whole history of a key against the load.
func (l *load) checkHistory(b *testing.B, s side, k int) {
	b.Helper()
	var want []int
	for i := range *eventsFlag {
		if l.draw(i) == k {
			want = append(want, i)
		}
	}
	slices.SortFunc(want, func(x, y int) int { return int(l.nanos(x) - l.nanos(y)) })
	n, backwards := 0, false
	err := s.history(l.keys[k], func(r reading) {
		if n == 0 && len(want) > 0 && !l.is(r, want[0]) {
			slices.Reverse(want)
			backwards = true
		}
		if n >= len(want) || !l.is(r, want[n]) {
			b.Fatalf("event %d of %d of %s is %+v (backwards: %v)", n, len(want), l.keys[k], r, backwards)
		}
		n++
	})
	if err != nil || n != len(want) {
		b.Fatalf("history of %s has %d events, want %d: %v", l.keys[k], n, len(want), err)
	}
}
