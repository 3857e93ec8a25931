package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/side"
	"github.com/annalsdb/annals/store"
)

// shared are the databases that several benchmarks read, made by the first one.
var shared struct {
	dir    string
	latest *store.DB
	bolt   *bolt.DB
	keys   *load.Load // one event a key
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
func keyLoad() *load.Load {
	if shared.keys == nil {
		shared.keys = newLoad(load.Spec{NumKeys: *keysFlag, Once: true, Step: time.Millisecond})
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
func build(b *testing.B, dir string, l *load.Load, n int) *store.DB {
	b.Helper()
	db, err := store.Open(dir, &store.Options{Sync: store.SyncNever})
	if err != nil {
		b.Fatal(err)
	}
	appendAll(b, db, l, 0, n, batchSize)
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
	o := side.BoltOptions()
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
				err = state.Put([]byte(l.Key(i)), side.AppendValue(nil, l.Content(i%load.NumContents)))
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
		if _, ok, err := db.Latest().Get(side.Stream, key); err != nil || !ok {
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

func mapGetter(b *testing.B, l *load.Load) getter {
	m, made := make(map[string]store.Fields, len(l.Keys)), side.NewEvents(l)
	for i, key := range l.Keys {
		m[key] = made.Event(i).Fields
	}
	return func(key string) {
		if m[key] == nil {
			b.Fatalf("get %s: not there", key)
		}
	}
}

// random makes a step of get: a key of l drawn for each.
func random(l *load.Load, get getter) func() {
	rnd := rand.New(rand.NewPCG(8, 8))
	return func() { get(l.Keys[rnd.Uint64N(uint64(len(l.Keys)))]) }
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
			step := random(keyLoad(), of.make(b))
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
	alternate(b, random(l, boltGetter(b, boltDB(b))), random(l, annalsGetter(b, latestDB(b))), "gets/s")
}
