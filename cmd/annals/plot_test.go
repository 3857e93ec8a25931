package main

import (
	"strings"
	"testing"
	"time"
)

func TestMonthly_Plot(t *testing.T) {
	var m monthly
	for year := 2003; year <= 2012; year++ { // added out of order
		for range 8 * (year - 2002) {
			m.add(time.Date(4015-year, 6, 1, 0, 0, 0, 0, time.UTC))
		}
	}
	if n, month := m.peak(); n != 80 || month != "2003-06" {
		t.Errorf("peak: got %d in %s", n, month)
	}
	got := strings.Join(m.plot(screen{}, 17, 2), "\n")
	want := strings.Join([]string{
		// 80 in the seven months of 2003 that there are, 72 in 2004, and so on.
		"   11 ┤█",
		"    5 ┤██▇▇▆▅▄▃▂▂",
		"      └──┬2005───",
	}, "\n")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestMonthly_Columns(t *testing.T) {
	var m monthly
	m.add(time.Date(1999, 12, 29, 0, 0, 0, 0, time.UTC))
	m.add(time.Date(2026, 8, 22, 0, 0, 0, 0, time.UTC))
	for width, want := range map[int]int{400: 332, 332: 332, 331: 166, 93: 83, 60: 56, 30: 28, 5: 28} {
		if got := len(m.columns(width)); got != want {
			t.Errorf("width %d: got %d columns, want %d", width, got, want)
		}
	}
	if got := (&monthly{}).plot(screen{}, 40, 2); len(got) != 3 {
		t.Errorf("no data: got %q", got)
	}
}
