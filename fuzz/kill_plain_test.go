package fuzz

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/annalsdb/annals/store"
)

// The plainest reading of the rules, to hold against the engine: a map of keys,
// each with its events in Seq order, folded from the start at every question.
// It knows nothing of segments, overlays and checkpoints, and is slow.

// plainKey names a key of a stream.
type plainKey struct{ stream, key string }

// plain is a database as a map.
type plain struct {
	streams map[string]store.Stream
	folds   map[string]store.FoldFunc
	keys    map[plainKey][]store.Event
	events  []store.Event // by Seq − 1
}

// newPlain holds the events, which are in Seq order, under the streams' rules.
func newPlain(streams []store.Stream, folds map[string]store.FoldFunc, events []store.Event) *plain {
	p := &plain{map[string]store.Stream{}, folds, map[plainKey][]store.Event{}, events}
	for _, s := range streams {
		p.streams[s.Name] = s
	}
	for _, e := range events {
		k := plainKey{e.Stream, e.Key}
		p.keys[k] = append(p.keys[k], e)
	}
	return p
}

// state is the latest state of k, if it has one.
func (p *plain) state(k plainKey) (store.State, bool) {
	def := p.streams[k.stream]
	events := plainKept(p.keys[k])
	if def.Order == store.ByTime {
		slices.SortStableFunc(events, func(a, b store.Event) int {
			return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Seq, b.Seq))
		})
	}
	var last store.Event
	var fields store.Fields
	for _, e := range events {
		switch {
		case e.Kind == store.Delete:
			last, fields = store.Event{}, nil
		case e.Kind == store.Change:
			last, fields = e, p.apply(def.Fold, fields, e)
		case e.Same != 0 && def.Fold == store.Replace: // as if it were that event
			last = e // unless what it repeats still counts
			if kept := slices.IndexFunc(events, func(o store.Event) bool { return o.Seq == e.Same }); kept >= 0 {
				last = events[kept]
			}
			for e.Same != 0 {
				e = p.events[e.Same-1]
			}
			fields = p.apply(def.Fold, fields, e)
		case e.Same != 0:
			if fields == nil { // what it repeats is gone: it stands for itself
				last = e
			}
			fields = p.apply(def.Fold, fields, e)
		}
	}
	if fields == nil {
		return store.State{}, false
	}
	return store.State{Stream: k.stream, Key: k.key, Type: last.Type, Time: last.Time,
		Recorded: last.Recorded, Seq: last.Seq, Version: last.Version, Fields: fields}, true
}

// lastSeen is the latest time of an event of k, other than a retraction or one
// that was retracted.
func (p *plain) lastSeen(k plainKey) (seen time.Time, ok bool) {
	for _, e := range plainKept(p.keys[k]) {
		if e.Kind != store.Retraction && (!ok || e.Time.After(seen)) {
			seen, ok = e.Time, true
		}
	}
	return seen, ok
}

// apply folds the change e into fields; nil is no state.
func (p *plain) apply(f store.Fold, fields store.Fields, e store.Event) store.Fields {
	switch f {
	case "", store.Replace:
		return append(store.Fields{}, e.Fields...)
	case store.Merge:
		return plainMerge(fields, e.Fields)
	}
	return p.folds[string(f)](fields, e)
}

// plainMerge is old with news over it; a null in news removes its field.
func plainMerge(old, news store.Fields) store.Fields {
	merged := store.Fields{}
	for _, f := range old {
		if _, again := news.Get(f.Name); !again {
			merged = append(merged, f)
		}
	}
	for _, f := range news {
		if !f.Value.IsNull() {
			merged = append(merged, f)
		}
	}
	return merged
}

