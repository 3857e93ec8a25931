package store

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

// Compact leaves files of which each has more rows than all younger ones together, and
// does nothing where that is so.
func TestCompact(t *testing.T) {
	db := open(t, t.TempDir(), &Options{Fanout: 1000})
	want := map[string]int64{}
	grow := func(rows int) {
		for range rows {
			key := fmt.Sprint("k", len(want))
			want[key] = int64(len(want))
			if err := put(t, db, key, want[key]); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Seal(bg); err != nil {
			t.Fatal(err)
		}
	}
	check := func(what string, rows ...uint64) {
		t.Helper()
		var got []uint64
		for _, s := range db.files.Load().sealed {
			got = append(got, s.Info().Rows)
		}
		if fmt.Sprint(got) != fmt.Sprint(rows) {
			t.Errorf("%s: files of %d rows, want %d", what, got, rows)
		}
	}
	compact := func() {
		t.Helper()
		if err := db.Compact(bg); err != nil {
			t.Fatal(err)
		}
	}
	for _, rows := range []int{9, 3, 2, 2} {
		grow(rows)
	}
	check("not compacted", 9, 3, 2, 2)
	compact()
	check("the first is larger than the others together", 9, 7)
	merges := db.stats.merged
	compact()
	if db.stats.merged != merges {
		t.Errorf("%d merges where there was nothing to do", db.stats.merged-merges)
	}
	grow(2)
	compact()
	check("the first is as large as the others", 18)
	for key, n := range want {
		s, ok, err := db.Latest().Get("s", key)
		if err != nil || !ok || s.Fields[0].Value.Int64() != n {
			t.Fatalf("%s: %v, %v, %v", key, s, ok, err)
		}
	}
	if _, err := db.Verify(bg, nil); err != nil {
		t.Error(err)
	}
}

// Where no events come files are merged without being asked.
func TestCompact_ByItself(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir, &Options{Fanout: 1000})
	for i := range int64(6) {
		if err := put(t, db, "k", i); err != nil {
			t.Fatal(err)
		}
		if err := db.Seal(bg); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, dir, &Options{Fanout: 1000, CheckpointEvery: time.Millisecond})
	for len(db.files.Load().sealed) > 1 {
		runtime.Gosched()
	}
}
