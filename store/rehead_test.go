package store

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

// A retraction has the head of its key found anew, from files that nothing else of
// the append may have read. Whichever of its reads fails, once or all from there on,
// the next events of the key are put in their order: those of the same batch, those
// of the next, and those that come when all that is known of the key is what a
// checkpoint wrote.
func TestAppend_FailedReadOfRetraction(t *testing.T) {
	for _, late := range []string{"in its batch", "in the next", "when it is sealed"} {
		for _, sticky := range []bool{false, true} {
			t.Run(fmt.Sprintf("late=%s/sticky=%v", late, sticky), func(t *testing.T) {
				at := 0
				for ; failedRetraction(t, late, at, sticky); at++ {
				}
				if at == 0 {
					t.Error("an append of a retraction read nothing")
				}
			})
		}
	}
}

// failedRetraction has the at-th read of an append fail that takes the last of a
// key's events back, adds an event that is late but for that one, and reports whether
// there were so many reads.
func failedRetraction(t *testing.T, late string, at int, sticky bool) (failed bool) {
	fs, dir := newFaultFS(), t.TempDir()
	open := func() *DB { return open(t, dir, &Options{FS: fs, Fanout: 8, CheckpointEvery: time.Hour}) }
	db := sealedTwice(t, open)
	retraction := Event{Stream: "s", Key: "k", Kind: Retraction, Retracts: 2}
	change := Event{Stream: "s", Key: "k", Time: instant(20), Fields: Fields{Int64("v", 20)}}
	commit := func(events ...Event) error {
		_, err := db.Append(context.Background(), Batch{Events: events})
		return err
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("read %d of the append fails: %v", at, err)
		}
	}
	batch := []Event{retraction}
	if late == "in its batch" {
		batch = []Event{retraction, change}
	}
	n, broken := atomic.Int64{}, errors.New("disk on fire")
	fs.set(func(fs *faultFS) {
		fs.read = func() error {
			if i := n.Add(1) - 1; i == int64(at) || sticky && i > int64(at) {
				return broken
			}
			return nil
		}
	})
	err := commit(batch...)
	fs.set(func(fs *faultFS) { fs.read = nil })
	if err != nil {
		if !errors.Is(err, broken) {
			t.Fatal(err)
		}
		must(commit(batch...))
	}
	if late == "when it is sealed" {
		must(db.Seal(context.Background()))
		must(db.Close())
		db = open()
	}
	if late != "in its batch" {
		want(t, db, "k", 10)
		must(commit(change))
	}
	want(t, db, "k", 20)
	seen, _, err := db.Latest().LastSeen("s", "k")
	must(err)
	if !seen.Equal(instant(20)) {
		t.Errorf("read %d of the append fails: last seen %d", at, seen.UnixNano())
	}
	must(db.Checkpoint(context.Background()))
	_, err = db.Verify(context.Background(), nil)
	must(err)
	want(t, db, "k", 20)
	must(db.Close())
	return n.Load() > int64(at)
}

// sealedTwice is a database with the events of key "k" in two sealed files, at the
// times 10 and 30, of which nothing is in memory.
func sealedTwice(t *testing.T, open func() *DB) *DB {
	t.Helper()
	db := open()
	for i, v := range []int64{10, 30} {
		_, err := db.Append(context.Background(), Batch{Events: []Event{{Stream: "s", Key: "k", Time: time.Unix(0, v), Fields: Fields{Int64("v", v)}}}})
		if err == nil {
			err = db.Seal(context.Background())
		}
		if err != nil {
			t.Fatal(err)
		}
		if st, err := db.Stats(); err != nil || st.SealedFiles != i+1 {
			t.Fatalf("%d sealed files, want %d: %v", st.SealedFiles, i+1, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return open()
}
