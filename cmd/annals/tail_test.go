package main

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
)

// following is a buffer that ends a tail when enough lines have come.
type following struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	want int
	stop context.CancelFunc
}

func (f *following) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.buf.Write(p)
	if strings.Count(f.buf.String(), "\n") == f.want {
		f.stop()
	}
	return len(p), nil
}

func TestTail_Formats(t *testing.T) {
	t.Chdir(t.TempDir())
	mustRun(t, lines(10), "import", "db", "-", "--stream", "s", "--id", "id", "--batch", "batch")
	for _, c := range []struct {
		format string
		lines  int
		want   []string
	}{
		{"json", 6, []string{`"key":"k4","type":"","id":"i4"`, `"fields":{"x":9}}`}},
		{"csv", 7, []string{"kind,id,retracts,same,fields\n", `,change,i9,,,"{""x"":9}"`}},
		{"table", 7, []string{"seq", "x=9\n"}},
	} {
		ctx, cancel := context.WithCancel(context.Background())
		var errOut bytes.Buffer
		out := &following{want: c.lines, stop: cancel}
		status := run(ctx, []string{"tail", "db", "s", "--from", "5", "--format", c.format}, nil, out, &errOut)
		cancel()
		if status != statusFound || errOut.Len() > 0 {
			t.Errorf("%s: status %d, %s", c.format, status, errOut.String())
		}
		got := out.buf.String()
		if strings.Count(got, "\n") != c.lines {
			t.Errorf("%s: got %d lines, want %d", c.format, strings.Count(got, "\n"), c.lines)
		}
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q is not in\n%s", c.format, want, got)
			}
		}
	}
}
