package store

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/annalsdb/annals/segment"
)

// FieldKinds is a field and the kinds of its values.
type FieldKinds = segment.FieldKinds

// fieldNames is the names of a stream's fields, and the kinds of their values, as far
// as they were looked for: events are never altered, so what was found stays, and only
// what came since is looked at.
type fieldNames struct {
	mu      sync.Mutex
	through uint64 // position up to which they are all known
	found   map[string]kindSet
}

// kindSet is a set of kinds of values: a bit for each.
type kindSet uint16

// list is the kinds of the set, rising.
func (s kindSet) list() (kinds []ValueKind) {
	for k := NullValue; s != 0; k, s = k+1, s>>1 {
		if s&1 != 0 {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// Streams is the names of the streams of [DB.Streams], in order.
func (v *View) Streams() (names []string, err error) {
	if v.db.closed.Load() {
		return nil, ErrClosed
	}
	for _, s := range v.db.Streams() {
		names = append(names, s.Name)
	}
	return names, nil
}

// Fields is the names of the fields of [View.FieldKinds].
func (v *View) Fields(stream string) ([]string, error) {
	all, err := v.FieldKinds(stream)
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].Name
	}
	return names, err
}

// FieldKinds is the fields that events of the stream have ever had, in the order of
// their names, and the kinds of their values; those of events behind the view may be
// among them. It costs a look at the events since it was asked for last, and of sealed
// ones at statistics only.
func (v *View) FieldKinds(stream string) (all []FieldKinds, err error) {
	s, err := v.stream(stream)
	if err != nil {
		return nil, fmt.Errorf("fields: %w", err)
	}
	n := &s.fieldNames
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.through < v.seq {
		if err := v.db.findFields(s, n); err != nil {
			return nil, fmt.Errorf("fields of stream %q: %w", stream, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(n.found)) {
		all = append(all, FieldKinds{Name: name, Kinds: n.found[name].list()})
	}
	return all, nil
}

// findFields looks at the events that n does not know yet.
func (db *DB) findFields(s *stream, n *fieldNames) error {
	f, err := db.pin()
	if err != nil {
		return err
	}
	defer f.unpin()
	visible := db.visible.Load()
	if n.found == nil {
		n.found = map[string]kindSet{}
	}
	for _, file := range f.sealed {
		if file.Info().Last <= n.through || s.in(file) == nil {
			continue
		}
		fields, err := file.Fields(s.Name)
		if err != nil {
			return err
		}
		for _, field := range fields {
			for _, k := range field.Kinds {
				n.found[field.Name] |= 1 << k
			}
		}
	}
	for _, log := range f.logs {
		if err := db.findLogFields(s, n, log, visible); err != nil {
			return err
		}
	}
	n.through = visible
	return nil
}

// findLogFields looks at the events of a log file up to a position.
func (db *DB) findLogFields(s *stream, n *fieldNames, log *logFile, to uint64) error {
	for r := log.Frames(segment.LogHead, log.end.Load()); ; {
		f, err := nextEvents(r)
		if f == nil || err != nil || f.First > to {
			return err
		}
		if f.Last() <= n.through {
			continue
		}
		for row, err := range db.rows(f) {
			if err != nil {
				return err
			}
			if row.Stream != s.number {
				continue
			}
			fields, err := row.Fields()
			if err != nil {
				return fmt.Errorf("read event %d: %w", row.Seq, err)
			}
			for _, field := range fields {
				if had, bit := n.found[field.Name], kindSet(1)<<field.Value.Kind(); had&bit == 0 {
					n.found[strings.Clone(field.Name)] = had | bit
				}
			}
		}
	}
}
