package segment

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// intCase is a page of a kind that occurs, and the encoding it should get.
type intCase struct {
	name string
	want string // how the encoding's name begins
	v    []int64
}

// intCases makes pages of n values.
func intCases(n int) []intCase {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	page := func(next func(i int) int64) []int64 {
		v := make([]int64, n)
		for i := range v {
			v[i] = next(i)
		}
		return v
	}
	var seq, walk int64
	return []intCase{
		{"constant", "constant", page(func(int) int64 { return -7 })},
		{"bits=3", "packed 3 bits", page(func(int) int64 { return r.Int64N(8) })},
		{"bits=12", "packed 12 bits", page(func(int) int64 { return -r.Int64N(1 << 12) })},
		{"bits=29", "packed 29 bits", page(func(int) int64 { return r.Int64N(1 << 29) })},
		{"bits=45", "packed 45 bits", page(func(int) int64 { return r.Int64N(1 << 45) })},
		{"bits=64", "packed 64 bits", page(func(int) int64 { return int64(r.Uint64()) })},
		{"seconds", "packed 10 bits", page(func(int) int64 { return 1e18 + r.Int64N(1000)*1e9 })},
		{"outliers", "packed 8 bits, ", page(func(i int) int64 {
			if i%200 == 77 {
				return int64(r.Uint64())
			}
			return r.Int64N(1 << 8)
		})},
		{"rising", "delta", page(func(int) int64 { seq += r.Int64N(100); return seq })},
		{"line", "delta 0 bits, 0 patches", page(func(i int) int64 { return 1e15 + int64(i)*12345 })},
		{"keys", "delta", page(func(i int) int64 { // positions of a key's events, key after key
			if i%300 == 0 {
				walk = r.Int64N(1000)
			}
			walk += int64(r.ExpFloat64() * 1e4)
			return walk
		})},
		{"runs", "", page(func(i int) int64 { return int64(i) / 300 * 0x1234567 % 1000003 })},
		{"wraparound", "", page(func(i int) int64 { return int64(uint64(i) << 61) })},
		{"extremes", "", page(func(i int) int64 { return math.MinInt64 + int64(i%2)*-1 })},
	}
}

func openedInts(t testing.TB, v []int64) *intPage {
	t.Helper()
	before := []byte("before")
	b := appendInts(before, v)
	if string(b[:6]) != "before" {
		t.Fatal("append changed what stood before")
	}
	p, err := openInts(slices.Clip(b[6:]))
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return &p
}

// sameInts holds each way of reading p against v.
func sameInts(t testing.TB, p *intPage, v []int64) {
	t.Helper()
	if p.len() != len(v) {
		t.Fatalf("%d values, want %d", p.len(), len(v))
	}
	for i, x := range v {
		if got := p.at(i); got != x {
			t.Fatalf("%s: value %d is %d, want %d", p.name(), i, got, x)
		}
	}
	out := make([]int64, len(v))
	for _, span := range spans(len(v)) {
		got := out[:span[1]-span[0]]
		p.slice(got, span[0])
		if !slices.Equal(got, v[span[0]:span[1]]) {
			t.Fatalf("%s: values %v are not what they were", p.name(), span)
		}
	}
}

// spans are stretches of a page of n values that begin and end at odd places.
func spans(n int) [][2]int {
	out := [][2]int{{0, n}, {0, 0}, {n, n}, {n / 2, n}, {n / 3, n / 2}}
	for i := 1; i < n; i = i*2 + 3 {
		out = append(out, [2]int{i, min(n, i+i/2+1)}, [2]int{i, n})
	}
	return out
}

func TestInts_RoundTrip(t *testing.T) {
	for _, n := range []int{1, 2, 7, 8, 9, 31, 32, 33, 64, 65, 100, 1000, blockRows - 1, blockRows} {
		for _, c := range intCases(n) {
			t.Run(c.name, func(t *testing.T) { sameInts(t, openedInts(t, c.v), c.v) })
		}
	}
}

func TestInts_EncodingChosen(t *testing.T) {
	for _, c := range intCases(blockRows) {
		got := openedInts(t, c.v).name()
		if len(got) < len(c.want) || got[:len(c.want)] != c.want {
			t.Errorf("%s is %s, want %s", c.name, got, c.want)
		}
		t.Logf("%-12s %-28s %5.2f bytes a value", c.name, got, float64(len(appendInts(nil, c.v)))/blockRows)
	}
}

// Every width, at its greatest value, from every place within a byte on.
func TestPacked_EveryWidth(t *testing.T) {
	for w := 1; w <= 64; w++ {
		v := make([]int64, 77)
		for i := range v {
			v[i] = int64(uint64(math.MaxUint64) >> (64 - w) * uint64(i%3) / 2)
		}
		sameInts(t, openedInts(t, v), v)
	}
}

func FuzzInts(f *testing.F) {
	for _, c := range intCases(100) {
		b := []byte{0}
		for _, x := range c.v {
			b = binary.LittleEndian.AppendUint64(b, uint64(x))
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if v := intsOf(b); len(v) > 0 {
			sameInts(t, openedInts(t, v), v)
		}
	})
}

// intsOf reads a page's values from the bytes of a fuzzer: the first says how
// many each value takes, and whether values are added up.
func intsOf(b []byte) []int64 {
	if len(b) == 0 {
		return nil
	}
	size, add := 8-int(b[0]&7), b[0]&8 != 0
	var v []int64
	var word [8]byte
	var sum int64
	for b = b[1:]; len(b) >= size && len(v) < blockRows; b = b[size:] {
		copy(word[:], b[:size])
		x := int64(binary.LittleEndian.Uint64(word[:]))
		if add {
			sum += x
			x = sum
		}
		v = append(v, x)
	}
	return v
}

// rate reports values a second next to the time of a page.
func rate(b *testing.B, n int) {
	b.ReportMetric(float64(b.N)*float64(n)/b.Elapsed().Seconds()/1e6, "Mvalues/s")
}

func BenchmarkInts(b *testing.B) {
	for _, c := range intCases(blockRows) {
		page := appendInts(nil, c.v)
		p := openedInts(b, c.v)
		b.Run("encode/"+c.name, func(b *testing.B) {
			for range b.N {
				page = appendInts(page[:0], c.v)
			}
			rate(b, blockRows)
			b.ReportMetric(float64(len(page))/blockRows, "B/value")
		})
		b.Run("slice/"+c.name, func(b *testing.B) {
			out := make([]int64, blockRows)
			for range b.N {
				p.slice(out, 0)
			}
			rate(b, blockRows)
		})
		b.Run("at/"+c.name, func(b *testing.B) {
			var sum int64
			for i := range b.N {
				sum += p.at(i * 1021 % blockRows)
			}
			if sum == 42 {
				b.Log(sum)
			}
		})
	}
}
