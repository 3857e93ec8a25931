package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/annalsdb/annals/query"
	"github.com/annalsdb/annals/store"
)

func (a *app) queryCommand() *cobra.Command {
	var file string
	var given []string
	cmd := &cobra.Command{
		Use:   "query DB|FILE [SELECT]",
		Short: "Answer a SELECT: events, states, histories and changes, at any moment",
		Long: `Answer a SELECT. Its text is the argument, or standard input if that is -, or a
file. Tables end with the number of rows, the time taken, the position that the
answer is exact at and what was read for it.

In place of a database there can be a sealed file (.seg), a copy of one too: its
events are asked for, not their states.

` + paramSyntax + `

In json and csv a second column of the same name is called NAME_2.`,
		Example: `  annals query curl.db "SELECT author, count(*) AS n FROM curl GROUP BY author ORDER BY n DESC LIMIT 10"
  annals query curl.db 'SELECT key, size FROM STATE OF curl AS OF $1 ORDER BY size DESC LIMIT 5' --param 1=2010-06-01
  annals query curl.db --file report.sql --format csv > report.csv
  annals query 00000000000000000001-00000000000000148529.seg 'SELECT count(*) FROM curl'`,
		Args: arguments("DB|FILE", "[SELECT]"),
	}
	cmd.Flags().StringVar(&file, "file", "", "read the text from this `FILE`")
	cmd.Flags().StringArrayVar(&given, "param", nil, "the value of a parameter, `N=VALUE`; can be given several times")
	moments, format := momentFlagsOf(cmd), formatFlagOf(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		text, err := a.queryText(args[1:], file)
		if err != nil {
			return err
		}
		params, err := paramsOf(given)
		if err != nil {
			return err
		}
		q := &question{text: text, params: params, format: *format, timing: true}
		if info, err := os.Stat(args[0]); err == nil && info.Mode().IsRegular() {
			return a.askFile(cmd.Context(), args[0], moments, q)
		}
		return a.reading(args[0], func(db *store.DB) error {
			reader, err := query.DB(db, moments.list()...)
			if err != nil {
				return err
			}
			return a.ask(cmd.Context(), reader, q)
		})
	}
	return cmd
}

// queryText is the text of a query given as an argument, on standard input or in
// a file.
func (a *app) queryText(args []string, file string) (string, error) {
	switch {
	case len(args) > 0 && file != "":
		return "", errors.New("both a SELECT and --file are given")
	case len(args) == 0 && file == "":
		return "", errors.New("no SELECT: give it as an argument, as - on standard input, or as --file FILE")
	case file != "":
		text, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("read query: %w", err)
		}
		return string(text), nil
	case args[0] == "-":
		text, err := io.ReadAll(a.in)
		if err != nil {
			return "", fmt.Errorf("read query: %w", err)
		}
		return string(text), nil
	}
	return args[0], nil
}

// question is a query and how its answer is to look.
type question struct {
	text   string
	params []any
	format formatFlag
	timing bool
	kept   *kept // where its first rows go, nil = nowhere
}

// askFile answers a question of a sealed file.
func (a *app) askFile(ctx context.Context, path string, moments *momentFlags, q *question) error {
	f, err := store.OpenFile(path)
	if err != nil {
		return err
	}
	at, err := f.At(moments.list()...)
	if err == nil {
		err = a.ask(ctx, query.File(at), q)
	}
	if cerr := f.Close(); cerr != nil && (err == nil || errors.Is(err, errAbsent)) {
		err = cerr
	}
	return err
}

// ask answers a question on standard output. Without rows it reports errAbsent.
func (a *app) ask(ctx context.Context, of query.Reader, q *question) error {
	parsed, err := query.Parse(q.text)
	if err != nil {
		return err
	}
	waiting := newWaiting(a.err)
	defer waiting.finish()
	result, err := query.Run(ctx, of, parsed, q.params...)
	if err != nil {
		return err
	}
	found := answer{names: result.Columns(), rows: result.Rows()}
	if plan := !parsed.Explain(query.NotExplained).Equal(parsed); plan && q.format == formatTable {
		return interrupted(ctx, found.writeLines(waiting.before(a.out)))
	}
	if q.kept != nil {
		found.rows = q.kept.keeping(&found)
	}
	n, omitted, err := found.write(waiting.before(a.out), a.screen, q.format)
	waiting.finish()
	if err != nil {
		return interrupted(ctx, err)
	}
	if q.timing {
		stats := result.Stats()
		if err := a.tellCost(q.format, n, omitted, &stats); err != nil {
			return err
		}
	}
	if n == 0 {
		return errAbsent
	}
	return nil
}

// interrupted is err, or that somebody ended what it comes from.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return errors.New("interrupted")
	}
	return err
}
