package bench

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/annalsdb/annals/store"
)

// shared are the databases that several benchmarks read, made by the first one.
var shared struct {
	dir    string
	latest *store.DB
	bolt   *bolt.DB
	keys   *load // one event a key
}

// sharedDir is the directory of the shared databases.
func sharedDir(b *testing.B) string {
	b.Helper()
	if shared.dir == "" {
		var err error
		if shared.dir, err = os.MkdirTemp(*dirFlag, "annals-bench-"); err != nil {
			b.Fatal(err)
		}
	}
	return shared.dir
}

// removeShared ends what sharedDir began.
func removeShared() {
	if shared.latest != nil {
		shared.latest.Close()
	}
	if shared.bolt != nil {
		shared.bolt.Close()
	}
	if shared.dir != "" {
		os.RemoveAll(shared.dir)
	}
}

// keyLoad has one event for each of -keys keys.
func keyLoad() *load {
	if shared.keys == nil {
		shared.keys = newLoad(*keysFlag, func(i int) int { return i % *keysFlag })
	}
	return shared.keys
}

// latestDB has the state of every key of keyLoad, all of it in bbolt: it was
// closed and opened again.
func latestDB(b *testing.B) *store.DB {
	b.Helper()
	if shared.latest == nil {
		shared.latest = build(b, filepath.Join(sharedDir(b), "latest"), keyLoad(), *keysFlag)
	}
	return shared.latest
}

// build makes a database of the first n events of l, closes it and opens it.
func build(b *testing.B, dir string, l *load, n int) *store.DB {
	b.Helper()
	db, err := store.Open(dir, &store.Options{Sync: store.SyncNever})
	if err != nil {
		b.Fatal(err)
	}
	l.append(b, db, 0, n, batchSize)
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	if db, err = store.Open(dir, nil); err != nil {
		b.Fatal(err)
	}
	return db
}

var boltState = []byte("state")

// boltDB has the same in a bare bbolt.
func boltDB(b *testing.B) *bolt.DB {
	b.Helper()
	if shared.bolt != nil {
		return shared.bolt
	}
	o := boltOptions()
	o.NoSync = true
	db, err := bolt.Open(filepath.Join(sharedDir(b), "bolt.db"), 0o644, o)
	if err != nil {
		b.Fatal(err)
	}
	l := keyLoad()
	for from := 0; from < *keysFlag; from += 10 * batchSize {
		err := db.Update(func(tx *bolt.Tx) error {
			state, err := tx.CreateBucketIfNotExists(boltState)
			for i := from; i < min(from+10*batchSize, *keysFlag) && err == nil; i++ {
				err = state.Put([]byte(l.key(i)), l.sample(i).row)
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	shared.bolt = db
	return db
}

// getter is a read of one random key.
type getter func(key string)

func annalsGetter(b *testing.B, db *store.DB) getter {
	return func(key string) {
		if _, ok, err := db.Latest().Get(stream, key); err != nil || !ok {
			b.Fatalf("get %s: %v, %v", key, ok, err)
		}
	}
}

// boltGetter has a transaction for each get and looks at the bytes' length only.
func boltGetter(b *testing.B, db *bolt.DB) getter {
	var name []byte
	return func(key string) {
		name = append(name[:0], key...)
		err := db.View(func(tx *bolt.Tx) error {
			if len(tx.Bucket(boltState).Get(name)) == 0 {
				b.Fatalf("get %s: not there", key)
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func mapGetter(b *testing.B, l *load) getter {
	m := make(map[string]store.Fields, len(l.keys))
	for i, key := range l.keys {
		m[key] = l.pool[i%len(l.pool)].fields
	}
	return func(key string) {
		if m[key] == nil {
			b.Fatalf("get %s: not there", key)
		}
	}
}

// random makes a step of get: a key drawn for each.
func (l *load) random(get getter) func() {
	rnd := rand.New(rand.NewPCG(8, 8))
	return func() { get(l.keys[rnd.Uint64N(uint64(len(l.keys)))]) }
}

// The latest state of random keys among -keys.
//
//	go test ./bench -run '^$' -bench 'Get$' -benchtime 3s -count 3
func BenchmarkGet(b *testing.B) {
	for _, of := range []struct {
		name string
		make func(*testing.B) getter
	}{
		{"annals", func(b *testing.B) getter { return annalsGetter(b, latestDB(b)) }},
		{"bbolt", func(b *testing.B) getter { return boltGetter(b, boltDB(b)) }},
		{"gomap", func(b *testing.B) getter { return mapGetter(b, keyLoad()) }},
	} {
		b.Run("of="+of.name, func(b *testing.B) {
			step := keyLoad().random(of.make(b))
			b.ReportAllocs()
			for b.Loop() {
				step()
			}
		})
	}
}

// The same beside a bare bbolt in slices by turns; time is 1/ratio of bbolt's.
//
//	go test ./bench -run '^$' -bench GetRatio -benchtime 20x
func BenchmarkGetRatio(b *testing.B) {
	l := keyLoad()
	alternate(b, l.random(boltGetter(b, boltDB(b))), l.random(annalsGetter(b, latestDB(b))), "gets/s")
}

// The latency of reads while durable batches of 1000 come in as fast as they
// can, over the same keys.
//
//	go test ./bench -run '^$' -bench GetWhileIngest -benchtime 10s
func BenchmarkGetWhileIngest(b *testing.B) {
	l := zipf()
	db := open(b, tempDir(b), nil)
	seen := min(*eventsFlag, 100*batchSize)
	l.append(b, db, 0, seen, batchSize)
	stop, ingested := make(chan struct{}), 0
	var ingest sync.WaitGroup
	ingest.Go(func() { ingested = l.ingestUntil(b, db, stop) })
	get, rnd := annalsGetter(b, db), rand.New(rand.NewPCG(9, 9))
	var lat latencies
	b.ReportAllocs()
	start := time.Now()
	for b.Loop() {
		key := l.key(rnd.IntN(seen))
		begin := time.Now()
		get(key)
		lat.add(time.Since(begin))
	}
	close(stop)
	ingest.Wait()
	lat.report(b)
	b.ReportMetric(float64(ingested)/time.Since(start).Seconds(), "ingested/s")
}

// ingestUntil appends batches until stop is closed and says how many events.
func (l *load) ingestUntil(b *testing.B, db *store.DB, stop chan struct{}) (n int) {
	events := make([]store.Event, batchSize)
	for ; ; n += batchSize {
		select {
		case <-stop:
			return n
		default:
		}
		for i := range events {
			events[i] = l.event(n + i)
		}
		if _, err := db.Append(context.Background(), store.Batch{Events: events}); err != nil {
			b.Error(err)
			return n
		}
	}
}
