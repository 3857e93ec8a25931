package aggregate

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// aDefinition has something of everything.
func aDefinition(t *testing.T) Definition {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return Definition{
		Name: "sales", Stream: "orders", By: []Input{Key(), Type(), Field("region")},
		Where: index.And{
			index.Or{index.Eq{Column: "a", Value: index.Float64Of(1.5)}, index.Not{Of: index.IsNull{Column: "b"}}},
			index.In{Column: "c", Values: []index.Literal{index.StringOf("x"), {}, index.BoolOf(true)}},
			index.Range{Column: "d", Lo: index.Bound{Value: index.Int64Of(-3), Open: true}},
			index.Range{Column: "d", Hi: index.Bound{Value: index.TimeOf(7)}},
			index.Prefix{Column: segment.ColumnKey, Prefix: "p"}, index.Same{Column: "e", Value: index.JSONOf("{}")}, nil,
		},
		Window: Calendar{Unit: Month, N: 2, Zone: berlin, Origin: Date{1999, 12, 31}},
		Measures: []Measure{
			{"n", Count{Rows: true}, Input{}}, {"total", Sum{}, Field("price")},
			{"p99", Quantile{Q: 0.99, Error: 0.001}, Field("price")}, {"own", longest, Field("text")},
		},
		Watermark: Marks{Source: Field("shop"), Bound: time.Minute, Skew: time.Second, Idle: time.Hour, MaxDelay: 2 * time.Hour},
		Grace:     5 * time.Second, Keep: 24 * time.Hour,
	}
}

func TestDefinition_ReadsWhatItWrites(t *testing.T) {
	d := aDefinition(t)
	b := d.AppendBinary(nil)
	got, err := DecodeDefinition(b)
	if err != nil {
		t.Fatal(err)
	}
	if string(got.AppendBinary(nil)) != string(b) || got.Fingerprint() != d.Fingerprint() || got.String() != d.String() {
		t.Errorf("%s\nreads as\n%s", d, got)
	}
	if missing := got.Missing(); len(missing) != 1 || missing[0] != longest.Name {
		t.Errorf("missing are %q", missing)
	}
	if _, err := NewPlan(got); !errors.Is(err, ErrDefinition) || !strings.Contains(err.Error(), longest.Name) {
		t.Errorf("it runs without its own function: %v", err)
	}
	for i := range b {
		if _, err := DecodeDefinition(b[:i]); err == nil {
			t.Errorf("%d of %d bytes are a definition", i, len(b))
		}
		changed := append([]byte(nil), b...)
		changed[i] ^= 0x55
		DecodeDefinition(changed) // must not panic
	}
	for _, f := range functions {
		if _, own := f.f.(Custom); own {
			continue
		}
		if got := functionNamed(f.f.String()); !reflect.DeepEqual(got.String(), f.f.String()) || got.Laws() != f.f.Laws() {
			t.Errorf("%s reads as %s", f.f, got)
		}
	}
	for _, w := range []Window{Tumbling{time.Minute, -time.Second}, Hopping{time.Hour, time.Minute, 0}, Calendar{Unit: Week},
		Session{time.Second}, Sliding{time.Hour}, Counted{7}, Global{}} {
		if got, err := ParseWindow(w.String()); err != nil || got.String() != w.String() {
			t.Errorf("%s reads as %v, %v", w, got, err)
		}
	}
}

// TestDefinition_Fingerprint: whatever is different makes another one.
func TestDefinition_Fingerprint(t *testing.T) {
	seen := map[string]int{}
	for i, change := range []func(*Definition){
		func(d *Definition) {},
		func(d *Definition) { d.Name += "2" },
		func(d *Definition) { d.Stream += "2" },
		func(d *Definition) { d.Where = nil },
		func(d *Definition) { d.Where = index.And{} },
		func(d *Definition) { d.By = d.By[:2] },
		func(d *Definition) { d.By = []Input{Type(), Key(), Field("region")} },
		func(d *Definition) { d.Window = nil },
		func(d *Definition) { d.Measures = d.Measures[:2] },
		func(d *Definition) { d.Measures[1].Name = "sum" },
		func(d *Definition) { d.Measures[1].Of = Field("tax") },
		func(d *Definition) { d.Watermark.Source = Key() },
		func(d *Definition) { d.Watermark.Skew++ },
		func(d *Definition) { d.Grace++ },
		func(d *Definition) { d.Keep++ },
	} {
		d := aDefinition(t)
		change(&d)
		if before, ok := seen[d.Fingerprint()]; ok {
			t.Errorf("changes %d and %d have one fingerprint", before, i)
		}
		seen[d.Fingerprint()] = i
	}
}

func TestDefinition_Check(t *testing.T) {
	for _, c := range []struct {
		change func(*Definition)
		is     error
		says   string
	}{
		{func(d *Definition) { d.Name = "" }, ErrDefinition, "1 to 255"},
		{func(d *Definition) { d.Stream = "" }, ErrDefinition, "stream"},
		{func(d *Definition) { d.Measures = nil }, ErrDefinition, "no measures"},
		{func(d *Definition) { d.Measures[1].Name = "n" }, ErrDefinition, "two measures"},
		{func(d *Definition) { d.Measures[1].Function = nil }, ErrDefinition, "no function"},
		{func(d *Definition) { d.By[0] = Input{} }, ErrDefinition, "empty"},
		{func(d *Definition) { d.By[0] = Field("\xff") }, ErrDefinition, "column"},
		{func(d *Definition) { d.Grace = -1 }, ErrDefinition, "negative"},
		{func(d *Definition) { d.Watermark.Bound = -1 }, ErrDefinition, "watermark"},
		{func(d *Definition) { d.Window = Tumbling{} }, ErrWindow, "positive"},
		{func(d *Definition) { d.Window = Counted{-5} }, ErrWindow, "count(-5)"},
		{func(d *Definition) { d.Window = Calendar{Zone: time.FixedZone("here", 60)} }, ErrDefinition, "by its name"},
	} {
		d := aDefinition(t)
		if err := d.Check(); err != nil {
			t.Fatal(err)
		}
		c.change(&d)
		if err := d.Check(); !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("error is %v, not of %q", err, c.says)
		}
	}
}
