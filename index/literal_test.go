package index

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// edge is values of each kind that stand at the edges of what can go wrong.
var edge = [kinds][]Literal{
	Null: {{}},
	Bool: {BoolOf(false), BoolOf(true)},
	Int64: {
		Int64Of(math.MinInt64), Int64Of(math.MinInt64 + 1), Int64Of(-1), Int64Of(0), Int64Of(1), Int64Of(2),
		Int64Of(1 << 53), Int64Of(1<<53 + 1), Int64Of(math.MaxInt64 - 1), Int64Of(math.MaxInt64),
	},
	Float64: {
		Float64Of(math.NaN()), Float64Of(math.Float64frombits(0xfff8_0000_dead_beef)), Float64Of(math.Inf(-1)), Float64Of(-1 << 63),
		Float64Of(math.Nextafter(-1<<63, math.Inf(-1))), Float64Of(-1.5), Float64Of(-1), Float64Of(math.Copysign(0, -1)), Float64Of(0),
		Float64Of(5e-324), Float64Of(1), Float64Of(1.5), Float64Of(2), Float64Of(1 << 53), Float64Of(1<<53 + 2),
		Float64Of(math.Nextafter(1<<63, 0)), Float64Of(1 << 63), Float64Of(math.MaxFloat64), Float64Of(math.Inf(1)),
	},
	String: {StringOf(""), StringOf("a"), StringOf("ab"), StringOf("abc"), StringOf("abcd"), StringOf("b"), StringOf("\xff\xff"), StringOf("\xff\xff\xff")},
	Bytes:  {BytesOf(""), BytesOf("a"), BytesOf("abc"), BytesOf("\xff\xff\xff")},
	Time:   {TimeOf(math.MinInt64), TimeOf(-1), TimeOf(0), TimeOf(1), TimeOf(math.MaxInt64)},
	JSON:   {JSONOf("{}"), JSONOf(`"a"`), JSONOf("1")},
}

// Numbers of either kind compare as the exact numbers that they are.
func TestLiteral_CompareNumbers(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 9))
	numbers := append(append([]Literal{}, edge[Int64]...), edge[Float64]...)
	for range 100 {
		i := int64(rnd.Uint64()) >> rnd.IntN(64)
		near := math.Nextafter(float64(i), float64(rnd.IntN(3)-1)*math.Inf(1))
		if math.IsNaN(near) {
			near = float64(i)
		}
		numbers = append(numbers, Int64Of(i), Float64Of(float64(i)), Float64Of(near), Float64Of(float64(i)/4))
	}
	for _, a := range numbers {
		for _, b := range numbers {
			x, y := exact(a), exact(b)
			order, ok := a.Compare(b)
			if ok != (x != nil && y != nil) {
				t.Fatalf("%v and %v compare: %v", a, b, ok)
			}
			if ok && order != x.Cmp(y) {
				t.Fatalf("Compare(%v, %v) = %d, want %d", a, b, order, x.Cmp(y))
			}
		}
	}
}

// exact is a number, or nil for NaN.
func exact(l Literal) *big.Float {
	switch {
	case l.isNaN():
		return nil
	case l.kind == Float64:
		return new(big.Float).SetFloat64(l.Float64())
	}
	return new(big.Float).SetInt64(l.Int64())
}

// Only numbers compare across kinds, and each kind is ordered as it is listed.
func TestLiteral_CompareKinds(t *testing.T) {
	for _, a := range []Kind{Null, Bool, Int64, String, Bytes, Time, JSON} {
		for _, b := range []Kind{Null, Bool, Int64, Float64, String, Bytes, Time, JSON} {
			if a == b || a == Int64 && b == Float64 {
				continue
			}
			for _, x := range edge[a] {
				for _, y := range edge[b] {
					if _, ok := x.Compare(y); ok {
						t.Errorf("%v %v compares with %v %v", a, x, b, y)
					}
				}
			}
		}
	}
	for _, kind := range []Kind{Bool, Int64, String, Bytes, Time} {
		for i, x := range edge[kind] {
			for j, y := range edge[kind] {
				want := 0
				if i != j {
					want = 1 - 2*int(truthOf(i < j))/int(True)
				}
				if got, ok := x.Compare(y); !ok || got != want {
					t.Errorf("Compare(%v, %v) = %d, %v, want %d", x, y, got, ok, want)
				}
			}
		}
	}
	if _, ok := (Literal{}).Compare(Literal{}); ok {
		t.Error("null compares with null")
	}
}

func TestLiteral_String(t *testing.T) {
	for want, l := range map[string]Literal{
		"null": {}, "true": BoolOf(true), "-5": Int64Of(-5), "2.0": Float64Of(2), "-0.0": Float64Of(math.Copysign(0, -1)),
		"1e+300": Float64Of(1e300), "NaN": Float64Of(math.NaN()), "2.5": Float64Of(2.5), `"a\"b"`: StringOf(`a"b`),
		"x'00ff'": BytesOf("\x00\xff"), "1970-01-01T00:00:00.000000001Z": TimeOf(1), `json {"a":1}`: JSONOf(`{"a":1}`),
	} {
		if got := l.String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestLiteral_Holds(t *testing.T) {
	if l := Int64Of(-7); l.Kind() != Int64 || l.Int64() != -7 || l.Float64() != 0 || l.Text() != "" {
		t.Errorf("%v", l)
	}
	if l := Float64Of(2.5); l.Kind() != Float64 || l.Int64() != 0 || l.Float64() != 2.5 {
		t.Errorf("%v", l)
	}
	if l := TimeOf(9); l.Kind() != Time || l.Int64() != 9 {
		t.Errorf("%v", l)
	}
	if l := BytesOf("b"); l.Kind() != Bytes || l.Text() != "b" || l.Int64() != 0 {
		t.Errorf("%v", l)
	}
	if BoolOf(true).Int64() != 1 || BoolOf(false).Int64() != 0 || JSONOf("1").Kind() != JSON || StringOf("s").Text() != "s" {
		t.Error("bool, JSON or string do not hold what they were given")
	}
}
