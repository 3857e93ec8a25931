package segment

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/annalsdb/annals/fuzz/alloc"
)

var update = flag.Bool("update", false, "write the golden files anew")

var testHeader = LogHeader{Salt: 0xfeed, First: 1, Created: 1_700_000_000e9, Database: [16]byte{1, 2, 3}}

// testFrames are frames of one event each; synced says for each how many frames
// were known to be synced when it was made.
func testFrames(synced ...int) (frames [][]byte, offsets []int64) {
	at := int64(LogHead)
	for i, n := range synced {
		offsets = append(offsets, at)
		durable := int64(LogHead)
		if n > 0 {
			durable = offsets[n-1] + int64(len(frames[n-1]))
		}
		buf := BeginFrame(nil)
		e := Event{Stream: "s", Key: fmt.Sprintf("key-%d", i), Type: "made", Fields: Fields{Int64("i", int64(i))}}
		buf, _ = AppendRow(buf, testHeader.Salt, &e, 1, 1, 0, false)
		buf = EndFrame(buf, 0, testHeader.Salt, &Frame{Marker: EventFrame, Rows: 1, First: uint64(i + 1), Recorded: int64(i + 1), Durable: durable})
		frames = append(frames, buf)
		at += int64(len(buf))
	}
	return frames, append(offsets, at)
}

// makeLog writes frames into a new log file and closes it, reserve and all.
func makeLog(t *testing.T, frames [][]byte) string {
	t.Helper()
	l, err := CreateLog(OS, t.TempDir(), testHeader)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Write(bytes.Join(frames, nil), LogHead); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(l.Sync(), l.Close()); err != nil {
		t.Fatal(err)
	}
	return l.Path
}

// recoverLog opens and recovers the file and says how many frames were there.
func recoverLog(t *testing.T, path string, newest bool, durable uint64) (frames int, torn int64, err error) {
	t.Helper()
	l, err := OpenLog(OS, path)
	if err != nil {
		return 0, 0, err
	}
	defer l.Close()
	_, torn, err = l.Recover(newest, durable, func(f *Frame) error {
		frames++
		if f.First != uint64(frames) {
			t.Errorf("frame %d has position %d", frames, f.First)
		}
		return nil
	})
	return frames, torn, err
}

func damage(t *testing.T, path string, offset int64) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[offset] ^= 0x40
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestLog_TornOrCorrupt(t *testing.T) {
	cases := []struct {
		name    string
		synced  []int // frames known to be synced when each was made
		damaged int   // frame
		newest  bool
		durable uint64
		frames  int
		corrupt bool
	}{
		{"the last frame of the newest file is torn", []int{0, 1, 2}, 2, true, 0, 2, false},
		{"the last frame was said to be durable", []int{0, 1, 2}, 2, true, 3, 2, true},
		{"the last frame of an older file", []int{0, 1, 2}, 2, false, 0, 2, true},
		{"a frame with one behind it that saw it synced", []int{0, 1, 2}, 1, true, 0, 1, true},
		{"a frame of a group of which nothing was synced", []int{0, 1, 1, 1}, 1, true, 0, 1, false},
		{"the first of a group, the second was whole", []int{0, 0, 0}, 0, true, 0, 0, false},
	}
	for _, c := range cases {
		frames, offsets := testFrames(c.synced...)
		for _, at := range []int64{0, 5, 9, 20, FrameHead + 3, int64(len(frames[c.damaged])) - 9} {
			path := makeLog(t, frames)
			damage(t, path, offsets[c.damaged]+at)
			before, _ := os.ReadFile(path)
			got, torn, err := recoverLog(t, path, c.newest, c.durable)
			if errors.Is(err, ErrCorrupt) != c.corrupt || !c.corrupt && err != nil || got != c.frames {
				t.Errorf("%s, byte %d: %d frames, error %v", c.name, at, got, err)
				continue
			}
			after, _ := os.ReadFile(path)
			if c.corrupt {
				var bad *CorruptError
				if !errors.As(err, &bad) || bad.Offset != offsets[c.damaged] || bad.First != uint64(c.damaged+1) || !bytes.Equal(before, after) {
					t.Errorf("%s, byte %d: %v, want offset %d and the file as it was", c.name, at, err, offsets[c.damaged])
				}
			} else if int64(len(after)) != offsets[c.damaged] || torn == 0 {
				t.Errorf("%s, byte %d: %d bytes are left and %d said to be cut, want the file to end at %d", c.name, at, len(after), torn, offsets[c.damaged])
			}
		}
	}
}

