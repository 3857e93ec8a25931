package store

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/annalsdb/annals/segment"
)

type base struct {
	Region string
	Hidden int `annals:"-"`
}

type point struct {
	X, Y float64
}

// everything has a field of every sort that FieldsOf takes.
type everything struct {
	base
	ID       string `annals:",key"`
	On       bool
	Small    int8
	Count    int64
	Mask     uint64
	Ratio    float32
	Price    float64 `annals:"unit_price"`
	Name     string
	Blob     []byte
	At       time.Time
	For      time.Duration
	Raw      json.RawMessage
	Exact    Value
	Maybe    *int
	When     *time.Time
	Point    point
	Points   []point
	Labels   map[string]string
	AsText   int    `annals:",json"`
	Note     string `annals:"note,omitempty"`
	internal int
}

func full() everything {
	seven, when := 7, time.Unix(0, -5).UTC()
	return everything{
		base: base{Region: "eu"}, ID: "k", On: true, Small: -128, Count: math.MaxInt64, Mask: math.MaxInt64,
		Ratio: 0.1, Price: math.Copysign(0, -1), Name: "n", Blob: []byte{}, At: time.Unix(1, 1).UTC(),
		For: time.Second, Raw: json.RawMessage(`{"a": 1.0}`), Exact: segment.Int64Of(1 << 60), Maybe: &seven,
		When: &when, Point: point{1, 2}, Points: []point{{3, 4}}, Labels: map[string]string{"a": "<b>"}, AsText: 5,
	}
}

func TestFieldsOf_EveryKind(t *testing.T) {
	got, err := FieldsOf(full())
	if err != nil {
		t.Fatal(err)
	}
	want := Fields{
		String("region", "eu"), Bool("on", true), Int64("small", -128), Int64("count", math.MaxInt64),
		Int64("mask", math.MaxInt64), Float64("ratio", float64(float32(0.1))), Float64("unit_price", math.Copysign(0, -1)),
		String("name", "n"), Bytes("blob", []byte{}), Time("at", time.Unix(1, 1)), Int64("for", int64(time.Second)),
		JSON("raw", json.RawMessage(`{"a": 1.0}`)), Int64("exact", 1<<60), Int64("maybe", 7), Time("when", time.Unix(0, -5)),
		JSON("point", json.RawMessage(`{"X":1,"Y":2}`)), JSON("points", json.RawMessage(`[{"X":3,"Y":4}]`)),
		JSON("labels", json.RawMessage(`{"a":"<b>"}`)), JSON("as_text", json.RawMessage(`5`)),
	}
	sameFields(t, got, want)
}

func TestFieldsOf_ZeroIsNullWhereGoHasNil(t *testing.T) {
	got, err := FieldsOf(&everything{Note: "kept"})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"blob", "at", "raw", "exact", "maybe", "when", "points", "labels"} {
		if v, ok := got.Get(name); !ok || !v.IsNull() {
			t.Errorf("%s is %v (%v), want null", name, v, ok)
		}
	}
	if v, _ := got.Get("note"); v.Str() != "kept" {
		t.Errorf("note is %v", v)
	}
}

