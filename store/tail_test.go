package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

// tailed takes n events from a tail and then leaves it.
func tailed(t *testing.T, db *DB, q TailQuery, n int) []uint64 {
	t.Helper()
	var seqs []uint64
	for e, err := range db.Tail(bg, q) {
		if err != nil {
			t.Fatal(err)
		}
		if seqs = append(seqs, e.Seq); len(seqs) == n {
			break
		}
	}
	return seqs
}

func TestTail_HistoryThenLive(t *testing.T) {
	db := open(t, t.TempDir(), &Options{SegmentSize: 2000})
	const before, after = 200, 300
	for i := range int64(before) {
		if err := put(t, db, "k", i); err != nil {
			t.Fatal(err)
		}
	}
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := range int64(after) {
			put(t, db, "k", before+i)
		}
	})
	for i, seq := range tailed(t, db, TailQuery{}, before+after) {
		if seq != uint64(i+1) {
			t.Fatalf("event %d of the tail is position %d", i+1, seq)
		}
	}
	writer.Wait()
}

func TestTail_WhereItBegins(t *testing.T) {
	now := time.Unix(100, 0)
	db := open(t, t.TempDir(), &Options{Now: func() time.Time { return now }})
	for i := range int64(10) {
		now = time.Unix(100+i, 0)
		if err := put(t, db, fmt.Sprint("k", i%2), i); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		q     TailQuery
		first uint64
	}{
		{TailQuery{}, 1},
		{TailQuery{From: 4}, 4},
		{TailQuery{Since: time.Unix(105, 0)}, 6},
		{TailQuery{Since: time.Unix(104, 1)}, 6},
		{TailQuery{Since: time.Unix(0, 0)}, 1},
		{TailQuery{KeyPrefix: "k1"}, 2},
		{TailQuery{From: 4, KeyPrefix: "k0", Streams: []string{"x", "s"}}, 5},
	} {
		if got := tailed(t, db, c.q, 1); got[0] != c.first {
			t.Errorf("%+v begins at position %d, want %d", c.q, got[0], c.first)
		}
	}
	for _, err := range db.Tail(bg, TailQuery{From: 1, New: true}) {
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("two beginnings: %v", err)
		}
	}
}

func TestTail_EndsWithItsContext(t *testing.T) {
	db := open(t, t.TempDir(), nil)
	if err := put(t, db, "k", 1); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(bg)
	defer cancel()
	events := 0
	for _, err := range db.Tail(ctx, TailQuery{}) {
		if err == nil {
			events++
			cancel()
			continue
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the tail ends with %v", err)
		}
	}
	if events != 1 {
		t.Errorf("%d events before the end", events)
	}
}

func TestTail_EndsWhenClosed(t *testing.T) {
	db := open(t, t.TempDir(), nil)
	ended := make(chan error)
	go func() {
		var last error
		for _, err := range db.Tail(bg, TailQuery{New: true}) {
			last = err
		}
		ended <- last
	}()
	time.Sleep(time.Millisecond) // either order must do
	db.Close()
	if err := <-ended; !errors.Is(err, ErrClosed) {
		t.Errorf("the tail ends with %v", err)
	}
}
