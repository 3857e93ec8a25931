package main

import (
	"context"
	"encoding/xml"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/query"
	"github.com/annalsdb/annals/segment"
)

// shopDays are sales of ten towns over the days around the end of winter time, with days
// on which a town sold nothing.
func shopDays() string {
	berlin, _ := time.LoadLocation("Europe/Berlin")
	var b strings.Builder
	for d := range 14 {
		for town := range 10 {
			if (d+town)%5 == 0 {
				continue
			}
			at := time.Date(2024, 3, 25+d, 9, town, 0, 0, berlin)
			fmt.Fprintf(&b, `{"key":"k%d","time":%q,"town":"town <%d> & co","euro":%d.5}`+"\n", town, at.Format(time.RFC3339), town, (10-town)*(d*d%7)-3*town)
		}
	}
	return b.String()
}

// TestAggregate_SVG holds pictures against golden files.
func TestAggregate_SVG(t *testing.T) {
	golden, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	mustRun(t, shopDays(), "import", "db", "-", "--stream", "sales")
	mustRun(t, "", "aggregate", "db", "create", "daily", "SELECT town, sum(euro) AS euro, count(*) AS n FROM sales GROUP BY town, WINDOW day IN 'Europe/Berlin'")
	mustRun(t, "", "aggregate", "db", "create", "towns", "SELECT town, sum(euro) AS euro FROM sales GROUP BY town")
	mustRun(t, "", "aggregate", "db", "create", "hours", "SELECT max(euro) AS euro, last(town) AS town FROM sales GROUP BY WINDOW INTERVAL '1 hour'")
	for file, args := range map[string][]string{
		"daily.svg": {"daily"}, "towns.svg": {"towns"},
		"hours.svg": {"hours", "--from", "2024-04-05", "--to", "2024-04-06"},
	} {
		if out := mustRun(t, "", append([]string{"aggregate", "db", "read", "--svg", file}, args...)...); out != "" {
			t.Errorf("%s: printed %s", file, out)
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(golden, file)
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(path); err != nil || string(got) != string(want) {
			t.Errorf("%s is another one, run with -update to accept: %v\n%s", file, err, firstDifference(string(got), string(want)))
		}
	}
	if left, err := filepath.Glob(".*.svg-*"); err != nil || len(left) > 0 {
		t.Errorf("left over: %q, %v", left, err)
	}
}

func TestAggregate_SVGRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	mustRun(t, shopDays(), "import", "db", "-", "--stream", "sales")
	mustRun(t, "", "aggregate", "db", "create", "daily", "SELECT count(*) AS n, last(town) AS town FROM sales GROUP BY WINDOW day")
	mustRun(t, "", "aggregate", "db", "create", "texts", "SELECT last(town) AS town FROM sales GROUP BY WINDOW day")
	mustRun(t, "", "aggregate", "db", "create", "one", "SELECT count(*) AS n FROM sales")
	if err := os.WriteFile("old.svg", []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		`no column "town" of numbers`:                 {"daily", "--column", "town"},
		"there is no column of numbers to draw":       {"texts"},
		"daily has no windows, or none in that range": {"daily", "--from", "2030-01-01"},
		"it is one value":                             {"one"},
		"write no such/old.svg: open no such/.old":    {"daily", "--svg", "no such/old.svg"},
	} {
		status, out, errOut := annals("", append([]string{"aggregate", "db", "read", "--svg", "old.svg"}, args...)...)
		if status != statusFailure || out != "" || !strings.Contains(errOut, want) {
			t.Errorf("%q: status %d, %s%s", args, status, out, errOut)
		}
	}
	if text, err := os.ReadFile("old.svg"); err != nil || string(text) != "old" {
		t.Errorf("the picture before is %q, %v", text, err)
	}
}

// TestAggregate_WatchSVG: a watch draws what there is, and what has changed when it ends.
func TestAggregate_WatchSVG(t *testing.T) {
	t.Chdir(t.TempDir())
	mustRun(t, lines(10), "import", "db", "-", "--stream", "s")
	mustRun(t, "", "aggregate", "db", "create", "total", "SELECT key, count(*) AS n FROM s GROUP BY key")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var errOut strings.Builder
	out := &following{want: 5, stop: cancel}
	if status := run(ctx, []string{"aggregate", "db", "watch", "total", "--svg", "w.svg"}, nil, out, &errOut); status != statusFound || errOut.Len() > 0 {
		t.Errorf("status %d, %s", status, errOut.String())
	}
	if text, err := os.ReadFile("w.svg"); err != nil || !strings.Contains(string(text), ">k6</text>") {
		t.Errorf("drawn is %s, %v", text, err)
	}
	status, _, failed := annals("", "aggregate", "db", "watch", "total", "--svg", "none/w.svg")
	if status != statusFailure || !strings.Contains(failed, "write none/w.svg") {
		t.Errorf("a folder that is not there: status %d, %s", status, failed)
	}
}

