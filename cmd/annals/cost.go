package main

import (
	"fmt"
	"strings"

	"github.com/annalsdb/annals/query"
)

// tellCost says below a table how many rows it has, how long they took, the
// position they are exact at and what was read for them. In other formats a
// person at a terminal is told beside the answer.
func (a *app) tellCost(f formatFlag, rows int, omitted []string, s *query.Stats) error {
	w, on := a.out, a.screen
	if f != formatTable {
		w, on = a.err, screenOf(a.err)
		if on.width == 0 {
			return nil
		}
	}
	text := on.paint(dim, cost(rows, s)) + "\n"
	if len(omitted) > 0 {
		text = on.paint(yellow, omission(omitted)) + "\n" + text
	}
	if _, err := fmt.Fprint(w, text); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

// cost is what an answer cost, on one line.
func cost(rows int, s *query.Stats) string {
	parts := []string{count(rows, "row"), duration(s.Elapsed), "exact at position " + decimal(s.Seq)}
	if read := s.Read + int64(s.Scan.Read.Rows); read > 0 {
		parts = append(parts, "read "+count(read, "row"))
	}
	if pages := s.Scan.Read.Pages; pages > 0 {
		parts = append(parts, count(pages, "page")+" of "+byteSize(s.Scan.Read.Bytes))
	}
	return strings.Join(parts, ", ")
}
