package index

import (
	"math/rand/v2"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
)

// manyRows is 10 M rows in blocks of 4096 as they stand in a sealed file: time
// rises within each of 100 keys, temp wanders, a type of 8 is everywhere and has
// no posting, one row in 1000 has a fault with one of 20 codes, all posted.
type manyRows struct {
	zones    map[string]*[kinds][]Zone
	postings map[string]*roaring.Bitmap
}

const (
	manyCount = 10_000_000
	manyBlock = 4096
)

func (m *manyRows) Rows() uint32   { return manyCount }
func (m *manyRows) BlockRows() int { return manyBlock }

func (m *manyRows) Zones(column string, kind Kind) ([]Zone, error) {
	if z := m.zones[column]; z != nil {
		return z[kind], nil
	}
	return nil, nil
}

func (m *manyRows) Posting(column string, value Literal) (*roaring.Bitmap, bool, error) {
	if column != "fault" {
		return nil, false, nil
	}
	b := m.postings[value.text]
	return b, b != nil, nil
}

func newManyRows() *manyRows {
	rnd := rand.New(rand.NewPCG(2, 2))
	const blocks = (manyCount + manyBlock - 1) / manyBlock
	at, temp, kind, fault := make([]Zone, blocks), make([]Zone, blocks), make([]Zone, blocks), make([]Zone, blocks)
	for b := range blocks {
		rows := uint32(min(manyBlock, manyCount-b*manyBlock))
		first := int64(b % 25 * manyBlock)
		at[b] = Zone{Count: rows, Min: TimeOf(first), Max: TimeOf(first + manyBlock)}
		level := float64(rnd.IntN(1000)) / 10
		temp[b] = Zone{Count: rows, Min: Float64Of(level), Max: Float64Of(level + 5)}
		kind[b] = Zone{Count: rows, Min: StringOf("type-0"), Max: StringOf("type-7")}
		fault[b] = Zone{Count: 4, Min: StringOf("E00"), Max: StringOf("E19")}
	}
	m := &manyRows{
		zones:    map[string]*[kinds][]Zone{"at": {Time: at}, "temp": {Float64: temp}, "type": {String: kind}, "fault": {String: fault}},
		postings: map[string]*roaring.Bitmap{},
	}
	for code := range 20 {
		b := roaring.New()
		for range manyCount / 20_000 {
			b.Add(rnd.Uint32N(manyCount))
		}
		m.postings[faultCode(code)] = b
	}
	return m
}

func faultCode(code int) string { return "E" + string(rune('0'+code/10)) + string(rune('0'+code%10)) }

// What it costs to plan a read of 10 M rows, by zones, postings and both.
//
//	go test ./index -run xxx -bench Select
func BenchmarkSelect(b *testing.B) {
	source := newManyRows()
	between := Range{"at", Bound{TimeOf(30_000), false}, Bound{TimeOf(60_000), true}}
	warm := Range{"temp", Bound{Int64Of(90), false}, Bound{}}
	one := Eq{"fault", StringOf(faultCode(7))}
	var codes []Literal
	for code := range 20 {
		codes = append(codes, StringOf(faultCode(code)))
	}
	some := In{"fault", codes[3:9]}
	for _, c := range []struct {
		name string
		p    Predicate
	}{
		{"zones", between},
		{"posting", one},
		{"postings", some},
		{"zones-and-posting", And{between, one}},
		{"zones-and-no-posting", And{between, Eq{"type", StringOf("type-3")}}},
		{"all", Or{And{some, between, Not{one}}, And{warm, Not{between}, IsNull{"fault"}}}},
	} {
		b.Run("by="+c.name, func(b *testing.B) {
			b.ReportAllocs()
			var sel Selection
			for b.Loop() {
				var err error
				if sel, err = Select(c.p, source); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(sel.Stats.Sure.Rows), "sure")
			b.ReportMetric(float64(sel.Stats.Maybe.Rows), "maybe")
		})
	}
}
