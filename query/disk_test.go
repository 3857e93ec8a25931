package query

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/annalsdb/annals/store"
)

// mixedData is a database of n events with fields of all kinds, some of them in the log.
func mixedData(t *testing.T, r *rand.Rand, n int) *engine {
	e := newEngine(t, &naiveData{})
	start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := 0; i < n; i += 500 {
		var b store.Batch
		for range 500 {
			fields := store.Fields{store.Int64("a", r.Int64N(3000)), store.Float64("b", math.Round(r.NormFloat64()*1e4)/100)}
			switch r.IntN(6) {
			case 0:
				fields = append(fields, store.Float64("c", float64(r.IntN(40))))
			case 1:
				fields = append(fields, store.Float64("c", math.Copysign(0, -1)))
			case 2:
				fields = append(fields, store.String("c", fmt.Sprint("text ", r.IntN(40))))
			case 3:
				fields = append(fields, store.Null("c"))
			default:
				fields = append(fields, store.Int64("c", r.Int64N(40)))
			}
			b.Events = append(b.Events, store.Event{Stream: "s", Key: fmt.Sprint("k", r.IntN(2000)), Type: fmt.Sprint("t", r.IntN(3)),
				Time: start.Add(time.Duration(r.IntN(100*24)) * time.Hour), Fields: fields})
		}
		if _, err := e.db.Append(context.Background(), b); err != nil {
			t.Fatal(err)
		}
		if i < n*3/4 {
			e.seal()
		}
	}
	t.Cleanup(e.close)
	return e
}

// lines is the rows of an answer in an order of their own.
func (a *answer) lines() []string {
	var all []string
	for _, row := range a.rows {
		all = append(all, fmt.Sprintf("%#v", row))
	}
	slices.Sort(all)
	return all
}

// TestRun_Spilled: with groups on disk the answer is the same to the bit, whatever the
// memory and the number of workers, and no file is left.
func TestRun_Spilled(t *testing.T) {
	r, seed := newRandom()
	e := mixedData(t, r, 6000)
	for _, text := range []string{
		"SELECT key, count(*), sum(a), avg(b), min(b), max(c), count(c) FROM s GROUP BY key",
		"SELECT key, c, sum(b), var_pop(b), stddev_samp(a), any_value(c), count(DISTINCT c) FROM s GROUP BY key, c HAVING sum(b) > 0",
		"SELECT a, top_k(c, 3), count(DISTINCT a), sum(DISTINCT a), avg(DISTINCT b), approx_distinct(b) FROM s GROUP BY a",
		"SELECT c, quantile(b, 0.5), first(b), last(c), any(a > 5) FROM s GROUP BY c, type",
		"SELECT key, window_start, window_end, sum(b), first(c) FROM s GROUP BY key, WINDOW day IN 'Europe/Berlin'",
		"SELECT type, window_start, window_end, count(*), avg(b) FROM s GROUP BY type, WINDOW INTERVAL '1 hour'",
		"SELECT key, window_start, window_end, count(*), sum(b) FROM s GROUP BY key, WINDOW HOP INTERVAL '20 days' BY INTERVAL '5 days'",
		"SELECT key, c, window_start, window_end, count(*), sum(b) FROM s GROUP BY key, c, WINDOW SESSION INTERVAL '10 days'",
		"SELECT key, window_start, window_end, count(*), sum(b), max(a), count(DISTINCT c), last(a) FROM s GROUP BY key, WINDOW SLIDING INTERVAL '20 days'",
		"SELECT key, c, window_start, window_end, count(*), min(b) FROM s GROUP BY key, c, WINDOW 7 EVENTS",
		"SELECT key, time_avg(b), increase(a), time_in_state(type), integral_linear(b), live_time(INTERVAL '1 day') FROM s GROUP BY key",
		"SELECT type, key, time_avg(b), unknown_time(b) FROM s GROUP BY type, key, WINDOW month",
		"SELECT DISTINCT key, c FROM s",
		"SELECT DISTINCT a % 100 FROM s ORDER BY a % 100 LIMIT 20",
		"SELECT key, sum(b) AS b FROM s GROUP BY key ORDER BY b DESC, key LIMIT 10",
	} {
		q, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		want, err := e.run(&Options{Workers: 1}, q)
		if err != nil {
			t.Fatalf("seed %d: %s: %v", seed, text, err)
		}

		for _, limit := range []int64{200 << 10, 1 << 20} {
			o := &Options{Workers: 1 + r.IntN(3), MemoryBytes: limit, TempDir: t.TempDir()}
			result, err := o.Run(context.Background(), View(e.db.Latest()), q)
			if err != nil {
				t.Fatal(err)
			}
			got, err := answerOf(result)
			if err != nil {
				t.Errorf("seed %d: %s: %d workers, %d bytes: %v", seed, text, o.Workers, limit, err)
				continue
			}
			if !slices.Equal(got.lines(), want.lines()) {
				t.Errorf("seed %d: %s: %d workers, %d bytes: %d rows differ from %d", seed, text, o.Workers, limit, len(got.rows), len(want.rows))
			}
			s := result.Stats()
			if s.Spilled == 0 && limit < 1<<20 && !strings.Contains(text, "% 100") {
				t.Errorf("seed %d: %s: %d workers, %d bytes: nothing was written to disk; %d bytes at most", seed, text, o.Workers, limit, s.PeakMemory)
			}
			if left, err := os.ReadDir(o.TempDir); err != nil || len(left) > 0 {
				t.Errorf("seed %d: %s: %d files are left, %v", seed, text, len(left), err)
			}
		}
	}
}

