package query

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/annalsdb/annals/store"
)

// TestRun_JoinedOnDisk: joins of which the states do not fit memory are those that do,
// with what is asked by key forgotten on the way and tables on disk, in parts of parts;
// the memory is kept to, and no file is left.
func TestRun_JoinedOnDisk(t *testing.T) {
	r, seed := newRandom()
	e := mixedData(t, r, 4000)
	for _, c := range []struct {
		text  string
		byKey bool
	}{
		{"SELECT x.seq, y.key, y.c FROM s x JOIN STATE OF s y ON x.a = y.a", false},
		{"SELECT x.seq, y.key, y.b FROM s x LEFT JOIN STATE OF s y ON x.a + 1 = y.a WHERE x.c IS NOT NULL", false},
		{"SELECT x.seq, y.seq, y.c FROM s x ASOF JOIN s y ON x.a = y.a", false},
		{"SELECT x.key, y.seq, y.c FROM STATE OF s x ASOF LEFT JOIN s y ON x.a = y.a AND x.type = y.type", false},
		{"SELECT x.seq, y.key, z.key, z.b FROM s x LEFT JOIN STATE OF s y ON x.a = y.a LEFT JOIN STATE OF s z ON y.a + 7 = z.a", false},
		{"SELECT x.seq, y.key, z.key FROM s x JOIN STATE OF s y ON x.key = y.key LEFT JOIN STATE OF s z ON y.a = z.a", false},
		{"SELECT x.seq, y.key, y.n FROM s x LEFT JOIN (SELECT key, a AS n FROM s WHERE type = 't1') y ON x.key = y.key", false},
		{"SELECT x.seq, y.seq, y.c FROM s x JOIN STATE OF s y ON x.key = y.key", true},
		{"SELECT x.seq, y.seq, y.c FROM s x ASOF LEFT JOIN s y ON x.key = y.key AND x.type = y.type", true},
	} {
		q, err := Parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		want, err := e.run(&Options{Workers: 1}, q)
		if err != nil {
			t.Fatalf("%s: %v", c.text, err)
		}
		for _, limit := range []int64{16 << 10, 60 << 10, 300 << 10} {
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
			if !slices.Equal(got.lines(), want.lines()) {
				t.Errorf("%s: %d rows are not the %d wanted", where, len(got.rows), len(want.rows))
			}
			s := result.Stats()
			if (s.Spilled == 0) != c.byKey && limit < 100<<10 {
				t.Errorf("%s: %d bytes were written to disk", where, s.Spilled)
			}
			if s.PeakMemory > limit {
				t.Errorf("%s: %d bytes at most", where, s.PeakMemory)
			}
			if left, err := os.ReadDir(o.TempDir); err != nil || len(left) > 0 {
				t.Errorf("%s: %d files are left, %v", where, len(left), err)
			}
		}
	}
}

// TestRun_JoinedOnDiskEnds: a query with joined states on disk ends with its context and
// when there are enough rows, and leaves no file.
func TestRun_JoinedOnDiskEnds(t *testing.T) {
	q, err := Parse("SELECT x.a FROM s x JOIN STATE OF s y ON x.a = y.a")
	if err != nil {
		t.Fatal(err)
	}
	endsEarly(t, many(t, 20_000), &Options{MemoryBytes: 64 << 10, TempDir: t.TempDir(), Workers: 2}, q)
}

// TestRun_JoinedLong: histories of keys are looked up where they are too long to be
// kept, kept where there is room, and forgotten and read again where there is some.
func TestRun_JoinedLong(t *testing.T) {
	e := newEngine(t, &naiveData{})
	t.Cleanup(e.close)
	const keys, events = 4, 2000
	for key := range keys {
		var b store.Batch
		for i := range events {
			b.Events = append(b.Events, store.Event{Stream: "s", Key: fmt.Sprint("k", key), Time: day(1).Add(time.Duration(i) * time.Minute),
				Fields: store.Fields{store.Int64("a", int64(i))}})
		}
		if _, err := e.db.Append(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}
	e.seal()
	q, err := Parse("SELECT count(*), sum(x.a), sum(y.a), count(*) FILTER (WHERE x.a = y.a) FROM s x ASOF JOIN s y ON x.key = y.key")
	if err != nil {
		t.Fatal(err)
	}
	sum := int64(keys * events * (events - 1) / 2)
	want := []int64{keys * events, sum, sum, keys * events}
	for _, limit := range []int64{64 << 10, 2 << 20, 1 << 30} {
		o := &Options{Workers: 2, MemoryBytes: limit}
		if limit == 1<<30 {
			o.Workers = 1 // so that rows come in order, and few are looked up before a history is kept
		}
		result, err := o.Run(context.Background(), View(e.db.Latest()), q)
		if err != nil {
			t.Fatal(err)
		}
		a, err := answerOf(result)
		if err != nil {
			t.Fatalf("%d bytes: %v", limit, err)
		}
		for i, n := range want {
			if got := a.rows[0][i].Int64(); got != n {
				t.Errorf("%d bytes: column %d is %d, want %d", limit, i, got, n)
			}
		}
		const one = events * 100 // bytes at the least, of a history
		if peak := result.Stats().PeakMemory; peak > limit || limit == 1<<30 && peak < one {
			t.Errorf("%d bytes: %d were held at most", limit, peak)
		}
	}
}
