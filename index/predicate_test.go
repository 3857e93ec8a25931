package index

import (
	"math"
	"testing"
)

// The truths are written down by hand, from SQL's tables.
func TestPredicate_Truth(t *testing.T) {
	one, nan, null := Int64Of(1), Float64Of(math.NaN()), Literal{}
	fields := map[string]Literal{"i": one, "f": Float64Of(2.5), "n": null, "s": StringOf("abc"), "nan": nan, "z": Float64Of(math.Copysign(0, -1)), "b": BytesOf("abc")}
	row := func(column string) (Literal, bool) {
		v, ok := fields[column]
		return v, ok
	}
	is, unknown, not := Eq{"i", one}, Eq{"n", one}, Eq{"i", Int64Of(2)}
	for _, c := range []struct {
		p    Predicate
		want Truth
	}{
		{Eq{"i", Float64Of(1)}, True}, {Eq{"i", StringOf("1")}, False}, {Eq{"i", null}, Unknown}, {Eq{"n", null}, Unknown},
		{Eq{"missing", one}, Unknown}, {Eq{"nan", nan}, False}, {Not{Eq{"nan", nan}}, True}, {Eq{"z", Int64Of(0)}, True},
		{Eq{"b", StringOf("abc")}, False}, {Not{Eq{"i", StringOf("1")}}, True}, {Not{unknown}, Unknown},

		{In{"i", []Literal{null, one}}, True}, {In{"i", []Literal{null, nan}}, Unknown}, {In{"i", []Literal{nan}}, False},
		{In{"n", []Literal{one}}, Unknown}, {In{"i", nil}, False}, {In{"n", nil}, Unknown},

		{Range{"f", Bound{one, false}, Bound{}}, True}, {Range{"f", Bound{Float64Of(2.5), true}, Bound{}}, False},
		{Range{"f", Bound{Float64Of(2.5), false}, Bound{Int64Of(3), true}}, True}, {Range{"f", Bound{}, Bound{Int64Of(2), false}}, False},
		{Range{"i", Bound{}, Bound{one, true}}, False}, {Range{"i", Bound{}, Bound{one, false}}, True},
		{Range{"f", Bound{one, false}, Bound{StringOf("x"), false}}, False}, {Range{"f", Bound{nan, false}, Bound{}}, False},
		{Range{"nan", Bound{one, false}, Bound{}}, False}, {Range{"nan", Bound{}, Bound{}}, True}, {Range{"n", Bound{}, Bound{}}, Unknown},
		{Range{"s", Bound{StringOf("ab"), true}, Bound{StringOf("abd"), true}}, True},

		{Prefix{"s", "ab"}, True}, {Prefix{"s", ""}, True}, {Prefix{"s", "b"}, False}, {Prefix{"i", ""}, False}, {Prefix{"b", "a"}, False}, {Prefix{"n", "a"}, Unknown},

		{IsNull{"n"}, True}, {IsNull{"missing"}, True}, {IsNull{"i"}, False}, {Not{IsNull{"n"}}, False},

		{Same{"i", one}, True}, {Same{"i", Float64Of(1)}, False}, {Same{"nan", nan}, True}, {Same{"z", Float64Of(0)}, False},
		{Same{"n", null}, True}, {Same{"missing", null}, False}, {Same{"missing", one}, False}, {Not{Same{"missing", one}}, True},

		{And{}, True}, {And{is, unknown}, Unknown}, {And{unknown, not}, False}, {And{is, nil, is}, True},
		{Or{}, False}, {Or{not, unknown}, Unknown}, {Or{unknown, is}, True}, {Or{not, nil}, True}, {Not{}, False},
	} {
		if got := c.p.Test(row); got != c.want {
			t.Errorf("%v is %v, want %v", c.p, got, c.want)
		}
	}
}

func TestPredicate_String(t *testing.T) {
	one := Bound{Value: Int64Of(1)}
	for want, p := range map[string]Predicate{
		`a = 1 and (b in ("x", null) or not c is null)`:             And{Eq{"a", Int64Of(1)}, Or{In{"b", []Literal{StringOf("x"), {}}}, Not{IsNull{"c"}}}},
		"1 <= a < 2.0 or 1 <= a or a <= 1 or a is not null":         Or{Range{"a", one, Bound{Float64Of(2), true}}, Range{"a", one, Bound{}}, Range{"a", Bound{}, one}, Range{Column: "a"}},
		"not (`a b` begins with \"x\" and `1a` is -0.0 and `` = 1)": Not{And{Prefix{"a b", "x"}, Same{"1a", Float64Of(math.Copysign(0, -1))}, Eq{"", Int64Of(1)}}},
		"not (true) and not (false) and not true and 1 < _a1":       And{Not{And{}}, Not{Or{}}, Not{}, Range{"_a1", Bound{Int64Of(1), true}, Bound{}}},
	} {
		if got := p.String(); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}
