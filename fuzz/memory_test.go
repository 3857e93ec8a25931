package fuzz

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/annalsdb/annals/store"
)

var memoryEvents = flag.Int("memoryevents", 500_000, "events for TestMemory")

// memoryLimit is small for so many keys: they alone would not fit.
const (
	memoryLimit = 32 << 20
	memoryKeys  = 100_000
	memoryBatch = 1000
)

// memoryPeak is the most that was seen.
type memoryPeak struct {
	counted int64  // what the engine counts
	live    uint64 // objects in use after a collection, less those before the test
	heap    uint64 // objects in use and not collected yet, likewise
}

// TestMemory ingests and reads with little memory, and looks how much is held:
//
//	go test ./fuzz -run TestMemory -memoryevents 2000000
//
// What the engine counts is to be half of the option, and some more between two
// rounds of its upkeep. What is in use is more than that by what is not counted, a
// transaction of bbolt above all. Both stay where they are, however long it goes on.
func TestMemory(t *testing.T) {
	events := *memoryEvents
	if testing.Short() {
		events = min(events, 300_000)
	}
	db, err := store.Open(t.TempDir(), &store.Options{Sync: store.SyncNever, MemoryBytes: memoryLimit, SegmentSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	runtime.GC()
	before := heapObjects()
	var peak memoryPeak
	rnd := rand.New(rand.NewPCG(1, 0))
	for n := 0; n < events; n += memoryBatch {
		if _, err := db.Append(context.Background(), memoryEventsOf(rnd, n)); err != nil {
			t.Fatal(err)
		}
		heap := heapObjects()
		peak.heap = max(peak.heap, heap-min(before, heap))
		if n%(20*memoryBatch) == 0 {
			peak.look(t, db, before, n%(100*memoryBatch) == 0)
		}
	}
	peak.read(t, db, before, rnd)
	t.Logf("%d MiB counted, %d in use, %d with garbage", peak.counted>>20, peak.live>>20, peak.heap>>20)
	if peak.counted > memoryLimit*3/4 {
		t.Errorf("%d bytes are held, Options.MemoryBytes is %d", peak.counted, memoryLimit)
	}
	if peak.live > memoryLimit*2 {
		t.Errorf("%d bytes are in use, Options.MemoryBytes is %d", peak.live, memoryLimit)
	}
}

// read reads single states at past moments and a part of everything, so that pages
// come and go.
func (p *memoryPeak) read(t *testing.T, db *store.DB, before uint64, rnd *rand.Rand) {
	t.Helper()
	for range 20 {
		for range 500 {
			v, err := db.View(store.KnownAt(1 + rnd.Uint64N(db.Latest().Seq())))
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := v.Get("devices", memoryKey(rnd)); err != nil {
				t.Fatal(err)
			}
		}
		n := 0
		for _, err := range db.Latest().Scan("devices", store.Range{From: memoryKey(rnd)}) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == 1000 {
				break
			}
		}
		p.look(t, db, before, true)
	}
}

// look takes a look; one after a collection takes some milliseconds.
func (p *memoryPeak) look(t *testing.T, db *store.DB, before uint64, collect bool) {
	t.Helper()
	s, err := db.Stats()
	if err != nil {
		t.Fatal(err)
	}
	p.counted = max(p.counted, s.HeldBytes+s.CacheBytes)
	if collect {
		runtime.GC()
		live := heapObjects()
		p.live = max(p.live, live-min(before, live))
	}
}

// heapObjects is the bytes of objects on the heap, in use or not.
func heapObjects() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

func memoryKey(rnd *rand.Rand) string { return fmt.Sprintf("device-%06d", rnd.IntN(memoryKeys)) }

// memoryEventsOf is the batch from event n on.
func memoryEventsOf(rnd *rand.Rand, n int) store.Batch {
	b := store.Batch{Events: make([]store.Event, memoryBatch)}
	for i := range b.Events {
		b.Events[i] = store.Event{
			Stream: "devices", Key: memoryKey(rnd), Type: "reading", Time: killEpoch.Add(time.Duration(n+i) * time.Millisecond),
			Fields: store.Fields{store.Int64("n", rnd.Int64N(1000)), store.Float64("load", float64(rnd.IntN(1000))/10)},
		}
	}
	return b
}
