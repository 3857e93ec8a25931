package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/annalsdb/annals/query"
)

// Exit statuses.
const (
	statusFound   = 0
	statusAbsent  = 1
	statusFailure = 2
)

// errAbsent says that what was asked for is not there. It is no failure.
var errAbsent = errors.New("not there")

// app is what the commands share: where they read and write.
type app struct {
	damaged  bool // open what is left of a damaged database
	in       io.Reader
	out, err io.Writer
	screen   screen // of out
}

// run carries out one command line and returns the exit status.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	a := &app{in: in, out: out, err: errOut, screen: screenOf(out)}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	cmd, err := root.ExecuteContextC(ctx)
	switch {
	case err == nil:
		return statusFound
	case errors.Is(err, errAbsent):
		if screenOf(errOut).width > 0 { // a person at a terminal wonders about silence
			fmt.Fprintf(errOut, "%s: not there\n", cmd.CommandPath())
		}
		return statusAbsent
	}
	fmt.Fprintf(errOut, "%s: %s\n", cmd.CommandPath(), errorText(err))
	return statusFailure
}

// errorText is an error on one line, but what is wrong with a query above the
// line of it and a caret.
func errorText(err error) string {
	wrong, ok := errors.AsType[*query.Error](err)
	if !ok {
		return oneLine(err.Error())
	}
	lines := strings.Split(strings.ReplaceAll(wrong.Error(), "\t", " "), "\n")
	for i, line := range lines {
		lines[i] = sanitize(line)
	}
	return strings.TrimPrefix(strings.Join(lines, "\n"), "query, ")
}

// oneLine puts an error on one line.
func oneLine(text string) string {
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	return sanitize(strings.Join(lines, "; "))
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "annals",
		Short: "An embedded event store: every change, and the state at any moment",
		Long: `annals keeps every change of every key and answers what is true now, what was
true at any moment, and what happened in between.

Begin with "annals demo": it imports 26 years of a real project's changes and
shows what can be asked of them.

Reading commands print a table, JSON (an object a line) or CSV. Tables show
times in UTC and, on a terminal, are cut at its edge. CSV has a column for each
field that any row has; members of nested objects are columns under their path
(data.size), arrays stay JSON, absent fields and nulls are empty.

Exit status: 0 found or done, 1 not there, 2 wrong use or failure, with one line
on standard error, or three that show what is wrong with a query.`,
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.PersistentFlags().BoolVar(&a.damaged, "damaged", false, "read what is left of a damaged database")
	root.AddCommand(
		a.demoCommand(), a.importCommand(),
		a.getCommand(), a.scanCommand(), a.historyCommand(), a.eventsCommand(), a.diffCommand(), a.tailCommand(),
		a.queryCommand(), a.shellCommand(), a.aggregateCommand(),
		a.statsCommand(), a.verifyCommand(), a.dumpCommand(),
	)
	return root
}

// arguments checks the number of arguments against names like "DB" and
// "[STREAM]", which is optional.
func arguments(names ...string) cobra.PositionalArgs {
	needed := 0
	for _, n := range names {
		if !strings.HasPrefix(n, "[") {
			needed++
		}
	}
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < needed || len(args) > len(names) {
			return fmt.Errorf("want %s, got %s", strings.Join(names, " "), count(len(args), "argument"))
		}
		return nil
	}
}

// count is "1 file", "2 files", "1,024 files".
func count[T ~int | ~int64 | ~uint64](n T, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	plural := noun + "s"
	if strings.HasSuffix(noun, "ch") {
		plural = noun + "es"
	}
	return thousands(n) + " " + plural
}

// thousands is n, which is not negative, with its digits in groups of three.
func thousands[T ~int | ~int64 | ~uint64](n T) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
