package main

import (
	"fmt"
	"io"
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows on standard error what is under way: a bar where that is a
// terminal, and a line for each run that is done.
type progress struct {
	out      io.Writer
	terminal bool
	what     string
	bar      *progressbar.ProgressBar
}

func newProgress(w io.Writer) *progress {
	f, ok := w.(*os.File)
	return &progress{out: w, terminal: ok && term.IsTerminal(int(f.Fd()))}
}

// begin shows that something begins whose end is not known yet.
func (p *progress) begin(what string) {
	p.what = what
	p.show(0, -1)
}

// show moves the bar.
func (p *progress) show(done, total int) {
	if !p.terminal {
		return
	}
	if p.bar == nil {
		p.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(p.out), progressbar.OptionSetDescription(p.what),
			progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish(), progressbar.OptionUseANSICodes(true),
			// Without a ticker of its own it cannot come back once it is gone.
			progressbar.OptionSetSpinnerChangeInterval(0))
	}
	p.bar.ChangeMax(total)
	_ = p.bar.Set(done) // an ornament: that it cannot be drawn is no failure
}

// end takes the bar away.
func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Clear()
		p.bar = nil
	}
}

func (p *progress) line(format string, args ...any) {
	p.end()
	fmt.Fprintf(p.out, format+"\n", args...)
}
