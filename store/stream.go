package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// Fold names how the events of a key become its state: [Replace], [Merge], or
// the name of a function in Options.Folds. The log remembers the name, so give a
// function that folds otherwise another name ("balance/v2").
type Fold string

const (
	// Replace: the last event wins whole. The zero Fold is Replace.
	Replace Fold = "replace"
	// Merge: field by field, the last event that carries the field wins; an
	// explicit null removes it. Its fields stand in the order of their names.
	Merge Fold = "merge"
)

func (f Fold) builtIn() bool { return f == "" || f == Replace || f == Merge }

// FoldFunc is a fold written in Go: the state after e of a key that had state
// before it, nil meaning no state. It is called in the stream's order with the
// changes of one key, from the last delete on (state is nil then). It must be
// pure: the same for the same arguments, without effects, keeping and changing
// neither. It may be called by several goroutines at once.
type FoldFunc func(state Fields, e Event) Fields

// Order is the order in which a stream's events are folded.
type Order uint8

const (
	// ByTime orders by (Time, Seq): a late event lands where it belongs and
	// the state does not depend on the order of arrival.
	ByTime Order = iota
	// ByArrival orders by Seq, for sources whose own order is the truth and
	// whose times are labels.
	ByArrival
)

// String is "time" or "arrival".
func (o Order) String() string {
	if o == ByArrival {
		return "arrival"
	}
	return "time"
}

// Stream is the definition of a stream. It is written to the log with the first
// use and never changes.
type Stream struct {
	Name  string
	Fold  Fold
	Order Order

	// OnlyChanges stores a change that would not alter the state as of its
	// own time as a heartbeat that says whose content it repeats
	// (Event.Same), under [Merge] and Go folds with its fields. It goes on
	// taking part in the fold, so late events and retractions stay exact.
	OnlyChanges bool
}

// String is the definition for a person to read.
func (s Stream) String() string {
	text := fmt.Sprintf("%s: fold %s by %s", s.Name, s.Fold, s.Order)
	if s.OnlyChanges {
		text += ", only changes"
	}
	return text
}

func (s Stream) withDefaults() Stream {
	if s.Fold == "" {
		s.Fold = Replace
	}
	return s
}

func (s Stream) check() error {
	if err := segment.CheckStreamName(s.Name); err != nil {
		return err
	}
	if s.Order > ByArrival || len(s.Fold) > segment.MaxName {
		return fmt.Errorf("%w: order %d, fold %q", ErrInvalid, s.Order, s.Fold)
	}
	return nil
}

// key is a key of a stream as the engine holds it.
type key = index.Key[keyState]

// stream is a defined stream and its keys. def and fold never change; dirty is
// the writer's.
type stream struct {
	Stream
	number uint32
	fold   FoldFunc // of a Go function, nil where it is not registered
	live   *index.Live[keyState]
	dirty  []*key // with states that bbolt does not have yet

	fieldNames fieldNames
}

// streams is the defined streams; a changed copy replaces it.
type streams struct {
	byName map[string]*stream
	list   []*stream // by number − 1
}

func (s *streams) with(add ...*stream) *streams {
	c := &streams{byName: make(map[string]*stream, len(s.list)+len(add)), list: slices.Clone(s.list)}
	c.list = append(c.list, add...)
	for _, st := range c.list {
		c.byName[st.Name] = st
	}
	return c
}

func (db *DB) newStream(def Stream, number uint32) *stream {
	return &stream{
		Stream: def,
		number: number,
		fold:   db.opt.Folds[string(def.Fold)],
		live:   index.NewLive[keyState](),
	}
}

// record is the definition as the log holds it.
func (s *stream) record() segment.Stream {
	return segment.Stream{
		Number: s.number, Name: s.Name, Fold: string(s.Fold),
		ByArrival: s.Order == ByArrival, OnlyChanges: s.OnlyChanges,
	}
}

// adopt takes a definition read from the log.
func (db *DB) adopt(def segment.Stream) error {
	known := db.streams.Load()
	if n := int(def.Number); n >= 1 && n <= len(known.list) {
		if known.list[n-1].record() != def {
			return fmt.Errorf("stream %d is defined twice, as %q and as %q", n, known.list[n-1].Name, def.Name)
		}
		return nil
	}
	if int(def.Number) != len(known.list)+1 {
		return fmt.Errorf("definition of stream %d comes after %d streams", def.Number, len(known.list))
	}
	s := Stream{Name: def.Name, Fold: Fold(def.Fold), OnlyChanges: def.OnlyChanges}
	if def.ByArrival {
		s.Order = ByArrival
	}
	db.streams.Store(known.with(db.newStream(s, def.Number)))
	return nil
}

// stream is the stream of that name for a read.
func (db *DB) stream(name string) (*stream, error) {
	if s := db.streams.Load().byName[name]; s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("%w: %q", ErrNoStream, name)
}

// needFold reports whether the stream's states can be computed.
func (s *stream) needFold() error {
	if !s.Fold.builtIn() && s.fold == nil {
		return fmt.Errorf("fold stream %q: %w: give %q in Options.Folds", s.Name, ErrNoFold, s.Fold)
	}
	return nil
}

// Define makes sure that the stream s exists with that definition, durably as an
// append. Doing it again is free; a stream of that name with another definition
// is [ErrStreamDefined].
func (db *DB) Define(ctx context.Context, s Stream) error {
	s = s.withDefaults()
	if err := s.check(); err != nil {
		return fmt.Errorf("define stream: %w", err)
	}
	if known := db.streams.Load().byName[s.Name]; known != nil {
		return sameDefinition(known.Stream, s)
	}
	if !s.Fold.builtIn() && db.opt.Folds[string(s.Fold)] == nil {
		return fmt.Errorf("define stream %q: %w: give %q in Options.Folds", s.Name, ErrNoFold, s.Fold)
	}
	if _, err := db.commit(ctx, &batch{define: []Stream{s}}); err != nil {
		return fmt.Errorf("define stream %q: %w", s.Name, err)
	}
	return sameDefinition(db.streams.Load().byName[s.Name].Stream, s)
}

func sameDefinition(have, want Stream) error {
	if have != want {
		return fmt.Errorf("define stream: %w: it is %q, asked for is %q", ErrStreamDefined, have, want)
	}
	return nil
}

// Streams is the defined streams by name: all that events can be of. [AggregateStream] is
// one of them as soon as an aggregate has been defined, since who reads events of all
// streams meets its events too; who lists streams for people may leave it out.
func (db *DB) Streams() []Stream {
	var all []Stream
	for _, s := range db.streams.Load().list {
		all = append(all, s.Stream)
	}
	slices.SortFunc(all, func(a, b Stream) int { return strings.Compare(a.Name, b.Name) })
	return all
}
