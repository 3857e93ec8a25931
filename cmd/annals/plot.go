package main

import (
	"fmt"
	"strings"
	"time"
)

// monthly counts by calendar month in UTC. The zero value is empty.
type monthly struct {
	first  int // of counts, in months since year 0
	counts []int
}

// add counts one at t.
func (m *monthly) add(t time.Time) {
	t = t.UTC()
	i := t.Year()*12 + int(t.Month()) - 1
	if len(m.counts) == 0 {
		m.first = i
	}
	if before := m.first - i; before > 0 {
		m.counts = append(make([]int, before), m.counts...)
		m.first = i
	}
	for len(m.counts) <= i-m.first {
		m.counts = append(m.counts, 0)
	}
	m.counts[i-m.first]++
}

// peak is the largest count and its month, as "2025-10".
func (m *monthly) peak() (n int, month string) {
	for i, c := range m.counts {
		if c > n {
			n, month = c, monthName(m.first+i)
		}
	}
	return n, month
}

func monthName(i int) string { return fmt.Sprintf("%04d-%02d", i/12, i%12+1) }

// column is a bar of the plot: the mean of the months it stands for.
type column struct {
	year  int // where it is the first of its year, else 0
	value float64
}

// columns divides the months among at most width bars. Each stands for the
// same number of months, one that divides a year, so that years line up.
func (m *monthly) columns(width int) []column {
	if len(m.counts) == 0 {
		return nil
	}
	start := m.first - m.first%12 // January
	end := m.first + len(m.counts)
	step := 12
	for _, s := range []int{1, 2, 3, 4, 6} {
		if (end-start+s-1)/s <= width {
			step = s
			break
		}
	}
	var cols []column
	for at := start; at < end; at += step {
		c := column{value: m.mean(at, at+step)}
		if at%12 == 0 {
			c.year = at / 12
		}
		cols = append(cols, c)
	}
	return cols
}

// mean is the mean count of the months [from, to) that lie within m.
func (m *monthly) mean(from, to int) float64 {
	from, to = max(from, m.first), min(to, m.first+len(m.counts))
	if from >= to {
		return 0
	}
	sum := 0
	for _, c := range m.counts[from-m.first : to-m.first] {
		sum += c
	}
	return float64(sum) / float64(to-from)
}

// eighths are bars of zero to eight eighths of a line.
var eighths = []rune(" ▁▂▃▄▅▆▇█")

// plot draws m as bars, width columns wide in all, height lines high, with an
// axis on the left and years below.
func (m *monthly) plot(s screen, width, height int) []string {
	const margin = 7
	cols := m.columns(width - margin)
	top := 1.0
	for _, c := range cols {
		top = max(top, c.value)
	}
	var lines []string
	for row := height - 1; row >= 0; row-- {
		var bars strings.Builder
		for _, c := range cols {
			// What of the bar reaches into this row; something is never nothing.
			part := int(c.value/top*float64(8*height)+0.5) - 8*row
			if row == 0 && c.value > 0 {
				part = max(part, 1)
			}
			bars.WriteRune(eighths[min(max(part, 0), 8)])
		}
		label := ""
		if row == height-1 || row == height/2-1 {
			label = thousands(int(top * float64(row+1) / float64(height)))
		}
		lines = append(lines, s.paint(dim, padLeft(label, margin-2)+" ┤")+s.paint(green, strings.TrimRight(bars.String(), " ")))
	}
	return append(lines, s.paint(dim, strings.Repeat(" ", margin-1)+axis(cols)))
}

// axis is the line of years below the bars, as many as there is room for.
func axis(cols []column) string {
	line := []rune("└" + strings.Repeat("─", len(cols)))
	for i, c := range cols {
		if c.year == 0 || c.year%5 != 0 || i+6 > len(cols) {
			continue
		}
		copy(line[i+1:], []rune("┬"+fmt.Sprint(c.year)))
	}
	return string(line)
}

// bar is a horizontal bar for a part of what is columns wide.
func bar(part float64, columns int) string {
	eighth := int(part * 8 * float64(columns))
	full := strings.Repeat("█", eighth/8)
	if eighth%8 == 0 {
		return full
	}
	return full + string([]rune("▏▎▍▌▋▊▉")[eighth%8-1])
}
