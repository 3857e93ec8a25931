package report

import (
	"strings"
	"unicode/utf8"
)

// table is rows of cells under a header. Columns are aligned to the left, or where
// the header begins with ">" to the right.
type table struct {
	header []string
	rows   [][]string
}

func newTable(header ...string) *table { return &table{header: header} }

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// String is the table in Markdown, its columns as wide as what they hold; the last
// one is not filled up.
func (t *table) String() string {
	widths, right := make([]int, len(t.header)), make([]bool, len(t.header))
	names := make([]string, len(t.header))
	for i, h := range t.header {
		names[i], right[i] = strings.CutPrefix(h, ">")
	}
	all := append([][]string{names}, t.rows...)
	for _, row := range all {
		for i := range row {
			row[i] = strings.NewReplacer("|", "\\|", "\n", " ").Replace(row[i])
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]), 3)
		}
	}
	var b strings.Builder
	for r, row := range all {
		for i, cell := range row {
			fill := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			switch {
			case right[i]:
				cell = fill + cell
			case i < len(row)-1:
				cell += fill
			}
			b.WriteString("| " + cell + " ")
		}
		b.WriteString("|\n")
		if r == 0 {
			b.WriteString(rule(widths, right))
		}
	}
	return b.String()
}

// rule is the line below the header.
func rule(widths []int, right []bool) string {
	var b strings.Builder
	for i, w := range widths {
		if i == len(widths)-1 && !right[i] {
			w = 3
		}
		dashes := strings.Repeat("-", w)
		if right[i] {
			dashes = dashes[1:] + ":"
		}
		b.WriteString("| " + dashes + " ")
	}
	return b.String() + "|\n"
}
