package aggregate

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// Definition is an aggregate: which events, by which groups and windows, make which
// values. It is a plain value that nothing changes. The same one runs over a
// bounded range, see [Run], or is maintained for ever by a store, with the same
// result to the last bit.
//
// What counts are the changes and deletes of a stream that are not retracted.
// Functions of class [Ordered] are told of heartbeats too, other functions pass
// them over; with one of class Ordered a window may be there for a heartbeat alone.
type Definition struct {
	Name   string // 1 to 255 bytes of UTF-8
	Stream string

	// Where is true of the events that count; nil for all. It speaks of fields by
	// name and of [segment.ColumnTime] and its like.
	Where index.Predicate

	// By is what groups are of; without any there is one group. Values are told
	// apart to the bit and by kind, but for NaNs, which are one, and -0, which is 0.
	By []Input

	// Window is nil for [Global]. In [Counted] windows functions over time go from the
	// first event to the last, as in the global one.
	Window Window

	// Measures are the values of a window and group, at least one.
	Measures []Measure

	Watermark Marks

	// Grace is how long after its end a window is still provisional, in event
	// time: events that come before that are not late for it.
	Grace time.Duration

	// Keep is how long a maintained window is kept, in event time behind the
	// watermark; 0 for ever. What is older is computed from the events when asked
	// for.
	Keep time.Duration
}

// Measure is one value of a window and group.
type Measure struct {
	Name     string // of the value, distinct within the definition
	Function Function
	Of       Input // the zero Input: of whole rows, as in count(*)
}

// Marks is where the watermark comes from; see [Watermark].
type Marks struct {
	Source                      Input // tells sources apart; the zero Input: there is one
	Bound, Skew, Idle, MaxDelay time.Duration
}

// Input is what is grouped by or aggregated: a column, or an expression of columns.
type Input struct {
	// Column is a field's name, [segment.ColumnKey] or its like.
	Column string
	// Of, if not nil, is computed instead.
	Of Expression
}

// Field is the field of that name.
func Field(name string) Input { return Input{Column: name} }

// Key is the key of an event.
func Key() Input { return Input{Column: segment.ColumnKey} }

// Type is the type of an event.
func Type() Input { return Input{Column: segment.ColumnType} }

// Expression is computed from columns, by a layer above. It is immutable and safe
// for concurrent use. Its text is all that is stored of it: who opens a store again
// has to hand it over again, and it must then compute the same.
type Expression interface {
	// String is the expression as a query writes it; the same text is the same
	// expression.
	String() string
	// Columns are those that it is computed from, named as in Input.
	Columns() []string
	// Evaluate computes it for the selected of n rows, all if selected is nil.
	// columns has what [segment.Batch.Column] gives of each of Columns. The result
	// is of the same form, and is used before the next call by the same worker.
	Evaluate(n int, selected []uint16, columns [][]segment.FieldColumn) ([]segment.FieldColumn, error)
}

func (in Input) isZero() bool { return in.Column == "" && in.Of == nil }

// columnNames are those columns of an event that are no fields.
var columnNames = map[string]string{
	segment.ColumnKey: "key", segment.ColumnType: "type", segment.ColumnTime: "time",
	segment.ColumnRecorded: "recorded", segment.ColumnSeq: "seq", segment.ColumnVersion: "version",
}

// String is the input for a person to read; "*" for the zero Input.
func (in Input) String() string {
	switch name, own := columnNames[in.Column]; {
	case in.Of != nil:
		return in.Of.String()
	case own:
		return "$" + name
	case in.Column == "":
		return "*"
	}
	return in.Column
}

// String is the measure for a person to read: "sum(price) as total".
func (m Measure) String() string {
	f := m.Function.String()
	if !m.Of.isZero() {
		name, rest, _ := strings.Cut(f, "(")
		f = name + "(" + m.Of.String()
		if rest == "" {
			rest = ")"
		} else {
			f += ", "
		}
		f += rest
	}
	return f + " as " + m.Name
}

// String is the definition in one line for a person to read.
func (d Definition) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: ", d.Name)
	for i, m := range d.Measures {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(m.String())
	}
	fmt.Fprintf(&b, " of %s", d.Stream)
	if d.Where != nil {
		fmt.Fprintf(&b, " where %s", d.Where)
	}
	for i, in := range d.By {
		b.WriteString([]string{" by ", ", "}[min(i, 1)])
		b.WriteString(in.String())
	}
	fmt.Fprintf(&b, " over %s%s", d.window(), d.marks())
	return b.String()
}

// marks is when windows are complete and how long they are kept, as far as that is said:
// " watermark by $key bound 5m0s keep 24h0m0s".
func (d *Definition) marks() string {
	w, text := d.Watermark, ""
	if !w.Source.isZero() {
		text = " by " + w.Source.String()
	}
	text += mark("bound", w.Bound) + mark("skew", w.Skew) + mark("idle", w.Idle) + mark("delay", w.MaxDelay)
	if text != "" {
		text = " watermark" + text
	}
	return text + mark("grace", d.Grace) + mark("keep", d.Keep)
}

