package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/annalsdb/annals/segment"
)

// seqsOf is the positions that a scan gives, in order.
func seqsOf(v *View, q EventScan) (seqs []int64, err error) {
	q.Columns = []string{segment.ColumnSeq}
	var mu sync.Mutex
	_, err = v.ScanEvents(bg, q, func(_ int, b *EventBatch) error {
		parts, err := b.Column(0)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		if b.Selected == nil {
			seqs = append(seqs, parts[0].Ints...)
		}
		for _, row := range b.Selected {
			seqs = append(seqs, parts[0].Ints[row])
		}
		return nil
	})
	slices.Sort(seqs)
	return seqs, err
}

// wantSeqs fails unless a scan of the plain stream gives each position up to last.
func wantSeqs(t *testing.T, v *View, last int) {
	t.Helper()
	got, err := seqsOf(v, EventScan{Stream: "plain"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range max(last, len(got)) {
		if i >= len(got) || i >= last || got[i] != int64(i+1) {
			t.Fatalf("%d positions, want %d; the first difference is at %d", len(got), last, i)
		}
	}
}

// keptStretches is how many stretches of log files are kept.
func keptStretches(db *DB) (n int) {
	for _, log := range db.files.Load().logs {
		n += len(log.columns.kept)
	}
	return n
}

// Many scan while one appends and files are sealed behind them: each sees the events
// of its view once, and what was kept ends with the log files.
func TestLogColumns_WhileSealed(t *testing.T) {
	for _, bytes := range []int64{0, 3 << 20} { // with room for all, and for some of them
		db := open(t, t.TempDir(), &Options{Sync: SyncNever, SegmentSize: 700 << 10, Fanout: 3, MemoryBytes: bytes})
		appendPlain(t, db, 1)
		var done atomic.Bool
		var scans sync.WaitGroup
		for range 3 {
			scans.Go(func() {
				for !done.Load() {
					v := db.Latest()
					if rand.IntN(2) == 0 {
						v, _ = db.View(KnownAt(v.Seq() - rand.Uint64N(v.Seq())))
					}
					got, err := seqsOf(v, EventScan{Stream: "plain", Workers: 1 + rand.IntN(2)})
					if err != nil || len(got) != int(v.Seq()) || got[0] != 1 || got[len(got)-1] != int64(v.Seq()) || len(slices.Compact(got)) != int(v.Seq()) {
						t.Errorf("%d events at position %d, %v", len(got), v.Seq(), err)
						return
					}
				}
			})
		}
		for range 60 {
			appendPlain(t, db, 1000)
		}
		done.Store(true)
		scans.Wait()
		wantSeqs(t, db.Latest(), 60_001)
		if err := db.Seal(bg); err != nil {
			t.Fatal(err)
		}
		if kept := db.memory.columns.Load(); kept != 0 {
			t.Errorf("%d bytes of columns are counted when all is sealed", kept)
		}
		wantSeqs(t, db.Latest(), 60_001)
	}
}

// What is kept stays within its part of the memory; what does not fit is read each
// time; and all is let go when what is held leaves no room.
func TestLogColumns_Bound(t *testing.T) {
	db := open(t, t.TempDir(), &Options{noSeal: true, Sync: SyncNever, SegmentSize: 64 << 20, MemoryBytes: 16 << 20})
	appendPlain(t, db, 60_000)
	for range 3 {
		wantSeqs(t, db.Latest(), 60_000)
		kept, most := db.memory.columns.Load(), db.columnsMost()
		if kept == 0 || kept > most {
			t.Errorf("%d bytes of columns are kept, at most %d may be", kept, most)
		}
		if all := len(db.files.Load().logs[0].Cuts(db.end(), logStretch)) - 1; keptStretches(db) >= all {
			t.Errorf("all %d stretches are kept: the test is of those that are not", all)
		}
		if limit := db.cache.Stats().Limit; limit+kept > db.rest() {
			t.Errorf("%d bytes for pages and %d of columns are more than %d", limit, kept, db.rest())
		}
	}
	db.memory.keys.Add(db.bound()) // as if so much were held
	defer db.memory.keys.Add(-db.bound())
	db.dropColumns()
	if kept := db.memory.columns.Load(); kept != 0 || keptStretches(db) != 0 {
		t.Errorf("%d bytes of columns are kept when there is no room", kept)
	}
	wantSeqs(t, db.Latest(), 60_000)
}

// A stretch is decoded once: its bytes may change afterwards. One that cannot be read
// is an error, and is not kept half.
func TestLogColumns_DecodedOnce(t *testing.T) {
	db := open(t, t.TempDir(), &Options{noSeal: true, Sync: SyncNever, SegmentSize: 64 << 20})
	appendPlain(t, db, 30_000)
	log := db.files.Load().logs[0]
	file, err := os.OpenFile(log.Path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	at := checksummed(t, log)
	was := make([]byte, 1)
	if _, err := file.ReadAt(was, at); err != nil {
		t.Fatal(err)
	}
	write := func(b byte) {
		t.Helper()
		if _, err := file.WriteAt([]byte{b}, at); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		write(^was[0])
		if _, err := seqsOf(db.Latest(), EventScan{Stream: "plain"}); !errors.Is(err, ErrCorrupt) {
			t.Errorf("a damaged byte at %d: %v", at, err)
		}
		write(was[0])
		wantSeqs(t, db.Latest(), 30_000)
		write(^was[0])
		wantSeqs(t, db.Latest(), 30_000)
		log.columns.drop(&db.memory)
	}
	write(was[0])
}

// checksummed is a place in a log file, any but those of the padding behind frames,
// which is under no checksum.
func checksummed(t *testing.T, log *logFile) int64 {
	t.Helper()
	at := rand.Int64N(log.end.Load()-segment.LogHead) + segment.LogHead
	for r := log.Frames(segment.LogHead, log.end.Load()); ; {
		f, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if last := f.Offset + segment.FrameHead + int64(len(f.Payload)) - 1; at < r.Offset() {
			return min(at, last)
		}
	}
}

// Streams are kept apart, and the last stretch goes on where it ended.
func TestLogColumns_Grow(t *testing.T) {
	db := open(t, t.TempDir(), &Options{noSeal: true, Sync: SyncNever, SegmentSize: 64 << 20})
	want := map[string][]int64{}
	for i := range 300 {
		var b Batch
		for range 1 + rand.IntN(60) {
			b.Events = append(b.Events, Event{Stream: []string{"s", "t"}[rand.IntN(2)], Key: fmt.Sprint(rand.IntN(50)), Fields: Fields{String("text", "some text that takes some bytes")}})
		}
		seq := int64(db.Latest().Seq())
		if _, err := db.Append(bg, b); err != nil {
			t.Fatal(err)
		}
		for j, e := range b.Events {
			want[e.Stream] = append(want[e.Stream], seq+int64(j)+1)
		}
		for stream := range want {
			q := EventScan{Stream: stream, Retracted: i%2 == 0}
			list := want[stream]
			if i%3 == 0 {
				q.From = uint64(list[rand.IntN(len(list))])
				list = list[slices.Index(list, int64(q.From)):]
			}
			got, err := seqsOf(db.Latest(), q)
			if err != nil || !slices.Equal(got, list) {
				t.Fatalf("stream %s from %d after %d batches: %d events, %v, want %d", stream, q.From, i+1, len(got), err, len(list))
			}
		}
	}
}
