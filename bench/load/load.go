// Package load makes the events that all sides of a benchmark store, and is the
// oracle of what they must answer: it reckons that from the events alone, without
// a database.
//
// An event is a function of its number, so a hundred million of them take no more
// memory than one, any can be asked for again, and every process that is told the
// same [Spec] has the same events. Event 0 is the first that is put; times rise by
// a step from one to the next, but for the late.
package load

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"time"
)

// Reading is what an event says, as a program would have it: some 100 bytes as
// JSON together with its key. No two readings of a load are equal.
type Reading struct {
	Nanos          int64  // when it happened, in ns since 1970 UTC
	Type           string // one of Types
	Status         string
	Value, Voltage float64
	Count          int64
}

// Types are the types of events, equally frequent.
var Types = [8]string{"reading", "alarm", "cleared", "started", "stopped", "moved", "charged", "checked"}

var statuses = [4]string{"nominal", "degraded", "offline", "maintenance"}

// Start is the time of the first event.
var Start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Load is the events of devices, without end: a key like device-000123, a reading,
// one event in a hundred late by up to an hour. It is safe for concurrent use.
type Load struct {
	Spec
	Keys []string // in their order

	draw     func(i int) int // which of Keys event i has
	contents []content       // taken in turn
}

// content is what an event says but for its time, and how late it is.
type content struct {
	reading Reading
	late    int64 // ns
}

// New is the load that s says.
func New(s Spec) (*Load, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	l := &Load{Spec: s, Keys: make([]string, s.NumKeys), contents: newContents(s.Seed)}
	for i := range l.Keys {
		l.Keys[i] = fmt.Sprintf("device-%06d", i)
	}
	switch {
	case s.Once:
		l.draw = func(i int) int { return i % s.NumKeys }
	case s.Skew > 0:
		l.draw = byZipf(s.NumKeys, s.Skew, s.Seed)
	default:
		l.draw = evenly(s.NumKeys, s.Seed)
	}
	return l, nil
}

// evenly draws numbers below n that are equally frequent.
func evenly(n int, seed uint64) func(i int) int {
	return func(i int) int {
		k, _ := bits.Mul64(mix(seed, i), uint64(n))
		return int(k)
	}
}

// byZipf draws numbers below n, k with a weight of (k+1) to the power of -skew.
// The draw of rand.Zipf depends on those before it; this one looks the number up
// in the sums of the weights, from where a guide says on.
func byZipf(n int, skew float64, seed uint64) func(i int) int {
	upTo, sum := make([]float64, n), 0.0
	for k := range upTo {
		sum += math.Pow(float64(k+1), -skew)
		upTo[k] = sum
	}
	guide, k := make([]int32, 1<<16), 0
	for i := range guide {
		for upTo[k] <= sum*float64(i)/(1<<16) {
			k++
		}
		guide[i] = int32(k)
	}
	return func(i int) int {
		h := mix(seed, i)
		k, x := int(guide[h>>48]), sum*float64(h>>11)/(1<<53)
		for upTo[k] <= x && k < n-1 {
			k++
		}
		return k
	}
}

// mix is a number that looks random, by the finalizer of splitmix64 (Steele, Lea,
// Flood, OOPSLA 2014).
func mix(seed uint64, i int) uint64 {
	x := uint64(i+1)*0x9e3779b97f4a7c15 + seed*0xd1342543de82ef95
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// NumContents is the number of different contents; event i has content
// i % NumContents.
const NumContents = 65521

func newContents(seed uint64) []content {
	rnd := rand.New(rand.NewPCG(7+seed, 7))
	all := make([]content, NumContents)
	for i := range all {
		all[i].reading = newReading(rnd)
		if rnd.IntN(100) == 0 { // by a part of a millisecond of its own, so that no times are equal
			all[i].late = rnd.Int64N(int64(time.Hour/time.Millisecond))*int64(time.Millisecond) + int64(i) + 1
		}
	}
	return all
}

func newReading(rnd *rand.Rand) (r Reading) {
	r.Type = Types[rnd.IntN(len(Types))]
	r.Value, r.Voltage, r.Count = float64(rnd.IntN(100000))/100, float64(rnd.IntN(5000))/1000, rnd.Int64N(1_000_000)
	r.Status = statuses[rnd.IntN(len(statuses))]
	return r
}

// Place is which of Keys event i has.
func (l *Load) Place(i int) int { return l.draw(i) }

// Key is the key of event i.
func (l *Load) Key(i int) string { return l.Keys[l.draw(i)] }

// Nanos is the time of event i in ns since 1970 UTC. No two are equal.
func (l *Load) Nanos(i int) int64 {
	return Start.UnixNano() + int64(i)*int64(l.Step) - l.contents[i%NumContents].late
}

// Reading is what event i says.
func (l *Load) Reading(i int) Reading {
	r := l.contents[i%NumContents].reading
	r.Nanos = l.Nanos(i)
	return r
}

// Content is reading i of the NumContents different ones, without a time: a side
// that stores something else than readings can have it ready for each of them.
func (l *Load) Content(i int) *Reading { return &l.contents[i].reading }

// Moment is a random time, in ns since 1970 UTC, within that of the first n events.
func (l *Load) Moment(n int, rnd *rand.Rand) int64 {
	return Start.UnixNano() + rnd.Int64N(int64(n)*int64(l.Step))
}

// Some is one key in a hundred, spread over all of them; the most frequent, which
// is the first by zipf, is not among them. There is at least one.
func (l *Load) Some() (places []int) {
	for k := min(50, len(l.Keys)-1); k < len(l.Keys); k += 100 {
		places = append(places, k)
	}
	return places
}
