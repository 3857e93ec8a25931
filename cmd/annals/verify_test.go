package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/annalsdb/annals/store"
)

// imported100 makes the database "db" in a new current directory.
func imported100(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	mustRun(t, lines(100), "import", "db", "-", "--stream", "s", "--batch", "batch")
}

func TestVerify_Whole(t *testing.T) {
	imported100(t)
	out := mustRun(t, "", "verify", "db")
	if !strings.HasPrefix(out, "✓ 100 events in 0 sealed files and 34 frames of log, ") || !strings.HasSuffix(out, "7 states: all as they should be\n") {
		t.Errorf("got %s", out)
	}
	var report struct {
		OK                               bool
		Position, Events, Frames, States int
	}
	if err := json.Unmarshal([]byte(mustRun(t, "", "verify", "db", "--format", "json")), &report); err != nil {
		t.Fatal(err)
	}
	if !report.OK || report.Position != 100 || report.Events != 100 || report.Frames != 34 || report.States != 7 {
		t.Errorf("got %+v", report)
	}
	if out := mustRun(t, "", "verify", "db", "--format", "csv"); !strings.Contains(out, "\ntrue,100,100,0,34,") {
		t.Errorf("got %s", out)
	}
}

// TestDump shows a sealed file, and refuses what is none.
func TestDump(t *testing.T) {
	imported100(t)
	db, err := store.Open("db", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Seal(t.Context()), db.Close()); err != nil {
		t.Fatal(err)
	}
	sealed, err := filepath.Glob("db/*.seg")
	if err != nil || len(sealed) != 1 {
		t.Fatalf("sealed files: %v, %v", sealed, err)
	}
	out := mustRun(t, "", "dump", sealed[0])
	for _, want := range []string{"positions", "1 to 100", "keys", "seq", "time", "clock"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in the dump:\n%s", want, out)
		}
	}
	if out := mustRun(t, "", "verify", "db"); !strings.HasPrefix(out, "✓ 100 events in 1 sealed file and 0 frames of log, ") {
		t.Errorf("verify says %s", out)
	}
	if status, _, said := annals("", "dump", "db/LOCK"); status != statusFailure || !strings.Contains(said, "db/LOCK") {
		t.Errorf("dump of another file: status %d, %s", status, said)
	}
}

// TestVerify_Damaged flips a bit in the middle of the log: nothing reads it as
// if it were right.
func TestVerify_Damaged(t *testing.T) {
	imported100(t)
	logs, err := filepath.Glob("db/*.log")
	if err != nil || len(logs) != 1 {
		t.Fatalf("logs: %v, %v", logs, err)
	}
	data, err := os.ReadFile(logs[0])
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(logs[0], data, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"verify db", "get db s k1", "stats db", "import db - --stream s --id id"} {
		status, out, errOut := annals("", strings.Fields(command)...)
		if status != statusFailure || out != "" || strings.Count(errOut, "\n") != 1 || !strings.Contains(errOut, filepath.Base(logs[0])) {
			t.Errorf("%s: status %d, %q, %q", command, status, out, errOut)
		}
	}
}

// TestOpen_SaysWhatItRecovered takes the derived states away.
func TestOpen_SaysWhatItRecovered(t *testing.T) {
	imported100(t)
	if err := os.Remove("db/state.db"); err != nil {
		t.Fatal(err)
	}
	status, out, errOut := annals("", "scan", "db", "s", "--format", "json")
	if status != statusFound || strings.Count(out, "\n") != 7 || !strings.HasPrefix(errOut, "recovered db: ") || strings.Count(errOut, "\n") != 1 {
		t.Errorf("status %d, %q, %q", status, out, errOut)
	}
	if out := mustRun(t, "", "scan", "db", "s", "--format", "json"); strings.Count(out, "\n") != 7 {
		t.Errorf("again: %q", out)
	}
}

func TestOpen_Locked(t *testing.T) {
	imported100(t)
	db, err := store.Open("db", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	status, _, errOut := annals("", "get", "db", "s", "k1")
	if status != statusFailure || strings.Count(errOut, "\n") != 1 || !strings.Contains(errOut, fmt.Sprint(os.Getpid())) {
		t.Errorf("status %d, %q, want a line that says who holds it", status, errOut)
	}
}

func TestPrintFaults(t *testing.T) {
	one := errors.New("one \"fault\"\nof two lines")
	joined := fmt.Errorf("verify: %w", errors.Join(one, errors.New("two")))
	for format, want := range map[formatFlag]string{
		formatTable: "one \"fault\"; of two lines\ntwo\n",
		formatJSON:  `{"fault":"one \"fault\"; of two lines"}` + "\n" + `{"fault":"two"}` + "\n",
		formatCSV:   "fault\n\"one \"\"fault\"\"; of two lines\"\n\"two\"\n",
	} {
		var out strings.Builder
		err := (&app{out: &out}).printFaults(joined, format)
		if out.String() != want || !errors.Is(err, one) || !strings.HasPrefix(err.Error(), "2 faults, the first: one") {
			t.Errorf("%s: got %q, %v", format, out.String(), err)
		}
	}
	var out strings.Builder
	if err := (&app{out: &out}).printFaults(one, formatTable); err != one || out.Len() > 0 {
		t.Errorf("a single fault: %v, %q", err, out.String())
	}
}

func TestStats_Formats(t *testing.T) {
	imported100(t)
	out := mustRun(t, "", "stats", "db")
	for _, want := range []string{"s: fold replace by time", "events                             100", "batches                             34", "keys                                 7", "100.0 %"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	var s struct {
		Position, Changes, Batches, Keys int
		LogBytes                         int64 `json:"log_bytes"`
		RowBytes                         int64 `json:"row_bytes"`
		FrameBytes                       int64 `json:"frame_bytes"`
		Definitions                      int64 `json:"definition_bytes"`
		HeaderBytes                      int64 `json:"header_bytes"`
		ReservedBytes                    int64 `json:"reserved_bytes"`
		Streams                          []struct{ Name, Fold, Order string }
	}
	if err := json.Unmarshal([]byte(mustRun(t, "", "stats", "db", "--format", "json")), &s); err != nil {
		t.Fatal(err)
	}
	if s.Position != 100 || s.Changes != 100 || s.Batches != 34 || s.Keys != 7 || len(s.Streams) != 1 || s.Streams[0].Fold != "replace" {
		t.Errorf("got %+v", s)
	}
	if parts := s.RowBytes + s.FrameBytes + s.Definitions + s.HeaderBytes + s.ReservedBytes; parts != s.LogBytes {
		t.Errorf("the parts of the log are %d bytes, the log is %d", parts, s.LogBytes)
	}
	if out := mustRun(t, "", "stats", "db", "--format", "csv"); !strings.HasPrefix(out, "name,value\nposition,100\n") {
		t.Errorf("got %s", out)
	}
}
