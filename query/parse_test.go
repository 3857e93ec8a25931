package query

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/annalsdb/annals/fuzz/alloc"
)

func TestQuery_PrintsAsItIsParsed(t *testing.T) {
	r, seed := newRandom()
	for range 4000 {
		q := randomQuery(r)
		text := q.String()
		again, err := Parse(text)
		if err != nil {
			t.Fatalf("seed %d: %s\nis not parsed: %v", seed, text, err)
		}
		if !again.Equal(q) {
			t.Fatalf("seed %d: %s\nis parsed as\n%s", seed, text, again)
		}
	}
}

func TestQuery_BuiltAsItReads(t *testing.T) {
	at := day(1)
	for _, c := range []struct {
		built Query
		text  string
	}{
		{From("orders"), "SELECT * FROM orders"},
		{From("orders").Where(Col("region").Eq("eu").And(Col("price").Gt(10))).Select(Col("key"), Col("price").As("p")),
			"SELECT key, price AS p FROM orders WHERE region = 'eu' AND price > 10"},
		{FromSource(StateOf("orders").AsOf(at).KnownBy(Param(1))).OrderBy(Col("price").Desc()).Limit(20),
			"SELECT * FROM STATE OF orders AS OF TIME '2024-03-01T00:00:00Z' KNOWN BY $1 ORDER BY price DESC LIMIT 20"},
		{From("orders").GroupBy(Col("type")).Window(Calendar(1, Month, "Europe/Berlin")).Select(Col("type"), Count(), Call("sum", Col("price"))),
			"SELECT type, count(*), sum(price) FROM orders GROUP BY type, WINDOW month IN 'Europe/Berlin'"},
		{From("orders").Where(Col("a").Eq(1)).Where(Col("b").Eq(2)), "SELECT * FROM orders WHERE a = 1 AND b = 2"},
	} {
		if got := c.built.String(); got != c.text {
			t.Errorf("built %s\nwant  %s", got, c.text)
		}
		if q, err := Parse(c.text); err != nil || !q.Equal(c.built) {
			t.Errorf("%s is not the query that was built: %v", c.text, err)
		}
	}
}

// TestQuery_IsNotChanged: a query made from another leaves it as it was.
func TestQuery_IsNotChanged(t *testing.T) {
	base := From("t").GroupBy(Col("a")).OrderBy(Col("a"))
	one, two := base.GroupBy(Col("b")).OrderBy(Col("b")), base.GroupBy(Col("c")).OrderBy(Col("c"))
	for q, want := range map[*Query]string{
		&base: "SELECT * FROM t GROUP BY a ORDER BY a",
		&one:  "SELECT * FROM t GROUP BY a, b ORDER BY a, b",
		&two:  "SELECT * FROM t GROUP BY a, c ORDER BY a, c",
	} {
		if q.String() != want {
			t.Errorf("got %s, want %s", q, want)
		}
	}
}

func TestQuery_BuiltOfNoValue(t *testing.T) {
	for _, c := range []struct {
		e    any
		want string
	}{
		{make(chan int), "query: a chan int is no value"},
		{uint64(1 << 63), "query: 9223372036854775808 is more than an int64 holds"},
		{Param(0), "query: parameters are numbered from 1, not 0"},
		{Col("a").Element(-1), "query: elements are numbered from 0, not -1"},
		{Col("a").Eq(Expr{}), "query: an expression that is none is part of another"},
	} {
		if err := From("t").Where(Col("a").Eq(c.e)).Check(nil); err == nil || err.Error() != c.want {
			t.Errorf("%v: %v, want %s", c.e, err, c.want)
		}
	}
}

func TestParse_Deep(t *testing.T) {
	for _, text := range []string{
		"SELECT " + strings.Repeat("(", 1e6),
		"SELECT " + strings.Repeat("-", 1) + strings.Repeat(" -", 1e6),
		"SELECT " + strings.Repeat("NOT ", 1e6),
		"SELECT 1" + strings.Repeat("+1", 1e6) + " FROM t",
		"SELECT a" + strings.Repeat(".a", 1e6) + " FROM t",
		"SELECT " + strings.Repeat("CASE WHEN ", 1e6),
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), "inside one another") {
			t.Errorf("%.20s…: %.200v", text, err)
		}
	}
	wide := "SELECT a FROM t WHERE a = 1" + strings.Repeat(" OR a = 1", 1e5)
	if q, err := Parse(wide); err != nil || q.String() != wide {
		t.Errorf("a list of 100,001 conditions: %v", err)
	}
}

// FuzzParse: no text is a panic; an error has a place in it; what is parsed is
// printed as what is parsed as the same; and can be bound, or not, with an error that
// has a place; an aggregate is described as what creates it again. Parsing allocates no
// more than 16 KiB and 512 bytes for each of the text.
func FuzzParse(f *testing.F) {
	for _, file := range []string{"testdata/parse.txt", "testdata/eval.txt", "testdata/bind.txt", "testdata/run.txt"} {
		script, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(script)) {
			if text, ok := strings.CutPrefix(line, "eval: "); ok {
				f.Add("SELECT " + text + " FROM t")
			} else if _, text, ok := strings.Cut(line, ": "); ok {
				f.Add(text)
			}
		}
	}
	for text := range described {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var q Query
		var err error
		bound := alloc.Bound{Fixed: 16 << 10, Factor: 512}
		if over := bound.Check(len(text), func() { q, err = Parse(text) }); over != nil {
			t.Fatalf("%q: %v", text, over)
		}
		if err != nil {
			checkPlace(t, text, err)
			return
		}
		printed := q.String()
		again, err := Parse(printed)
		if err != nil {
			t.Fatalf("%s\nis printed as %s\nwhich is not parsed: %v", text, printed, err)
		}
		if !again.Equal(q) || again.String() != printed {
			t.Fatalf("%s\nis printed as %s\nwhich is printed as %s", text, printed, again)
		}
		if d, err := q.Aggregate(nil); q.verb == creates && err == nil {
			if of := Describe(d); of == d.String() {
				t.Fatalf("%s\nis described as %s, which cannot be entered again", text, of)
			}
		}
		p, err := bind(q, nil, []any{1, "2024-03-01", 2.5})
		if err != nil {
			var placed *Error
			if errors.As(err, &placed) {
				checkPlace(t, text, err)
			}
			return
		}
		row := make([]Value, len(p.columns)+len(p.groups)+2+len(p.aggregates))
		for _, n := range append(p.outputs, p.where...) {
			if _, err := n.eval(row); err != nil {
				checkPlace(t, text, err)
			}
		}
	})
}

func checkPlace(t *testing.T, text string, err error) {
	t.Helper()
	var placed *Error
	if !errors.As(err, &placed) {
		t.Fatalf("%q: an error without a place: %v", text, err)
	}
	if placed.Text != text || placed.At < 0 || placed.At > len(text) || placed.Message == "" {
		t.Fatalf("%q: an error at %d of %q: %s", text, placed.At, placed.Text, placed.Message)
	}
	_ = err.Error()
}
