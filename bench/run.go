package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/annalsdb/annals/bench/child"
	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/machine"
	"github.com/annalsdb/annals/bench/report"
	"github.com/annalsdb/annals/bench/workload"
)

// run carries out one command line. What is asked for goes to out, what is under
// way to errOut.
func run(ctx context.Context, args []string, out, errOut io.Writer) error {
	o, err := parse(args, out)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if o.command == cmdReadme {
		return o.writeReadmes(nil)
	}
	dir, err := os.MkdirTemp(o.dir, "annals-bench-run-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	screen := newProgress(errOut)
	sides, err := contestants(ctx, o, dir, screen)
	if err != nil {
		return err
	}
	r := &runner{options: o, sides: sides, dir: cmp.Or(o.dir, dir), screen: screen}
	switch o.command {
	case cmdList:
		list(out, sides)
		return nil
	case cmdMachine:
		return r.limits(ctx, out)
	}
	return r.all(ctx, args, out)
}

// all measures all that was asked for and shows it.
func (r *runner) all(ctx context.Context, args []string, out io.Writer) error {
	batch := report.Batch{Machine: machine.Describe(r.dir), Command: strings.Join(args, " ")}
	for _, s := range r.sides {
		batch.Sides = append(batch.Sides, tell(s))
	}
	for _, w := range r.workloads {
		for _, events := range r.sizes {
			outcomes, err := r.measure(ctx, w, events)
			if err != nil {
				return err
			}
			batch.Outcomes = append(batch.Outcomes, outcomes...)
			if err := r.write(batch); err != nil { // what was measured is not lost with what follows
				return err
			}
		}
	}
	r.show(batch, out)
	if r.failed > 0 {
		return fmt.Errorf("%d of %d failed", r.failed, len(batch.Outcomes))
	}
	return nil
}

// tell is what results keep of a side.
func tell(c contestant) child.Side {
	s := c.Side
	s.Cannot = nil // outcomes say it
	return s
}

// show prints what was measured.
func (r *runner) show(batch report.Batch, out io.Writer) {
	results := report.Results{Batches: []report.Batch{batch}}
	if r.command == cmdSmoke {
		fmt.Fprint(out, results.Smoke())
		return
	}
	fmt.Fprintf(out, "%s\n%s\n%s%s%s", results.Sides(), results.Details(), results.Bars(), results.Growth(), results.Origins())
}

// write writes the files that were asked for.
func (r *runner) write(batch report.Batch) error {
	results := report.Results{Batches: []report.Batch{batch}}
	var errs []error
	if r.json != "" {
		errs = append(errs, results.Write(r.json))
	}
	if r.svg != "" {
		errs = append(errs, os.WriteFile(r.svg, []byte(results.SVG()), 0o644))
	}
	if r.readme {
		errs = append(errs, r.writeReadmes(&batch))
	}
	return errors.Join(errs...)
}

// writeReadmes adds a batch to the results that are kept and writes their tables.
func (o *options) writeReadmes(batch *report.Batch) error {
	kept, err := report.Read(o.results)
	if err != nil {
		return err
	}
	if batch != nil {
		kept.Add(*batch)
		if err := kept.Write(o.results); err != nil {
			return err
		}
	}
	var errs []error
	for _, path := range []string{"README.md", "bench/README.md"} {
		errs = append(errs, report.FillFile(path, kept.Parts()))
	}
	errs = append(errs, os.WriteFile("bench/growth.svg", []byte(kept.GrowthSVG()), 0o644))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("write the tables, from the root of the repository: %w", err)
	}
	return nil
}

// list names what there is.
func list(out io.Writer, sides []contestant) {
	fmt.Fprintln(out, "Workloads (load, what it begins with, limit):")
	begins := map[workload.Start]string{workload.Empty: "nothing", workload.Built: "a database", workload.Killed: "a killed one", workload.KilledMidway: "a killed one"}
	for _, w := range workload.All {
		fmt.Fprintf(out, "  %-15s %s (%s, %s, %s)\n", w.Name, w.What, cmp.Or(w.Own, w.Load), begins[w.Start], cmp.Or(w.Limit.Name, "none"))
	}
	fmt.Fprintln(out, "\nSides:")
	for _, s := range sides {
		var cannot []string
		for name := range s.Cannot {
			cannot = append(cannot, name)
		}
		slices.Sort(cannot)
		fmt.Fprintf(out, "  %-15s %s, %s; durable by %s; %s", s.Name, s.Version, s.Licence, s.Durability, s.Settings)
		if len(cannot) > 0 {
			fmt.Fprintf(out, "; not: %s", strings.Join(cannot, ", "))
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintln(out, "\nLimits of the machine:")
	for _, l := range machine.Limits {
		fmt.Fprintf(out, "  %-15s %s\n", l.Name, l.What)
	}
	fmt.Fprintf(out, "\nLoads: uniform-KEYS and zipf-KEYS, up to %s keys\n", load.Count(load.MaxKeys))
}
