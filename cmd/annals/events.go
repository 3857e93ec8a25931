package main

import (
	"github.com/spf13/cobra"

	"github.com/annalsdb/annals/store"
)

func (a *app) eventsCommand() *cobra.Command {
	var q store.EventQuery
	var since, until timeFlag
	cmd := &cobra.Command{
		Use:   "events DB [STREAM]",
		Short: "List the events themselves, in the order they were stored",
		Example: `  annals events curl.db --from 148000 --type deleted
  annals events curl.db curl --since 2010-01-01 --until 2010-02-01 --format json`,
		Args: arguments("DB", "[STREAM]"),
	}
	flags := cmd.Flags()
	flags.Uint64Var(&q.From, "from", 0, "first position (`SEQ`)")
	flags.Uint64Var(&q.To, "to", 0, "last position (`SEQ`), inclusive")
	flags.Var(&since, "since", "only what happened at this `TIME` or later")
	flags.Var(&until, "until", "only what happened before this `TIME`")
	flags.StringArrayVar(&q.Types, "type", nil, "only events of this type; can be given several times")
	flags.StringVar(&q.KeyPrefix, "prefix", "", "only keys that begin with this")
	format := formatFlagOf(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		q.Since, q.Until = since.Time, until.Time
		if len(args) > 1 {
			q.Stream = args[1]
		}
		return a.reading(args[0], func(db *store.DB) error {
			l, newRecord := eventTable(q.Stream)
			return a.print(recordsOf(db.Latest().Events(q), newRecord), l, *format)
		})
	}
	return cmd
}
