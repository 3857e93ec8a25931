// Command annals works with annals databases at a terminal: it imports events,
// shows the state at any moment, the history of a key, what changed between two
// moments, and follows what comes in. `annals demo` shows it all on real data.
//
// Exit status: 0 when something was found or done, 1 when what was asked for is
// not there, 2 for wrong use or a failure, with one line on standard error.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	status := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}
