package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/workload"
)

// Subcommands that are no workloads.
const (
	cmdAll     = "all"
	cmdGrowth  = "growth"
	cmdSmoke   = "smoke"
	cmdMachine = "machine"
	cmdList    = "list"
	cmdReadme  = "readme"
)

const usage = `usage: go run ./bench COMMAND [flags]

Commands:
  WORKLOAD   measure one workload, or several: ingest,asof (list names them)
  all        measure all of them
  growth     measure those that may depend on the number of events, at several
  smoke      run everything once on 3,000 events: all answers checked, no figures
  machine    measure the limits of the machine
  list       name workloads, sides and limits
  readme     write the tables of -results into the READMEs again

Every measurement is a process of its own. Sides other than annals and bbolt are
those of bench/peers, which is built when one of them is named; "-sides all" is
all that it has (without cgo those that do without; -tags may add some).

Flags:
`

// options are what the command line says.
type options struct {
	command   string
	workloads []*workload.Workload
	sides     []string // by name; "all" alone for all
	sizes     []int
	loadName  string // "" for that of each workload
	seed      uint64
	runs      int
	time      time.Duration
	rate      int
	patience  time.Duration
	dir       string
	tags      string
	exec      []string
	profile   string // directory for CPU profiles, "" for none
	json, svg string
	results   string
	readme    bool
}

// raw are flags whose values options have in another form.
type raw struct{ sizes, sides, exec string }

// flags is the set of all flags.
func (o *options) flags(r *raw) *flag.FlagSet {
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&r.sizes, "events", "", "`numbers` of events, such as 100k or 1M,10M (default 1M; growth 10k,100k,1M)")
	fs.StringVar(&r.sides, "sides", "annals,bbolt", "`names` of sides, or all")
	fs.StringVar(&o.loadName, "load", "", "`name` of the load, such as zipf-100k or uniform-1M (default that of each workload)")
	fs.Uint64Var(&o.seed, "seed", 0, "seed of the load")
	fs.IntVar(&o.runs, "runs", 3, "runs of each side, by turns")
	fs.DurationVar(&o.time, "time", 3*time.Second, "how long a run measures what is repeated")
	fs.IntVar(&o.rate, "rate", 20_000, "events a second of the mixed load")
	fs.DurationVar(&o.patience, "patience", 30*time.Minute, "how long a process may take before it is killed and has failed; a smoke run has less")
	fs.StringVar(&o.dir, "dir", "", "`directory` for databases, whose file system is measured; those that are only read stay in it for the next run (default a temporary one)")
	fs.StringVar(&o.tags, "tags", "", "build `tags` for bench/peers")
	fs.StringVar(&r.exec, "exec", "", "`command` that starts each process that measures, such as \"nice -n -5\"")
	fs.StringVar(&o.profile, "profile", "", "`directory` for a CPU profile of what each process measures, as WORKLOAD-SIDE-EVENTS-RUN.pprof for go tool pprof; costs some speed")
	fs.StringVar(&o.json, "json", "", "write the results to `file`")
	fs.StringVar(&o.svg, "svg", "", "draw the results into `file`")
	fs.StringVar(&o.results, "results", "bench/results.json", "`file` that -update-readme keeps results in")
	fs.BoolVar(&o.readme, "update-readme", false, "add the results to those kept and write the tables in README.md and bench/README.md")
	return fs
}

// parse reads the command line. flag.ErrHelp says that help was asked for and given.
func parse(args []string, help io.Writer) (*options, error) {
	o, r := &options{}, &raw{}
	fs := o.flags(r)
	if len(args) == 0 || slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0]) {
		fmt.Fprint(help, usage)
		fs.SetOutput(help)
		fs.PrintDefaults()
		return nil, flag.ErrHelp
	}
	o.command = args[0]
	if strings.HasPrefix(o.command, "-") {
		return nil, fmt.Errorf("flags come behind the command, got %s first", o.command)
	}
	if err := fs.Parse(args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return parse(nil, help)
		}
		return nil, err
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("what is %q? One command, then flags; several workloads are written ingest,asof", fs.Arg(0))
	}
	return o, o.check(r)
}

