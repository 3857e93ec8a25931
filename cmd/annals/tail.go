package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/annalsdb/annals/store"
)

func (a *app) tailCommand() *cobra.Command {
	var q store.TailQuery
	var since timeFlag
	cmd := &cobra.Command{
		Use:   "tail DB [STREAM]",
		Short: "Follow the events as they are stored, until Ctrl-C",
		Long: `Follow the events: those stored already, then new ones as they come, until
Ctrl-C. As CSV the fields are one column of JSON: which there will be cannot be
known beforehand.`,
		Example: `  annals tail curl.db curl --from 148500 --format json`,
		Args:    arguments("DB", "[STREAM]"),
	}
	flags := cmd.Flags()
	flags.Uint64Var(&q.From, "from", 0, "begin at this position (`SEQ`)")
	flags.Var(&since, "since", "begin at the first event recorded at this `TIME` or later")
	flags.StringArrayVar(&q.Types, "type", nil, "only events of this type; can be given several times")
	flags.StringVar(&q.KeyPrefix, "prefix", "", "only keys that begin with this")
	flags.BoolVar(&q.New, "new", false, "only what comes from now on")
	cmd.MarkFlagsMutuallyExclusive("from", "since", "new")
	format := formatFlagOf(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		q.Since = since.Time
		if len(args) > 1 {
			q.Streams = args[1:]
		}
		return a.reading(args[0], func(db *store.DB) error {
			return a.tail(cmd.Context(), db, q, *format)
		})
	}
	return cmd
}

// tail prints events until ctx ends, which is how a tail is meant to end.
func (a *app) tail(ctx context.Context, db *store.DB, q store.TailQuery, format formatFlag) error {
	write := a.tailWriter(format, strings.Join(q.Streams, " "))
	for e, err := range db.Tail(ctx, q) {
		if err != nil {
			if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
				return nil
			}
			return err
		}
		if err := write(&e); err != nil {
			return fmt.Errorf("write output: %w", err)
		}
	}
	return nil
}

// tailWriter is what prints one event at once: the next may be long in coming.
func (a *app) tailWriter(format formatFlag, stream string) func(e *store.Event) error {
	switch format {
	case formatJSON:
		return func(e *store.Event) error {
			_, err := a.out.Write(append(eventRecord{Event: *e}.appendJSON(nil), '\n'))
			return err
		}
	case formatCSV:
		return a.tailCSV()
	}
	l, newRecord := eventTable(stream)
	t := newTable(a.out, a.screen, l.table)
	for i, name := range l.table { // they cannot be measured ahead
		t.widths[i] = tailWidths[name]
	}
	return func(e *store.Event) error {
		if err := t.add(newRecord(*e).row()); err != nil {
			return err
		}
		return t.close(nil)
	}
}

// tailWidths are the columns to begin with.
var tailWidths = map[string]int{"seq": 7, "time": 19, "stream": 8, "key": 24, "type": 8}

func (a *app) tailCSV() func(e *store.Event) error {
	out := csv.NewWriter(a.out)
	begun := false
	return func(e *store.Event) error {
		if !begun {
			begun = true
			if err := out.Write(append(slices.Clone(eventLayout.csv), "fields")); err != nil {
				return err
			}
		}
		if err := out.Write(append(eventRecord{Event: *e}.cells(), string(e.Fields.AppendJSON(nil)))); err != nil {
			return err
		}
		out.Flush()
		return out.Error()
	}
}
