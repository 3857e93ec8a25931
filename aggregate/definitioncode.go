package aggregate

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// A definition, version 1; a text is uvarint length and bytes
//
//	1 byte version; text name, text stream
//	predicate, see appendPredicate
//	uvarint count of By; for each an input
//	text window
//	uvarint count of measures; for each text name, text function, input
//	input source; uvarint bound, skew, idle, maximal delay, grace, keep, ns
//
//	input  1 byte: 0 none; 1, text column; 2, text expression

const definitionVersion = 1

// The first byte of an input.
const (
	noInput = iota
	columnInput
	expressionInput
)

// AppendBinary appends the encoding of the definition; equal ones have equal bytes.
// Of expressions and functions of the user's own it has the text.
func (d Definition) AppendBinary(dst []byte) []byte {
	dst = append(dst, definitionVersion)
	dst = appendText(appendText(dst, d.Name), d.Stream)
	dst = appendPredicate(dst, d.Where)
	dst = binary.AppendUvarint(dst, uint64(len(d.By)))
	for _, in := range d.By {
		dst = in.appendBinary(dst)
	}
	dst = appendText(dst, d.window().String())
	dst = binary.AppendUvarint(dst, uint64(len(d.Measures)))
	for _, m := range d.Measures {
		dst = appendText(appendText(dst, m.Name), m.Function.String())
		dst = m.Of.appendBinary(dst)
	}
	dst = d.Watermark.Source.appendBinary(dst)
	for _, t := range d.durations() {
		dst = binary.AppendUvarint(dst, uint64(*t))
	}
	return dst
}

// durations are those of the definition in the order in which they are encoded.
func (d *Definition) durations() []*time.Duration {
	w := &d.Watermark
	return []*time.Duration{&w.Bound, &w.Skew, &w.Idle, &w.MaxDelay, &d.Grace, &d.Keep}
}

// DecodeDefinition reads what AppendBinary appended. What [Definition.Missing]
// says is there as a text alone: the definition can be compared, not run. Of other
// bytes it reports [ErrEncoding].
func DecodeDefinition(b []byte) (Definition, error) {
	var d Definition
	r := segment.NewDecoder(string(b))
	if v := r.Byte(); v != definitionVersion {
		return d, fmt.Errorf("decode definition: version %d is not %d: %w", v, definitionVersion, ErrEncoding)
	}
	d.Name, d.Stream = r.Text(), r.Text()
	p := predicateReader{d: &r}
	d.Where = p.read(0)
	for n := r.Uvarint(); n > 0 && !r.Bad(); n-- {
		d.By = append(d.By, readInput(&r))
	}
	window := r.Text()
	for n := r.Uvarint(); n > 0 && !r.Bad(); n-- {
		m := Measure{Name: r.Text(), Function: functionNamed(r.Text())}
		m.Of = readInput(&r)
		d.Measures = append(d.Measures, m)
	}
	d.Watermark.Source = readInput(&r)
	for _, t := range d.durations() {
		*t = time.Duration(r.Uvarint())
	}
	if r.Bad() || p.bad || r.Rest() != "" {
		return Definition{}, fmt.Errorf("decode definition: %w", ErrEncoding)
	}
	w, err := ParseWindow(window)
	if err != nil {
		return Definition{}, fmt.Errorf("decode definition %q: %w", d.Name, err)
	}
	d.Window = w
	return d, d.Check()
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func (in Input) appendBinary(dst []byte) []byte {
	switch {
	case in.Of != nil:
		return appendText(append(dst, expressionInput), in.Of.String())
	case in.Column != "":
		return appendText(append(dst, columnInput), in.Column)
	}
	return append(dst, noInput)
}

func readInput(r *segment.Decoder) Input {
	switch r.Byte() {
	case noInput:
	case columnInput:
		return Input{Column: r.Text()}
	case expressionInput:
		return Input{Of: missingExpression(r.Text())}
	default:
		r.Bytes(len(r.Rest()) + 1) // it is bad
	}
	return Input{}
}

// functionNamed is the function whose String is text; one of the user's own is
// there without what it does.
func functionNamed(text string) Function {
	if f, err := Named(text); err == nil && f.String() == text {
		return f
	}
	name, list, _ := strings.Cut(strings.TrimSuffix(text, ")"), "(")
	var args []segment.Value
	for arg := range strings.SplitSeq(list, ", ") {
		if i, err := strconv.ParseInt(arg, 10, 64); err == nil {
			args = append(args, segment.Int64Of(i))
		} else if f, err := strconv.ParseFloat(arg, 64); err == nil {
			args = append(args, segment.Float64Of(f))
		} else {
			args = append(args, segment.StringOf(arg))
		}
	}
	if f, err := Named(name, args...); err == nil && f.String() == text {
		return f
	}
	return Custom{Name: text}
}

// ParseWindow is the window whose String is text.
func ParseWindow(text string) (Window, error) {
	name, list, _ := strings.Cut(strings.TrimSuffix(text, ")"), "(")
	a := windowArgs{list: strings.Split(list, ", ")}
	var w Window
	switch name {
	case "tumbling":
		w = Tumbling{a.duration(), a.duration()}
	case "hopping":
		w = Hopping{a.duration(), a.duration(), a.duration()}
	case "session":
		w = Session{a.duration()}
	case "sliding":
		w = Sliding{a.duration()}
	case "count":
		n, err := strconv.ParseInt(a.next(), 10, 64)
		a.note(err)
		w = Counted{n}
	case "calendar":
		w = a.calendar()
	case "global":
		w = Global{}
	default:
		return nil, fmt.Errorf("%w: there is no window %q", ErrWindow, text)
	}
	if a.err != nil || w.String() != text {
		return nil, fmt.Errorf("%w: %q is not the text of one: %w", ErrWindow, text, a.err)
	}
	return w, w.Check()
}

// windowArgs takes arguments from the front of a list.
type windowArgs struct {
	list []string
	err  error
}

func (a *windowArgs) note(err error) {
	if a.err == nil {
		a.err = err
	}
}

func (a *windowArgs) next() string {
	if len(a.list) == 0 {
		return ""
	}
	s := a.list[0]
	a.list = a.list[1:]
	return s
}

func (a *windowArgs) duration() time.Duration {
	d, err := time.ParseDuration(a.next())
	a.note(err)
	return d
}

func (a *windowArgs) calendar() Window {
	var w Calendar
	number, unit, _ := strings.Cut(a.next(), " ")
	n, err := strconv.Atoi(number)
	a.note(err)
	w.N = n
	w.Unit = Unit(len(unitNames))
	for i, name := range unitNames {
		if name == unit {
			w.Unit = Unit(i)
		}
	}
	w.Zone, err = time.LoadLocation(a.next())
	a.note(err)
	_, err = fmt.Sscanf(a.next(), "%d-%d-%d", &w.Origin.Year, &w.Origin.Month, &w.Origin.Day)
	a.note(err)
	return w
}

// A predicate is a byte and what it has
//
//	0 nil
//	1 and, 2 or     uvarint count, predicates
//	3 not           predicate
//	4 eq, 5 same    text column, value
//	6 in            text column, uvarint count, values
//	7 range         text column; 1 byte bounds: 1 low open, 2 high open; two values,
//	                null for none
//	8 prefix        text column, text
//	9 null          text column

const (
	nilPredicate = iota
	andPredicate
	orPredicate
	notPredicate
	eqPredicate
	samePredicate
	inPredicate
	rangePredicate
	prefixPredicate
	nullPredicate
)

func appendPredicate(dst []byte, p index.Predicate) []byte {
	switch p := p.(type) {
	case index.And:
		return appendPredicates(append(dst, andPredicate), p)
	case index.Or:
		return appendPredicates(append(dst, orPredicate), p)
	case index.Not:
		return appendPredicate(append(dst, notPredicate), p.Of)
	case index.Eq:
		return appendLiteral(appendText(append(dst, eqPredicate), p.Column), p.Value)
	case index.Same:
		return appendLiteral(appendText(append(dst, samePredicate), p.Column), p.Value)
	case index.In:
		dst = appendText(append(dst, inPredicate), p.Column)
		dst = binary.AppendUvarint(dst, uint64(len(p.Values)))
		for _, v := range p.Values {
			dst = appendLiteral(dst, v)
		}
		return dst
	case index.Range:
		dst = appendText(append(dst, rangePredicate), p.Column)
		open := byte(0)
		if p.Lo.Open {
			open |= 1
		}
		if p.Hi.Open {
			open |= 2
		}
		return appendLiteral(appendLiteral(append(dst, open), p.Lo.Value), p.Hi.Value)
	case index.Prefix:
		return appendText(appendText(append(dst, prefixPredicate), p.Column), p.Prefix)
	case index.IsNull:
		return appendText(append(dst, nullPredicate), p.Column)
	}
	return append(dst, nilPredicate)
}

func appendPredicates(dst []byte, list []index.Predicate) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for _, p := range list {
		dst = appendPredicate(dst, p)
	}
	return dst
}

