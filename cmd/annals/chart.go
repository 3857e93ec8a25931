package main

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/annalsdb/annals/query"
	"github.com/annalsdb/annals/segment"
)

// keptRows bounds the rows of an answer that are kept to be drawn.
const keptRows = 10_000

// kept is the beginning of an answer.
type kept struct {
	names []string
	rows  []query.Row
	more  bool // there were more rows
}

func (k *kept) add(row query.Row) {
	if len(k.rows) == keptRows {
		k.more = true
		return
	}
	k.rows = append(k.rows, row)
}

// keeping is the rows of an answer, the first of which are kept as they pass.
func (k *kept) keeping(q *answer) iter.Seq2[query.Row, error] {
	k.names = q.names
	rows := q.rows
	return func(yield func(query.Row, error) bool) {
		for row, err := range rows {
			if err == nil {
				k.add(row)
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// chart draws a column of numbers, without a name the first behind the first
// column, over the first column: a line where that holds times or numbers, else
// a bar a row.
func (k *kept) chart(s screen, name string) ([]string, error) {
	y, err := k.numbers(name)
	if err != nil {
		return nil, err
	}
	var lines []string
	columns := min(s.width, pageWidth)
	if columns == 0 {
		columns = pageWidth
	}
	if kind := k.kindOf(0); kind == segment.TimeValue || kind == segment.Int64Value {
		lines = k.line(s, columns, y, kind)
	} else {
		lines = k.bars(s, columns, y)
	}
	lines = append([]string{s.paint(title, sanitize(k.names[y])+" by "+sanitize(k.names[0]))}, lines...)
	if k.more {
		lines = append(lines, s.paint(dim, "of the first "+count(keptRows, "row")))
	}
	return lines, nil
}

// numbers is the place of the column to draw.
func (k *kept) numbers(name string) (int, error) {
	if len(k.rows) == 0 {
		return 0, errors.New("there are no rows to draw")
	}
	for i := 1; i < len(k.names); i++ {
		if (name == "" || k.names[i] == name) && k.kindOf(i) == segment.Int64Value {
			return i, nil
		}
	}
	if name != "" {
		return 0, fmt.Errorf("no column %q of numbers behind the first one", name)
	}
	return 0, errors.New("no column of numbers behind the first one, which they are drawn over")
}

// kindOf is time if a column holds times, int64 if it holds numbers of either
// kind, and null if it holds anything else.
func (k *kept) kindOf(column int) segment.ValueKind {
	found := segment.NullValue
	for _, row := range k.rows {
		kind := row[column].Kind()
		if kind == segment.Float64Value {
			kind = segment.Int64Value
		}
		switch {
		case kind == segment.NullValue || kind == found:
		case found == segment.NullValue && (kind == segment.Int64Value || kind == segment.TimeValue):
			found = kind
		default:
			return segment.NullValue
		}
	}
	return found
}

// numberOf is a value as a number, ok if it is a finite one or a time, else 0.
func numberOf(v query.Value) (f float64, ok bool) {
	switch v.Kind() {
	case segment.Int64Value:
		return float64(v.Int64()), true
	case segment.TimeValue:
		return float64(v.Nanos()), true
	case segment.Float64Value:
		if f = v.Float64(); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return f, true
		}
	}
	return 0, false
}

// maxBars bounds the bars of one chart.
const maxBars = 40

// bars is a bar for each row, of what is negative in red.
func (k *kept) bars(s screen, columns, y int) []string {
	labels, digits, most := 0, 0, 0.0
	rows := k.rows[:min(len(k.rows), maxBars)]
	for _, row := range rows {
		labels = max(labels, width(label(row[0])))
		digits = max(digits, width(label(row[y])))
		f, _ := numberOf(row[y])
		most = max(most, math.Abs(f))
	}
	labels = min(labels, columns/3)
	room := max(columns-labels-digits-2*len(tableGap), lastLeast)
	var lines []string
	for _, row := range rows {
		f, _ := numberOf(row[y])
		st := green
		if f < 0 {
			st = red
		}
		line := pad(fitPath(label(row[0]), labels), labels) + tableGap + padLeft(label(row[y]), digits) + tableGap
		lines = append(lines, strings.TrimRight(line+s.paint(st, bar(math.Abs(f)/max(most, math.SmallestNonzeroFloat64), room)), " "))
	}
	if left := len(k.rows) - len(rows); left > 0 {
		lines = append(lines, s.paint(dim, count(left, "row")+" more"))
	}
	return lines
}

func label(v query.Value) string {
	if f, ok := numberOf(v); ok && v.Kind() == segment.Float64Value {
		return shortNumber(f)
	}
	return sanitize(valueCell(v).text)
}

type point struct{ x, y float64 }

const lineHeight = 12

// line is a line through the rows, in the order of the first column, with the
// least and the greatest values at its axes.
func (k *kept) line(s screen, columns, y int, kind segment.ValueKind) []string {
	var points []point
	for _, row := range k.rows {
		a, ok := numberOf(row[0])
		if b, ok2 := numberOf(row[y]); ok && ok2 {
			points = append(points, point{a, b})
		}
	}
	if len(points) == 0 {
		return []string{s.paint(dim, "nothing but nulls")}
	}
	slices.SortStableFunc(points, func(a, b point) int { return cmp.Compare(a.x, b.x) })
	low, high := bounds(points)
	top, bottom := shortNumber(high), shortNumber(low)
	margin := max(len(top), len(bottom))
	c := newCanvas(columns-margin-2, lineHeight)
	c.draw(points, low, high)
	var lines []string
	for i, row := range c.lines() {
		left := strings.Repeat(" ", margin)
		switch i {
		case 0:
			left = padLeft(top, margin)
		case lineHeight - 1:
			left = padLeft(bottom, margin)
		}
		lines = append(lines, s.paint(dim, left+" ┤")+s.paint(green, row))
	}
	from, to := ends(points, kind)
	gap := strings.Repeat(" ", max(columns-margin-2-width(from)-width(to), 1))
	return append(lines,
		s.paint(dim, strings.Repeat(" ", margin+1)+"└"+strings.Repeat("─", columns-margin-2)),
		s.paint(dim, strings.Repeat(" ", margin+2)+from+gap+to))
}

// bounds are the values at the bottom and the top. The bottom is 0 unless values
// are negative or all far from it.
func bounds(points []point) (low, high float64) {
	low, high = points[0].y, points[0].y
	for _, p := range points {
		low, high = min(low, p.y), max(high, p.y)
	}
	if low > 0 && low < high/2 || low == high && low > 0 {
		low = 0
	}
	return low, high
}

// ends are the texts of the first and the last place of a line.
func ends(points []point, kind segment.ValueKind) (from, to string) {
	first, last := points[0].x, points[len(points)-1].x
	if kind != segment.TimeValue {
		return shortNumber(first), shortNumber(last)
	}
	layout := "2006-01-02"
	if last-first < float64(48*time.Hour) {
		layout = "2006-01-02 15:04:05"
	}
	return time.Unix(0, int64(first)).UTC().Format(layout), time.Unix(0, int64(last)).UTC().Format(layout)
}

func shortNumber(f float64) string {
	if f == math.Trunc(f) && math.Abs(f) < 1e12 {
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
	return strconv.FormatFloat(f, 'g', 4, 64)
}
