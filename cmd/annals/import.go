package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/annalsdb/annals/cmd/annals/source"
	"github.com/annalsdb/annals/store"
)

// importFlags are the flags of import.
type importFlags struct {
	source  source.Options
	format  string
	columns []string
	fold    string
	order   string
	only    bool
	sync    string
	skipBad string
	append  bool

	given func(flag string) bool // whether a flag was on the command line
}

const importHelp = `Import events from a file of lines, or from standard input with "-". Files
compressed with gzip or zstd are read as they are.

NDJSON: a JSON object a line. The flags --key, --time, --recorded, --type,
--batch and --id name the members with a meaning; all others become fields.
Whole numbers stay int64, other numbers float64, nested values JSON; --flatten
makes the members of an object fields of their own.

CSV: a header, then a row a line. The flags name columns. A column has one
kind, found out from its first 1000 rows: int64, float64, bool, or else string.
01 and +1 are text. An empty cell is a field that is not there. --column sets a
kind.

Times are RFC 3339 with an offset, or whole numbers since 1970 whose unit (s,
ms, µs, ns) shows in their size.

Batches: consecutive lines with the same value of --batch are stored together
or not at all, under the latest of their --recorded times. Without --batch, a
thousand lines are (fewer where --recorded changes or an --id comes again).

A bad line stops the import and says what is wrong with which line; the batches
before it stay. --skip-bad puts such lines aside instead.

Importing again: with --id, events known already are passed over. With --batch
alone the ID of an event is BATCH:N, its place in the batch from 1. So an import
that was killed goes on when it is run again. With neither, import refuses a
stream that has events, unless --append says that all lines are new.`

func (a *app) importCommand() *cobra.Command {
	f := &importFlags{}
	cmd := &cobra.Command{
		Use:   "import DB FILE|- --stream S",
		Short: "Import events from NDJSON or CSV",
		Long:  importHelp,
		Example: `  annals import shop.db orders.ndjson --stream orders --key order --id uuid
  annals import curl.db curl-history.ndjson.gz --stream curl --order arrival \
      --recorded recorded --type type --deletes deleted --batch seq --flatten data`,
		Args: arguments("DB", "FILE"),
	}
	f.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := f.settle(cmd); err != nil {
			return err
		}
		return a.importFile(cmd.Context(), f, args[0], args[1])
	}
	return cmd
}

func (f *importFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	o := &f.source
	flags.StringVar(&o.Stream, "stream", "", "stream to import into (required)")
	flags.StringVar(&f.format, "format", "ndjson", "`ndjson|csv`, how the lines are written")
	flags.StringVar(&o.Key, "key", "key", "`FIELD` that holds the key: text or a whole number")
	flags.StringVar(&o.Time, "time", "time", "`FIELD` that holds the event time; may be missing unless the flag is given")
	flags.StringVar(&o.Recorded, "recorded", "", "`FIELD` that holds the time of recording")
	flags.StringVar(&o.Type, "type", "", "`FIELD` that holds the type")
	flags.StringVar(&o.Batch, "batch", "", "`FIELD` whose equal values hold a batch together")
	flags.StringVar(&o.ID, "id", "", "`FIELD` that tells the events apart")
	flags.StringArrayVar(&o.Deletes, "deletes", nil, "`TYPE` of events that delete their key; can be given several times")
	flags.StringArrayVar(&o.Flatten, "flatten", nil, "`FIELD` with an object whose members become fields; can be given several times")
	flags.StringArrayVar(&o.Ignore, "ignore", nil, "`FIELD` to leave out; can be given several times")
	flags.StringArrayVar(&f.columns, "column", nil, "`NAME=KIND` of a CSV column: string, int64, float64, bool, time or json; can be given several times")
	flags.StringVar(&f.fold, "fold", "replace", "`replace|merge`, how events become state")
	flags.StringVar(&f.order, "order", "time", "`time|arrival`, the order in which they do")
	flags.BoolVar(&f.only, "only-changes", false, "store events that change nothing as heartbeats")
	flags.StringVar(&f.sync, "sync", "always", "`always|interval|never`, when a batch is durable")
	flags.StringVar(&f.skipBad, "skip-bad", "", "write bad lines to this `FILE` and go on")
	flags.BoolVar(&f.append, "append", false, "import lines without --id or --batch into a stream that has events")
	if err := cmd.MarkFlagRequired("stream"); err != nil {
		panic(err) // the flag is defined above
	}
}

// settle checks the flags before any file is touched.
func (f *importFlags) settle(cmd *cobra.Command) error {
	f.given = cmd.Flags().Changed
	f.source.Format = source.Format(f.format)
	f.source.TimeMayMiss = !f.given("time")
	columns, err := source.ParseColumns(f.columns)
	if err != nil {
		return err
	}
	f.source.Columns = columns
	if f.fold != string(store.Replace) && f.fold != string(store.Merge) {
		return fmt.Errorf("--fold %q: use replace or merge", f.fold)
	}
	if _, ok := orders[f.order]; !ok {
		return fmt.Errorf("--order %q: use time or arrival", f.order)
	}
	if _, ok := syncModes[f.sync]; !ok {
		return fmt.Errorf("--sync %q: use always, interval or never", f.sync)
	}
	return f.source.Validate()
}

