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
	right bool // align to the right, as numbers are
}

func text(s string) cell             { return cell{text: s} }
func styled(s string, st style) cell { return cell{text: s, style: st} }
func moment(t time.Time) cell        { return cell{text: shortTime(t), style: dim} }

// position is a number without separators, so that it can be copied.
func position(n uint64) cell { return cell{text: decimal(n), right: true} }

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
	rows   [][]cell
	begun  bool
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
	return &table{out: newOutput(w), screen: s, header: header, widths: make([]int, len(header))}
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
		head := make([]cell, len(t.header))
		for i, name := range t.header {
			head[i] = cell{text: name, style: bold, right: t.rows[0][i].right}
		}
		t.rows = append([][]cell{head}, t.rows...)
	}
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
		}
	}
	t.shrink()
}

// The last column gets at least lastWidth columns of a terminal; the widest
// other one gives way for it, down to leastWidth.
const (
	lastWidth  = 30
	leastWidth = 24
)

func (t *table) shrink() {
	last := len(t.widths) - 1
	if t.screen.width == 0 || last < 1 {
		return
	}
	used, widest := 0, 0
	for i, w := range t.widths[:last] {
		used += w + len(tableGap)
		if w > t.widths[widest] {
			widest = i
		}
	}
	if over := used + lastWidth - t.screen.width; over > 0 && t.widths[widest] > leastWidth {
		t.widths[widest] = max(t.widths[widest]-over, leastWidth)
	}
}

const tableGap = "  "

// line is one row with its line end.
func (t *table) line(row []cell) string {
	var b strings.Builder
	used := 0
	for i, c := range row {
		if i == len(row)-1 {
			b.WriteString(t.lastCell(c, used))
			break
		}
		c.text = fitPath(c.text, t.widths[i])
		painted := t.screen.paint(c.style, c.text)
		if c.right {
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
		c.text = fit(c.text, max(t.screen.width-used, 8))
	}
	painted := t.screen.paint(c.style, c.text)
	if c.right {
		return padLeft(painted, t.widths[len(t.widths)-1])
	}
	return painted
}
