package segment

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// benchSealed is a merged file of rows over keys, opened with a cache that holds
// all of it.
func benchSealed(b *testing.B, rows, keys int) *Sealed {
	b.Helper()
	w := Work{FS: OS, Dir: b.TempDir()}
	cache := NewCache(2 << 30)
	versions := benchVersions{}
	var in []*Sealed
	for at := 0; at < rows; at += 500_000 {
		l := newBenchLog(uint64(at)+1, min(500_000, rows-at), keys, versions)
		path, _, err := Seal(w, l.head(), l.all())
		if err != nil {
			b.Fatal(err)
		}
		s, err := OpenSealed(OS, path, cache)
		if err != nil {
			b.Fatal(err)
		}
		in = append(in, s)
	}
	path, _, err := Merge(w, in)
	if err != nil {
		b.Fatal(err)
	}
	for _, s := range in {
		s.Close()
	}
	s, err := OpenSealed(OS, path, cache)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}

// Reads of a file whose pages are all in memory: a key that is not there; a random
// key, its change at a random time, and that row; rows in order; columns.
//
//	go test ./segment -run xxx -bench SealedRead -cpu 1
func BenchmarkSealedRead(b *testing.B) {
	for _, rows := range []int{1_000_000, 10_000_000} {
		s := benchSealed(b, rows, 100_000)
		info := s.Info()
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			b.Logf("%.2f bytes a row", float64(info.Bytes)/float64(info.Rows))
			var names []string
			keys := s.Seek(1, "")
			for k, ok, _ := keys.Next(); ok; k, ok, _ = keys.Next() {
				names = append(names, strings.Clone(k.Name))
			}
			c := s.Rows(0)
			for r, err := c.Next(); r != nil; r, err = c.Next() {
				if err != nil {
					b.Fatal(err)
				}
			}
			benchSealedReads(b, s, names)
		})
	}
}

func benchSealedReads(b *testing.B, s *Sealed, names []string) {
	info := s.Info()
	rng := rand.New(rand.NewPCG(1, 2))
	b.Run("what=absent", func(b *testing.B) {
		for b.Loop() {
			name := names[rng.IntN(len(names))][:11]
			if _, ok, _ := s.Key(1, name, Hash(1, name)); ok {
				b.Fatal("the key is there")
			}
		}
	})
	b.Run("what=key", func(b *testing.B) {
		for b.Loop() {
			name := names[rng.IntN(len(names))]
			if _, _, err := s.Key(1, name, Hash(1, name)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("what=point", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			name := names[rng.IntN(len(names))]
			k, ok, err := s.Key(1, name, Hash(1, name))
			if !ok || err != nil {
				b.Fatal(ok, err)
			}
			n, err := s.Search(&k, info.MinTime+rng.Int64N(info.MaxTime-info.MinTime))
			if err != nil {
				b.Fatal(err)
			}
			if _, err = s.Row(&k, k.Row+uint64(max(n-1, 0))); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("what=rows", func(b *testing.B) {
		c := s.Rows(0)
		for b.Loop() {
			if r, _ := c.Next(); r == nil {
				c = s.Rows(0)
			}
		}
	})
	b.Run("what=columns", func(b *testing.B) {
		var c Columns
		at, n := uint64(0), 0
		for b.Loop() {
			if err := s.Columns(at, 8192, &c); err != nil {
				b.Fatal(err)
			}
			n += 8192
			if at += 8192; at+8192 > info.Rows {
				at = 0
			}
		}
		b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(n), "ns/row")
	})
}

// A page that is in no cache of ours but in the system's.
func BenchmarkSealedMiss(b *testing.B) {
	s := benchSealed(b, 500_000, 10_000)
	d, err := s.opened()
	if err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	var bytes int64
	for b.Loop() {
		slot := d.slot(&d.tables[rowTable], rng.IntN(d.tables[rowTable].len()-1), colSeq)
		if _, err := s.load(d, slot, blockRows); err != nil {
			b.Fatal(err)
		}
		bytes += int64(d.places[slot].length)
	}
	b.ReportMetric(float64(bytes)/float64(b.N), "B/page")
}