func TestInto_RoundTrip(t *testing.T) {
	for name, want := range map[string]everything{"full": full(), "zero": {}} {
		fields, err := FieldsOf(want)
		if err != nil {
			t.Fatal(name, err)
		}
		got := full() // to be overwritten
		got.ID, got.internal = want.ID, 3
		want.internal = 3
		if err := Into(fields, &got); err != nil {
			t.Fatal(name, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v\nwant %+v", name, got, want)
		}
	}
}

func TestInto_NaNKeepsItsBits(t *testing.T) {
	type reading struct{ V float64 }
	odd := math.Float64frombits(0x7ff8000000000123)
	fields, err := FieldsOf(reading{odd})
	if err != nil {
		t.Fatal(err)
	}
	var got reading
	if err := Into(fields, &got); err != nil || math.Float64bits(got.V) != math.Float64bits(odd) {
		t.Errorf("got bits %x, error %v", math.Float64bits(got.V), err)
	}
}

func TestInto_UnknownIgnoredMissingZeroKeyKept(t *testing.T) {
	got := full()
	if err := Into(Fields{Int64("other", 1), String("name", "new")}, &got); err != nil {
		t.Fatal(err)
	}
	want := everything{ID: "k", Name: "new"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestInto_OtherOrder(t *testing.T) {
	type pair struct{ A, B, C int }
	var got pair
	fields := Fields{Int64("c", 3), Int64("a", 1), Int64("b", 2)}
	if err := Into(fields, &got); err != nil || got != (pair{1, 2, 3}) {
		t.Errorf("got %+v, error %v", got, err)
	}
}

func TestInto_JSONDoesNotMixWithWhatWasThere(t *testing.T) {
	type bag struct{ Labels map[string]int }
	got := bag{map[string]int{"old": 1}}
	if err := Into(Fields{JSON("labels", json.RawMessage(`{"new":2}`))}, &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Labels, map[string]int{"new": 2}) {
		t.Errorf("got %v", got.Labels)
	}
}

// TestInto_NeverRounds reads into each field values that it cannot hold.
func TestInto_NeverRounds(t *testing.T) {
	for _, c := range []struct {
		field Field
		cause string
	}{
		{Float64("count", 2), "float64 2 is no int64"},
		{Float64("small", 1.5), "is no int8"},
		{Int64("small", 128), "int64 128 is no int8"},
		{Int64("mask", -1), "int64 -1 is no uint64"},
		{Float64("ratio", 0.1), "is no float32"},
		{Float64("ratio", math.MaxFloat64), "is no float32"},
		{Int64("unit_price", 1<<53+1), "is no float64"},
		{Int64("unit_price", math.MaxInt64), "is no float64"},
		{Int64("on", 1), "is no bool"},
		{Bytes("name", nil), "is no string"},
		{String("blob", "x"), "is no []uint8"},
		{Int64("at", 5), "is no time.Time"},
		{Time("for", time.Unix(1, 0)), "is no time.Duration"},
		{String("raw", "{}"), "is no json.RawMessage"},
		{String("maybe", "7"), "is no int"},
		{String("point", "{}"), "is no store.point"},
		{JSON("point", json.RawMessage(`{"X":"no"}`)), "cannot unmarshal"},
		{JSON("as_text", json.RawMessage(`1.5`)), "cannot unmarshal"},
	} {
		var v everything
		err := Into(Fields{c.field}, &v)
		var fe *FieldError
		if !errors.As(err, &fe) || !errors.Is(err, ErrInvalid) || fe.Field != c.field.Name || !strings.Contains(err.Error(), c.cause) {
			t.Errorf("%s %v: error %v, want one that says %q", c.field.Name, c.field.Value, err, c.cause)
		}
	}
}

func TestInto_IntegerForFloat(t *testing.T) {
	type prices struct {
		Wide   float64
		Narrow float32
	}
	var got prices
	if err := Into(Fields{Int64("wide", math.MinInt64), Int64("narrow", 1<<24)}, &got); err != nil {
		t.Fatal(err)
	}
	if got != (prices{-1 << 63, 1 << 24}) {
		t.Errorf("got %v", got)
	}
	if err := Into(Fields{Int64("narrow", 1<<24+1)}, &got); !errors.Is(err, ErrInvalid) {
		t.Errorf("2^24+1 as float32: error %v", err)
	}
}

func TestFieldsOf_ValuesThatCannotBeStored(t *testing.T) {
	far := time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)
	for field, v := range map[string]everything{
		"mask":  {Mask: 1 << 63},
		"at":    {At: far},
		"when":  {When: &far},
		"raw":   {Raw: json.RawMessage(`{`)},
		"exact": {Exact: segment.TimeOf(far)},
		"point": {Point: point{X: math.NaN()}},
	} {
		_, err := FieldsOf(v)
		var fe *FieldError
		if !errors.As(err, &fe) || fe.Field != field || !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: error %v", field, err)
		}
	}
}

func TestFieldsOf_Omitempty(t *testing.T) {
	type sparse struct {
		N int            `annals:",omitempty"`
		S []int          `annals:",omitempty"`
		M map[string]int `annals:"m,omitempty"`
		T time.Time      `annals:",omitempty"`
		P *int           `annals:",omitempty"`
	}
	got, err := FieldsOf(sparse{S: []int{}, M: map[string]int{}})
	if err != nil || len(got) != 0 {
		t.Errorf("got %v, error %v", got, err)
	}
	got, err = FieldsOf(sparse{N: 1, P: new(int)})
	if err != nil {
		t.Fatal(err)
	}
	sameFields(t, got, Fields{Int64("n", 1), Int64("p", 0)})
}

func TestFieldsOf_NotAStruct(t *testing.T) {
	var none *everything
	for _, v := range []any{nil, 5, "x", none, map[string]int{}} {
		if _, err := FieldsOf(v); !errors.Is(err, ErrInvalid) {
			t.Errorf("FieldsOf(%T): error %v", v, err)
		}
		if err := Into(nil, v); !errors.Is(err, ErrInvalid) {
			t.Errorf("Into(%T): error %v", v, err)
		}
	}
	if err := Into(nil, everything{}); !errors.Is(err, ErrInvalid) {
		t.Errorf("Into a struct by value: error %v", err)
	}
}

func TestFieldsOf_Shapes(t *testing.T) {
	type loop *loop
	for cause, v := range map[string]any{
		"Done: a chan int cannot be stored": struct{ Done chan int }{},
		"F: a func() cannot be stored":      struct{ F *func() }{},
		"C: a complex64 cannot be stored": struct {
			C complex64 `annals:",json"`
		}{},
		"P: a **int has two ways":      struct{ P **int }{},
		"L: a store.loop has two ways": struct{ L loop }{},
		"are both named \"a\"": struct {
			A int
			B int `annals:"a"`
		}{},
		"unknown option \"omitzero\"": struct {
			A int `annals:",omitzero"`
		}{},
		"x has a tag but is not exported": struct {
			x int `annals:"x"`
		}{},
		"embed the struct itself": struct{ *base }{},
		"A: a key has no name": struct {
			A string `annals:"a,key"`
		}{},
		"A: a key has no name and": struct {
			A string `annals:",key,json"`
		}{},
		"A: a key is a string, not int": struct {
			A int `annals:",key"`
		}{},
		"B is a second key": struct {
			A, B string `annals:",key"`
		}{},
		"longer than 255 bytes": longName(),
	} {
		_, err := FieldsOf(v)
		if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), cause) {
			t.Errorf("error %v, want one that says %q", err, cause)
		}
	}
}

