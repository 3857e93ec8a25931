package query

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/store"
)

// fitter draws definitions of aggregates, queries that one of them may answer, and
// events, from few values each, so that they meet often.
type fitter struct {
	*rand.Rand
	where, groups, values [][]string // of the definitions so far
}

var (
	fitBegin = time.Date(2024, 3, 29, 20, 0, 0, 0, time.UTC)

	fitGroups = []string{"type", "place", "key", "upper(type)", "n % 3", "z", "kind_of(n)", "place = 'hier'"}
	fitValues = []string{
		"count(*)", "count(n)", "sum(n)", "avg(n)", "min(n)", "max(n)", "sum(f)", "avg(f)", "max(f)", "stddev_pop(f)",
		"first(n)", "last(place)", "quantile(f, 0.5)", "approx_distinct(key)", "count(DISTINCT place)", "top_k(place, 2)",
		"sum(n) FILTER (WHERE n > 20)", "count(*) FILTER (WHERE type = 'b')", "max(CASE WHEN n > 5 THEN n END)", "any(n > 40)",
		"integral(f)", "sum(n * 2)",
	}
	fitWindows = []string{
		"INTERVAL '1 minute'", "INTERVAL '15 minutes'", "INTERVAL '1 hour'", "INTERVAL '1 hour' OFFSET INTERVAL '20 minutes'", "day", "week", "month",
		"day IN 'Europe/Berlin'", "month IN 'Europe/Berlin'", "HOP INTERVAL '2 hours' BY INTERVAL '1 hour'", "SESSION INTERVAL '20 minutes'",
	}
	fitWhere = []string{"type = 'a'", "n > 20", "place IN ('hier', 'dort')", "type <> 'c'"}
)

// some is up to most of a list, each once.
func (r *fitter) some(list []string, most int) []string {
	list = slices.Clone(list)
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list[:r.IntN(min(most, len(list))+1)]
}

// definition is a statement that creates an aggregate; one in eight has a function
// over time, and fits nothing.
func (r *fitter) definition(name string) string {
	values := r.some(fitValues[1:len(fitValues)-1], 6)
	if r.IntN(8) > 0 {
		values = slices.DeleteFunc(values, func(v string) bool { return v == "integral(f)" })
	}
	values = append(values, "count(*)")
	where, groups := r.some(fitWhere, r.IntN(2)), r.some(fitGroups, 3)
	r.where, r.groups, r.values = append(r.where, where), append(r.groups, groups), append(r.values, values)
	return fmt.Sprintf("CREATE AGGREGATE %s AS SELECT %s FROM s", name, strings.Join(values, ", ")) + r.rest(where, groups, r.IntN(8) > 0)
}

// rest is what stands behind FROM.
func (r *fitter) rest(where, groups []string, window bool) (text string) {
	if len(where) > 0 {
		text = " WHERE " + strings.Join(where, " AND ")
	}
	if groups = slices.Clone(groups); window {
		groups = append(groups, "WINDOW "+pick(r.Rand, fitWindows...))
	}
	if len(groups) > 0 {
		text += " GROUP BY " + strings.Join(groups, ", ")
	}
	return text
}

// query is a query of the same stream, most of what one of the definitions has.
func (r *fitter) query() string {
	i := r.IntN(len(r.where))
	groups, window, where, values := r.some(r.groups[i], 2), r.IntN(2) == 0, slices.Clone(r.where[i]), r.some(r.values[i], 3)
	if r.IntN(4) == 0 {
		values = append(values, pick(r.Rand, fitValues...))
	}
	if r.IntN(4) == 0 {
		groups = r.some(fitGroups, 2)
	}
	if r.IntN(4) == 0 {
		where = append(where, pick(r.Rand, "type = 'a'", "key = 'k1'", "upper(type) = 'A'", "key IN ('k0', 'k3', 'x')", "place IS NOT NULL", "n % 3 < 2"))
	}
	items := append(slices.Clone(groups), values...)
	if window {
		items = append(items, "window_start", "window_end")
	}
	items = append(items, "count(*)")
	from := "s"
	switch r.IntN(5) {
	case 0:
		from += fmt.Sprintf(" FROM '%s' TO '%s'", r.moment(-1), r.moment(1))
	case 1:
		where = append(where, fmt.Sprintf("time %s '%s'", pick(r.Rand, ">", ">="), r.moment(-1)), fmt.Sprintf("time %s '%s'", pick(r.Rand, "<", "<="), r.moment(1)))
	case 2:
		from += fmt.Sprintf(" AS OF '%s'", r.moment(0))
	}
	text := "SELECT " + strings.Join(items, ", ") + " FROM " + from + r.rest(where, groups, window)
	switch r.IntN(8) {
	case 0:
		text += " HAVING count(*) > 3"
	case 1:
		text = fmt.Sprintf("SELECT DISTINCT %s FROM %s", pick(r.Rand, fitGroups...), from)
	}
	return text
}

