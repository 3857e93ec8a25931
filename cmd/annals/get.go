package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/annalsdb/annals/store"
)

func (a *app) getCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "get DB STREAM KEY",
		Short: "Show the state of a key, now or at any moment",
		Example: `  annals get curl.db curl lib/url.c
  annals get curl.db curl lib/url.c --known-by 2010-06-01`,
		Args: arguments("DB", "STREAM", "KEY"),
	}
	moments, format := momentFlagsOf(cmd), formatFlagOf(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return a.reading(args[0], func(db *store.DB) error {
			return a.get(db, moments, *format, args[1], args[2])
		})
	}
	return cmd
}

func (a *app) get(db *store.DB, moments *momentFlags, format formatFlag, stream, key string) error {
	view, err := moments.view(db)
	if err != nil {
		return err
	}
	state, ok, err := view.Get(stream, key)
	if err != nil {
		return err
	}
	if !ok {
		return errAbsent
	}
	if format == formatTable {
		return a.printState(&state)
	}
	return a.print(func(yield func(record, error) bool) { yield(newStateRecord(state), nil) }, stateLayout, format)
}

// printState shows one state as a list of names and values.
func (a *app) printState(s *store.State) error {
	names := []string{"stream", "key", "type", "time", "recorded", "seq", "version"}
	values := []string{
		s.Stream, s.Key, s.Type, fullTime(s.Time), fullTime(s.Recorded), decimal(s.Seq), decimal(s.Version),
	}
	for _, f := range s.Fields {
		names, values = append(names, "  "+f.Name), append(values, f.Value.String())
	}
	column := 0
	for i, name := range names {
		names[i] = sanitize(name)
		column = max(column, width(names[i]))
	}
	var b strings.Builder
	for i, name := range names {
		line := a.screen.paint(dim, pad(name, column)) + "  " + sanitize(values[i])
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	if _, err := a.out.Write([]byte(b.String())); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}
