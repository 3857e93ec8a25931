package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/query"
	"github.com/annalsdb/annals/store"
)

// aggregateFlags are those of the command aggregate.
type aggregateFlags struct {
	from, to timeFlag
	knownAt  uint64
	format   *formatFlag
	plot     bool
	svg      string
	column   string
}

func (a *app) aggregateCommand() *cobra.Command {
	var f aggregateFlags
	cmd := &cobra.Command{
		Use:   "aggregate DB create|list|read|watch|drop [NAME] [SELECT]",
		Short: "Keep what a SELECT adds up, by group and window, up to date for ever",
		Long: `Keep what a SELECT adds up, by group and window, up to date for ever.

  create NAME SELECT  keep it from now on, and wait until history is built in
  list                what is kept, up to which position, and whether it is built
  read NAME           the windows, with their status: provisional while events are
                      expected, then final, revised where some came after that
  watch NAME          the windows, then each change of one, until Ctrl-C
  drop NAME           end it

Behind the SELECT of create may stand when windows are complete (WATERMARK), how
long after that they stay provisional (GRACE) and how long they are kept (KEEP):

  create warm "SELECT avg(celsius) FROM readings GROUP BY WINDOW day
    WATERMARK BY sensor BOUND INTERVAL '5 minutes' KEEP INTERVAL '365 days'"

--svg draws a picture: over windows a line for each of the eight groups with the
most in them, dashed to what is provisional, in the zone of the windows; without
windows a bar for each group.

A SELECT that asks more of it, such as ORDER BY, is one FROM its name, by query.`,
		Example: `  annals aggregate curl.db create monthly "SELECT author, count(*) AS n FROM curl GROUP BY author, WINDOW month"
  annals aggregate curl.db read monthly --from 2024-01-01 --plot
  annals aggregate curl.db read monthly --svg monthly.svg
  annals query curl.db "SELECT author, sum(n) AS n FROM monthly GROUP BY author ORDER BY n DESC LIMIT 5"`,
		Args: arguments("DB", "create|list|read|watch|drop", "[NAME]", "[SELECT]"),
	}
	flags := cmd.Flags()
	flags.Var(&f.from, "from", "of read: windows that begin at this `TIME` or later; sliding ones of events then")
	flags.Var(&f.to, "to", "of read: windows that begin before this `TIME`; sliding ones of events before it")
	flags.Uint64Var(&f.knownAt, "known-at", 0, "of read: what was known at this position (`SEQ`)")
	flags.BoolVar(&f.plot, "plot", false, "of read: draw it: a line over time, one for each group, or bars")
	flags.StringVar(&f.svg, "svg", "", "of read and watch: draw it into this `FILE`, again after changes if it is watched")
	flags.StringVar(&f.column, "column", "", "of --plot and --svg: the column to draw; without it the first of numbers")
	f.format = formatFlagOf(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		names := map[string]int{"create": 2, "list": 0, "read": 1, "watch": 1, "drop": 1}
		n, ok := names[args[1]]
		switch {
		case !ok:
			return fmt.Errorf("no %q: want create, list, read, watch or drop", args[1])
		case len(args)-2 != n:
			return fmt.Errorf("%s wants %s, got %s", args[1], []string{"no more", "NAME", "NAME SELECT"}[n], count(len(args)-2, "argument"))
		}
		for _, flag := range []string{"from", "to", "known-at", "plot", "svg", "column"} {
			if cmd.Flags().Changed(flag) && args[1] != "read" && !(args[1] == "watch" && (flag == "svg" || flag == "column")) {
				return fmt.Errorf("%s has no --%s: read has it", args[1], flag)
			}
		}
		return a.reading(args[0], func(db *store.DB) error {
			return a.aggregate(cmd.Context(), db, args[1], args[2:], &f)
		})
	}
	return cmd
}

// aggregate carries out what is to be done with an aggregate.
func (a *app) aggregate(ctx context.Context, db *store.DB, verb string, args []string, f *aggregateFlags) error {
	switch verb {
	case "create":
		return a.createAggregate(ctx, db, args[0], args[1])
	case "read":
		return a.readAggregate(ctx, db, args[0], f)
	case "watch":
		return a.watchAggregate(ctx, db, args[0], f)
	case "drop":
		return a.carryOut(ctx, db, query.DropAggregate(args[0]))
	}
	reader, err := query.DB(db)
	if err != nil {
		return err
	}
	return a.ask(ctx, reader, &question{text: query.ShowAggregates().String(), format: *f.format})
}

// carryOut carries out a statement whose answer says no more than that it was.
func (a *app) carryOut(ctx context.Context, db *store.DB, q query.Query) error {
	reader, err := query.DB(db)
	if err == nil {
		_, err = query.Run(ctx, reader, q)
	}
	return err
}