// TestPicture_Extremes checks that no results lead out of the picture.
func TestPicture_Extremes(t *testing.T) {
	result := func(group string, from, to int64, v query.Value, status string) query.Row {
		return query.Row{segment.StringOf(group), segment.FromInt(segment.TimeValue, from), segment.FromInt(segment.TimeValue, to), v,
			segment.StringOf(status), segment.Int64Of(0), segment.Int64Of(7)}
	}
	f := segment.Float64Of
	d := &aggregate.Definition{Name: "a", Stream: "s", By: []aggregate.Input{aggregate.Field("g")}, Measures: []aggregate.Measure{{Name: "v", Function: aggregate.Sum{}}}}
	for i, rows := range [][]query.Row{
		{result("a", 0, 1, f(1), "final")},
		{result("a", 0, 1, f(0), "final"), result("a", 1, 2, f(0), "provisional")},
		{result("\x1b[31m<&\xff", math.MinInt64, 0, f(-math.MaxFloat64), "final"), result("b", math.MaxInt64-1, math.MaxInt64, f(math.MaxFloat64), "final")},
		{result("a", 0, 10, f(math.SmallestNonzeroFloat64), "final"), result("a", 10, 20, f(1e-300), "final")},
		{result("a", 0, 10, f(1e17), "final"), result("a", 10, 20, f(1e17+16), "revised")},
		{result("a", 0, 10, f(math.NaN()), "final"), result("a", 10, 20, f(-5), "final"), result("a", 20, 30, segment.NullOf(), "final")},
		{result("a", 5, 10, segment.Int64Of(math.MinInt64), "final"), result("a", 1e18, 1e18+1, segment.Int64Of(math.MaxInt64), "final")},
	} {
		p, err := keptOf([]string{"g", "window_start", "window_end", "v", "status", "late", "seq"}, rows...).picture(d, "v")
		if err != nil {
			t.Errorf("%d: %v", i, err)
			continue
		}
		withinPicture(t, p.svg())
	}
}

// withinPicture checks that a picture is XML and all of it at places within.
func withinPicture(t *testing.T, text string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	dots := 0
	for {
		token, err := d.Token()
		if token == nil {
			if dots == 0 {
				t.Errorf("%v: no dots in\n%s", err, text)
			}
			return
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if e.Name.Local == "circle" {
			dots++
		}
		for _, a := range e.Attr {
			most := map[string]float64{"x": pictureWidth, "cx": pictureWidth, "y": pictureHeight, "cy": pictureHeight}[a.Name.Local]
			if v, err := strconv.ParseFloat(a.Value, 64); most > 0 && (err != nil || !(v >= 0 && v <= most)) {
				t.Errorf("%s %s=%q", e.Name.Local, a.Name.Local, a.Value)
			}
			if a.Name.Local == "points" && strings.ContainsAny(a.Value, "NaInf-") {
				t.Errorf("points %s", a.Value)
			}
		}
	}
}

func TestTimeTicks(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		from, to string
		zone     *time.Location
		n        int
		want     string
	}{
		{"2024-03-01T00:00:00Z", "2024-03-04T00:00:00Z", time.UTC, 4, "1/Mar 2024 2 3 4"},
		{"2024-02-27T12:00:00Z", "2024-03-02T00:00:00Z", time.UTC, 4, "28/Feb 2024 29 1/Mar 2024 2"},
		{"2023-11-15T00:00:00Z", "2024-03-15T00:00:00Z", time.UTC, 5, "Dec/2023 Jan/2024 Feb Mar"},
		{"1999-06-01T00:00:00Z", "2024-06-01T00:00:00Z", time.UTC, 6, "2000 2005 2010 2015 2020"},
		{"2024-03-01T10:59:58Z", "2024-03-01T11:00:01Z", time.UTC, 4, "10:59:58/1 Mar 2024 10:59:59 11:00:00 11:00:01"},
		{"2024-03-01T10:59:59.998Z", "2024-03-01T11:00:00.001Z", time.UTC, 4, "59.998/1 Mar 2024 10:59 59.999 00/1 Mar 2024 11:00 00.001"},
		// The day of 23 hours, and the night in which two o'clock comes twice.
		{"2024-03-30T23:00:00Z", "2024-04-01T22:00:00Z", berlin, 3, "31/Mar 2024 1/Apr 2024 2"},
		{"2024-03-30T23:00:00Z", "2024-03-31T10:00:00Z", berlin, 4, "00:00/31 Mar 2024 06:00 09:00 12:00"},
		{"2024-10-26T22:00:00Z", "2024-10-27T11:00:00Z", berlin, 5, "00:00/27 Oct 2024 03:00 06:00 09:00 12:00"},
		{"1677-09-22T00:00:00Z", "2262-04-11T00:00:00Z", time.UTC, 12, "1700 1750 1800 1850 1900 1950 2000 2050 2100 2150 2200 2250"},
	} {
		from, err1 := time.Parse(time.RFC3339Nano, c.from)
		to, err2 := time.Parse(time.RFC3339Nano, c.to)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		var got []string
		for _, k := range timeTicks(from.UnixNano(), to.UnixNano(), c.zone, c.n) {
			if k.below != "" {
				k.label += "/" + k.below
			}
			got = append(got, k.label)
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s to %s: %s, want %s", c.from, c.to, s, c.want)
		}
	}
}

func TestNumberTicks(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		want      string
	}{
		{0, 10, "0 2 4 6 8 10"},
		{0, 34.5, "0 10 20 30"},
		{-3, 1e4, "0 5,000 10,000"},
		{-0.031, 0.02, "−0.02 0.00 0.02"},
		{1e15, 1.5e15, "1e+15 1.1e+15 1.2e+15 1.3e+15 1.4e+15 1.5e+15"},
		{5, 5, ""},
		{-math.MaxFloat64, math.MaxFloat64, "-1e+308 0 1e+308"},
	} {
		var got []string
		for _, k := range numberTicks(c.low, c.high, 5) {
			got = append(got, k.label)
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%g to %g: %s, want %s", c.low, c.high, s, c.want)
		}
	}
}
