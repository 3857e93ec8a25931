package segment

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// What a writer would have to get wrong is found although every checksum is right.
func TestSealed_VerifyFindsWrongContents(t *testing.T) {
	const n = 300
	rows := sealedOrder(sealedEvents(rand.New(rand.NewPCG(8, 8)), n))
	swapped := func(i int) []SealedRow {
		r := append([]SealedRow(nil), rows...)
		r[i], r[i+1] = r[i+1], r[i]
		return r
	}
	first := 0 // of two changes of one key
	for rows[first].Key != rows[first+1].Key || rows[first+1].Kind > Delete || rows[first].Time == rows[first+1].Time {
		first++
	}
	renamed := append([]SealedRow(nil), rows...)
	renamed[n-1].Seq = renamed[n-2].Seq
	cases := []struct {
		name   string
		rows   []SealedRow
		tamper func(*sealedWriter)
		says   string
	}{
		{"a key is not in the filter", rows, func(w *sealedWriter) { w.keys[3] ^= 0x5a5a5a5a }, "is not in the filter"},
		{"an ID has another hash", rows, func(w *sealedWriter) { w.ids[3] ^= 1 << 50 }, "does not have the IDs"},
		{"an ID has another row", rows, func(w *sealedWriter) { w.ids[3] ^= 1 }, "does not have the IDs"},
		{"a count is another", rows, func(w *sealedWriter) { w.info.Streams[0].Changes++ }, "the summary says"},
		{"a time is another", rows, func(w *sealedWriter) { w.info.Streams[0].MinTime-- }, "the summary says"},
		{"a sum is another", rows, func(w *sealedWriter) { z := w.zones[colSeq]; z[len(z)-1] ^= 2 }, "the statistics"},
		{"a key has rows behind the last", rows, func(w *sealedWriter) {
			k := w.sides[keysTable].ints
			end := len(k[keyRow]) - 1
			k[keyRow][end]--
			k[keyChanges][end]++
		}, "is next"},
		{"a base is another", rows, func(w *sealedWriter) { w.sides[keysTable].ints[keyBase][1]++ }, "the statistics"},
		{"a last position is another", rows, func(w *sealedWriter) { w.sides[keysTable].ints[keyLast][1]++ }, "ends at position"},
		{"a change is a heartbeat", rows, func(w *sealedWriter) {
			w.sides[keysTable].ints[keyChanges][0]--
			w.sides[keysTable].ints[keyBeats][0]++
		}, "is out of order"},
		{"batches do not rise", rows, func(w *sealedWriter) { w.sides[batchTable].ints[1][2] = 0 }, "a batch at position"},
		{"checkpoints do not rise", rows, func(w *sealedWriter) { w.state(1, "late") }, "stands behind"},
		{"a bitmap has another row", rows, func(w *sealedWriter) { w.posting(colType, "zzz", typeBitmap(t, rows, "made")) }, "the bitmap of"},
		{"a bitmap is none", rows, func(w *sealedWriter) { w.posting(colType, "zzz", []byte("no")) }, "bitmap"},
		{"two rows are swapped", swapped(first), func(*sealedWriter) {}, "is out of order"},
		{"two rows have one position", renamed, func(*sealedWriter) {}, "two rows have position"},
	}
	for _, c := range cases {
		s, err := OpenSealed(OS, writeTampered(t, OS, t.TempDir(), c.rows, c.tamper), NewCache(1<<20))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		err = s.Verify(nil)
		if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), c.says) || onlyCorrupt(err) != nil {
			t.Errorf("%s: %v, want a fault that says %q", c.name, err, c.says)
		}
		s.Close()
	}
}

func TestSealed_VerifyTellsProgress(t *testing.T) {
	s, _ := makeSealed(t, 1, 9000, 1<<20)
	var sum int64
	if err := s.Verify(func(n int64) bool { sum += n; return true }); err != nil || sum != s.Info().Bytes {
		t.Errorf("%d bytes of %d, %v", sum, s.Info().Bytes, err)
	}
	calls := 0
	if err := s.Verify(func(int64) bool { calls++; return false }); err != nil || calls != 1 {
		t.Errorf("%d calls after a no, %v", calls, err)
	}
}

