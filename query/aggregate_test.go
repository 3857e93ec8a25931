package query

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/annalsdb/annals/store"
)

// asked is the answer of a database to a query or a statement, a line a row, or its
// error.
func asked(t *testing.T, db *store.DB, text string, params ...any) string {
	t.Helper()
	r, err := DB(db)
	if err != nil {
		t.Fatal(err)
	}
	q, err := Parse(text)
	if err != nil {
		return err.Error() + "\n"
	}
	result, err := Run(t.Context(), r, q, params...)
	if err != nil {
		return err.Error() + "\n"
	}
	var b strings.Builder
	b.WriteString(strings.Join(result.Columns(), " | ") + "\n")
	for row, err := range result.Rows() {
		if err != nil {
			return err.Error() + "\n"
		}
		for i, v := range row {
			if i > 0 {
				b.WriteString(" | ")
			}
			b.WriteString(brief(v))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// TestAggregate_IsItsSelect: what a maintained aggregate answers is what its SELECT
// does, at every moment of a run with late events, retractions and reopenings.
func TestAggregate_IsItsSelect(t *testing.T) {
	definitions := []struct{ columns, rest string }{
		{"type, window_start, window_end, count(*), sum(n), max(n * 3 - 1)", "FROM s GROUP BY type, WINDOW INTERVAL '1 hour'"},
		{"key, count(n), avg(n), count(DISTINCT place)", "FROM s WHERE n > 20 GROUP BY key"},
		{"upper(place), window_start, window_end, sum(n) FILTER (WHERE n * 2 > 50), count(*) FILTER (WHERE type = 'b')", "FROM s GROUP BY upper(place), WINDOW day IN 'Europe/Berlin'"},
		{"window_start, window_end, first(n), last(n), quantile(n, 0.5)", "FROM s WHERE type IN ('a', 'b') GROUP BY WINDOW HOP INTERVAL '2 hours' BY INTERVAL '1 hour'"},
		{"key, window_start, window_end, count(*), min(place)", "FROM s GROUP BY key, WINDOW SESSION INTERVAL '20 minutes'"},
		{"key, window_start, window_end, count(*), sum(n), max(n)", "FROM s GROUP BY key, WINDOW SLIDING INTERVAL '3 hours'"},
		{"window_start, window_end, count(*), first(place)", "FROM s GROUP BY WINDOW 5 EVENTS"},
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	db, err := store.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { db.Close() }()
	begin := time.Date(2024, 3, 30, 20, 0, 0, 0, time.UTC)
	at := map[uint64]string{}
	for step := range 12 {
		var batch store.Batch
		for range 40 {
			e := store.Event{Stream: "s", Key: fmt.Sprint("k", r.IntN(5)), Type: string(rune('a' + r.IntN(3))),
				Time:   begin.Add(time.Duration(step)*time.Hour + time.Duration(r.IntN(600)-500)*time.Minute),
				Fields: store.Fields{store.Int64("n", r.Int64N(60)), store.String("place", []string{"hier", "dort"}[r.IntN(2)])}}
			batch.Events = append(batch.Events, e)
		}
		for seq, key := range at {
			batch.Events = append(batch.Events, store.Event{Stream: "s", Key: key, Kind: store.Retraction, Retracts: seq})
			delete(at, seq)
			break
		}
		result, err := db.Append(t.Context(), batch)
		if err != nil {
			t.Fatal(err)
		}
		at[result.First] = batch.Events[0].Key
		if step == 1 {
			for i, d := range definitions {
				text := fmt.Sprintf("CREATE AGGREGATE a%d AS SELECT %s %s", i, d.columns, d.rest)
				if got := asked(t, db, text); got != fmt.Sprintf("aggregate\n'a%d'\n", i) {
					t.Fatal(got)
				}
			}
		}
		if step > 1 && r.IntN(3) == 0 {
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			if db, err = store.Open(dir, nil); err != nil {
				t.Fatal(err)
			}
		}
		for i, d := range definitions {
			if step == 0 {
				continue
			}
			q, err := Parse("SELECT " + d.columns + " " + d.rest)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, it := range q.items {
				names = append(names, quoteName(it.label()))
			}
			want := sortedLines(asked(t, db, q.String()))
			got := sortedLines(asked(t, db, fmt.Sprintf("SELECT %s FROM a%d", strings.Join(names, ", "), i)))
			if got != want {
				t.Fatalf("step %d, %s:\n%s\nwant\n%s", step, q, got, want)
			}
		}
	}
}

// sortedLines is lines in order, behind the first.
func sortedLines(text string) string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines[1:])
	return strings.Join(lines, "\n")
}

// TestAggregate_Odd: an event that an expression cannot be computed of is left out.
func TestAggregate_Odd(t *testing.T) {
	db, err := store.Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	add := func(v store.Field) {
		t.Helper()
		if _, err := db.Append(t.Context(), store.Batch{Events: []store.Event{{Stream: "s", Key: "k", Type: "t", Fields: store.Fields{v}}}}); err != nil {
			t.Fatal(err)
		}
	}
	add(store.Int64("n", 3))
	if got := asked(t, db, "CREATE AGGREGATE a AS SELECT count(*) AS rows, sum(12 / n) AS total FROM s"); !strings.HasPrefix(got, "aggregate\n") {
		t.Fatal(got)
	}
	for _, odd := range []store.Field{store.Int64("n", 0), store.String("n", "x"), store.Int64("n", 4)} {
		add(odd)
	}
	if got, want := asked(t, db, "SELECT rows, total FROM a"), "rows | total\n4 | 7\n"; got != want {
		t.Errorf("%swant %s", got, want)
	}
}

// TestAggregate_ReadOnly: a view has no aggregates, and a moment takes no statements.
func TestAggregate_ReadOnly(t *testing.T) {
	db, err := store.Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	past, err := DB(db, store.KnownAt(0))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []Reader{View(db.Latest()), past} {
		if _, err := Run(t.Context(), r, ShowAggregates()); err == nil {
			t.Errorf("a %T shows aggregates", r)
		}
	}
	if got := asked(t, db, "SHOW AGGREGATES"); got != "aggregate | definition | seq | built\n" {
		t.Error(got)
	}
	if q := From("t").Select(Count()).CreateAggregate("a"); q.String() != "CREATE AGGREGATE a AS SELECT count(*) FROM t" {
		t.Error(q)
	}
}
