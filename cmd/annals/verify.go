package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

func (a *app) verifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify DB",
		Short: "Read everything and say whether it is as it was written",
		Long: `Read everything and compare it: checksums, positions, times and versions, order
and statistics of sealed files, and the states with the fold of the events. Faults are listed; the exit status is then 2.`,
		Args: arguments("DB"),
	}
	format := formatFlagOf(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		a.damaged = true // to list all that is damaged
		return a.reading(args[0], func(db *store.DB) error {
			return a.verify(cmd.Context(), db, *format)
		})
	}
	return cmd
}

func (a *app) verify(ctx context.Context, db *store.DB, format formatFlag) error {
	var bar *progress
	report, err := db.Verify(ctx, func(done, total int64) {
		if bar == nil {
			bar = newProgress(a.err, "verifying", total)
		}
		bar.done.Store(done)
		bar.draw()
	})
	if bar != nil {
		bar.finish()
	}
	if err != nil {
		return a.printFaults(err, format)
	}
	switch format {
	case formatJSON:
		fmt.Fprintf(a.out, `{"ok":true,"position":%d,"events":%d,"sealed_files":%d,"frames":%d,"bytes":%d,"states":%d}`+"\n",
			report.Position, report.Events, report.Sealed, report.Frames, report.Bytes, report.States)
	case formatCSV:
		fmt.Fprintf(a.out, "ok,position,events,sealed_files,frames,bytes,states\ntrue,%d,%d,%d,%d,%d,%d\n",
			report.Position, report.Events, report.Sealed, report.Frames, report.Bytes, report.States)
	default:
		fmt.Fprintf(a.out, "%s %s in %s and %s of log, %s, %s: all as they should be\n", a.screen.paint(green, "✓"),
			count(report.Events, "event"), count(report.Sealed, "sealed file"), count(report.Frames, "frame"), byteSize(report.Bytes), count(report.States, "state"))
	}
	return nil
}

// printFaults lists what is wrong, if it is more than fits the line on
// standard error, which the error it returns becomes.
func (a *app) printFaults(err error, format formatFlag) error {
	faults := faultsOf(err)
	if len(faults) < 2 {
		return err
	}
	if format == formatCSV {
		fmt.Fprintln(a.out, "fault")
	}
	for _, f := range faults {
		fmt.Fprintln(a.out, faultLine(oneLine(f.Error()), format))
	}
	return fmt.Errorf("%d faults, the first: %w", len(faults), faults[0])
}

func faultLine(fault string, format formatFlag) string {
	switch format {
	case formatJSON:
		return string(segment.AppendJSONString([]byte(`{"fault":`), fault)) + "}"
	case formatCSV:
		return `"` + strings.ReplaceAll(fault, `"`, `""`) + `"`
	}
	return fault
}

// faultsOf takes joined errors apart.
func faultsOf(err error) []error {
	for e := err; e != nil; e = errors.Unwrap(e) {
		if joined, ok := e.(interface{ Unwrap() []error }); ok {
			return joined.Unwrap()
		}
	}
	return []error{err}
}
