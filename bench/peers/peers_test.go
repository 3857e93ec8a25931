package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/side"
)

// numEvents are those of the tests.
const numEvents = 3000

// newLoad has some keys, of which the first is in every fourth event.
func newLoad(t *testing.T, step time.Duration) *load.Load {
	t.Helper()
	l, err := load.New(load.Spec{NumKeys: 300, Skew: load.Skew, Step: step})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// eachPeer runs f for every peer that there is.
func eachPeer(t *testing.T, f func(t *testing.T, m side.Maker)) {
	for _, m := range makers {
		t.Run(m.Name, func(t *testing.T) { f(t, m) })
	}
}

func open(t *testing.T, m side.Maker, dir string, o side.Options) side.Side {
	t.Helper()
	s, err := m.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func shut(t *testing.T, s side.Side) {
	t.Helper()
	if _, err := s.Settle(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// put puts events from to to-1 in batches.
func put(s side.Side, from, to, size int) error {
	for ; from < to; from += size {
		if err := s.Put(from, min(from+size, to)); err != nil {
			return fmt.Errorf("put from event %d on: %w", from, err)
		}
	}
	return nil
}

// Everything that a peer has a method for is right: while it is written to, by
// one or by many, and when it was closed and opened again.
func TestPeer_Answers(t *testing.T) {
	eachPeer(t, func(t *testing.T, m side.Maker) {
		for _, p := range []struct {
			name string
			side.Options
		}{
			{"ingest", side.Options{Purpose: side.Ingest}},
			{"writers", side.Options{Purpose: side.Ingest, Writers: 16}},
			{"minutes", side.Options{Purpose: side.Ingest, Minutes: true}},
			{"bulk", side.Options{Purpose: side.Bulk}},
		} {
			// Of several days, of several events a minute, or as close to each
			// other in time as those who write them at the same time.
			step := time.Minute
			if p.Writers > 0 {
				step = time.Millisecond
			}
			if p.Minutes {
				if _, ok := m.Kind.(side.Minutes); !ok {
					continue
				}
				step = time.Second
			}
			p.Load = newLoad(t, step)
			t.Run(p.name, func(t *testing.T) { answers(t, m, p.Options) })
		}
	})
}

func answers(t *testing.T, m side.Maker, o side.Options) {
	dir := t.TempDir()
	s := open(t, m, dir, o)
	if err := put(s, 0, numEvents/2, 100); err != nil {
		t.Fatal(err)
	}
	check(t, s, o, numEvents/2)
	shut(t, s)

	s = open(t, m, dir, o)
	putTogether(t, s, numEvents/2, numEvents, max(1, o.Writers))
	check(t, s, o, numEvents)
	if c, ok := s.(side.Compact); ok {
		if err := c.Compact(); err != nil {
			t.Error(err)
		}
	}
	shut(t, s)

	o.Purpose, o.Writers = side.Ask, 0
	s = open(t, m, dir, o)
	check(t, s, o, numEvents)
	shut(t, s)
}

// putTogether puts the events from several goroutines: some one by one, the rest
// in tens.
func putTogether(t *testing.T, s side.Side, from, to, writers int) {
	t.Helper()
	var all sync.WaitGroup
	var next atomic.Int64
	next.Store(int64(from))
	for range writers {
		all.Go(func() {
			for n := 0; ; n++ {
				size := 1
				if n >= 50 {
					size = 10
				}
				first := int(next.Add(int64(size))) - size
				if first >= to {
					return
				}
				if err := s.Put(first, min(first+size, to)); err != nil {
					t.Errorf("put from event %d on: %v", first, err)
					return
				}
			}
		})
	}
	all.Wait()
}

// check asks s all that it can answer, of the first n events.
func check(t *testing.T, s side.Side, o side.Options, n int) {
	t.Helper()
	l := o.Load
	report := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s, of %d events: %v", what, n, err)
		}
	}
	if s, ok := s.(side.Count); ok {
		got, err := s.Count()
		if err == nil && got != n {
			err = fmt.Errorf("%d", got)
		}
		report("count", err)
	}
	if s, ok := s.(side.Replay); ok {
		report("replay", l.CheckReplay(n, s.Replay))
	}
	if s, ok := s.(side.Latest); ok {
		report("latest", l.CheckLatest(n, s.Latest))
	}
	if s, ok := s.(side.AsOf); ok {
		report("as of", l.CheckAsOf(n, s.AsOf))
	}
	if s, ok := s.(side.States); ok {
		for _, at := range []int64{l.Nanos(0), l.Nanos(n / 3), l.End(n)} {
			_, err := l.CheckStates(n, at, func(visit func(string, load.Reading)) error { return s.States(at, visit) })
			report("states", err)
		}
	}
	if s, ok := s.(side.History); ok {
		for _, k := range []int{0, 7, len(l.Keys) - 1} {
			report("history", l.CheckHistory(n, k, func(visit func(load.Reading)) error { return s.History(l.Keys[k], visit) }))
		}
	}
	if s, ok := s.(side.Daily); ok {
		report("daily", load.CheckTotals(l.Totals(n, load.Day, nil),
			func(visit func(load.Window, load.Total)) error { return s.Daily(nil, visit) }))
		places, keys := l.Some(), []string(nil)
		for _, k := range places {
			keys = append(keys, l.Keys[k])
		}
		report("daily of some", load.CheckTotals(l.Totals(n, load.Day, places),
			func(visit func(load.Window, load.Total)) error { return s.Daily(keys, visit) }))
	}
	if o.Minutes {
		s := s.(side.Minutes)
		report("minutes", load.CheckTotals(l.Totals(n, load.Minute, nil), s.Minutes))
	}
	if s, ok := s.(side.Range); ok {
		from, to := l.Nanos(n/5)+1, l.Nanos(n*4/5)
		got, err := s.Range(from, to)
		if err == nil {
			err = l.TotalOf(n, from, to).Check(got)
		}
		report("range", err)
	}
	checkQuestions(t, s, l, n, report)
}

// checkQuestions asks what goes over all events.
func checkQuestions(t *testing.T, s side.Side, l *load.Load, n int, report func(what string, err error)) {
	t.Helper()
	if s, ok := s.(side.Top); ok {
		report("top", l.CheckTop(n, 10, func(visit func(string, load.Reading)) error { return s.Top(10, visit) }))
	}
	if s, ok := s.(side.ByKey); ok {
		_, err := l.CheckByKey(n, s.ByKey)
		report("by key", err)
	}
	if s, ok := s.(side.Matching); ok {
		for _, m := range []load.Match{{Type: "alarm", Status: "degraded"}, {Part: "17"}} {
			got, err := s.Matching(m)
			if err == nil {
				err = l.TotalMatching(n, m).Check(got)
			}
			report(fmt.Sprintf("%+v", m), err)
		}
	}
}
