package aggregate

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/annalsdb/annals/fuzz/alloc"
	"github.com/annalsdb/annals/segment"
)

// functions are all functions, with the kinds of values to try them on.
var functions = []struct {
	f     Function
	kinds []segment.ValueKind
}{
	{Count{}, allKinds},
	{Count{Rows: true}, allKinds},
	{Sum{}, numbers},
	{Avg{}, numbers},
	{Variance{}, numbers},
	{Variance{Population: true}, numbers},
	{StdDev{}, numbers},
	{StdDev{Population: true}, numbers},
	{Min{}, allKinds},
	{Max{}, allKinds},
	{AnyValue{}, allKinds},
	{All{}, bools},
	{Any{}, bools},
	{First{}, allKinds},
	{Last{}, allKinds},
	{Distinct{}, allKinds},
	{DistinctSketch{Bits: 4}, allKinds},
	{DistinctSketch{Bits: 10}, allKinds},
	{DistinctSketch{}, allKinds},
	{TopK{3}, allKinds},
	{Quantile{Q: 0.5}, numbers},
	{Quantile{Q: 0.99, Error: 0.0005}, numbers},
	{Increase{}, numbers},
	{Rate{}, numbers},
	{Carried{Of: Average}, numbers},
	{Carried{Of: Integral, Alive: time.Minute}, numbers},
	{Carried{Of: Known, Alive: time.Minute}, numbers},
	{Carried{Of: Unknown, Alive: time.Minute}, numbers},
	{TimeInState(0), allKinds},
	{TimeInState(time.Minute), allKinds},
	{Linear{Average}, numbers},
	{Linear{Integral}, numbers},
	{Linear{Known}, numbers},
	{Liveness{Every: time.Minute}, allKinds},
	{Liveness{Every: time.Minute, Dead: true}, allKinds},
	{longest, []segment.ValueKind{segment.NullValue, segment.StringValue}},
}

var (
	numbers  = []segment.ValueKind{segment.NullValue, segment.Int64Value, segment.Float64Value}
	bools    = []segment.ValueKind{segment.NullValue, segment.BoolValue}
	allKinds = []segment.ValueKind{segment.NullValue, segment.BoolValue, segment.Int64Value, segment.Float64Value,
		segment.StringValue, segment.BytesValue, segment.TimeValue, segment.JSONValue}
)

// longest is a function of a user's own: the length of the longest string.
var longest = Custom{
	Name:     "longest",
	Promises: Laws{Class: Semilattice},
	New:      func() Accumulator { return new(longestText) },
	Decode: func(b []byte) (Accumulator, error) {
		n, size := binary.Uvarint(b)
		if size <= 0 || size != len(b) {
			return nil, ErrEncoding
		}
		l := longestText(n)
		return &l, nil
	},
}

type longestText uint64

func (l *longestText) Add(r Row) error {
	*l = max(*l, longestText(len(r.Value.Str())))
	return nil
}

func (l *longestText) Merge(o Accumulator) error {
	*l = max(*l, *o.(*longestText))
	return nil
}

func (l *longestText) Append(dst []byte) []byte { return binary.AppendUvarint(dst, uint64(*l)) }

func (l *longestText) Result() (segment.Value, error) { return segment.Int64Of(int64(*l)), nil }

// draw is a random value of a kind, often an extreme one, often one of few.
func draw(r *rand.Rand, kind segment.ValueKind) segment.Value {
	few := r.IntN(6)
	switch kind {
	case segment.BoolValue:
		return segment.BoolOf(few%2 == 0)
	case segment.Int64Value:
		return segment.Int64Of(pick(r, []int64{int64(few), math.MaxInt64, math.MinInt64, -int64(few), int64(r.Uint64()), math.MinInt64 + 1}))
	case segment.Float64Value:
		return segment.Float64Of(drawFloat(r))
	case segment.TimeValue:
		return segment.FromInt(segment.TimeValue, pick(r, []int64{int64(few), math.MaxInt64, math.MinInt64, int64(r.Uint64())}))
	case segment.StringValue, segment.BytesValue:
		return segment.FromText(kind, pick(r, []string{"", "a", "b", "ab", "abcdefgh", "abcdefghi", fmt.Sprint("key ", few), string(make([]byte, few))}))
	case segment.JSONValue:
		return segment.FromText(kind, pick(r, []string{"{}", `{"a":1}`, "[]", fmt.Sprint(few)}))
	}
	return segment.NullOf()
}

