package bench

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/side"
	"github.com/annalsdb/annals/store"
)

// syncLoop is the least that a durable append costs: a write over zeros that
// are on disk already, and an fdatasync.
type syncLoop struct {
	b    *testing.B
	file *os.File
	data []byte
	at   int64
}

// syncFile is the size of a syncLoop's file, that of a log file; syncPiece is
// what of it is written at once.
const (
	syncFile  = 64 << 20
	syncPiece = 64 << 10
)

// newSyncLoop writes size bytes at a time, from the front again at the end.
func newSyncLoop(b *testing.B, size int) *syncLoop {
	b.Helper()
	f, err := os.Create(filepath.Join(tempDir(b), "file"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	// In small pieces, which makes the limit a higher one: on Linux 6.18 and ext4
	// the median of 15 runs by turns was 27,000 syncs/s over a file made of
	// writes of 4 or 64 KiB, 23,000 of 1 MiB, 18,000 of 16 MiB or all at once.
	for range syncFile / syncPiece {
		if _, err := f.Write(make([]byte, syncPiece)); err != nil {
			b.Fatal(err)
		}
	}
	if err := f.Sync(); err != nil {
		b.Fatal(err)
	}
	return &syncLoop{b: b, file: f, data: bytes.Repeat([]byte{0xa5}, size)}
}

func (s *syncLoop) step() {
	if s.at+int64(len(s.data)) > syncFile {
		s.at = 0
	}
	if _, err := s.file.WriteAt(s.data, s.at); err != nil {
		s.b.Fatal(err)
	}
	if err := syncData(s.file); err != nil {
		s.b.Fatal(err)
	}
	s.at += int64(len(s.data))
}

// frameSize is the bytes that an append of one event writes, on average.
func frameSize(b *testing.B, l *load.Load) int {
	b.Helper()
	const n = 1000
	dir := tempDir(b)
	db, err := store.Open(dir, &store.Options{Sync: store.SyncNever})
	if err != nil {
		b.Fatal(err)
	}
	appendAll(b, db, l, 0, n, 1)
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	return int(diskBytes(b, dir, "*.log")) / n
}

// The limit of the machine: how often a second something can be made durable.
//
//	go test ./bench -run '^$' -bench SyncLoop
func BenchmarkSyncLoop(b *testing.B) {
	loop := newSyncLoop(b, frameSize(b, zipf()))
	var l latencies
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		loop.step()
		l.add(time.Since(start))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "syncs/s")
	l.report(b)
}

// Durable appends of one event each, by one writer and by many.
//
//	go test ./bench -run '^$' -bench 'Append$' -benchtime 5s
func BenchmarkAppend(b *testing.B) {
	b.Run("writers=1", func(b *testing.B) {
		one := newAppender(b, open(b, tempDir(b), nil), zipf())
		var l latencies
		b.ReportAllocs()
		for b.Loop() {
			start := time.Now()
			one.step()
			l.add(time.Since(start))
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		l.report(b)
	})
	b.Run("writers=64", func(b *testing.B) { appendParallel(b, 64) })
}

// appender appends one event after another, every one a batch.
type appender struct {
	b      *testing.B
	db     *store.DB
	made   *side.Events
	events [1]store.Event
	next   *atomic.Int64 // shared by those who append together, so that time goes on
}

func newAppender(b *testing.B, db *store.DB, l *load.Load) *appender {
	a := &appender{b: b, db: db, made: side.NewEvents(l), next: new(atomic.Int64)}
	for range 100 { // the first ones make the files
		a.step()
	}
	return a
}

func (a *appender) step() {
	a.events[0] = a.made.Event(int(a.next.Add(1)))
	if _, err := a.db.Append(context.Background(), store.Batch{Events: a.events[:]}); err != nil {
		a.b.Error(err)
	}
}

// appendParallel appends from so many goroutines, rounded up to a multiple of
// the processors.
func appendParallel(b *testing.B, writers int) {
	db, l := open(b, tempDir(b), nil), zipf()
	made := newAppender(b, db, l).made
	var all latencies
	var mu sync.Mutex
	var next atomic.Int64
	procs := runtime.GOMAXPROCS(0)
	b.SetParallelism((writers + procs - 1) / procs)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		var own latencies
		a := &appender{b: b, db: db, made: made, next: &next}
		for pb.Next() {
			start := time.Now()
			a.step()
			own.add(time.Since(start))
		}
		mu.Lock()
		defer mu.Unlock()
		all.merge(&own)
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	all.report(b)
}

// One writer's durable appends beside the limit, in slices by turns.
//
//	go test ./bench -run '^$' -bench AppendRatio -benchtime 20x
func BenchmarkAppendRatio(b *testing.B) {
	l := zipf()
	loop := newSyncLoop(b, frameSize(b, l))
	one := newAppender(b, open(b, tempDir(b), nil), l)
	alternate(b, loop.step, one.step, "syncs/s")
}
