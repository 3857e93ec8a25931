package load

import (
	"testing"
	"time"
)

func newTest(t *testing.T, name string) *Load {
	t.Helper()
	s, err := Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	l, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLoad_Zipf(t *testing.T) {
	l, first, rare := newTest(t, "zipf-100k"), 0, 0
	for i := range 1_000_000 {
		switch k := l.Place(i); {
		case k == 0:
			first++
		case k >= 90_000:
			rare++
		}
	}
	if first < 134_000 || first > 136_000 {
		t.Errorf("the first key has %d of a million events, want 134,800", first)
	}
	if rare < 4_200 || rare > 4_800 {
		t.Errorf("the last tenth of the keys has %d of a million events, want 4,500", rare)
	}
}

func TestLoad_NoTimesAreEqual(t *testing.T) {
	for _, step := range []time.Duration{time.Millisecond, 30 * time.Second} {
		l, err := New(Spec{NumKeys: 10, Step: step})
		if err != nil {
			t.Fatal(err)
		}
		const n = 3 * NumContents
		seen, late := make(map[int64]bool, n), 0
		for i := range n {
			at := l.Nanos(i)
			if seen[at] {
				t.Fatalf("step %s: event %d has a time of one before", step, i)
			}
			seen[at] = true
			if at < Start.UnixNano()+int64(i)*int64(step) {
				late++
			}
		}
		if late < n/125 || late > n/80 {
			t.Errorf("step %s: %d of %d events are late, want one in a hundred", step, late, n)
		}
	}
}

func TestSpec_Parse(t *testing.T) {
	for _, name := range []string{"uniform-100k", "zipf-100k", "uniform-1M", "zipf-123"} {
		if s, err := Parse(name); err != nil || s.String() != name {
			t.Errorf("load %q is %s: %v", name, s, err)
		}
	}
	for _, name := range []string{"", "zipf", "zipf-", "zipf-0", "zipf--1", "zipf-2M", "zipf-1G", "normal-5", "zipf-99999999999M"} {
		if s, err := Parse(name); err == nil {
			t.Errorf("load %q is %s, want an error", name, s)
		}
	}
}
