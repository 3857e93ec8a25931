package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/annalsdb/annals/bench/report"
)

func TestParse_WrongUseIsSaid(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"inhale":                         `no workload "inhale"`,
		"ingest,inhale":                  `no workload "inhale"`,
		"ingest,":                        `no workload ""`,
		"ingest asof":                    `what is "asof"`,
		"-events 5":                      "behind the command",
		"ingest -evens 5":                "-evens",
		"ingest -events five":            `"five"`,
		"ingest -events 0":               `"0"`,
		"ingest -events 1k,":             `""`,
		"ingest -events -3":              `"-3"`,
		"ingest -runs 0":                 "-runs 0",
		"ingest -runs many":              `"many"`,
		"ingest -time 0s":                "-time 0s",
		"ingest -time 5":                 "-time",
		"ingest -patience 0s":            "-patience",
		"mixed -rate 0":                  "-rate 0",
		"ingest -load gauss-5":           "gauss-5",
		"ingest -load zipf-2M":           "2000000 keys",
		"ingest -seed -1":                "-seed",
		"ingest -sides annals,annals":    "different names",
		"ingest -sides annals,,bbolt":    "different names",
		"ingest -sides all,bbolt":        "all stands alone",
		"ingest -dir /no/such/directory": "-dir",
		"ingest -dir " + file:            "no directory",
		"ingest -profile " + file:        "-profile",
		"smoke -update-readme":           "-update-readme",
		"ingest -update-readme -profile " + os.TempDir(): "beside a profile",
	} {
		if o, err := parse(strings.Fields(line), io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: options %+v, error %v, want one with %q", line, o, err, want)
		}
	}
}

func TestRun_HelpNamesCommandsAndFlags(t *testing.T) {
	for _, line := range []string{"", "help", "-h", "ingest -h"} {
		var out bytes.Buffer
		if err := run(context.Background(), strings.Fields(line), &out, io.Discard); err != nil {
			t.Errorf("%q: %v", line, err)
		}
		for _, want := range []string{"WORKLOAD", "growth", "bench/peers", "-update-readme", "-events"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("help by %q does not have %q", line, want)
			}
		}
	}
}

func TestRun_SomeWorkloads(t *testing.T) {
	dir := t.TempDir()
	json, svg := filepath.Join(dir, "results.json"), filepath.Join(dir, "all.svg")
	profiles := t.TempDir()
	line := "ingest,asof,minutes -events 2k,3000 -runs 2 -time 10ms -load zipf-50 -dir " + dir + " -json " + json + " -svg " + svg + " -profile " + profiles
	var out, progress bytes.Buffer
	if err := run(context.Background(), strings.Fields(line), &out, &progress); err != nil {
		t.Fatalf("%v\n%s", err, &progress)
	}
	for _, want := range []string{"### ingest", "### asof", "### minutes", "zipf-50, 3k events", "asof, bbolt, by events", "limit"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("output does not have %q:\n%s", want, &out)
		}
	}
	if want := "asof bbolt, 3k events, run 2 of 2"; !strings.Contains(progress.String(), want) {
		t.Errorf("progress does not have %q:\n%s", want, &progress)
	}
	results, err := report.Read(json)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range results.Batches[0].Outcomes {
		if o.Cannot == "" && len(o.Runs) != 2 {
			t.Errorf("%s %s has %d runs", o.Workload, o.Side, len(o.Runs))
		}
	}
	if text, err := os.ReadFile(svg); err != nil || !bytes.Contains(text, []byte("</svg>")) {
		t.Errorf("the drawing: %v", err)
	}
	for _, name := range []string{"ingest-annals-2000-1", "asof-bbolt-3000-2", "minutes-bbolt-3000-1"} {
		if text, err := os.ReadFile(filepath.Join(profiles, name+".pprof")); err != nil || !bytes.HasPrefix(text, []byte{0x1f, 0x8b}) {
			t.Errorf("the profile %s is %d bytes that are not compressed as one: %v", name, len(text), err)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "annals-bench-*"))
	if err != nil || len(left) != 4 { // asof of two sides at two sizes
		t.Errorf("in the directory is left %q: %v", left, err)
	}
}

// A database that was kept and has other events fails, and says where it is.
func TestRun_WrongDatabaseFails(t *testing.T) {
	dir := t.TempDir()
	do := func(line string) error {
		return run(context.Background(), strings.Fields(line+" -runs 1 -time 1ms -sides bbolt -dir "+dir), io.Discard, io.Discard)
	}
	if err := do("asof -events 2000 -load zipf-50"); err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(dir, "annals-bench-bbolt-zipf-50-2000")
	if err := os.Rename(old, filepath.Join(dir, "annals-bench-bbolt-zipf-50-3000")); err != nil {
		t.Fatal(err)
	}
	if err := do("asof -events 3000 -load zipf-50"); err == nil || err.Error() != "1 of 2 failed" {
		t.Errorf("error is %v", err)
	}
}

// A process that takes too long is killed, which is a failure of its side.
func TestRun_PatienceEnds(t *testing.T) {
	var progress bytes.Buffer
	line := "ingest -events 1M -runs 1 -sides annals -patience 50ms -dir " + t.TempDir()
	err := run(context.Background(), strings.Fields(line), io.Discard, &progress)
	if err == nil || !strings.Contains(progress.String(), "took longer than 50ms") {
		t.Errorf("error is %v, said was %s", err, &progress)
	}
}

func TestRun_CancelledLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := run(ctx, strings.Fields("ingest -events 2000 -dir "+dir), io.Discard, io.Discard); err == nil {
		t.Error("a run that was cancelled is a success")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("in the directory is left %v: %v", left, err)
	}
}

// The tables in the READMEs are those of the results that are kept, to the letter.
func TestReadmes_AreWrittenByTheRunner(t *testing.T) {
	kept, err := report.Read("results.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"../README.md", "README.md"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		filled, err := report.Fill(string(text), kept.Parts())
		if err != nil || filled != string(text) {
			t.Errorf("%s differs from results.json, run: go run ./bench readme (%v)", path, err)
		}
	}
}
