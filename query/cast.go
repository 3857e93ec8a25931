package query

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/annalsdb/annals/segment"
)

// cast is v as a value of another kind, null as null. What has no meaning or does
// not fit is an error:
//
//	from        to
//	bool        int64 (0, 1), string (false, true), json
//	int64       bool (0 is false), float64 (nearest), string, time (ns since 1970), json
//	float64     int64 (towards 0), string (shortest digits), json (not NaN, ±Inf)
//	string      bool, int64, float64, time as they are written; bytes; json if it is valid
//	bytes       string if it is UTF-8
//	time        int64 (ns since 1970), string (RFC 3339 in UTC), json
//	json        what its scalar is cast to, null from null; string of others is the text
func cast(v Value, to segment.ValueKind) (Value, error) {
	if v.Kind() == to || isNull(v) {
		return v, nil
	}
	out, err := segment.NullOf(), errNoCast
	switch {
	case v.Kind() == segment.JSONValue:
		return castJSON(v, to)
	case to == segment.JSONValue:
		out, err = toJSON(v)
	case to == segment.StringValue:
		out, err = toString(v)
	case to == segment.BoolValue:
		out, err = toBool(v)
	case to == segment.Int64Value:
		out, err = toInt(v)
	case to == segment.Float64Value:
		out, err = toFloat(v)
	case to == segment.TimeValue:
		out, err = toTime(v)
	case to == segment.BytesValue && v.Kind() == segment.StringValue:
		return segment.BytesOf([]byte(v.Str())), nil
	}
	if errors.Is(err, errNoCast) {
		err = fmt.Errorf("%s %s is no %s", v.Kind(), brief(v), to)
	}
	return out, err
}

var errNoCast = errors.New("no such cast")

// brief is a value for an error, cut where it is long.
func brief(v Value) string {
	text := v.String()
	if v.Kind() == segment.StringValue {
		text = quoteString(text)
	}
	if len(text) <= 60 {
		return text
	}
	cut := 60
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

func toString(v Value) (Value, error) {
	switch v.Kind() {
	case segment.BytesValue:
		if text := v.Literal().Text(); utf8.ValidString(text) {
			return segment.StringOf(text), nil
		}
		return Value{}, errors.New("these bytes are no UTF-8; hex() shows them")
	case segment.Float64Value:
		return segment.StringOf(floatText(v.Float64())), nil
	}
	return segment.StringOf(v.String()), nil
}

// floatText is f with the digits that read back to it, never like an integer.
func floatText(f float64) string {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	return string(segment.Float64Of(f).AppendJSON(nil))
}

func toBool(v Value) (Value, error) {
	switch v.Kind() {
	case segment.Int64Value:
		return segment.BoolOf(v.Int64() != 0), nil
	case segment.StringValue:
		switch strings.ToLower(strings.TrimSpace(v.Str())) {
		case "true":
			return segment.BoolOf(true), nil
		case "false":
			return segment.BoolOf(false), nil
		}
	}
	return Value{}, errNoCast
}

func toInt(v Value) (Value, error) {
	switch v.Kind() {
	case segment.BoolValue:
		if v.Bool() {
			return segment.Int64Of(1), nil
		}
		return segment.Int64Of(0), nil
	case segment.TimeValue:
		return segment.Int64Of(v.Nanos()), nil
	case segment.Float64Value:
		f := math.Trunc(v.Float64())
		if f >= -1<<63 && f < 1<<63 {
			return segment.Int64Of(int64(f)), nil
		}
	case segment.StringValue:
		if i, err := strconv.ParseInt(strings.TrimSpace(v.Str()), 10, 64); err == nil {
			return segment.Int64Of(i), nil
		}
	}
	return Value{}, errNoCast
}

func toFloat(v Value) (Value, error) {
	switch v.Kind() {
	case segment.Int64Value:
		return segment.Float64Of(float64(v.Int64())), nil
	case segment.StringValue:
		if f, err := parseFloat(v.Str()); err == nil {
			return segment.Float64Of(f), nil
		}
	}
	return Value{}, errNoCast
}

func toTime(v Value) (Value, error) {
	switch v.Kind() {
	case segment.Int64Value:
		return timeValue(v.Int64()), nil
	case segment.StringValue:
		ns, err := parseTime(strings.TrimSpace(v.Str()), nil)
		return timeValue(ns), err
	}
	return Value{}, errNoCast
}

func toJSON(v Value) (Value, error) {
	switch v.Kind() {
	case segment.StringValue:
		if !json.Valid([]byte(v.Str())) {
			return Value{}, fmt.Errorf("string %s is no valid JSON; to_json makes a JSON string of it", brief(v))
		}
		return segment.JSONOf(json.RawMessage(v.Str())), nil
	case segment.BytesValue:
		return Value{}, errNoCast
	case segment.Float64Value:
		if f := v.Float64(); math.IsNaN(f) || math.IsInf(f, 0) {
			return Value{}, errNoCast
		}
	}
	return segment.JSONOf(v.AppendJSON(nil)), nil
}

// castJSON casts the scalar that a JSON text is.
func castJSON(v Value, to segment.ValueKind) (Value, error) {
	inner := fromJSON(v)
	switch {
	case inner.Kind() != segment.JSONValue:
		return cast(inner, to)
	case to == segment.StringValue:
		return segment.StringOf(v.String()), nil
	}
	return Value{}, fmt.Errorf("json %s is no %s", brief(v), to)
}
