package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/annalsdb/annals/cmd/annals/source"
	"github.com/annalsdb/annals/query"
	"github.com/annalsdb/annals/segment"
)

// paramSyntax is how the text of a parameter becomes a value.
const paramSyntax = `A parameter is what it is in JSON: null, true, 17, 2.5, "text", {"a": 1}. What is
no JSON is a string as it stands, so eu and 2024-03-01 need no quotes, and
'"17"' is the string of two digits. A string compared with a time is one.`

// paramsOf reads parameters given as N=VALUE, in any order.
func paramsOf(given []string) ([]any, error) {
	params := make([]any, len(given))
	for _, text := range given {
		digits, value, ok := strings.Cut(text, "=")
		n, err := strconv.Atoi(digits)
		switch {
		case !ok || err != nil || n < 1:
			return nil, fmt.Errorf("--param %q: write the number and the value, as in 1=eu", text)
		case n > len(given):
			return nil, fmt.Errorf("--param %q: there is no number %d among %s", text, n, count(len(given), "parameter"))
		case params[n-1] != nil:
			return nil, fmt.Errorf("--param %q: parameter %d is given twice", text, n)
		}
		if params[n-1], err = paramValue(value); err != nil {
			return nil, fmt.Errorf("--param %q: %w", text, err)
		}
	}
	return params, nil
}

// paramValue is the value that a parameter's text stands for.
func paramValue(text string) (query.Value, error) {
	if !json.Valid([]byte(text)) {
		return segment.StringOf(text), nil
	}
	object, ok := source.Object([]byte(`{"value":` + text + `}`))
	if !ok {
		return query.Value{}, fmt.Errorf("the number does not fit into 64 bits, or the text has half a character")
	}
	return object[0].Value, nil
}
