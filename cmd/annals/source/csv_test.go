package source

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/annalsdb/annals/fuzz/alloc"
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

// FuzzCSV checks that each row of any text is put aside as it stands there or read cell
// by cell as encoding/csv reads it, with one kind a column; that what is wrong has a line
// of the text; and that reading it allocates no more than 512 KiB and 512 bytes for each of it.
func FuzzCSV(f *testing.F) {
	f.Add("key,n,x,ok,s\nk,1,1.5,true,\"a \"\"b\"\"\nc\"\n\n7,-2,1e3,false,\r\n")
	f.Add("\xef\xbb\xbfkey,a\r\nk,01\r\nk,+1\r\nk,9007199254740993\r\n,1\r\n")
	f.Add("key,a\nk,1\nk\"k,1\nk,1,2\nk\xff,1\nk,\"open")
	f.Add("key,a\n\xcd,\xad") // one letter, if nothing stood in between
	f.Add("a,b\nk,1\n")
	f.Add("key,key\n")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.HasPrefix(text, string(gzipMagic)) || strings.HasPrefix(text, string(zstdMagic)) {
			t.Skip()
		}
		o, aside := csvOptions(), &pieces{}
		o.Time, o.Skip = "", aside
		var got []Batch
		var r *Reader
		var err error
		bound := alloc.Bound{Fixed: 512 << 10, Factor: 512}
		if over := bound.Check(len(text), func() { *aside = nil; got, r, err = collect(t, text, o) }); over != nil {
			t.Fatalf("%q: %v", text, over)
		}
		header, rows, wrong := plainRows(text)
		if err != nil {
			fault, ok := errors.AsType[*LineError](err)
			if !ok || fault.Line != 1 || wrong == nil {
				t.Fatalf("%q: %v, but the header is %q, %v", text, err, header, wrong)
			}
			return
		}
		if wrong != nil {
			t.Fatalf("%q: accepted, but %v", text, wrong)
		}
		skipped, first := r.Skipped()
		if all := events(got); len(all)+skipped != len(rows) || len(*aside) != skipped {
			t.Fatalf("%q: %d events and %d of %d rows put aside, in %d pieces", text, len(all), skipped, len(rows), len(*aside))
		}
		if skipped > 0 && (first.Line < 2 || first.Line > 1+strings.Count(text, "\n")) {
			t.Fatalf("%q: line %d: %v", text, first.Line, first.Err)
		}
		checkRows(t, text, header, rows, events(got), *aside)
	})
}

// pieces is what was put aside, by lines.
type pieces []string

// Write takes a line, and its end by itself.
func (p *pieces) Write(b []byte) (int, error) {
	if string(b) != "\n" {
		*p = append(*p, string(b))
	}
	return len(b), nil
}

// plainRows is the cells of a text, nil of a row that is none. wrong is what is wrong with the header.
func plainRows(text string) (header []string, rows [][]string, wrong error) {
	r := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, string(byteOrder))))
	header, err := r.Read()
	if err != nil {
		return nil, nil, err
	}
	for i, name := range header {
		if name == "" || !utf8.ValidString(name) || slices.Contains(header[:i], name) {
			return header, nil, fmt.Errorf("column %d is named %q", i+1, name)
		}
	}
	if !slices.Contains(header, "key") {
		return header, nil, errors.New("there is no key")
	}
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return header, rows, nil
		}
		if err != nil || !utf8.ValidString(strings.Join(cells, ",")) {
			cells = nil
		}
		rows = append(rows, cells)
	}
}

// checkRows finds the rows of events, in their order; all others have to be aside, and in a
// text that is too short for a limit without cells, or without a key.
func checkRows(t *testing.T, text string, header []string, rows [][]string, all []segment.Event, aside []string) {
	t.Helper()
	kinds := map[string]segment.ValueKind{}
	from := 0
	for _, cells := range rows {
		if cells != nil && len(all) > 0 && sameCells(header, cells, &all[0]) {
			for _, f := range all[0].Fields {
				if k, known := kinds[f.Name]; known && k != f.Value.Kind() {
					t.Fatalf("%q: column %q is %s and %s", text, f.Name, k, f.Value.Kind())
				}
				kinds[f.Name] = f.Value.Kind()
			}
			all = all[1:]
			continue
		}
		if len(aside) == 0 || cells != nil && cells[slices.Index(header, "key")] != "" && len(text) < segment.MaxName {
			t.Fatalf("%q: row %q is no event", text, cells)
		}
		at := strings.Index(text[from:], aside[0])
		if at < 0 {
			t.Fatalf("%q: aside is %q, which is not in it", text, aside[0])
		}
		from, aside = from+at+len(aside[0]), aside[1:]
	}
	if len(all) > 0 {
		t.Fatalf("%q: no row is %v", text, all[0])
	}
}

// sameCells reports whether an event has the cells that are not empty, as they are written.
func sameCells(header, cells []string, e *segment.Event) bool {
	fields := e.Fields
	for i, cell := range cells {
		switch {
		case header[i] == "key":
			if e.Key != cell {
				return false
			}
		case cell == "":
		case len(fields) == 0 || fields[0].Name != header[i] || !sameCell(fields[0].Value, cell):
			return false
		default:
			fields = fields[1:]
		}
	}
	return len(fields) == 0
}

func sameCell(v segment.Value, cell string) bool {
	switch v.Kind() {
	case segment.StringValue:
		return v.Str() == cell
	case segment.Int64Value:
		return strconv.FormatInt(v.Int64(), 10) == cell
	case segment.BoolValue:
		return strconv.FormatBool(v.Bool()) == cell
	}
	f, err := strconv.ParseFloat(cell, 64)
	return err == nil && v.Kind() == segment.Float64Value && (f == v.Float64() || f != f && v.Float64() != v.Float64())
}
