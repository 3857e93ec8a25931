package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/annalsdb/annals/query"
	"github.com/annalsdb/annals/segment"
)

// plotAggregate draws a column of the results of an aggregate, which begin with its
// groups and the window.
func (a *app) plotAggregate(ctx context.Context, reader query.Reader, q query.Query, groups int, column string) error {
	all, err := keep(ctx, reader, q)
	if err != nil {
		return err
	}
	if len(all.rows) == 0 {
		return errAbsent
	}
	var lines []string
	if windows := all.rows[0][groups].Kind() != segment.NullValue; groups > 0 && windows {
		lines, err = all.sparklines(a.screen, groups, column)
	} else {
		lines, err = all.without(groups, windows).chart(a.screen, column)
	}
	if err == nil {
		_, err = fmt.Fprintln(a.out, strings.Join(lines, "\n"))
	}
	return err
}

// keep answers a query and keeps the beginning of the answer.
func keep(ctx context.Context, reader query.Reader, q query.Query) (*kept, error) {
	result, err := query.Run(ctx, reader, q)
	if err != nil {
		return nil, err
	}
	all := &kept{names: result.Columns()}
	for row, err := range result.Rows() {
		if err != nil {
			return nil, interrupted(ctx, err)
		}
		all.add(row)
	}
	return all, nil
}

// without is the answer without the columns that are not drawn: the end of the window,
// and its start where there is none.
func (k *kept) without(groups int, windows bool) *kept {
	cut := func(first int, n int) *kept {
		c := &kept{names: slices.Delete(slices.Clone(k.names), first, first+n), more: k.more}
		for _, row := range k.rows {
			c.rows = append(c.rows, slices.Delete(slices.Clone(row), first, first+n))
		}
		return c
	}
	if windows {
		return cut(groups+1, 1)
	}
	return cut(groups, 2)
}

// series is the values of a group, one for each window.
type series struct {
	label  string
	values []float64
	sum    float64
}

// sparklines is a line for each group, the greatest sum first, over the windows that
// any of them has.
func (k *kept) sparklines(s screen, groups int, column string) ([]string, error) {
	y, err := k.measure(groups, column)
	if err != nil {
		return nil, err
	}
	all, windows := k.series(groups, y)
	shown := all[:min(len(all), maxBars)]
	labels := 0
	for _, g := range shown {
		labels = max(labels, width(g.label))
	}
	columns := min(s.width, pageWidth)
	if columns == 0 {
		columns = pageWidth
	}
	labels = min(labels, columns/3)
	room := max(columns-labels-2*len(tableGap)-8, lastLeast)
	lines := []string{s.paint(title, sanitize(k.names[y])+" by "+sanitize(strings.Join(k.names[:groups], ", "))+", over window_start, and the greatest of each")}
	for _, g := range shown {
		lines = append(lines, pad(fitPath(g.label, labels), labels)+tableGap+
			s.paint(green, pad(sparkline(g.values, room), min(room, windows)))+tableGap+shortNumber(slices.Max(g.values)))
	}
	if left := len(all) - len(shown); left > 0 {
		lines = append(lines, s.paint(dim, count(left, "group")+" more"))
	}
	if k.more {
		lines = append(lines, s.paint(dim, "of the first "+count(keptRows, "row")))
	}
	return lines, nil
}

// knownOfResults is how many columns of results say what is known of them: status, late, seq.
const knownOfResults = 3

// measure is the place of the column to draw, which stands behind groups and window;
// without a name the first that the aggregate computes.
func (k *kept) measure(groups int, name string) (int, error) {
	end := len(k.names)
	if name == "" {
		end -= knownOfResults
	}
	for i := groups + 2; i < end; i++ {
		if (name == "" || k.names[i] == name) && k.kindOf(i) == segment.Int64Value {
			return i, nil
		}
	}
	if name == "" {
		return 0, errors.New("there is no column of numbers to draw")
	}
	return 0, fmt.Errorf("no column %q of numbers behind the window", name)
}

// series is the values of a column by group, and how many windows there are. Rows are
// in the order of the starts of windows.
func (k *kept) series(groups, y int) (all []*series, windows int) {
	places := map[int64]int{}
	for _, row := range k.rows {
		if t := row[groups].Nanos(); places[t] == 0 {
			places[t] = len(places) + 1
		}
	}
	byGroup := map[string]*series{}
	for _, row := range k.rows {
		var labels []string
		for _, v := range row[:groups] {
			labels = append(labels, label(v))
		}
		name := strings.Join(labels, " ")
		g := byGroup[name]
		if g == nil {
			g = &series{label: name, values: make([]float64, len(places))}
			byGroup[name] = g
			all = append(all, g)
		}
		f, _ := numberOf(row[y])
		g.values[places[row[groups].Nanos()]-1] = f
		g.sum += f
	}
	slices.SortStableFunc(all, func(a, b *series) int {
		return cmp.Or(cmp.Compare(b.sum, a.sum), strings.Compare(a.label, b.label))
	})
	return all, len(places)
}

// sparkline is values as bars of one line, no more than room, of which each stands for
// the greatest of some that follow one another. What is negative has no bar.
func sparkline(values []float64, room int) string {
	top := math.SmallestNonzeroFloat64
	for _, v := range values {
		top = max(top, v)
	}
	step := (len(values) + room - 1) / max(room, 1)
	var b strings.Builder
	for some := range slices.Chunk(values, max(step, 1)) {
		v := slices.Max(some)
		part := int(v/top*8 + 0.5)
		if v > 0 {
			part = max(part, 1)
		}
		b.WriteRune(eighths[min(max(part, 0), 8)])
	}
	return b.String()
}
