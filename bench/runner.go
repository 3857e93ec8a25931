package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/annalsdb/annals/bench/child"
	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/machine"
	"github.com/annalsdb/annals/bench/report"
	"github.com/annalsdb/annals/bench/workload"
)

// runner measures workloads, one process after the other.
type runner struct {
	*options
	sides  []contestant
	dir    string // of databases and scratch
	screen *progress
	failed int // outcomes
}

// limitTime is how long a limit of the machine is measured at most.
const limitTime = 500 * time.Millisecond

// measure has all sides do a workload at a size, by turns, with the limit of the
// machine between them.
func (r *runner) measure(ctx context.Context, w *workload.Workload, events int) ([]report.Outcome, error) {
	settings, name, err := r.settings(w, events)
	if err != nil {
		return nil, err
	}
	outcomes := make([]report.Outcome, len(r.sides))
	turns := make([]int, 0, len(r.sides)+1) // places of outcomes that can be measured
	for i, s := range r.sides {
		outcomes[i] = report.Outcome{Workload: w.Name, Side: s.Name, Load: name, Events: events, Cannot: s.Cannot[w.Name]}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if outcomes[i].Cannot == "" {
			r.settle(&outcomes[i], r.prepare(ctx, w, s, settings))
		}
		if isOpen(&outcomes[i]) {
			turns = append(turns, i)
		}
	}
	if w.Limit.Name != "" && len(turns) > 0 && r.command != cmdSmoke {
		turns = append(turns, len(outcomes))
		outcomes = append(outcomes, report.Outcome{Workload: w.Name, Side: report.LimitSide, Load: name, Events: events})
	}
	for round := range r.runs {
		for _, i := range turns {
			if o := &outcomes[i]; ctx.Err() == nil && isOpen(o) {
				r.once(ctx, w, o, settings, round)
			}
		}
		slices.Reverse(turns)
	}
	return outcomes, ctx.Err()
}

// isOpen reports whether an outcome may still come to something.
func isOpen(o *report.Outcome) bool { return o.Cannot == "" && o.Failed == "" }

// settle notes in an outcome what err says, if anything.
func (r *runner) settle(o *report.Outcome, err error) {
	var cannot *child.CannotError
	switch {
	case err == nil:
		return
	case errors.As(err, &cannot):
		o.Cannot = cannot.Why
	default:
		o.Failed = err.Error()
		r.failed++
	}
	r.screen.line("%s %s: %v", o.Workload, o.Side, err)
	o.Runs = nil // a side that fails once has no figures
}

// once is one run of one side, or of the limit.
func (r *runner) once(ctx context.Context, w *workload.Workload, o *report.Outcome, settings workload.Settings, round int) {
	task := workload.Task{Do: workload.Measure, Workload: w.Name, Side: o.Side, Settings: settings}
	of := r.sides[0] // whose program measures limits as well
	if o.Side == report.LimitSide {
		task.Do, task.Workload, task.Time = workload.MeasureLimit, w.Limit.Name, min(limitTime, settings.Time)
	} else {
		of = *find(r.sides, o.Side)
		task.Database = r.kept(w.Start, of.Name, settings)
		if r.profile != "" {
			task.Profile = filepath.Join(r.profile, fmt.Sprintf("%s-%s-%d-%d.pprof", o.Workload, o.Side, o.Events, round+1))
		}
	}
	label := fmt.Sprintf("%s %s, %s events, run %d of %d", o.Workload, o.Side, load.Count(o.Events), round+1, r.runs)
	result, err := r.child(ctx, of.program, task, label)
	if ctx.Err() != nil {
		return // it was killed with us
	}
	if err != nil {
		if task.Database != "" {
			err = fmt.Errorf("%w (the database is %s: remove it if load or format have changed since it was made)", err, task.Database)
		}
		r.settle(o, err)
		return
	}
	o.Runs = append(o.Runs, *result)
	r.screen.line("%s: %s", label, report.Format(result.Figures[0].Value, result.Figures[0].Unit))
}

// child has a process carry out a task, with a scratch directory of its own.
func (r *runner) child(ctx context.Context, p child.Program, t workload.Task, label string) (_ *workload.Result, err error) {
	if t.Scratch, err = os.MkdirTemp(r.dir, "annals-bench-scratch-"); err != nil {
		return nil, err
	}
	defer os.RemoveAll(t.Scratch)
	if t.Do == workload.Measure || t.Do == workload.MeasureLimit {
		p.Exec = r.exec // what is only made for them need not be measured
	}
	r.screen.begin(label)
	defer r.screen.end()
	within, stop := context.WithTimeout(ctx, r.patience)
	defer stop()
	result, err := p.Run(within, t, r.screen.show)
	if within.Err() != nil && ctx.Err() == nil {
		return nil, fmt.Errorf("took longer than %s: -patience says how long it may", r.patience)
	}
	if err == nil && t.Do == workload.Measure && len(result.Figures) == 0 {
		err = errors.New("child measured nothing")
	}
	return result, err
}

// making is how the database of each start is made, and what its name has.
var making = map[workload.Start]struct {
	do   workload.Do
	name string
}{
	workload.Built:        {workload.Build, ""},
	workload.Killed:       {workload.Crash, "-killed"},
	workload.KilledMidway: {workload.CrashMidway, "-killed-midway"},
}

// kept is where the database of a side is that a workload starts with, "" for none.
func (r *runner) kept(start workload.Start, side string, s workload.Settings) string {
	if start == workload.Empty {
		return ""
	}
	return filepath.Join(r.dir, fmt.Sprintf("annals-bench-%s-%s%s-%d", side, s.Load, making[start].name, s.Events))
}

// prepare makes that database, unless it is there.
func (r *runner) prepare(ctx context.Context, w *workload.Workload, s contestant, settings workload.Settings) error {
	dir := r.kept(w.Start, s.Name, settings)
	if dir == "" {
		return nil
	}
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	part := dir + ".part"
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	if err := os.MkdirAll(part, 0o755); err != nil {
		return err
	}
	task := workload.Task{Do: making[w.Start].do, Workload: w.Name, Side: s.Name, Settings: settings, Database: part}
	_, err := r.child(ctx, s.program, task, fmt.Sprintf("make database of %s, %s events", s.Name, load.Count(settings.Events)))
	if err != nil {
		return fmt.Errorf("make database: %w", errors.Join(err, os.RemoveAll(part)))
	}
	return os.Rename(part, dir)
}

// limits measures all limits of the machine and prints them.
func (r *runner) limits(ctx context.Context, out io.Writer) error {
	fmt.Fprintf(out, "%s\n\n", machine.Describe(r.dir))
	for _, l := range machine.Limits {
		task := workload.Task{Do: workload.MeasureLimit, Workload: l.Name, Settings: workload.Settings{Time: min(limitTime, r.time)}}
		o := report.Outcome{Side: l.Name}
		for range r.runs {
			result, err := r.child(ctx, r.sides[0].program, task, "limit "+l.Name)
			if err != nil {
				return err
			}
			o.Runs = append(o.Runs, *result)
		}
		fmt.Fprintf(out, "%-13s %s (%s)\n", l.Name, o.Text(), l.What)
	}
	return nil
}
