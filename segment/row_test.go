package segment

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/annalsdb/annals/fuzz/alloc"
)

// everyKind is one field of every kind, extremes included.
func everyKind() Fields {
	return Fields{
		Null("null"), Bool("yes", true), Bool("no", false),
		Int64("min", math.MinInt64), Int64("max", math.MaxInt64), Int64("zero", 0),
		Float64("nan", math.Float64frombits(0x7ff8dead00000001)), Float64("-0", math.Copysign(0, -1)),
		Float64("inf", math.Inf(-1)), Float64("tiny", math.SmallestNonzeroFloat64),
		String("text", "grüezi"), String("empty", ""), String("binary", "\x00\xff"),
		Bytes("bytes", []byte{0, 1, 2, 255}), Bytes("none", nil),
		Time("time", time.Date(1677, 9, 22, 0, 0, 0, 1, time.UTC)),
		JSON("json", json.RawMessage(`{"a":[1, 2.50,  null]}`)),
	}
}

func TestRow_RoundTrip(t *testing.T) {
	events := []Event{
		{Stream: "s", Key: "k", Type: "t", ID: "id", Fields: everyKind()},
		{Stream: "s", Key: strings.Repeat("k", MaxKey), Kind: Delete},
		{Stream: "s", Key: "\xff\x00", Kind: Heartbeat},
		{Stream: "s", Key: "k", Kind: Retraction, Retracts: math.MaxUint64},
	}
	for _, e := range events {
		for _, lag := range []int64{0, 1, -1, math.MinInt64, math.MaxInt64} {
			const salt = 77
			row, _ := AppendRow(nil, salt, &e, math.MaxUint32, math.MaxUint64, lag, false)
			if len(row) > RowBound(&e) {
				t.Errorf("row of %d bytes, the bound is %d", len(row), RowBound(&e))
			}
			got, err := RowIn(row)
			if err != nil {
				t.Fatalf("read row of %+v: %v", e, err)
			}
			fields, err := got.Fields()
			if err != nil {
				t.Fatalf("read fields of %+v: %v", e, err)
			}
			if got.Kind != e.Kind || got.Key != e.Key || got.Type != e.Type || got.ID != e.ID || got.Ref != e.Retracts ||
				got.Lag != lag || got.Stream != math.MaxUint32 || got.Version != math.MaxUint64 || got.Unchanged {
				t.Errorf("read %+v, want %+v", got, e)
			}
			for i, f := range e.Fields {
				if fields[i] != f {
					t.Errorf("field %d is %v, want %v", i, fields[i], f)
				}
			}
		}
	}
}

func TestRow_UnchangedKeepsItsReference(t *testing.T) {
	e := Event{Stream: "s", Key: "k", Type: "t", Same: 12}
	row, _ := AppendRow(nil, 0, &e, 1, 2, 0, true)
	got, err := RowIn(row)
	if err != nil || !got.Unchanged || got.Ref != 12 {
		t.Fatalf("read %+v, %v", got, err)
	}
}

// No prefix of a row's body is a row with the same fields: a cut is noticed.
func TestRow_CutIsNoticed(t *testing.T) {
	e := Event{Stream: "s", Key: "k", Type: "t", ID: "id", Fields: everyKind()}
	row, _ := AppendRow(nil, 0, &e, 1, 2, 3, false)
	body := string(row[rowHead:])
	for n := range len(body) {
		var got Row
		if err := ParseRow(body[:n], &got); err != nil {
			continue
		}
		if fields, err := got.Fields(); err == nil {
			t.Fatalf("the first %d of %d bytes read as %v", n, len(body), fields)
		}
	}
}

