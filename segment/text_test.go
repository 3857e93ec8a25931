package segment

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// textCase is a page of a kind that occurs, and the encoding it should get.
type textCase struct {
	name string
	want string // what the encoding's name begins with
	v    []string
}

// textCases makes pages of n values.
func textCases(n int) []textCase {
	r := rand.New(rand.NewPCG(3, uint64(n)))
	page := func(next func(i int) string) []string {
		v := make([]string, n)
		for i := range v {
			v[i] = next(i)
		}
		return v
	}
	noise := func(size int) string {
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return string(b)
	}
	kinds := []string{"", "temperature", "pressure", "flow", "level", "state", "alarm", "door\x00"}
	ids := page(func(int) string { return noise(16) })
	slices.Sort(ids)
	return []textCase{
		{"constant", "dictionary of 1, constant", page(func(int) string { return "same" })},
		{"empty", "dictionary of 1, constant", page(func(int) string { return "" })},
		{"kinds", "dictionary of 8, packed 3 bits", page(func(int) string { return kinds[r.IntN(len(kinds))] })},
		{"keys", "front", page(func(i int) string { return fmt.Sprintf("device-%06d", i*7) })},
		{"noise", "plain", page(func(int) string { return noise(r.IntN(30)) })},
		{"ids", "plain", ids},
		{"json", "plain, zstd", page(func(i int) string {
			return fmt.Sprintf(`{"unit":"bar","n":%d,"site":"north-%d"}`, r.IntN(1e6), r.IntN(100))
		})},
		{"prefixes", "", page(func(i int) string { return strings.Repeat("a", i%200) })},
	}
}

// textsOf is v as texts with equal entries, unused ones and no order.
func textsOf(v []string) *texts {
	t := &texts{dict: []string{"unused", "unused"}}
	for i := len(v) - 1; i >= 0; i-- {
		t.dict = append(t.dict, v[i])
	}
	for i := range v {
		t.codes = append(t.codes, uint32(len(t.dict)-1-i))
	}
	return t
}

func openedTexts(t testing.TB, v []string) *textPage {
	t.Helper()
	before := []byte("before")
	b := appendTexts(before, textsOf(v))
	if string(b[:6]) != "before" {
		t.Fatal("append changed what stood before")
	}
	p, err := openTexts(slices.Clip(b[6:]))
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return &p
}

// sameTexts holds each way of reading p against v.
func sameTexts(t testing.TB, p *textPage, v []string) {
	t.Helper()
	if p.len() != len(v) {
		t.Fatalf("%d values, want %d", p.len(), len(v))
	}
	for i, s := range v {
		if got := p.at(i); got != s {
			t.Fatalf("%s: value %d is %.40q, want %.40q", p.name(), i, got, s)
		}
	}
	var got texts
	for _, span := range spans(len(v)) {
		p.slice(&got, span[0], span[1]-span[0])
		if len(got.codes) != span[1]-span[0] {
			t.Fatalf("%s: %d values of %v", p.name(), len(got.codes), span)
		}
		for i := range got.codes {
			if got.at(i) != v[span[0]+i] {
				t.Fatalf("%s: value %d of %v is not what it was", p.name(), i, span)
			}
		}
	}
	if slices.IsSorted(v) {
		sameSearch(t, p, v)
	}
}

// sameSearch looks for the values of a rising page and for what lies between.
func sameSearch(t testing.TB, p *textPage, v []string) {
	t.Helper()
	for _, s := range v {
		for _, s := range []string{s, s + "\x00", s + "~", s[:len(s)/2], s[:max(0, len(s)-1)] + "\xff"} {
			want, found := slices.BinarySearch(v, s)
			if i, ok := p.search(s); i != want || ok != found {
				t.Fatalf("%s: search of %.40q gives %d %v, want %d %v", p.name(), s, i, ok, want, found)
			}
		}
	}
}

