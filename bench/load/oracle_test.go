package load

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// oracleEvents are so many that keys have several events, some late.
const oracleEvents = 20_000

// answers is the oracle's opposite: a plain list of all events in the order of time.
type answers struct {
	load   *Load
	events []int
}

func newAnswers(t *testing.T) (*Load, answers) {
	l := newTest(t, "zipf-300")
	a := answers{load: l}
	for i := range oracleEvents {
		a.events = append(a.events, i)
	}
	slices.SortFunc(a.events, func(x, y int) int { return int(l.Nanos(x) - l.Nanos(y)) })
	return l, a
}

func (a answers) asOf(key string, nanos int64) (r Reading, ok bool, err error) {
	for _, i := range a.events {
		if a.load.Nanos(i) <= nanos && a.load.Key(i) == key {
			r, ok = a.load.Reading(i), true
		}
	}
	return r, ok, nil
}

func (a answers) states(nanos int64, visit func(string, Reading)) error {
	for _, key := range a.load.Keys {
		if r, ok, _ := a.asOf(key, nanos); ok {
			visit(key, r)
		}
	}
	return nil
}

func (a answers) history(key string, visit func(Reading)) error {
	for _, i := range a.events {
		if a.load.Key(i) == key {
			visit(a.load.Reading(i))
		}
	}
	return nil
}

func (a answers) totals(size int64, visit func(Window, Total)) error {
	all := map[Window]*Total{}
	for _, i := range a.events {
		r := a.load.Reading(i)
		w := Window{r.Type, r.Nanos / size * size}
		if all[w] == nil {
			all[w] = new(Total)
		}
		all[w].Add(r.Value)
	}
	for w, t := range all {
		visit(w, *t)
	}
	return nil
}

// checks are all that the oracle does with what a program answers, to whose
// readings, totals and visits a test can do something.
func checks(l *Load, a answers, reading func(Reading) Reading, total func(Total) Total) map[string]error {
	n := oracleEvents
	_, states := l.CheckStates(n, l.End(n/2), func(visit func(string, Reading)) error {
		return a.states(l.End(n/2), func(key string, r Reading) { visit(key, reading(r)) })
	})
	rnd := rand.New(rand.NewPCG(1, 1))
	from := l.Moment(n, rnd)
	var sum Total
	for _, i := range a.events {
		if at := l.Nanos(i); at >= from && at < from+Minute/10 {
			sum.Add(l.Reading(i).Value)
		}
	}
	return map[string]error{
		"latest": l.CheckLatest(n, func(key string) (Reading, bool, error) {
			r, ok, err := a.asOf(key, l.End(n))
			return reading(r), ok, err
		}),
		"as of": l.CheckAsOf(n, func(key string, nanos int64) (Reading, bool, error) {
			r, ok, err := a.asOf(key, nanos)
			return reading(r), ok, err
		}),
		"states": states,
		"history": l.CheckHistory(n, 0, func(visit func(Reading)) error {
			return a.history(l.Keys[0], func(r Reading) { visit(reading(r)) })
		}),
		"replay": l.CheckReplay(n, func(visit func(string, Reading)) error {
			for _, i := range a.events {
				visit(l.Key(i), reading(l.Reading(i)))
			}
			return nil
		}),
		"totals": CheckTotals(l.Totals(n, Minute, nil), func(visit func(Window, Total)) error {
			return a.totals(Minute, func(w Window, t Total) { visit(w, total(t)) })
		}),
		"range": l.TotalOf(n, from, from+Minute/10).Check(total(sum)),
	}
}