// TestRun_SpilledEnds: a query with groups on disk ends with its context, when the
// loop is left, and with an error that names the cause where there can be no file; it
// leaves none.
func TestRun_SpilledEnds(t *testing.T) {
	q := From("s").GroupBy(Col("a")).Select(Col("a"), Count())
	endsEarly(t, many(t, 30_000), &Options{MemoryBytes: 256 << 10, TempDir: t.TempDir(), Workers: 2}, q)
}

// endsEarly has a query that goes to disk end with its context, when the loop is left,
// with enough rows, and where there can be no file. It leaves none.
func endsEarly(t *testing.T, e *engine, o *Options, q Query) {
	t.Helper()
	for _, leave := range []bool{true, false} {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		result, err := o.Run(ctx, View(e.db.Latest()), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, err = range result.Batches() {
			if leave {
				break
			}
			cancel()
		}
		if leave && err != nil || !leave && !errors.Is(err, context.Canceled) {
			t.Errorf("the loop is left: %v: %v", leave, err)
		}
		if s := result.Stats(); s.Spilled == 0 {
			t.Error("nothing was written to disk")
		}
	}
	if rows, err := e.run(o, q.Limit(5)); err != nil || len(rows.rows) != 5 {
		t.Errorf("LIMIT: %v, %v", rows, err)
	}
	if left, err := os.ReadDir(o.TempDir); err != nil || len(left) > 0 {
		t.Errorf("%d files are left, %v", len(left), err)
	}
	nowhere := *o
	nowhere.TempDir = filepath.Join(o.TempDir, "none")
	if _, err := e.run(&nowhere, q); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "TempDir") {
		t.Errorf("no directory: %v", err)
	}
}

// TestGroupFile_Damaged: what is read from a file that was written over is an error.
func TestGroupFile_Damaged(t *testing.T) {
	x := &executor{plan: &plan{}, tempDir: t.TempDir()}
	f, err := x.newGroupFile(0)
	if err != nil {
		t.Fatal(err)
	}
	block := []byte("some groups")
	if err := f.write(3, block); err != nil {
		t.Fatal(err)
	}
	if got, err := f.read(f.parts[3][0], nil); err != nil || string(got) != string(block) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := f.file.WriteAt([]byte("x"), 4); err != nil {
		t.Fatal(err)
	}
	if _, err := f.read(f.parts[3][0], nil); err == nil || !strings.Contains(err.Error(), f.file.Name()) {
		t.Errorf("damaged: %v", err)
	}
	if err := f.file.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.write(1, block); !errors.Is(err, os.ErrClosed) {
		t.Errorf("write to what is closed: %v", err)
	}
}
