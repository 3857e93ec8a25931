package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
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

// load is the events of devices: key device-000123, one of eight types, three
// numbers and a string, about 100 bytes as JSON, one in a hundred late by up to
// an hour. All that costs time is drawn beforehand.
type load struct {
	keys []string
	draw []uint32 // the key of each event
	pool []sample // contents, taken in turn
}

// sample is the content of an event.
type sample struct {
	kind   string
	fields store.Fields
	json   []byte
	late   time.Duration
}

// newLoad has n events over so many keys. With a skew over 1 the keys follow
// Zipf's law, else all are equally frequent.
func newLoad(n, keys int, skew float64) *load {
	rnd := rand.New(rand.NewPCG(7, uint64(keys)))
	l := &load{keys: make([]string, keys), draw: make([]uint32, n), pool: make([]sample, 65521)}
	for i := range l.keys {
		l.keys[i] = fmt.Sprintf("device-%06d", i)
	}
	next := func() uint64 { return rnd.Uint64N(uint64(keys)) }
	if skew > 1 {
		next = rand.NewZipf(rnd, skew, 1, uint64(keys-1)).Uint64
	}
	for i := range l.draw {
		l.draw[i] = uint32(next())
	}
	for i := range l.pool {
		l.pool[i] = newSample(rnd)
	}
	return l
}

func newSample(rnd *rand.Rand) sample {
	kinds := [8]string{"reading", "alarm", "cleared", "started", "stopped", "moved", "charged", "checked"}
	s := sample{kind: kinds[rnd.IntN(len(kinds))]}
	value, voltage, count := float64(rnd.IntN(100000))/100, float64(rnd.IntN(5000))/1000, rnd.Int64N(1_000_000)
	status := [4]string{"nominal", "degraded", "offline", "maintenance"}[rnd.IntN(4)]
	s.fields = store.Fields{store.Float64("value", value), store.Float64("voltage", voltage),
		store.Int64("count", count), store.String("status", status)}
	if rnd.IntN(100) == 0 {
		s.late = time.Duration(rnd.Int64N(int64(time.Hour)))
	}
	s.json, _ = json.Marshal(map[string]any{"type": s.kind, "value": value, "voltage": voltage, "count": count, "status": status})
	return s
}

// zipf is -events events over 100,000 keys, few of them frequent.
func zipf() *load { return newLoad(*eventsFlag, 100_000, 1.1) }

// uniform is -events events over 1,000,000 equally frequent keys.
func uniform() *load { return newLoad(*eventsFlag, 1_000_000, 0) }

// event is event i, which wraps around after the last.
func (l *load) event(i int) store.Event {
	s := &l.pool[i%len(l.pool)]
	return store.Event{Stream: stream, Key: l.keys[l.draw[i%len(l.draw)]], Type: s.kind, Time: l.time(i), Fields: s.fields}
}

func (l *load) time(i int) time.Time {
	return loadStart.Add(time.Duration(i)*time.Millisecond - l.pool[i%len(l.pool)].late)
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
