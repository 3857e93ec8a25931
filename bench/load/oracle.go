package load

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// States says for each moment, and each of l.Keys, which of the first n events is
// the key's state then: the last by time of those not after it, -1 if there is none.
func (l *Load) States(n int, moments ...int64) [][]int32 {
	all := make([][]int32, len(moments))
	for m := range all {
		all[m] = slices.Repeat([]int32{-1}, len(l.Keys))
	}
	for i := range n {
		at, k := l.Nanos(i), l.draw(i)
		for m, until := range moments {
			if last := all[m][k]; at <= until && (last < 0 || at > l.Nanos(int(last))) {
				all[m][k] = int32(i)
			}
		}
	}
	return all
}

// End is a moment after all of the first n events.
func (l *Load) End(n int) int64 { return Start.UnixNano() + int64(n)*int64(l.Step) }

// difference says what is wrong with an answer about a key that should have been
// event want, -1 for none; nil if nothing is.
func (l *Load) difference(key string, got Reading, ok bool, want int) error {
	switch {
	case want < 0 && ok:
		return fmt.Errorf("%s is %+v, but should not be there", key, got)
	case want >= 0 && !ok:
		return fmt.Errorf("%s is not there, want event %d, %+v", key, want, l.Reading(want))
	case want >= 0 && got != l.Reading(want):
		return fmt.Errorf("%s is %+v, want event %d, %+v", key, got, want, l.Reading(want))
	}
	return nil
}

// A Question asks for the state of a key at a moment, as side.AsOf does.
type Question func(key string, nanos int64) (Reading, bool, error)

// CheckAsOf holds a thousand answers about a side with the first n events against
// what they must be: random keys, at four random moments.
func (l *Load) CheckAsOf(n int, ask Question) error {
	rnd := rand.New(rand.NewPCG(13, l.Seed))
	moments := []int64{l.Moment(n, rnd), l.Moment(n, rnd), l.Moment(n, rnd), l.Moment(n, rnd)}
	for m, states := range l.States(n, moments...) {
		for range 250 {
			if err := l.checkState(rnd.IntN(len(l.Keys)), states, func(key string) (Reading, bool, error) {
				return ask(key, moments[m])
			}); err != nil {
				return fmt.Errorf("state at %s: %w", at(moments[m]), err)
			}
		}
	}
	return nil
}

// CheckLatest holds a thousand latest states of random keys against what they must be.
func (l *Load) CheckLatest(n int, ask func(key string) (Reading, bool, error)) error {
	rnd := rand.New(rand.NewPCG(14, l.Seed))
	states := l.States(n, l.End(n))[0]
	for range 1000 {
		if err := l.checkState(rnd.IntN(len(l.Keys)), states, ask); err != nil {
			return fmt.Errorf("latest state: %w", err)
		}
	}
	return nil
}

func (l *Load) checkState(k int, states []int32, ask func(key string) (Reading, bool, error)) error {
	r, ok, err := ask(l.Keys[k])
	if err != nil {
		return fmt.Errorf("%s: %w", l.Keys[k], err)
	}
	return l.difference(l.Keys[k], r, ok, int(states[k]))
}

// CheckStates holds the states of all keys at a moment against what they must be
// with the first n events, in whatever order run visits them, and says how many
// there are.
func (l *Load) CheckStates(n int, nanos int64, run func(visit func(key string, r Reading)) error) (found int, err error) {
	states, place := l.States(n, nanos)[0], l.places()
	var wrong error
	err = run(func(key string, r Reading) {
		k, known := place[key]
		switch {
		case wrong != nil:
		case !known:
			wrong = fmt.Errorf("there is no key %q", key)
		default:
			wrong = l.difference(key, r, true, int(states[k]))
			states[k], found = -1, found+1
		}
	})
	if err == nil {
		err = wrong
	}
	for k, left := range states {
		if err == nil && left >= 0 {
			err = l.difference(l.Keys[k], Reading{}, false, int(left))
		}
	}
	if err != nil {
		err = fmt.Errorf("states at %s: %w", at(nanos), err)
	}
	return found, err
}

func (l *Load) places() map[string]int {
	place := make(map[string]int, len(l.Keys))
	for k, key := range l.Keys {
		place[key] = k
	}
	return place
}

// History is which of the first n events have l.Keys[k], in the order of time.
func (l *Load) History(n, k int) (events []int) {
	for i := range n {
		if l.draw(i) == k {
			events = append(events, i)
		}
	}
	slices.SortFunc(events, func(x, y int) int { return int(l.Nanos(x) - l.Nanos(y)) })
	return events
}

// CheckHistory holds the whole history of l.Keys[k] against what it must be with
// the first n events, forwards or backwards.
func (l *Load) CheckHistory(n, k int, run func(visit func(r Reading)) error) error {
	want, found := l.History(n, k), 0
	var wrong error
	err := run(func(r Reading) {
		if found == 0 && len(want) > 1 && r == l.Reading(want[len(want)-1]) {
			slices.Reverse(want)
		}
		if wrong == nil && (found >= len(want) || r != l.Reading(want[found])) {
			wrong = fmt.Errorf("event %d of %d is %+v", found, len(want), r)
			if found < len(want) {
				wrong = fmt.Errorf("%w, want event %d, %+v", wrong, want[found], l.Reading(want[found]))
			}
		}
		found++
	})
	if err == nil {
		err = wrong
	}
	if err == nil && found != len(want) {
		err = fmt.Errorf("there are %d events, want %d", found, len(want))
	}
	if err != nil {
		err = fmt.Errorf("history of %s: %w", l.Keys[k], err)
	}
	return err
}

// CheckReplay holds all events, which run visits in any order, against the first n
// of the load: their number, and a sum of hashes.
func (l *Load) CheckReplay(n int, run func(visit func(key string, r Reading)) error) error {
	var want, got uint64
	for i := range n {
		want += hash(l.Key(i), l.Reading(i))
	}
	found := 0
	err := run(func(key string, r Reading) {
		got += hash(key, r)
		found++
	})
	switch {
	case err != nil:
		return fmt.Errorf("replay: %w", err)
	case found != n:
		return fmt.Errorf("replay: there are %d events, want %d", found, n)
	case got != want:
		return fmt.Errorf("replay: some of the %d events are not those that were put", n)
	}
	return nil
}

// hash mixes what an event says, FNV-1a over its words.
func hash(key string, r Reading) uint64 {
	h := uint64(14695981039346656037)
	for _, text := range [3]string{key, r.Type, r.Status} {
		for i := range len(text) {
			h = (h ^ uint64(text[i])) * 1099511628211
		}
	}
	for _, word := range [4]uint64{uint64(r.Nanos), math.Float64bits(r.Value), math.Float64bits(r.Voltage), uint64(r.Count)} {
		h = (h ^ word ^ word>>32) * 1099511628211
	}
	return h
}

func at(nanos int64) string { return time.Unix(0, nanos).UTC().Format(time.RFC3339Nano) }