func TestLog_EveryTruncationOfTheTail(t *testing.T) {
	frames, offsets := testFrames(0, 1, 2)
	for size := offsets[0]; size <= offsets[3]; size++ {
		path := makeLog(t, frames)
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		want := 0
		for want < 3 && offsets[want+1] <= size {
			want++
		}
		got, _, err := recoverLog(t, path, true, 0)
		if err != nil || got != want {
			t.Fatalf("cut to %d bytes: %d frames, %v, want %d", size, got, err, want)
		}
		if again, torn, err := recoverLog(t, path, true, 0); err != nil || torn != 0 || again != want {
			t.Fatalf("cut to %d bytes, recovered twice: %d frames, %d torn, %v", size, again, torn, err)
		}
	}
}

func TestLog_BadHeader(t *testing.T) {
	frames, _ := testFrames(0)
	for at := range int64(LogHead) {
		path := makeLog(t, frames)
		damage(t, path, at)
		if _, _, err := recoverLog(t, path, true, 0); err == nil {
			t.Errorf("byte %d of the header is another and nothing is said", at)
		}
	}
	path := makeLog(t, frames)
	renamed := filepath.Join(filepath.Dir(path), LogName(2))
	if err := os.Rename(path, renamed); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenLog(OS, renamed); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a file under another's name: %v", err)
	}
}

// Format version 1 stays readable: this file was written once and is kept.
func TestLog_Golden(t *testing.T) {
	golden := filepath.Join("testdata", "v1.log")
	e := Event{Stream: "s", Key: "k", Type: "t", ID: "id", Fields: everyKind()}
	buf := AppendStream(BeginFrame(nil), testHeader.Salt, Stream{Number: 1, Name: "s", Fold: "merge", ByArrival: true, OnlyChanges: true})
	file := EndFrame(buf, 0, testHeader.Salt, &Frame{Marker: StreamFrame, Rows: 1, First: 1, Durable: LogHead})
	row, _ := AppendRow(BeginFrame(nil), testHeader.Salt, &e, 1, 1, -5, false)
	file = append(appendHeader(nil, testHeader), file...)
	file = append(file, EndFrame(row, 0, testHeader.Salt, &Frame{Marker: EventFrame, Rows: 1, First: 1, Recorded: 9, Durable: 100})...)
	if *update {
		if err := os.WriteFile(golden, file, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(file, want) {
		t.Fatal("the format is no longer that of version 1: give it a new version")
	}
}

func TestLog_SeekAndReadRow(t *testing.T) {
	synced := make([]int, 3000)
	frames, offsets := testFrames(synced...)
	path := makeLog(t, frames)
	l, err := OpenLog(OS, path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, _, err := l.Recover(true, 0, func(*Frame) error { return nil }); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(frames); i += 7 {
		row, err := l.ReadRow(offsets[i] + FrameHead)
		if err != nil || row.Key != fmt.Sprintf("key-%d", i) {
			t.Fatalf("row %d reads as %q, %v", i, row.Key, err)
		}
		for _, from := range []int64{l.Seek(uint64(i + 1)), l.SeekRecorded(int64(i + 1))} {
			if from > offsets[i] || offsets[i]-from > markStep+FrameHead+200 {
				t.Fatalf("the search for position %d begins at %d, its frame is at %d", i+1, from, offsets[i])
			}
		}
	}
	if _, err := l.ReadRow(offsets[5] + FrameHead + 1); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a row where none begins: %v", err)
	}
}

// Whatever a file holds, recovery ends without a panic, and what it leaves is
// recovered again with nothing to cut.
// A window reads what ReadRow does, in whatever order it is asked, from one file or
// another, and rows longer than what it reads at once.
func TestRowWindow_AsReadRow(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 5))
	const rows = 400
	var logs [2]*Log
	var offsets [2][]int64
	for i := range logs {
		frames, at := [][]byte(nil), int64(LogHead)
		for seq := range uint64(rows) {
			size := rnd.IntN(300)
			if rnd.IntN(40) == 0 {
				size = rnd.IntN(3 * windowBytes)
			}
			e := Event{Key: "k", Type: "t", Fields: Fields{Bytes("b", make([]byte, size))}}
			frame, _ := AppendRow(BeginFrame(nil), testHeader.Salt, &e, 1, seq+1, 0, false)
			frame = EndFrame(frame, 0, testHeader.Salt, &Frame{Marker: EventFrame, Rows: 1, First: seq + 1, Recorded: int64(seq + 1)})
			offsets[i], at = append(offsets[i], at+FrameHead), at+int64(len(frame))
			frames = append(frames, frame)
		}
		var err error
		if logs[i], err = OpenLog(OS, makeLog(t, frames)); err != nil {
			t.Fatal(err)
		}
		defer logs[i].Close()
	}
	var w RowWindow
	for n, i, at := 0, 0, 0; n < 4000; n, at = n+1, at+1+rnd.IntN(3) {
		if rnd.IntN(20) == 0 || at >= rows {
			i, at = rnd.IntN(2), rnd.IntN(rows)
		}
		got, err := w.Row(logs[i], offsets[i][at])
		want, err2 := logs[i].ReadRow(offsets[i][at])
		if err != nil || err2 != nil || got.Version != want.Version || got.Version != uint64(at+1) || got.Encoded() != want.Encoded() {
			t.Fatalf("row %d of log %d has version %d and %d bytes, %v; want %d bytes, %v", at, i, got.Version, len(got.Encoded()), err, len(want.Encoded()), err2)
		}
	}
	if _, err := w.Row(logs[0], offsets[0][5]+1); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a place where no row begins: %v", err)
	}
	if _, err := w.Row(logs[0], offsets[0][rows-1]+1<<20); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a place behind the file: %v", err)
	}
}

