package source

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/annalsdb/annals/segment"
)

// records is where the entries come from. next fills r with the following
// record and returns the raw line, valid until the next call. A *LineError is
// a fault of one line, any other error the end of the input.
type records interface {
	next(r *record) (raw []byte, err error)
	// rest passes on what next left out of a line that was too long.
	rest(w io.Writer) error
}

// ndjson reads a JSON object a line. Empty lines are passed over.
type ndjson struct {
	lines   *lineReader
	flatten []string
	names   map[string]string // spares a copy of each field name
}

func newNDJSON(r io.Reader, o *Options) *ndjson {
	return &ndjson{lines: newLineReader(r, maxLine), flatten: o.Flatten, names: make(map[string]string)}
}

func (n *ndjson) next(r *record) ([]byte, error) {
	for {
		line, err := n.lines.next()
		if errors.Is(err, errLongLine) {
			return line, &LineError{n.lines.number, err}
		}
		if err != nil {
			return nil, err
		}
		if space(line, 0) == len(line) {
			continue
		}
		r.line, r.fields = n.lines.number, r.fields[:0]
		if err := n.parse(line, r); err != nil {
			return line, &LineError{n.lines.number, err}
		}
		return line, nil
	}
}

func (n *ndjson) rest(w io.Writer) error { return n.lines.rest(w) }

func (n *ndjson) parse(line []byte, r *record) error {
	if err := checkObject(line); err != nil {
		return err
	}
	return members(line, func(name, text []byte) error {
		if text[0] == '{' && slices.Contains(n.flatten, string(name)) {
			return members(text, func(name, text []byte) error { return n.add(r, name, text) })
		}
		return n.add(r, name, text)
	})
}

func (n *ndjson) add(r *record, name, text []byte) error {
	v, err := valueOf(text)
	if err != nil {
		return fmt.Errorf("field %q: %w", name, err)
	}
	r.fields = append(r.fields, segment.Field{Name: n.intern(name), Value: v})
	return nil
}

// intern is the one copy of a field name. The map stops growing where names
// are no vocabulary but data.
func (n *ndjson) intern(name []byte) string {
	if one, ok := n.names[string(name)]; ok {
		return one
	}
	one := string(name)
	if len(n.names) < 1<<12 {
		n.names[one] = one
	}
	return one
}
