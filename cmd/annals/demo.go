package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/annalsdb/annals/cmd/annals/demo"
	"github.com/annalsdb/annals/store"
)

func (a *app) demoCommand() *cobra.Command {
	var dir string
	var keep bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Import the history of curl and show what can be asked of it",
		Long: `Import the history of the curl source tree, 1999 to 2026, into a temporary
directory and show what can be asked of it: the state now and at a moment in
2010, the history of a file, what changed between two releases.

With --dir or --keep the database stays, to try the other commands on.`,
		Args: arguments(),
	}
	cmd.Flags().StringVar(&dir, "dir", "", "put the database into this `DIRECTORY` and keep it")
	cmd.Flags().BoolVar(&keep, "keep", false, "keep the temporary directory")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return a.demo(cmd.Context(), dir, keep) }
	return cmd
}

// demo makes the database, shows it, and takes it away unless it is to be kept.
func (a *app) demo(ctx context.Context, dir string, keep bool) (err error) {
	keep = keep || dir != ""
	if dir == "" {
		if dir, err = os.MkdirTemp("", "annals-demo-"); err != nil {
			return fmt.Errorf("make directory: %w", err)
		}
	}
	if !keep {
		defer func() {
			if rerr := os.RemoveAll(dir); err == nil && rerr != nil {
				err = fmt.Errorf("remove directory: %w", rerr)
			}
		}()
	}
	// A crash of the machine may cost a demo its last tenth of a second.
	db, err := a.open(dir, &store.Options{Sync: store.SyncInterval})
	if err != nil {
		return err
	}
	err = a.show(ctx, db, dir)
	if cerr := db.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		a.suggest(dir, keep)
	}
	return err
}

// show imports the history and prints the answers.
func (a *app) show(ctx context.Context, db *store.DB, dir string) error {
	page := newPage(a.screen)
	page.line(page.paint(title, "annals demo") + page.paint(dim, " · every change to every file of curl, 1999 to 2026"))
	page.line("")
	if err := a.flush(page); err != nil {
		return err
	}
	start := time.Now()
	l, err := a.loadHistory(ctx, db)
	if err != nil {
		return err
	}
	if err := db.Checkpoint(ctx); err != nil {
		return err
	}
	took := time.Since(start)
	page.line(imported(l, took) + page.paint(dim, " · "+onDisk(dir)))
	page.line("")
	if err := page.answers(db); err != nil {
		return err
	}
	return a.flush(page)
}

func (a *app) flush(p *page) error {
	if _, err := a.out.Write([]byte(p.take())); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

// loadHistory imports the bundled history, with a bar.
func (a *app) loadHistory(ctx context.Context, db *store.DB) (*loader, error) {
	if err := db.Define(ctx, demo.Stream); err != nil {
		return nil, err
	}
	bar := newProgress(a.err, "importing", demo.Size())
	defer bar.finish()
	l := &loader{db: db, loaded: bar.show}
	for c, err := range demo.Commits(bar.done.Store) {
		if ctx.Err() != nil {
			return nil, errors.New("interrupted")
		}
		if err == nil {
			err = l.append(context.WithoutCancel(ctx), c.Batch.Events, c.Batch.Recorded)
		}
		if err != nil {
			return nil, err
		}
		l.batches++
		l.loaded(l.stored + l.known)
	}
	return l, nil
}

// imported says what the import did. A directory used before has it all.
func imported(l *loader, took time.Duration) string {
	if l.stored == 0 {
		return fmt.Sprintf("%s known already, %s", count(l.known, "event"), duration(took))
	}
	return fmt.Sprintf("%s in %s, %s", count(l.stored, "event"), count(l.batches, "commit"), speed(l.stored, took))
}

// onDisk is the size of the files in dir.
func onDisk(dir string) string {
	var total int64
	files, err := os.ReadDir(dir)
	if err != nil {
		return "unknown on disk"
	}
	for _, f := range files {
		if info, err := f.Info(); err == nil {
			total += info.Size()
		}
	}
	return byteSize(total) + " on disk"
}

// byteSize is n as "31.2 MB".
func byteSize(n int64) string {
	units := []string{"kB", "MB", "GB", "TB"}
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	f, unit := float64(n)/1000, 0
	for f >= 999.95 && unit < len(units)-1 {
		f, unit = f/1000, unit+1
	}
	return fmt.Sprintf("%.1f %s", f, units[unit])
}

// suggest prints what to try next, in a form that can be pasted.
func (a *app) suggest(dir string, keep bool) {
	command := commandName()
	if keep {
		fmt.Fprintf(a.out, "%s in %s. Try next:\n", a.screen.paint(title, "The database is kept"), dir)
	} else {
		dir = "curl.db"
		fmt.Fprintf(a.out, "%s: %s keeps it. Then try:\n", a.screen.paint(title, "Nothing was kept"), a.screen.paint(bold, command+" demo --dir "+dir))
	}
	for _, c := range []string{
		"get %s curl lib/url.c --known-by 2005-01-01",
		"history %s curl docs/index.html",
		"diff %s curl --from known:2026-08-01 --to latest",
		`query %s "SELECT author, count(*) AS n FROM curl GROUP BY author ORDER BY n DESC LIMIT 10"`,
		"shell %s",
	} {
		fmt.Fprintf(a.out, "  %s\n", a.screen.paint(bold, command+" "+fmt.Sprintf(c, quoteArg(dir))))
	}
}

// commandName is how to call this program again.
func commandName() string {
	if strings.Contains(filepath.ToSlash(os.Args[0]), "/go-build") {
		return "go run ./cmd/annals"
	}
	return "annals"
}

// quoteArg quotes a path for a shell where it needs that.
func quoteArg(path string) string {
	if strings.ContainsAny(path, " '\"\\$&;()*?[]<>|`!") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}