// plainKept are the events of a key that no retraction among them names.
func plainKept(events []store.Event) []store.Event {
	gone := map[uint64]bool{}
	for _, e := range events {
		if e.Kind == store.Retraction {
			gone[e.Retracts] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(events), func(e store.Event) bool {
		return gone[e.Seq]
	})
}

// check compares every key's state in v, by Get and by Scan in both directions,
// and its last sign of life with the plain fold.
func (p *plain) check(v *store.View) error {
	want := map[string][]store.State{}
	for k := range p.keys {
		s, ok := p.state(k)
		if ok {
			want[k.stream] = append(want[k.stream], s)
		}
		if err := p.checkKey(v, k, s, ok); err != nil {
			return fmt.Errorf("key %s of %s: %w", k.key, k.stream, err)
		}
	}
	for _, s := range p.streams {
		states := want[s.Name]
		slices.SortFunc(states, func(a, b store.State) int { return cmp.Compare(a.Key, b.Key) })
		if err := plainCheckScan(v.Scan(s.Name, store.Range{}), states); err != nil {
			return fmt.Errorf("scan %s: %w", s.Name, err)
		}
		slices.Reverse(states)
		if err := plainCheckScan(v.Scan(s.Name, store.Range{Reverse: true}), states); err != nil {
			return fmt.Errorf("scan %s in reverse: %w", s.Name, err)
		}
	}
	return nil
}

// checkKey compares what v says of one key with its state s, if it has one.
func (p *plain) checkKey(v *store.View, k plainKey, s store.State, ok bool) error {
	got, found, err := v.Get(k.stream, k.key)
	if err != nil {
		return fmt.Errorf("get: %w", err)
	}
	if found != ok || ok && !plainSameState(got, s) {
		return fmt.Errorf("get: got %v %s, the fold says %v %s", found, plainText(got), ok, plainText(s))
	}
	want, ok := p.lastSeen(k)
	seen, found, err := v.LastSeen(k.stream, k.key)
	if err != nil {
		return fmt.Errorf("last seen: %w", err)
	}
	if found != ok || ok && !seen.Equal(want) {
		return fmt.Errorf("last seen: got %v %s, the events say %v %s", found, seen, ok, want)
	}
	return nil
}

// plainCheckScan compares a scan with the states it has to give.
func plainCheckScan(scan iter.Seq2[store.State, error], want []store.State) error {
	n := 0
	for got, err := range scan {
		if err != nil {
			return fmt.Errorf("after %d states: %w", n, err)
		}
		if n == len(want) {
			return fmt.Errorf("state %d is one too many: %s", n, plainText(got))
		}
		if !plainSameState(got, want[n]) {
			return fmt.Errorf("state %d is %s, the fold says %s", n, plainText(got), plainText(want[n]))
		}
		n++
	}
	if n != len(want) {
		return fmt.Errorf("%d states, the fold says %d", n, len(want))
	}
	return nil
}

// plainEvents reads the whole log and checks what holds of any log: positions
// dense from 1, versions dense by key, Recorded the same or later. What a fault
// may have damaged is reported together with the events read before it.
func plainEvents(v *store.View) ([]store.Event, error) {
	var events []store.Event
	var recorded time.Time
	versions := map[plainKey]uint64{}
	for e, err := range v.Events(store.EventQuery{}) {
		if err != nil {
			return events, fmt.Errorf("read events after %d: %w", len(events), err)
		}
		k := plainKey{e.Stream, e.Key}
		versions[k]++
		switch {
		case e.Seq != uint64(len(events))+1:
			return events, fmt.Errorf("event %d has Seq %d", len(events)+1, e.Seq)
		case e.Version != versions[k]:
			return events, fmt.Errorf("event %d has version %d, its key stands at %d", e.Seq, e.Version, versions[k])
		case e.Recorded.Before(recorded):
			return events, fmt.Errorf("event %d was recorded %s, before its predecessor", e.Seq, e.Recorded)
		}
		recorded = e.Recorded
		events = append(events, e)
	}
	if v.Seq() != uint64(len(events)) {
		return events, fmt.Errorf("the view is exact at %d and has %d events", v.Seq(), len(events))
	}
	return events, nil
}

// plainText is an event or a state for an error, not longer than one can read.
func plainText(v any) string {
	s := fmt.Sprintf("%+v", v)
	if len(s) > 1000 {
		s = s[:1000] + "…"
	}
	return s
}

// plainSameState reports whether two states are equal to the bit.
func plainSameState(a, b store.State) bool {
	return a.Stream == b.Stream && a.Key == b.Key && a.Type == b.Type && a.Time.Equal(b.Time) &&
		a.Recorded.Equal(b.Recorded) && a.Seq == b.Seq && a.Version == b.Version && a.Fields.Equal(b.Fields)
}

// plainSameEvent reports whether two events are equal to the bit.
func plainSameEvent(a, b store.Event) bool {
	return plainSameRow(a, b) && a.Fields.Equal(b.Fields)
}

// plainSameRow is plainSameEvent but for the fields.
func plainSameRow(a, b store.Event) bool {
	return a.Stream == b.Stream && a.Key == b.Key && a.Type == b.Type && a.Kind == b.Kind &&
		a.ID == b.ID && a.Time.Equal(b.Time) && a.Retracts == b.Retracts && a.Seq == b.Seq &&
		a.Version == b.Version && a.Recorded.Equal(b.Recorded) && a.Same == b.Same
}
