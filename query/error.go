package query

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error is what is wrong with a query, and where in its text. A query built in Go
// is printed first, so that its errors have a place too.
type Error struct {
	Text    string // the query
	At      int    // byte offset in Text
	Message string // what is wrong, and what was expected or is near
}

// Error is the message, the line of the text that it speaks of, and a caret below
// the character:
//
//	query, line 1, column 8: expected an expression, found FROM
//	  SELECT FROM orders
//	         ^
func (e *Error) Error() string {
	before := e.Text[:e.At]
	start := strings.LastIndexByte(before, '\n') + 1
	line, _, _ := strings.Cut(e.Text[start:], "\n")
	column := utf8.RuneCountInString(before[start:])
	shown, caret := clip(line, column)
	return fmt.Sprintf("query, line %d, column %d: %s\n  %s\n  %s^",
		strings.Count(before, "\n")+1, column+1, e.Message, shown, caret)
}

// around is how many characters of a long line are shown on either side of the
// place that an error speaks of.
const around = 60

// clip is the part of line around a column that a person can read at once, and the
// white space that leads to the column below it.
func clip(line string, column int) (shown, lead string) {
	runes := []rune(strings.TrimSuffix(line, "\r"))
	from, to := max(0, column-around), min(len(runes), column+around)
	white := make([]rune, 0, around)
	for i := from; i < column; i++ {
		if i < len(runes) && runes[i] == '\t' {
			white = append(white, '\t')
			continue
		}
		white = append(white, ' ')
	}
	if from > 0 {
		shown, white = "… ", append([]rune("  "), white...)
	}
	shown += string(runes[from:to])
	if to < len(runes) {
		shown += " …"
	}
	return shown, string(white)
}

// nearest is the name nearest to one that is not known, "" if none is near: at most
// a third of it, and no more than three characters, are others, missing or too many.
func nearest(name string, known []string) string {
	best, limit := "", min(3, max(1, utf8.RuneCountInString(name)/3))
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d <= limit && k != name {
			best, limit = k, d-1
		}
	}
	return best
}

// meant is a hint at the nearest of the known names, "" if none is near.
func meant(name string, known []string) string {
	if near := nearest(name, known); near != "" {
		return "; did you mean " + quoteName(near) + "?"
	}
	return ""
}

// distance is how many characters must be changed, added, taken out or swapped
// with their neighbour to make b of a (optimal string alignment). O(len(a)·len(b)).
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			change := rows[i-1][j-1]
			if x[i-1] != y[j-1] {
				change++
			}
			rows[i][j] = min(change, rows[i-1][j]+1, rows[i][j-1]+1)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(x)][len(y)]
}
