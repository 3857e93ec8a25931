package fuzz

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/annalsdb/annals/store"
)

// Streams is the defined streams by name.
func (m *Model) Streams() []store.Stream {
	return slices.SortedFunc(maps.Values(m.streams), func(a, b store.Stream) int { return strings.Compare(a.Name, b.Name) })
}

// FieldKinds is the fields of a stream's events up to position s, and their kinds.
func (m *Model) FieldKinds(stream string, s uint64) []store.FieldKinds {
	found := map[string][]store.ValueKind{}
	for _, e := range m.log[:s] {
		if e.shown.Stream == stream {
			for _, f := range e.shown.Fields {
				found[f.Name] = append(found[f.Name], f.Value.Kind())
			}
		}
	}
	var all []store.FieldKinds
	for name, kinds := range found {
		slices.Sort(kinds)
		all = append(all, store.FieldKinds{Name: name, Kinds: slices.Compact(kinds)})
	}
	slices.SortFunc(all, func(a, b store.FieldKinds) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// Stats is what the log counts.
func (m *Model) Stats() store.Stats {
	s := store.Stats{Position: m.Seq(), Streams: len(m.streams)}
	for _, e := range m.log {
		if e.said.Recorded != s.Recorded { // no two batches have the same
			s.Batches++
		}
		s.Recorded = e.said.Recorded
		switch {
		case e.shown.Kind != e.said.Kind:
			s.Unchanged++
		case e.said.Kind == store.Change:
			s.Changes++
		case e.said.Kind == store.Delete:
			s.Deletes++
		case e.said.Kind == store.Heartbeat:
			s.Heartbeats++
		default:
			s.Retractions++
		}
	}
	return s
}

// counts compares what the database counts, and has it verify itself.
func (o *oracle) counts() error {
	got, err := o.db.Stats()
	if err != nil {
		return err
	}
	if err := compare("counts", showCounts(got), showCounts(o.model.Stats())); err != nil {
		return err
	}
	if sum := got.HeaderBytes + got.FrameBytes + got.RowBytes + got.DefinitionBytes + got.ReservedBytes; sum != got.LogBytes {
		return fmt.Errorf("the parts of %d bytes of log files are %d bytes", got.LogBytes, sum)
	}
	if sum := got.StateUsedBytes + got.StateFreeBytes + got.StateMetaBytes; sum != got.StateBytes {
		return fmt.Errorf("the parts of %d bytes of states are %d bytes", got.StateBytes, sum)
	}
	report, err := o.db.Verify(context.Background(), nil)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	return compare("verified", [2]uint64{report.Position, report.Events}, [2]uint64{o.model.Seq(), o.model.Seq()})
}

func showCounts(s store.Stats) string {
	return fmt.Sprintf("position %d recorded %s, %d streams, %d changes, %d deletes, %d heartbeats, %d unchanged, %d retractions, %d batches, error %v",
		s.Position, showTime(s.Recorded), s.Streams, s.Changes, s.Deletes, s.Heartbeats, s.Unchanged, s.Retractions, s.Batches, s.LastPoisonError)
}

// names compares what streams and fields there are. A view may know of fields that
// came after it.
func (o *oracle) names(p pair) error {
	if err := compareTexts("streams", showAll(o.db.Streams(), store.Stream.String), showAll(o.model.Streams(), store.Stream.String)); err != nil {
		return err
	}
	streams, err := p.view.Streams()
	if err != nil {
		return err
	}
	if err := compareTexts("names of streams", streams, showAll(o.model.Streams(), func(s store.Stream) string { return s.Name })); err != nil {
		return err
	}
	for _, stream := range streams {
		got, err := p.view.FieldKinds(stream)
		if err != nil {
			return err
		}
		seen, all := fieldKinds(o.model.FieldKinds(stream, p.point.S)), fieldKinds(o.model.FieldKinds(stream, o.model.Seq()))
		texts := fieldKinds(got)
		missing := func(from []string) func(string) bool {
			return func(s string) bool { return !slices.Contains(from, s) }
		}
		if slices.ContainsFunc(seen, missing(texts)) || slices.ContainsFunc(texts, missing(all)) || !slices.IsSorted(texts) {
			return fmt.Errorf("fields of %s at %s: the engine says %q, the model %q and no more than %q", stream, p, texts, seen, all)
		}
	}
	return nil
}

// fieldKinds is a text for each kind of each field.
func fieldKinds(all []store.FieldKinds) (texts []string) {
	for _, f := range all {
		for _, k := range f.Kinds {
			texts = append(texts, fmt.Sprintf("%s %d", f.Name, k))
		}
	}
	return texts
}
