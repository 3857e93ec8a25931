package source

import (
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"strconv"

	"github.com/annalsdb/annals/segment"
)

// column is how the cells of one CSV column become values.
type column struct {
	name string
	role role
	kind segment.ValueKind
}

// value is what a cell says that is not empty.
func (c *column) value(cell string) (segment.Value, error) {
	if c.role == roleTime || c.role == roleRecorded {
		if i, ok := parseInt(cell); ok {
			return segment.Int64Of(i), nil
		}
	}
	if c.role != roleField {
		return segment.StringOf(cell), nil
	}
	v, ok := convert(cell, c.kind)
	if !ok {
		return v, fmt.Errorf("%q is no %s: give the column a kind, as in --column %s=string", short(cell), c.kind, c.name)
	}
	return v, nil
}

// convert reads a cell as a value of the kind.
func convert(cell string, kind segment.ValueKind) (segment.Value, bool) {
	switch kind {
	case segment.BoolValue:
		return segment.BoolOf(cell == "true"), cell == "true" || cell == "false"
	case segment.Int64Value:
		i, ok := parseInt(cell)
		return segment.Int64Of(i), ok
	case segment.Float64Value:
		f, ok := parseFloat(cell)
		return segment.Float64Of(f), ok
	case segment.TimeValue:
		t, err := instantOf(instantText(cell))
		return segment.TimeOf(t), err == nil
	case segment.JSONValue:
		return segment.JSONOf([]byte(cell)), json.Valid([]byte(cell))
	}
	return segment.StringOf(cell), true
}

// instantText is a cell as JSON would have it: a number or a string.
func instantText(cell string) segment.Value {
	if i, ok := parseInt(cell); ok {
		return segment.Int64Of(i)
	}
	return segment.StringOf(cell)
}

// parseInt takes an integer only as it would be written again: 007 and +7 are
// text, such as postal codes and telephone numbers.
func parseInt(cell string) (int64, bool) {
	i, err := strconv.ParseInt(cell, 10, 64)
	return i, err == nil && strconv.FormatInt(i, 10) == cell
}

// parseFloat takes decimal numbers as JSON writes them, and the three words
// for what is no number. An integer that would lose digits is none.
func parseFloat(cell string) (float64, bool) {
	switch cell {
	case "NaN":
		return math.NaN(), true
	case "+Inf":
		return math.Inf(1), true
	case "-Inf":
		return math.Inf(-1), true
	}
	if c := cell[0]; c != '-' && (c < '0' || c > '9') || !json.Valid([]byte(cell)) {
		return 0, false
	}
	if !isFloat(cell) && !isExact(cell) {
		return 0, false
	}
	f, err := strconv.ParseFloat(cell, 64)
	return f, err == nil
}

// isExact reports whether a float64 holds the integer: it has all up to 2^53.
func isExact(integer string) bool {
	i, err := strconv.ParseInt(integer, 10, 64)
	return err == nil && i <= 1<<53 && i >= -(1<<53)
}

// kindOf is the one kind that takes all of the cells: bool, int64, float64,
// or string where nothing else fits or there are none. Integers and decimal
// numbers together are floats, unless an integer would lose digits.
func kindOf(cells iter.Seq[string]) segment.ValueKind {
	kind, large := segment.NullValue, false
	for cell := range cells {
		if cell == "" {
			continue
		}
		k := cellKind(cell)
		large = large || k == segment.Int64Value && !isExact(cell)
		if kind == segment.NullValue {
			kind = k
		}
		if kind = join(kind, k); kind == segment.StringValue {
			return kind
		}
	}
	if kind == segment.NullValue || kind == segment.Float64Value && large {
		return segment.StringValue
	}
	return kind
}

// cellKind is the narrowest kind that takes the cell.
func cellKind(cell string) segment.ValueKind {
	if cell == "true" || cell == "false" {
		return segment.BoolValue
	}
	if _, ok := parseInt(cell); ok {
		return segment.Int64Value
	}
	if _, ok := parseFloat(cell); ok {
		return segment.Float64Value
	}
	return segment.StringValue
}

// join is the narrowest kind that takes the cells of both.
func join(a, b segment.ValueKind) segment.ValueKind {
	number := func(k segment.ValueKind) bool { return k == segment.Int64Value || k == segment.Float64Value }
	switch {
	case a == b:
		return a
	case number(a) && number(b):
		return segment.Float64Value
	}
	return segment.StringValue
}