func drawFloat(r *rand.Rand) float64 {
	switch r.IntN(12) {
	case 0:
		return pick(r, []float64{math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64, 1 << 53, 1<<63 - 1, -1 << 63})
	case 1:
		return pick(r, []float64{0, math.Copysign(0, -1), 1, -1, 2})
	case 2:
		if r.IntN(4) == 0 {
			return pick(r, []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Float64frombits(0xfff8000000000123)})
		}
		return float64(r.IntN(6))
	case 3, 4:
		f := math.Float64frombits(r.Uint64())
		if f != f || math.IsInf(f, 0) {
			return 0.5
		}
		return f
	default:
		return math.Round(r.NormFloat64()*1e4) / 100
	}
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// drawRows are n rows in order, some of them heartbeats.
func drawRows(r *rand.Rand, kinds []segment.ValueKind, n int) []Row {
	rows := make([]Row, n)
	now := int64(r.Uint64()>>2) - 1<<62
	for i := range rows {
		if r.IntN(4) > 0 {
			now += r.Int64N(int64(3 * time.Minute))
		}
		rows[i] = Row{now, uint64(i + 1), draw(r, pick(r, kinds)), false}
		if rows[i].Value.IsNull() && r.IntN(2) == 0 {
			rows[i].Beat = true
		}
	}
	return rows
}

// columns are the vectors of rows, one for each kind, and their groups.
func columns(rows []Row, groups []uint32) (vs []Vector, ordinals [][]uint32) {
	type kind struct {
		segment.ValueKind
		beat bool
	}
	at := map[kind]int{}
	for i, r := range rows {
		k := kind{r.Value.Kind(), r.Beat}
		j, ok := at[k]
		if !ok {
			j = len(vs)
			at[k] = j
			vs, ordinals = append(vs, Vector{Kind: k.ValueKind, Beats: r.Beat}), append(ordinals, []uint32{})
		}
		v := &vs[j]
		switch k.ValueKind {
		case segment.Float64Value:
			v.Floats = append(v.Floats, r.Value.Float64())
		case segment.StringValue, segment.BytesValue, segment.JSONValue:
			v.Texts = append(v.Texts, r.Value.Text())
		case segment.NullValue:
			v.Nulls++
		default:
			v.Ints = append(v.Ints, keyOf(r.Value))
		}
		v.Time, v.Seq = append(v.Time, r.Time), append(v.Seq, int64(r.Seq))
		ordinals[j] = append(ordinals[j], groups[i])
	}
	return vs, ordinals
}

