package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/annalsdb/annals/store"
)

// stream is the stream of all benchmarks, with the settings that one gets who
// chooses none: replace, by time.
const stream = "readings"

// batchSize is the events of one batch of an ingest.
const batchSize = 1000

// loadStart is the time of the first event; one a millisecond follows.
var loadStart = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// load is the events of devices, without end: key device-000123, one of eight
// types, three numbers and a string, about 100 bytes as JSON, one in a hundred
// late by up to an hour. An event is a function of its number, so a hundred
// million of them take no more memory than one, and any can be asked for again.
// It is safe for concurrent use.
type load struct {
	keys []string
	draw func(i int) int // which of keys event i has
	pool []sample        // contents, taken in turn
}

// sample is the content of an event.
type sample struct {
	reading              // but for the time
	fields  store.Fields // the same for the engine
	row     []byte       // the same for bbolt; see boltValue
	late    int64        // ns
}

// reading is what an event says, as a program would have it.
type reading struct {
	nanos          int64 // its time, since 1970 UTC
	typ, status    string
	value, voltage float64
	count          int64
}

// loads are the loads by name, that of the issue first: keys that are equally
// frequent, or of which few are frequent and the first has 13 % of all events.
var loads = []struct {
	name string
	make func() *load
}{
	{"uniform-100k", uniform},
	{"zipf-100k", zipf},
	{"uniform-1M", func() *load { return newLoad(1_000_000, evenly(1_000_000)) }},
}

// loadOf is the load of that name.
func loadOf(name string) *load {
	for _, l := range loads {
		if l.name == name {
			return l.make()
		}
	}
	panic("there is no load " + name)
}

func uniform() *load { return newLoad(100_000, evenly(100_000)) }
func zipf() *load    { return newLoad(100_000, byZipf(100_000, 1.1)) }

// newLoad has so many keys.
func newLoad(keys int, draw func(i int) int) *load {
	l := &load{keys: make([]string, keys), draw: draw, pool: pool()}
	for i := range l.keys {
		l.keys[i] = fmt.Sprintf("device-%06d", i)
	}
	return l
}

// evenly draws numbers below n that are equally frequent.
func evenly(n int) func(i int) int {
	return func(i int) int {
		k, _ := bits.Mul64(mix(i), uint64(n))
		return int(k)
	}
}

// byZipf draws numbers below n, k with a weight of (k+1) to the power of -skew.
// The draw of rand.Zipf depends on those before it; this one looks the number up
// in the sums of the weights, from where a guide says on.
func byZipf(n int, skew float64) func(i int) int {
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
		h := mix(i)
		k, x := int(guide[h>>48]), sum*float64(h>>11)/(1<<53)
		for upTo[k] <= x && k < n-1 {
			k++
		}
		return k
	}
}

// mix is a number that looks random, by the finalizer of splitmix64 (Steele, Lea,
// Flood, OOPSLA 2014).
func mix(i int) uint64 {
	x := uint64(i+1) * 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// pool is the contents of all loads.
var pool = sync.OnceValue(func() []sample {
	rnd := rand.New(rand.NewPCG(7, 7))
	all := make([]sample, 65521)
	for i := range all {
		all[i] = newSample(rnd)
		if rnd.IntN(100) == 0 { // by a part of a millisecond of its own, so that no times are equal
			all[i].late = rnd.Int64N(int64(time.Hour/time.Millisecond))*int64(time.Millisecond) + int64(i) + 1
		}
	}
	return all
})

func newSample(rnd *rand.Rand) (s sample) {
	kinds := [8]string{"reading", "alarm", "cleared", "started", "stopped", "moved", "charged", "checked"}
	s.typ = kinds[rnd.IntN(len(kinds))]
	s.value, s.voltage, s.count = float64(rnd.IntN(100000))/100, float64(rnd.IntN(5000))/1000, rnd.Int64N(1_000_000)
	s.status = [4]string{"nominal", "degraded", "offline", "maintenance"}[rnd.IntN(4)]
	s.fields = store.Fields{store.Float64("value", s.value), store.Float64("voltage", s.voltage),
		store.Int64("count", s.count), store.String("status", s.status)}
	s.row = boltValue(nil, &s.reading)
	return s
}

// jsonBytes is how long the events are as JSON, on average, their times left out.
func (l *load) jsonBytes() float64 {
	total := 0
	for i := range 1000 {
		s := l.sample(i)
		text, _ := json.Marshal(map[string]any{"key": l.keys[0], "type": s.typ, "value": s.value,
			"voltage": s.voltage, "count": s.count, "status": s.status})
		total += len(text)
	}
	return float64(total) / 1000
}

func (l *load) sample(i int) *sample { return &l.pool[i%len(l.pool)] }

// key is the key of event i.
func (l *load) key(i int) string { return l.keys[l.draw(i)] }

// nanos is the time of event i. No two are equal.
func (l *load) nanos(i int) int64 {
	return loadStart.UnixNano() + int64(i)*int64(time.Millisecond) - l.sample(i).late
}

// event is event i for the engine.
func (l *load) event(i int) store.Event {
	s := l.sample(i)
	return store.Event{Stream: stream, Key: l.key(i), Type: s.typ, Time: time.Unix(0, l.nanos(i)).UTC(), Fields: s.fields}
}

// moment is a random time within that of -events events.
func (l *load) moment(rnd *rand.Rand) time.Time {
	return loadStart.Add(time.Duration(rnd.Int64N(int64(*eventsFlag) * int64(time.Millisecond))))
}

// append appends the events from position from to to in batches of size.
func (l *load) append(b *testing.B, db *store.DB, from, to, size int) {
	b.Helper()
	events := make([]store.Event, 0, size)
	for i := from; i < to; {
		events = events[:0]
		for ; i < to && len(events) < size; i++ {
			events = append(events, l.event(i))
		}
		if _, err := db.Append(context.Background(), store.Batch{Events: events}); err != nil {
			b.Fatal(err)
		}
	}
}

// cost is the processor time in ns that it takes to make an event.
func (l *load) cost() float64 {
	const n = 500_000
	events := make([]store.Event, batchSize)
	start := cpuTime()
	for i := range n {
		events[i%batchSize] = l.event(i)
	}
	return float64(cpuTime()-start) / n
}

// open opens a database that is closed with the benchmark.
func open(b *testing.B, dir string, o *store.Options) *store.DB {
	b.Helper()
	db, err := store.Open(dir, o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	return db
}

func TestLoad_Zipf(t *testing.T) {
	l, first, rare := zipf(), 0, 0
	for i := range 1_000_000 {
		switch k := l.draw(i); {
		case k == 0:
			first++
		case k >= 90_000:
			rare++
		}
	}
	if first < 134_000 || first > 136_000 {
		t.Errorf("the first key has %d of a million events, want 134,800", first)
	}
	if rare < 4_200 || rare > 4_800 {
		t.Errorf("the last tenth of the keys has %d of a million events, want 4,500", rare)
	}
}
