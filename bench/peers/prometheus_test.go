package main

import (
	"testing"
	"time"

	"github.com/annalsdb/annals/bench/side"
)

// Blocks of two hours: the events of two days are in many, and some late ones in a
// block that overlaps others.
func TestPrometheus_Blocks(t *testing.T) {
	dir, o := t.TempDir(), side.Options{Load: newLoad(t, time.Minute)}
	reopen := func() *promSide {
		t.Helper()
		s, err := openTSDB(dir, o, 2*time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return s.(*promSide)
	}
	s := reopen()
	if err := put(s, 0, numEvents, 100); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Settle(); err != nil {
		t.Fatal(err)
	}
	if n := len(s.db.Blocks()); n < 3 {
		t.Errorf("there are %d blocks, want several", n)
	}
	check(t, s, o, numEvents)
	shut(t, s)

	s = reopen()
	check(t, s, o, numEvents)
	shut(t, s)
}