func encoded(t *testing.T, p *Partial) []byte {
	t.Helper()
	b, err := p.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func single(t *testing.T, f Function, rows []Row) *Partial {
	t.Helper()
	p := NewPartial(f)
	for _, r := range rows {
		if err := p.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// equal holds p and q to be the same bits, encoding and result.
func equal(t *testing.T, p, q *Partial) {
	t.Helper()
	if a, b := encoded(t, p), encoded(t, q); !bytes.Equal(a, b) {
		t.Fatalf("%s: encoded as\n%x, not\n%x", p.f, a, b)
	}
	v, err := p.Result()
	w, werr := q.Result()
	if !v.Equal(w) || fmt.Sprint(err) != fmt.Sprint(werr) {
		t.Fatalf("%s: %s %v, not %s %v", p.f, v, err, w, werr)
	}
}

// eachLaw runs a test for every function with a few seeds.
func eachLaw(t *testing.T, test func(t *testing.T, r *rand.Rand, f Function, rows []Row)) {
	for _, c := range functions {
		t.Run(c.f.String(), func(t *testing.T) {
			for seed := range uint64(40) {
				r := rand.New(rand.NewPCG(seed, 7))
				rows := drawRows(r, c.kinds, r.IntN(200))
				if seed%4 == 0 { // one kind only
					rows = drawRows(r, c.kinds[len(c.kinds)-1:], r.IntN(300))
				}
				failed := t.Failed()
				test(t, r, c.f, rows)
				if t.Failed() && !failed {
					t.Logf("seed %d", seed)
				}
			}
		})
	}
}

// pieces cuts rows into some that follow each other.
func pieces(r *rand.Rand, rows []Row) (list [][]Row) {
	for len(rows) > 0 {
		n := 1 + r.IntN(len(rows))
		list, rows = append(list, rows[:n]), rows[n:]
	}
	return list
}

func TestLaws_MergeIsAssociativeAndCommutative(t *testing.T) {
	eachLaw(t, func(t *testing.T, r *rand.Rand, f Function, rows []Row) {
		want := single(t, f, rows)
		if !f.Laws().Ordered {
			r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		}
		var parts []*Partial
		for _, piece := range pieces(r, rows) {
			parts = append(parts, single(t, f, piece))
		}
		parts = append(parts, NewPartial(f)) // the neutral element
		for len(parts) > 1 {
			i := r.IntN(len(parts) - 1)
			a, b := parts[i], parts[i+1]
			if r.IntN(2) == 0 { // ordered ones know which comes first
				a, b = b, a
			}
			before := encoded(t, b)
			if err := a.Merge(b); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(before, encoded(t, b)) {
				t.Fatalf("%s: merging changed what was merged", f)
			}
			parts[i] = a
			parts = slices.Delete(parts, i+1, i+2)
		}
		equal(t, parts[0], want)
	})
}

func TestLaws_SemilatticeTwiceIsOnce(t *testing.T) {
	eachLaw(t, func(t *testing.T, r *rand.Rand, f Function, rows []Row) {
		if f.Laws().Class != Semilattice {
			return
		}
		want, twice := single(t, f, rows), single(t, f, rows)
		if err := twice.Merge(want); err != nil {
			t.Fatal(err)
		}
		equal(t, twice, want)
	})
}

func TestLaws_EncodeThenDecode(t *testing.T) {
	eachLaw(t, func(t *testing.T, r *rand.Rand, f Function, rows []Row) {
		p := single(t, f, rows)
		q, err := Decode(f, encoded(t, p))
		if err != nil {
			t.Fatal(err)
		}
		equal(t, q, p)
	})
}

func TestLaws_DecodedGoesOn(t *testing.T) {
	eachLaw(t, func(t *testing.T, r *rand.Rand, f Function, rows []Row) {
		n := r.IntN(len(rows) + 1)
		q, err := Decode(f, encoded(t, single(t, f, rows[:n])))
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows[n:] {
			if err := q.Add(row); err != nil {
				t.Fatal(err)
			}
		}
		equal(t, q, single(t, f, rows))
	})
}

func TestLaws_Inverse(t *testing.T) {
	eachLaw(t, func(t *testing.T, r *rand.Rand, f Function, rows []Row) {
		if _, inverts := NewPartial(f).g.(Inverse); inverts != f.Laws().Inverts {
			t.Fatalf("%s: Inverts is %t, an Inverse %t", f, f.Laws().Inverts, inverts)
		}
		if !f.Laws().Inverts {
			return
		}
		n := r.IntN(len(rows) + 1)
		want, p := single(t, f, rows[:n]), single(t, f, rows)
		for _, row := range rows[n:] {
			if err := p.Remove(row); err != nil {
				t.Fatal(err)
			}
		}
		equal(t, p, want)
		p = single(t, f, rows)
		if err := p.Subtract(single(t, f, rows[n:])); err != nil {
			t.Fatal(err)
		}
		equal(t, p, want)
		less := NewPartial(f) // taken away before it comes
		if err := less.Subtract(single(t, f, rows[n:])); err != nil {
			t.Fatal(err)
		}
		b, err := less.AppendBinary(nil)
		p = NewPartial(f)
		if err == nil {
			err = p.g.MergeBinary(0, b)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range r.Perm(len(rows)) {
			if err := p.Add(rows[i]); err != nil {
				t.Fatal(err)
			}
		}
		equal(t, p, want)
	})
}

func TestLaws_ColumnsOfManyWorkersEqualSingleRows(t *testing.T) {
	eachLaw(t, func(t *testing.T, r *rand.Rand, f Function, rows []Row) {
		const n = 5
		groups := make([]uint32, len(rows))
		want := make([]*Partial, n)
		for g := range want {
			want[g] = NewPartial(f)
		}
		for i, row := range rows {
			groups[i] = uint32(r.IntN(n))
			if err := want[groups[i]].Add(row); err != nil {
				t.Fatal(err)
			}
		}
		workers := []Groups{f.Groups(1), f.Groups(n), f.Groups(0)}
		for _, w := range workers {
			w.Grow(n)
		}
		for _, i := range r.Perm(len(rows)) { // each row goes to one worker
			vs, ordinals := columns(rows[i:i+1], groups[i:i+1])
			if err := pick(r, workers[:2]).Add(ordinals[0], &vs[0]); err != nil {
				t.Fatal(err)
			}
		}
		extra := drawRowsLike(r, rows)
		vs, ordinals := columns(extra, make([]uint32, len(extra)))
		for i := range vs {
			if err := workers[2].Add(ordinals[i], &vs[i]); err != nil {
				t.Fatal(err)
			}
		}
		perm := []uint32{5, 1, 2, 3, 4} // the third worker's group 0 is a sixth one
		all := f.Groups(n + 1)
		for i, w := range workers {
			to := []uint32{0, 1, 2, 3, 4}
			if i == 2 {
				to = perm
			}
			some, others := slices.Clone(to), slices.Clone(to)
			for g := range to { // now some of the groups, now the others
				*pick(r, []*uint32{&some[g], &others[g]}) = Nowhere
			}
			for _, to := range [][]uint32{some, others} {
				if err := all.Merge(to, w); err != nil {
					t.Fatal(err)
				}
			}
		}
		if size := all.Size(); size <= 0 || len(rows) > 0 && size > int64(400_000+1000*len(rows)) {
			t.Fatalf("%s: %d rows in %d groups take %d bytes", f, len(rows)+len(extra), n+1, size)
		}
		for g := range want {
			sameGroup(t, all, g, want[g])
		}
		sameGroup(t, all, 5, single(t, f, extra))
	})
}

// drawRowsLike are rows in order with the values of rows.
func drawRowsLike(r *rand.Rand, rows []Row) []Row {
	like := slices.Clone(rows)
	for i := range like {
		o := rows[r.IntN(len(rows))]
		like[i].Value, like[i].Beat = o.Value, o.Beat
	}
	return like
}

// sameGroup holds a group to be the same bits as p.
func sameGroup(t *testing.T, g Groups, group int, p *Partial) {
	t.Helper()
	b, err := g.AppendBinary(nil, group)
	if err != nil {
		t.Fatal(err)
	}
	if want := encoded(t, p); !bytes.Equal(b, want) {
		t.Fatalf("%s: group %d encoded as\n%x, not\n%x", p.f, group, b, want)
	}
	v, err := g.Result(group)
	w, werr := p.Result()
	if !v.Equal(w) || fmt.Sprint(err) != fmt.Sprint(werr) {
		t.Fatalf("%s: group %d is %s %v, not %s %v", p.f, group, v, err, w, werr)
	}
}

func TestLaws_ColumnsAtOnceEqualSingleRows(t *testing.T) {
	eachLaw(t, func(t *testing.T, r *rand.Rand, f Function, rows []Row) {
		const n = 3
		groups := make([]uint32, len(rows))
		for i := range groups {
			groups[i] = uint32(r.IntN(n))
		}
		g := f.Groups(n)
		vs, ordinals := columns(rows, groups)
		for i := range vs {
			if err := g.Add(ordinals[i], &vs[i]); err != nil {
				t.Fatal(err)
			}
		}
		all := f.Groups(1)
		for i := range vs { // one group without ordinals
			if err := all.Add(nil, &vs[i]); err != nil {
				t.Fatal(err)
			}
		}
		sameGroup(t, all, 0, single(t, f, rows))
		for j := range n {
			var mine []Row
			for i, row := range rows {
				if groups[i] == uint32(j) {
					mine = append(mine, row)
				}
			}
			sameGroup(t, g, j, single(t, f, mine))
		}
	})
}

func TestLaws_LooseOverlap(t *testing.T) {
	eachLaw(t, func(t *testing.T, r *rand.Rand, f Function, rows []Row) {
		if _, loose := f.Groups(0).(Loose); loose != (f.Laws().Class == Ordered) {
			t.Fatalf("%s: class %s, Loose is %t", f, f.Laws().Class, loose)
		} else if !loose {
			return
		}
		all := f.Groups(1).(Loose)
		parts := []Loose{f.Groups(1).(Loose), f.Groups(1).(Loose), f.Groups(1).(Loose)}
		for _, i := range r.Perm(len(rows)) {
			vs, _ := columns(rows[i:i+1], []uint32{0})
			if err := pick(r, parts).Add(nil, &vs[0]); err != nil {
				t.Fatal(err)
			}
		}
		for _, p := range parts {
			b, err := p.AppendLoose(nil, 0)
			if err == nil {
				err = all.MergeLoose(0, b)
			}
			if err != nil {
				t.Fatal(err)
			}
			for n := range b { // part of it is none, or of fewer rows
				if err := f.Groups(1).(Loose).MergeLoose(0, b[:n]); err != nil && !errors.Is(err, ErrEncoding) {
					t.Fatal(err)
				}
			}
		}
		want := single(t, f, rows)
		sameGroup(t, all, 0, want)
		again := f.Groups(1).(Loose) // settled, it goes on
		b, err := all.AppendLoose(nil, 0)
		if err == nil {
			err = again.MergeLoose(0, b)
		}
		if err != nil {
			t.Fatal(err)
		}
		sameGroup(t, again, 0, want)
	})
}

func TestLaws_OrderedRefuseOverlap(t *testing.T) {
	eachLaw(t, func(t *testing.T, r *rand.Rand, f Function, rows []Row) {
		if !f.Laws().Ordered || len(rows) < 3 {
			return
		}
		p, q := single(t, f, []Row{rows[0], rows[2]}), single(t, f, rows[1:2])
		if err := p.Merge(q); !errors.Is(err, ErrOrder) {
			t.Fatalf("%s: merge of a row among others: %v", f, err)
		}
		if err := p.Add(rows[1]); !errors.Is(err, ErrOrder) {
			t.Fatalf("%s: a row out of order: %v", f, err)
		}
	})
}

func TestLaws_KindsAreRefused(t *testing.T) {
	for _, c := range functions {
		for _, kind := range allKinds {
			p := NewPartial(c.f)
			r := Row{1, 1, draw(rand.New(rand.NewPCG(1, 1)), kind), false}
			before := encoded(t, p)
			if err := p.Add(r); err == nil {
				continue
			} else if slices.Contains(c.kinds, kind) || !errors.Is(err, ErrKind) {
				t.Errorf("%s of %s: %v", c.f, kind, err)
			}
			if !bytes.Equal(before, encoded(t, p)) {
				t.Errorf("%s of %s: refused, but changed", c.f, kind)
			}
		}
	}
}

func TestLaws_OtherFunctionsAreRefused(t *testing.T) {
	for i, c := range functions {
		for j, d := range functions {
			p := NewPartial(c.f)
			if err := p.Merge(NewPartial(d.f)); (err == nil) != (i == j) || err != nil && !errors.Is(err, ErrFunction) {
				t.Errorf("merge %s into %s: %v", d.f, c.f, err)
			}
		}
		if p := NewPartial(c.f); p.Merge(p) == nil {
			t.Errorf("%s was merged into itself", c.f)
		}
	}
}

// decodeBound: an empty group of the function, and for the smallest items of an
// encoding, a bucket or a state of two or three bytes, their place in a map or an
// array. A distinct sketch of 18 bits can be 256 KiB, of as many bytes.
var decodeBound = alloc.Bound{Fixed: 80 << 10, Factor: 256}

// FuzzDecode holds every decoder to: no panic; what is accepted encodes to
// something that decodes to the same; no more memory than 80 KiB and 256 bytes for
// each that is given.
func FuzzDecode(f *testing.F) {
	for i, c := range functions {
		for seed := range uint64(4) {
			r := rand.New(rand.NewPCG(seed, 9))
			p := NewPartial(c.f)
			for _, row := range drawRows(r, c.kinds, int(seed*20)) {
				if err := p.Add(row); err != nil {
					f.Fatal(err)
				}
			}
			b, err := p.AppendBinary(nil)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(uint8(i), b)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, b []byte) {
		fn := functions[int(which)%len(functions)].f
		var p *Partial
		var err error
		if over := decodeBound.Check(len(b), func() { p, err = Decode(fn, b) }); over != nil {
			t.Fatalf("%s: %v", fn, over)
		}
		if err != nil {
			return
		}
		again := encoded(t, p)
		q, err := Decode(fn, again)
		if err != nil {
			t.Fatalf("%s: what was decoded does not decode again: %v", fn, err)
		}
		equal(t, q, p)
		if err := q.Merge(p); err != nil && !errors.Is(err, ErrOrder) {
			t.Fatal(err)
		}
		_, _ = q.Result()
	})
}
