package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/annalsdb/annals/query"
	"github.com/annalsdb/annals/segment"
)

// answer is what a query gave: rows of values below the names of columns. The
// rows can be read once.
type answer struct {
	names []string
	rows  iter.Seq2[query.Row, error]
}

// write writes all rows in a format as they come, and returns how many there
// were and the names of the columns that a terminal had no room for.
func (q *answer) write(w io.Writer, s screen, f formatFlag) (n int, omitted []string, err error) {
	switch f {
	case formatJSON:
		n, err = q.writeJSON(w)
	case formatCSV:
		n, err = q.writeCSV(w)
	default:
		return q.writeTable(w, s)
	}
	return n, nil, err
}

// maxName bounds the columns of a terminal that a name of a column takes: the
// name of an expression is its text.
const maxName = 30

func (q *answer) writeTable(w io.Writer, s screen) (n int, omitted []string, err error) {
	header := make([]string, len(q.names))
	for i, name := range q.names {
		if header[i] = sanitize(name); s.width > 0 {
			header[i] = fit(header[i], maxName)
		}
	}
	t := newTable(w, s, header)
	t.omit = true
	for values, err := range q.rows {
		if err == nil {
			n++
			err = t.add(cellsOf(values))
		}
		if err != nil {
			return n, nil, t.close(err)
		}
	}
	err = t.close(nil)
	return n, q.names[t.shown:], err
}

func cellsOf(values query.Row) []cell {
	row := make([]cell, len(values))
	for i, v := range values {
		row[i] = valueCell(v)
	}
	return row
}

// valueCell is a value in a table.
func valueCell(v query.Value) cell {
	switch v.Kind() {
	case segment.NullValue:
		return styled("null", dim)
	case segment.Int64Value, segment.Float64Value:
		return number(v.String())
	case segment.TimeValue:
		return cell{text: v.Time().UTC().Format("2006-01-02 15:04:05.999999999"), style: dim, whole: true}
	case segment.StringValue:
		return text(v.Str())
	}
	return text(v.String())
}

// writeLines writes a plan, which has a line a row.
func (q *answer) writeLines(w io.Writer) error {
	out := newOutput(w)
	for values, err := range q.rows {
		if err == nil {
			err = out.write([]byte(sanitize(values[0].Str()) + "\n"))
		}
		if err != nil {
			return out.close(err)
		}
	}
	return out.close(nil)
}

// writeJSON writes an object a row.
func (q *answer) writeJSON(w io.Writer) (n int, err error) {
	members := make([][]byte, len(q.names))
	for i, name := range unique(q.names) {
		members[i] = append(segment.AppendJSONString([]byte{','}, name), ':')
	}
	members[0][0] = '{'
	out := newOutput(w)
	var line []byte
	for values, err := range q.rows {
		if err != nil {
			return n, out.close(err)
		}
		n++
		line = line[:0]
		for i, v := range values {
			line = v.AppendJSON(append(line, members[i]...))
		}
		if err := out.write(append(line, "}\n"...)); err != nil {
			return n, out.close(err)
		}
	}
	return n, out.close(nil)
}

// writeCSV writes the names, then a record a row; see cellText.
func (q *answer) writeCSV(w io.Writer) (n int, err error) {
	out := newOutput(w)
	records := csv.NewWriter(out.w)
	defer func() {
		records.Flush()
		err = out.close(err)
	}()
	if err := records.Write(unique(q.names)); err != nil {
		return 0, fmt.Errorf("write output: %w", err)
	}
	record := make([]string, len(q.names))
	for values, err := range q.rows {
		if err != nil {
			return n, err
		}
		n++
		for i, v := range values {
			record[i] = cellText(v)
		}
		if err := records.Write(record); err != nil {
			return n, fmt.Errorf("write output: %w", err)
		}
	}
	return n, nil
}

// unique is names of which no two are the same: the second key is key_2.
func unique(names []string) []string {
	all := make([]string, 0, len(names))
	for _, name := range names {
		got := name
		for i := 2; slices.Contains(all, got) || got != name && slices.Contains(names, got); i++ {
			got = fmt.Sprintf("%s_%d", name, i)
		}
		all = append(all, got)
	}
	return all
}

// omission says what a table left out.
func omission(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("no room for %s: %s", count(len(names), "column"), sanitize(strings.Join(names, ", ")))
}
