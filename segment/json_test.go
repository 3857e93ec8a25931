package segment

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestValue_AppendJSON(t *testing.T) {
	for _, c := range []struct {
		value Value
		want  string
	}{
		{NullOf(), `null`},
		{BoolOf(true), `true`},
		{BoolOf(false), `false`},
		{Int64Of(math.MaxInt64), `9223372036854775807`},
		{Int64Of(math.MinInt64), `-9223372036854775808`},
		{Float64Of(0), `0.0`},
		{Float64Of(math.Copysign(0, -1)), `-0.0`},
		{Float64Of(1), `1.0`},
		{Float64Of(0.1), `0.1`},
		{Float64Of(1e20), `100000000000000000000.0`},
		{Float64Of(1e21), `1e+21`},
		{Float64Of(5e-324), `5e-324`},
		{Float64Of(math.MaxFloat64), `1.7976931348623157e+308`},
		{Float64Of(math.NaN()), `"NaN"`},
		{Float64Of(math.Inf(1)), `"+Inf"`},
		{Float64Of(math.Inf(-1)), `"-Inf"`},
		{StringOf(""), `""`},
		{StringOf("a\"b\\c\n\r\t\x00\x1f\x7f</script>&"), `"a\"b\\c\n\r\t\u0000\u001f\u007f</script>&"`},
		{StringOf("é 🎈 \u2028\u2029"), `"é 🎈 \u2028\u2029"`},
		{StringOf("a\xffb\xc3"), `"a\ufffdb\ufffd"`},
		{StringOf("\uFFFD"), "\"\uFFFD\""},
		{BytesOf([]byte{0, 255}), `"AP8="`},
		{BytesOf(nil), `""`},
		{TimeOf(time.Unix(0, 5).UTC()), `"1970-01-01T00:00:00.000000005Z"`},
		{TimeOf(time.Date(2024, 2, 6, 12, 10, 19, 0, time.FixedZone("", 3600))), `"2024-02-06T11:10:19.000000000Z"`},
		{JSONOf([]byte(`{"b":1,"a":[2]}`)), `{"b":1,"a":[2]}`},
		{JSONOf([]byte("{ \"b\" :\n[1 , \"x y\"] }")), `{"b":[1,"x y"]}`},
		{JSONOf([]byte("\"\xff\"")), "\"\uFFFD\""},
		{JSONOf([]byte(`{`)), `null`},
	} {
		if got := string(c.value.AppendJSON([]byte("x"))); got != "x"+c.want {
			t.Errorf("%s %q: got %s, want x%s", c.value.Kind(), c.value, got, c.want)
		}
	}
}

func TestFields_AppendJSON(t *testing.T) {
	fs := Fields{Int64("z", 1), String("a", "x"), Null(`q"`)}
	if got, want := string(fs.AppendJSON(nil)), `{"z":1,"a":"x","q\"":null}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := string(Fields(nil).AppendJSON(nil)); got != `{}` {
		t.Errorf("no fields: got %s, want {}", got)
	}
}

func TestFields_MarshalJSON(t *testing.T) {
	out, err := json.Marshal(map[string]any{"fields": Fields{Int64("z", 1), Float64("a", 2)}})
	if err != nil || string(out) != `{"fields":{"z":1,"a":2.0}}` {
		t.Errorf("got %s, %v", out, err)
	}
	_, err = json.Marshal(Fields{JSON("bad", []byte(`{`))})
	if err == nil || !strings.Contains(err.Error(), `"bad"`) {
		t.Errorf("invalid field: got error %v, want one that names it", err)
	}
	if _, err = json.Marshal(JSONOf([]byte(`{`))); err == nil {
		t.Error("invalid value: no error")
	}
}

// FuzzAppendJSON checks that any bytes make valid JSON of one line, and that
// valid UTF-8 comes back as it was.
func FuzzAppendJSON(f *testing.F) {
	f.Add("name", "text\xff\u2028\n", 1.5)
	f.Add("\x00", "{\"a\": [1, 2]}", math.Inf(-1))
	f.Fuzz(func(t *testing.T, name, text string, number float64) {
		fs := Fields{String(name, text), Bytes(name+"b", []byte(text)), Float64(name+"f", number), JSON(name+"j", []byte(text))}
		out := fs.AppendJSON(nil)
		if !json.Valid(out) || !utf8.Valid(out) || bytes.ContainsAny(out, "\n\r") {
			t.Fatalf("not one line of valid JSON: %q", out)
		}
		var back string
		if err := json.Unmarshal(AppendJSONString(nil, text), &back); err != nil {
			t.Fatal(err)
		}
		if utf8.ValidString(text) && back != text {
			t.Fatalf("got %q back for %q", back, text)
		}
	})
}

// TestValue_JSONFloatsReadBack checks that a float survives as a float.
func TestValue_JSONFloatsReadBack(t *testing.T) {
	for _, f := range []float64{0, 1, -1, 0.1, 1e15, 1e20, 1e21, 1e22, 1e-6, 1e-7, math.Pi, math.MaxFloat64, math.SmallestNonzeroFloat64} {
		out := Float64Of(f).AppendJSON(nil)
		var back float64
		if err := json.Unmarshal(out, &back); err != nil || back != f {
			t.Errorf("%s: got %g back, %v", out, back, err)
		}
		var whole int64
		if err := json.Unmarshal(out, &whole); err == nil {
			t.Errorf("%s reads as an integer", out)
		}
	}
}
