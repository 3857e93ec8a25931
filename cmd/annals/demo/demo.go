// Package demo holds the history of the curl source tree, 1999 to 2026, as
// batches ready to append: what `annals demo` shows, and real data for tests.
// README.md says where it comes from and under which licence.
package demo

import (
	"bytes"
	_ "embed" // for the history
	"fmt"
	"io"
	"iter"
	"strconv"

	"github.com/annalsdb/annals/cmd/annals/source"
	"github.com/annalsdb/annals/store"
)

//go:embed curl-history.ndjson.gz
var history []byte

// What the history holds.
const (
	EventCount  = 148_529
	CommitCount = 39_416 // two of them change no file, so they have no batch
	BatchCount  = 39_414
	KeyCount    = 7_449
	FileCount   = 4_449 // keys alive at the end
)

// Stream is the definition of the stream that the history goes into: its order
// is that of the commits, whose times are only what the authors' clocks said.
var Stream = store.Stream{Name: "curl", Fold: store.Replace, Order: store.ByArrival}

// Size is the number of compressed bytes of the history.
func Size() int64 { return int64(len(history)) }

// Commit is one commit of the history: a file a key.
type Commit struct {
	Number uint64 // from 1, as in the field seq of the data
	Batch  store.Batch
}

// Commits is the commits, oldest first, decoded as they are asked for. Their
// events have the fields blob, mode, size, author, insertions, deletions, from
// and to where the data have them, the author's time as Time, and an ID made
// of the commit's number and the event's place in it, so that importing them
// again stores nothing. progress, which may be nil, is told the compressed
// bytes read so far.
func Commits(progress func(done int64)) iter.Seq2[Commit, error] {
	return func(yield func(Commit, error) bool) {
		in := &counter{r: bytes.NewReader(history), progress: progress}
		r, err := source.NewReader(in, source.Options{
			Stream:  Stream.Name,
			Format:  source.NDJSON,
			Mapping: source.Mapping{Key: "key", Time: "time", Recorded: "recorded", Type: "type", Batch: "seq"},
			Deletes: []string{"deleted"},
			Flatten: []string{"data"},
		})
		if err != nil {
			yield(Commit{}, fmt.Errorf("read history: %w", err))
			return
		}
		for b, err := range r.Batches() {
			c, err := commit(b, err)
			if !yield(c, err) || err != nil {
				return
			}
		}
	}
}

func commit(b source.Batch, err error) (Commit, error) {
	if err != nil {
		return Commit{}, fmt.Errorf("read history: %w", err)
	}
	number, err := strconv.ParseUint(b.Name, 10, 64)
	if err != nil {
		return Commit{}, fmt.Errorf("read history: number of the commit in line %d: %w", b.First, err)
	}
	return Commit{Number: number, Batch: store.Batch{Events: b.Events, Recorded: b.Recorded}}, nil
}

// counter tells how far the reading is.
type counter struct {
	r        io.Reader
	done     int64
	progress func(done int64)
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if c.done += int64(n); c.progress != nil {
		c.progress(c.done)
	}
	return n, err
}
