package main

import (
	"fmt"
	"io"
	"iter"

	"github.com/spf13/cobra"

	"github.com/annalsdb/annals/store"
)

// record is one thing that a reading command found: a state, an event, a
// transition, a difference. Each knows how it looks in every format.
type record interface {
	// appendJSON appends it as one JSON object without a line end.
	appendJSON(dst []byte) []byte
	// cells are those of the fixed CSV columns of its layout.
	cells() []string
	// fields are what follows in CSV columns of their own.
	fields() store.Fields
	// row is the cells of its layout's table.
	row() []cell
}

// layout is the columns of one kind of record.
type layout struct {
	csv   []string // fixed columns
	table []string
}

// records is what a reading command found, in its order. It can be read twice.
type records = iter.Seq2[record, error]

// recordsOf turns a sequence of the engine into records.
func recordsOf[T any](seq iter.Seq2[T, error], of func(T) record) records {
	return func(yield func(record, error) bool) {
		for v, err := range seq {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(of(v), nil) {
				return
			}
		}
	}
}

// limited is the first n records, all with n = 0.
func limited(seq records, n int) records {
	if n == 0 {
		return seq
	}
	return func(yield func(record, error) bool) {
		left := n
		for r, err := range seq {
			if !yield(r, err) || err != nil {
				return
			}
			if left--; left == 0 {
				return
			}
		}
	}
}

// formatFlag is a flag that takes the form of the output.
type formatFlag string

const (
	formatTable formatFlag = "table"
	formatJSON  formatFlag = "json"
	formatCSV   formatFlag = "csv"
)

func (f *formatFlag) String() string { return string(*f) }

func (f *formatFlag) Set(text string) error {
	switch formatFlag(text) {
	case formatTable, formatJSON, formatCSV:
		*f = formatFlag(text)
		return nil
	}
	return fmt.Errorf("use table, json or csv")
}

func (f *formatFlag) Type() string { return "table|json|csv" }

func formatFlagOf(cmd *cobra.Command) *formatFlag {
	f := formatTable
	cmd.Flags().Var(&f, "format", "`table|json|csv`; json is an object a line")
	return &f
}

// print writes all records in the format, and reports errAbsent if there are
// none.
func (a *app) print(seq records, l layout, f formatFlag) error {
	var n int
	var err error
	switch f {
	case formatJSON:
		n, err = printJSON(a.out, seq)
	case formatCSV:
		n, err = printCSV(a.out, seq, l)
	default:
		n, err = printTable(a.out, a.screen, seq, l)
	}
	if err == nil && n == 0 {
		err = errAbsent
	}
	return err
}

// printJSON writes an object a line.
func printJSON(w io.Writer, seq records) (n int, err error) {
	out := newOutput(w)
	var line []byte
	for r, err := range seq {
		if err != nil {
			return n, out.close(err)
		}
		n++
		line = append(r.appendJSON(line[:0]), '\n')
		if err := out.write(line); err != nil {
			return n, out.close(err)
		}
	}
	return n, out.close(nil)
}
