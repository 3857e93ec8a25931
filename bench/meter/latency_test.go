package meter

import (
	"testing"
	"time"
)

func TestLatencies_Quantile(t *testing.T) {
	var l Latencies
	for i := range 1000 {
		l.Add(time.Duration(i+1) * time.Microsecond)
	}
	for q, want := range map[float64]float64{0: 1e3, 0.5: 501e3, 0.99: 991e3} {
		if got := l.Quantile(q); got > want || got < want*0.96 {
			t.Errorf("quantile %g is %g, want %g or up to 4 %% less", q, got, want)
		}
	}
	if l.Max != time.Millisecond || l.Total() != 1000 {
		t.Errorf("max is %s of %d", l.Max, l.Total())
	}
}

func TestSleepUntil_NeverEarly(t *testing.T) {
	for _, d := range []time.Duration{-time.Second, 0, time.Microsecond, 3 * time.Millisecond} {
		at := time.Now().Add(d)
		if SleepUntil(at); time.Now().Before(at) {
			t.Errorf("it slept less than %s", d)
		}
	}
}
