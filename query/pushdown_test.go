package query

import (
	"testing"

	"github.com/annalsdb/annals/index"
)

// TestSplit: on random rows, what is pushed down and what is left are together as
// true as the whole, in all three truths where they are joined by AND, and a row
// passes the one just where it passes the other.
func TestSplit(t *testing.T) {
	r, seed := newRandom()
	columns := []string{"a", "b", "c", "key", "type", "kind", "seq", "time", "recorded", "stream"}
	var cond func(depth int) Expr
	leaf := func() Expr {
		col, lit := Col(pick(r, columns...)), Lit(pick(r, randomValues...))
		more := Lit(pick(r, randomValues...))
		pattern := Lit(pick(r, "", "a", "a%", "%", "a_", "a%b", "gr%", "!%%", "change"))
		switch r.IntN(12) {
		case 0:
			return col.In(lit, more)
		case 1:
			return col.Between(lit, more)
		case 2:
			return col.Like(pattern)
		case 3:
			return col.LikeEscape(pattern, "!")
		case 4:
			return col.IsNull()
		case 5:
			return lit.with(pick(r, equalOp, lessOp, lessEqualOp, greaterOp, greaterEqualOp, distinctOp), col)
		case 6:
			return col.Eq(Col(pick(r, columns...)))
		case 7:
			return Call("coalesce", col, 1).Eq(lit)
		}
		return col.with(pick(r, equalOp, lessOp, lessEqualOp, greaterOp, greaterEqualOp, distinctOp), lit)
	}
	cond = func(depth int) Expr {
		if depth == 0 || r.IntN(4) == 0 {
			return leaf()
		}
		switch r.IntN(3) {
		case 0:
			return cond(depth - 1).Not()
		case 1:
			return cond(depth - 1).Or(cond(depth - 1))
		}
		return cond(depth - 1).And(cond(depth - 1))
	}
	pushes := 0
	for range 5000 {
		where := cond(3)
		p, err := bind(From("t").Select(Lit(1)).Where(where), nil, nil)
		if err != nil {
			continue // time < 'a', LIKE with a bad escape
		}
		pushed, rest := split(p.where, p.pushName(0))
		if pushed != nil {
			pushes++
		}
		for range 20 {
			row := randomPushRow(r, p)
			whole, all, okWhole := allOf(t, p.where, row)
			left, allLeft, okLeft := allOf(t, rest, row)
			said := index.True
			if pushed != nil {
				said = pushed.Test(pushRow(p, row))
			}
			if got := min(said, left); okWhole && okLeft && got != whole {
				t.Fatalf("seed %d: %s\nis %s of%s\npushed %v is %s, the rest %s", seed, where, whole, show(row), pushed, said, left)
			}
			if passes := said == index.True && allLeft; passes != all {
				t.Fatalf("seed %d: %s\npasses %t, in parts %t:%s", seed, where, all, passes, show(row))
			}
		}
	}
	if pushes < 1000 {
		t.Errorf("seed %d: only %d of 5000 conditions pushed anything down", seed, pushes)
	}
}

// allOf is the least truth of conditions, whether a row passes them, looked at one
// after another, and whether none is an error.
func allOf(t *testing.T, conds []*node, row []Value) (least index.Truth, passes, ok bool) {
	t.Helper()
	least, passes, ok = index.True, true, true
	for _, c := range conds {
		truth, err := c.truth(row)
		if err != nil {
			ok, passes = false, false
			continue
		}
		least = min(least, truth)
		passes = passes && truth == index.True
	}
	return least, passes, ok
}

// randomPushRow is a row whose own columns are of their kinds.
func randomPushRow(r interface{ IntN(int) int }, p *plan) []Value {
	row := make([]Value, len(p.columns))
	for i, c := range p.columns {
		for {
			v := randomValues[r.IntN(len(randomValues))]
			if c.own == "kind" {
				row[i] = Lit(eventKinds[r.IntN(len(eventKinds))]).value
				break
			}
			if c.own == "" || !isNull(v) && ownColumns[c.own].has(v.Kind()) {
				row[i] = v
				break
			}
		}
	}
	return row
}

// pushRow is a row as predicates see it: kinds of events are numbers there.
func pushRow(p *plan, row []Value) index.Row {
	return func(column string) (index.Literal, bool) {
		for i := range p.columns {
			name, ok := p.pushName(0)(i)
			if !ok || name != column {
				continue
			}
			if p.columns[i].own == "kind" {
				for k, kind := range eventKinds {
					if row[i].Str() == kind {
						return index.Int64Of(int64(k)), true
					}
				}
			}
			return row[i].Literal(), true
		}
		return index.Literal{}, false
	}
}

// TestSplit_Joins: conditions go to the source that they are of, but not beneath the
// side of a LEFT JOIN that may have no row, of which IS NULL is true.
func TestSplit_Joins(t *testing.T) {
	for _, c := range []struct {
		join        string
		first, next int // conditions pushed to either source
	}{
		{"JOIN STATE OF b", 1, 2}, {"LEFT JOIN STATE OF b", 1, 0}, {"ASOF JOIN b", 1, 2}, {"ASOF LEFT JOIN b", 1, 0},
	} {
		q, err := Parse("SELECT a.x FROM a " + c.join + " ON a.x = b.key WHERE a.x > 1 AND b.y IS NULL AND b.z = 2 AND a.x = b.y")
		if err != nil {
			t.Fatal(err)
		}
		p, err := bind(q, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		for source, want := range []int{c.first, c.next} {
			pushed, rest := split(p.where, p.pushName(source))
			if got := len(p.where) - len(rest); got != want {
				t.Errorf("%s: %d conditions pushed to source %d, want %d: %v", c.join, got, source, want, pushed)
			}
		}
	}
}