// The writer refuses what would make a file that lies, and leaves nothing behind.
func TestSealedWriter_Refuses(t *testing.T) {
	good := SealedHead{First: 1, Last: 2, Defs: sealedDefs}
	for _, h := range []SealedHead{{}, {First: 2, Last: 1}, {First: 1, Last: 1 << 40}, {First: 1, Last: 2, Defs: []Stream{{Number: 2}, {Number: 1}}}} {
		if err := new(sealedWriter).create(OS, t.TempDir(), h); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: %v", h, err)
		}
	}
	key := keyEntry{stream: 1, name: "b", changes: 2, last: 2, base: 1}
	column := func(v ...int64) vector { return vector{ints: v} }
	two := []vector{column(1, 2), column(5, 6), column(1, 2), column(0, 0), column(0, 0), {texts: texts{[]uint32{0, 0}, []string{""}}}}
	cases := map[string]func(w *sealedWriter){
		"no rows":                func(w *sealedWriter) { w.batches([]uint64{1}, []int64{1}) },
		"rows without a key":     func(w *sealedWriter) { w.block(2, two) },
		"too few rows":           func(w *sealedWriter) { w.key(&key); w.block(1, two) },
		"no batches":             func(w *sealedWriter) { w.key(&key); w.block(2, two) },
		"a batch elsewhere":      func(w *sealedWriter) { w.batches([]uint64{2}, []int64{1}) },
		"batches back":           func(w *sealedWriter) { w.batches([]uint64{1, 1}, []int64{1, 2}) },
		"knots back":             func(w *sealedWriter) { w.knots([]uint64{2, 1}, []int64{1, 2}) },
		"an unknown stream":      func(w *sealedWriter) { w.key(&keyEntry{stream: 2, name: "a", changes: 2}) },
		"a key without rows":     func(w *sealedWriter) { w.key(&keyEntry{stream: 1, name: "a"}) },
		"keys back":              func(w *sealedWriter) { w.key(&key); w.key(&keyEntry{stream: 1, name: "a", row: 2, changes: 1}) },
		"a key's rows elsewhere": func(w *sealedWriter) { w.key(&keyEntry{stream: 1, name: "a", row: 1, changes: 1}) },
		"a column too few":       func(w *sealedWriter) { w.key(&key); w.block(2, two[:4]) },
	}
	for name, do := range cases {
		dir := t.TempDir()
		w := &sealedWriter{}
		if err := w.create(OS, dir, good); err != nil {
			t.Fatal(err)
		}
		do(w)
		if size, err := w.finish(); err == nil {
			t.Errorf("%s: a file of %d bytes", name, size)
		}
		if names, _ := OS.List(dir); len(names) != 0 {
			t.Errorf("%s: %v is left behind", name, names)
		}
	}
}

func TestZone_RoundTrip(t *testing.T) {
	for _, z := range []zone{
		intZone([]int64{5}), intZone([]int64{math.MaxInt64, math.MaxInt64}), intZone([]int64{math.MinInt64, math.MaxInt64, 0}),
		floatZone([]float64{math.NaN(), math.NaN()}), floatZone([]float64{1.5, math.NaN(), math.Inf(-1)}),
		textZone(&texts{[]uint32{0, 1, 0}, []string{strings.Repeat("b", 40), ""}}),
	} {
		kind := textPages
		switch {
		case z.min != 0 || z.max != 0:
			kind = intPages
		case z.nans > 0:
			kind = floatPages
		}
		d := Decoder{all: string(z.append(nil, kind))}
		if got := d.zone(kind, 0x1000); d.bad || d.Rest() != "" || got.count != z.count || got.differs(func() *zone { z.rows = 0x1000; return &z }()) {
			t.Errorf("read %+v, want %+v", got, z)
		}
	}
}