// check takes what is raw and refuses what cannot be.
func (o *options) check(r *raw) (err error) {
	if err = o.chooseWorkloads(); err != nil {
		return err
	}
	if err = o.chooseSides(r.sides); err != nil {
		return err
	}
	sizes := cmp.Or(r.sizes, map[string]string{cmdGrowth: "10k,100k,1M", cmdSmoke: "3000"}[o.command], "1M")
	if o.sizes, err = parseSizes(sizes); err != nil {
		return err
	}
	if o.loadName != "" {
		if _, err := load.Parse(o.loadName); err != nil {
			return fmt.Errorf("-load: %w", err)
		}
	}
	switch {
	case o.runs < 1:
		return fmt.Errorf("-runs %d: want 1 or more", o.runs)
	case o.time <= 0:
		return fmt.Errorf("-time %s: want more than nothing", o.time)
	case o.patience <= 0:
		return fmt.Errorf("-patience %s: want more than nothing", o.patience)
	case o.rate < 1 || o.rate > 100_000_000:
		return fmt.Errorf("-rate %d: want 1 to 100,000,000", o.rate)
	case o.readme && o.command == cmdSmoke:
		return errors.New("a smoke run has no figures for -update-readme")
	}
	if o.command == cmdSmoke {
		o.runs, o.time, o.patience = 1, 20*time.Millisecond, min(o.patience, time.Minute)
	}
	o.exec = strings.Fields(r.exec)
	if o.profile != "" && o.readme {
		return errors.New("figures beside a profile are none for -update-readme")
	}
	return errors.Join(checkDir("-dir", &o.dir), checkDir("-profile", &o.profile))
}

// checkDir refuses what is no directory and makes the name of one absolute, for
// programs are built elsewhere; "" is none.
func checkDir(flag string, dir *string) error {
	if *dir == "" {
		return nil
	}
	info, err := os.Stat(*dir)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is no directory", *dir)
	}
	if err == nil {
		*dir, err = filepath.Abs(*dir)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", flag, err)
	}
	return err
}

func (o *options) chooseSides(names string) error {
	o.sides = strings.Split(names, ",")
	slices.Sort(o.sides)
	if len(slices.Compact(slices.Clone(o.sides))) < len(o.sides) || o.sides[0] == "" {
		return fmt.Errorf("-sides %s: want different names with commas between them", names)
	}
	if slices.Contains(o.sides, "all") && len(o.sides) > 1 {
		return fmt.Errorf("-sides %s: all stands alone", names)
	}
	return nil
}

// chooseWorkloads finds those that the command names.
func (o *options) chooseWorkloads() error {
	switch o.command {
	case cmdMachine, cmdList, cmdReadme:
		return nil
	case cmdAll, cmdSmoke, cmdGrowth:
		for i := range workload.All {
			if w := &workload.All[i]; w.Grows || o.command != cmdGrowth {
				o.workloads = append(o.workloads, w)
			}
		}
		return nil
	}
	for _, name := range strings.Split(o.command, ",") {
		w, err := workload.Find(name)
		if err != nil {
			return fmt.Errorf("%w: go run ./bench list names what there is", err)
		}
		o.workloads = append(o.workloads, w)
	}
	return nil
}

func parseSizes(text string) (sizes []int, err error) {
	for _, part := range strings.Split(text, ",") {
		n, err := load.ParseCount(part)
		if err != nil {
			return nil, fmt.Errorf("-events: %w", err)
		}
		sizes = append(sizes, n)
	}
	return sizes, nil
}

// settings are those of a workload at a size, and what its load is called, which is
// the same at all sizes.
func (o *options) settings(w *workload.Workload, events int) (s workload.Settings, name string, err error) {
	name = cmp.Or(o.loadName, w.Load)
	spec, err := load.Parse(name)
	if err != nil {
		return s, "", err
	}
	if spec.Seed = o.seed; o.seed != 0 {
		name += fmt.Sprintf(", seed %d", o.seed)
	}
	if w.Years > 0 {
		name += fmt.Sprintf(", over %d years", w.Years)
		all := time.Duration(w.Years) * 365 * 24 * time.Hour
		spec.Step = max(all/time.Duration(events), time.Millisecond).Truncate(time.Millisecond)
	}
	if w.Own != "" {
		name = w.Own
	}
	return workload.Settings{Load: spec, Events: events, Time: o.time, Rate: o.rate}, name, nil
}