func TestEvent_CheckRefusals(t *testing.T) {
	long := strings.Repeat("x", MaxKey+1)
	cases := map[string]Event{
		"no stream":           {Key: "k"},
		"long stream":         {Stream: long, Key: "k"},
		"stream not UTF-8":    {Stream: "\xff", Key: "k"},
		"no key":              {Stream: "s"},
		"long key":            {Stream: "s", Key: long},
		"type not UTF-8":      {Stream: "s", Key: "k", Type: "\xff"},
		"long ID":             {Stream: "s", Key: "k", ID: long},
		"unknown kind":        {Stream: "s", Key: "k", Kind: 9},
		"late time":           {Stream: "s", Key: "k", Time: time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC)},
		"early time":          {Stream: "s", Key: "k", Time: time.Date(1600, 1, 1, 0, 0, 0, 0, time.UTC)},
		"heartbeat fields":    {Stream: "s", Key: "k", Kind: Heartbeat, Fields: Fields{Bool("a", true)}},
		"retracts nothing":    {Stream: "s", Key: "k", Kind: Retraction},
		"change retracts":     {Stream: "s", Key: "k", Retracts: 1},
		"field without name":  {Stream: "s", Key: "k", Fields: Fields{Bool("", true)}},
		"field not UTF-8":     {Stream: "s", Key: "k", Fields: Fields{Bool("\xff", true)}},
		"field twice":         {Stream: "s", Key: "k", Fields: Fields{Bool("a", true), Null("a")}},
		"field twice of many": {Stream: "s", Key: "k", Fields: append(everyKind(), Null("yes"))},
		"field time":          {Stream: "s", Key: "k", Fields: Fields{Time("t", time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC))}},
		"field JSON":          {Stream: "s", Key: "k", Fields: Fields{JSON("j", json.RawMessage(`{`))}},
		"many fields":         {Stream: "s", Key: "k", Fields: make(Fields, MaxFields+1)},
	}
	for name, e := range cases {
		if err := e.Check(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: error is %v, want ErrInvalid", name, err)
		}
	}
	good := Event{Stream: "s", Key: "\xff", Type: "", Fields: everyKind()}
	if err := good.Check(); err != nil {
		t.Errorf("a good event is refused: %v", err)
	}
}

func TestFields_Equal(t *testing.T) {
	a := Fields{Int64("x", 1), String("y", "z")}
	for _, c := range []struct {
		b    Fields
		want bool
	}{
		{Fields{Int64("x", 1), String("y", "z")}, true},
		{Fields{String("y", "z"), Int64("x", 1)}, true},
		{Fields{Int64("x", 1)}, false},
		{Fields{Float64("x", 1), String("y", "z")}, false},
		{Fields{Int64("x", 1), Bytes("y", []byte("z"))}, false},
		{Fields{Int64("x", 1), String("w", "z")}, false},
	} {
		if got := a.Equal(c.b); got != c.want {
			t.Errorf("%v equal to %v: %v", a, c.b, got)
		}
	}
}

// What a decoder accepts of arbitrary bytes it must write again as it was. A row and its
// fields allocate no more than 1 KiB and 32 bytes for each that is given: a field takes
// two bytes and becomes 48.
func FuzzParseRow(f *testing.F) {
	for _, e := range []Event{
		{Stream: "s", Key: "k", Type: "t", ID: "id", Fields: everyKind()},
		{Stream: "s", Key: "k", Kind: Retraction, Retracts: 5},
	} {
		row, _ := AppendRow(nil, 0, &e, 1, 2, -3, false)
		f.Add(string(row[rowHead:]))
	}
	row, _ := AppendRow(nil, 0, &Event{Stream: "s", Key: "k"}, 1, 2, -3, false)
	f.Add(string(binary.AppendUvarint(row[rowHead:len(row)-1], MaxFields))) // and none of them is there
	f.Fuzz(func(t *testing.T, body string) {
		var row Row
		var fields Fields
		var err error
		bound := alloc.Bound{Fixed: 1 << 10, Factor: 32}
		over := bound.Check(len(body), func() {
			if err = ParseRow(body, &row); err == nil {
				fields, err = row.Fields()
			}
		})
		if over != nil {
			t.Fatal(over)
		}
		if err != nil {
			return
		}
		e := Event{Key: row.Key, Type: row.Type, ID: row.ID, Kind: row.Kind, Fields: fields}
		if row.Unchanged {
			e.Same = row.Ref
		} else {
			e.Retracts = row.Ref
		}
		again, _ := AppendRow(nil, 0, &e, row.Stream, row.Version, row.Lag, row.Unchanged)
		twice, err := RowIn(again)
		if err != nil || twice.Key != row.Key || twice.Lag != row.Lag || twice.Ref != row.Ref {
			t.Fatalf("%+v is written and read again as %+v, %v", row, twice, err)
		}
		if f, err := twice.Fields(); err != nil || !f.Equal(fields) {
			t.Fatalf("fields %v are read again as %v, %v", fields, f, err)
		}
	})
}
