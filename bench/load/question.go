package load

import (
	"fmt"
	"slices"
	"strings"
)

// Match is a condition on events: those of a type and a status or, unless Part is
// "", those whose keys have Part in them.
type Match struct {
	Type, Status string
	Part         string
}

// TotalMatching reckons the total of those of the first n events that match.
func (l *Load) TotalMatching(n int, m Match) Total {
	has := make([]bool, len(l.Keys))
	for k, key := range l.Keys {
		has[k] = strings.Contains(key, m.Part)
	}
	var s sum
	for i := range n {
		r := l.Content(i % NumContents)
		if m.Part != "" && has[l.draw(i)] || m.Part == "" && r.Type == m.Type && r.Status == m.Status {
			s.add(r.Value)
		}
	}
	return s.total()
}

// CheckByKey holds the totals of keys that run visits, in any order, against those
// of the first n events.
func (l *Load) CheckByKey(n int, run func(visit func(key string, t Total)) error) (keys int, err error) {
	sums, place := make([]sum, len(l.Keys)), l.places()
	for i := range n {
		sums[l.draw(i)].add(l.Content(i % NumContents).Value)
	}
	var wrong error
	err = run(func(key string, t Total) {
		k, known := place[key]
		if wrong != nil {
			return
		}
		if !known || sums[k].count == 0 {
			wrong = fmt.Errorf("total of key %s: is there once too often", key)
			return
		}
		if wrong = sums[k].total().Check(t); wrong != nil {
			wrong = fmt.Errorf("key %s: %w", key, wrong)
		}
		sums[k], keys = sum{}, keys+1
	})
	if err == nil {
		err = wrong
	}
	for k := range sums {
		if err == nil && sums[k].count > 0 {
			err = fmt.Errorf("total of key %s is not there", l.Keys[k])
		}
	}
	return keys, err
}

// Top keeps those events of all that it is given that have the greatest values, of
// equal ones the later.
type Top struct {
	most int
	rows []topRow // greatest first
}

type topRow struct {
	key string
	r   Reading
}

// NewTop keeps n events.
func NewTop(n int) *Top { return &Top{most: n} }

// Wants reports whether an event is one of them so far.
func (t *Top) Wants(value float64, nanos int64) bool {
	if len(t.rows) < t.most {
		return true
	}
	last := &t.rows[len(t.rows)-1].r
	return value > last.Value || value == last.Value && nanos > last.Nanos
}

// Add takes in an event that is wanted.
func (t *Top) Add(key string, r Reading) {
	if len(t.rows) == t.most {
		t.rows = t.rows[:len(t.rows)-1]
	}
	at := slices.IndexFunc(t.rows, func(o topRow) bool {
		return r.Value > o.r.Value || r.Value == o.r.Value && r.Nanos > o.r.Nanos
	})
	if at < 0 {
		at = len(t.rows)
	}
	t.rows = slices.Insert(t.rows, at, topRow{key, r})
}

// Visit visits them, greatest first.
func (t *Top) Visit(visit func(key string, r Reading)) {
	for i := range t.rows {
		visit(t.rows[i].key, t.rows[i].r)
	}
}

// CheckTop holds the most events with the greatest values of the first n against
// what run visits, in any order.
func (l *Load) CheckTop(n, most int, run func(visit func(key string, r Reading)) error) error {
	want, got := NewTop(most), NewTop(most)
	for i := range n {
		if want.Wants(l.Content(i%NumContents).Value, l.Nanos(i)) {
			want.Add(l.Key(i), l.Reading(i))
		}
	}
	found := 0
	err := run(func(key string, r Reading) {
		if found++; got.Wants(r.Value, r.Nanos) {
			got.Add(key, r)
		}
	})
	switch {
	case err != nil:
		return err
	case found != len(want.rows):
		return fmt.Errorf("there are %d events with the greatest values, want %d", found, len(want.rows))
	}
	for i := range want.rows {
		if got.rows[i] != want.rows[i] {
			return fmt.Errorf("event %d by value is %+v of %s, want %+v of %s", i, got.rows[i].r, got.rows[i].key, want.rows[i].r, want.rows[i].key)
		}
	}
	return nil
}