// moment is in the first half of the time of events, side -1, in the second, 1, or
// anywhere; most are starts of windows.
func (r *fitter) moment(side int) string {
	hours := r.IntN(36)
	switch side {
	case 1:
		hours += 36
	case 0:
		hours *= 2
	}
	t := fitBegin.Add(time.Duration(hours) * time.Hour)
	if side != 0 && r.IntN(3) == 0 {
		t = t.Add(time.Duration(r.Int64N(int64(time.Hour))))
	}
	if r.IntN(5) == 0 {
		t = t.AddDate(0, side, 0)
	}
	return t.Format(time.RFC3339Nano)
}

// event is one of about the 72 hours from fitBegin on; odd ones have values of other
// kinds.
func (r *fitter) event(odd bool) store.Event {
	e := store.Event{Stream: "s", Key: fmt.Sprint("k", r.IntN(5)), Type: string(rune('a' + r.IntN(3))),
		Time: fitBegin.Add(time.Duration(r.Int64N(int64(72 * time.Hour)))).Truncate(pick(r.Rand, time.Nanosecond, time.Hour)),
		Kind: pick(r.Rand, store.Change, store.Change, store.Change, store.Change, store.Delete, store.Heartbeat)}
	if e.Kind != store.Change {
		return e
	}
	n, f := store.Int64("n", r.Int64N(60)), store.Float64("f", float64(r.IntN(1000))/7)
	if r.IntN(10) == 0 {
		n = store.Float64("n", float64(1+r.IntN(59)))
	}
	if odd {
		n = pick(r.Rand, store.String("n", "x"), store.Float64("n", math.Copysign(0, -1)), store.Float64("n", math.NaN()), store.Int64("n", math.MaxInt64))
	}
	e.Fields = store.Fields{n, f, pick(r.Rand, store.Int64("z", 1), store.Float64("z", 1), store.Int64("z", 0), store.Int64("z", 2))}
	if odd {
		e.Fields[2] = store.Float64("z", math.Copysign(0, pick(r.Rand, -1.0, 1)))
	}
	if r.IntN(5) > 0 {
		e.Fields = append(e.Fields, store.String("place", pick(r.Rand, "hier", "dort", "fort")))
	}
	return e
}

// answered is the rows of a query, sorted, or its error, and whether an aggregate gave
// them.
func (o *Options) answered(t *testing.T, r Reader, q Query) (text string, taken bool) {
	t.Helper()
	_, text, taken = o.ran(t, r, q)
	return text, taken
}

// ran is answered, with the result.
func (o *Options) ran(t *testing.T, r Reader, q Query) (result *Result, text string, taken bool) {
	t.Helper()
	result, err := o.Run(t.Context(), r, q)
	if err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	rows, err := result.All()
	if err != nil {
		var placed *Error
		if !errors.As(err, &placed) {
			t.Fatalf("%s: %v", q, err)
		}
		return result, "an error", false // which one depends on what is read first
	}
	var lines []string
	for _, row := range rows {
		var b strings.Builder
		for _, v := range row {
			fmt.Fprintf(&b, "%s %s | ", v.Kind(), v)
		}
		lines = append(lines, b.String())
	}
	slices.Sort(lines)
	if f := result.x.fit; f != nil {
		taken = f.taken
	}
	return result, strings.Join(lines, "\n"), taken
}

