package query

import (
	"strings"
	"testing"
	"time"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// described are definitions and how they are described, "" as they are.
var described = map[string]string{
	"CREATE AGGREGATE a AS SELECT count(*) FROM t":                                                                                                                                                                                        "",
	"CREATE AGGREGATE a AS SELECT key, count(*) AS n FROM t GROUP BY key":                                                                                                                                                                 "",
	`CREATE AGGREGATE "as" AS SELECT "group", count("x y") FROM "from" GROUP BY "group"`:                                                                                                                                                  "",
	"CREATE AGGREGATE a AS SELECT count(*) FROM t AS other GROUP BY WINDOW day":                                                                                                                                                           "CREATE AGGREGATE a AS SELECT count(*) FROM t GROUP BY WINDOW day",
	"CREATE AGGREGATE a AS SELECT region, upper(x || 'y'), sum(price * 2) AS twice, sum(price) FROM t GROUP BY region, upper(x || 'y'), WINDOW 2 month IN 'Europe/Berlin'":                                                                "",
	"CREATE AGGREGATE a AS SELECT fields.time, type, max(x) FROM t GROUP BY fields.time, type, WINDOW INTERVAL '1 hour' OFFSET INTERVAL '5 minutes'":                                                                                      "",
	"CREATE AGGREGATE a AS SELECT count(x) FROM t GROUP BY WINDOW HOP INTERVAL '2 hours' BY INTERVAL '1 hour'":                                                                                                                            "",
	"CREATE AGGREGATE a AS SELECT count(DISTINCT x) FROM t GROUP BY WINDOW SLIDING INTERVAL '90 minutes'":                                                                                                                                 "",
	"CREATE AGGREGATE a AS SELECT key, count(*) FROM t GROUP BY key, WINDOW 100 EVENTS":                                                                                                                                                   "",
	"CREATE AGGREGATE a AS SELECT count(DISTINCT x) FROM t GROUP BY WINDOW SESSION INTERVAL '90 seconds'":                                                                                                                                 "",
	"CREATE AGGREGATE a AS SELECT quantile(x, 0.25), top_k(x, 3), approx_distinct(y), first(x), last(x), any_value(x), stddev_pop(x) FROM t":                                                                                              "",
	"CREATE AGGREGATE a AS SELECT time_avg(x), integral(x, INTERVAL '90 seconds'), time_in_state(s), live_time(INTERVAL '1 minute'), dead_time(INTERVAL '1 minute'), time_avg_linear(x), increase(n), rate(n) FROM t GROUP BY WINDOW day": "",
	"CREATE AGGREGATE a AS SELECT count(*) FILTER (WHERE x > 1) AS n, sum(x) FILTER (WHERE y) AS s FROM t":                                                                                                                                "CREATE AGGREGATE a AS SELECT count(CASE WHEN x > 1 THEN TRUE END) AS n, sum(CASE WHEN y THEN x END) AS s FROM t",
	"CREATE AGGREGATE a AS SELECT count(*) FROM t WHERE x > 1 AND y <= 2.5 AND NOT z = 'a' AND key IN ('a', 'b') AND v BETWEEN 1 AND 2":                                                                                                   "CREATE AGGREGATE a AS SELECT count(*) FROM t WHERE x > 1 AND y <= 2.5 AND z <> 'a' AND key IN ('a', 'b') AND v BETWEEN 1 AND 2",
	"CREATE AGGREGATE a AS SELECT count(*) FROM t WHERE x LIKE 'a!%!!%' ESCAPE '!' OR x LIKE 'b%' OR y IS NOT NULL OR type < 'x' OR version >= 3":                                                                                         "",
	"CREATE AGGREGATE a AS SELECT count(*) FROM t WHERE kind IN ('change') AND time >= TIME '2024-03-01T00:00:00Z' AND b = x'00ff' AND ok = TRUE":                                                                                         "",
	"CREATE AGGREGATE a AS SELECT count(*) FROM t WHERE x > '2024-03-01' AND y IN ('b', '2024-03-01', '2024-03-02') AND x <> '2024-03-01' AND x IS DISTINCT FROM '2024-03-01'":                                                            "",
	"CREATE AGGREGATE a AS SELECT count(*) FROM t WHERE x BETWEEN '2024-03-01' AND '2024-03-02' OR x = NULL OR TRUE":                                                                                                                      "",
	"CREATE AGGREGATE a AS SELECT count(*) FROM t WHERE x IS DISTINCT FROM 3":                                                                                                                                                             "",
	"CREATE AGGREGATE a AS SELECT count(*) FROM t WATERMARK BY sensor BOUND INTERVAL '5 minutes' SKEW INTERVAL '1 second' IDLE INTERVAL '1 hour' DELAY INTERVAL '1 day' GRACE INTERVAL '10 minutes' KEEP INTERVAL '365 days'":             "",
	"create aggregate a as select count(*) from t keep interval '365 days' grace interval '0 seconds' watermark delay interval '1 day' by lower(key)":                                                                                     "CREATE AGGREGATE a AS SELECT count(*) FROM t WATERMARK BY lower(key) DELAY INTERVAL '1 day' KEEP INTERVAL '365 days'",
}

// TestDescribe_Again: what is created is described as what creates the same.
func TestDescribe_Again(t *testing.T) {
	for text, want := range described {
		if want == "" {
			want = text
		}
		q, err := Parse(text)
		if err != nil {
			t.Error(err)
			continue
		}
		d, err := q.Aggregate(nil)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := Describe(d); got != want {
			t.Errorf("%s\nis described as\n%s\nwant\n%s", text, got, want)
		}
		stored, err := aggregate.DecodeDefinition(d.AppendBinary(nil))
		if err != nil {
			t.Fatal(err)
		}
		if got := Describe(stored); got != want {
			t.Errorf("%s\nread back is described as\n%s", text, got)
		}
	}
}

// TestQuery_AggregateMarks: each word sets what it says.
func TestQuery_AggregateMarks(t *testing.T) {
	q, err := Parse("CREATE AGGREGATE a AS SELECT count(*) FROM t KEEP INTERVAL '6 days' GRACE INTERVAL '5 hours' " +
		"WATERMARK DELAY INTERVAL '4 minutes' IDLE INTERVAL '3 seconds' SKEW INTERVAL '2 milliseconds' BOUND INTERVAL '1 microsecond' BY key")
	if err != nil {
		t.Fatal(err)
	}
	d, err := q.Aggregate(nil)
	marks := aggregate.Marks{Source: aggregate.Key(), Bound: time.Microsecond, Skew: 2 * time.Millisecond, Idle: 3 * time.Second, MaxDelay: 4 * time.Minute}
	if err != nil || d.Watermark != marks || d.Grace != 5*time.Hour || d.Keep != 6*24*time.Hour {
		t.Errorf("got %s, %v", d, err)
	}
}

// TestDescribe_NoWords: what the language cannot say is described for a person, whole.
func TestDescribe_NoWords(t *testing.T) {
	count := []aggregate.Measure{{Name: "n", Function: aggregate.Count{Rows: true}}}
	own := []aggregate.Measure{{Name: "n", Function: aggregate.Custom{Name: "mine"}}}
	for _, c := range []struct {
		d    aggregate.Definition
		want string
	}{
		{aggregate.Definition{Name: "a", Stream: "t", Measures: own, Keep: time.Hour}, "a: mine as n of t over global keep 1h0m0s"},
		{aggregate.Definition{Name: "a", Stream: "t", Measures: count, Where: index.Same{Column: "x", Value: index.Int64Of(1)}}, "a: count(*) as n of t where x is 1 over global"},
		{aggregate.Definition{Name: "a", Stream: "t", Measures: count, Window: aggregate.Hopping{Size: time.Hour, Slide: time.Minute, Offset: time.Second}},
			"a: count(*) as n of t over hopping(1h0m0s, 1m0s, 1s)"},
		{aggregate.Definition{Name: "a", Stream: "t", Measures: count, Window: aggregate.Calendar{Origin: aggregate.Date{Year: 2024, Month: 3, Day: 5}}},
			"a: count(*) as n of t over calendar(1 day, UTC, 2024-03-05)"},
		{aggregate.Definition{Name: "a", Stream: "t", Measures: count, Grace: time.Second,
			Where:     index.Range{Column: segment.ColumnKey, Lo: index.Bound{Value: index.StringOf("a"), Open: true}, Hi: index.Bound{Value: index.StringOf("b")}},
			Watermark: aggregate.Marks{Source: aggregate.Field("sensor"), Bound: time.Minute, Skew: time.Second, Idle: time.Hour, MaxDelay: 24 * time.Hour}},
			"over global watermark by sensor bound 1m0s skew 1s idle 1h0m0s delay 24h0m0s grace 1s"},
	} {
		if got := Describe(c.d); !strings.HasSuffix(got, c.want) {
			t.Errorf("described as %s, want %s", got, c.want)
		}
	}
}
