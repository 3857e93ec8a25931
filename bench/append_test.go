package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/machine"
	"github.com/annalsdb/annals/bench/side"
	"github.com/annalsdb/annals/store"
)

// newSyncLoop writes as many bytes at a time as an append of one event of l does.
func newSyncLoop(b *testing.B, l *load.Load) *machine.SyncLoop {
	b.Helper()
	loop, err := machine.NewSyncLoop(tempDir(b), frameSize(b, l))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { loop.Close() })
	return loop
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
	logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil {
		b.Fatal(err)
	}
	size := int64(0)
	for _, name := range logs {
		info, err := os.Stat(name)
		if err != nil {
			b.Fatal(err)
		}
		size += info.Size()
	}
	return int(size) / n
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
			l.Add(time.Since(start))
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
			own.Add(time.Since(start))
		}
		mu.Lock()
		defer mu.Unlock()
		all.Merge(&own.Latencies)
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	all.report(b)
}

// One writer's durable appends beside the limit, in slices by turns.
//
//	go test ./bench -run '^$' -bench AppendRatio -benchtime 20x
func BenchmarkAppendRatio(b *testing.B) {
	l := zipf()
	loop := newSyncLoop(b, l)
	one := newAppender(b, open(b, tempDir(b), nil), l)
	alternate(b, func() {
		if err := loop.Step(); err != nil {
			b.Fatal(err)
		}
	}, one.step, "syncs/s")
}
