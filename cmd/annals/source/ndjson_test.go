package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/annalsdb/annals/fuzz/alloc"
	"github.com/annalsdb/annals/segment"
)

// plain is the mapping that the command has when no flag is given.
func plain() Options {
	return Options{Stream: "s", Format: NDJSON, Mapping: Mapping{Key: "key", Time: "time"}, TimeMayMiss: true}
}

// collect reads all batches, and the error that ends them.
func collect(t *testing.T, text string, o Options) ([]Batch, *Reader, error) {
	t.Helper()
	r, err := NewReader(strings.NewReader(text), o)
	if err != nil {
		t.Fatal(err)
	}
	var batches []Batch
	for b, err := range r.Batches() {
		if err != nil {
			return batches, r, err
		}
		batches = append(batches, b)
	}
	return batches, r, nil
}

// events are those of all batches.
func events(batches []Batch) (all []segment.Event) {
	for _, b := range batches {
		all = append(all, b.Events...)
	}
	return all
}

func TestReader_NDJSONEvent(t *testing.T) {
	o := plain()
	o.Type, o.ID, o.Recorded, o.Deletes = "type", "id", "rec", []string{"gone"}
	got, _, err := collect(t, `{"a":1,"key":"k","time":"2024-02-06T12:10:19.5+01:00","type":"gone","id":7,"rec":1700000000,"b":{ "x" : [1]},"c":-0.0,"d":null,"e":true,"f":"t\u00e9\ud83c\udf88\n","g":9223372036854775807,"h":1e3}`+"\n", o)
	if err != nil {
		t.Fatal(err)
	}
	want := segment.Event{
		Stream: "s", Key: "k", Type: "gone", Kind: segment.Delete, ID: "7",
		Time: time.Date(2024, 2, 6, 11, 10, 19, 5e8, time.UTC),
		Fields: segment.Fields{
			segment.Int64("a", 1), segment.JSON("b", []byte(`{ "x" : [1]}`)), segment.Float64("c", math.Copysign(0, -1)),
			segment.Null("d"), segment.Bool("e", true), segment.String("f", "té🎈\n"),
			segment.Int64("g", math.MaxInt64), segment.Float64("h", 1000),
		},
	}
	event := got[0].Events[0]
	event.Time = event.Time.UTC()
	if !reflect.DeepEqual(event, want) {
		t.Errorf("got  %+v\nwant %+v", event, want)
	}
	if want := time.Unix(1700000000, 0); !got[0].Recorded.Equal(want) {
		t.Errorf("recorded: got %v, want %v", got[0].Recorded, want)
	}
}

func TestReader_Flatten(t *testing.T) {
	o := plain()
	o.Flatten, o.Ignore = []string{"data", "more"}, []string{"seq"}
	got, _, err := collect(t, `{"seq":1,"data":{"size":3,"in":{"x":1}},"key":"k","more":null,"z":{"y":1}}`, o)
	if err != nil {
		t.Fatal(err)
	}
	if text, want := events(got)[0].Fields.String(), `size=3 in={"x":1} more=null z={"y":1}`; text != want {
		t.Errorf("got %s, want %s", text, want)
	}
}

func TestReader_BadLine(t *testing.T) {
	for _, c := range []struct{ name, line, want string }{
		{"bad JSON", `{"key":"k",}`, `bad JSON at byte 12: invalid character '}'`},
		{"cut JSON", `{"key":"k"`, `bad JSON at byte 10: unexpected end`},
		{"two objects", `{"key":"k"} {}`, `bad JSON at byte 13`},
		{"no object", `[1]`, `not a JSON object`},
		{"missing key", `{"a":1}`, `field "key" (the key) is missing`},
		{"null key", `{"key":null}`, `field "key" (the key) is missing`},
		{"empty key", `{"key":""}`, `field "key": is empty`},
		{"float key", `{"key":1.5}`, `field "key": need text or a whole number, not float64`},
		{"object key", `{"key":{}}`, `field "key": need text or a whole number, not json`},
		{"long key", `{"key":"` + strings.Repeat("k", segment.MaxKey+1) + `"}`, `key has 4097 bytes, it takes 1 to 4096`},
		{"bad time", `{"key":"k","time":"yesterday"}`, `field "time": "yesterday" is no time`},
		{"time without offset", `{"key":"k","time":"2024-02-06T12:10:19"}`, `is no time`},
		{"time too late", `{"key":"k","time":"2300-01-01T00:00:00Z"}`, `outside the years 1677 to 2262`},
		{"ambiguous time", `{"key":"k","time":50000000000}`, `more than one unit`},
		{"time with a fraction", `{"key":"k","time":1.5}`, `a time with a fraction`},
		{"boolean time", `{"key":"k","time":true}`, `a bool is no time`},
		{"duplicate field", `{"key":"k","a":1,"a":2}`, `field "a" is there twice`},
		{"duplicate key", `{"key":"k","key":"l"}`, `field "key" is there twice`},
		{"duplicate of many", `{"key":"k","a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1,"l":1,"m":1,"n":1,"o":1,"p":1,"q":1,"b":1}`, `field "b" is there twice`},
		{"duplicate by an escape", `{"key":"k","a":1,"\u0061":2}`, `field "a" is there twice`},
		{"duplicate by flatten", `{"key":"k","a":1,"flat":{"a":2}}`, `field "a" is there twice`},
		{"empty name", `{"key":"k","":1}`, `name of the field has 0 bytes`},
		{"long name", `{"key":"k","` + strings.Repeat("n", segment.MaxName+1) + `":1}`, `name of the field has 256 bytes`},
		{"long type", `{"key":"k","type":"` + strings.Repeat("t", segment.MaxName+1) + `"}`, `name of the type has 256 bytes`},
		{"invalid UTF-8", "{\"key\":\"k\xff\"}", `invalid UTF-8 at byte 10`},
		{"half a surrogate pair", `{"key":"\ud83c"}`, `\ud83c is half a surrogate pair`},
		{"half a pair, then text", `{"key":"k","a":"\udf88\u0041"}`, `half a surrogate pair`},
		{"large integer", `{"key":"k","a":9223372036854775808}`, `field "a": integer 9223372036854775808 does not fit into 64 bits`},
		{"large number", `{"key":"k","a":1e999}`, `field "a": number 1e999 does not fit into a float64`},
		{"too many fields", `{"key":"k"` + manyFields(segment.MaxFields+1) + `}`, `4097 fields, at most 4096 are stored`},
	} {
		o := plain()
		o.Type, o.Flatten = "type", []string{"flat"}
		_, _, err := collect(t, "{\"key\":\"first\"}\n\n"+c.line+"\n{\"key\":\"last\"}\n", o)
		fault, ok := errors.AsType[*LineError](err)
		if !ok || fault.Line != 3 || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want line 3 and %q", c.name, err, c.want)
		}

		var aside bytes.Buffer
		o.Skip = &aside
		got, r, err := collect(t, "{\"key\":\"first\"}\r\n\n"+c.line+"\n{\"key\":\"last\"}", o)
		n, first := r.Skipped()
		if err != nil || len(events(got)) != 2 || n != 1 || first == nil || first.Line != 3 {
			t.Errorf("%s, skipped: got %d events, %d skipped, first %v, %v", c.name, len(events(got)), n, first, err)
		}
		if aside.String() != c.line+"\n" {
			t.Errorf("%s: put aside %q", c.name, short(aside.String()))
		}
	}
}

