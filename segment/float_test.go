package segment

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// floatCase is a page of a kind that occurs, and the encoding it should get.
type floatCase struct {
	name string
	want string // what the encoding's name begins with
	v    []float64
}

// floatCases makes pages of n values.
func floatCases(n int) []floatCase {
	r := rand.New(rand.NewPCG(2, uint64(n)))
	page := func(next func(i int) float64) []float64 {
		v := make([]float64, n)
		for i := range v {
			v[i] = next(i)
		}
		return v
	}
	special := []float64{
		math.NaN(), math.Float64frombits(0x7ff8dead00000001), math.Float64frombits(0xfff0000000000001),
		math.Inf(1), math.Inf(-1), math.Copysign(0, -1), 0, math.MaxFloat64, math.SmallestNonzeroFloat64, 0.1, -1e300,
	}
	held := 0.0
	return []floatCase{
		{"constant", "decimal", page(func(int) float64 { return 21.5 })},
		{"price", "decimal", page(func(int) float64 { return float64(r.IntN(100000)) / 100 })},
		{"sensor", "decimal", page(func(int) float64 { return float64(20000+r.IntN(4096)) / 1000 })},
		{"whole", "decimal", page(func(int) float64 { return float64(r.IntN(1 << 30)) })},
		{"degrees", "decimal", page(func(int) float64 { return math.Round(r.NormFloat64()*1e7) / 1e6 })},
		{"gaps", "decimal", page(func(i int) float64 {
			if i%50 == 0 {
				return math.Float64frombits(0x7ff8000000000000 | uint64(i))
			}
			return float64(r.IntN(1000)) / 10
		})},
		{"noise", "split", page(func(int) float64 { return 100 + r.NormFloat64() })},
		{"signed", "", page(func(int) float64 { return r.NormFloat64() })},
		{"held", "bits", page(func(i int) float64 {
			if i%100 == 0 {
				held = r.Float64()
			}
			return held
		})},
		{"random", "bits", page(func(int) float64 { return math.Float64frombits(r.Uint64()) })},
		{"special", "", page(func(i int) float64 { return special[i%len(special)] })},
		{"nan", "bits", page(func(int) float64 { return math.NaN() })},
	}
}

func openedFloats(t testing.TB, v []float64) *floatPage {
	t.Helper()
	p, err := openFloats(slices.Clip(appendFloats(nil, v)))
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return &p
}

// sameFloats holds each way of reading p against the bits of v.
func sameFloats(t testing.TB, p *floatPage, v []float64) {
	t.Helper()
	if p.len() != len(v) {
		t.Fatalf("%d values, want %d", p.len(), len(v))
	}
	same := func(i int, got float64) {
		if math.Float64bits(got) != math.Float64bits(v[i]) {
			t.Fatalf("%s: value %d is %x, want %x", p.name(), i, math.Float64bits(got), math.Float64bits(v[i]))
		}
	}
	for i := range v {
		same(i, p.at(i))
	}
	out := make([]float64, len(v))
	for _, span := range spans(len(v)) {
		got := out[:span[1]-span[0]]
		p.slice(got, span[0])
		for i, x := range got {
			same(span[0]+i, x)
		}
	}
}

func TestFloats_RoundTrip(t *testing.T) {
	for _, n := range []int{1, 2, 7, 9, 31, 33, 255, 257, 1000, blockRows} {
		for _, c := range floatCases(n) {
			t.Run(c.name, func(t *testing.T) { sameFloats(t, openedFloats(t, c.v), c.v) })
		}
	}
}

func TestFloats_EncodingChosen(t *testing.T) {
	for _, c := range floatCases(blockRows) {
		got := openedFloats(t, c.v).name()
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%s is %s, want %s", c.name, got, c.want)
		}
		t.Logf("%-9s %-60s %5.2f bytes a value", c.name, got, float64(len(appendFloats(nil, c.v)))/blockRows)
	}
}

// Exceptions at the front have no decimal before them to stand in their place.
func TestFloats_ExceptionsInFront(t *testing.T) {
	v := make([]float64, 100)
	for i := range v {
		v[i] = 1000.25
	}
	v[0], v[1], v[50] = math.NaN(), math.Pi, math.Inf(1)
	p := openedFloats(t, v)
	sameFloats(t, p, v)
	if want := "decimal 10^-2, 3 exceptions, constant"; p.name() != want {
		t.Errorf("page is %s, want %s", p.name(), want)
	}
}

func FuzzFloats(f *testing.F) {
	for _, c := range floatCases(100) {
		b := []byte{0}
		for _, x := range c.v {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		ints := intsOf(b)
		if len(ints) == 0 {
			return
		}
		v := make([]float64, len(ints))
		for i, x := range ints {
			if v[i] = math.Float64frombits(uint64(x)); b[0]&16 != 0 {
				v[i] = float64(x) / powers[b[0]>>5]
			}
		}
		sameFloats(t, openedFloats(t, v), v)
	})
}

func BenchmarkFloats(b *testing.B) {
	for _, c := range floatCases(blockRows) {
		page := appendFloats(nil, c.v)
		p := openedFloats(b, c.v)
		b.Run("encode/"+c.name, func(b *testing.B) {
			for range b.N {
				page = appendFloats(page[:0], c.v)
			}
			rate(b, blockRows)
			b.ReportMetric(float64(len(page))/blockRows, "B/value")
		})
		b.Run("slice/"+c.name, func(b *testing.B) {
			out := make([]float64, blockRows)
			for range b.N {
				p.slice(out, 0)
			}
			rate(b, blockRows)
		})
		b.Run("at/"+c.name, func(b *testing.B) {
			var sum float64
			for i := range b.N {
				sum += p.at(i * 1021 % blockRows)
			}
			if sum == 42 {
				b.Log(sum)
			}
		})
	}
}
