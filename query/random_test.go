package query

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/annalsdb/annals/segment"
)

// newRandom is a source of randomness and the seed to be shown on failure.
func newRandom() (*rand.Rand, uint64) {
	seed := rand.Uint64()
	return rand.New(rand.NewPCG(seed, 0)), seed
}

// pick is one of a list.
func pick[T any](r *rand.Rand, all ...T) T { return all[r.IntN(len(all))] }

// randomValues are values near one another and at the ends of their kinds.
var randomValues = []Value{
	segment.NullOf(), segment.BoolOf(false), segment.BoolOf(true),
	segment.Int64Of(0), segment.Int64Of(1), segment.Int64Of(2), segment.Int64Of(-1), segment.Int64Of(math.MaxInt64),
	segment.Int64Of(math.MinInt64), segment.Int64Of(1<<53 + 1),
	segment.Float64Of(0), segment.Float64Of(math.Copysign(0, -1)), segment.Float64Of(1), segment.Float64Of(1.5),
	segment.Float64Of(1 << 53), segment.Float64Of(math.NaN()), segment.Float64Of(math.Inf(1)), segment.Float64Of(math.Inf(-1)),
	segment.Float64Of(1e300), segment.Float64Of(math.SmallestNonzeroFloat64),
	segment.StringOf(""), segment.StringOf("a"), segment.StringOf("ab"), segment.StringOf("it's"), segment.StringOf("größe"),
	segment.StringOf("2024-03-01"), segment.StringOf("\xff\n\x00"), segment.StringOf("change"),
	segment.BytesOf(nil), segment.BytesOf([]byte("a")), segment.BytesOf([]byte{0, 255}),
	segment.TimeOf(day(1)), segment.TimeOf(day(2)), segment.TimeOf(time.Unix(0, math.MinInt64)), segment.TimeOf(time.Unix(0, math.MaxInt64)),
	segment.JSONOf(json.RawMessage(`{"a": [1, "x"]}`)), segment.JSONOf(json.RawMessage(`"a"`)), segment.JSONOf(json.RawMessage("null")),
}

var randomNames = []string{"a", "b", "key", "time", "kind", "select", "with space", `qu"ote`, "größe", "state", "of", "fields", "desc", "1a"}

// randomExpr is any expression that can be built, as deep as depth.
func randomExpr(r *rand.Rand, depth int) Expr {
	if depth == 0 {
		switch r.IntN(6) {
		case 0, 1:
			return Col(pick(r, randomNames...))
		case 2:
			return Param(1 + r.IntN(3))
		}
		return Lit(pick(r, randomValues...))
	}
	e := func() Expr { return randomExpr(r, r.IntN(depth)) }
	switch r.IntN(24) {
	case 0:
		return e().Member(pick(r, randomNames...))
	case 1:
		return e().Element(r.IntN(3))
	case 2, 3:
		return e().with(pick(r, equalOp, lessOp, lessEqualOp, greaterOp, greaterEqualOp, distinctOp), e())
	case 4, 5:
		return e().with(pick(r, addOp, subOp, mulOp, divOp, modOp, concatOp), e())
	case 6:
		return e().Ne(e())
	case 7:
		return e().IsNull()
	case 8:
		return e().In(e(), e())
	case 9:
		return e().Between(e(), e())
	case 10:
		return e().Like(e())
	case 11:
		return e().LikeEscape(e(), e())
	case 12, 13:
		return e().Not()
	case 14, 15:
		return e().And(e())
	case 16, 17:
		return e().Or(e())
	case 18:
		return e().Neg()
	case 19:
		return Case(pick[any](r, nil, e()), Cond{e(), e()}, Cond{e(), e()})
	case 20:
		return e().Switch(pick[any](r, nil, e()), Cond{e(), e()})
	case 21:
		return pick(r, e().Cast(segment.Int64Value), e().TryCast(segment.JSONValue))
	case 22:
		return e().Add(Span(r.IntN(30)-15, r.IntN(30)-15, time.Duration(r.Int64N(1e12)-5e11)))
	}
	return pick(r, Call("lower", e()), Call("Select", e(), e()), CallDistinct("count", e()), Count().Filter(e()), Call("now"))
}

func randomSource(r *rand.Rand) Source {
	name := pick(r, randomNames...)
	s := pick(r, EventsOf(name), AllEventsOf(name), StateOf(name), HistoryOf(name), ChangesOf(name))
	if r.IntN(5) == 0 {
		s = RowsOf(randomQuery(r))
	}
	if r.IntN(2) == 0 {
		s = s.As(pick(r, randomNames...))
	}
	e := func() Expr { return randomExpr(r, r.IntN(2)) }
	s = pick(r, s, s.AsOf(e()), s.AsOf("2024-03-01"), s.Between(e(), e()), s.FromTo(e(), e()))
	return pick(r, s, s.KnownAt(e()), s.KnownBy(e()))
}

// randomQuery is any query that can be built.
func randomQuery(r *rand.Rand) Query {
	e := func() Expr { return randomExpr(r, r.IntN(4)) }
	q := FromSource(randomSource(r))
	for range r.IntN(3) {
		q = q.Select(e(), e().As(pick(r, randomNames...)), Star(pick(r, randomNames...)), Star(""))
	}
	if r.IntN(4) == 0 {
		place := Call(pick(r, "rank", "row_number", "x"))
		q = q.Select(place.Over(pick(r, nil, []Expr{e(), e()}), e(), pick[Sortable](r, e().Desc(), e().NullsFirst(), e().Desc().NullsLast())))
	}
	for range r.IntN(2) {
		q = q.Join(Join{pick(r, InnerJoin, LeftJoin, AsOfJoin, AsOfLeftJoin), randomSource(r), e()})
	}
	for range r.IntN(3) {
		q = q.Where(e())
	}
	for range r.IntN(3) {
		q = q.GroupBy(e())
	}
	length := func() time.Duration { return time.Duration(r.Int64N(math.MaxInt64)) }
	q = q.Window(pick(r, Window{}, Tumble(length(), length()), Hop(length(), length()), Session(length()), Slide(length()), Every(r.IntN(3)+1),
		Calendar(r.IntN(3)+1, pick(r, Day, Week, Month, Quarter, Year), pick(r, "", "Europe/Berlin"))))
	if r.IntN(3) == 0 {
		q = q.Having(e()).Distinct()
	}
	for range r.IntN(3) {
		q = q.OrderBy(e(), e().Desc(), e().NullsFirst(), e().Desc().NullsLast())
	}
	if r.IntN(3) == 0 {
		q = q.Limit(r.IntN(10)).Offset(Param(1)).Explain(pick(r, Explain, ExplainAnalyze))
	}
	return q
}

// show is a row for an error.
func show(row []Value) string {
	text := ""
	for i, v := range row {
		text += fmt.Sprintf(" %d: %s %q", i, v.Kind(), v.String())
	}
	return text
}