// appendLiteral appends l as the value that it is of.
func appendLiteral(dst []byte, l index.Literal) []byte {
	kind := segment.ValueKind(l.Kind()) // they have the same numbers
	v := segment.FromInt(kind, l.Int64())
	switch kind {
	case segment.NullValue:
		v = segment.NullOf()
	case segment.Float64Value:
		v = segment.Float64Of(l.Float64())
	case segment.StringValue, segment.BytesValue, segment.JSONValue:
		v = segment.FromText(kind, l.Text())
	}
	return segment.AppendValue(dst, v)
}

// predicateDepth is how deep predicates may be nested in an encoding.
const predicateDepth = 1000

type predicateReader struct {
	d   *segment.Decoder
	bad bool
}

func (r *predicateReader) read(depth int) index.Predicate {
	d := r.d
	if depth > predicateDepth {
		r.bad = true
		return nil
	}
	switch d.Byte() {
	case nilPredicate:
		return nil
	case andPredicate:
		return index.And(r.list(depth))
	case orPredicate:
		return index.Or(r.list(depth))
	case notPredicate:
		return index.Not{Of: r.read(depth + 1)}
	case eqPredicate:
		return index.Eq{Column: d.Text(), Value: d.Value().Literal()}
	case samePredicate:
		return index.Same{Column: d.Text(), Value: d.Value().Literal()}
	case inPredicate:
		p := index.In{Column: d.Text()}
		for n := d.Uvarint(); n > 0 && !d.Bad(); n-- {
			p.Values = append(p.Values, d.Value().Literal())
		}
		return p
	case rangePredicate:
		p := index.Range{Column: d.Text()}
		open := d.Byte()
		p.Lo = index.Bound{Value: d.Value().Literal(), Open: open&1 != 0}
		p.Hi = index.Bound{Value: d.Value().Literal(), Open: open&2 != 0}
		r.bad = r.bad || open > 3
		return p
	case prefixPredicate:
		return index.Prefix{Column: d.Text(), Prefix: d.Text()}
	case nullPredicate:
		return index.IsNull{Column: d.Text()}
	}
	r.bad = true
	return nil
}

func (r *predicateReader) list(depth int) (list []index.Predicate) {
	for n := r.d.Uvarint(); n > 0 && !r.d.Bad() && !r.bad; n-- {
		list = append(list, r.read(depth+1))
	}
	return list
}
