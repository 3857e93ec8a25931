package store

import (
	"errors"
	"fmt"
	"os"
	"testing"
)

// damagedDB is a database of 40 single appends in several log files, to which
// damage was done after it was closed.
func damagedDB(t *testing.T, damage func(files []string)) *DB {
	t.Helper()
	dir := t.TempDir()
	db := open(t, dir, &Options{SegmentSize: 500, noSeal: true})
	for i := range int64(40) {
		if err := put(t, db, fmt.Sprint("k", i%4), i); err != nil {
			t.Fatal(err)
		}
	}
	var files []string
	for _, l := range db.files.Load().logs {
		files = append(files, l.Path)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	damage(files)
	if _, err := Open(dir, nil); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("open: %v", err)
	}
	return open(t, dir, &Options{ReadDamaged: true})
}

func flip(t *testing.T, path string, offset int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[offset] ^= 1
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// checkDamaged checks that positions first to last are lost and everything else
// is read as it was.
func checkDamaged(t *testing.T, db *DB, first, last uint64) {
	t.Helper()
	if len(db.Recovery().Damage) == 0 {
		t.Error("no damage is reported")
	}
	if err := put(t, db, "k0", 1); !errors.Is(err, ErrPoisoned) || !errors.Is(err, ErrCorrupt) {
		t.Errorf("append: %v", err)
	}
	if _, _, err := db.Latest().Get("s", "k0"); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a state that needs what is lost: %v", err)
	}
	before := mustView(t, db, KnownAt(first-1))
	for k := range uint64(4) {
		want := int64(-1)
		for seq := uint64(1); seq < first; seq++ {
			if (seq-1)%4 == k {
				want = int64(seq - 1)
			}
		}
		st, ok, err := before.Get("s", fmt.Sprint("k", k))
		v, _ := st.Fields.Get("v")
		if err != nil || ok != (want >= 0) || ok && v.Int64() != want {
			t.Errorf("k%d before the damage is %v, %v, want %d", k, st.Fields, err, want)
		}
	}
	next := uint64(1)
	for e, err := range db.Latest().Events(EventQuery{}) {
		if err != nil {
			var bad *CorruptError
			if !errors.As(err, &bad) || bad.First != first || bad.Last != last || next != first {
				t.Errorf("events end before position %d with %v", next, err)
			}
			break
		}
		if e.Seq != next {
			t.Fatalf("position %d, want %d", e.Seq, next)
		}
		next++
	}
	for e, err := range db.Latest().Events(EventQuery{From: last + 1}) {
		v, _ := e.Fields.Get("v")
		if err != nil || v.Int64() != int64(e.Seq-1) {
			t.Fatalf("behind the damage: %v, %v", e, err)
		}
		last = e.Seq
	}
	if last != 40 {
		t.Errorf("events behind the damage end at position %d", last)
	}
	if err := db.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func TestReadDamaged_OneFrame(t *testing.T) {
	db := damagedDB(t, func(files []string) { flip(t, files[1], 300) })
	lost := db.lost
	if len(lost) != 1 || lost[0].First != lost[0].Last {
		t.Fatalf("lost is %v", lost)
	}
	checkDamaged(t, db, lost[0].First, lost[0].Last)
}

func TestReadDamaged_FileMissing(t *testing.T) {
	var first, last uint64
	db := damagedDB(t, func(files []string) {
		fmt.Sscanf(files[2][len(files[2])-24:], "%d.log", &first)
		fmt.Sscanf(files[3][len(files[3])-24:], "%d.log", &last)
		os.Remove(files[2])
	})
	checkDamaged(t, db, first, last-1)
}

func TestReadDamaged_Header(t *testing.T) {
	var first, last uint64
	db := damagedDB(t, func(files []string) {
		fmt.Sscanf(files[0][len(files[0])-24:], "%d.log", &first)
		fmt.Sscanf(files[1][len(files[1])-24:], "%d.log", &last)
		flip(t, files[0], 20)
	})
	checkDamaged(t, db, first, last-1)
}

// A database that is whole is opened as ever.
func TestReadDamaged_Whole(t *testing.T) {
	db := open(t, t.TempDir(), &Options{ReadDamaged: true})
	if err := put(t, db, "a", 1); err != nil {
		t.Fatal(err)
	}
	want(t, db, "a", 1)
}
