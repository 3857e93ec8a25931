package query

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/annalsdb/annals/store"
)

// TestRun_PagesTold: what statistics of pages tell is what their values say, of one
// group, of groups that have whole pages, with bounds that statistics do not tell, and
// with a moment, a time, a retraction that a page is not whole for.
func TestRun_PagesTold(t *testing.T) {
	r, seed := newRandom()
	e := newEngine(t, &naiveData{})
	t.Cleanup(e.close)
	values := func() store.Fields {
		zero := pick(r, 0, 1.5)
		if r.IntN(50) == 0 { // few, so that pages do not begin with one
			zero = math.Copysign(0, -1)
		}
		f := store.Fields{store.Int64("i", r.Int64N(1000)-500), store.Int64("big", math.MaxInt64-r.Int64N(3)*int64(math.MaxInt64-1)),
			store.Float64("f", zero), store.Float64("h", -zero), store.Float64("g", 1+r.Float64()), store.String("s", fmt.Sprint("a text that is long ", r.IntN(9)))}
		switch r.IntN(4) {
		case 0:
			f = append(f, store.Int64("m", 1))
		case 1:
			f = append(f, store.Float64("m", 1))
		case 2:
			f = append(f, store.String("m", "short"))
		}
		if r.IntN(200) == 0 {
			f = append(f, store.Float64("n", math.NaN()))
		} else {
			f = append(f, store.Float64("n", r.Float64()))
		}
		return f
	}
	last := uint64(0)
	for range 3 {
		for range 20 {
			var b store.Batch
			for range 1000 {
				b.Events = append(b.Events, store.Event{Stream: "p", Key: pick(r, "hot", "hot", "hot", "warm"), Type: "t", Fields: values()})
			}
			result, err := e.db.Append(context.Background(), b)
			if err != nil {
				t.Fatal(err)
			}
			last = result.Last
		}
		e.seal()
	}
	check := func(from string, told bool) {
		t.Helper()
		for _, group := range []string{"", " GROUP BY key", " GROUP BY type, key"} {
			text := "SELECT 1"
			for _, a := range []string{"count(i)", "count(m)", "sum(i)", "avg(i)", "avg(big)", "min(i)", "max(i)", "min(f)", "max(f)", "max(h)", "min(g)", "max(g)",
				"min(s)", "max(s)", "min(m)", "max(m)", "any_value(m)", "max(n)", "min(n)", "count(type)", "max(time)", "min(seq)", "min(version)"} {
				text += fmt.Sprintf(", %s, %s FILTER (WHERE seq > 0)", a, a)
			}
			q, err := Parse(text + from + group)
			if err != nil {
				t.Fatal(err)
			}
			result, err := (&Options{Workers: 2}).Run(context.Background(), View(e.db.Latest()), q)
			if err != nil {
				t.Fatal(err)
			}
			a, err := answerOf(result)
			if err != nil {
				t.Fatalf("seed %d: %s: %v", seed, q, err)
			}
			for _, row := range a.rows {
				for c := 1; c < len(row); c += 2 {
					if !row[c].Equal(row[c+1]) {
						t.Errorf("seed %d:%s%s: %s is %s, by its values %s", seed, from, group, a.names[c], row[c], row[c+1])
					}
				}
			}
		}
		// Nothing else wants the values of these.
		q, err := Parse("SELECT count(g), max(g), sum(i)" + from)
		if err != nil {
			t.Fatal(err)
		}
		result, err := Run(context.Background(), View(e.db.Latest()), q)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := answerOf(result); err != nil {
			t.Fatal(err)
		}
		if n := result.Stats().Summed; (n > 0) != told {
			t.Errorf("seed %d: %s: %d pages are told by statistics", seed, from, n)
		}
	}
	check(" FROM p", true)
	check(" FROM p WHERE i > 400", false)
	check(fmt.Sprintf(" FROM p KNOWN AT %d", last-500), true) // but for one file
	if _, err := e.db.Append(context.Background(), store.Batch{Events: []store.Event{{Stream: "p", Key: "hot", Kind: store.Retraction, Retracts: last}}}); err != nil {
		if _, err = e.db.Append(context.Background(), store.Batch{Events: []store.Event{{Stream: "p", Key: "warm", Kind: store.Retraction, Retracts: last}}}); err != nil {
			t.Fatal(err)
		}
	}
	check(" FROM p", true)
}

// TestRun_TextsOfNoRow: a text that the columns between two SELECTs have in no row, and
// there are many others, is no group.
func TestRun_TextsOfNoRow(t *testing.T) {
	e := newEngine(t, &naiveData{})
	t.Cleanup(e.close)
	var b store.Batch
	for i := range 1000 {
		b.Events = append(b.Events, store.Event{Stream: "p", Key: fmt.Sprint("key ", i), Fields: store.Fields{store.String("s", fmt.Sprint("text ", i))}})
	}
	if _, err := e.db.Append(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	for _, inner := range []string{"SELECT s FROM p", "SELECT key AS s FROM p", "SELECT s FROM p GROUP BY s", "SELECT lower(s) AS s FROM p"} {
		q, err := Parse("SELECT s, count(*) AS n FROM (" + inner + ") GROUP BY s ORDER BY n, s")
		if err != nil {
			t.Fatal(err)
		}
		result, err := Run(context.Background(), View(e.db.Latest()), q)
		if err != nil {
			t.Fatal(err)
		}
		a, err := answerOf(result)
		if err != nil {
			t.Fatal(err)
		}
		if len(a.rows) != 1000 || a.rows[0][1].Int64() != 1 {
			t.Errorf("%s: %d groups, expected 1000; the first: %v", inner, len(a.rows), a.rows[0])
		}
	}
}