// longName is a struct whose field has a tag that is too long for a name.
func longName() any {
	tag := reflect.StructTag(`annals:"` + strings.Repeat("a", segment.MaxName+1) + `"`)
	return reflect.Zero(reflect.StructOf([]reflect.StructField{{Name: "A", Type: reflect.TypeFor[int](), Tag: tag}})).Interface()
}

func TestSnakeCase(t *testing.T) {
	for in, want := range map[string]string{
		"ID": "id", "OrderID": "order_id", "HTTPPort": "http_port", "Price": "price", "UnitPrice": "unit_price",
		"A1B": "a1_b", "X": "x", "Already_Snake": "already_snake", "ÄrgerÜber": "ärger_über", "IDs": "i_ds", "Line2": "line2",
	} {
		if got := snakeCase(in); got != want {
			t.Errorf("snakeCase(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestPlan_IsMadeOnce(t *testing.T) {
	a, err := planOf(reflect.TypeFor[everything]())
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := planOf(reflect.TypeFor[everything]()); a != b {
		t.Error("two plans for one type")
	}
}

func sameFields(t *testing.T, got, want Fields) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("got %d fields: %v\nwant %d: %v", len(got), got, len(want), want)
		return
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("field %d is %s=%v (%v), want %s=%v (%v)", i,
				got[i].Name, got[i].Value, got[i].Value.Kind(), want[i].Name, want[i].Value, want[i].Value.Kind())
		}
	}
}
