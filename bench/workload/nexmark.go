package workload

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/annalsdb/annals/bench/meter"
	"github.com/annalsdb/annals/bench/nexmark"
	"github.com/annalsdb/annals/bench/side"
)

// runNexmark puts the events of NEXMark in durable batches, and asks its queries once
// all are there: on one core, then on all. Then it puts them again and again, into a
// database that keeps one query up to date meanwhile, and into one that keeps all. The
// events are made while they are put, and that counts.
func runNexmark(j *Job) error {
	c := nexmark.Config{Events: j.Events}
	a := nexmarkJob{Job: j, events: c, want: c.Answers(), cores: runtime.GOMAXPROCS(0)}
	if err := a.anew(a.ask); err != nil {
		return err
	}
	return a.keep()
}

type nexmarkJob struct {
	*Job
	events nexmark.Config
	want   map[string]nexmark.Answer
	cores  int
}

// anew does something with an empty database, which is gone afterwards.
func (a *nexmarkJob) anew(do func(s side.Side) error) error {
	dir := filepath.Join(a.Scratch, "db")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if err := a.with(dir, side.Options{Purpose: side.Ingest}, do); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

func (a *nexmarkJob) putting(n int) { a.progress(n, a.Events) }

// ask puts the events and asks all queries, on one core, then on all.
func (a *nexmarkJob) ask(s side.Side) error {
	before, start := meter.Used(), time.Now()
	if err := s.(side.Nexmark).PutNexmark(a.events, BatchSize, a.putting); err != nil {
		return err
	}
	took := time.Since(start)
	if _, err := s.Settle(); err != nil {
		return err
	}
	put := meter.Used().Since(before).CPU
	one, sumOne, err := a.each(s.(side.Nexmark), 1)
	if err != nil {
		return err
	}
	all, sumAll, err := a.each(s.(side.Nexmark), a.cores)
	if err != nil {
		return err
	}
	n, queries := float64(a.Events), float64(len(nexmark.Queries))
	for i, q := range nexmark.Queries {
		a.result.Queries = append(a.result.Queries, Query{Name: q.Name, One: n / one[i].Seconds(),
			Both: n / (one[i] + put).Seconds(), All: n / all[i].Seconds()})
	}
	a.figure("rate", queries*n/sumOne.Seconds(), "events/s")
	a.figure(fmt.Sprintf("on %d cores", a.cores), queries*n/sumAll.Seconds(), "events/s")
	a.figure("ingest", n/took.Seconds(), "events/s")
	a.figure("CPU an event of the ingest", float64(put)/n, "ns")
	return nil
}

// keep keeps each query alone, then all together, on one core and on all.
func (a *nexmarkJob) keep() error {
	var all []*nexmark.Query
	for i := range nexmark.Queries {
		q := &nexmark.Queries[i]
		all = append(all, q)
		one, more, err := a.kept([]*nexmark.Query{q})
		if err != nil {
			return err
		}
		a.result.Queries[i].Kept, a.result.Queries[i].KeptAll = one, more
	}
	one, more, err := a.kept(all)
	if err != nil {
		return err
	}
	a.figure("all kept up to date, on one core", one, "events/s")
	a.figure(fmt.Sprintf("all kept up to date, on %d", a.cores), more, "events/s")
	return nil
}

// kept is how many events a second are put while queries are kept up to date, on one core
// and on all.
func (a *nexmarkJob) kept(queries []*nexmark.Query) (one, all float64, err error) {
	if one, err = a.keptOn(1, queries); err == nil {
		all, err = a.keptOn(a.cores, queries)
	}
	return one, all, err
}

// keptOn counts up to when all answers have been read, which are checked.
func (a *nexmarkJob) keptOn(cores int, queries []*nexmark.Query) (rate float64, err error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
	err = a.anew(func(s side.Side) error {
		start := time.Now()
		answer, err := s.(side.Nexmark).KeepNexmark(a.events, BatchSize, queries, a.putting)
		if err != nil {
			return err
		}
		for i, q := range queries {
			got, err := answer(i)
			if err == nil {
				err = a.want[q.Name].Check(got)
			}
			if err != nil {
				return fmt.Errorf("%s kept up to date: %w", q.Name, err)
			}
		}
		rate = float64(a.Events) / time.Since(start).Seconds()
		return nil
	})
	return rate, err
}

// each is how long each query takes on so many cores, and their sum: the mean of as many
// runs as there are in a tenth of the time of a measurement, but for one before them. All
// answers are checked.
func (a *nexmarkJob) each(s side.Nexmark, cores int) (took []time.Duration, sum time.Duration, err error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
	for i := range nexmark.Queries {
		q := &nexmark.Queries[i]
		var start time.Time
		runs := 0
		for ; runs < 2 || time.Since(start) < a.Time/10; runs++ {
			if runs == 1 {
				start = time.Now()
			}
			got, err := s.AskNexmark(q)
			if err == nil {
				err = a.want[q.Name].Check(got)
			}
			if err != nil {
				return nil, 0, fmt.Errorf("%s: %w", q.Name, err)
			}
		}
		one := time.Since(start) / time.Duration(runs-1)
		took, sum = append(took, one), sum+one
	}
	return took, sum, nil
}
