package report

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/annalsdb/annals/bench/child"
	"github.com/annalsdb/annals/bench/machine"
	"github.com/annalsdb/annals/bench/workload"
)

var update = flag.Bool("update", false, "write the golden files")

// golden holds text against a file.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s is not what it was; if that is meant, run with -update:\n%s", name, text)
	}
}

// outcome has runs whose main figures are values, and another figure.
func outcome(name, side string, events int, unit string, values ...float64) Outcome {
	o := Outcome{Workload: name, Side: side, Load: "zipf-100k", Events: events}
	for _, v := range values {
		o.Runs = append(o.Runs, workload.Result{
			Figures: []workload.Figure{{Name: "main", Value: v, Unit: unit}, {Name: "peak memory", Value: 3 << 20, Unit: "B"}},
			Notes:   []string{"as noted"},
		})
	}
	return o
}

// sample is two batches: the first has a loss, a failure and what cannot be done.
func sample() *Results {
	host := machine.Description{CPU: "Abacus", CPUs: 2, Memory: 8 << 30, Kernel: "linux 6", FileSystem: "ext4 on /dev/sda",
		Go: "go1.26", Revision: "0123456789ab", Date: "2026-11-25"}
	curve := outcome("curve", "annals", 1_000_000, "events/s", 120e3)
	curve.Runs[0].Points = []workload.Point{{Writers: 1, Rate: 20e3, P50: 40e3, P99: 90e3}, {Writers: 2, Rate: 120e3, P50: 50e3, P99: 200e3}}
	failed, cannot := outcome("asof", "pebble", 10_000, "ns"), outcome("asof", "wal", 10_000, "ns")
	failed.Failed, cannot.Cannot = "state of device-000001 is wrong", "has no state at a moment"
	first := Batch{Machine: host, Command: "all", Outcomes: []Outcome{
		curve, failed, cannot,
		outcome("ingest", "bbolt", 10_000, "events/s", 30e3, 20e3, 25e3),
		outcome("ingest", "annals", 10_000, "events/s", 300e3, 100e3, 200e3),
		outcome("ingest", LimitSide, 10_000, "B/s", 315e6, 420e6, 525e6),
		outcome("asof", "bbolt", 10_000, "ns", 500, 550, 520),
		outcome("asof", "annals", 10_000, "ns", 1000, 1100, 1300),
		outcome("asof", LimitSide, 10_000, "gets/s", 1e6, 1e6, 1e6),
	}, Sides: []child.Side{
		{Name: "annals", Version: "this revision", Licence: "Apache-2.0", Durability: "fdatasync", Settings: "defaults"},
		{Name: "bbolt", Version: "v1", Licence: "MIT", Durability: "fdatasync", Settings: "a|b"},
	}}
	host.Date = "2026-11-26"
	second := Batch{Machine: host, Command: "growth", Outcomes: []Outcome{
		outcome("ingest", "annals", 1_000_000, "events/s", 250e3), outcome("ingest", "bbolt", 1_000_000, "events/s", 10e3),
		outcome("latest", "annals", 10_000, "ns", 900),
	}}
	third := Batch{Machine: host, Command: "ingest,latest", Outcomes: []Outcome{
		outcome("ingest", "annals", 100_000_000, "events/s", 240e3), outcome("latest", "annals", 100_000, "ns", 950),
	}}
	r := &Results{}
	r.Add(first)
	r.Add(second)
	r.Add(third)
	return r
}

func TestResults_Golden(t *testing.T) {
	r := sample()
	golden(t, "details.md", r.Details())
	golden(t, "summary.md", r.Summary())
	golden(t, "losses.md", r.Losses())
	golden(t, "sides.md", r.Sides())
	golden(t, "origins.md", r.Origins())
	golden(t, "bars.txt", r.Bars()+r.Growth())
	golden(t, "smoke.md", r.Smoke())
	golden(t, "all.svg", r.SVG())
}

