package main

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/annalsdb/annals/query"
	"github.com/annalsdb/annals/segment"
)

func keptOf(names []string, rows ...query.Row) *kept {
	return &kept{names: names, rows: rows}
}

func charted(t *testing.T, k *kept, s screen, column string) string {
	t.Helper()
	lines, err := k.chart(s, column)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		if w := width(line); w > s.width {
			t.Errorf("%d columns of %d: %s", w, s.width, line)
		}
	}
	return strings.Join(lines, "\n")
}

func TestKept_ChartBars(t *testing.T) {
	s, i := segment.StringOf, segment.Int64Of
	k := keptOf([]string{"region", "name", "n"},
		query.Row{s("eu"), s("Europe"), i(40)},
		query.Row{s("north-america"), s("?"), i(-10)},
		query.Row{segment.NullOf(), s("?"), segment.Float64Of(2.5)},
		query.Row{s("x"), s("?"), segment.NullOf()})
	want := strings.Join([]string{
		"n by region",
		"eu            40  ██████████████",
		"…h-america   -10  ███▌",
		"null         2.5  ▉",
		"x           null",
	}, "\n")
	if got := charted(t, k, screen{width: 32}, ""); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestKept_ChartLine(t *testing.T) {
	var rows []query.Row
	for d := 9; d >= 0; d-- { // rows come in no order
		at := time.Date(2024, 3, 1+d, 0, 0, 0, 0, time.UTC)
		rows = append(rows, query.Row{segment.TimeOf(at), segment.Float64Of(float64(d * d))})
	}
	rows = append(rows, query.Row{segment.NullOf(), segment.Int64Of(7)}, query.Row{rows[0][0], segment.Float64Of(math.Inf(1))})
	want := strings.Join([]string{
		"n by day",
		"81 ┤                                  ⢠⠊",
		"   ┤                                ⢀⠔⠁",
		"   ┤                               ⡠⠊",
		"   ┤                             ⢠⠊",
		"   ┤                           ⢀⠔⠁",
		"   ┤                         ⡠⠔⠁",
		"   ┤                      ⢀⡠⠊",
		"   ┤                    ⡠⠔⠁",
		"   ┤                 ⢀⡠⠊",
		"   ┤              ⢀⡠⠔⠁",
		"   ┤          ⣀⡠⠔⠊⠁",
		" 0 ┤⣀⣀⠤⠤⠤⠤⠒⠒⠒⠉",
		"   └────────────────────────────────────",
		"    2024-03-01                2024-03-10",
	}, "\n")
	if got := charted(t, keptOf([]string{"day", "n"}, rows...), screen{width: 40}, "n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestKept_ChartExtremes checks that no numbers lead out of the chart.
func TestKept_ChartExtremes(t *testing.T) {
	f := segment.Float64Of
	for _, rows := range [][]query.Row{
		{{f(1), f(1)}},
		{{f(0), f(0)}, {f(0), f(0)}},
		{{f(-math.MaxFloat64), f(-math.MaxFloat64)}, {f(math.MaxFloat64), f(math.MaxFloat64)}},
		{{f(1), f(math.SmallestNonzeroFloat64)}, {f(2), f(math.MaxFloat64)}},
		{{f(1), f(math.NaN())}, {f(math.Inf(-1)), f(2)}},
		{{segment.Int64Of(math.MinInt64), segment.Int64Of(math.MaxInt64)}, {f(3), segment.Int64Of(math.MinInt64)}},
		{{segment.StringOf("\x1b[31m"), f(math.Inf(1))}, {segment.StringOf("b"), f(math.NaN())}},
		{{segment.StringOf("a"), f(0)}, {segment.StringOf("b"), f(-math.MaxFloat64)}},
	} {
		for _, columns := range []int{40, 80, 300} {
			charted(t, keptOf([]string{"x", "y"}, rows...), screen{width: columns}, "")
		}
	}
}

func TestKept_ChartRefuses(t *testing.T) {
	one := query.Row{segment.StringOf("a"), segment.StringOf("b")}
	for name, k := range map[string]*kept{
		"": keptOf([]string{"a", "b"}, one), "x": keptOf([]string{"a", "b"}, one), "a": keptOf([]string{"a", "b"}, one), "b": keptOf([]string{"a", "b"}),
	} {
		if lines, err := k.chart(screen{}, name); err == nil {
			t.Errorf("column %q: got %q", name, lines)
		}
	}
}

// TestKept_Bounded checks that a long answer is kept in part, and says so.
func TestKept_Bounded(t *testing.T) {
	k := &kept{names: []string{"n", "m"}}
	for i := range int64(keptRows + 1) {
		k.add(query.Row{segment.Int64Of(i), segment.Int64Of(i)})
	}
	if len(k.rows) != keptRows {
		t.Errorf("%d rows", len(k.rows))
	}
	if got := charted(t, k, screen{width: 80}, ""); !strings.HasSuffix(got, "of the first 10,000 rows") {
		t.Errorf("got\n%s", got)
	}
}
