package report

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/meter"
	"github.com/annalsdb/annals/bench/workload"
)

// barWidth is the longest bar, in characters.
const barWidth = 40

// Bars draws the main figure of each side, below each other, by workload and size.
func (r *Results) Bars() string {
	var b strings.Builder
	for _, g := range r.groups() {
		var labels []string
		var values []spread
		for _, e := range g.entries {
			if s, ok := e.main(); ok && e.Side != LimitSide {
				labels, values = append(labels, e.Side), append(values, s)
			}
		}
		title := fmt.Sprintf("%s, %s events", g.workload.Name, load.Count(g.events))
		b.WriteString(bars(title, labels, values))
	}
	return b.String()
}

// Growth draws the main figure of each side by size, for workloads that were
// measured at several.
func (r *Results) Growth() string {
	var b strings.Builder
	for _, c := range growths(r.groups()) {
		for _, s := range c.series {
			labels, values := make([]string, len(s.points)), make([]spread, len(s.points))
			for i, p := range s.points {
				labels[i], values[i] = load.Count(int(p.x)), spread{unit: c.unit, median: p.y}
			}
			b.WriteString(bars(c.title+", "+s.name+", by events", labels, values))
		}
	}
	return b.String()
}

// bars is a title and a bar for each value; "" without values.
func bars(title string, labels []string, values []spread) string {
	if len(values) == 0 {
		return ""
	}
	most, width := 0.0, 0
	for i, v := range values {
		most, width = max(most, v.median), max(width, utf8.RuneCountInString(labels[i]))
	}
	better := "less is better"
	if values[0].isRate() {
		better = "more is better"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s)\n", title, better)
	for i, v := range values {
		fmt.Fprintf(&b, "  %-*s %s %s\n", width, labels[i], bar(v.median/most), v)
	}
	return b.String() + "\n"
}

// bar is a bar of a part of barWidth, to an eighth of a character; something is
// never nothing.
func bar(part float64) string {
	eighths := max(int(part*barWidth*8+0.5), 1)
	text := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		text += string([]rune(" ▏▎▍▌▋▊▉")[rest])
	}
	return text
}

// medianPoints are the points of a curve, each the median of its runs by rate.
func medianPoints(o *Outcome) (points []workload.Point) {
	if len(o.Runs) == 0 {
		return nil
	}
	for i, p := range o.Runs[0].Points {
		var rates, p50, p99 []float64
		for _, run := range o.Runs {
			if i < len(run.Points) && run.Points[i].Writers == p.Writers {
				rates, p50, p99 = append(rates, run.Points[i].Rate), append(p50, run.Points[i].P50), append(p99, run.Points[i].P99)
			}
		}
		points = append(points, workload.Point{Writers: p.Writers, Rate: meter.Median(rates), P50: meter.Median(p50), P99: meter.Median(p99)})
	}
	return points
}