func TestResults_AddReplaces(t *testing.T) {
	r := sample()
	r.Add(Batch{Outcomes: []Outcome{outcome("ingest", "annals", 1_000_000, "events/s", 1), outcome("ingest", "bbolt", 1_000_000, "events/s", 2)}})
	r.Add(Batch{Outcomes: []Outcome{outcome("latest", "annals", 10_000, "ns", 3)}})
	if len(r.Batches) != 4 {
		t.Fatalf("there are %d batches, want the second gone", len(r.Batches))
	}
	seen := map[id]bool{}
	for _, b := range r.Batches {
		for i := range b.Outcomes {
			if k := b.Outcomes[i].id(); seen[k] {
				t.Errorf("%v is there twice", k)
			} else {
				seen[k] = true
			}
		}
	}
}

func TestResults_WriteAndRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.json")
	if r, err := Read(path); err != nil || len(r.Batches) != 0 {
		t.Fatalf("a file that is not there has %v: %v", r, err)
	}
	r := sample()
	if err := r.Write(path); err != nil {
		t.Fatal(err)
	}
	again, err := Read(path)
	if err != nil || again.Details() != r.Details() || again.Origins() != r.Origins() || again.Sides() != r.Sides() {
		t.Errorf("results are others when read again: %v", err)
	}
	if err := os.WriteFile(path, []byte(`{"batches": 7}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a broken file: %v", err)
	}
}

func TestAdvantage_IsOfPairs(t *testing.T) {
	of := func(unit string, values ...float64) spread {
		o := outcome("ingest", "annals", 1, unit, values...)
		s, _ := o.main()
		return s
	}
	for _, c := range []struct {
		a, b   spread
		paired bool
		want   string
	}{
		{of("events/s", 100, 200, 30), of("events/s", 50, 50, 10), true, "3.00 ×"},
		{of("ns", 100, 200, 30), of("ns", 50, 50, 90), true, "0.50 ×"},
		{of("events/s", 100, 200, 30), of("events/s", 50, 50, 10), false, "~2.00 ×"},
		{of("events/s", 100), of("events/s", 50, 40, 60), true, "~2.00 ×"},
	} {
		if _, got := advantage(c.a, c.b, c.paired); got != c.want {
			t.Errorf("%v beside %v is %s, want %s", c.a.runs, c.b.runs, got, c.want)
		}
	}
}

func TestFormat_Units(t *testing.T) {
	for _, c := range []struct {
		v    float64
		unit string
		want string
	}{
		{0, "ns", "0 ns"}, {7, "", "7"}, {999.6, "ns", "1.00 µs"}, {1234, "ns", "1.23 µs"}, {45_600_000, "ns", "45.6 ms"},
		{3e12, "ns", "3000 s"}, {1 << 20, "B", "1.00 MiB"}, {11.46, "B", "11.5 B"}, {315, "B", "315 B"}, {0.0123, "", "0.012"},
		{447_123, "events/s", "447 k events/s"}, {12, "events/s", "12 events/s"}, {2.5e9, "B/s", "2.33 GiB/s"}, {1500, "", "1.50 k"},
	} {
		if got := Format(c.v, c.unit); got != c.want {
			t.Errorf("%g %s is %q, want %q", c.v, c.unit, got, c.want)
		}
	}
}

func TestFill_Parts(t *testing.T) {
	parts := []Part{{"one", "new\n"}, {"two", "2"}, {"unused", "3"}}
	text, err := Fill("a\n<!-- bench one -->\nold\n<!-- end one -->\nb\n<!-- bench two -->\n<!-- end two -->\nc\n", parts)
	want := "a\n<!-- bench one -->\n\nnew\n\n<!-- end one -->\nb\n<!-- bench two -->\n\n2\n\n<!-- end two -->\nc\n"
	if err != nil || text != want {
		t.Errorf("filled: %q, %v", text, err)
	}
	if again, err := Fill(text, parts); err != nil || again != text {
		t.Errorf("filled again: %q, %v", again, err)
	}
	for document, want := range map[string]string{
		"<!-- bench one -->\n":                                     "<!-- end one -->",
		"<!-- bench three -->\n<!-- end three -->":                 `"three"`,
		"<!-- bench one -->\n<!-- bench two -->\n<!-- end two -->": "<!-- end one -->",
	} {
		if text, err := Fill(document, parts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q becomes %q, %v, want an error with %s", document, text, err, want)
		}
	}
}
