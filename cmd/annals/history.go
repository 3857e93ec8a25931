package main

import (
	"github.com/spf13/cobra"

	"github.com/annalsdb/annals/store"
)

func (a *app) historyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "history DB STREAM KEY",
		Short: "List what happened to a key: when, what, and from what",
		Long: `List what happened to a key, in the order of its stream: when, what, and from
what. Retracted events are shown, with what retracted them.`,
		Example: `  annals history curl.db curl lib/krb4.c`,
		Args:    arguments("DB", "STREAM", "KEY"),
	}
	moments, format := momentFlagsOf(cmd), formatFlagOf(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return a.reading(args[0], func(db *store.DB) error {
			view, err := moments.view(db)
			if err != nil {
				return err
			}
			return a.print(recordsOf(view.History(args[1], args[2]), newTransition), transitionLayout, *format)
		})
	}
	return cmd
}
