package source

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/annalsdb/annals/segment"
)

// The kind of a column is found out from the first sampleRows rows, or
// sampleBytes of them, and holds for the whole file; see kindOf.
const (
	sampleRows  = 1000
	sampleBytes = 8 << 20
)

// csvRows reads a header, then a row a line; a quoted cell may span lines. An
// empty cell is a field that is not there.
type csvRows struct {
	r       *csv.Reader
	tee     *tee
	header  []string
	columns []column
	sample  []row
	err     error // what ended the sample
}

// row is a row as it was read.
type row struct {
	cells []string
	line  int
	raw   []byte
	err   error
}

func newCSV(plain io.Reader, o *Options) (*csvRows, error) {
	t := &tee{r: plain}
	c := &csvRows{r: csv.NewReader(t), tee: t}
	header, err := c.r.Read()
	if err == io.EOF {
		return nil, &LineError{1, errors.New("no header: a CSV file begins with the names of its columns")}
	}
	if err != nil {
		return nil, &LineError{1, parseCause(err)}
	}
	if err := checkHeader(header, o); err != nil {
		return nil, &LineError{1, err}
	}
	t.cut(c.r.InputOffset())
	c.header = header
	c.takeSample(o)
	return c, nil
}

// checkHeader wants distinct names, and each column that the options name.
func checkHeader(header []string, o *Options) error {
	for i, name := range header {
		if name == "" || !utf8.ValidString(name) {
			return fmt.Errorf("column %d has the name %q: it takes text in UTF-8", i+1, name)
		}
		if slices.Contains(header[:i], name) {
			return fmt.Errorf("two columns are named %q", name)
		}
	}
	for i, name := range o.roles() {
		if name != "" && !slices.Contains(header, name) && !(role(i) == roleTime && o.TimeMayMiss) {
			return fmt.Errorf("no column %q for the %s: the columns are %s", name, roleNames[i], short(strings.Join(header, ", ")))
		}
	}
	for name := range o.Columns {
		if !slices.Contains(header, name) {
			return fmt.Errorf("no column %q to give a kind to", name)
		}
	}
	return nil
}

// takeSample reads ahead and settles the kinds of the columns.
func (c *csvRows) takeSample(o *Options) {
	for size := 0; len(c.sample) < sampleRows && size < sampleBytes; {
		r := c.read()
		if r.err != nil && !isLine(r.err) {
			c.err = r.err
			break
		}
		size += len(r.raw)
		r.raw = bytes.Clone(r.raw)
		c.sample = append(c.sample, r)
	}
	in := newInterpreter(o)
	c.columns = make([]column, len(c.header))
	for i, name := range c.header {
		c.columns[i] = c.settle(i, name, in.roleOf(name), o)
	}
}

func (c *csvRows) settle(i int, name string, r role, o *Options) column {
	if r != roleField {
		return column{name: name, role: r}
	}
	kind, given := o.Columns[name]
	if !given {
		kind = kindOf(func(yield func(string) bool) {
			for _, row := range c.sample {
				if row.err == nil && !yield(row.cells[i]) {
					return
				}
			}
		})
	}
	return column{name: name, role: r, kind: kind}
}

func isLine(err error) bool {
	_, ok := errors.AsType[*LineError](err)
	return ok
}

func (c *csvRows) next(r *record) ([]byte, error) {
	row := c.take()
	if row.err != nil {
		return row.raw, row.err
	}
	r.line, r.fields = row.line, r.fields[:0]
	for i, cell := range row.cells {
		if cell == "" {
			continue
		}
		v, err := c.columns[i].value(cell)
		if err != nil {
			return row.raw, &LineError{row.line, fmt.Errorf("column %q: %w", c.header[i], err)}
		}
		r.fields = append(r.fields, segment.Field{Name: c.header[i], Value: v})
	}
	return row.raw, nil
}

// rest has nothing to pass on: a row is read whole.
func (c *csvRows) rest(io.Writer) error { return nil }

// take is the next row, of the sample or behind it.
func (c *csvRows) take() row {
	if len(c.sample) > 0 {
		first := c.sample[0]
		c.sample[0], c.sample = row{}, c.sample[1:]
		return first
	}
	if c.err != nil {
		return row{err: c.err}
	}
	return c.read()
}

// read takes one row from the input, with the bytes it was read from.
func (c *csvRows) read() row {
	cells, err := c.r.Read()
	raw := c.tee.cut(c.r.InputOffset())
	if err == io.EOF {
		return row{err: err}
	}
	if fault, ok := errors.AsType[*csv.ParseError](err); ok {
		return row{raw: raw, err: &LineError{fault.StartLine, parseCause(err)}}
	}
	if err != nil {
		return row{err: err}
	}
	line, _ := c.r.FieldPos(0)
	if !utf8.Valid(raw) {
		return row{raw: raw, err: &LineError{line, fmt.Errorf("invalid UTF-8 at byte %d", invalidAt(raw)+1)}}
	}
	return row{cells: cells, line: line, raw: raw}
}

// parseCause is what encoding/csv says, without its own line number.
func parseCause(err error) error {
	fault, ok := errors.AsType[*csv.ParseError](err)
	if !ok {
		return err
	}
	if errors.Is(fault, csv.ErrFieldCount) {
		return errors.New("the number of cells is not that of the header")
	}
	return fmt.Errorf("column %d: %w", fault.Column, fault.Err)
}

// tee remembers what passes through, from the end of the last row on: the csv
// package does not show the bytes of a row, and does not bound it either.
type tee struct {
	r    io.Reader
	buf  []byte
	base int64 // offset of buf in the input
	done int   // bytes of buf that were cut
}

func (t *tee) Read(p []byte) (int, error) {
	if len(t.buf)-t.done > 2*maxLine {
		return 0, fmt.Errorf("a row is longer than %d MiB: is a quote left open?", maxLine>>20)
	}
	if t.done > 0 {
		t.base += int64(t.done)
		t.buf = append(t.buf[:0], t.buf[t.done:]...)
		t.done = 0
	}
	n, err := t.r.Read(p)
	t.buf = append(t.buf, p[:n]...)
	return n, err
}

// cut is what passed through up to offset and was not cut yet, without empty
// lines before and the line end behind. It is valid until the next Read.
func (t *tee) cut(offset int64) []byte {
	from := t.done
	t.done = min(int(offset-t.base), len(t.buf))
	return bytes.Trim(t.buf[from:t.done], "\r\n")
}