// TestFit_IsTheEvents: what a query is answered from a maintained aggregate is what the
// events answer, to the bit, at every moment of a run with events in any order,
// retractions, values of other kinds, checkpoints, and reopenings.
func TestFit_IsTheEvents(t *testing.T) {
	random, seed := newRandom()
	taken, partly := 0, 0
	for range 3 {
		r := &fitter{Rand: random}
		dir := t.TempDir()
		options := &store.Options{CheckpointEvery: 20 * time.Millisecond}
		db, err := store.Open(dir, options)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { db.Close() }()
		var retracted []store.Event
		for step := range 8 {
			var batch store.Batch
			for range 100 {
				batch.Events = append(batch.Events, r.event(step > 5 && r.IntN(60) == 0))
			}
			batch.Events = append(batch.Events, retracted...)
			done, err := db.Append(t.Context(), batch)
			if err != nil {
				t.Fatal(err)
			}
			i := r.IntN(100)
			retracted = []store.Event{{Stream: "s", Key: batch.Events[i].Key, Kind: store.Retraction, Retracts: done.First + uint64(i)}}
			switch r.IntN(4) {
			case 0:
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
				if db, err = store.Open(dir, options); err != nil {
					t.Fatal(err)
				}
			case 1:
				if err := db.Seal(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if step < 4 {
				if got := asked(t, db, r.definition(fmt.Sprint("a", step))); !strings.HasPrefix(got, "aggregate\n") && !strings.Contains(got, "function") {
					t.Fatalf("seed %d: %s", seed, got)
				}
				continue
			}
			built(t, db)
			for range 60 {
				some, parts := r.same(t, db, seed)
				taken, partly = taken+some, partly+parts
			}
		}
	}
	if taken < 50 || partly < 5 {
		t.Errorf("seed %d: only %d questions were answered from aggregates, %d of them with some of the events", seed, taken, partly)
	}
}

// built waits until all aggregates are kept.
func built(t *testing.T, db *store.DB) {
	t.Helper()
	if _, err := DB(db); err != nil { // hands expressions over again
		t.Fatal(err)
	}
	for _, a := range db.Aggregates() {
		for !a.Progress().Built {
			if err := t.Context().Err(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// same asks a question both ways, and tells whether an aggregate answered it, and
// whether with events.
func (r *fitter) same(t *testing.T, db *store.DB, seed uint64) (taken, partly int) {
	t.Helper()
	text := r.query()
	q, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var moments []store.Moment
	if r.IntN(6) == 0 {
		moments = append(moments, store.KnownAt(uint64(500+r.IntN(300))))
	}
	reader, err := DB(db, moments...)
	if errors.Is(err, store.ErrFuture) {
		reader, err = DB(db)
	}
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Workers: 1 + r.IntN(2)}
	if r.IntN(4) == 0 {
		o.MemoryBytes, o.TempDir = 1<<20, t.TempDir()
	}
	result, got, fits := o.ran(t, reader, q)
	o.Events = true
	if want, _ := o.answered(t, reader, q); got != want {
		explained := asked(t, db, "EXPLAIN ANALYZE "+text)
		t.Fatalf("seed %d: %s\n%s\nof the events\n%s\n%s", seed, text, got, want, explained)
	}
	if fits {
		taken = 1
		partly = min(len(result.x.times), 1)
	}
	return taken, partly
}

// TestFit_Explained: EXPLAIN says which aggregate has the answer, why not, or why the
// events were read after all; the answer is theirs in any case.
func TestFit_Explained(t *testing.T) {
	db, err := store.Open(t.TempDir(), &store.Options{CheckpointEvery: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	add := func(from, to int, fields ...store.Field) {
		t.Helper()
		var batch store.Batch
		for i := from; i < to; i++ {
			batch.Events = append(batch.Events, store.Event{Stream: "s", Key: fmt.Sprint("k", i%3), Type: string(rune('a' + i%2)),
				Time: fitBegin.Add(time.Duration(i) * 90 * time.Second), Fields: fields})
		}
		if _, err := db.Append(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	add(0, 3000, store.Int64("n", 7), store.Int64("z", 1))
	for _, d := range []string{
		"CREATE AGGREGATE minutes AS SELECT sum(n), max(n) FROM s GROUP BY type, z, WINDOW INTERVAL '1 minute'",
		"CREATE AGGREGATE thirds AS SELECT count(n) FROM s WHERE type = 'a' GROUP BY n % 3",
	} {
		if got := asked(t, db, d); !strings.HasPrefix(got, "aggregate\n") {
			t.Fatal(got)
		}
	}
	built(t, db)
	steps := []struct {
		add  []store.Field // to the events of a minute
		says map[string]string
	}{
		{says: map[string]string{
			"SELECT type, avg(n), count(*) FROM s GROUP BY type":                                           "times that are left to events: 0",
			"SELECT DISTINCT type FROM s FROM '2024-03-29T20:00:30' TO '2024-04-01'":                       "times that are left to events: 1",
			"SELECT count(*) FROM s WHERE time >= '2024-03-30T00:00:30' AND time <= '2024-03-30T00:03:30'": "times that are left to events: 2",
			"SELECT sum(n + 1) FROM s":                                                                        "aggregate minutes has not the answer: it does not keep sum(n + 1)",
			"SELECT sum(n) FROM s GROUP BY key":                                                               "aggregate minutes has not the answer: it is not by key",
			"SELECT sum(n) FROM s WHERE n > 3":                                                                "aggregate minutes has not the answer: it cannot tell where n > 3",
			"SELECT sum(n) FROM s WHERE key = 'k1' GROUP BY type":                                             "aggregate minutes has not the answer: it cannot tell where key = 'k1'",
			"SELECT count(*) FROM s GROUP BY WINDOW HOP INTERVAL '1 hour' BY INTERVAL '1 minute'":             "aggregate minutes has not the answer: windows of the query do not lie side by side",
			"SELECT count(*) FROM s GROUP BY WINDOW INTERVAL '90 seconds'":                                    "aggregate minutes has not the answer: WINDOW INTERVAL '90 seconds' is not made up of its WINDOW INTERVAL '1 minute'",
			"SELECT count(*) FROM s GROUP BY WINDOW day IN 'Europe/Berlin'":                                   "aggregate minutes has not the answer: WINDOW day IN 'Europe/Berlin' is not made up of its WINDOW INTERVAL '1 minute'",
			"SELECT count(*) FROM s FROM '2024-01-01' TO '2024-12-01' GROUP BY WINDOW day IN 'Europe/Berlin'": "stored windows that were joined: ",
			"SELECT max(n) FROM s KNOWN AT 5":                                                                 "not asked after all: partial results of aggregate \"minutes\": it is not kept: what is kept is of a newer position",
			"SELECT max(n), count(*) FROM s GROUP BY WINDOW INTERVAL '1 minute'":                              "its windows have few events each",
			"SELECT n % 3, count(*) FROM s WHERE type = 'a' GROUP BY n % 3":                                   "aggregate thirds has not the answer: it is not by n % 3",
			"SELECT count(n) FROM s":                                                                          "aggregate thirds has not the answer: it is only of events where `type` = \"a\"",
			"SELECT count(n) FROM s FROM '2024-03-30' TO '2024-03-31' WHERE type = 'a'":                       "aggregate thirds has not the answer: it is of all times",
			"SELECT count(n) FROM s WHERE type = 'a'":                                                         "from aggregate thirds",
			"SELECT max(k) FROM (SELECT type, count(*) AS k FROM s GROUP BY type)":                            "  from aggregate minutes",
		}},
		{[]store.Field{store.Int64("n", 1), store.Float64("z", math.Copysign(0, -1))}, map[string]string{
			"SELECT z, sum(n) FROM s GROUP BY z": "not asked after all: 0 and -0 are one in its groups",
		}},
		{[]store.Field{store.String("n", "x"), store.Int64("z", 1)}, map[string]string{
			"SELECT type, count(*) FROM s FROM '2024-03-31T23:00' TO '2024-04-03' GROUP BY type": "not asked after all: some values are of kinds that its functions do not take",
		}},
	}
	for i, step := range steps {
		if step.add != nil {
			add(3000+100*i, 3000+100*i+40, step.add...)
			built(t, db)
		}
		for text, says := range step.says {
			q, err := Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			r, err := DB(db)
			if err != nil {
				t.Fatal(err)
			}
			got, _ := (&Options{}).answered(t, r, q)
			if want, _ := (&Options{Events: true}).answered(t, r, q); got != want {
				t.Errorf("%s\n%s\nof the events\n%s", text, got, want)
			}
			if plan := linesOf(t, r, q.Explain(ExplainAnalyze), Options{}); !strings.Contains(plan, says) {
				t.Errorf("%s\n%s\nwant %s", text, plan, says)
			}
			if plan := linesOf(t, r, q.Explain(Explain), Options{Events: true}); strings.Contains(plan, "aggregate") {
				t.Errorf("%s: events are to be read\n%s", text, plan)
			}
		}
	}
}

// linesOf is an answer of one column.
func linesOf(t *testing.T, r Reader, q Query, o Options) string {
	t.Helper()
	result, err := o.Run(t.Context(), r, q)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := result.All()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, row := range rows {
		b.WriteString(row[0].Str() + "\n")
	}
	return b.String()
}

// TestFit_Counts: of a count of rows, and of one of values, made in Go of what SQL does
// not make them of, neither is taken for the other.
func TestFit_Counts(t *testing.T) {
	db, err := store.Open(t.TempDir(), &store.Options{CheckpointEvery: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	with, without := store.Fields{store.Int64("n", 1)}, store.Fields{store.Int64("m", 1)}
	if _, err := db.Append(t.Context(), store.Batch{Events: []store.Event{
		{Stream: "s", Key: "a", Type: "t", Fields: with}, {Stream: "s", Key: "b", Type: "t", Fields: without}, {Stream: "s", Key: "c", Type: "t", Fields: without},
	}}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Maintain(t.Context(), aggregate.Definition{Name: "odd", Stream: "s", Measures: []aggregate.Measure{
		{Name: "rows", Function: aggregate.Count{Rows: true}, Of: aggregate.Field("n")}, {Name: "values", Function: aggregate.Count{}},
	}}); err != nil {
		t.Fatal(err)
	}
	built(t, db)
	for text, want := range map[string]string{
		"SELECT count(n) FROM s": "count(n)\n1\n",
		"SELECT count(*) FROM s": "count(*)\n3\n",
		"SELECT count(m) FROM s": "count(m)\n2\n",
	} {
		if got := asked(t, db, text); got != want {
			t.Errorf("%s: %swant %s", text, got, want)
		}
	}
	if plan := asked(t, db, "EXPLAIN SELECT count(n) FROM s"); !strings.Contains(plan, "aggregate odd has not the answer: it does not keep coun") {
		t.Error(plan)
	}
}

// TestFit_WhileEventsCome: what an aggregate answers while events come is what the
// events say at the position that the answer states.
func TestFit_WhileEventsCome(t *testing.T) {
	random, seed := newRandom()
	r := &fitter{Rand: random}
	db, err := store.Open(t.TempDir(), &store.Options{CheckpointEvery: 5 * time.Millisecond, Sync: store.SyncNever})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var batches []store.Batch
	for range 150 {
		var b store.Batch
		for range 40 {
			b.Events = append(b.Events, r.event(false))
		}
		batches = append(batches, b)
	}
	if _, err := db.Append(t.Context(), batches[0]); err != nil {
		t.Fatal(err)
	}
	if got := asked(t, db, "CREATE AGGREGATE m AS SELECT sum(f), max(n) FROM s GROUP BY type, WINDOW INTERVAL '1 hour'"); !strings.HasPrefix(got, "aggregate\n") {
		t.Fatal(got)
	}
	built(t, db)
	appended := make(chan error, 1)
	go func() {
		for _, b := range batches[1:] {
			if _, err := db.Append(t.Context(), b); err != nil {
				appended <- err
				return
			}
		}
		appended <- nil
	}()
	q, err := Parse("SELECT type, window_start, count(*), avg(f), max(n) FROM s WHERE time > '2024-03-30T00:30' GROUP BY type, WINDOW day")
	if err != nil {
		t.Fatal(err)
	}
	taken := 0
	for done := false; !done; {
		select {
		case err := <-appended:
			if err != nil {
				t.Fatal(err)
			}
			done = true
		default:
		}
		now, err := DB(db)
		if err != nil {
			t.Fatal(err)
		}
		result, got, fits := (&Options{}).ran(t, now, q)
		if fits {
			taken++
		}
		then, err := DB(db, store.KnownAt(result.Stats().Seq))
		if err != nil {
			t.Fatal(err)
		}
		if want, _ := (&Options{Events: true}).answered(t, then, q); got != want {
			t.Fatalf("seed %d, at %d:\n%s\nof the events\n%s", seed, result.Stats().Seq, got, want)
		}
	}
	if taken == 0 {
		t.Errorf("seed %d: the events were read each time", seed)
	}
}
