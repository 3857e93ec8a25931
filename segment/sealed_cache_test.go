package segment

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
)

// Readers of a cache that holds a part of the file get right rows, while it lets
// pages go, and it keeps to its limit.
func TestCache_LimitUnderReaders(t *testing.T) {
	const limit = 300 << 10
	s, rows := makeSealed(t, 11, 5*blockRows, limit)
	keys := sealedKeys(rows)
	if _, _, err := s.Key(1, "", 0); err != nil {
		t.Fatal(err)
	}
	pinned := s.directory.Load().size
	var readers sync.WaitGroup
	for g := range 4 {
		readers.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(g), 1))
			for range 400 {
				want := &keys[rng.IntN(len(keys))]
				k, ok, err := s.Key(want.Stream, want.Name, Hash(want.Stream, want.Name))
				if err != nil || !ok || k != *want {
					t.Errorf("Key(%q) = %+v, %v, %v", want.Name, k, ok, err)
					return
				}
				row := k.Row + uint64(rng.IntN(k.Rows()))
				r, err := s.Row(&k, row)
				if err != nil {
					t.Error(err)
					return
				}
				if diff := sameRow(&r, &rows[row]); diff != "" {
					t.Error(diff)
					return
				}
			}
		})
	}
	readers.Wait()
	st := s.cache.Stats()
	if st.Evictions == 0 || st.Bytes-pinned > limit || st.Bytes != s.cache.Bytes() {
		t.Errorf("%+v with %d bytes of directory, limit %d", st, pinned, limit)
	}
	s.Close()
	if st := s.cache.Stats(); st.Bytes != 0 || st.Pages != 0 {
		t.Errorf("after Close the cache has %+v", st)
	}
	if _, err := s.Row(&keys[0], 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a read after Close: %v", err)
	}
}

// A file closed while it is read fails its readers, and no page stays behind.
func TestCache_CloseBesideReaders(t *testing.T) {
	for range 20 {
		s, rows := makeSealed(t, 12, 200, 1<<20)
		keys := sealedKeys(rows)
		var readers sync.WaitGroup
		for range 2 {
			readers.Go(func() {
				for i := range keys {
					r, err := s.Row(&keys[i], keys[i].Row)
					if errors.Is(err, os.ErrClosed) {
						return
					}
					if err != nil || r.Key != keys[i].Name {
						t.Errorf("Row = %+v, %v", r, err)
						return
					}
				}
			})
		}
		s.Close()
		readers.Wait()
		if n := s.cache.Bytes(); n != 0 {
			t.Fatalf("%d bytes stay in the cache", n)
		}
	}
}

// A key with rows in many blocks is searched by statistics first.
func TestSealed_SearchOfALongKey(t *testing.T) {
	const n = 6*blockRows + 100
	for _, stream := range []uint32{1, 3} {
		rows := sealedEvents(rand.New(rand.NewPCG(4, 4)), n)
		for i := range rows {
			r := &rows[i]
			*r = SealedRow{Row: Row{Stream: stream, Key: "only", Version: uint64(i) + 1, listed: true}, Seq: r.Seq, Time: r.Time, Recorded: r.Recorded}
			r.Time -= r.Time % 100 // some are the same
		}
		rows = sealedOrder(rows)
		s, err := OpenSealed(OS, writeSealed(t, OS, t.TempDir(), rows), NewCache(1<<20))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		k, _, err := s.Key(stream, "only", Hash(stream, "only"))
		if err != nil || k.Changes != n {
			t.Fatalf("Key = %+v, %v", k, err)
		}
		for i := 0; i < n; i += 1 + i%37 {
			for _, ask := range []int64{-1, 0, 1} {
				want, got := 0, 0
				if stream == 1 {
					for want = i; want < n && rows[want].Time <= rows[i].Time+ask; want++ {
					}
					for want > 0 && rows[want-1].Time > rows[i].Time+ask {
						want--
					}
					got, err = s.Search(&k, rows[i].Time+ask)
				} else {
					want = max(0, i+1+int(ask))
					got, err = s.SearchSeq(&k, uint64(int64(rows[i].Seq)+ask))
				}
				if err != nil || got != min(want, n) {
					t.Fatalf("stream %d: search of row %d%+d = %d, %v, want %d", stream, i, ask, got, err, want)
				}
			}
		}
	}
}

// More fields than the directory has bits for: pages are searched.
func TestSealed_ManyFields(t *testing.T) {
	rows := sealedEvents(rand.New(rand.NewPCG(6, 6)), blockRows+50)
	for i := range rows {
		if rows[i].Kind == Change && !rows[i].Unchanged {
			rows[i].list = Fields{Int64(fmt.Sprintf("field %d", i%150), int64(i)), String(fmt.Sprintf("text %d", i%7), "x")}
		}
	}
	rows = sealedOrder(rows)
	s, err := OpenSealed(OS, writeSealed(t, OS, t.TempDir(), rows), NewCache(16<<20))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	checkRows(t, s, rows)
	checkScans(t, s, rows)
	checkColumns(t, s, rows)
	if err := s.Verify(nil); err != nil {
		t.Error(err)
	}
}

func TestSealedName_Inverse(t *testing.T) {
	first, last, ok := ParseSealedName(SealedName(42, 1<<63))
	if first != 42 || last != 1<<63 || !ok {
		t.Errorf("%d, %d, %v", first, last, ok)
	}
	for _, name := range []string{"", "x.seg", SealedName(1, 2) + ".tmp", LogName(1), "0000000000000000000x-00000000000000000002.seg", "+0000000000000000001-00000000000000000002.seg"} {
		if _, _, ok := ParseSealedName(name); ok {
			t.Errorf("%q is taken for the name of a sealed file", name)
		}
	}
}

func TestHash_IsPartOfTheFormat(t *testing.T) {
	for name, want := range map[string]uint64{
		"": 5271973031525453684, "a": 13353732331943540359, "device-000123": 15432180545827191817,
		"eight by": 12588899232600330815, "longer than two words": 2323356426963653017,
	} {
		if got := Hash(7, name); got != want {
			t.Errorf("Hash(7, %q) = %d, files were written with %d", name, got, want)
		}
	}
}

// The filter has every entry, and few others.
func TestFilter_Rate(t *testing.T) {
	const n = 100_000
	entries := make([]uint32, n)
	for i := range entries {
		entries[i] = uint32(Hash(1, fmt.Sprintf("key %d", i)) >> 32)
	}
	f := makeFilter(entries)
	has := func(e uint32) bool {
		block, probes := filterPlace(e, uint64(len(f)/filterBlock))
		return filterHas(f[block*filterBlock:][:filterBlock], probes)
	}
	wrong := 0
	for i := range n {
		if !has(entries[i]) {
			t.Fatalf("entry %d is not there", i)
		}
		if has(uint32(Hash(1, fmt.Sprintf("none %d", i)) >> 32)) {
			wrong++
		}
	}
	if wrong > n*15/1000 {
		t.Errorf("%d of %d others are said to be there", wrong, n)
	}
}
