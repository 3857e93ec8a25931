package nexmark

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/annalsdb/annals/query"
	"github.com/annalsdb/annals/store"
)

// known is a question of the events of TestQueries_KnownAnswers and its answer, as
// Apache Beam's events give it.
type known struct {
	of   string // a query whose rows are asked, or text
	ask  string // of the rows: what stands in the place of *
	want []int64
}

var knownAnswers = []known{
	{"q0", "count(*), sum(price)", []int64{92000, 667953890778}},
	{"q1", "count(*)", []int64{92000}},
	{"q2", "count(*), sum(price)", []int64{351, 2502808698}},
	{"q3", "count(*)", []int64{580}},
	{"q4", averageOf(10, 11, 12, 13, 14) + "count(*)", []int64{33984800, 33110270, 32828496, 32635248, 34803745, 5}},
	{"q5", "count(DISTINCT window_start), count(*), sum(bids)", []int64{9, 15, 23373}},
	{"q5/5s", "count(DISTINCT window_start), count(*), sum(bids)", []int64{3, 5, 7822}},
	{"q7", "count(*), sum(price)", []int64{1, 99958591}},
	{"q8", "count(*)", []int64{902}},
	{"q9", "count(*), sum(price)", []int64{4052, 135629549844}},
	{"q11", "count(*)", []int64{1919}},
	{"q12", "sum(bids)", []int64{92000}},
	{"q14", "count(*)", []int64{26069}},
	{"q15", "sum(rank1_bids), sum(rank2_bids), sum(rank3_bids), sum(total_bidders), sum(rank1_bidders), sum(rank2_bidders), sum(rank3_bidders), sum(total_auctions)",
		[]int64{30655, 30660, 30685, 1919, 1735, 1753, 1745, 4657}},
	{"q17", "count(*), sum(total_bids), sum(sum_price)", []int64{4657, 92000, 667953890778}},
	{"q18", "count(*)", []int64{25248}},
	{"q19", "count(*), sum(price)", []int64{35135, 362704345766}},
	{"q20", "count(*)", []int64{14419}},
}

// averageOf asks for the averages of q4, truncated.
func averageOf(categories ...int) (text string) {
	for _, c := range categories {
		text += fmt.Sprintf("sum(CAST(average AS int64)) FILTER (WHERE category = %d), ", c)
	}
	return text
}

// arrival is an order and a way in which events come to rest.
type arrival struct {
	name   string
	config Config
	batch  int
	store  store.Options
	reopen int // after so many events
	seal   bool
}

const knownEvents = 100_000

var arrivals = []arrival{
	{name: "in order, large batches, in the log", config: Config{Events: knownEvents}, batch: 20_000, store: store.Options{SegmentSize: 256 << 20}},
	{name: "out of order, large batches, sealed", config: Config{Events: knownEvents, Group: knownEvents}, batch: 25_000, seal: true},
	{name: "somewhat out of order, small batches, opened again", config: Config{Events: knownEvents, Group: 1000}, batch: 10,
		store: store.Options{SegmentSize: 1 << 20, Fanout: 2}, reopen: 47_110},
}

// open puts the events as they come to rest. The database is closed with the test.
func (a *arrival) open(t *testing.T) *store.DB {
	t.Helper()
	ctx, dir := context.Background(), t.TempDir()
	var db *store.DB
	closed := func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
	open := func() {
		var err error
		o := a.store
		o.Sync = store.SyncNever
		if db, err = store.Open(dir, &o); err != nil {
			t.Fatal(err)
		}
	}
	open()
	t.Cleanup(func() { closed() })
	if err := putSide(ctx, db); err != nil {
		t.Fatal(err)
	}
	n := 0
	var b store.Batch
	for e := range a.config.All() {
		b.Events = append(b.Events, e.Event())
		if n++; len(b.Events) < a.batch && n < a.config.Events && n != a.reopen {
			continue
		}
		if _, err := db.Append(ctx, b); err != nil {
			t.Fatal(err)
		}
		b.Events = b.Events[:0]
		if n == a.reopen {
			closed()
			open()
		}
	}
	if a.seal {
		if err := db.Seal(ctx); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

// textOf is the text of a query. That of q5/5s is q5 by windows that begin every five
// seconds.
func textOf(t *testing.T, name string) string {
	t.Helper()
	name, hop, _ := strings.Cut(name, "/")
	i := slices.IndexFunc(Queries, func(q Query) bool { return q.Name == name })
	if i < 0 {
		t.Fatalf("there is no query %s", name)
	}
	if hop != "" {
		return strings.Replace(Queries[i].Text, "BY INTERVAL '2 seconds'", "BY INTERVAL '5 seconds'", 1)
	}
	return Queries[i].Text
}

// one asks for one row of integers.
func one(t *testing.T, r query.Reader, text string) (row []int64) {
	t.Helper()
	q, err := query.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	result, err := query.Run(context.Background(), r, q)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := result.All()
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, v := range rows[0] {
		row = append(row, v.Int64())
	}
	return row
}

// TestQueries: all queries have the answers that are known, and those that loops over
// the events give, however the events came and wherever they are.
func TestQueries(t *testing.T) {
	want := Config{Events: knownEvents}.Answers()
	for _, a := range arrivals {
		t.Run(a.name, func(t *testing.T) {
			if err := a.config.Check(); err != nil {
				t.Fatal(err)
			}
			db := a.open(t)
			for _, k := range knownAnswers {
				text := "SELECT " + k.ask + " FROM (" + textOf(t, k.of) + ")"
				if got := one(t, query.View(db.Latest()), text); !slices.Equal(got, k.want) {
					t.Errorf("%s: %s is %v, known is %v", k.of, k.ask, got, k.want)
				}
			}
			for i := range Queries {
				q := &Queries[i]
				got, err := q.Ask(context.Background(), db, 1+i%2)
				if err != nil {
					t.Errorf("%v", err)
				} else if err := want[q.Name].Check(got); err != nil {
					t.Errorf("%s: %v", q.Name, err)
				}
			}
		})
	}
}

// TestAnswers: the order of arrival and the number of generators change no loops.
func TestAnswers(t *testing.T) {
	want := Config{Events: 10_000}.Answers()
	if got := (Config{Events: 10_000, Group: 100}).Answers(); !maps.Equal(got, want) {
		t.Errorf("out of order answers are %v, want %v", got, want)
	}
	if len(want) != len(Queries) || want["q0"].Rows != 9200 {
		t.Errorf("%d answers of %d queries", len(want), len(Queries))
	}
}
