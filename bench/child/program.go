package child

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/annalsdb/annals/bench/workload"
)

// Program is one whose main calls Main, and so can be a child.
type Program struct {
	Path string
	Exec []string // a command and its arguments that start the program's; nil for none
}

// CannotError says that a side cannot do a workload.
type CannotError struct{ Why string }

// Error is why.
func (e *CannotError) Error() string { return e.Why }

// Sides asks the program which sides it has.
func (p Program) Sides(ctx context.Context) (sides []Side, err error) {
	var problem tail
	cmd := p.command(ctx, "sides", &problem)
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &sides)
	}
	if err != nil {
		err = fmt.Errorf("ask %s for its sides: %w%s", p.Path, err, problem.said())
	}
	return sides, err
}

// midway is how long a child that is to die at work goes on after it is ready.
const midway = 5 * time.Millisecond

// Run has a child carry out t. It kills one that is ready to crash, and that is how
// such a task succeeds. A child is killed too when ctx ends.
func (p Program) Run(ctx context.Context, t workload.Task, progress func(done, total int)) (*workload.Result, error) {
	ctx, kill := context.WithCancel(ctx)
	defer kill()
	var problem tail
	cmd := p.command(ctx, "run", &problem)
	stdin, err := cmd.StdinPipe() // which stays open: see endWith
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start child: %w", err)
	}
	if err = json.NewEncoder(stdin).Encode(t); err != nil {
		kill() // it has gone already; its end says more
	}
	last, ready, err := listen(stdout, progress, func() {
		if t.Do == workload.CrashMidway {
			time.Sleep(midway)
		}
		kill()
	})
	if err != nil {
		kill()
	}
	died := cmd.Wait()
	return judge(t, last, ready, err, died, &problem)
}

func (p Program) command(ctx context.Context, what string, problem *tail) *exec.Cmd {
	line := append(slices.Clone(p.Exec), p.Path, Name, what)
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Stderr = problem
	return cmd
}

// listen reads messages to the end and returns the last that is an answer.
func listen(r io.Reader, progress func(done, total int), onReady func()) (last message, ready bool, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var m message
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			return last, ready, fmt.Errorf("child said %q, which is no message: %w", lines.Text(), err)
		}
		switch {
		case m.Ready:
			ready = true
			onReady()
		case m.Total > 0:
			progress(m.Done, m.Total)
		default:
			last = m
		}
	}
	return last, ready, lines.Err()
}

// judge says what became of a task.
func judge(t workload.Task, last message, ready bool, err, died error, problem *tail) (*workload.Result, error) {
	crash := t.Do == workload.Crash || t.Do == workload.CrashMidway
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w%s", err, problem.said())
	case last.Cannot != "":
		return nil, &CannotError{last.Cannot}
	case last.Error != "":
		return nil, errors.New(last.Error)
	case crash && ready && died != nil:
		return new(workload.Result), nil
	case crash:
		return nil, fmt.Errorf("child that was to be killed ended before that: %v%s", died, problem.said())
	case died != nil:
		return nil, fmt.Errorf("child died: %w%s", died, problem.said())
	case last.Result == nil:
		return nil, fmt.Errorf("child ended without a result%s", problem.said())
	}
	return last.Result, nil
}

// tail keeps the end of what is written to it.
type tail struct{ text []byte }

func (t *tail) Write(b []byte) (int, error) {
	const most = 4 << 10
	t.text = append(t.text, b...)
	if over := len(t.text) - most; over > 0 {
		t.text = t.text[over:]
	}
	return len(b), nil
}

// said is what was written, as the end of an error.
func (t *tail) said() string {
	text := strings.TrimSpace(string(t.text))
	if text == "" {
		return ""
	}
	return "; it said:\n" + text
}
