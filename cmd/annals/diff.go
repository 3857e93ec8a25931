package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/annalsdb/annals/store"
)

func (a *app) diffCommand() *cobra.Command {
	var from, to string
	cmd := &cobra.Command{
		Use:   "diff DB STREAM --from MOMENT --to MOMENT",
		Short: "List the keys whose state differs between two moments",
		Long: `List the keys whose state differs between two moments, with the events that
explain it. A MOMENT is ` + momentSyntax + `:

  2023-03-20             what was true on that day
  known:2023-03-20       what was known on that day
  seq:1200               what was known at position 1200
  2023-03-20,seq:1200    what was true on that day, as known at position 1200
  latest`,
		Example: `  annals diff curl.db curl --from known:2023-03-20 --to known:2023-05-17`,
		Args:    arguments("DB", "STREAM"),
	}
	cmd.Flags().StringVar(&from, "from", "", "the first `MOMENT`")
	cmd.Flags().StringVar(&to, "to", "", "the second `MOMENT`")
	format := formatFlagOf(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		moments, err := parseMoments(from, to)
		if err != nil {
			return err
		}
		return a.reading(args[0], func(db *store.DB) error {
			return a.diff(db, args[1], moments, *format)
		})
	}
	return cmd
}

// parseMoments reads both moments of diff.
func parseMoments(from, to string) (m [2][]store.Moment, err error) {
	if m[0], err = parseMoment(from); err != nil {
		return m, fmt.Errorf("--from: %w", err)
	}
	if m[1], err = parseMoment(to); err != nil {
		return m, fmt.Errorf("--to: %w", err)
	}
	return m, nil
}

func (a *app) diff(db *store.DB, stream string, moments [2][]store.Moment, format formatFlag) error {
	from, err := db.View(moments[0]...)
	if err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	to, err := db.View(moments[1]...)
	if err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	found := recordsOf(from.Diff(to, stream), func(d store.Difference) record { return difference{stream, d} })
	return a.print(found, differenceLayout, format)
}
