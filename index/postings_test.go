package index

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
)

// rare is what p yields, opened, and what it cost in bytes.
func rare(t *testing.T, p *PostingsBuilder, rows int, bits float64) (values []string, maps map[string]*roaring.Bitmap, cost int) {
	t.Helper()
	maps = map[string]*roaring.Bitmap{}
	for value, bytes := range p.Rare(rows, bits) {
		b, err := OpenBitmap(bytes)
		if err != nil {
			t.Fatalf("bitmap of %q: %v", value, err)
		}
		values, maps[value] = append(values, value), b
		cost += len(value) + len(bytes)
	}
	return values, maps, cost
}

// What is added, one by one or many, in order or not, twice or once, comes back.
func TestPostingsBuilder_AgainstMap(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var p PostingsBuilder
		plain := map[string]map[uint32]bool{}
		rows := 1 + rnd.Uint32N(300_000)
		for range 200 {
			value := fmt.Sprint("v", rnd.IntN(6))
			from, step := rnd.Uint32N(rows), 1+rnd.Uint32N(3)*rnd.Uint32N(40_000)
			var many []uint32
			for range rnd.IntN(100) {
				many = append(many, from)
				from += step
			}
			if rnd.IntN(2) == 0 {
				p.AddMany(value, many)
			} else {
				for _, row := range many {
					p.Add(value, row)
				}
			}
			if plain[value] == nil && len(many) > 0 {
				plain[value] = map[uint32]bool{}
			}
			for _, row := range many {
				plain[value][row] = true
			}
		}
		_, maps, _ := rare(t, &p, math.MaxInt32, 8)
		if len(maps) != len(plain) {
			t.Fatalf("seed %d: %d values, want %d", seed, len(maps), len(plain))
		}
		for value, want := range plain {
			if got := maps[value]; got.GetCardinality() != uint64(len(want)) {
				t.Fatalf("seed %d: %q has %d rows, want %d", seed, value, got.GetCardinality(), len(want))
			}
			for row := range want {
				if !maps[value].Contains(row) {
					t.Fatalf("seed %d: %q is not in row %d", seed, value, row)
				}
			}
		}
	}
}

func TestPostingsBuilder_LastRow(t *testing.T) {
	var p PostingsBuilder
	p.AddMany("x", []uint32{math.MaxUint32 - 1, math.MaxUint32, 0, 1})
	_, maps, _ := rare(t, &p, math.MaxInt32, 8)
	want := roaring.BitmapOf(0, 1, math.MaxUint32-1, math.MaxUint32)
	if !maps["x"].Equals(want) {
		t.Fatalf("rows %v, want %v", maps["x"], want)
	}
}

// scattered is a builder with one value in 2, one in 4, ... of rows.
func scattered(rows uint32, limit int) *PostingsBuilder {
	rnd := rand.New(rand.NewPCG(1, 2))
	p := &PostingsBuilder{Limit: limit}
	for row := range rows {
		n := 0
		for n < 12 && rnd.IntN(2) == 0 {
			n++
		}
		p.Add(fmt.Sprintf("1 in %d", 2<<n), row)
	}
	return p
}

func TestPostingsBuilder_Budget(t *testing.T) {
	const rows = 200_000
	p := scattered(rows, 0)
	all, _, _ := rare(t, p, rows, 100)
	if len(all) != 13 {
		t.Fatalf("%d values without a budget to speak of, want 13", len(all))
	}
	for _, bits := range []float64{-1, 0, 0.01, 0.1, 0.5, 1, 2} {
		some, maps, cost := rare(t, p, rows, bits)
		if float64(cost) > max(0, bits*rows/8) {
			t.Errorf("%v bits a row: %d bytes are too many", bits, cost)
		}
		if !slices.Equal(some, all[:len(some)]) {
			t.Errorf("%v bits a row: %q, want the first of %q", bits, some, all)
		}
		for i, value := range some[:max(0, len(some)-1)] {
			if a, b := maps[value].GetCardinality(), maps[some[i+1]].GetCardinality(); a > b+b/4 {
				t.Errorf("%q with %d rows stands before %q with %d", value, a, some[i+1], b)
			}
		}
	}
	if some, _, _ := rare(t, p, rows, 1); len(some) < 6 || slices.Contains(some, "1 in 2") {
		t.Errorf("1 bit a row buys %q: want the rare ones, not the frequent one", some)
	}
	for range p.Rare(rows, 1) {
		break // is allowed
	}
}

// A builder with a limit stays below it, and keeps the same rare values.
func TestPostingsBuilder_Limit(t *testing.T) {
	const rows, limit = 200_000, 40_000
	p := scattered(rows, limit)
	if p.held > limit {
		t.Errorf("%d bytes held, limit %d", p.held, limit)
	}
	p.Add("1 in 2", rows)
	if l := p.values["1 in 2"]; !l.forgotten || l.pairs != nil || l.run != 0 {
		t.Errorf("the most frequent value is collected again: %d bytes", len(l.pairs))
	}
	all, want, _ := rare(t, scattered(rows, 0), rows, 100)
	some, got, _ := rare(t, p, rows, 100)
	if len(some) < 5 || !slices.Equal(some, all[:len(some)]) {
		t.Fatalf("%q are left of %q", some, all)
	}
	for _, value := range some {
		if !got[value].Equals(want[value]) {
			t.Errorf("%q has %d rows, want %d", value, got[value].GetCardinality(), want[value].GetCardinality())
		}
	}
}

func TestPostingsBuilder_TooManyValues(t *testing.T) {
	p := &PostingsBuilder{Limit: 40_000}
	for row := range uint32(10_000) {
		p.Add(fmt.Sprint("unique ", row), row)
		if p.held > p.Limit {
			t.Fatalf("%d bytes held after row %d, limit %d", p.held, row, p.Limit)
		}
	}
	if some, _, _ := rare(t, p, 10_000, 100); len(some) > 0 {
		t.Errorf("%d values left, want none", len(some))
	}
}

// What a row costs a merge, added alone and by the value of a block.
//
//	go test ./index -run xxx -bench Postings
func BenchmarkPostings(b *testing.B) {
	const values, block = 8, 4096
	names := make([]string, values)
	for i := range names {
		names[i] = fmt.Sprintf("reading.kind-%d", i)
	}
	rnd := rand.New(rand.NewPCG(3, 3))
	codes := make([]int, block)
	grouped := make([][]uint32, values)
	for row := range codes {
		codes[row] = rnd.IntN(values)
		grouped[codes[row]] = append(grouped[codes[row]], uint32(row))
	}
	b.Run("add=one", func(b *testing.B) {
		for b.Loop() {
			p := PostingsBuilder{Limit: 1 << 20}
			for row, code := range codes {
				p.Add(names[code], uint32(row))
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/block, "ns/row")
	})
	b.Run("add=many", func(b *testing.B) {
		for b.Loop() {
			p := PostingsBuilder{Limit: 1 << 20}
			for code, rows := range grouped {
				p.AddMany(names[code], rows)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/block, "ns/row")
	})
}
