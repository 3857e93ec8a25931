package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/annalsdb/annals/query"
	"github.com/annalsdb/annals/store"
)

func (a *app) shellCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "shell DB",
		Short: "Ask one SELECT after another at a prompt",
		Long: `Ask one SELECT after another: each ends with a semicolon and may take several
lines. Ctrl-C gives up what is being written, and ends a query that takes too
long. Tab completes keywords, functions, streams and fields; the arrow keys and
Ctrl-R find earlier statements, which are kept in annals/history below
$XDG_STATE_HOME or ~/.local/state.

` + shellHelp() + `
Standard input may be a script: then nothing is prompted, a statement that fails
does not keep the others from being run, and the exit status is 2 in the end.`,
		Example: `  annals shell curl.db
  annals shell curl.db < report.sql`,
		Args: arguments("DB"),
	}
	format := formatFlagOf(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.reading(args[0], func(db *store.DB) error {
			sh := &shell{app: a, db: db, format: *format, timing: true}
			return sh.run(cmd.Context())
		})
	}
	return cmd
}

// shell asks what it reads.
type shell struct {
	*app
	db     *store.DB
	lines  lineSource
	format formatFlag
	timing bool

	at      string // the moment that is looked at, "" = the newest
	moments []store.Moment
	last    *kept  // the last answer
	pending string // the beginning of a statement
	failed  int
}

// errQuit ends a shell.
var errQuit = errors.New("quit")

// run reads and asks until there is no more. At a terminal failures are only
// told: somebody has seen them.
func (sh *shell) run(ctx context.Context) (err error) {
	interactive := isTerminal(sh.in) && isTerminal(sh.out)
	if interactive {
		// From here on Ctrl-C is about a line or a query, not about the shell.
		signal.Reset(os.Interrupt, syscall.SIGTERM)
		ctx = context.WithoutCancel(ctx)
		sh.edit()
	} else {
		sh.lines = script{bufio.NewReader(sh.in)}
	}
	defer func() { err = errors.Join(err, sh.lines.close()) }()
	if err := sh.read(ctx); err != nil {
		return err
	}
	if sh.failed > 0 && !interactive {
		return fmt.Errorf("%s failed", count(sh.failed, "statement"))
	}
	return nil
}

// edit makes the lines come from an editor.
func (sh *shell) edit() {
	c := &completer{
		catalog: query.View(sh.db.Latest()), fields: map[string][]string{},
		aggregates: sh.aggregates, before: func() string { return sh.pending },
	}
	e, err := newEditor(c.complete)
	if err != nil {
		sh.tell(err)
	}
	sh.lines = e
	fmt.Fprintf(sh.out, "%s, %s. \\help tells more, \\q ends.\n",
		count(len(sh.listed()), "stream"), count(sh.db.Latest().Seq(), "event"))
}

// aggregates is the names of those that are maintained.
func (sh *shell) aggregates() (names []string) {
	for _, a := range sh.db.Aggregates() {
		names = append(names, a.Definition().Name)
	}
	return names
}

// read takes line after line.
func (sh *shell) read(ctx context.Context) error {
	for {
		line, err := sh.lines.next(sh.prompt())
		switch {
		case errors.Is(err, errAborted):
			sh.pending = ""
			continue
		case errors.Is(err, io.EOF):
			return sh.end(ctx)
		case err != nil:
			return fmt.Errorf("read: %w", err)
		}
		if err := sh.take(ctx, line); errors.Is(err, errQuit) {
			return nil
		}
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
	}
}

// prompt is as wide for the lines that go on.
func (sh *shell) prompt() string {
	first := "annals> "
	if sh.at != "" {
		first = "annals " + sh.at + "> "
	}
	if sh.pending == "" {
		return first
	}
	return padLeft("-> ", width(first))
}

// end asks what was left without a semicolon.
func (sh *shell) end(ctx context.Context) error {
	if isTerminal(sh.in) {
		fmt.Fprintln(sh.out) // behind the prompt
		return nil
	}
	if statement, _, _ := query.Statement(sh.pending); statement != "" {
		sh.statement(ctx, statement)
	}
	return nil
}

// take takes one line: a \command, or a part of a statement.
func (sh *shell) take(ctx context.Context, line string) error {
	if sh.pending == "" && strings.HasPrefix(strings.TrimSpace(line), `\`) {
		line = strings.TrimSpace(line)
		sh.lines.remember(line)
		err := sh.command(line)
		if err != nil && !errors.Is(err, errQuit) {
			sh.tell(err)
		}
		return err
	}
	sh.pending += line + "\n"
	for {
		statement, rest, ok := query.Statement(sh.pending)
		if !ok {
			sh.pending = ""
			if statement != "" {
				sh.pending = strings.TrimLeft(statement, " \t\r\n")
			}
			return nil
		}
		sh.pending = rest
		if line := oneStatement(statement); line != "" {
			sh.lines.remember(line)
		}
		sh.statement(ctx, statement)
		if ctx.Err() != nil {
			return nil
		}
	}
}

// oneStatement is a statement on one line, for the history. A comment to the end
// of a line would swallow the rest: then it is the query as it is printed. There
// is no line, "", for a string of several.
func oneStatement(text string) string {
	joined := strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), " ")
	q, err := query.Parse(text)
	if err != nil {
		return joined
	}
	for _, line := range []string{joined, q.String() + ";"} {
		if again, err := query.Parse(line); err == nil && again.Equal(q) && !strings.Contains(line, "\n") {
			return line
		}
	}
	return ""
}

// statement asks one statement and tells what went wrong.
func (sh *shell) statement(ctx context.Context, text string) {
	if strings.TrimSpace(text) == ";" {
		return
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	reader, err := query.DB(sh.db, sh.moments...)
	if err == nil {
		q := &question{text: strings.TrimSpace(text), format: sh.format, timing: sh.timing, kept: &kept{}}
		if err = sh.ask(ctx, reader, q); err == nil || errors.Is(err, errAbsent) {
			sh.last, err = q.kept, nil
		}
	}
	if err != nil {
		sh.tell(err)
	}
}

// tell says what went wrong.
func (sh *shell) tell(err error) {
	sh.failed++
	fmt.Fprintln(sh.err, sh.screen.paint(red, "error: ")+errorText(err))
}
