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

// askNexmark puts the events of NEXMark in durable batches, and asks its queries once
// all are there: on one core, then on all. The events are made while they are put, and
// that counts.
func askNexmark(j *Job) error {
	dir := filepath.Join(j.Scratch, "db")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	c := nexmark.Config{Events: j.Events}
	a := nexmarkJob{Job: j, want: c.Answers()}
	return j.with(dir, side.Options{Purpose: side.Ingest}, func(s side.Side) error {
		a.Nexmark = s.(side.Nexmark)
		before, start := meter.Used(), time.Now()
		if err := a.PutNexmark(c, BatchSize, func(n int) { j.progress(n, j.Events) }); err != nil {
			return err
		}
		took := time.Since(start)
		if _, err := s.Settle(); err != nil {
			return err
		}
		a.put = meter.Used().Since(before).CPU
		err := a.ask()
		j.figure("ingest", float64(j.Events)/took.Seconds(), "events/s")
		j.figure("CPU an event of the ingest", float64(a.put)/float64(j.Events), "ns")
		return err
	})
}

type nexmarkJob struct {
	*Job
	side.Nexmark
	want map[string]nexmark.Answer
	put  time.Duration // of all cores, for all events
}

// ask asks all queries, on one core, then on all.
func (a *nexmarkJob) ask() error {
	cores := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(cores)
	one, sumOne, err := a.each()
	if err != nil {
		return err
	}
	runtime.GOMAXPROCS(cores)
	all, sumAll, err := a.each()
	if err != nil {
		return err
	}
	n := float64(a.Events)
	for i, q := range nexmark.Queries {
		a.result.Queries = append(a.result.Queries, Query{Name: q.Name, One: n / one[i].Seconds(),
			Both: n / (one[i] + a.put).Seconds(), All: n / all[i].Seconds()})
	}
	queries := float64(len(nexmark.Queries))
	a.figure("rate", queries*n/sumOne.Seconds(), "events/s")
	a.figure(fmt.Sprintf("on %d cores", cores), queries*n/sumAll.Seconds(), "events/s")
	return nil
}

// each is how long each query takes, and their sum: the mean of as many runs as there
// are in a tenth of the time of a measurement, but for one before them. All answers are
// checked.
func (a *nexmarkJob) each() (took []time.Duration, sum time.Duration, err error) {
	for i := range nexmark.Queries {
		q := &nexmark.Queries[i]
		var start time.Time
		runs := 0
		for ; runs < 2 || time.Since(start) < a.Time/10; runs++ {
			if runs == 1 {
				start = time.Now()
			}
			got, err := a.AskNexmark(q)
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
