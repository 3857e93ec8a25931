package query

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/annalsdb/annals/segment"
)

// fromJSON is the value that a JSON text holds: its scalar as null, bool, int64,
// float64 or string, or itself where it is an object or an array. A number with a
// point or an exponent, or past an int64, is a float64.
func fromJSON(v Value) Value {
	text := strings.TrimSpace(v.Literal().Text())
	switch text[0] {
	case '{', '[':
		return v
	case 'n':
		return segment.NullOf()
	case 't', 'f':
		return segment.BoolOf(text == "true")
	case '"':
		var s string
		if json.Unmarshal([]byte(text), &s) != nil {
			return segment.NullOf() // a JSON value is always valid
		}
		return segment.StringOf(s)
	}
	if i, err := strconv.ParseInt(text, 10, 64); err == nil && text != "-0" {
		return segment.Int64Of(i)
	}
	f, _ := strconv.ParseFloat(text, 64) // past a float64 it is ±Inf
	return segment.Float64Of(f)
}

// member is the member of that name of the object in v, the last one if there are
// several, null if there is none or v is no object.
func member(v Value, name string) Value {
	found := segment.NullOf()
	eachOf(v, '{', func(key string, _ int, value json.RawMessage) bool {
		if key == name {
			found = fromJSON(segment.JSONOf(value))
		}
		return true
	})
	return found
}

// element is the i-th element of the array in v, from 0, null if there is none or v
// is no array.
func element(v Value, i int) Value {
	found := segment.NullOf()
	eachOf(v, '[', func(_ string, at int, value json.RawMessage) bool {
		if at == i {
			found = fromJSON(segment.JSONOf(value))
		}
		return at < i
	})
	return found
}

// eachOf calls f with what the object or array in v holds, until f is false.
func eachOf(v Value, open json.Delim, f func(key string, i int, value json.RawMessage) bool) {
	if v.Kind() != segment.JSONValue {
		return
	}
	d := json.NewDecoder(bytes.NewReader([]byte(v.Literal().Text())))
	if t, err := d.Token(); err != nil || t != open {
		return
	}
	for i := 0; d.More(); i++ {
		key := ""
		if open == '{' {
			t, err := d.Token()
			if err != nil {
				return
			}
			key, _ = t.(string)
		}
		var value json.RawMessage
		if d.Decode(&value) != nil || !f(key, i, value) {
			return
		}
	}
}
