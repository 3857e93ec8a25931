package workload

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/meter"
	"github.com/annalsdb/annals/bench/side"
)

// Events of aggregates by day and by range are spread over ten years.
const years = 10

var aggregates = []Workload{
	daily("daily", "count, sum, average and maximum by type and day over ten years, warm", false, true),
	daily("daily-cold", "count, sum, average and maximum by type and day over ten years, opening included, with nothing in the page cache", false, false),
	daily("daily-some", "count, sum, average and maximum by type and day of 1 % of the keys, warm", true, true),
	daily("daily-some-cold", "count, sum, average and maximum by type and day of 1 % of the keys, opening included, with nothing in the page cache", true, false),
	{
		Name: "minutes", What: "count, sum and maximum by type and minute, kept up to date by each durable batch, 1 % of events late",
		Load: "zipf-100k", Grows: true, Syncs: true, Limit: Limit{"write", jsonBytes},
		can: has[side.Minutes], needs: "aggregates kept up to date", run: minutes,
	},
	ranged("range", "count, sum and maximum of random ranges of months to years", false),
	ranged("range-hours", "count, sum and maximum of random ranges of months to years, from hour to hour, of which totals may be kept", true),
	{
		Name: "nexmark", What: "the queries of NEXMark, by turns, over all events of it that are there, on one core",
		Load: "zipf-100k", Own: "NEXMark", Syncs: true, can: has[side.Nexmark], needs: "NEXMark", run: runNexmark,
	},
}

// daily is a workload over all keys or some; cold ones ask once.
func daily(name, what string, some, warm bool) Workload {
	return Workload{
		Name: name, What: what, Load: "zipf-100k", Years: years, Start: Built, Grows: true, Limit: Limit{"sum", 1},
		can: has[side.Daily], needs: "aggregates by day",
		run: func(j *Job) error {
			var places []int
			var keys []string
			if some {
				places = j.load.Some()
				for _, k := range places {
					keys = append(keys, j.load.Keys[k])
				}
			}
			d := dailyJob{j, keys, j.load.Totals(j.Events, load.Day, places)}
			if warm {
				return d.warm()
			}
			return d.cold()
		},
	}
}

type dailyJob struct {
	*Job
	keys []string
	want map[load.Window]load.Total
}

func (d dailyJob) warm() error {
	return d.asking(side.Options{}, func(s side.Side, memory *meter.Resident) error {
		ask := func(visit func(load.Window, load.Total)) error { return s.(side.Daily).Daily(d.keys, visit) }
		if err := load.CheckTotals(d.want, ask); err != nil {
			return err
		}
		memory.Forget()
		windows := 0
		runs, took, err := d.again(func() error { return ask(func(load.Window, load.Total) { windows++ }) })
		if err != nil {
			return err
		}
		if windows != runs*len(d.want) {
			return fmt.Errorf("there were %d windows in %d runs, want %d in each", windows, runs, len(d.want))
		}
		d.figures(took / time.Duration(runs))
		return nil
	})
}

// cold counts the opening as well.
func (d dailyJob) cold() error {
	how, err := Evict(d.Database)
	if err != nil {
		return fmt.Errorf("empty the page cache: %w", err)
	}
	d.note(how)
	got := make([]visited, 0, len(d.want))
	memory, start := meter.Watch(), time.Now()
	err = d.profiled(func() error {
		return d.with(d.Database, side.Options{Purpose: side.Ask}, func(s side.Side) error {
			err := s.(side.Daily).Daily(d.keys, func(w load.Window, t load.Total) { got = append(got, visited{w, t}) })
			d.figures(time.Since(start))
			return err
		})
	})
	if err != nil {
		return err
	}
	d.memory(memory)
	return load.CheckTotals(d.want, func(visit func(load.Window, load.Total)) error {
		for _, g := range got {
			visit(g.w, g.t)
		}
		return nil
	})
}

type visited struct {
	w load.Window
	t load.Total
}

// figures say what one answer took. The rate is of the events that it speaks of.
func (d dailyJob) figures(took time.Duration) {
	n := int64(0)
	for _, t := range d.want {
		n += t.Count
	}
	d.figure("rate", float64(n)/took.Seconds(), "events/s")
	d.figure("time", float64(took), "ns")
	d.figure("windows", float64(len(d.want)), "")
}

// minutes is an ingest of durable batches; the totals are held against the load
// when all is in, and again when the side was closed and opened. The rate is up to
// when all totals have been read: whoever keeps them behind its batches has caught up.
func minutes(j *Job) error {
	dir := filepath.Join(j.Scratch, "db")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	want := j.load.Totals(j.Events, load.Minute, nil)
	before := meter.Used()
	err := j.with(dir, side.Options{Purpose: side.Ingest, Minutes: true}, func(s side.Side) error {
		start := time.Now()
		if err := j.profiled(func() error { return j.put(s, 0, j.Events) }); err != nil {
			return err
		}
		acknowledged, n, got := time.Now(), float64(j.Events), 0
		if err := s.(side.Minutes).Minutes(func(load.Window, load.Total) { got++ }); err != nil {
			return err
		}
		j.figure("rate", n/time.Since(start).Seconds(), "events/s")
		j.figure("CPU an event", float64(meter.Used().Since(before).CPU)/n, "ns")
		j.figure("read of all", float64(time.Since(acknowledged)), "ns")
		j.figure("windows", float64(got), "")
		return load.CheckTotals(want, s.(side.Minutes).Minutes)
	})
	if err != nil {
		return err
	}
	return j.with(dir, side.Options{Purpose: side.Ask, Minutes: true}, func(s side.Side) error {
		if err := load.CheckTotals(want, s.(side.Minutes).Minutes); err != nil {
			return fmt.Errorf("opened again: %w", err)
		}
		return j.check(s, j.Events)
	})
}

// ranged is a workload that asks for the total of at least a twentieth of all time. Where
// ranges begin and end with hours, a side may keep totals of these.
func ranged(name, what string, hours bool) Workload {
	return Workload{
		Name: name, What: what, Load: "zipf-100k", Years: years, Start: Built, Grows: true, Limit: Limit{"bolt-get", 1},
		can: has[side.Range], needs: "total of a range", run: func(j *Job) error {
			return j.asking(side.Options{Hours: hours}, func(s side.Side, memory *meter.Resident) error {
				r, draw := s.(side.Range), j.spans(hours)
				for range 5 {
					from, to := draw()
					got, err := r.Range(from, to)
					if err == nil {
						err = j.load.TotalOf(j.Events, from, to).Check(got)
					}
					if err != nil {
						return fmt.Errorf("range [%d, %d): %w", from, to, err)
					}
				}
				return j.repeat(memory, func() error {
					_, err := r.Range(draw())
					return err
				})
			})
		},
	}
}

// spans draws ranges, of whole hours or not.
func (j *Job) spans(hours bool) func() (from, to int64) {
	rnd, begin := j.random(), load.Start.UnixNano()
	span := j.load.End(j.Events) - begin
	return func() (from, to int64) {
		from = begin + rnd.Int64N(span*19/20)
		to = from + span/20 + rnd.Int64N(span)
		if hours {
			from, to = from-from%int64(time.Hour), to-to%int64(time.Hour)
		}
		return from, to
	}
}
