package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

// TestAggregate_Watch: the list tells of it; of a watch, what there is comes first, then it goes on until it is ended.
func TestAggregate_Watch(t *testing.T) {
	t.Chdir(t.TempDir())
	mustRun(t, lines(10), "import", "db", "-", "--stream", "s", "--id", "id", "--batch", "batch")
	mustRun(t, "", "aggregate", "db", "create", "total", "SELECT key, count(*) AS n, sum(x) AS x FROM s GROUP BY key")
	status, list, errText := annals("", "aggregate", "db", "list", "--format", "json")
	if status != statusFound || errText != "" || !strings.Contains(list, `"definition":"total: count(*) as n, sum(x) as x of s by $key`) {
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
