package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
)

// TestAggregate_ListedAgain: a definition is listed as what can be entered again, in another database too.
func TestAggregate_ListedAgain(t *testing.T) {
	t.Chdir(t.TempDir())
	const want = "CREATE AGGREGATE \"per key\" AS SELECT key, count(*) AS n FROM s WHERE x > 1 GROUP BY key, WINDOW day IN 'Asia/Tokyo' " +
		"WATERMARK BY key BOUND INTERVAL '36 hours' GRACE INTERVAL '6 hours' KEEP INTERVAL '3650 days'"
	_, text, _ := strings.Cut(want, " AS ")
	listed := func(db string) string {
		t.Helper()
		var row struct{ Definition string }
		if err := json.Unmarshal([]byte(mustRun(t, "", "aggregate", db, "list", "--format", "json")), &row); err != nil {
			t.Fatal(err)
		}
		return row.Definition
	}
	for _, db := range []string{"db", "other"} {
		mustRun(t, lines(10), "import", db, "-", "--stream", "s")
	}
	mustRun(t, "", "aggregate", "db", "create", "per key", text)
	mustRun(t, "", "query", "other", listed("db"))
	for _, db := range []string{"db", "other"} {
		if got := listed(db); got != want {
			t.Errorf("%s: listed is %s", db, got)
		}
	}
}

// TestAggregate_Watch: the list tells of it; of a watch, what there is comes first, then it goes on until it is ended.
func TestAggregate_Watch(t *testing.T) {
	t.Chdir(t.TempDir())
	mustRun(t, lines(10), "import", "db", "-", "--stream", "s", "--id", "id", "--batch", "batch")
	mustRun(t, "", "aggregate", "db", "create", "total", "SELECT key, count(*) AS n, sum(x) AS x FROM s GROUP BY key")
	status, list, errText := annals("", "aggregate", "db", "list", "--format", "json")
	if status != statusFound || errText != "" || !strings.Contains(list, `"definition":"CREATE AGGREGATE total AS SELECT key, count(*) AS n, sum(x) AS x FROM s GROUP BY key"`) {
		t.Fatalf("status %d, %s%s", status, list, errText)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var errOut bytes.Buffer
	out := &following{want: 5, stop: cancel}
	if status := run(ctx, []string{"aggregate", "db", "watch", "total"}, nil, out, &errOut); status != statusFound || errOut.Len() > 0 {
		t.Errorf("status %d, %s", status, errOut.String())
	}
	if got := out.buf.String(); !strings.Contains(got, "  k4  ") {
		t.Errorf("k4 is not in\n%s", got)
	}
}