// A log file of any bytes behind whole frames is refused, or opens with its tail cut,
// and then opens again as it is. Opening it, and reading a row anywhere in it, allocate
// no more than 1 MiB and 8 bytes for each of the file: frames in a buffer that grows
// with the longest, marks of them, and what stands behind a bad one.
func FuzzLog_Recover(f *testing.F) {
	frames, _ := testFrames(0, 1, 1)
	f.Add(bytes.Join(frames, nil), uint16(3), byte(1))
	long := binary.LittleEndian.AppendUint32(nil, MaxPayload) // a row, or a frame
	behind := LogHead + len(bytes.Join(frames, nil))
	f.Add(append(long, frames[0][4:]...), uint16(behind), byte(0))
	f.Fuzz(func(t *testing.T, tail []byte, at uint16, flip byte) {
		frames, _ := testFrames(0, 1, 1)
		body := append(bytes.Join(frames, nil), tail...)
		body[int(at)%len(body)] ^= flip
		disk := &memFile{b: append(appendHeader(nil, testHeader), body...)}
		disk.b = append(disk.b, make([]byte, 4096)...) // as reserved
		read := func() (n int, torn int64, err error) {
			l, err := OpenLog(memFS{file: disk}, LogName(1))
			if err != nil {
				return 0, 0, err
			}
			defer l.Close()
			_, torn, err = l.Recover(true, 0, func(f *Frame) error {
				for pos := 0; pos >= 0 && pos < len(f.Payload); {
					var body string
					if body, pos = f.RowAt(pos); pos >= 0 {
						ParseRow(body, new(Row))
					}
				}
				n++
				return nil
			})
			return n, torn, err
		}
		whole, recoverBound := disk.b, alloc.Bound{Fixed: 1 << 20, Factor: 8}
		var n int
		var err error
		over := recoverBound.Check(len(whole), func() {
			disk.b = bytes.Clone(whole) // it is cut
			n, _, err = read()
		})
		if over == nil {
			over = recoverBound.Check(len(whole), func() { readRows(disk, int64(at)) })
		}
		if over != nil {
			t.Fatal(over)
		}
		if err != nil {
			return
		}
		if again, torn, err := read(); err != nil || torn != 0 || again != n {
			t.Fatalf("%d frames, then %d, %d bytes torn, %v", n, again, torn, err)
		}
	})
}

// readRows reads the row at offset in both ways.
func readRows(disk *memFile, offset int64) {
	l, err := OpenLog(memFS{file: disk}, LogName(1))
	if err != nil {
		return
	}
	defer l.Close()
	var w RowWindow
	l.ReadRow(offset)
	w.Row(l, offset)
}

// memFS has one file, memFile, in memory: a disk would be all that is fuzzed.
type memFS struct {
	FS
	file *memFile
}

func (fs memFS) Open(string) (File, error) { return fs.file, nil }

type memFile struct {
	File
	b []byte
}

func (f *memFile) ReadAt(p []byte, at int64) (int, error) {
	n := copy(p, f.b[min(at, int64(len(f.b))):])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) Truncate(size int64) error {
	f.b = f.b[:size]
	return nil
}

func (f *memFile) Size() (int64, error) { return int64(len(f.b)), nil }
func (f *memFile) Sync() error          { return nil }
func (f *memFile) Close() error         { return nil }

// A disk that fails to read is no corruption.
func TestLog_ReadFailureIsNoCorruption(t *testing.T) {
	frames, _ := testFrames(0)
	path := makeLog(t, frames)
	l, err := OpenLog(OS, path)
	if err != nil {
		t.Fatal(err)
	}
	failing := &failingFile{File: l.file}
	l.file = failing
	defer l.Close()
	if _, err := l.ReadRow(LogHead + FrameHead); !errors.Is(err, errDisk) || errors.Is(err, ErrCorrupt) {
		t.Errorf("a failing disk: %v", err)
	}
	if _, _, err := l.Recover(true, 0, func(*Frame) error { return nil }); !errors.Is(err, errDisk) {
		t.Errorf("a failing disk at recovery: %v", err)
	}
}

var errDisk = errors.New("disk failed")

type failingFile struct{ File }

func (f *failingFile) ReadAt([]byte, int64) (int, error) { return 0, errDisk }

var _ io.ReaderAt = (*failingFile)(nil)
