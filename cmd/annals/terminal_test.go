//go:build unix

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
)

// TestMain lets the test be the command itself, for tests at a terminal.
func TestMain(m *testing.M) {
	if os.Getenv("ANNALS_TEST_COMMAND") != "" {
		main()
	}
	os.Exit(m.Run())
}

// terminal is the command at a pseudo-terminal.
type terminal struct {
	t    *testing.T
	cmd  *exec.Cmd
	pty  *os.File
	mu   sync.Mutex
	text bytes.Buffer // what it has shown
	seen int          // of text
	gone chan struct{}
}

// atTerminal starts the command at a terminal of some columns.
func atTerminal(t *testing.T, columns uint16, args ...string) *terminal {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "ANNALS_TEST_COMMAND=1", "TERM=xterm", "NO_COLOR=1")
	file, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: columns})
	if err != nil {
		t.Skipf("no pseudo-terminal: %v", err)
	}
	term := &terminal{t: t, cmd: cmd, pty: file, gone: make(chan struct{})}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		file.Close()
		<-term.gone
	})
	go term.watch()
	return term
}

func (x *terminal) watch() {
	defer close(x.gone)
	block := make([]byte, 4096)
	for {
		n, err := x.pty.Read(block)
		x.mu.Lock()
		x.text.Write(block[:n])
		x.mu.Unlock()
		if err != nil { // the other side is closed
			return
		}
	}
}

// send types text.
func (x *terminal) send(text string) {
	x.t.Helper()
	if _, err := x.pty.WriteString(text); err != nil {
		x.t.Fatal(err)
	}
}

// expect waits until text is shown behind what was expected before, and returns
// what came up to it.
func (x *terminal) expect(text string) string {
	x.t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		x.mu.Lock()
		rest := x.text.String()[x.seen:]
		x.mu.Unlock()
		if i := strings.Index(rest, text); i >= 0 {
			x.seen += i + len(text)
			return rest[:i]
		}
		if time.Now().After(end) {
			x.t.Fatalf("%q is not shown; what is:\n%q", text, rest)
		}
	}
}

// exit waits for the end of the command.
func (x *terminal) exit(status int) {
	x.t.Helper()
	<-x.gone
	if _ = x.cmd.Wait(); x.cmd.ProcessState.ExitCode() != status {
		x.t.Errorf("%v, want exit status %d", x.cmd.ProcessState, status)
	}
}

func TestShell_AtTerminal(t *testing.T) {
	inTestdata(t)
	t.Setenv("XDG_STATE_HOME", filepath.Join(t.TempDir(), "state"))
	mustRun(t, "", "import", "db", "orders.ndjson", "--stream", "orders", "--key", "order", "--time", "at", "--id", "uuid")

	sh := atTerminal(t, 80, "shell", "db")
	sh.expect(`1 stream, 6 events. \help tells more, \q ends.`)
	sh.expect("annals> ")
	sh.send("SELECT ke\t, to\ttal FROM ord\t\r")
	sh.expect("-> ")
	sh.send("WHERE key = 'o-1' ORDER BY seq;\r")
	sh.expect("key  total\r\no-1   25.5\r\n")
	sh.expect("3 rows, ")
	sh.expect("annals> ")
	sh.send("\x1b[A") // the statement on one line again
	sh.expect("SELECT key, total FROM orders WHERE key = 'o-1' ORDER BY seq;")
	sh.send("\x03") // given up
	sh.expect("annals> ")
	sh.send("\\plot\r")
	sh.expect("total by key\r\no-1  25.5  ███")
	sh.expect("annals> ")
	sh.send("\x04")
	sh.exit(statusFound)

	sh = atTerminal(t, 80, "shell", "db")
	sh.expect("annals> ")
	sh.send("\x12o-1") // Ctrl-R finds it in another session
	sh.expect("total FROM orders WHERE key = 'o-1'")
	sh.send("\r")
	sh.expect("3 rows, ")
	sh.expect("annals> ")
	sh.send("\\q\r")
	sh.exit(statusFound)
}

// endless is a query over lines(1000), of seven keys, that nobody waits for the end of.
func endless() string {
	text := "SELECT count(*) FROM s"
	for i := range 10 {
		text += fmt.Sprintf(" JOIN STATE OF s s%d ON s.type = s%d.type", i, i)
	}
	return text
}

// TestQuery_CtrlC: a query that takes long says so, and Ctrl-C ends it: the command,
// or in a shell the query alone.
func TestQuery_CtrlC(t *testing.T) {
	inTestdata(t)
	t.Setenv("XDG_STATE_HOME", filepath.Join(t.TempDir(), "state"))
	mustRun(t, lines(1000), "import", "db", "-", "--stream", "s", "--id", "id", "--batch", "batch")

	q := atTerminal(t, 100, "query", "db", endless())
	q.expect("running for ")
	q.expect(" s, Ctrl-C ends it")
	q.expect("running for ") // and counts
	q.send("\x03")
	q.expect("\r\x1b[K") // the line is taken away
	q.expect("annals query: interrupted")
	q.exit(statusFailure)

	sh := atTerminal(t, 100, "shell", "db")
	sh.expect("annals> ")
	sh.send(endless() + ";\r")
	sh.expect("running for")
	sh.send("\x03")
	sh.expect("error: interrupted")
	sh.expect("annals> ")
	sh.send("SELECT count(*) AS n FROM s;\r")
	sh.expect("   n\r\n1000\r\n")
	sh.expect("annals> ")
	sh.send("\\q\r")
	sh.exit(statusFound)
}
