package main

import (
	"bufio"
	"fmt"
	"io"
)

// output is a buffer in front of standard output that tells its own failures
// from those of what is printed.
type output struct{ w *bufio.Writer }

func newOutput(w io.Writer) *output { return &output{bufio.NewWriterSize(w, 1<<16)} }

func (o *output) write(p []byte) error {
	if _, err := o.w.Write(p); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

// close flushes, and returns err or else what went wrong with that.
func (o *output) close(err error) error {
	if ferr := o.w.Flush(); err == nil && ferr != nil {
		err = fmt.Errorf("write output: %w", ferr)
	}
	return err
}
