package source

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

func lines(n int, line func(i int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(line(i) + "\n")
	}
	return b.String()
}

// sizes is the number of events in each batch.
func sizes(batches []Batch) (n []int) {
	for _, b := range batches {
		n = append(n, len(b.Events))
	}
	return n
}

func TestReader_Batches(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*Options)
		text string
		want []int
	}{
		{"by thousands", nil, lines(2500, func(i int) string { return `{"key":"k"}` }), []int{1000, 1000, 500}},
		{"by a field", func(o *Options) { o.Batch = "b" },
			`{"key":"a","b":1}` + "\n" + `{"key":"b","b":1}` + "\n" + `{"key":"c","b":"x"}` + "\n" + `{"key":"d","b":1}`, []int{2, 1, 1}},
		{"by a field, beyond a thousand", func(o *Options) { o.Batch = "b" },
			lines(1500, func(i int) string { return `{"key":"k","b":"one"}` }), []int{1500}},
		{"by recorded time", func(o *Options) { o.Recorded = "r" },
			lines(5, func(i int) string { return fmt.Sprintf(`{"key":"k","r":%d}`, 1700000000+i/2) }), []int{2, 2, 1}},
		{"by a repeated ID", func(o *Options) { o.ID = "i" },
			lines(5, func(i int) string { return fmt.Sprintf(`{"key":"k","i":%d}`, i%3) }), []int{3, 2}},
		{"by bytes", nil, lines(3, func(i int) string { return `{"key":"k","x":"` + strings.Repeat("x", 5<<20) + `"}` }), []int{2, 1}},
		{"of nothing", nil, "\n\n", nil},
	} {
		o := plain()
		if c.set != nil {
			c.set(&o)
		}
		got, _, err := collect(t, c.text, o)
		if err != nil || fmt.Sprint(sizes(got)) != fmt.Sprint(c.want) {
			t.Errorf("%s: got %v, %v, want %v", c.name, sizes(got), err, c.want)
		}
	}
}

func TestReader_BatchNames(t *testing.T) {
	o := plain()
	o.Batch, o.Recorded = "b", "r"
	got, _, err := collect(t, "\n"+`{"key":"a","b":"x","r":1700000009}`+"\n"+`{"key":"b","b":"x","r":1700000003}`, o)
	if err != nil {
		t.Fatal(err)
	}
	b := got[0]
	if b.Name != "x" || b.First != 2 || b.Last != 3 || b.Events[0].ID != "x:1" || b.Events[1].ID != "x:2" {
		t.Errorf("got batch %+v", b)
	}
	if want := time.Unix(1700000009, 0); !b.Recorded.Equal(want) {
		t.Errorf("recorded: got %v, want the latest, %v", b.Recorded, want)
	}
}

// TestReader_BadLineDropsItsBatch checks that a batch never comes in part.
func TestReader_BadLineDropsItsBatch(t *testing.T) {
	text := lines(1999, func(i int) string { return `{"key":"k"}` }) + "{\n" + `{"key":"k"}`
	got, _, err := collect(t, text, plain())
	if fmt.Sprint(sizes(got)) != "[1000]" || err == nil {
		t.Errorf("got batches %v, %v", sizes(got), err)
	}
	if fault, ok := errors.AsType[*LineError](err); !ok || fault.Line != 2000 {
		t.Errorf("got %v, want line 2000", err)
	}
}

func TestReader_Compressed(t *testing.T) {
	text := lines(3000, func(i int) string { return fmt.Sprintf(`{"key":"k%d","x":%d}`, i, i*i) })
	var gz, zst bytes.Buffer
	for buf, w := range map[*bytes.Buffer]io.WriteCloser{&gz: gzip.NewWriter(&gz), &zst: newZstd(t, &zst)} {
		if _, err := io.WriteString(w, text); err != nil || w.Close() != nil || buf.Len() == 0 {
			t.Fatal("cannot compress")
		}
	}
	mark := string(byteOrder)
	for name, in := range map[string]string{"plain": text, "gzip": gz.String(), "two gzip members": gz.String() + gz.String(), "zstd": zst.String(), "with a mark": mark + text} {
		got, _, err := collect(t, in, plain())
		if n := len(events(got)); err != nil || n%3000 != 0 || n == 0 {
			t.Errorf("%s: got %d events, %v", name, n, err)
		}
	}
	for name, in := range map[string]string{"gzip": gz.String(), "zstd": zst.String()} {
		for _, size := range []int{4, 9, len(in) / 2, len(in) - 1} {
			got, _, err := collect(t, in[:size], plain())
			if err == nil || len(events(got))%1000 != 0 {
				t.Errorf("%s cut at %d: got %d events, %v", name, size, len(events(got)), err)
			}
		}
		_, _, err := collect(t, in[:len(in)/2]+strings.Repeat("x", 100), plain())
		if err == nil {
			t.Errorf("%s damaged: no error", name)
		}
	}
}

func newZstd(t *testing.T, w io.Writer) io.WriteCloser {
	z, err := zstd.NewWriter(w)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestOptions_Validate(t *testing.T) {
	for want, set := range map[string]func(*Options){
		`unknown format "xml"`:      func(o *Options) { o.Format = "xml" },
		`no stream`:                 func(o *Options) { o.Stream = "" },
		`no field is named for the`: func(o *Options) { o.Key = "" },
		`no field for the type`:     func(o *Options) { o.Deletes = []string{"x"} },
		`flatten is for ndjson`:     func(o *Options) { o.Format, o.Flatten = CSV, []string{"x"} },
		`kinds of columns`:          func(o *Options) { o.Columns, _ = ParseColumns([]string{"a=string"}) },
		`both key and batch`:        func(o *Options) { o.Batch = "key" },
		`and to be ignored`:         func(o *Options) { o.Ignore = []string{"key"} },
	} {
		o := plain()
		set(&o)
		if _, err := NewReader(nil, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for _, setting := range []string{"a", "=string", "a=text", ""} {
		if _, err := ParseColumns([]string{setting}); err == nil {
			t.Errorf("column %q: no error", setting)
		}
	}
}

func TestInstantOf(t *testing.T) {
	for _, c := range []struct {
		cell string
		want string
	}{
		{"0", "1970-01-01T00:00:00Z"},
		{"-1", "1969-12-31T23:59:59Z"},
		{"1700000000", "2023-11-14T22:13:20Z"},
		{"1700000000123", "2023-11-14T22:13:20.123Z"},
		{"1700000000123456", "2023-11-14T22:13:20.123456Z"},
		{"1700000000123456789", "2023-11-14T22:13:20.123456789Z"},
		{"-1700000000123456789", "1916-02-18T01:46:39.876543211Z"},
		{"9223372036", "2262-04-11T23:47:16Z"},
		{"9223372037", ""},
		{"99999999999", ""},
		{"9223372036854775807", "2262-04-11T23:47:16.854775807Z"},
		{"-9223372036854775808", ""},
		{"2024-02-06T12:10:19.000000001+01:00", "2024-02-06T11:10:19.000000001Z"},
		{"2024-02-06", ""},
		{"1677-01-01T00:00:00Z", ""},
	} {
		got, err := instantOf(instantText(c.cell))
		if err != nil && c.want != "" || err == nil && got.UTC().Format(time.RFC3339Nano) != c.want {
			t.Errorf("%s: got %v, %v, want %s", c.cell, got, err, c.want)
		}
	}
}
