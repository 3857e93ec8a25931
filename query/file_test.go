package query

import (
	"context"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

// naiveReader is naive data up to a position, as a source without an engine.
type naiveReader struct {
	*naiveData
	seq uint64
}

func (r naiveReader) Seq() uint64 { return r.seq }

func (r naiveReader) At(m Moment) (Reader, error) {
	seq := min(r.seq, m.KnownAt)
	for seq > 0 && r.log[seq-1].Recorded.After(time.Unix(0, m.KnownBy)) {
		seq--
	}
	return naiveReader{r.naiveData, seq}, nil
}

func (r naiveReader) ScanEvents(ctx context.Context, q store.EventScan, visit func(int, *store.EventBatch) error) (store.ScanStats, error) {
	return q.Over(ctx, r.events(), visit)
}

func (r naiveReader) events() iter.Seq2[store.Event, error] {
	return func(yield func(store.Event, error) bool) {
		for _, e := range r.log[:r.seq] {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// TestReader_OfEvents: a sealed file copied out of a database, and a slice of events,
// answer queries of events as the rules do.
func TestReader_OfEvents(t *testing.T) {
	random, seed := newRandom()
	r := &asker{Rand: random, most: 60}
	answered := 0
	for range 4 {
		d := randomData(r)
		e := newEngine(t, d)
		e.append(d, 60)
		e.seal()
		file := copied(t, e)
		inner := EventsOf("s")
		nested := []Query{
			FromSource(RowsOf(FromSource(inner).Select(Col("a").As("x")))),
			FromSource(inner).Join(Join{InnerJoin, RowsOf(FromSource(inner).Select(Col("key"), Col("a"))).As("d"), Col("s", "key").Eq(Col("d", "key"))}).Select(Col("s", "seq"), Col("d", "a")),
		}
		for i := range 200 {
			q := r.query()
			if i < len(nested) {
				q, r.near = nested[i], 0
			} else if q.from.kind > allEventsSource || len(q.joins) > 0 || strings.Contains(q.String()+" ", "KNOWN AT 0 ") {
				continue
			}
			for name, from := range map[string]Reader{"file": File(file), "slice": naiveReader{d, 60}} {
				ok, wrong := r.check(d, from, q)
				if wrong != "" {
					t.Fatalf("seed %d, of a %s: %s\n%s", seed, name, q, wrong)
				}
				if ok {
					answered++
				}
			}
		}
		e.close()
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if answered < 50 {
		t.Errorf("seed %d: only %d questions had an answer", seed, answered)
	}
}

// copied is a copy of the one sealed file of an engine, opened.
func copied(t *testing.T, e *engine) *store.File {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(e.dir, "*.seg"))
	if err != nil || len(paths) != 1 {
		t.Fatalf("%d sealed files, %v", len(paths), err)
	}
	bytes, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), filepath.Base(paths[0]))
	if err := os.WriteFile(path, bytes, 0o444); err != nil {
		t.Fatal(err)
	}
	f, err := store.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestFile_Bounds: what a file alone cannot answer is an error that says so.
func TestFile_Bounds(t *testing.T) {
	dir, now := t.TempDir(), day(1)
	db, err := store.Open(dir, &store.Options{Sync: store.SyncNever, Now: func() time.Time { now = now.Add(time.Second); return now }})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for i := range 10 {
			b := store.Batch{Events: []store.Event{{Stream: "s", Key: "k", Fields: store.Fields{store.Int64("a", int64(i))}}}}
			if _, err := db.Append(context.Background(), b); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Seal(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	f, err := store.OpenFile(filepath.Join(dir, segment.SealedName(11, 20)))
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, c := range []struct {
		text string
		want string // of the error, or of the answer
		is   error
	}{
		{"SELECT count(*), min(seq), max(a) FROM s", "count(*) | min(seq) | max(a)\n10 | 11 | 9\n", nil},
		{"SELECT count(*) FROM s KNOWN AT 15", "count(*)\n5\n", nil},
		{"SELECT count(*) FROM s KNOWN AT 21", "position 21 is asked for, the newest is 20", store.ErrFuture},
		{"SELECT count(*) FROM s KNOWN AT 10", "was known before the file begins, with position 11", store.ErrInvalid},
		{"SELECT count(*) FROM s KNOWN BY '2024-03-01'", "was known before the file begins, with position 11", store.ErrInvalid},
		{"SELECT count(*) FROM s KNOWN BY '2024-04-01'", "the file ends at 2024-03-01", store.ErrFuture},
		{"SELECT * FROM t", `there is no stream t`, nil},
		{"SELECT * FROM STATE OF s", "column 24: states", nil},
		{"SELECT * FROM s a ASOF JOIN s b ON a.key = b.key", "column 29: states are made of all events", nil},
	} {
		q, err := Parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if a, err := ask(&Options{}, File(f), q); err != nil {
			got = err.Error()
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%s: %v is no %v", c.text, err, c.is)
			}
		} else {
			got = a.String()
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: got %s, want %s", c.text, got, c.want)
		}
	}
}
