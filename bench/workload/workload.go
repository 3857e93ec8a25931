// Package workload is what is measured: each workload does one thing with any side
// that can, holds the answers against the oracle of package load, and says figures.
// A wrong answer is an error, and then there are none.
//
// A workload runs in a process of its own (package child), so that its memory,
// page cache and collector are its own. It writes into an empty directory or asks
// a database that an earlier process made.
package workload

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/side"
)

// Figure is one number that was measured. Units are base units: ns, B, events/s,
// "" for a plain number. Of rates, whose units end in /s, more is better; of all
// else less.
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit,omitempty"`
}

// IsRate reports whether more of the figure is better.
func (f Figure) IsRate() bool { return strings.HasSuffix(f.Unit, "/s") }

// Result is what one process measured. The first figure is the workload's main one.
type Result struct {
	Figures []Figure `json:"figures,omitempty"`
	Points  []Point  `json:"points,omitempty"` // of a curve
	Queries []Query  `json:"queries,omitempty"`
	Notes   []string `json:"notes,omitempty"` // of how it was done
}

// Point is one of a curve of latency against throughput.
type Point struct {
	Writers  int     `json:"writers"`
	Rate     float64 `json:"rate"` // events/s
	P50, P99 float64 // ns
}

// Query is how fast one of the queries of a benchmark is answered, in events/s.
type Query struct {
	Name    string
	One     float64 // on one core
	Both    float64 // on one core, if it also had to put the events
	All     float64 // on all cores that there are
	Kept    float64 `json:",omitempty"` // on one core, kept up to date while events are put
	KeptAll float64 `json:",omitempty"` // the same on all
}

// Start is what there is when a workload begins.
type Start int

const (
	Empty        Start = iota // a directory
	Built                     // a database with the events, closed
	Killed                    // one whose process was killed after the last event was acknowledged
	KilledMidway              // one whose process was killed while it went on
)

// Workload is one thing that is measured.
type Workload struct {
	Name  string // as a subcommand
	What  string // in a sentence, for people
	Load  string // the load that it is meant for
	Own   string // what its events are called, if they are not of the load but its own
	Years int    // that the events are spread over; 0: they are a step of the load apart
	Start Start
	Grows bool // its cost may depend on the number of events
	Syncs bool // its batches are durable, so that only sides that sync compare
	Limit Limit

	can   func(kind side.Side) bool
	needs string // what a side that cannot lacks
	run   func(j *Job) error
}

// Limit is what of the machine (package machine) stands beside the main figure: per
// unit of the figure, an event or a read, Per units of the limit are the least.
type Limit struct {
	Name string // "" for none
	Per  float64
}

// All are the workloads, in the order of the tables.
var All = slices.Concat(appends, ingests, reads, questions, aggregates, opens, mixes)

// Find is the workload of a name.
func Find(name string) (*Workload, error) {
	for i := range All {
		if All[i].Name == name {
			return &All[i], nil
		}
	}
	return nil, fmt.Errorf("there is no workload %q", name)
}

// Cannot says why a side cannot do the workload; "" if it can.
func (w *Workload) Cannot(m *side.Maker) string {
	if w.can(m.Kind) {
		return ""
	}
	return "has no " + w.needs
}

func has[T any](kind side.Side) bool {
	_, ok := kind.(T)
	return ok
}

func anySide(side.Side) bool { return true }

// Settings are what a run can choose.
type Settings struct {
	Load   load.Spec
	Events int
	Time   time.Duration // how long what is repeated is measured
	Rate   int           // events a second of the mixed load
}

// Task is what one process has to do.
type Task struct {
	Do       Do
	Workload string // or the limit
	Side     string
	Settings
	Database string // where it is or, to be made, will be; for Measure of Empty: ""
	Scratch  string // an empty directory of its own
	Profile  string // where a CPU profile of what is measured goes; "" for none
}

// Do is a part of a workload.
type Do string

