package load

import (
	"cmp"
	"slices"
	"strings"
	"testing"
)

// questionEvents are more than there are contents.
const questionEvents = NumContents + 3000

// all is the first events, each with its key.
func all(l *Load) (rows []topRow) {
	for i := range questionEvents {
		rows = append(rows, topRow{l.Key(i), l.Reading(i)})
	}
	return rows
}

func questionLoad(t *testing.T) *Load {
	t.Helper()
	l, err := New(Spec{NumKeys: 100, Skew: Skew, Step: 1e9})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestCheckTop(t *testing.T) {
	l := questionLoad(t)
	rows := all(l)
	slices.SortFunc(rows, func(a, b topRow) int {
		return cmp.Or(cmp.Compare(b.r.Value, a.r.Value), cmp.Compare(b.r.Nanos, a.r.Nanos))
	})
	rows = rows[:20]
	ask := func(rows []topRow) error {
		return l.CheckTop(questionEvents, 20, func(visit func(string, Reading)) error {
			for _, r := range rows {
				visit(r.key, r.r)
			}
			return nil
		})
	}
	if err := ask(rows); err != nil {
		t.Error(err)
	}
	slices.Reverse(rows)
	if err := ask(rows); err != nil {
		t.Errorf("backwards: %v", err)
	}
	if ask(rows[1:]) == nil || ask(append(rows[1:], rows[1])) == nil {
		t.Error("an event that is missing, or there twice, is not noticed")
	}
	rows[3].r.Voltage++
	if ask(rows) == nil {
		t.Error("another voltage is not noticed")
	}
}

func TestCheckByKey(t *testing.T) {
	l := questionLoad(t)
	sums := map[string]*sum{}
	for _, r := range all(l) {
		if sums[r.key] == nil {
			sums[r.key] = new(sum)
		}
		sums[r.key].add(r.r.Value)
	}
	ask := func(also string, more int64) error {
		keys, err := l.CheckByKey(questionEvents, func(visit func(string, Total)) error {
			for key, s := range sums {
				total := s.total()
				total.Count += more
				visit(key, total)
			}
			if also != "" {
				visit(also, Total{})
			}
			return nil
		})
		if err == nil && keys != len(sums) {
			t.Errorf("%d keys, want %d", keys, len(sums))
		}
		return err
	}
	if err := ask("", 0); err != nil {
		t.Error(err)
	}
	if ask("", 1) == nil || ask("nobody", 0) == nil || ask(l.Key(0), 0) == nil {
		t.Error("another count, an unknown key, or a key twice is not noticed")
	}
	delete(sums, l.Key(0))
	if ask("", 0) == nil {
		t.Error("a missing key is not noticed")
	}
}

func TestTotalMatching(t *testing.T) {
	l := questionLoad(t)
	for _, m := range []Match{{Type: "alarm", Status: "degraded"}, {Part: "7"}, {Part: "-00000"}, {Part: "none"}} {
		var want sum
		for _, r := range all(l) {
			if m.Part != "" && strings.Contains(r.key, m.Part) || m.Part == "" && r.r.Type == m.Type && r.r.Status == m.Status {
				want.add(r.r.Value)
			}
		}
		if err := want.total().Check(l.TotalMatching(questionEvents, m)); err != nil {
			t.Errorf("%+v: %v", m, err)
		}
	}
}
