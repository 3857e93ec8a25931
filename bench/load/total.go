package load

import (
	"fmt"
	"math"
)

// Total is the aggregate of some events' values. The average is Sum / Count.
type Total struct {
	Count    int64
	Sum, Max float64
}

// Add adds the value of an event; none is negative.
func (t *Total) Add(value float64) {
	t.Count++
	t.Sum += value
	t.Max = max(t.Max, value)
}

// Merge adds the events of another total.
func (t *Total) Merge(o Total) {
	t.Count += o.Count
	t.Sum += o.Sum
	t.Max = max(t.Max, o.Max)
}

// Sizes of windows by time, in ns.
const (
	Minute = 60e9
	Day    = 86400e9
)

// Window is a group of events: those of a type with times from Start on, which is
// in ns since 1970 UTC and a multiple of the window's size.
type Window struct {
	Type  string
	Start int64
}

// Totals reckons the totals of the first n events by type and by windows of a
// size in ns: of all keys, or with places of those alone.
func (l *Load) Totals(n int, size int64, places []int) map[Window]Total {
	only := make([]bool, len(l.Keys))
	for _, k := range places {
		only[k] = true
	}
	sums := map[Window]*sum{}
	for i := range n {
		if places != nil && !only[l.draw(i)] {
			continue
		}
		r := l.Reading(i)
		w := Window{r.Type, r.Nanos - floorMod(r.Nanos, size)}
		if sums[w] == nil {
			sums[w] = new(sum)
		}
		sums[w].add(r.Value)
	}
	totals := make(map[Window]Total, len(sums))
	for w, s := range sums {
		totals[w] = s.total()
	}
	return totals
}

// TotalOf reckons the total of those of the first n events whose time is in [from, to).
func (l *Load) TotalOf(n int, from, to int64) Total {
	var s sum
	for i := range n {
		if at := l.Nanos(i); at >= from && at < to {
			s.add(l.contents[i%NumContents].reading.Value)
		}
	}
	return s.total()
}

// sum adds values up in whole hundredths, which all of them are, so exactly.
type sum struct {
	count, hundredths int64
	max               float64
}

func (s *sum) add(v float64) {
	s.count++
	s.hundredths += int64(math.Round(v * 100))
	s.max = max(s.max, v)
}

func (s *sum) total() Total { return Total{s.count, float64(s.hundredths) / 100, s.max} }

func floorMod(a, b int64) int64 { return ((a % b) + b) % b }

// tolerance is the relative error that a sum may have: a side may add floats up in
// any order, and a hundred million roundings stay below this.
const tolerance = 1e-9

// Check says what is wrong with got where t is right; nil if nothing is. Counts and
// maxima must be equal, sums nearly.
func (t Total) Check(got Total) error {
	if got.Count != t.Count || got.Max != t.Max || !(math.Abs(got.Sum-t.Sum) <= tolerance*math.Abs(t.Sum)) {
		return fmt.Errorf("total is %+v, want %+v", got, t)
	}
	return nil
}

// CheckTotals holds the totals that run visits, in any order, against want.
func CheckTotals(want map[Window]Total, run func(visit func(w Window, t Total)) error) error {
	seen := make(map[Window]bool, len(want))
	var wrong error
	err := run(func(w Window, t Total) {
		right, ok := want[w]
		switch {
		case wrong != nil:
		case !ok || seen[w]:
			wrong = fmt.Errorf("%s at %s: is there once too often", w.Type, at(w.Start))
		default:
			if wrong = right.Check(t); wrong != nil {
				wrong = fmt.Errorf("%s at %s: %w", w.Type, at(w.Start), wrong)
			}
		}
		seen[w] = true
	})
	if err == nil {
		err = wrong
	}
	if err == nil && len(seen) != len(want) {
		err = fmt.Errorf("there are %d windows, want %d", len(seen), len(want))
	}
	return err
}
