package segment

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestValue_Any: a value is the Go value nearest to it, and asked for as another kind
// it is that one's zero.
func TestValue_Any(t *testing.T) {
	at := time.Date(2024, 3, 1, 0, 0, 0, 1, time.UTC)
	for _, c := range []struct {
		v    Value
		want any
	}{
		{NullOf(), nil}, {BoolOf(true), true}, {Int64Of(-7), int64(-7)}, {Float64Of(2.5), 2.5}, {StringOf("a"), "a"}, {TimeOf(at), at},
	} {
		if got := c.v.Any(); got != c.want {
			t.Errorf("%v is %#v, want %#v", c.v, got, c.want)
		}
	}
	if got, ok := BytesOf([]byte{1, 2}).Any().([]byte); !ok || !bytes.Equal(got, []byte{1, 2}) {
		t.Errorf("bytes are %v", got)
	}
	if got, ok := JSONOf(json.RawMessage(`{"a":1}`)).Any().(json.RawMessage); !ok || string(got) != `{"a":1}` {
		t.Errorf("JSON is %s", got)
	}
	if s := StringOf("a"); s.Bytes() != nil || s.JSON() != nil || !s.Time().IsZero() || s.Nanos() != 0 {
		t.Errorf("a string is bytes %v, JSON %s, time %v", s.Bytes(), s.JSON(), s.Time())
	}
}

// TestFS_MakeDir: all directories above are made too, one that is there is none too
// many, and a file in the way is named.
func TestFS_MakeDir(t *testing.T) {
	top := t.TempDir()
	deep := filepath.Join(top, "a", "b", "c")
	for range 2 {
		if err := OS.MakeDir(deep); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(deep); err != nil || !info.IsDir() {
		t.Errorf("%v, %v", info, err)
	}
	file := filepath.Join(top, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below")} {
		var at *fs.PathError
		if err := OS.MakeDir(dir); !errors.As(err, &at) || !strings.HasPrefix(at.Path, file) {
			t.Errorf("%s where a file stands: %v", dir, err)
		}
	}
}

// TestOpen_OtherFormats: what another program or a later version wrote is told from
// damage, with what this program reads.
func TestOpen_OtherFormats(t *testing.T) {
	golden := func(name, as string, change func(b []byte)) string {
		t.Helper()
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		change(b)
		path := filepath.Join(t.TempDir(), as)
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	later := func(b []byte) {
		b[8] = 99
		binary.LittleEndian.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli))
	}
	open := func(path string) error {
		if strings.HasSuffix(path, ".log") {
			l, err := OpenLog(OS, path)
			if err == nil {
				l.Close()
			}
			return err
		}
		s, err := OpenSealed(OS, path, NewCache(1<<20))
		if err == nil {
			s.Close()
		}
		return err
	}
	for _, c := range []struct {
		path  string
		wants []string
	}{
		{golden("v1.log", LogName(1), later), []string{"open log file", "format version 99 is not known", "reads version"}},
		{golden("v1.seg", SealedName(1, 9), later), []string{"open sealed file", "format version 99 is not known", "reads version"}},
		{golden("v1.seg", "copy.seg", func([]byte) {}), []string{"open sealed file", "its name is not that of one", "FIRST-LAST.seg"}},
		{golden("v1.log", LogName(1), func(b []byte) { b[0] ^= 1 }), nil},
		{filepath.Join(t.TempDir(), LogName(1)), []string{"open log file"}},
		{filepath.Join(t.TempDir(), SealedName(1, 2)), []string{"open sealed file"}},
	} {
		err := open(c.path)
		if err == nil || !strings.Contains(err.Error(), c.path) {
			t.Errorf("%s: %v", c.path, err)
			continue
		}
		for _, want := range c.wants {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%v does not say %q", err, want)
			}
		}
	}
}
