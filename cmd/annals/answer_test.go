package main

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/annalsdb/annals/query"
	"github.com/annalsdb/annals/segment"
)

var allKinds = query.Row{
	segment.NullOf(), segment.BoolOf(true), segment.Int64Of(math.MinInt64), segment.Float64Of(2),
	segment.StringOf("a\"b,\nc\x1b[31m"), segment.BytesOf([]byte{0, 255}),
	segment.TimeOf(time.Date(2024, 3, 1, 8, 0, 0, 1, time.UTC)), segment.JSONOf([]byte(`{"a":1}`)),
}

// answerOf is an answer of rows that ends with err, which may be nil.
func answerOf(names []string, err error, rows ...query.Row) *answer {
	return &answer{names, func(yield func(query.Row, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}}
}

func TestAnswer_Formats(t *testing.T) {
	names := []string{"key", "b", "key", "f", "key_2", "bytes", "time", "json"}
	for format, want := range map[formatFlag]string{
		formatTable: "key   b                      key  f  key_2            bytes  time                           json\n" +
			`null  true  -9223372036854775808  2  a"b,\nc\x1b[31m  AP8=   2024-03-01 08:00:00.000000001  {"a":1}` + "\n",
		formatJSON: `{"key":null,"b":true,"key_3":-9223372036854775808,"f":2.0,"key_2":"a\"b,\nc\u001b[31m","bytes":"AP8=","time":"2024-03-01T08:00:00.000000001Z","json":{"a":1}}` + "\n",
		formatCSV: "key,b,key_3,f,key_2,bytes,time,json\n" +
			",true,-9223372036854775808,2.0,\"a\"\"b,\nc\x1b[31m\",AP8=,2024-03-01T08:00:00.000000001Z,\"{\"\"a\"\":1}\"\n",
	} {
		var out bytes.Buffer
		n, omitted, err := answerOf(names, nil, allKinds).write(&out, screen{}, format)
		if err != nil || n != 1 || len(omitted) > 0 {
			t.Errorf("%s: %d rows, without %q, %v", format, n, omitted, err)
		}
		if got := out.String(); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", format, got, want)
		}
	}
}

// TestAnswer_Fails checks that rows before a failure are written, and those of
// no answer at all have their header in CSV.
func TestAnswer_Fails(t *testing.T) {
	broken := errors.New("broken")
	row := query.Row{segment.Int64Of(7)}
	for format, want := range map[formatFlag]string{formatTable: "n\n7\n7\n", formatJSON: "{\"n\":7}\n{\"n\":7}\n", formatCSV: "n\n7\n7\n"} {
		var out bytes.Buffer
		n, _, err := answerOf([]string{"n"}, broken, row, row).write(&out, screen{}, format)
		if n != 2 || !errors.Is(err, broken) || out.String() != want {
			t.Errorf("%s: %d rows, %v:\n%s", format, n, err, out.String())
		}
	}
	var out bytes.Buffer
	if n, _, err := answerOf([]string{"a", "b"}, nil).write(&out, screen{}, formatCSV); n != 0 || err != nil || out.String() != "a,b\n" {
		t.Errorf("no rows: %d, %v, %q", n, err, out.String())
	}
}

func TestAnswer_Narrow(t *testing.T) {
	var out bytes.Buffer
	_, omitted, err := answerOf(strings.Fields("a b c d e f g h"), nil, allKinds).write(&out, screen{width: 40}, formatTable)
	if err != nil || strings.Join(omitted, " ") != "e f g h" {
		t.Errorf("without %q, %v", omitted, err)
	}
	for line := range strings.Lines(out.String()) {
		if width(strings.TrimSuffix(line, "\n")) > 40 {
			t.Errorf("too wide: %s", line)
		}
	}
	if got := omission(omitted); got != "no room for 4 columns: e, f, g, h" {
		t.Errorf("got %s", got)
	}
}
