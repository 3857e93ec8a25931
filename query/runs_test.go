package query

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/annalsdb/annals/segment"
)

// TestRun_SortedOnDisk: rows that were put in order on disk are those that memory has,
// to the bit, and in the same order as far as that is said; the memory is kept to, and
// no file is left.
func TestRun_SortedOnDisk(t *testing.T) {
	r, seed := newRandom()
	e := mixedData(t, r, 6000)
	for _, c := range []struct {
		text  string
		total bool // the order says of each two rows which is first
	}{
		{"SELECT key, a, b, c FROM s ORDER BY c, type DESC", false},
		{"SELECT seq, c, a FROM s ORDER BY c DESC NULLS LAST, a, seq", true},
		{"SELECT a + 1 FROM s ORDER BY b * 2, seq", true},
		{"SELECT key, c FROM s ORDER BY seq DESC LIMIT 3000 OFFSET 1500", true},
		{"SELECT * FROM STATE OF s ORDER BY c, key", true},
		{"SELECT key, valid_from, valid_until, c FROM HISTORY OF s ORDER BY a DESC, seq", true},
		{"SELECT key, c, sum(b) AS b, count(*) FROM s GROUP BY key, c ORDER BY b, key, c", true},
		{"SELECT DISTINCT key, c FROM s ORDER BY c DESC, key", true},
		{"SELECT DISTINCT key, sum(a) % 50, c FROM s GROUP BY key, c, b", false},
		{"SELECT DISTINCT key, c FROM s GROUP BY key, c, b ORDER BY c DESC, key", true},
		{"SELECT count(*), sum(x) FROM (SELECT a AS x, seq AS n FROM s ORDER BY b, seq LIMIT 3000) WHERE n % 2 = 0", true},
	} {
		q, err := Parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		want, err := e.run(&Options{Workers: 1}, q)
		if err != nil {
			t.Fatalf("%s: %v", c.text, err)
		}
		grouped := strings.Contains(c.text, "GROUP") || strings.Contains(c.text, "DISTINCT")
		limits := []int64{24 << 10, 64 << 10, 600 << 10}
		if grouped {
			limits = []int64{200 << 10, 1 << 20}
		}
		for _, limit := range limits {
			o := &Options{Workers: 1 + r.IntN(4), MemoryBytes: limit, TempDir: t.TempDir()}
			where := fmt.Sprintf("seed %d: %s: %d workers, %d bytes", seed, c.text, o.Workers, limit)
			result, err := o.Run(context.Background(), View(e.db.Latest()), q)
			if err != nil {
				t.Fatal(err)
			}
			got, err := answerOf(result)
			if err != nil {
				t.Errorf("%s: %v", where, err)
				continue
			}
			if c.total && fmt.Sprintf("%#v", got.rows) != fmt.Sprintf("%#v", want.rows) {
				t.Errorf("%s: %d rows are not the %d wanted, or in another order", where, len(got.rows), len(want.rows))
			} else if !c.total && !slices.Equal(got.lines(), want.lines()) {
				t.Errorf("%s: %d rows are not the %d wanted", where, len(got.rows), len(want.rows))
			}
			s := result.Stats()
			if s.Spilled == 0 && limit < 300<<10 {
				t.Errorf("%s: nothing was written to disk; %d bytes at most", where, s.PeakMemory)
			}
			if !grouped && s.PeakMemory > limit {
				t.Errorf("%s: %d bytes at most", where, s.PeakMemory)
			}
			if left, err := os.ReadDir(o.TempDir); err != nil || len(left) > 0 {
				t.Errorf("%s: %d files are left, %v", where, len(left), err)
			}
		}
	}
}

// TestRun_SortedOnDiskEnds: a query with rows in order on disk ends with its context,
// when the loop is left, and where there can be no file; it leaves none.
func TestRun_SortedOnDiskEnds(t *testing.T) {
	e := many(t, 30_000)
	q := From("s").OrderBy(Col("a").Desc()).Select(Col("a"))
	o := &Options{MemoryBytes: 256 << 10, TempDir: t.TempDir(), Workers: 2}
	failing := q.Select(Col("a"), Lit(1).Div(Col("a").Sub(29_000)).As("x")).Where(Lit(10).Mod(Col("a").Sub(29_000)).Ge(-20))
	if _, err := e.run(o, failing); err == nil || !strings.Contains(err.Error(), "zero") {
		t.Errorf("an error among the rows: %v", err)
	}
	endsEarly(t, e, o, q)
}

// TestSorting_Damaged: a run that was written over is an error that names the file.
func TestSorting_Damaged(t *testing.T) {
	x := &executor{plan: &plan{limit: -1}, ctx: context.Background(), limitBytes: 1, tempDir: t.TempDir(), workers: 1}
	g := x.newSorting([]sortKey{{}}, 1, 1)
	for i := range 1000 {
		if err := g.sorters[0].add([]Value{segment.StringOf("row")}, []Value{segment.Int64Of(int64(i * 7 % 1000))}); err != nil {
			t.Fatal(err)
		}
	}
	if len(g.sorters[0].runs) < 5 {
		t.Fatalf("%d runs", len(g.sorters[0].runs))
	}
	if _, err := g.file.file.WriteAt([]byte("x"), 40); err != nil {
		t.Fatal(err)
	}
	err := g.close(g.inOrder(func(*answerRow) error { return nil }))
	if err == nil || !strings.Contains(err.Error(), g.file.file.Name()) {
		t.Errorf("damaged: %v", err)
	}
}
