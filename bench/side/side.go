// Package side has what a benchmark measures: databases that the same events are
// put into and of which the same is asked, behind one small interface. Ours and
// bbolt are here, a file each; other peers are in the module bench/peers, whose
// dependencies so never reach those who embed the engine.
package side

import (
	"errors"
	"time"

	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/nexmark"
)

// Side is a database that is open. All its methods, and those of the interfaces
// below, may be called from several goroutines at once, but for Close.
type Side interface {
	// Put stores events from to to-1 of the load as one batch, whole or not at all.
	// When it returns, the batch is seen by every question; opened for Ingest, it
	// survives a crash of the machine, or the Maker's Durability says what does not.
	Put(from, to int) error
	// Settle waits for what is at work in the background, without letting new work
	// come, and says when it ended.
	Settle() (time.Time, error)
	// Close makes everything durable and ends the side.
	Close() error
}

// What else a side can, it has methods for: a workload passes over a side that
// lacks them, and says so. A wrong answer fails a workload, so what a side cannot
// answer exactly it has no method for. What is visited may be kept.
type (
	// Latest is the latest state of a key, by time of the events.
	Latest interface {
		Latest(key string) (r load.Reading, ok bool, err error)
	}
	// AsOf is the state of a key at a moment, inclusive, in ns since 1970 UTC.
	AsOf interface {
		AsOf(key string, nanos int64) (r load.Reading, ok bool, err error)
	}
	// States is the states of all keys at a moment, in any order.
	States interface {
		States(nanos int64, visit func(key string, r load.Reading)) error
	}
	// History is all events of a key by time, forwards or backwards.
	History interface {
		History(key string, visit func(r load.Reading)) error
	}
	// Daily is the totals by type and day (UTC): of all keys, or of those alone,
	// unless keys is nil.
	Daily interface {
		Daily(keys []string, visit func(w load.Window, t load.Total)) error
	}
	// Minutes is the totals by type and minute, of all keys, that the side, opened
	// with Options.Minutes, kept up to date with every Put: late events included.
	Minutes interface {
		Minutes(visit func(w load.Window, t load.Total)) error
	}
	// Range is the total of all events with times in [from, to), ns since 1970 UTC.
	Range interface {
		Range(from, to int64) (load.Total, error)
	}
	// Top is the n events with the greatest values, of equal ones the later, in any
	// order.
	Top interface {
		Top(n int, visit func(key string, r load.Reading)) error
	}
	// ByKey is the total of each key that has events, in any order.
	ByKey interface {
		ByKey(visit func(key string, t load.Total)) error
	}
	// Matching is the total of the events that match.
	Matching interface {
		Matching(m load.Match) (load.Total, error)
	}
	// Nexmark is the benchmark of that name: its events, put in durable batches of that
	// size, and the answer to one of its queries; or the same into an empty database
	// that keeps some queries up to date meanwhile, and the answers that are kept, by
	// their numbers.
	Nexmark interface {
		PutNexmark(c nexmark.Config, size int, progress func(n int)) error
		AskNexmark(q *nexmark.Query) (nexmark.Answer, error)
		KeepNexmark(c nexmark.Config, size int, queries []*nexmark.Query, progress func(n int)) (kept func(i int) (nexmark.Answer, error), err error)
	}
	// Compact leaves the database as it is fastest read from, by the means that it has
	// for that: what is only read has nothing else to do. Nothing is put afterwards.
	Compact interface {
		Compact() error
	}
	// Replay is all events, in any order: for sides that answer nothing else, so
	// that it can be seen that what was put is there.
	Replay interface {
		Replay(visit func(key string, r load.Reading)) error
	}
	// Count is the number of events that there are. It may be slow.
	Count interface {
		Count() (int, error)
	}
	// Details are figures of a side's own, of what it did since it was opened.
	Details interface {
		Details() ([]Detail, error)
	}
)

// Detail is one figure of a side's own.
type Detail struct {
	Name  string
	Value float64
	Unit  string // as package workload writes units: "ns", "B", "" for a count
}

// Purpose is what a side is opened for.
type Purpose int

const (
	Ingest Purpose = iota // every Put is durable when it returns
	Bulk                  // Puts need not be durable before Close
	Ask                   // nothing is put
)

// Options say how a side is to be opened.
type Options struct {
	Load    *load.Load
	Purpose Purpose
	Writers int  // how many goroutines will Put at the same time; 0 is 1
	Minutes bool // keep what Minutes answers
	Hours   bool // keep totals by the hour for Range, if the side does; it has them when it is open
}

// ErrCannot says that a side cannot do what Options ask, and why:
// fmt.Errorf("%w: one writer only", side.ErrCannot). A workload passes over it.
var ErrCannot = errors.New("cannot")

// Maker is one entry of the register of sides.
type Maker struct {
	Name       string // as the flag -sides has it: lower case, no blanks
	Version    string // of the library
	Licence    string // its SPDX identifier
	Settings   string // as they are printed with each result
	Durability string // of a Put for Ingest: "fdatasync a batch", or "none: …" with what a crash may lose
	// Kind is a nil pointer of the side's type, of which only the methods are
	// looked at: what it has methods for is what it can.
	Kind Side
	// Open opens the database in dir, which exists, or makes it if dir is empty.
	Open func(dir string, o Options) (Side, error)
}

// Ours are the sides of the main module.
func Ours() []Maker { return []Maker{Annals, Bbolt} }