var orders = map[string]store.Order{"time": store.ByTime, "arrival": store.ByArrival}

var syncModes = map[string]store.SyncMode{"always": store.SyncAlways, "interval": store.SyncInterval, "never": store.SyncNever}

// definition is the stream that the flags ask for. What they leave open is as
// it is stored.
func (f *importFlags) definition(db *store.DB) store.Stream {
	s := store.Stream{Name: f.source.Stream}
	all := db.Streams()
	i := slices.IndexFunc(all, func(k store.Stream) bool { return k.Name == s.Name })
	if i >= 0 {
		s = all[i]
	}
	if i < 0 || f.given("fold") {
		s.Fold = store.Fold(f.fold)
	}
	if i < 0 || f.given("order") {
		s.Order = orders[f.order]
	}
	if i < 0 || f.given("only-changes") {
		s.OnlyChanges = f.only
	}
	return s
}

// importFile opens what is needed, in an order that leaves nothing behind when
// a name is wrong.
func (a *app) importFile(ctx context.Context, f *importFlags, dir, name string) (err error) {
	in, size, err := a.openInput(name)
	if err != nil {
		return err
	}
	defer in.Close()
	if f.skipBad != "" {
		aside, err := createAside(f.skipBad, name)
		if err != nil {
			return err
		}
		defer func() {
			if cerr := aside.Close(); err == nil {
				err = cerr
			}
		}()
		f.source.Skip = aside
	}
	db, err := a.open(dir, &store.Options{Sync: syncModes[f.sync]})
	if err != nil {
		return err
	}
	err = a.importInto(ctx, db, f, in, size)
	if cerr := db.Close(); err == nil {
		err = cerr
	}
	return err
}

// openInput opens the input and says how many bytes it has, -1 if that is not
// known.
func (a *app) openInput(name string) (io.ReadCloser, int64, error) {
	if name == "-" {
		return io.NopCloser(a.in), -1, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, 0, fmt.Errorf("open input: %w", err)
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a directory", name)
	}
	if err != nil {
		file.Close()
		return nil, 0, fmt.Errorf("open input: %w", err)
	}
	if !info.Mode().IsRegular() {
		return file, -1, nil
	}
	return file, info.Size(), nil
}

// createAside makes the file for bad lines. What an earlier import left there
// is replaced: a run reads the whole input and finds all of its bad lines.
func createAside(name, input string) (*os.File, error) {
	if there, err := os.Stat(name); err == nil {
		if in, err := os.Stat(input); err == nil && os.SameFile(there, in) {
			return nil, fmt.Errorf("--skip-bad %s is the input itself", name)
		}
	}
	file, err := os.Create(name)
	if err != nil {
		return nil, fmt.Errorf("create file for bad lines: %w", err)
	}
	return file, nil
}

func (a *app) importInto(ctx context.Context, db *store.DB, f *importFlags, in io.Reader, size int64) error {
	if err := f.checkRepeat(db); err != nil {
		return err
	}
	if err := db.Define(ctx, f.definition(db)); err != nil {
		return err
	}
	bar := newProgress(a.err, "importing", size)
	r, err := source.NewReader(bar.reader(in), f.source)
	if err != nil {
		return err
	}
	l := &loader{db: db, split: f.source.ID != "" && f.source.Batch == "", loaded: bar.show}
	start := time.Now()
	err = l.load(ctx, r.Batches())
	bar.finish()
	if err != nil {
		return fmt.Errorf("%w; %s", err, l.summary())
	}
	fmt.Fprintf(a.out, "%s; %s\n", l.summary(), speed(l.stored+l.known, time.Since(start)))
	if n, first := r.Skipped(); n > 0 {
		fmt.Fprintf(a.out, "put %s aside in %s, the first: %s\n", count(n, "bad line"), f.skipBad, oneLine(first.Error()))
	}
	return nil
}

// checkRepeat refuses lines that cannot be told from those of an earlier
// import, unless they are said to be new.
func (f *importFlags) checkRepeat(db *store.DB) error {
	if f.source.ID != "" || f.source.Batch != "" || f.append {
		return nil
	}
	if !slices.ContainsFunc(db.Streams(), func(s store.Stream) bool { return s.Name == f.source.Stream }) {
		return nil
	}
	for _, err := range db.Latest().Events(store.EventQuery{Stream: f.source.Stream}) {
		if err != nil {
			return err
		}
		return fmt.Errorf("stream %q has events, and without --id or --batch a line that is stored already would be stored again: "+
			"name one of them, or give --append if all lines are new", f.source.Stream)
	}
	return nil
}
