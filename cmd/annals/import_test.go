package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/annalsdb/annals/store"
)

// lines are n lines of NDJSON with the members key, id and batch.
func lines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"key":"k%d","id":"i%d","batch":%d,"x":%d}`+"\n", i%7, i, i/3, i)
	}
	return b.String()
}

// eventsIn is the number of events in the database "db".
func eventsIn(t *testing.T) int {
	t.Helper()
	status, out, errOut := annals("", "events", "db", "--format", "json")
	if status == statusFailure {
		t.Fatal(errOut)
	}
	return strings.Count(out, "\n")
}

func TestImport_AgainWithoutDuplicates(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
	}{
		{"by ID", []string{"--id", "id"}},
		{"by batch", []string{"--batch", "batch"}},
		{"by both", []string{"--id", "id", "--batch", "batch"}},
		{"by ID, without a time", []string{"--id", "id", "--time", ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			args := append([]string{"import", "db", "-", "--stream", "s"}, c.args...)
			all := lines(3000)
			part := strings.Join(strings.SplitAfter(all, "\n")[:1500], "")
			if out := mustRun(t, part, args...); !strings.HasPrefix(out, "stored 1,500 events in ") {
				t.Errorf("first: %s", out)
			}
			if out := mustRun(t, all, args...); !strings.HasPrefix(out, "stored 1,500 events in ") || !strings.Contains(out, "passed over 1,500 known already") {
				t.Errorf("second: %s", out)
			}
			if out := mustRun(t, all, args...); !strings.HasPrefix(out, "stored 0 events in 0 batches, passed over 3,000 known already") {
				t.Errorf("third: %s", out)
			}
			if n := eventsIn(t); n != 3000 {
				t.Errorf("%d events are stored, want 3000", n)
			}
		})
	}
}

// TestImport_RepeatedID imports a file that holds an event twice, as sources
// that deliver at least once do.
func TestImport_RepeatedID(t *testing.T) {
	t.Chdir(t.TempDir())
	in := lines(5) + lines(8)
	out := mustRun(t, in, "import", "db", "-", "--stream", "s", "--id", "id")
	if !strings.HasPrefix(out, "stored 8 events in ") || !strings.Contains(out, "passed over 5 known") {
		t.Errorf("got %s", out)
	}
	other := `{"key":"k","id":"i3","x":"other"}`
	status, _, errOut := annals(other, "import", "db", "-", "--stream", "s", "--id", "id")
	if status != statusFailure || !strings.Contains(errOut, "line 1: ") || !strings.Contains(errOut, `"i3"`) {
		t.Errorf("ID with other content: status %d, %s", status, errOut)
	}
}

func TestImport_WithoutID(t *testing.T) {
	t.Chdir(t.TempDir())
	args := []string{"import", "db", "-", "--stream", "s"}
	mustRun(t, lines(10), args...)
	status, _, errOut := annals(lines(10), args...)
	if status != statusFailure || !strings.Contains(errOut, "--append") {
		t.Errorf("second import: status %d, %s", status, errOut)
	}
	mustRun(t, lines(10), append(args, "--append")...)
	if n := eventsIn(t); n != 20 {
		t.Errorf("%d events are stored, want 20", n)
	}
	mustRun(t, lines(1), "import", "db", "-", "--stream", "other")
}

// TestImport_BadLine checks the line number, and that the batches before the
// line stay while its own is left out.
func TestImport_BadLine(t *testing.T) {
	good := lines(2500)
	for _, c := range []struct{ name, line, want string }{
		{"bad JSON", `{"key":`, "line 2501: bad JSON"},
		{"missing key", `{"x":1}`, `line 2501: field "key" (the key) is missing`},
		{"bad time", `{"key":"k","time":"noon"}`, `line 2501: field "time": "noon" is no time`},
		{"duplicate field", `{"key":"k","x":1,"x":2}`, `line 2501: invalid: field "x" is there twice`},
		{"invalid UTF-8", "{\"key\":\"k\xff\"}", `line 2501: invalid UTF-8`},
		{"too long", `{"key":"k","x":"` + strings.Repeat("x", 17<<20) + `"}`, `line 2501: longer than 16 MiB`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			in := good + c.line + "\n" + `{"key":"last"}` + "\n"
			status, out, errOut := annals(in, "import", "db", "-", "--stream", "s")
			if status != statusFailure || out != "" || !strings.Contains(errOut, c.want) || strings.Count(errOut, "\n") != 1 {
				t.Errorf("status %d, %q, %q", status, out, errOut)
			}
			if !strings.Contains(errOut, "stored 2,000 events in 2 batches") {
				t.Errorf("does not say what was stored: %s", errOut)
			}
			if n := eventsIn(t); n != 2000 {
				t.Errorf("%d events are stored, want 2000", n)
			}
			out = mustRun(t, in, "import", "db", "-", "--stream", "skipped", "--skip-bad", "bad")
			if !strings.HasPrefix(out, "stored 2,501 events in 3 batches; ") || !strings.Contains(out, "put 1 bad line aside in bad, the first: "+c.want) {
				t.Errorf("skipped: %s", out)
			}
			if aside, err := os.ReadFile("bad"); err != nil || string(aside) != c.line+"\n" {
				t.Errorf("aside are %d bytes, %v", len(aside), err)
			}
		})
	}
}

func TestImport_Compressed(t *testing.T) {
	t.Chdir(t.TempDir())
	var gz, zst bytes.Buffer
	g := gzip.NewWriter(&gz)
	z, err := zstd.NewWriter(&zst)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []io.WriteCloser{g, z} {
		if _, err := io.WriteString(w, lines(3000)); err != nil || w.Close() != nil {
			t.Fatal("cannot compress")
		}
	}
	for name, data := range map[string][]byte{"in.gz": gz.Bytes(), "in.zst": zst.Bytes(), "cut.gz": gz.Bytes()[:gz.Len()/2]} {
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	mustRun(t, "", "import", "db", "in.gz", "--stream", "gz")
	mustRun(t, "", "import", "db", "in.zst", "--stream", "zst")
	mustRun(t, gz.String(), "import", "db", "-", "--stream", "stdin")
	if n := eventsIn(t); n != 9000 {
		t.Errorf("%d events are stored, want 9000", n)
	}
	status, _, errOut := annals("", "import", "db", "cut.gz", "--stream", "cut", "--id", "id")
	if status != statusFailure || !strings.Contains(errOut, "the compressed input ends too early") {
		t.Errorf("cut: status %d, %s", status, errOut)
	}
	mustRun(t, "", "import", "db", "in.gz", "--stream", "cut", "--id", "id")
	if n := eventsIn(t); n != 12000 {
		t.Errorf("after the rest %d events are stored, want 12000", n)
	}
}

// TestImport_Interrupted ends the context while the input has more to come.
func TestImport_Interrupted(t *testing.T) {
	t.Chdir(t.TempDir())
	ctx, cancel := context.WithCancel(context.Background())
	in, w := io.Pipe()
	var errOut bytes.Buffer
	done := make(chan int)
	go func() {
		done <- run(ctx, []string{"import", "db", "-", "--stream", "s", "--id", "id"}, in, io.Discard, &errOut)
	}()
	if _, err := io.WriteString(w, lines(2500)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if status := <-done; status != statusFailure || !strings.Contains(errOut.String(), "interrupted") {
		t.Errorf("status %d, %s", status, errOut.String())
	}
	w.Close()
	n := eventsIn(t)
	if n%1000 != 0 {
		t.Errorf("%d events are stored, not whole batches", n)
	}
	mustRun(t, lines(2500), "import", "db", "-", "--stream", "s", "--id", "id")
	if n := eventsIn(t); n != 2500 {
		t.Errorf("after going on %d events are stored, want 2500", n)
	}
}

func TestImport_OnlyChanges(t *testing.T) {
	t.Chdir(t.TempDir())
	in := `{"key":"a","x":1}` + "\n" + `{"key":"a","x":1}` + "\n" + `{"key":"a","x":2}` + "\n"
	mustRun(t, in, "import", "db", "-", "--stream", "s", "--only-changes")
	out := mustRun(t, "", "events", "db", "--format", "json")
	if strings.Count(out, `"kind":"heartbeat"`) != 1 || !strings.Contains(out, `"same":1`) {
		t.Errorf("got %s", out)
	}
	status, _, errOut := annals(in, "import", "db", "-", "--stream", "s", "--append", "--only-changes=false")
	if status != statusFailure || !strings.Contains(errOut, store.ErrStreamDefined.Error()) {
		t.Errorf("other definition: status %d, %s", status, errOut)
	}
	mustRun(t, in, "import", "db", "-", "--stream", "s", "--append")
}

// TestCSV_RoundTrip exports states as CSV and imports them into another
// stream: kinds and values survive.
func TestCSV_RoundTrip(t *testing.T) {
	t.Chdir(t.TempDir())
	in := `{"key":"a","i":1,"f":1.0,"s":"x, \"y\"\nz","b":true,"zip":"01234","deep":{"in":{"er":5},"list":[1, 2]}}` + "\n" +
		`{"key":"b","i":-9223372036854775808,"f":1e-7,"s":" ","b":false,"zip":"50667","n":null}` + "\n"
	mustRun(t, in, "import", "db", "-", "--stream", "s")
	first := mustRun(t, "", "scan", "db", "s", "--format", "csv")
	rows, err := csv.NewReader(strings.NewReader(first)).ReadAll()
	if err != nil || len(rows) != 3 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if got, want := strings.Join(rows[0], " "), "stream key type time recorded seq version i f s b zip deep.in.er deep.list n"; got != want {
		t.Errorf("columns: got  %s\n         want %s", got, want)
	}
	again := []string{"import", "db", "-", "--stream", "s2", "--format", "csv", "--type", "type", "--column", "zip=string", "--column", "deep.list=json"}
	for _, name := range []string{"stream", "recorded", "seq", "version"} {
		again = append(again, "--ignore", name)
	}
	mustRun(t, first, again...)
	second := mustRun(t, "", "scan", "db", "s2", "--format", "csv")
	rows2, err := csv.NewReader(strings.NewReader(second)).ReadAll()
	if err != nil || len(rows2) != 3 {
		t.Fatalf("%d rows, %v", len(rows2), err)
	}
	for i := range rows2 {
		if got, want := strings.Join(rows2[i][7:], "|"), strings.Join(rows[i][7:len(rows2[i])], "|"); got != want {
			t.Errorf("row %d:\ngot  %s\nwant %s", i, got, want)
		}
	}
	out := mustRun(t, "", "get", "db", "s2", "a", "--format", "json")
	if want := `"fields":{"i":1,"f":1.0,"s":"x, \"y\"\nz","b":true,"zip":"01234","deep.in.er":5,"deep.list":[1,2]}}`; !strings.Contains(out, want) {
		t.Errorf("got %s, want %s", out, want)
	}
}

// TestImport_Flags checks that each flag of the command's contract exists.
func TestImport_Flags(t *testing.T) {
	reading := "format"
	moments := " as-of known-at known-by"
	for name, flags := range map[string]string{
		"import":  "stream format key time recorded type batch id fold order sync deletes skip-bad only-changes",
		"get":     reading + moments,
		"scan":    reading + moments + " prefix reverse limit",
		"history": reading + moments,
		"events":  reading + " from to since until type",
		"diff":    reading + " from to",
		"tail":    reading + " from",
		"stats":   reading,
		"verify":  reading,
		"demo":    "dir keep",
	} {
		cmd, _, err := (&app{}).root().Find([]string{name})
		if err != nil || cmd.Name() != name {
			t.Errorf("no command %s: %v", name, err)
			continue
		}
		for flag := range strings.FieldsSeq(flags) {
			if cmd.Flags().Lookup(flag) == nil {
				t.Errorf("%s: no flag --%s", name, flag)
			}
		}
	}
}