func TestOracle_AgreesWithAPlainList(t *testing.T) {
	l, a := newAnswers(t)
	same := checks(l, a, func(r Reading) Reading { return r }, func(t Total) Total { return t })
	for name, err := range same {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOracle_NoticesEachPart(t *testing.T) {
	l, a := newAnswers(t)
	changes := []struct {
		name    string
		reading func(Reading) Reading
		total   func(Total) Total
	}{
		{"time, count", func(r Reading) Reading { r.Nanos++; return r }, func(t Total) Total { t.Count++; return t }},
		{"value, sum", func(r Reading) Reading { r.Value += 0.01; return r }, func(t Total) Total { t.Sum += 0.01; return t }},
		{"type, maximum", func(r Reading) Reading { r.Type += "x"; return r }, func(t Total) Total { t.Max -= 0.01; return t }},
		{"status", func(r Reading) Reading { r.Status = ""; return r }, func(Total) Total { return Total{} }},
		{"voltage", func(r Reading) Reading { r.Voltage = -r.Voltage - 1; return r }, func(t Total) Total { t.Sum *= 1.000001; return t }},
		{"number", func(r Reading) Reading { r.Count++; return r }, func(t Total) Total { t.Count--; return t }},
	}
	for _, change := range changes {
		for name, err := range checks(l, a, change.reading, change.total) {
			if err == nil {
				t.Errorf("%s of another %s is taken for right", name, change.name)
			}
		}
	}
}

func TestOracle_NoticesWhatIsMissingOrTooMuch(t *testing.T) {
	l, a := newAnswers(t)
	short := a
	short.events = slices.Clone(a.events[:len(a.events)-1])
	history := func(a answers, again int) func(func(Reading)) error {
		return func(visit func(Reading)) error {
			for range again {
				if err := a.history(l.Key(a.events[0]), visit); err != nil {
					return err
				}
			}
			return nil
		}
	}
	place := l.Place(a.events[0])
	missing := answers{l, a.events[1:]}
	for name, err := range map[string]error{
		"history without its first event": l.CheckHistory(oracleEvents, place, func(visit func(Reading)) error {
			return missing.history(l.Keys[place], visit)
		}),
		"history twice": l.CheckHistory(oracleEvents, place, history(a, 2)),
		"no history":    l.CheckHistory(oracleEvents, place, history(a, 0)),
		"replay without its last event": l.CheckReplay(oracleEvents, func(visit func(string, Reading)) error {
			for _, i := range short.events {
				visit(l.Key(i), l.Reading(i))
			}
			return nil
		}),
		"no totals": CheckTotals(l.Totals(oracleEvents, Minute, nil), func(func(Window, Total)) error { return nil }),
		"totals twice": CheckTotals(l.Totals(oracleEvents, Minute, nil), func(visit func(Window, Total)) error {
			return errors.Join(a.totals(Minute, visit), a.totals(Minute, visit))
		}),
		"no latest state": l.CheckLatest(oracleEvents, func(string) (Reading, bool, error) { return Reading{}, false, nil }),
		"states of keys that there are not": func() error {
			_, err := l.CheckStates(oracleEvents, l.End(oracleEvents), func(visit func(string, Reading)) error {
				visit("nobody", Reading{})
				return nil
			})
			return err
		}(),
	} {
		if err == nil {
			t.Errorf("%s is taken for right", name)
		}
	}
	failure := errors.New("disk on fire")
	if _, err := l.CheckStates(10, 0, func(func(string, Reading)) error { return failure }); !errors.Is(err, failure) {
		t.Errorf("a side's own error becomes %v", err)
	}
}

func TestLoad_HistoryBackwardsIsRight(t *testing.T) {
	l, a := newAnswers(t)
	slices.Reverse(a.events)
	if err := l.CheckHistory(oracleEvents, 0, func(visit func(Reading)) error { return a.history(l.Keys[0], visit) }); err != nil {
		t.Error(err)
	}
}

func TestLoad_TotalsOfSome(t *testing.T) {
	l, _ := newAnswers(t)
	some := l.Some()
	if len(some) != 3 || slices.Contains(some, 0) {
		t.Fatalf("one key in a hundred of 300 are %v", some)
	}
	count := int64(0)
	for _, total := range l.Totals(oracleEvents, Day, some) {
		count += total.Count
	}
	want := int64(0)
	for i := range oracleEvents {
		if slices.Contains(some, l.Place(i)) {
			want++
		}
	}
	if count != want || want == 0 {
		t.Errorf("totals of some keys count %d events, want %d", count, want)
	}
}

func TestTotal_CheckSaysBoth(t *testing.T) {
	err := Total{Count: 2, Sum: 3, Max: 2}.Check(Total{Count: 2, Sum: 4, Max: 2})
	if err == nil || !strings.Contains(err.Error(), "Sum:4") || !strings.Contains(err.Error(), "Sum:3") {
		t.Errorf("error is %v", err)
	}
}
