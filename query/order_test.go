package query

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/annalsdb/annals/segment"
)

// What a sorter wants is always among what the first column leaves, and with numbers
// alone most rows are not.
func TestSorter_Hopeful(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	refused := 0
	for range 2000 {
		x := &executor{plan: &plan{limit: int64(r.IntN(4)), order: []sortKey{
			{descending: r.IntN(2) == 0, nullsFirst: r.IntN(2) == 0}, {descending: r.IntN(2) == 0}}}, limitBytes: 1 << 30}
		s := x.newSorting(x.order, 0, 1).withLimit().sorters[0]
		for range 3 {
			first, second := randomKeys(r), randomKeys(r)
			rows := slices.Clone(all[:first.n])
			left := slices.Clone(s.hopeful(first, rows))
			refused += len(rows) - len(left)
			for _, i := range rows {
				keys := []Value{first.Value(int(i)), second.Value(int(i))}
				if !s.wants(keys) {
					continue
				}
				if !slices.Contains(left, i) {
					t.Fatalf("seed %d: %v is wanted, and refused by its first value; %v is the last of %d", seed, keys, s.rows[0].keys, len(s.rows))
				}
				if err := s.add(nil, keys); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if refused < 2000 {
		t.Errorf("seed %d: only %d rows were refused", seed, refused)
	}
}

// randomKeys is a column of few different values, of one kind or of several.
func randomKeys(r *rand.Rand) *Column {
	c := &Column{}
	kind := r.IntN(5)
	for range 20 {
		n := int64(r.IntN(6))
		switch {
		case kind == 4 && r.IntN(3) == 0:
			c.append(Value{})
		case kind == 3 && r.IntN(2) == 0, kind == 0:
			c.append(segment.Int64Of(n))
		case kind == 1:
			c.append(timeValue(n))
		default:
			c.append(segment.Float64Of([]float64{0, math.Copysign(0, -1), 1, math.Inf(-1), math.NaN(), 2}[n]))
		}
	}
	return c
}
