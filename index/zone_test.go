package index

import (
	"strings"
	"testing"
)

// subsets calls f with each value, each pair and each triple of values.
func subsets(values []Literal, f func([]Literal)) {
	for i := range values {
		f(values[i : i+1])
		for j := range i {
			f([]Literal{values[i], values[j]})
			for k := range j {
				f([]Literal{values[i], values[j], values[k]})
			}
		}
	}
}

// judged reports a verdict that the values of a zone contradict, or a Maybe
// where min and max, not cut, leave no doubt.
func judged(t *testing.T, p comparison, z *Zone, values []Literal) {
	t.Helper()
	passed := 0
	for _, v := range values {
		if p.Test(func(string) (Literal, bool) { return v, true }) == True {
			passed++
		}
	}
	got := p.judge(values[0].kind, z)
	if got == Never && passed > 0 || got == Always && passed < len(values) {
		t.Fatalf("%v of %v by %+v: verdict %d, %d pass", p, values, *z, got, passed)
	}
	if got == Maybe && len(values) == 1 && !z.Cut && !onlySame(p, values[0]) {
		t.Fatalf("%v of %v by %+v: maybe", p, values, *z)
	}
}

// onlySame reports whether min and max do not tell p of the one value v: of the
// sign of a zero, of the bits of a NaN.
func onlySame(p comparison, v Literal) bool {
	same, ok := p.(Same)
	return ok && v.kind == Float64 && (v.Float64() == 0 && same.Value.Float64() == 0 || v.isNaN() && same.Value.isNaN())
}

// Every verdict on all small zones of all kinds, against the values.
func TestZone_AgainstValues(t *testing.T) {
	for kind := Bool; kind < kinds; kind++ {
		asked := edge[kind]
		if isNumber(kind) {
			asked = append(append([]Literal{}, edge[Int64]...), edge[Float64]...)
		}
		subsets(edge[kind], func(values []Literal) {
			var z Zone
			for _, v := range values {
				z.include(v)
			}
			for cut := range 4 {
				part := z
				if cut < 3 && cut <= len(z.Max.text) && (kind == String || kind == Bytes || kind == JSON) {
					part.Max.text, part.Cut = z.Max.text[:cut], true
					part.Min.text = z.Min.text[:min(cut, len(z.Min.text))]
				} else if cut < 3 {
					continue
				}
				for _, v := range asked {
					judgedAll(t, &part, v, values)
				}
			}
		})
	}
}

func judgedAll(t *testing.T, z *Zone, v Literal, values []Literal) {
	t.Helper()
	for _, open := range []bool{false, true} {
		judged(t, Range{Lo: Bound{v, open}}, z, values)
		judged(t, Range{Hi: Bound{v, open}}, z, values)
		judged(t, Range{Lo: Bound{v, open}, Hi: Bound{v, false}}, z, values)
	}
	judged(t, In{Values: []Literal{v}}, z, values)
	if v.kind == values[0].kind {
		judged(t, Same{Value: v}, z, values)
	}
	if v.kind == String {
		judged(t, Prefix{Prefix: v.text}, z, values)
		judged(t, Prefix{Prefix: strings.Repeat(v.text, 2)}, z, values)
	}
}

// A zone that knows nothing but a count rules nothing out.
func TestZone_Unknown(t *testing.T) {
	for kind := Bool; kind < kinds; kind++ {
		for _, v := range edge[kind] {
			if v.isNaN() {
				continue // ruled out by itself
			}
			z := &Zone{Count: 3, NaNs: 1}
			for _, p := range []comparison{Range{Lo: Bound{Value: v}}, Range{Hi: Bound{Value: v}}, In{Values: []Literal{v}}, Same{Value: v}} {
				if got := p.judge(kind, z); got != Maybe {
					t.Errorf("%v: verdict %d", p, got)
				}
			}
		}
	}
	if got := (Prefix{Prefix: "a"}).judge(String, &Zone{Count: 1}); got != Maybe {
		t.Errorf("prefix: verdict %d", got)
	}
}