const (
	Measure      Do = "measure"
	Build        Do = "build"        // a Built database
	Crash        Do = "crash"        // ingest, say so and wait to be killed
	CrashMidway  Do = "crash-midway" // ingest, say so and go on until killed
	MeasureLimit Do = "limit"        // measure a limit of the machine
)

// Job is a task at work.
type Job struct {
	Task
	maker    *side.Maker
	load     *load.Load
	progress func(done, total int)
	ready    func()
	result   Result
}

// Run carries out a task with one of the makers. It calls progress now and then;
// and ready when a process that is to crash may be killed, which then does not return.
func Run(t Task, makers []side.Maker, progress func(done, total int), ready func()) (*Result, error) {
	j := &Job{Task: t, progress: progress, ready: ready}
	if t.Do == MeasureLimit {
		return &j.result, j.bound()
	}
	w, err := Find(t.Workload)
	if err != nil {
		return nil, err
	}
	if j.maker, err = maker(makers, t.Side); err != nil {
		return nil, err
	}
	if j.load, err = load.New(t.Load); err != nil {
		return nil, err
	}
	switch t.Do {
	case Measure:
		err = w.run(j)
	case Build:
		err = j.build()
	case Crash, CrashMidway:
		err = j.suffer()
	default:
		err = fmt.Errorf("there is no task %q", t.Do)
	}
	return &j.result, err
}

func maker(makers []side.Maker, name string) (*side.Maker, error) {
	for i := range makers {
		if makers[i].Name == name {
			return &makers[i], nil
		}
	}
	return nil, fmt.Errorf("this program has no side %q", name)
}

func (j *Job) figure(name string, value float64, unit string) {
	j.result.Figures = append(j.result.Figures, Figure{name, value, unit})
}

func (j *Job) note(text string) {
	if !slices.Contains(j.result.Notes, text) {
		j.result.Notes = append(j.result.Notes, text)
	}
}

// with opens a side in dir, runs f and closes it.
func (j *Job) with(dir string, o side.Options, f func(s side.Side) error) error {
	o.Load = j.load
	s, err := j.maker.Open(dir, o)
	if err != nil {
		return fmt.Errorf("open %s: %w", j.maker.Name, err)
	}
	return errors.Join(f(s), s.Close())
}

// BatchSize is the events of one batch of an ingest.
const BatchSize = 1000

// put puts events from to to-1 in batches.
func (j *Job) put(s side.Side, from, to int) error {
	for ; from < to; from += BatchSize {
		upTo := min(from+BatchSize, to)
		if err := s.Put(from, upTo); err != nil {
			return fmt.Errorf("put events %d to %d: %w", from, upTo-1, err)
		}
		j.progress(upTo, j.Events)
	}
	return nil
}

// build makes a database in the batches of an ingest, for how events came shows in
// what is read, and compacts it if the side does that.
func (j *Job) build() error {
	return j.with(j.Database, side.Options{Purpose: side.Bulk}, func(s side.Side) error {
		err := j.put(s, 0, j.Events)
		if err == nil {
			_, err = s.Settle()
		}
		if c, ok := s.(side.Compact); ok && err == nil {
			err = c.Compact()
		}
		return err
	})
}

// verify opens what was written and holds it, n events, against the load.
func (j *Job) verify(dir string, n int) error {
	return j.with(dir, side.Options{Purpose: side.Ask}, func(s side.Side) error { return j.check(s, n) })
}

// check holds a side with n events against the load, by whatever it answers.
func (j *Job) check(s side.Side, n int) error {
	if c, ok := s.(side.Count); ok {
		switch got, err := c.Count(); {
		case err != nil:
			return fmt.Errorf("count events: %w", err)
		case got != n:
			return fmt.Errorf("there are %d events, want %d", got, n)
		}
	}
	switch s := s.(type) {
	case side.AsOf:
		return j.load.CheckAsOf(n, s.AsOf)
	case side.Replay:
		return j.load.CheckReplay(n, s.Replay)
	case side.Latest:
		return j.load.CheckLatest(n, s.Latest)
	}
	return fmt.Errorf("%s answers nothing that its events could be checked by", j.maker.Name)
}
