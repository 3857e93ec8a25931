package demo

import (
	"testing"
	"time"

	"github.com/annalsdb/annals/store"
)

func TestCommits_Counts(t *testing.T) {
	var commits, events, done int64
	last := uint64(0)
	keys := make(map[string]store.Kind)
	for c, err := range Commits(func(n int64) { done = n }) {
		if err != nil {
			t.Fatal(err)
		}
		if c.Number <= last {
			t.Fatalf("commit %d comes after %d", c.Number, last)
		}
		last = c.Number
		commits++
		events += int64(len(c.Batch.Events))
		for _, e := range c.Batch.Events {
			keys[e.Key] = e.Kind
		}
	}
	alive := 0
	for _, kind := range keys {
		if kind == store.Change {
			alive++
		}
	}
	if events != EventCount || commits != BatchCount || last != CommitCount || len(keys) != KeyCount || alive != FileCount {
		t.Errorf("got %d events, %d batches up to commit %d, %d keys, %d alive", events, commits, last, len(keys), alive)
	}
	if done != Size() {
		t.Errorf("progress ends at %d of %d bytes", done, Size())
	}
}

func TestCommits_First(t *testing.T) {
	for c, err := range Commits(nil) {
		b := c.Batch
		if err != nil {
			t.Fatal(err)
		}
		e := b.Events[0]
		if want := time.Date(1999, 12, 29, 14, 20, 26, 0, time.UTC); !b.Recorded.Equal(want) || !e.Time.Equal(want) {
			t.Errorf("recorded %v, time %v, want %v", b.Recorded, e.Time, want)
		}
		want := "blob=34cc7bf83ce0 mode=100644 size=72928 author=a1 insertions=1656 deletions=0"
		if len(b.Events) != 144 || e.Key != "CHANGES" || e.ID != "1:1" || e.Fields.String() != want {
			t.Errorf("got %d events, first %+v", len(b.Events), e)
		}
		break
	}
}