func manyFields(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`,"f`)
		b.WriteString(strings.Repeat("x", i%200))
		b.WriteString(string(rune('a' + i/200)))
		b.WriteString(`":1`)
	}
	return b.String()
}

// TestReader_LongLine reads a line over the limit, in both ways.
func TestReader_LongLine(t *testing.T) {
	long := `{"key":"` + strings.Repeat("k", 2*maxLine) + `"}`
	text := "{\"key\":\"a\"}\n" + long + "\n{\"key\":\"b\"}\n"
	_, _, err := collect(t, text, plain())
	if err == nil || err.Error() != "line 2: longer than 16 MiB" {
		t.Errorf("got %v", err)
	}
	var aside bytes.Buffer
	o := plain()
	o.Skip = &aside
	got, _, err := collect(t, text, o)
	if err != nil || len(events(got)) != 2 || aside.String() != long+"\n" {
		t.Errorf("skipped: %d events, %d bytes aside of %d, %v", len(events(got)), aside.Len(), len(long)+1, err)
	}
}

// FuzzNDJSON checks that any line is refused or read as encoding/json reads it, and that
// reading it allocates no more than 256 KiB and 128 bytes for each of it.
func FuzzNDJSON(f *testing.F) {
	f.Add(`{"key":"k","a":[1,{"b":"}"}],"c":"\\\"\ud83c\udf88","d" : -1.5e3 , "e":{}}`)
	f.Add(`{"key":"\u0000", "time":"2024-02-06T12:10:19Z"}`)
	f.Add(` {} `)
	f.Fuzz(func(t *testing.T, line string) {
		if strings.ContainsAny(line, "\n\r") {
			t.Skip()
		}
		o := plain()
		o.Time = ""
		var got []Batch
		var err error
		bound := alloc.Bound{Fixed: 256 << 10, Factor: 128}
		if over := bound.Check(len(line), func() { got, _, err = collect(t, line, o) }); over != nil {
			t.Fatalf("%q: %v", line, over)
		}
		if err != nil || len(got) == 0 {
			return
		}
		var want map[string]any
		d := json.NewDecoder(strings.NewReader(strings.TrimPrefix(line, string(byteOrder))))
		d.UseNumber()
		if err := d.Decode(&want); err != nil {
			t.Fatalf("accepted %q, which is no JSON object: %v", line, err)
		}
		delete(want, "key")
		fields := got[0].Events[0].Fields
		if len(fields) != len(want) {
			t.Fatalf("%q: %d fields, want %d", line, len(fields), len(want))
		}
		for _, f := range fields {
			if !sameJSON(f.Value, want[f.Name]) {
				t.Fatalf("%q: field %q is %s, want %v", line, f.Name, f.Value, want[f.Name])
			}
		}
	})
}

func sameJSON(v segment.Value, want any) bool {
	switch w := want.(type) {
	case string:
		return v.Kind() == segment.StringValue && v.Str() == w
	case json.Number:
		if v.Kind() == segment.Int64Value {
			i, err := w.Int64()
			return err == nil && i == v.Int64()
		}
		f, err := w.Float64()
		return err == nil && v.Kind() == segment.Float64Value && f == v.Float64()
	case bool:
		return v.Kind() == segment.BoolValue && v.Bool() == w
	case nil:
		return v.IsNull()
	}
	var back any
	d := json.NewDecoder(bytes.NewReader(v.JSON()))
	d.UseNumber()
	return d.Decode(&back) == nil && reflect.DeepEqual(back, want)
}
