package workload

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/meter"
	"github.com/annalsdb/annals/bench/side"
)

var reads = []Workload{
	{
		Name: "latest", What: "latest state of random keys",
		Load: "zipf-100k", Start: Built, Grows: true, Limit: Limit{"bolt-get", 1},
		can: has[side.Latest], needs: "latest state of a key", run: latest,
	},
	{
		Name: "asof", What: "state of random keys at random moments",
		Load: "zipf-100k", Start: Built, Grows: true, Limit: Limit{"bolt-get", 1},
		can: has[side.AsOf], needs: "state at a moment", run: asOf,
	},
	{
		Name: "history", What: "full history of the key with the most events",
		Load: "zipf-100k", Start: Built, Grows: true, Limit: Limit{"copy", readingBytes},
		can: has[side.History], needs: "history of a key", run: history,
	},
	{
		Name: "history-random", What: "full history of random keys",
		Load: "zipf-100k", Start: Built, Grows: true, Limit: Limit{"bolt-get", 1},
		can: has[side.History], needs: "history of a key", run: historyRandom,
	},
	{
		Name: "states", What: "state of every key at a moment in the middle",
		Load: "zipf-100k", Start: Built, Grows: true, Limit: Limit{"map-get", 1},
		can: has[side.States], needs: "states of all keys", run: states,
	},
}

// readingBytes is the size of a load.Reading, which is what an answer hands over.
const readingBytes = 64

// asking opens the built database and watches memory while f asks.
func (j *Job) asking(o side.Options, f func(s side.Side, memory *meter.Resident) error) error {
	memory := meter.Watch()
	o.Purpose = side.Ask
	err := j.with(j.Database, o, func(s side.Side) error { return f(s, memory) })
	j.memory(memory)
	return err
}

// memory are figures of the process's resident memory, of which that before is the
// load's and Go's.
func (j *Job) memory(r *meter.Resident) {
	j.figure("peak memory", float64(r.Stop()), "B")
	j.figure("memory before", float64(r.Before), "B")
}

// warm is how many reads come before those that are measured, at most.
const warm = 100_000

// repeat asks for half of j.Time, or less, and then measures for j.Time, once at least
// each.
func (j *Job) repeat(memory *meter.Resident, ask func() error) error {
	timed := func(d time.Duration, most int, lat *meter.Latencies) error {
		for start := time.Now(); lat.Total() == 0 || time.Since(start) < d && lat.Total() < most; {
			begin := time.Now()
			if err := ask(); err != nil {
				return err
			}
			lat.Add(time.Since(begin))
		}
		return nil
	}
	var unused, lat meter.Latencies
	if err := timed(j.Time/2, warm, &unused); err != nil {
		return err
	}
	memory.Forget()
	before, start := meter.Used(), time.Now()
	if err := j.profiled(func() error { return timed(j.Time, 1<<62, &lat) }); err != nil {
		return err
	}
	took := time.Since(start)
	j.latencies("", &lat)
	j.figure("reads", float64(lat.Total())/took.Seconds(), "reads/s")
	j.figure("processors busy", float64(meter.Used().Since(before).CPU)/float64(took), "")
	return nil
}

// again asks for j.Time, once at least, and says how often and how long it did.
func (j *Job) again(ask func() error) (runs int, took time.Duration, err error) {
	err = j.profiled(func() error {
		for start := time.Now(); runs == 0 || took < j.Time; runs++ {
			if err := ask(); err != nil {
				return err
			}
			took = time.Since(start)
		}
		return nil
	})
	return runs, took, err
}

func latest(j *Job) error {
	return j.asking(side.Options{}, func(s side.Side, memory *meter.Resident) error {
		l, rnd := s.(side.Latest), j.random()
		if err := j.load.CheckLatest(j.Events, l.Latest); err != nil {
			return err
		}
		return j.repeat(memory, func() error {
			_, _, err := l.Latest(j.randomKey(rnd))
			return err
		})
	})
}

func asOf(j *Job) error {
	return j.asking(side.Options{}, func(s side.Side, memory *meter.Resident) error {
		a, rnd := s.(side.AsOf), j.random()
		if err := j.load.CheckAsOf(j.Events, a.AsOf); err != nil {
			return err
		}
		return j.repeat(memory, func() error {
			_, _, err := a.AsOf(j.randomKey(rnd), j.load.Moment(j.Events, rnd))
			return err
		})
	})
}

func (j *Job) random() *rand.Rand { return rand.New(rand.NewPCG(10, j.Load.Seed)) }

// randomKey is any key with equal chance; it may have no events.
func (j *Job) randomKey(rnd *rand.Rand) string { return j.load.Keys[rnd.IntN(len(j.load.Keys))] }

// history reads the first key, which is the most frequent by zipf.
func history(j *Job) error {
	return j.asking(side.Options{}, func(s side.Side, memory *meter.Resident) error {
		if err := j.checkHistory(s.(side.History), 0); err != nil {
			return err
		}
		memory.Forget()
		n, sum := 0, 0.0
		runs, took, err := j.again(func() error {
			return s.(side.History).History(j.load.Keys[0], func(r load.Reading) { n, sum = n+1, sum+r.Value })
		})
		if err != nil {
			return err
		}
		j.figure("rate", float64(n)/took.Seconds(), "events/s")
		j.figure("events", float64(n/runs), "")
		return nil
	})
}

func (j *Job) checkHistory(h side.History, place int) error {
	return j.load.CheckHistory(j.Events, place, func(visit func(r load.Reading)) error {
		return h.History(j.load.Keys[place], visit)
	})
}

func historyRandom(j *Job) error {
	return j.asking(side.Options{}, func(s side.Side, memory *meter.Resident) error {
		h, rnd := s.(side.History), j.random()
		for range 3 {
			if err := j.checkHistory(h, rnd.IntN(len(j.load.Keys))); err != nil {
				return err
			}
		}
		sum := 0.0
		return j.repeat(memory, func() error {
			return h.History(j.randomKey(rnd), func(r load.Reading) { sum += r.Value })
		})
	})
}

func states(j *Job) error {
	return j.asking(side.Options{}, func(s side.Side, memory *meter.Resident) error {
		at := j.load.End(j.Events / 2)
		run := func(visit func(string, load.Reading)) error { return s.(side.States).States(at, visit) }
		want, err := j.load.CheckStates(j.Events, at, run)
		if err != nil {
			return err
		}
		memory.Forget()
		n := 0
		runs, took, err := j.again(func() error { return run(func(string, load.Reading) { n++ }) })
		if err != nil {
			return err
		}
		if n != want*runs {
			return fmt.Errorf("there were %d states in %d scans, want %d in each", n, runs, want)
		}
		j.figure("rate", float64(n)/took.Seconds(), "states/s")
		j.figure("time", float64(took)/float64(runs), "ns")
		j.figure("states", float64(want), "")
		return nil
	})
}
