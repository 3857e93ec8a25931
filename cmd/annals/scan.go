package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/annalsdb/annals/store"
)

func (a *app) scanCommand() *cobra.Command {
	var r store.Range
	var limit int
	cmd := &cobra.Command{
		Use:   "scan DB STREAM",
		Short: "List the states of all keys, in the order of the keys",
		Example: `  annals scan curl.db curl --prefix lib/ --known-by 2010-06-01
  annals scan curl.db curl --format csv > tree.csv`,
		Args: arguments("DB", "STREAM"),
	}
	cmd.Flags().StringVar(&r.Prefix, "prefix", "", "only keys that begin with this")
	cmd.Flags().BoolVar(&r.Reverse, "reverse", false, "last key first")
	cmd.Flags().IntVar(&limit, "limit", 0, "at most this many, 0 for all")
	moments, format := momentFlagsOf(cmd), formatFlagOf(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if limit < 0 {
			return errors.New("--limit cannot be negative")
		}
		return a.reading(args[0], func(db *store.DB) error {
			view, err := moments.view(db)
			if err != nil {
				return err
			}
			found := recordsOf(view.Scan(args[1], r), newStateRecord)
			return a.print(limited(found, limit), stateLayout, *format)
		})
	}
	return cmd
}
