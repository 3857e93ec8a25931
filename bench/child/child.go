// Package child runs one task of a workload in a process of its own, so that its
// memory, its collector and its death are its own.
//
// The runner starts a program whose main calls [Main], writes the task to its
// standard input as one line of JSON and keeps that open: when it closes, the
// runner is gone, and the child ends too. The child answers on standard output, a
// JSON object a line: progress now and then, and at last the result, that its side
// cannot, or an error. Standard error is for what nobody foresaw.
//
//	runner ─ task ─────────────────────► child
//	       ◄ {"done": 1000, "total": 20000}
//	       ◄ {"ready": true}                      it may be killed now
//	       ◄ {"result": {…}} or {"cannot": "…"} or {"error": "…"}
package child

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/annalsdb/annals/bench/side"
	"github.com/annalsdb/annals/bench/workload"
)

// message is one line of an answer.
type message struct {
	Done   int              `json:"done,omitempty"`
	Total  int              `json:"total,omitempty"`
	Ready  bool             `json:"ready,omitempty"`
	Result *workload.Result `json:"result,omitempty"`
	Cannot string           `json:"cannot,omitempty"`
	Error  string           `json:"error,omitempty"`
}

// Side is what the runner is told of a side of another program.
type Side struct {
	Name       string            `json:"name"`
	Version    string            `json:"version"`
	Licence    string            `json:"licence"`
	Settings   string            `json:"settings"`
	Durability string            `json:"durability"`
	Cannot     map[string]string `json:"cannot,omitempty"` // why, by workload
}

// Durable reports whether a batch of the side survives a crash of the machine.
func (s *Side) Durable() bool { return !strings.HasPrefix(s.Durability, "none") }

// SideOf says what the runner is told of m.
func SideOf(m *side.Maker) Side {
	s := Side{m.Name, m.Version, m.Licence, m.Settings, m.Durability, map[string]string{}}
	for i := range workload.All {
		w := &workload.All[i]
		if why := w.Cannot(m); why != "" {
			s.Cannot[w.Name] = why
		}
	}
	return s
}

// Name is the argument that makes a program a child: with "run" behind it, it
// carries out a task; with "sides" it says which sides it has.
const Name = "child"

// Main is the main function of a program that is a child and nothing else, with
// the sides that it has. It does not return.
func Main(makers []side.Maker) {
	if len(os.Args) < 2 || os.Args[1] != Name {
		fmt.Fprintf(os.Stderr, "%s is started by the runner: go run ./bench -h\n", os.Args[0])
		os.Exit(2)
	}
	os.Exit(Serve(os.Args[2:], makers, os.Stdin, os.Stdout))
}

// Serve is a child with the arguments behind Name. It returns the exit status.
func Serve(args []string, makers []side.Maker, in io.Reader, out io.Writer) int {
	encoder := json.NewEncoder(out)
	switch {
	case len(args) == 1 && args[0] == "sides":
		sides := make([]Side, len(makers))
		for i := range makers {
			sides[i] = SideOf(&makers[i])
		}
		if encoder.Encode(sides) != nil {
			return 1
		}
		return 0
	case len(args) == 1 && args[0] == "run":
		return run(makers, in, encoder)
	}
	fmt.Fprintf(os.Stderr, "child: want run or sides, got %q\n", args)
	return 2
}

func run(makers []side.Maker, in io.Reader, out *json.Encoder) int {
	decoder := json.NewDecoder(in)
	var t workload.Task
	if err := decoder.Decode(&t); err != nil {
		_ = out.Encode(message{Error: "read task: " + err.Error()})
		return 1
	}
	go endWith(io.MultiReader(decoder.Buffered(), in))
	result, err := workload.Run(t, makers, progress(out), func() { _ = out.Encode(message{Ready: true}) })
	last := message{Result: result}
	switch {
	case errors.Is(err, side.ErrCannot):
		last = message{Cannot: err.Error()}
	case err != nil:
		last = message{Error: err.Error()}
	}
	if out.Encode(last) != nil || last.Error != "" {
		return 1
	}
	return 0
}

// endWith ends the process when in ends, for nobody would hear it.
func endWith(in io.Reader) {
	_, _ = io.Copy(io.Discard, in)
	os.Exit(1)
}

// progress passes on ten messages a second at most.
func progress(out *json.Encoder) func(done, total int) {
	var last time.Time
	return func(done, total int) {
		if now := time.Now(); now.Sub(last) > 100*time.Millisecond {
			last = now
			_ = out.Encode(message{Done: done, Total: total}) // a result that cannot be written is noticed
		}
	}
}
