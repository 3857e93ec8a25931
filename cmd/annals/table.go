package main

import (
	"io"
	"strings"
	"time"
)

// cell is one cell of a table. Its text is sanitized when it is printed.
type cell struct {
	text  string
	style style
	right bool // align its column to the right, as numbers are
	whole bool // what is left of it when it is cut says something else
}

func text(s string) cell             { return cell{text: s} }
func styled(s string, st style) cell { return cell{text: s, style: st} }
func moment(t time.Time) cell        { return cell{text: shortTime(t), style: dim, whole: true} }

// position is a number without separators, so that it can be copied.
func position(n uint64) cell { return number(decimal(n)) }

func number(digits string) cell { return cell{text: digits, right: true, whole: true} }

// tableBlock is the number of rows that settle the widths of the columns. A
// table may be longer than memory: later rows go out in such blocks, with
// columns that only ever grow.
const tableBlock = 500

// table prints rows with aligned columns. On a terminal the last column is cut
// at its edge.
type table struct {
	out    *output
	screen screen
	header []string
	widths []int
	whole  []bool // columns that are not cut
	right  []bool // columns that are aligned to the right
	rows   [][]cell
	begun  bool
	omit   bool // leave out columns that there is no room for
	shown  int  // columns that are not left out
}

func printTable(w io.Writer, s screen, seq records, l layout) (n int, err error) {
	t := newTable(w, s, l.table)
	for r, err := range seq {
		if err == nil {
			n++
			err = t.add(r.row())
		}
		if err != nil {
			return n, t.close(err)
		}
	}
	return n, t.close(nil)
}

func newTable(w io.Writer, s screen, header []string) *table {
	n := len(header)
	return &table{
		out: newOutput(w), screen: s, header: header,
		widths: make([]int, n), whole: make([]bool, n), right: make([]bool, n), shown: n,
	}
}

func (t *table) add(row []cell) error {
	for i := range row {
		row[i].text = sanitize(row[i].text)
	}
	if t.rows = append(t.rows, row); len(t.rows) == tableBlock {
		return t.flush()
	}
	return nil
}

// close prints what is left and returns err, or else what went wrong.
func (t *table) close(err error) error {
	if ferr := t.flush(); err == nil {
		err = ferr
	}
	return t.out.close(err)
}

// flush prints the rows held back, with the header in front of the first.
func (t *table) flush() error {
	if len(t.rows) == 0 {
		return nil
	}
	t.measure()
	if !t.begun {
		t.begun = true
		for t.omit && t.screen.width > 0 && t.shown > 1 && t.least() > t.screen.width {
			t.shown--
		}
		head := make([]cell, len(t.header))
		for i, name := range t.header {
			head[i] = cell{text: name, style: bold}
		}
		t.rows = append([][]cell{head}, t.rows...)
	}
	t.shrink()
	for _, row := range t.rows {
		if err := t.out.write([]byte(t.line(row))); err != nil {
			return err
		}
	}
	t.rows = t.rows[:0]
	return nil
}

// measure widens the columns to hold what they have to.
func (t *table) measure() {
	for i, name := range t.header {
		t.widths[i] = max(t.widths[i], width(name))
	}
	for _, row := range t.rows {
		for i, c := range row {
			t.widths[i] = max(t.widths[i], width(c.text))
			t.whole[i] = t.whole[i] || c.whole
			t.right[i] = t.right[i] || c.right
		}
	}
}

// The last column gets up to lastWidth columns of a terminal, or what is left
// but at least lastLeast; the widest others give way for it, down to leastWidth.
const (
	lastWidth  = 30
	lastLeast  = 8
	leastWidth = 12
)

// shrink narrows the widest columns, bit by bit, until all fit.
func (t *table) shrink() {
	if t.screen.width == 0 {
		return
	}
	last := t.shown - 1
	used := min(t.widths[last], lastWidth)
	for i, w := range t.widths[:last] {
		if !t.whole[i] {
			t.widths[i] = min(w, t.screen.width)
		}
		used += t.widths[i] + len(tableGap)
	}
	for ; used > t.screen.width; used-- {
		widest := -1
		for i, w := range t.widths[:last] {
			if !t.whole[i] && w > leastWidth && (widest < 0 || w > t.widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		t.widths[widest]--
	}
}

// least is how narrow the shown columns can be.
func (t *table) least() int {
	last := t.shown - 1
	used := min(t.widths[last], lastLeast)
	if t.whole[last] {
		used = t.widths[last]
	}
	for i, w := range t.widths[:last] {
		if !t.whole[i] {
			w = min(w, leastWidth)
		}
		used += w + len(tableGap)
	}
	return used
}

const tableGap = "  "

// line is one row with its line end.
func (t *table) line(row []cell) string {
	var b strings.Builder
	used := 0
	for i, c := range row[:t.shown] {
		if i == t.shown-1 {
			b.WriteString(t.lastCell(c, used))
			break
		}
		c.text = fitPath(c.text, t.widths[i])
		painted := t.screen.paint(c.style, c.text)
		if t.right[i] {
			painted = padLeft(painted, t.widths[i])
		}
		b.WriteString(pad(painted, t.widths[i]) + tableGap)
		used += t.widths[i] + len(tableGap)
	}
	return strings.TrimRight(b.String(), " ") + "\n"
}

// lastCell is the cell that ends a row: a terminal cuts it at its edge.
func (t *table) lastCell(c cell, used int) string {
	if t.screen.width > 0 {
		c.text = fit(c.text, max(t.screen.width-used, lastLeast))
	}
	painted := t.screen.paint(c.style, c.text)
	if t.right[t.shown-1] {
		return padLeft(painted, t.widths[t.shown-1])
	}
	return painted
}