// createAggregate defines an aggregate and waits until it is built: a command that
// ends is one that keeps nothing any more.
func (a *app) createAggregate(ctx context.Context, db *store.DB, name, text string) error {
	q, err := query.Parse("CREATE AGGREGATE " + quoted(name) + " AS " + text)
	if err == nil {
		err = a.carryOut(ctx, db, q)
	}
	if err != nil {
		return err
	}
	of, err := db.Aggregate(name)
	if err != nil {
		return err
	}
	waiting := newWaiting(a.err)
	defer waiting.finish()
	for !built(of) {
		select {
		case <-ctx.Done():
			return errors.New("interrupted: the rest is built when the database is open again")
		case <-time.After(5 * time.Millisecond):
		}
	}
	return nil
}

// built reports whether all windows are kept, of the newest definition.
func built(of *store.Aggregate) bool {
	p := of.Progress()
	return p.Built && p.Replaced == nil
}

// readAggregate prints or draws the windows.
func (a *app) readAggregate(ctx context.Context, db *store.DB, name string, f *aggregateFlags) error {
	of, err := db.Aggregate(name)
	if err != nil {
		return err
	}
	reader, err := query.DB(db)
	if err != nil {
		return err
	}
	d := of.Definition()
	q := f.results(&d)
	if f.svg != "" {
		if err := a.drawAggregate(ctx, reader, q, &d, f); err != nil || !f.plot {
			return err
		}
	}
	if f.plot {
		return a.plotAggregate(ctx, reader, q, len(d.By), f.column)
	}
	return a.ask(ctx, reader, &question{text: q.String(), format: *f.format, timing: true})
}

// results asks for the windows in their order. A sliding window is of the event that it
// ends with, and begins long before it.
func (f *aggregateFlags) results(d *aggregate.Definition) query.Query {
	source := query.EventsOf(d.Name)
	before := time.Duration(0)
	if w, ok := d.Window.(aggregate.Sliding); ok {
		before = w.Size - 1
	}
	if !f.from.IsZero() || !f.to.IsZero() {
		source = source.FromTo(f.start(before), f.end(before))
	}
	if f.knownAt > 0 {
		source = source.KnownAt(int64(f.knownAt))
	}
	return query.FromSource(source).OrderBy(query.Col("window_start"))
}

// The first and the last moment that there is.
var firstTime, lastTime = time.Unix(0, -1<<63).UTC(), time.Unix(0, 1<<63-1).UTC()

func (f *aggregateFlags) start(before time.Duration) time.Time {
	if f.from.IsZero() {
		return firstTime
	}
	return f.from.Add(-before)
}

func (f *aggregateFlags) end(before time.Duration) time.Time {
	if f.to.IsZero() {
		return lastTime
	}
	return f.to.Add(-before)
}

// watchAggregate prints changes until ctx ends, which is how a watch is meant to end.
func (a *app) watchAggregate(ctx context.Context, db *store.DB, name string, f *aggregateFlags) (err error) {
	if _, err := query.DB(db); err != nil { // expressions are handed over again
		return err
	}
	of, err := db.Aggregate(name)
	if err != nil {
		return err
	}
	changed := func() {}
	if f.svg != "" {
		var stop context.CancelFunc
		ctx, stop = context.WithCancel(ctx)
		defer stop()
		r := newRedraw(ctx, func() error { return a.drawNow(context.WithoutCancel(ctx), db, of, f) }, stop)
		defer func() { err = cmp.Or(r.close(), err) }()
		changed = r.change
	}
	for c, err := range of.Watch(ctx) {
		if err != nil {
			if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
				return nil
			}
			return err
		}
		if _, err := fmt.Fprintln(a.out, changeLine(&c)); err != nil {
			return fmt.Errorf("write output: %w", err)
		}
		changed()
	}
	return nil
}

// drawNow draws what an aggregate has come to.
func (a *app) drawNow(ctx context.Context, db *store.DB, of *store.Aggregate, f *aggregateFlags) error {
	reader, err := query.DB(db)
	if err != nil {
		return err
	}
	d := of.Definition()
	return a.drawAggregate(ctx, reader, f.results(&d), &d, f)
}

// changeLine is a change on a line: window, group, values before and after, status.
func changeLine(c *store.AggregateChange) string {
	r := c.New
	if r == nil {
		r = c.Old
	}
	line := fmt.Sprintf("%d  %s", c.Seq, r.Window)
	for _, v := range r.Group {
		line += "  " + label(v)
	}
	values := func(of []query.Value) string {
		var all []string
		for _, v := range of {
			all = append(all, label(v))
		}
		return strings.Join(all, ", ")
	}
	switch {
	case c.New == nil:
		return line + "  " + values(c.Old.Values) + " → withdrawn"
	case c.Old != nil:
		line += "  " + values(c.Old.Values) + " →"
	}
	return line + "  " + values(c.New.Values) + "  " + c.New.Status.String()
}
