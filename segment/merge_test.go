package segment

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// pieces seals the model's batches in files of random sizes.
func (m *sealModel) pieces(t testing.TB, rnd *rand.Rand, w Work, most int) []*Sealed {
	t.Helper()
	var files []*Sealed
	for from := 0; from < len(m.batches); {
		to := min(len(m.batches), from+1+rnd.IntN(most))
		files = append(files, m.seal(t, w, from, to))
		from = to
	}
	return files
}

// mergeModel merges in and opens what comes out.
func mergeModel(t testing.TB, w Work, in []*Sealed) *Sealed {
	t.Helper()
	path, size, err := Merge(w, in)
	if err != nil {
		t.Fatal(err)
	}
	return openModel(t, w, path, size)
}

// Files of random sizes, merged in random groups of neighbours until one is left.
// However it came about, it has the same rows.
func TestMerge_Rows(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 5))
			n := 1 + rnd.IntN(4*blockRows)
			m := newSealModel(rnd, n, 1+rnd.IntN(n))
			w := testWork(t)
			files := m.pieces(t, rnd, w, 1+len(m.batches)/(2+rnd.IntN(8)))
			for range 2 {
				for left := slices.Clone(files); len(left) > 1; {
					from := rnd.IntN(len(left) - 1)
					to := min(len(left), from+2+rnd.IntN(4))
					s := mergeModel(t, Work{FS: OS, Dir: t.TempDir()}, left[from:to])
					left = slices.Replace(left, from, to, s)
					if rnd.IntN(4) == 0 || len(left) == 1 {
						m.check(t, s)
					}
				}
			}
		})
	}
}

// Seals and merges use the memory of those before them, side by side too.
func TestMerge_SideBySide(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(seed, 5))
			for range 3 {
				n := 1 + rnd.IntN(2*blockRows)
				m := newSealModel(rnd, n, 1+rnd.IntN(2*n))
				w := testWork(t)
				m.check(t, mergeModel(t, w, m.pieces(t, rnd, w, 5)))
			}
		})
	}
}

// One file merged alone is the same again, and the order of merging leaves no
// trace in size either.
func TestMerge_Alone(t *testing.T) {
	m := newSealModel(rand.New(rand.NewPCG(8, 5)), 2*blockRows, 300)
	w := testWork(t)
	s := m.seal(t, w, 0, len(m.batches))
	again := mergeModel(t, Work{FS: OS, Dir: t.TempDir()}, []*Sealed{s})
	m.check(t, again)
	if a, b := s.Info().Bytes, again.Info().Bytes; a != b {
		t.Fatalf("sealed it has %d bytes, merged alone %d", a, b)
	}
}

// A key with more rows than a block whose rows alternate between the inputs.
func TestMerge_Interleaved(t *testing.T) {
	m := newSealModel(rand.New(rand.NewPCG(9, 5)), 5*blockRows, 2)
	for i := range m.events {
		m.events[i].time = int64(i * 7919 % len(m.events))
	}
	w := testWork(t)
	files := m.pieces(t, rand.New(rand.NewPCG(9, 6)), w, len(m.batches)/3)
	m.check(t, mergeModel(t, Work{FS: OS, Dir: t.TempDir()}, files))
}

func TestMerge_Refuses(t *testing.T) {
	m := newSealModel(rand.New(rand.NewPCG(1, 2)), 2000, 50)
	w := testWork(t)
	n := len(m.batches)
	a, b, c := m.seal(t, w, 0, n/3), m.seal(t, w, n/3, n/2), m.seal(t, w, n/2, n)
	modelDatabase[0]++
	other := m.seal(t, testWork(t), n/3, n/2)
	modelDatabase[0]--
	for _, bad := range []struct {
		name string
		in   []*Sealed
		want string
	}{
		{"nothing", nil, "there are 0"},
		{"a gap", []*Sealed{a, c}, "does not begin where"},
		{"another order", []*Sealed{b, a}, "does not begin where"},
		{"another database", []*Sealed{a, other}, "different databases"},
	} {
		out := testWork(t)
		_, _, err := Merge(out, bad.in)
		if err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%s: %v, want an error with %q", bad.name, err, bad.want)
		}
		checkDir(t, out.Dir, 0)
	}
}

func TestMerge_Cancel(t *testing.T) {
	m := newSealModel(rand.New(rand.NewPCG(4, 2)), 3*blockRows, 500)
	w := testWork(t)
	n := len(m.batches)
	files := []*Sealed{m.seal(t, w, 0, n/3), m.seal(t, w, n/3, n)}
	enough := errors.New("enough")
	for calls := 0; ; calls++ {
		out := testWork(t)
		left, rows, blocks := calls, 0, 0
		out.Step = func(n int) error {
			if rows += n; n > 0 {
				blocks++
			}
			if left--; left < 0 {
				return enough
			}
			return nil
		}
		_, _, err := Merge(out, files)
		if err == nil {
			if rows != len(m.events) || blocks != 3 || calls < 3*blocks {
				t.Fatalf("Step was told of %d rows in %d of %d calls, there are %d in 3 blocks", rows, blocks, calls, len(m.events))
			}
			return
		}
		if !errors.Is(err, enough) {
			t.Fatal(err)
		}
		checkDir(t, out.Dir, 0)
	}
}

func TestMerge_Fault(t *testing.T) {
	m := newSealModel(rand.New(rand.NewPCG(4, 9)), 2*blockRows, 500)
	w := testWork(t)
	n := len(m.batches)
	files := []*Sealed{m.seal(t, w, 0, n/2), m.seal(t, w, n/2, n)}
	for ops := 0; ; ops++ {
		left := ops
		out := testWork(t)
		out.FS = faultFS{OS, &left}
		_, _, err := Merge(out, files)
		if err == nil {
			checkDir(t, out.Dir, 1)
			return
		}
		if !errors.Is(err, errFault) {
			t.Fatal(err)
		}
		checkDir(t, out.Dir, 0)
	}
}

// A damaged input is an error that says so, or its damage is where a merge does
// not look and the result is right.
func TestMerge_Damaged(t *testing.T) {
	rnd := rand.New(rand.NewPCG(6, 9))
	m := newSealModel(rnd, 2000, 200)
	n := len(m.batches)
	w := testWork(t)
	a, b := m.seal(t, w, 0, n/2), m.seal(t, w, n/2, n)
	whole, err := os.ReadFile(b.Path)
	if err != nil {
		t.Fatal(err)
	}
	damaged, merged := 0, 0
	for range 150 {
		bad := slices.Clone(whole)
		at := rnd.IntN(len(bad))
		bad[at] ^= byte(1 + rnd.IntN(255))
		path := filepath.Join(t.TempDir(), filepath.Base(b.Path))
		if err := os.WriteFile(path, bad, 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := OpenSealed(OS, path, NewCache(1<<20))
		if err != nil {
			continue // noticed before there is anything to merge
		}
		out := testWork(t)
		path, size, err := Merge(out, []*Sealed{a, s})
		s.Close()
		if err == nil {
			m.check(t, openModel(t, out, path, size))
			merged++
			continue
		}
		if !errors.Is(err, ErrCorrupt) {
			t.Fatalf("byte %d: %v", at, err)
		}
		checkDir(t, out.Dir, 0)
		damaged++
	}
	if damaged == 0 || merged == 0 {
		t.Fatalf("%d merges met the damage and %d did not", damaged, merged)
	}
}
