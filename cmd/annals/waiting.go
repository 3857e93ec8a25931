package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// waiting tells a person at a terminal how long something has been going on,
// once it takes longer than a moment, until the first output.
type waiting struct {
	end  chan struct{}
	gone sync.WaitGroup
	once sync.Once
}

const patience = 500 * time.Millisecond

// newWaiting begins to count, on w if that is a terminal.
func newWaiting(w io.Writer) *waiting {
	p := &waiting{end: make(chan struct{})}
	if s := screenOf(w); s.width > 0 && knowsEscapes() {
		p.gone.Go(func() { p.tell(w, s) })
	}
	return p
}

func (p *waiting) tell(w io.Writer, s screen) {
	start := time.Now()
	ticker := time.NewTicker(patience)
	defer ticker.Stop()
	for {
		select {
		case <-p.end:
			if time.Since(start) >= patience {
				fmt.Fprint(w, "\r\x1b[K")
			}
			return
		case <-ticker.C:
			fmt.Fprintf(w, "\r%s\x1b[K", s.paint(dim, fmt.Sprintf("running for %.1f s, Ctrl-C ends it", time.Since(start).Seconds())))
		}
	}
}

// finish takes the line away.
func (p *waiting) finish() {
	p.once.Do(func() { close(p.end) })
	p.gone.Wait()
}

// before is w, with the line taken away before anything is written to it.
func (p *waiting) before(w io.Writer) io.Writer { return finishing{w, p} }

type finishing struct {
	w io.Writer
	p *waiting
}

func (f finishing) Write(b []byte) (int, error) {
	f.p.finish()
	return f.w.Write(b)
}
