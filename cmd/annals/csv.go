package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/annalsdb/annals/cmd/annals/source"
	"github.com/annalsdb/annals/store"
)

// CSV output has the fixed columns of its layout, then one for each field that
// any of the records has, in the order they are first met. A field that holds
// a JSON object becomes a column for each of its members, named by the path:
// data.size. Arrays stay JSON. A field with the name of a fixed column is
// called fields.NAME. Absent fields, nulls and empty text are empty cells.
//
// The columns are learned by reading the records once more before they are
// written, so that no output is held in memory.

// printCSV writes a header and a row a record. Without records it writes
// nothing.
func printCSV(w io.Writer, seq records, l layout) (n int, err error) {
	columns := newColumns(l.csv)
	for r, err := range seq {
		if err != nil {
			return 0, err
		}
		n++
		flatten(r.fields(), func(path, _ string) { columns.learn(path) })
	}
	if n == 0 {
		return 0, nil
	}
	out := csv.NewWriter(w)
	if err := out.Write(columns.names); err != nil {
		return 0, fmt.Errorf("write output: %w", err)
	}
	for r, err := range seq {
		if err != nil {
			out.Flush()
			return n, err
		}
		if err := out.Write(columns.row(r)); err != nil {
			return n, fmt.Errorf("write output: %w", err)
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return n, fmt.Errorf("write output: %w", err)
	}
	return n, nil
}

// pathSep joins the names of a path where it identifies a column, so that a
// field "a.b" and a member b of a field "a" are two.
const pathSep = "\x00"

// columns is the columns of one CSV output.
type columns struct {
	fixed  int
	names  []string       // of all columns
	places map[string]int // of the columns of fields, by path
}

func newColumns(fixed []string) *columns {
	return &columns{fixed: len(fixed), names: slices.Clone(fixed), places: make(map[string]int)}
}

func (c *columns) learn(path string) {
	if _, known := c.places[path]; known {
		return
	}
	name := strings.ReplaceAll(path, pathSep, ".")
	if slices.Contains(c.names[:c.fixed], name) {
		name = "fields." + name
	}
	c.places[path] = len(c.names)
	c.names = append(c.names, name)
}

// row is the cells of r, one for each column.
func (c *columns) row(r record) []string {
	row := make([]string, len(c.names))
	copy(row, r.cells())
	flatten(r.fields(), func(path, text string) { row[c.places[path]] = text })
	return row
}

// flatten calls f with the path and the text of every value in fs, those
// inside of JSON objects included.
func flatten(fs store.Fields, f func(path, text string)) {
	for _, field := range fs {
		flattenValue(field.Name, field.Value, f)
	}
}

func flattenValue(path string, v store.Value, f func(path, text string)) {
	if v.Kind() == store.JSONValue {
		if members, ok := source.Object(v.JSON()); ok && len(members) > 0 {
			for _, m := range members {
				flattenValue(path+pathSep+m.Name, m.Value, f)
			}
			return
		}
	}
	f(path, cellText(v))
}

// cellText is a value as the text of a cell: null as nothing, the others as
// in JSON but without quotes, so that floats keep a point and times their
// nanoseconds.
func cellText(v store.Value) string {
	switch v.Kind() {
	case store.NullValue:
		return ""
	case store.StringValue:
		return v.Str()
	case store.BytesValue, store.TimeValue, store.Float64Value:
		return strings.Trim(string(v.AppendJSON(nil)), `"`)
	}
	return v.String()
}
