package bench

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/annalsdb/annals/store"
)

// historyDB has the -events events of the zipf load, closed and opened again.
func historyDB(b *testing.B) (*store.DB, *load) {
	b.Helper()
	if shared.history == nil {
		shared.past = zipf()
		shared.history = build(b, filepath.Join(sharedDir(b), "history"), shared.past, *eventsFlag)
	}
	return shared.history, shared.past
}

// moment is a random time within the load's.
func (l *load) moment(rnd *rand.Rand) time.Time {
	return loadStart.Add(time.Duration(rnd.Int64N(int64(len(l.draw)) * int64(time.Millisecond))))
}

// The state of a random key at a random moment of the past: of a key drawn as
// the events were, or of any key with equal chance, which may have no state then.
//
//	go test ./bench -run '^$' -bench AsOf -benchtime 3s
func BenchmarkAsOf(b *testing.B) {
	db, l := historyDB(b)
	for _, keys := range []string{"frequent", "any"} {
		b.Run("keys="+keys, func(b *testing.B) {
			rnd := rand.New(rand.NewPCG(10, 10))
			var lat latencies
			b.ReportAllocs()
			for b.Loop() {
				key := l.keys[rnd.IntN(len(l.keys))]
				if keys == "frequent" {
					key = l.key(rnd.IntN(len(l.draw)))
				}
				start := time.Now()
				v, err := db.View(store.AsOf(l.moment(rnd)))
				if err != nil {
					b.Fatal(err)
				}
				if _, _, err := v.Get(stream, key); err != nil {
					b.Fatal(err)
				}
				lat.add(time.Since(start))
			}
			lat.report(b)
		})
	}
}

// The whole history of a random key.
//
//	go test ./bench -run '^$' -bench History -benchtime 3s
func BenchmarkHistory(b *testing.B) {
	db, l := historyDB(b)
	rnd := rand.New(rand.NewPCG(11, 11))
	v, n := db.Latest(), 0
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range v.History(stream, l.keys[rnd.IntN(len(l.keys))]) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
	}
	b.ReportMetric(float64(n)/float64(b.N), "events/op")
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}

// States in key order: a thousand from a random key on, or all, beside a bbolt
// cursor that looks at the bytes' lengths only.
//
//	go test ./bench -run '^$' -bench Scan -benchtime 3s
func BenchmarkScan(b *testing.B) {
	l := keyLoad()
	for _, length := range []struct {
		name  string
		limit int
	}{{"1000", min(1000, *keysFlag)}, {"all", *keysFlag}} {
		b.Run("of=annals/length="+length.name, func(b *testing.B) {
			db := latestDB(b)
			scan(b, l, length.limit, func(from string, limit int) (n int) {
				for _, err := range db.Latest().Scan(stream, store.Range{From: from}) {
					if err != nil {
						b.Fatal(err)
					}
					if n++; n == limit {
						break
					}
				}
				return n
			})
		})
		b.Run("of=bbolt/length="+length.name, func(b *testing.B) {
			db := boltDB(b)
			scan(b, l, length.limit, func(from string, limit int) (n int) {
				err := db.View(func(tx *bolt.Tx) error {
					c := tx.Bucket(boltState).Cursor()
					for k, v := c.Seek([]byte(from)); k != nil && len(v) > 0 && n < limit; k, v = c.Next() {
						n++
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
				return n
			})
		})
	}
}

// scan measures walk, from the first key where all are asked for.
func scan(b *testing.B, l *load, limit int, walk func(from string, limit int) int) {
	rnd := rand.New(rand.NewPCG(12, 12))
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n += walk(l.keys[rnd.IntN(len(l.keys)-limit+1)], limit)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "states/s")
}

// Opening a database of -events events that was closed, and one that was not.
// Copying it for each time takes longer than what is measured.
//
//	go test ./bench -run '^$' -bench Open -benchtime 10x
func BenchmarkOpen(b *testing.B) {
	l := zipf()
	dir := filepath.Join(tempDir(b), "db")
	db := open(b, dir, &store.Options{Sync: store.SyncNever})
	l.append(b, db, 0, *eventsFlag, batchSize)
	crashed := filepath.Join(tempDir(b), "db")
	if err := os.CopyFS(crashed, os.DirFS(dir)); err != nil {
		b.Fatal(err)
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	b.Run("after=close", func(b *testing.B) { openCopies(b, dir) })
	b.Run("after=crash", func(b *testing.B) { openCopies(b, crashed) })
}

// openCopies opens copy after copy of dir.
func openCopies(b *testing.B, dir string) {
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		copied := filepath.Join(tempDir(b), "db")
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		db, err := store.Open(copied, nil)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if db.Latest().Seq() != uint64(*eventsFlag) {
			b.Fatalf("opened at %d of %d events", db.Latest().Seq(), *eventsFlag)
		}
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
		os.RemoveAll(copied)
		b.StartTimer()
	}
}
