package workload

import (
	"fmt"

	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/meter"
	"github.com/annalsdb/annals/bench/side"
)

// Questions to all events of which nothing is kept ahead.
var questions = []Workload{
	{
		Name: "top", What: "the ten events with the greatest values, whole",
		Load: "zipf-100k", Start: Built, Grows: true, Limit: Limit{"sum", 1},
		can: has[side.Top], needs: "events in the order of a field", run: top,
	},
	{
		Name: "by-key", What: "count, sum and maximum by key",
		Load: "zipf-100k", Start: Built, Grows: true, Limit: Limit{"sum", 1},
		can: has[side.ByKey], needs: "aggregates by key", run: byKey,
	},
	matching("equal", "count, sum and maximum of the events of a type and a status, some 3 % of all", load.Match{Type: "alarm", Status: "degraded"}),
	matching("like", "count, sum and maximum of the events whose key has a text in it", load.Match{Part: "17"}),
}

const topEvents = 10

func top(j *Job) error {
	return j.asking(side.Options{}, func(s side.Side, memory *meter.Resident) error {
		run := func(visit func(string, load.Reading)) error { return s.(side.Top).Top(topEvents, visit) }
		if err := j.load.CheckTop(j.Events, topEvents, run); err != nil {
			return err
		}
		return j.scans(memory, topEvents, func(count *int) error { return run(func(string, load.Reading) { *count++ }) })
	})
}

func byKey(j *Job) error {
	return j.asking(side.Options{}, func(s side.Side, memory *meter.Resident) error {
		keys, err := j.load.CheckByKey(j.Events, s.(side.ByKey).ByKey)
		if err != nil {
			return err
		}
		j.note(fmt.Sprintf("%d keys", keys))
		return j.scans(memory, keys, func(count *int) error {
			return s.(side.ByKey).ByKey(func(string, load.Total) { *count++ })
		})
	})
}

func matching(name, what string, m load.Match) Workload {
	return Workload{
		Name: name, What: what, Load: "zipf-100k", Start: Built, Grows: true, Limit: Limit{"sum", 1},
		can: has[side.Matching], needs: "aggregates of events by a condition",
		run: func(j *Job) error {
			return j.asking(side.Options{}, func(s side.Side, memory *meter.Resident) error {
				want := j.load.TotalMatching(j.Events, m)
				got, err := s.(side.Matching).Matching(m)
				if err == nil {
					err = want.Check(got)
				}
				if err != nil {
					return err
				}
				return j.scans(memory, int(want.Count), func(count *int) error {
					t, err := s.(side.Matching).Matching(m)
					*count += int(t.Count)
					return err
				})
			})
		},
	}
}

// scans asks the same of all events again and again; each answer counts want.
func (j *Job) scans(memory *meter.Resident, want int, ask func(count *int) error) error {
	memory.Forget()
	got := 0
	runs, took, err := j.again(func() error { return ask(&got) })
	if err != nil {
		return err
	}
	if got != want*runs {
		return fmt.Errorf("%d answers counted %d, want %d each", runs, got, want)
	}
	j.figure("rate", float64(j.Events)*float64(runs)/took.Seconds(), "events/s")
	j.figure("time", float64(took)/float64(runs), "ns")
	return nil
}
