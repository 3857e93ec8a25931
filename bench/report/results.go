// Package report keeps what was measured and shows it: as JSON, as tables (which
// are Markdown, and aligned, so that they are read as well on a terminal as in a
// README), as bars, and as SVG. Every figure it shows is the median of runs, with
// the least and the most.
package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/annalsdb/annals/bench/child"
	"github.com/annalsdb/annals/bench/machine"
	"github.com/annalsdb/annals/bench/workload"
)

// Results are those of several commands.
type Results struct {
	Batches []Batch `json:"batches"`
}

// Batch is what one command measured.
type Batch struct {
	Machine  machine.Description `json:"machine"`
	Command  string              `json:"command"` // arguments of the runner
	Sides    []child.Side        `json:"sides"`
	Outcomes []Outcome           `json:"outcomes"`
}

// durable reports whether a batch of the side survives a crash of the machine.
func (b *Batch) durable(name string) bool {
	for i := range b.Sides {
		if s := &b.Sides[i]; s.Name == name {
			return s.Durable()
		}
	}
	return true
}

// Outcome is what became of one workload with one side, or with the limit of the
// machine that stands beside it.
type Outcome struct {
	Workload string            `json:"workload"`
	Side     string            `json:"side"` // LimitSide for the limit
	Load     string            `json:"load"`
	Events   int               `json:"events"`
	Runs     []workload.Result `json:"runs,omitempty"` // run i of each side of a batch is of one round
	Cannot   string            `json:"cannot,omitempty"`
	Failed   string            `json:"failed,omitempty"`
}

// LimitSide is the side of an outcome that is a limit of the machine.
const LimitSide = "limit"

// id is what there is one outcome of in Results.
type id struct {
	workload, side, load string
	events               int
}

func (o *Outcome) id() id { return id{o.Workload, o.Side, o.Load, o.Events} }

// Add adds a batch, whose outcomes take the place of earlier ones of the same
// workload, side, load and number of events.
func (r *Results) Add(b Batch) {
	fresh := map[id]bool{}
	for i := range b.Outcomes {
		fresh[b.Outcomes[i].id()] = true
	}
	var kept []Batch
	for _, old := range r.Batches {
		var outcomes []Outcome
		for _, o := range old.Outcomes {
			if !fresh[o.id()] {
				outcomes = append(outcomes, o)
			}
		}
		if old.Outcomes = outcomes; len(outcomes) > 0 {
			kept = append(kept, old)
		}
	}
	r.Batches = append(kept, b)
}

// Read reads results from a file; there are none in one that does not exist.
func Read(path string) (*Results, error) {
	r := &Results{}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		if err = decoder.Decode(r); err != nil {
			err = fmt.Errorf("read results in %s: %w", path, err)
		}
	}
	return r, err
}

// Write writes results to a file, whole or not at all.
func (r *Results) Write(path string) error {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return replace(path, append(text, '\n'))
}

// replace writes a file beside path and renames it.
func replace(path string, text []byte) error {
	if err := os.WriteFile(path+".tmp", text, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}
