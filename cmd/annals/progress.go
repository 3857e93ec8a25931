package main

import (
	"io"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress is a bar on standard error while something takes long, and nothing
// where that is no terminal.
type progress struct {
	bar  *progressbar.ProgressBar
	what string
	done atomic.Int64
}

// newProgress begins a bar over total bytes, or a counter where total is -1.
func newProgress(w io.Writer, what string, total int64) *progress {
	p := &progress{what: what}
	s := screenOf(w)
	if s.width == 0 {
		return p
	}
	p.bar = progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription(what),
		progressbar.OptionShowBytes(true),
		progressbar.OptionSetWidth(min(30, s.width/4)),
		progressbar.OptionThrottle(65*time.Millisecond),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionUseANSICodes(knowsEscapes()),
		// Without a ticker of its own it cannot come back once it is gone.
		progressbar.OptionSetSpinnerChangeInterval(0),
		progressbar.OptionSetTheme(progressbar.Theme{
			Saucer: "━", SaucerHead: "╸", SaucerPadding: " ", BarStart: "", BarEnd: "",
		}),
	)
	return p
}

// reader counts what is read from r. It may be used in another goroutine than
// the other methods.
func (p *progress) reader(r io.Reader) io.Reader { return &progressReader{r, p} }

type progressReader struct {
	r io.Reader
	p *progress
}

func (r *progressReader) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	r.p.done.Add(int64(n))
	return n, err
}

// show moves the bar to where the reading is, with the number of events.
func (p *progress) show(events uint64) {
	if p.bar != nil {
		p.bar.Describe(p.what + " " + padLeft(count(events, "event"), 16))
		p.draw()
	}
}

// draw moves the bar. It is an ornament: that it cannot be drawn is no failure.
func (p *progress) draw() {
	if p.bar != nil {
		_ = p.bar.Set64(p.done.Load())
	}
}

// finish takes the bar away.
func (p *progress) finish() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
