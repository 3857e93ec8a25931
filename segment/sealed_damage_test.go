package segment

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/annalsdb/annals/fuzz/alloc"
	"github.com/annalsdb/annals/index"
)

// sealedInMemory is a file of few rows as bytes, with its name.
func sealedInMemory(t testing.TB, n int) (name string, b []byte) {
	t.Helper()
	rows := sealedOrder(sealedEvents(rand.New(rand.NewPCG(9, 1)), n))
	path := writeSealed(t, OS, t.TempDir(), rows)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Base(path), b
}

// readEverything uses every read of a file and returns the errors that it gives.
func readEverything(fs FS, path string) error {
	s, err := OpenSealed(fs, path, NewCache(1<<20))
	if err != nil {
		return err
	}
	defer s.Close()
	var errs []error
	note := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	info := s.Info()
	for i := range info.Streams {
		c := s.Seek(info.Streams[i].Def.Number, "")
		for {
			k, ok, err := c.Next()
			note(err)
			if !ok {
				break
			}
			_, _, err = s.Key(k.Stream, k.Name, Hash(k.Stream, k.Name))
			note(err)
			n, err := s.Search(&k, info.MaxTime/2+info.MinTime/2)
			note(err)
			_, err = s.SearchSeq(&k, info.Last/2+info.First/2)
			note(err)
			_, _, _, err = s.StateAt(&k, k.Row+uint64(n))
			note(err)
			r, err := s.Row(&k, k.Row)
			note(err)
			_, _, _, err = s.ID(k.Stream, r.ID)
			note(err)
		}
	}
	c := s.Rows(0)
	for range info.Rows {
		r, err := c.Next()
		note(err)
		if r == nil {
			break
		}
		_, err = s.KeyOf(c.row - 1)
		note(err)
	}
	for r, err := range byPosition(s.ByPosition(0, info.Last)) {
		note(err)
		if r != nil {
			_, err := s.RecordedBy(r.Recorded)
			note(err)
		}
	}
	var columns Columns
	note(s.Columns(0, int(min(info.Rows, 1<<16)), &columns))
	_, _, err = s.Posting(colType, "made")
	note(err)
	sel, err := s.Select(index.Or{index.Eq{Column: ColumnType, Value: index.StringOf("made")}, index.Prefix{Column: ColumnKey, Prefix: "k"}})
	note(err)
	if err == nil {
		_, err = sel.Rows()
		note(err)
	}
	note(s.Dump(&strings.Builder{}))
	note(s.Verify(nil))
	return errors.Join(errs...)
}

// onlyCorrupt reports an error in err that is no CorruptError.
func onlyCorrupt(err error) error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range many.Unwrap() {
			if err := onlyCorrupt(e); err != nil {
				return err
			}
		}
		return nil
	}
	if err == nil || errors.Is(err, ErrCorrupt) || strings.Contains(err.Error(), "format version") {
		return nil
	}
	return err
}

// Every byte of a file is under a checksum, and nothing that another byte makes of
// it is anything but corruption.
func TestSealed_EveryByteFlipped(t *testing.T) {
	name, good := sealedInMemory(t, 40)
	fs := memFS{file: &memFile{b: bytes.Clone(good)}}
	if err := readEverything(fs, name); err != nil {
		t.Fatalf("the file as it was: %v", err)
	}
	for at := range good {
		copy(fs.file.b, good)
		fs.file.b[at] ^= 1 << (at % 8)
		err := readEverything(fs, name)
		if err == nil {
			t.Fatalf("byte %d of %d is another and nothing is said", at, len(good))
		}
		if other := onlyCorrupt(err); other != nil {
			t.Fatalf("byte %d of %d: %v", at, len(good), other)
		}
	}
}

func TestSealed_EveryTruncation(t *testing.T) {
	name, good := sealedInMemory(t, 40)
	for size := range good {
		err := readEverything(memFS{file: &memFile{b: bytes.Clone(good[:size])}}, name)
		if !errors.Is(err, ErrCorrupt) || onlyCorrupt(err) != nil {
			t.Fatalf("cut to %d bytes of %d: %v", size, len(good), err)
		}
	}
}

