package query

import (
	"fmt"
	"testing"
	"time"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// evalOf is the value of an expression for a row of the columns a and b.
func evalOf(t *testing.T, e Expr, a, b Value) Value {
	t.Helper()
	p, err := bind(From("t").Select(Col("a"), Col("b"), e), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	v, err := p.outputs[2].eval([]Value{a, b})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestEval_ThreeTruths is SQL's truth tables: AND, OR, NOT, and the two tests that
// are never unknown.
func TestEval_ThreeTruths(t *testing.T) {
	truths := map[byte]Value{'t': segment.BoolOf(true), 'f': segment.BoolOf(false), 'u': segment.NullOf()}
	a, b := Col("a"), Col("b")
	for _, c := range []struct {
		e     Expr
		table string // its results for tt tf tu ft ff fu ut uf uu
	}{
		{a.And(b), "tfufffufu"},
		{a.Or(b), "ttttfutuu"},
		{a.And(b).Not(), "ftutttutu"},
		{a.Not().Or(b.Not()), "ftutttutu"}, // De Morgan
		{a.Not(), "ffftttuuu"},
		{a.IsNull(), "ffffffttt"},
		{a.IsNull().Not(), "ttttttfff"},
		{a.DistinctFrom(b), "ftttftttf"},
		{a.DistinctFrom(b).Not(), "tffftffft"},
		{a.Eq(b), "tfuftuuuu"},
		{a.Ne(b), "ftutfuuuu"},
		{a.Lt(b), "ffutfuuuu"},
		{a.In(b, nil), "tuuutuuuu"},
		{a.In(b, nil).Not(), "fuuufuuuu"},
		{a.Between(b, true), "ttuftuuuu"}, // b <= a AND a <= true
	} {
		i := 0
		for _, x := range "tfu" {
			for _, y := range "tfu" {
				if got := evalOf(t, c.e, truths[byte(x)], truths[byte(y)]); got != truths[c.table[i]] {
					t.Errorf("%s of a=%c b=%c is %v, want %c", c.e, x, y, got, c.table[i])
				}
				i++
			}
		}
	}
}

// TestEval_ComparesAsLiterals: the language compares all pairs of values just as
// predicates do that are pushed down.
func TestEval_ComparesAsLiterals(t *testing.T) {
	for _, a := range randomValues {
		for _, b := range randomValues {
			want := index.Unknown
			if !isNull(a) && !isNull(b) {
				order, ok := a.Literal().Compare(b.Literal())
				if want = index.False; ok && order < 0 {
					want = index.True
				}
			}
			if got, _ := truthOf(evalOf(t, Col("a").Lt(Col("b")), a, b)); got != want {
				t.Errorf("%v < %v is %s, want %s", a, b, got, want)
			}
		}
	}
}

// TestCollate: it is a total order, 0 just for what is the same; and keys of groups
// are equal just then.
func TestCollate(t *testing.T) {
	for _, a := range randomValues {
		for _, b := range randomValues {
			ab, ba := collate(a, b), collate(b, a)
			keys := string(appendKey(nil, a)) == string(appendKey(nil, b))
			if ab != -ba || (ab == 0) != same(a, b) || keys != same(a, b) {
				t.Errorf("%v and %v: %d, %d back, same %t, keys equal %t", a, b, ab, ba, same(a, b), keys)
			}
			if same(a, b) && !shown(a, b).Equal(shown(b, a)) {
				t.Errorf("a group of %v and %v shows one or the other", a, b)
			}
			for _, c := range randomValues {
				if ab <= 0 && collate(b, c) <= 0 && collate(a, c) > 0 {
					t.Errorf("%v, %v, %v are in no order", a, b, c)
				}
			}
		}
	}
}

// TestEval_KindsAndErrors: values are of the kinds that are known of them, and what
// is said never to be an error is none.
func TestEval_KindsAndErrors(t *testing.T) {
	r, seed := newRandom()
	bound, failed := 0, 0
	for range 4000 {
		e := randomExpr(r, 1+r.IntN(4))
		p, err := bind(From("t").Select(e, Param(3)), nil, []any{1, "x", nil})
		if err != nil {
			continue
		}
		bound++
		n := p.outputs[0]
		for range 10 {
			if p.grouped {
				break
			}
			row := randomPushRow(r, p)
			v, err := n.eval(row)
			if err != nil {
				failed++
				if n.always() {
					t.Fatalf("seed %d: %s is never to be an error, but%s\n%v", seed, e, show(row), err)
				}
				continue
			}
			if !n.kinds.has(v.Kind()) {
				t.Fatalf("seed %d: %s is %s, but %s was known of it%s", seed, e, v.Kind(), n.kinds, show(row))
			}
		}
	}
	if bound < 400 || failed == 0 {
		t.Errorf("seed %d: only %d of 4000 expressions bound, %d rows were errors", seed, bound, failed)
	}
}

// TestEval_FoldsAsItComputes: an expression of constants has the value that it has of
// columns with these values.
func TestEval_FoldsAsItComputes(t *testing.T) {
	r, seed := newRandom()
	folded := 0
	for range 20000 {
		e := randomExpr(r, 1+r.IntN(3))
		var row []Value
		columns := From("t")
		fixed := e.replaced(func(part Expr) Expr {
			switch part.op {
			case columnOp, paramOp, starOp:
				return Lit(pick(r, segment.Int64Of(1), segment.BoolOf(true), segment.NullOf()))
			}
			return part
		})
		free := fixed.replaced(func(part Expr) Expr {
			if part.op != literalOp {
				return part
			}
			row = append(row, part.value)
			name := fmt.Sprintf("c%d", len(row))
			columns = columns.Select(append(columns.selected(), Col(name))...)
			return Col(name)
		})
		p, err := bind(From("t").Select(fixed), nil, nil)
		q, err2 := bind(columns.Select(append(columns.selected(), free)...), nil, nil)
		if err != nil || err2 != nil || p.grouped || readsTimes(fixed) {
			continue
		}
		folded++
		got, err := p.outputs[0].eval(nil)
		want, err2 := q.outputs[len(q.outputs)-1].eval(row)
		if (err == nil) != (err2 == nil) || err == nil && !same(got, want) {
			t.Fatalf("seed %d: %s is %v, %v; computed as %s it is %v, %v", seed, fixed, got, err, free, want, err2)
		}
	}
	if folded < 1000 {
		t.Errorf("seed %d: only %d expressions bound", seed, folded)
	}
}

// replaced is e with f of each of its parts, from within.
func (e Expr) replaced(f func(Expr) Expr) Expr {
	e.args = mapped(e.args, func(a Expr) Expr { return a.replaced(f) })
	return f(e)
}

func (q Query) selected() (items []Selectable) {
	for _, i := range q.items {
		items = append(items, i)
	}
	return items
}

// readsTimes reports whether e has a text that is a time: beside a column it may be
// read as one, beside a constant not.
func readsTimes(e Expr) bool {
	found := false
	e.replaced(func(part Expr) Expr {
		if part.op == literalOp && part.value.Kind() == segment.StringValue {
			_, err := parseTime(part.value.Str(), nil)
			found = found || err == nil
		}
		return part
	})
	return found
}

// TestTruncated: the start of a unit is not behind the time, is its own start, and a
// moment before it is in another one.
func TestTruncated(t *testing.T) {
	r, seed := newRandom()
	for range 20000 {
		name := pick(r, "UTC", "Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia", "America/Havana", "Asia/Kathmandu", "Africa/Monrovia")
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		at := time.Unix(r.Int64N(8e9)-4e9, r.Int64N(1e9)).In(zone)
		unit := pick(r, "year", "quarter", "month", "week", "day")
		start, err := truncated(at, unit)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := truncated(start, unit)
		before, _ := truncated(start.Add(-1), unit)
		if start.After(at) || !again.Equal(start) || !before.Before(start) {
			t.Fatalf("seed %d: the %s of %s in %s begins at %s; that one's at %s, the one before at %s", seed, unit, at, name, start, again, before)
		}
	}
}