func TestTexts_RoundTrip(t *testing.T) {
	for _, n := range []int{1, 2, 15, 16, 17, 33, 255, 257, 1000, blockRows} {
		for _, c := range textCases(n) {
			t.Run(c.name, func(t *testing.T) {
				sameTexts(t, openedTexts(t, c.v), c.v)
				sorted := slices.Sorted(slices.Values(c.v))
				sameTexts(t, openedTexts(t, sorted), sorted)
				sorted = slices.Compact(sorted)
				sameTexts(t, openedTexts(t, sorted), sorted)
			})
		}
	}
}

func TestTexts_EncodingChosen(t *testing.T) {
	for _, c := range textCases(blockRows) {
		got := openedTexts(t, c.v).name()
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%s is %s, want %s", c.name, got, c.want)
		}
		t.Logf("%-9s %-60s %5.2f bytes a value of %5.2f", c.name, got,
			float64(len(appendTexts(nil, textsOf(c.v))))/blockRows, float64(len(strings.Join(c.v, "")))/blockRows)
	}
}

func TestTexts_Large(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	noise := make([]byte, 1<<20)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	one := strings.Repeat("x", 1<<20)
	for _, v := range [][]string{{one}, {string(noise)}, {one, one + "y", one + "z"}, {string(noise), "", one}} {
		sameTexts(t, openedTexts(t, v), v)
	}
}

// A page that says it grows more than a page may is refused before it is given
// memory.
func TestTexts_GrowsTooMuch(t *testing.T) {
	frame := compressor().EncodeAll(make([]byte, 8<<20), nil)
	b := binary.AppendUvarint([]byte{textZstd}, 8<<20)
	b = binary.AppendUvarint(b, uint64(len(frame)))
	if _, err := openTexts(append(b, frame...)); err != errPageExpands {
		t.Errorf("open: %v, want %v", err, errPageExpands)
	}
	b = binary.AppendUvarint([]byte{textZstd}, 1000) // less than what comes out
	b = binary.AppendUvarint(b, uint64(len(frame)))
	if _, err := openTexts(append(b, frame...)); err == nil {
		t.Error("open: no error for a page that grows beyond what it says")
	}
}

func FuzzTexts(f *testing.F) {
	for _, c := range textCases(40) {
		f.Add(strings.Join(c.v, ","), false)
		f.Add(strings.Join(c.v, ","), true)
	}
	f.Fuzz(func(t *testing.T, s string, sorted bool) {
		v := strings.Split(s, ",")
		v = v[:min(len(v), blockRows)]
		if sorted {
			slices.Sort(v)
		}
		sameTexts(t, openedTexts(t, v), v)
	})
}

func BenchmarkTexts(b *testing.B) {
	for _, c := range textCases(blockRows) {
		v := textsOf(c.v)
		page := appendTexts(nil, v)
		p := openedTexts(b, c.v)
		b.Run("encode/"+c.name, func(b *testing.B) {
			for range b.N {
				page = appendTexts(page[:0], v)
			}
			rate(b, blockRows)
			b.ReportMetric(float64(len(page))/blockRows, "B/value")
		})
		b.Run("open/"+c.name, func(b *testing.B) {
			for range b.N {
				if _, err := openTexts(page); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("slice/"+c.name, func(b *testing.B) {
			var out texts
			for range b.N {
				p.slice(&out, 0, blockRows)
			}
			rate(b, blockRows)
		})
		b.Run("at/"+c.name, func(b *testing.B) {
			n := 0
			for i := range b.N {
				n += len(p.at(i * 1021 % blockRows))
			}
			if n == 42 {
				b.Log(n)
			}
		})
		if slices.IsSorted(c.v) {
			b.Run("search/"+c.name, func(b *testing.B) {
				for i := range b.N {
					if _, ok := p.search(c.v[i*1021%blockRows]); !ok {
						b.Fatal("not found")
					}
				}
			})
		}
	}
}
