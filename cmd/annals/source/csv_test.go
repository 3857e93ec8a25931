package source

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/annalsdb/annals/segment"
)

func csvOptions() Options {
	o := plain()
	o.Format = CSV
	return o
}

func TestReader_CSVEvent(t *testing.T) {
	o := csvOptions()
	o.Columns = map[string]segment.ValueKind{"zip": segment.StringValue, "when": segment.TimeValue, "doc": segment.JSONValue}
	got, _, err := collect(t, "key,time,n,x,ok,name,zip,none,when,doc\r\n"+
		"7,2024-02-06T12:10:19Z,1,1,true,\"a \"\"b\"\"\nc\",1234,,1700000000,\"[1, 2]\"\r\n\r\n"+
		"k,1700000000,-5,2.50,false,,2,,,\r\n", o)
	if err != nil {
		t.Fatal(err)
	}
	all := events(got)
	if len(all) != 2 || all[0].Key != "7" || all[1].Key != "k" || all[1].Time.Unix() != 1700000000 {
		t.Fatalf("got %+v", all)
	}
	for i, want := range []string{
		"n=1 x=1 ok=true name=a \"b\"\nc zip=1234 when=2023-11-14T22:13:20Z doc=[1, 2]",
		"n=-5 x=2.5 ok=false zip=2",
	} {
		if fields := all[i].Fields.String(); fields != want {
			t.Errorf("row %d: got %s, want %s", i, fields, want)
		}
	}
	if x, _ := all[0].Fields.Get("x"); x.Kind() != segment.Float64Value {
		t.Errorf("column x: got %s in the first row, want float64 as the second", x.Kind())
	}
	if first, last := got[0].First, got[0].Last; first != 2 || last != 5 {
		t.Errorf("lines: got %d to %d, want 2 to 5", first, last)
	}
}

func TestKindOf(t *testing.T) {
	for _, c := range []struct {
		cells string
		want  segment.ValueKind
	}{
		{"", segment.StringValue},
		{"1 2 -3", segment.Int64Value},
		{"1 | 2", segment.StringValue},
		{"1 2.5 1e9", segment.Float64Value},
		{"1 NaN +Inf -Inf", segment.Float64Value},
		{"true false", segment.BoolValue},
		{"true 1", segment.StringValue},
		{"01 2", segment.StringValue},
		{"+1 2", segment.StringValue},
		{"1.5 x", segment.StringValue},
		{"-0", segment.Float64Value},
		{"9223372036854775807", segment.Int64Value},
		{"9223372036854775808", segment.StringValue},
		{"9223372036854775807 1.5", segment.StringValue},
		{"9007199254740992 1.5", segment.Float64Value},
		{"9007199254740993 1.5", segment.StringValue},
		{"0x10 1_000", segment.StringValue},
		{"1e999", segment.StringValue},
		{"- .5", segment.StringValue},
		{"null", segment.StringValue},
		{"inf", segment.StringValue},
	} {
		if got := kindOf(strings.SplitSeq(c.cells, " ")); got != c.want {
			t.Errorf("%q: got %s, want %s", c.cells, got, c.want)
		}
	}
}

func TestReader_CSVBadRow(t *testing.T) {
	sample := lines(sampleRows, func(i int) string { return fmt.Sprintf("k%d,%d,%d.5", i, i, i) })
	for _, c := range []struct{ name, row, want string }{
		{"too few cells", "k,1", "the number of cells is not that of the header"},
		{"too many cells", "k,1,2,3", "the number of cells is not that of the header"},
		{"bare quote", `k"k,1,2`, `bare " in non-quoted`},
		{"no key", ",1,2", `field "key" (the key) is missing`},
		{"other kind", "k,x,1", `column "n": "x" is no int64: give the column a kind, as in --column n=string`},
		{"loses digits", "k,1,9007199254740993", `column "x": "9007199254740993" is no float64`},
		{"invalid UTF-8", "k\xff,1,1", "invalid UTF-8 at byte 2"},
	} {
		text := "key,n,x\n" + sample + c.row + "\nlast,1,1\n"
		_, _, err := collect(t, text, csvOptions())
		fault, ok := errors.AsType[*LineError](err)
		if !ok || fault.Line != sampleRows+2 || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want line %d and %q", c.name, err, sampleRows+2, c.want)
		}
		var aside bytes.Buffer
		o := csvOptions()
		o.Skip = &aside
		got, r, err := collect(t, text, o)
		if n, _ := r.Skipped(); err != nil || n != 1 || len(events(got)) != sampleRows+1 || aside.String() != c.row+"\n" {
			t.Errorf("%s: %d skipped, %d events, %q aside, %v", c.name, n, len(events(got)), aside.String(), err)
		}
	}
}

func TestReader_CSVBadHeader(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "line 1: no header",
		"a,b\n":                    `no column "key" for the key: the columns are a, b`,
		"key,a,a\n":                `two columns are named "a"`,
		"key,\n":                   `column 2 has the name ""`,
		"key,\"a\n":                `extraneous or missing "`,
		"key,\xff\n":               "it takes text in UTF-8",
		"key,b\n" + `k,"` + "open": `line 2: column 8: extraneous or missing "`,
	} {
		if _, _, err := collect(t, text, csvOptions()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	o := csvOptions()
	o.Columns = map[string]segment.ValueKind{"b": segment.StringValue}
	if _, _, err := collect(t, "key,a\n", o); err == nil || !strings.Contains(err.Error(), `no column "b"`) {
		t.Errorf("kind of a missing column: got %v", err)
	}
}

// TestReader_CSVOpenQuote checks that a quote left open does not take the
// whole file into memory.
func TestReader_CSVOpenQuote(t *testing.T) {
	text := "key,b\nk,\"open\n" + strings.Repeat(strings.Repeat("x", 1023)+"\n", 3*maxLine/1024)
	_, _, err := collect(t, text, csvOptions())
	if err == nil || !strings.Contains(err.Error(), "a quote left open") {
		t.Errorf("got %v", err)
	}
}