func mark(word string, d time.Duration) string {
	if d == 0 {
		return ""
	}
	return " " + word + " " + d.String()
}

func (d *Definition) window() Window {
	if d.Window == nil {
		return Global{}
	}
	return d.Window
}

// ErrDefinition: a definition says what cannot be.
var ErrDefinition = errors.New("definition is invalid")

// Check reports what of the definition cannot be, as [ErrDefinition] or
// [ErrWindow].
func (d Definition) Check() error {
	if err := d.check(); err != nil {
		return fmt.Errorf("aggregate %q: %w", d.Name, err)
	}
	return nil
}

func (d *Definition) check() error {
	switch {
	case d.Name == "" || len(d.Name) > segment.MaxName || !utf8.ValidString(d.Name):
		return fmt.Errorf("%w: a name is 1 to %d bytes of UTF-8", ErrDefinition, segment.MaxName)
	case len(d.Measures) == 0:
		return fmt.Errorf("%w: it has no measures", ErrDefinition)
	case d.Grace < 0 || d.Keep < 0:
		return fmt.Errorf("%w: Grace and Keep cannot be negative", ErrDefinition)
	case d.Watermark.Bound < 0 || d.Watermark.Skew < 0 || d.Watermark.Idle < 0 || d.Watermark.MaxDelay < 0:
		return fmt.Errorf("%w: durations of the watermark cannot be negative", ErrDefinition)
	}
	if err := segment.CheckStreamName(d.Stream); err != nil {
		return fmt.Errorf("%w: %w", ErrDefinition, err)
	}
	if err := d.checkWindow(); err != nil {
		return err
	}
	for _, in := range append(slices.Clone(d.By), d.Watermark.Source) {
		if err := in.check(); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(d.By, Input.isZero) {
		return fmt.Errorf("%w: an input to group by is empty", ErrDefinition)
	}
	return d.checkMeasures()
}

func (d *Definition) checkMeasures() error {
	seen := map[string]bool{}
	for _, m := range d.Measures {
		switch {
		case m.Name == "" || len(m.Name) > segment.MaxName || !utf8.ValidString(m.Name):
			return fmt.Errorf("%w: measure %q: a name is 1 to %d bytes of UTF-8", ErrDefinition, m.Name, segment.MaxName)
		case seen[m.Name]:
			return fmt.Errorf("%w: two measures are named %q", ErrDefinition, m.Name)
		case m.Function == nil:
			return fmt.Errorf("%w: measure %q has no function", ErrDefinition, m.Name)
		}
		seen[m.Name] = true
		if err := m.Of.check(); err != nil {
			return fmt.Errorf("measure %q: %w", m.Name, err)
		}
	}
	return nil
}

// checkWindow reports windows that cannot be kept, or not be told from their text.
func (d *Definition) checkWindow() error {
	w := d.window()
	if err := w.Check(); err != nil {
		return err
	}
	switch w := w.(type) {
	case Tumbling, Hopping, Session, Sliding, Counted, Global:
		return nil
	case Calendar:
		if _, err := time.LoadLocation(w.zone().String()); err != nil {
			return fmt.Errorf("%w: zone %s cannot be found again by its name: %w", ErrDefinition, w.zone(), err)
		}
		return nil
	}
	return fmt.Errorf("%w: no definition is over %s windows", ErrWindow, w)
}

func (in Input) check() error {
	names := []string{in.Column}
	if in.Of != nil {
		names = in.Of.Columns()
	}
	for _, name := range names {
		if _, own := columnNames[name]; own || in.isZero() {
			continue
		}
		if name == "" || len(name) > segment.MaxName || !utf8.ValidString(name) {
			return fmt.Errorf("%w: no event has a column %q", ErrDefinition, name)
		}
	}
	return nil
}

// Fingerprint tells definitions apart by all that changes what they compute or
// keep, the name included: 32 hexadecimal digits.
func (d Definition) Fingerprint() string {
	sum := sha256.Sum256(d.AppendBinary(nil))
	return hex.EncodeToString(sum[:16])
}

// Missing are the texts of what is not in the encoding of the definition and has
// to be handed over again: expressions, and functions of the user's own.
func (d Definition) Missing() (texts []string) {
	inputs := append(slices.Clone(d.By), d.Watermark.Source)
	for _, m := range d.Measures {
		inputs = append(inputs, m.Of)
		if f, ok := m.Function.(Custom); ok && f.New == nil {
			texts = append(texts, f.Name)
		}
	}
	for _, in := range inputs {
		if text, ok := in.Of.(missingExpression); ok {
			texts = append(texts, string(text))
		}
	}
	return texts
}

// missingExpression is the text of one that was not handed over.
type missingExpression string

// String implements [Expression].
func (e missingExpression) String() string { return string(e) }

// Columns implements [Expression]; which they are is not known.
func (e missingExpression) Columns() []string { return nil }

// Evaluate implements [Expression]: it is an error.
func (e missingExpression) Evaluate(int, []uint16, [][]segment.FieldColumn) ([]segment.FieldColumn, error) {
	return nil, fmt.Errorf("%w: expression %s was not handed over", ErrDefinition, e)
}
