package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// answers is what git says of the bundled history.
type gitAnswers struct {
	History map[string][][3]any `json:"history"`
	Years   map[int]yearTotals  `json:"by_author_year_utc"`
}

type yearTotals struct{ Commits, Files, Insertions, Deletions int }

func readAnswers(t *testing.T) (answers gitAnswers) {
	t.Helper()
	text, err := os.ReadFile("demo/curl-answers.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &answers); err != nil || len(answers.History) == 0 || len(answers.Years) < 20 {
		t.Fatalf("%d histories, %d years, %v", len(answers.History), len(answers.Years), err)
	}
	return answers
}

func TestDemo_Counts(t *testing.T) {
	if testing.Short() {
		t.Skip("imports 148,529 events")
	}
	dir := filepath.Join(t.TempDir(), "curl.db")
	out := mustRun(t, "", "demo", "--dir", dir)
	for _, want := range []string{
		"148,529 events in 39,414 commits, ",
		"Now: 4,449 files",
		"commit 39416",
		"On 2010-06-01: 1,269 files, 7.8 MB",
		"680.5 kB",
		"History of lib/krb4.c: 67 changes",
		"→ lib/curl_krb4.c",
		"8.0.0 → 8.1.0: 1,290 files",
		"Changes a month",
		"get " + dir + " curl",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if strings.ContainsRune(out, '\x1b') {
		t.Error("colours where there is no terminal")
	}
	for line := range strings.Lines(out) {
		if w := width(strings.TrimRight(line, "\n")); w > pageWidth && !strings.Contains(line, dir) {
			t.Errorf("%d columns: %s", w, line)
		}
	}

	again := mustRun(t, "", "demo", "--dir", dir)
	if !strings.Contains(again, "148,529 events known already") || !strings.Contains(again, "Now: 4,449 files") {
		t.Errorf("second run:\n%s", again)
	}
	checkTree(t, dir)
	checkHistories(t, dir)
	checkYears(t, dir)
}

// checkTree counts what the other commands say of the same database.
func checkTree(t *testing.T, dir string) {
	if n := strings.Count(mustRun(t, "", "scan", dir, "curl", "--format", "json"), "\n"); n != 4449 {
		t.Errorf("scan: %d files, want 4449", n)
	}
	if n := strings.Count(mustRun(t, "", "scan", dir, "curl", "--known-at", "144", "--format", "csv"), "\n"); n != 145 {
		t.Errorf("scan after the first commit: %d lines, want 144 and a header", n)
	}
	diff := mustRun(t, "", "diff", dir, "curl", "--from", "seq:144", "--to", "latest", "--format", "json")
	var added, removed int
	for line := range strings.Lines(diff) {
		added += strings.Count(line, `"change":"added"`)
		removed += strings.Count(line, `"change":"removed"`)
	}
	if added-removed != 4449-144 {
		t.Errorf("diff: %d added, %d removed, want %d more", added, removed, 4449-144)
	}
}

// checkHistories compares histories with those that git tells.
func checkHistories(t *testing.T, dir string) {
	for key, want := range readAnswers(t).History {
		out := mustRun(t, "", "history", dir, "curl", key, "--format", "json")
		got := strings.Split(strings.TrimSpace(out), "\n")
		if len(got) != len(want) {
			t.Errorf("%s: %d events, want %d", key, len(got), len(want))
			continue
		}
		for i, line := range got {
			var e struct {
				ID     string
				Fields struct{ Blob *string }
			}
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			number, _, _ := strings.Cut(e.ID, ":")
			blob := ""
			if e.Fields.Blob != nil {
				blob = *e.Fields.Blob
			}
			if w, ok := want[i][2].(string); number != jsonNumber(want[i][0]) || ok && blob != w {
				t.Errorf("%s, event %d: commit %s, blob %s, want %v", key, i, number, blob, want[i])
			}
		}
	}
}

// checkYears compares the totals by the year of the author, from one SELECT, with
// those that git tells. A file moved is two events, one of them with the field to,
// and the events of a commit were recorded at one time. Two commits change no file,
// so there are no events of them.
func checkYears(t *testing.T, dir string) {
	out := mustRun(t, "", "query", dir, `SELECT extract(year FROM time) AS year, count(DISTINCT recorded) AS commits,
		count(*) FILTER (WHERE "to" IS NULL) AS files, sum(insertions) AS insertions, sum(deletions) AS deletions
		FROM curl GROUP BY extract(year FROM time)`, "--format", "json")
	want, without := readAnswers(t).Years, 0
	for line := range strings.Lines(out) {
		var got struct {
			Year int
			yearTotals
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		w := want[got.Year]
		delete(want, got.Year)
		without += w.Commits - got.Commits
		w.Commits = got.Commits
		if got.yearTotals != w {
			t.Errorf("%d: %+v, git says %+v", got.Year, got.yearTotals, w)
		}
	}
	if len(want) > 0 || without != 2 {
		t.Errorf("missing are %v, and %d commits without files", want, without)
	}
}

func jsonNumber(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// TestDemo_NothingKept checks that the temporary directory goes away.
func TestDemo_NothingKept(t *testing.T) {
	if testing.Short() {
		t.Skip("imports 148,529 events")
	}
	t.Setenv("TMPDIR", t.TempDir())
	out := mustRun(t, "", "demo")
	if !strings.Contains(out, "Nothing was kept") {
		t.Errorf("got\n%s", out)
	}
	left, err := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
