package segment

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"testing"
	"time"
)

// benchRows is the rows of the logs that the benchmarks seal: 64 MiB or so.
const benchRows = 600_000

// benchLog is log frames of events as the benchmarks of package bench make them:
// one of so many keys, one of eight types, three numbers and a string of four, a
// millisecond apart, one in a hundred late by up to an hour. Batches are of 1000.
type benchLog struct {
	frames []Frame
	rows   int
}

var benchDefs = []Stream{{Number: 1, Name: "readings", Fold: "replace"}}

// benchVersions is how many versions each key has in the logs made so far.
type benchVersions map[string]uint64

func newBenchLog(first uint64, rows, keys int, versions benchVersions) *benchLog {
	rnd := rand.New(rand.NewPCG(7, first))
	kinds := [8]string{"reading", "alarm", "cleared", "started", "stopped", "moved", "charged", "checked"}
	status := [4]string{"nominal", "degraded", "offline", "maintenance"}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()
	l := &benchLog{rows: rows}
	for at := 0; at < rows; at += 1000 {
		n := min(1000, rows-at)
		f := Frame{Marker: EventFrame, Rows: n, First: first + uint64(at)}
		f.Recorded = start + int64(f.Last())*1e6 + rnd.Int64N(1e6)
		buf := BeginFrame(nil)
		for i := range n {
			e := Event{Key: fmt.Sprintf("device-%06d", rnd.IntN(keys)), Type: kinds[rnd.IntN(8)], Fields: Fields{
				Float64("value", float64(rnd.IntN(100000))/100), Float64("voltage", float64(rnd.IntN(5000))/1000),
				Int64("count", rnd.Int64N(1_000_000)), String("status", status[rnd.IntN(4)]),
			}}
			when := start + int64(f.First+uint64(i))*1e6
			if rnd.IntN(100) == 0 {
				when -= rnd.Int64N(int64(time.Hour))
			}
			versions[e.Key]++
			buf, _ = AppendRow(buf, 1, &e, 1, versions[e.Key], f.Recorded-when, false)
		}
		buf = EndFrame(buf, 0, 1, &f)
		l.frames = append(l.frames, FrameIn(buf, LogHead))
	}
	return l
}

func (l *benchLog) all() iter.Seq2[*Frame, error] {
	return func(yield func(*Frame, error) bool) {
		for i := range l.frames {
			if !yield(&l.frames[i], nil) {
				return
			}
		}
	}
}

func (l *benchLog) head() SealedHead {
	return SealedHead{First: l.frames[0].First, Last: l.frames[len(l.frames)-1].Last(), Defs: benchDefs}
}

// Sealing a log, by its rows and how many keys they are spread over.
//
//	go test ./segment -run xxx -bench 'Seal$' -cpu 1
func BenchmarkSeal(b *testing.B) {
	for _, c := range []struct{ rows, keys int }{
		{40_000, 1000}, {40_000, 100_000}, {benchRows, 1}, {benchRows, 1000}, {benchRows, 100_000},
	} {
		b.Run(fmt.Sprintf("rows=%d/keys=%d", c.rows, c.keys), func(b *testing.B) {
			l := newBenchLog(1, c.rows, c.keys, benchVersions{})
			w := testWork(b)
			var size int64
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if _, size, err = Seal(w, l.head(), l.all()); err != nil {
					b.Fatal(err)
				}
			}
			report(b, l.rows, size)
		})
	}
}

func report(b *testing.B, rows int, size int64) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(rows), "ns/row")
	b.ReportMetric(float64(size)/float64(rows), "bytes/row")
}

// Merging eight files over 100,000 keys, by the rows of each one.
//
//	go test ./segment -run xxx -bench 'Merge$' -cpu 1
func BenchmarkMerge(b *testing.B) {
	const keys = 100_000
	for _, rows := range []int{40_000, 200_000} {
		b.Run(fmt.Sprintf("rows=8x%d", rows), func(b *testing.B) {
			w := testWork(b)
			versions, cache := benchVersions{}, NewCache(64<<20)
			var files []*Sealed
			for i := range 8 {
				l := newBenchLog(1+uint64(i*rows), rows, keys, versions)
				path, _, err := Seal(w, l.head(), l.all())
				if err != nil {
					b.Fatal(err)
				}
				s, err := OpenSealed(w.FS, path, cache)
				if err != nil {
					b.Fatal(err)
				}
				defer s.Close()
				files = append(files, s)
			}
			var size int64
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if _, size, err = Merge(w, files); err != nil {
					b.Fatal(err)
				}
			}
			report(b, 8*rows, size)
		})
	}
}
