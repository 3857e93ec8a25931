package segment

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

func testWork(t testing.TB) Work { return Work{FS: OS, Dir: t.TempDir()} }

// checkDir makes sure that the directory holds just so many files and nothing
// half made.
func checkDir(t testing.TB, dir string, files int) {
	t.Helper()
	names, err := OS.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if _, _, ok := ParseSealedName(name); !ok {
			t.Fatalf("%s was left in the directory", name)
		}
	}
	if len(names) != files {
		t.Fatalf("the directory holds %v, want %d files", names, files)
	}
}

func TestSeal_Rows(t *testing.T) {
	for seed, n := range []int{1, 2, 700, blockRows, blockRows + 1, 3*blockRows + 77} {
		t.Run(fmt.Sprintf("rows=%d", n), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(uint64(seed), 1))
			m := newSealModel(rnd, n, 1+rnd.IntN(2*n))
			w := testWork(t)
			m.check(t, m.seal(t, w, 0, len(m.batches)))
			checkDir(t, w.Dir, 1)
		})
	}
}

// A key of its own for all rows, and all rows late.
func TestSeal_Backwards(t *testing.T) {
	m := newSealModel(rand.New(rand.NewPCG(3, 3)), 2*blockRows, 1)
	for i := range m.events {
		m.events[i].time = int64(-i)
	}
	m.check(t, m.seal(t, testWork(t), 0, len(m.batches)))
}

func TestSeal_Refuses(t *testing.T) {
	m := newSealModel(rand.New(rand.NewPCG(1, 2)), 2000, 50)
	all := len(m.batches)
	broken := errors.New("disk on fire")
	undefined := m.head(0, all)
	undefined.Defs = m.defs[1:]
	huge := m.head(0, all)
	huge.Last = huge.First + 1<<32
	one := undefined
	one.First, one.Last, one.Defs = 1, 1, m.defs
	cases := []struct {
		name   string
		head   SealedHead
		frames iter.Seq2[*Frame, error]
		want   string
	}{
		{"a gap", m.head(0, all), skip(m.frames(0, all), 1), "to come"},
		{"an end too early", m.head(0, all), m.frames(0, all-1), "the frames end before position"},
		{"an end too late", m.head(0, all-1), m.frames(0, all), "to come"},
		{"an unknown stream", undefined, m.frames(0, all), "stream 1 is not defined"},
		{"too many rows", huge, m.frames(0, all), "less than 2^32"},
		{"a failure to read", m.head(0, all), then(m.frames(0, 1), broken), "disk on fire"},
		{"half a row", m.head(0, all), cut(m.frames(0, all)), "row is malformed"},
		{"a field twice", one, single(Event{Key: "k", Fields: Fields{Int64("a", 1), String("a", "x")}}), `field "a" is there twice`},
		{"no key", one, single(Event{}), "it has no key"},
	}
	for _, c := range cases {
		w := testWork(t)
		_, _, err := Seal(w, c.head, c.frames)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error with %q", c.name, err, c.want)
		}
		checkDir(t, w.Dir, 0)
	}
}

// skip leaves frame number n out.
func skip(frames iter.Seq2[*Frame, error], n int) iter.Seq2[*Frame, error] {
	return func(yield func(*Frame, error) bool) {
		i := 0
		for f, err := range frames {
			if i != n && !yield(f, err) {
				return
			}
			i++
		}
	}
}

func then(frames iter.Seq2[*Frame, error], err error) iter.Seq2[*Frame, error] {
	return func(yield func(*Frame, error) bool) {
		for f, err := range frames {
			if !yield(f, err) {
				return
			}
		}
		yield(nil, err)
	}
}

// cut takes the last byte off each frame.
func cut(frames iter.Seq2[*Frame, error]) iter.Seq2[*Frame, error] {
	return func(yield func(*Frame, error) bool) {
		for f, err := range frames {
			f.Payload = f.Payload[:len(f.Payload)-1]
			if !yield(f, err) {
				return
			}
		}
	}
}

// single is a frame of one event, which no check has seen.
func single(e Event) iter.Seq2[*Frame, error] {
	return func(yield func(*Frame, error) bool) {
		buf, _ := AppendRow(BeginFrame(nil), 1, &e, 1, 1, 0, false)
		f := Frame{Marker: EventFrame, Rows: 1, First: 1}
		f = FrameIn(EndFrame(buf, 0, 1, &f), LogHead)
		yield(&f, nil)
	}
}

// An error of Step ends the work wherever it comes.
func TestSeal_Cancel(t *testing.T) {
	m := newSealModel(rand.New(rand.NewPCG(4, 2)), 3*blockRows, 500)
	enough := errors.New("enough")
	for calls := 0; ; calls++ {
		w := testWork(t)
		left := calls
		w.Step = func(int) error {
			if left--; left < 0 {
				return enough
			}
			return nil
		}
		_, _, err := Seal(w, m.head(0, len(m.batches)), m.frames(0, len(m.batches)))
		if err == nil {
			if calls < 4 {
				t.Fatalf("Step was called %d times for 3 blocks", calls)
			}
			return
		}
		if !errors.Is(err, enough) {
			t.Fatal(err)
		}
		checkDir(t, w.Dir, 0)
	}
}

// faultFS fails the operation that left counts down to.
type faultFS struct {
	FS
	left *int
}

type faultFile struct {
	File
	left *int
}

var errFault = errors.New("injected fault")

func fault(left *int) error {
	if *left--; *left < 0 {
		return errFault
	}
	return nil
}

func (f faultFS) Create(path string) (File, error) {
	if err := fault(f.left); err != nil {
		return nil, err
	}
	file, err := f.FS.Create(path)
	return faultFile{file, f.left}, err
}

func (f faultFS) Rename(from, to string) error {
	if err := fault(f.left); err != nil {
		return err
	}
	return f.FS.Rename(from, to)
}

func (f faultFile) WriteAt(b []byte, at int64) (int, error) {
	if err := fault(f.left); err != nil {
		return 0, err
	}
	return f.File.WriteAt(b, at)
}

func (f faultFile) Sync() error {
	if err := fault(f.left); err != nil {
		return err
	}
	return f.File.Sync()
}

// A failure of any write, of the sync and of the rename leaves nothing.
func TestSeal_Fault(t *testing.T) {
	m := newSealModel(rand.New(rand.NewPCG(4, 9)), 2*blockRows, 500)
	w := testWork(t)
	for n := 0; ; n++ {
		left := n
		w.FS = faultFS{OS, &left}
		path, _, err := Seal(w, m.head(0, len(m.batches)), m.frames(0, len(m.batches)))
		if err == nil {
			if n < 3 {
				t.Fatalf("sealing took %d operations", n)
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			return
		}
		if !errors.Is(err, errFault) {
			t.Fatal(err)
		}
		checkDir(t, w.Dir, 0)
	}
}