// resealed gives the sections of a file new checksums, so that what they say is
// believed.
func resealed(b []byte) []byte {
	put, salt := binary.LittleEndian.PutUint32, uint32(0)
	if len(b) < sealedHeadSize+trailerSize {
		return b
	}
	sum := func(p pagePlace) {
		if p.length > pageHead && p.offset >= sealedHeadSize && p.offset <= int64(len(b))-int64(p.length) {
			payload := b[p.offset+pageHead:][:p.length-pageHead]
			put(b[p.offset:], pageSum(salt, p.offset, payload))
		}
	}
	put(b[60:], crc32.Checksum(b[:60], castagnoli))
	salt = binary.LittleEndian.Uint32(b[12:])
	end := b[len(b)-trailerSize:]
	put(end[36:], crc32.Update(salt, castagnoli, end[:36]))
	t, ok := parseTrailer(b, salt, int64(len(b)))
	if !ok {
		return b
	}
	sum(t.directory)
	sum(t.summary)
	d, err := parseDirectory(b[t.directory.offset+pageHead+1:][:t.directory.length-pageHead-1], int64(len(b)))
	if err == nil {
		for _, p := range d.places {
			sum(p)
		}
	}
	return b
}

// Random damage under right checksums is refused, or is another file; it is never
// a panic, and Verify never takes it for the same.
func TestSealed_ForgedBytes(t *testing.T) {
	name, good := sealedInMemory(t, 60)
	if !bytes.Equal(resealed(bytes.Clone(good)), good) {
		t.Fatal("the file has other checksums than the test makes")
	}
	rng := rand.New(rand.NewPCG(5, 5))
	for i := range 1000 {
		b := bytes.Clone(good)
		for range 1 + i%3 {
			b[rng.IntN(len(b))] ^= byte(1 + rng.IntN(255))
		}
		if err := onlyCorrupt(readEverything(memFS{file: &memFile{b: resealed(b)}}, name)); err != nil {
			t.Fatalf("damage %d: %v", i, err)
		}
	}
}

// A file of arbitrary bytes is refused or read, and never a panic. Opening it, its
// directory included, allocates no more than 1 MiB and 64 bytes for each of the file.
// What is read of it then comes by pages: see FuzzOpenPage.
//
//	go test ./segment -run xxx -fuzz OpenSealed -fuzzminimizetime 1x
func FuzzOpenSealed(f *testing.F) {
	name, good := sealedInMemory(f, 60)
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Fuzz(func(t *testing.T, b []byte) {
		fs := memFS{file: &memFile{b: resealed(bytes.Clone(b))}}
		over := alloc.Bound{Fixed: 1 << 20, Factor: 64}.Check(len(b), func() {
			if s, err := OpenSealed(fs, name, NewCache(1<<20)); err == nil {
				s.opened()
				s.Close()
			}
		})
		if over != nil {
			t.Fatal(over)
		}
		if err := onlyCorrupt(readEverything(fs, name)); err != nil {
			t.Fatal(err)
		}
	})
}

// A file that has more knots than its positions have chunks, which take some bytes a
// block and would become memory all at once, is refused.
func TestSealed_TooManyKnots(t *testing.T) {
	rows := sealedOrder(sealedEvents(rand.New(rand.NewPCG(9, 1)), 60))
	path := writeTampered(t, OS, t.TempDir(), rows, func(w *sealedWriter) {
		seq, time := make([]uint64, 20*blockRows), make([]int64, 20*blockRows)
		for i := range seq {
			seq[i], time[i] = sealedFirst+1000+uint64(i), int64(i)
		}
		w.knots(seq, time)
	})
	s, err := OpenSealed(OS, path, NewCache(1<<20))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.opened(); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "knots") {
		t.Errorf("%d knots for %d rows: %v", 20*blockRows+2, len(rows), err)
	}
}

// A summary that says it has more streams than it has bytes for gets no memory for them.
func TestParseInfo_TooManyStreams(t *testing.T) {
	b := append(make([]byte, 4*8+6), binary.AppendUvarint(nil, 1<<16)...)
	b = append(b, make([]byte, 1<<16)...)
	over := alloc.Bound{Fixed: 1 << 10, Factor: 8}.Check(len(b), func() {
		if parseInfo(b, &SealedInfo{}) == nil {
			t.Error("it is taken")
		}
	})
	if over != nil {
		t.Error(over)
	}
}

// Format version 1 stays readable: this file was written once and is kept.
func TestSealed_Golden(t *testing.T) {
	golden := filepath.Join("testdata", "v1.seg")
	name, b := sealedInMemory(t, 300)
	if *update {
		if err := os.WriteFile(golden, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, want) {
		t.Error("what is written is no longer what was: if old files can still be read, refresh the golden file, else give the format a new version")
	}
	if err := readEverything(memFS{file: &memFile{b: want}}, name); err != nil {
		t.Fatalf("the file of version 1 is no longer read: %v", err)
	}
}
