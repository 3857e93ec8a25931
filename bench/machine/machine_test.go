package machine

import (
	"strings"
	"testing"
	"time"
)

func TestLimits_Measure(t *testing.T) {
	for _, l := range Limits {
		rate, err := l.Measure(t.TempDir(), time.Millisecond)
		if err != nil || rate <= 0 {
			t.Errorf("limit %s is %g %s: %v", l.Name, rate, l.Unit, err)
		}
		if found, err := LimitOf(l.Name); err != nil || found.What != l.What {
			t.Errorf("limit %s is found as %q: %v", l.Name, found.What, err)
		}
	}
	if _, err := LimitOf("luck"); err == nil || !strings.Contains(err.Error(), "luck") {
		t.Errorf("limit of another name: %v", err)
	}
}

func TestDescribe_SaysWhatThereIs(t *testing.T) {
	d := Describe(t.TempDir())
	if d.CPUs < 1 || d.CPU == "" || d.Go == "" || d.Date == "" || d.Revision == "" {
		t.Errorf("description is %+v", d)
	}
}
