package query

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

// TestParseExpression_Refuses: an expression that is kept has no place for what comes
// with a query, and an error has a place in its text.
func TestParseExpression_Refuses(t *testing.T) {
	for text, want := range map[string]string{
		"price * $1":              "column 9: a definition is kept: expected a value in the place of $1",
		"price +":                 "column 8: expected an expression",
		"price price":             "column 7: expected the end of the expression",
		"upper(kind)":             "no aggregate is of the kind of an event",
		"sum(price)":              "sum is an aggregate",
		"uper(region)":            "there is no function uper; did you mean upper?",
		"INTERVAL '1 hour'":       "an INTERVAL stands behind + or -",
		"window_start":            "window_start",
		"CASE WHEN $2 THEN 1 END": "in the place of $2",
	} {
		_, err := ParseExpression("orders", text)
		var placed *Error
		if !errors.As(err, &placed) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	x, err := ParseExpression("orders", "price * 2 + length(type)")
	if err != nil || strings.Join(x.Columns(), ",") != "price,"+segment.ColumnType || x.String() != "price * 2 + length(type)" {
		t.Errorf("%v of %q, %v", x, x.Columns(), err)
	}
}

// TestLit_EveryNumber: Go's numbers are literals as they are, or not at all.
func TestLit_EveryNumber(t *testing.T) {
	for _, c := range []struct {
		v    any
		text string
	}{
		{int(-1), "-1"}, {int8(-8), "-8"}, {int16(-16), "-16"}, {int32(-32), "-32"}, {int64(math.MinInt64), "-9223372036854775808"},
		{uint(1), "1"}, {uint8(8), "8"}, {uint16(16), "16"}, {uint32(math.MaxUint32), "4294967295"}, {uint64(math.MaxInt64), "9223372036854775807"},
		{float32(0.5), "0.5"}, {float64(2.5), "2.5"},
	} {
		if got := Lit(c.v).String(); got != c.text {
			t.Errorf("%T %v is %s, want %s", c.v, c.v, got, c.text)
		}
	}
	for what, v := range map[string]any{"more than an int64 holds": uint64(math.MaxUint64), "struct {} is no value": struct{}{}} {
		err := From("t").Select(Lit(v)).Check(nil)
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%v: %v, want %q", v, err, what)
		}
		err = From("t").Select(Param(1)).Check(nil, v)
		if err == nil || !strings.Contains(err.Error(), "parameter $1: ") || !strings.Contains(err.Error(), what) {
			t.Errorf("parameter %v: %v, want %q", v, err, what)
		}
	}
	err := From("t").Select(Param(1)).Check(nil, Col("a"))
	if err == nil || !strings.Contains(err.Error(), "parameter $1: an expression is no value") {
		t.Errorf("a column as a parameter: %v", err)
	}
}

// bareReader has no states and no aggregates.
type bareReader struct{ Reader }

// TestRun_ReaderWithout: what a reader does not have is told with what was asked for.
func TestRun_ReaderWithout(t *testing.T) {
	e := many(t, 1000)
	bare := bareReader{View(e.db.Latest())}
	view, err := DB(e.db, store.KnownAt(1000))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		of   Reader
		text string
		want string
	}{
		{bare, "SELECT key FROM STATE OF s", "states are made of all events of a key, and here are some alone: expected the events of s"},
		{bare, "SELECT key FROM HISTORY OF s", "states are made of all events of a key, and here are some alone: expected the events of s"},
		{bare, "SELECT key FROM CHANGES OF s FROM '2024-01-01' TO '2024-01-02'", "states are made of all events of a key, and here are some alone: expected the events of s"},
		{bare, "SELECT s.key FROM s JOIN STATE OF s t ON s.key = t.key", "states are made of all events of a key, and here are some alone: expected the events of s"},
		{bare, "SHOW AGGREGATES", "aggregates are those of a whole database"},
		{View(e.db.Latest()), "CREATE AGGREGATE n AS SELECT count(*) FROM s", "aggregates are those of a whole database"},
		{view, "DROP AGGREGATE n", "aggregates are those of a whole database"},
	} {
		q, err := Parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		_, err = ask(&Options{}, c.of, q)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s of a %T: %v, want %q", c.text, c.of, err, c.want)
		}
	}
}

// TestResult_LeftEarly: a loop over rows or structs may be left, and what is not read
// does not come.
func TestResult_LeftEarly(t *testing.T) {
	e := many(t, 5000)
	ask := func() *Result {
		result, err := Run(context.Background(), View(e.db.Latest()), From("s").Select(Col("a")).OrderBy(Col("a").Desc().NullsFirst()))
		if err != nil {
			t.Fatal(err)
		}
		if s := result.Stats(); s.Seq != 5000 || s.Elapsed != 0 || s.Workers == 0 {
			t.Errorf("before it is read it cost %+v", s)
		}
		return result
	}
	type row struct{ A int64 }
	n := 0
	for r, err := range ask().Rows() {
		if n++; err != nil || r[0].Int64() != 4999 {
			t.Errorf("row %v, %v", r, err)
		}
		break
	}
	for r, err := range Structs[row](ask()) {
		if n++; err != nil || r.A != 4999 {
			t.Errorf("row %v, %v", r, err)
		}
		break
	}
	for b, err := range ask().Batches() {
		if n++; err != nil || b.Row(1)[0].Int64() != 4998 {
			t.Errorf("second row of a batch: %v", err)
		}
		break
	}
	if n != 3 {
		t.Errorf("%d rounds of loops that were left in their first", n)
	}
	type wrong struct{ A bool }
	for _, err := range Structs[wrong](ask()) {
		var field *store.FieldError
		if !errors.As(err, &field) || field.Field != "a" {
			t.Errorf("an integer into a bool: %v", err)
		}
		n++
	}
	if n != 4 {
		t.Errorf("%d rounds went on behind an error", n-4)
	}
}

// TestStatements_Built: statements that are built do what those of a text do.
func TestStatements_Built(t *testing.T) {
	e := many(t, 1000)
	r, err := DB(e.db)
	if err != nil {
		t.Fatal(err)
	}
	shown := func() (text string) {
		t.Helper()
		a, err := ask(&Options{}, r, ShowAggregates())
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range a.rows {
			text += row[0].Str() + ": " + row[1].Str() + ";"
		}
		return text
	}
	run := func(q Query) error { _, err := ask(&Options{}, r, q); return err }
	create := From("s").GroupBy(Col("key")).Select(Col("key"), Count().As("n")).CreateAggregate("totals")
	if err := run(create); err != nil {
		t.Fatal(err)
	}
	if got := shown(); !strings.HasPrefix(got, "totals: CREATE AGGREGATE totals AS SELECT key, count(*) AS n FROM s GROUP BY key;") || strings.Count(got, ";") != 1 {
		t.Errorf("shown: %s", got)
	}
	var placed *Error
	if err := run(DropAggregate("total")); !errors.As(err, &placed) || !strings.Contains(err.Error(), "did you mean totals?") {
		t.Errorf("another name: %v", err)
	}
	if err := run(DropAggregate("totals")); err != nil {
		t.Fatal(err)
	}
	if got := shown(); got != "" {
		t.Errorf("shown after it was dropped: %s", got)
	}
}
