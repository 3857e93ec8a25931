package main

import (
	"math/rand/v2"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/side"
	"github.com/annalsdb/annals/store"
)

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
				for _, err := range db.Latest().Scan(side.Stream, store.Range{From: from}) {
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
func scan(b *testing.B, l *load.Load, limit int, walk func(from string, limit int) int) {
	rnd := rand.New(rand.NewPCG(12, 12))
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n += walk(l.Keys[rnd.IntN(len(l.Keys)-limit+1)], limit)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "states/s")
}
