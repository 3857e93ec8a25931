package store

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/annalsdb/annals/segment"
)

// fieldNames is the names of a stream's fields as far as they were looked for:
// events are never altered, so what was found stays, and only what came since is
// looked at.
type fieldNames struct {
	mu      sync.Mutex
	through uint64 // position up to which they are all known
	found   map[string]bool
}

// Streams is the names of the streams, in order.
func (v *View) Streams() (names []string, err error) {
	if v.db.closed.Load() {
		return nil, ErrClosed
	}
	for _, s := range v.db.Streams() {
		names = append(names, s.Name)
	}
	return names, nil
}

// Fields is the names of the fields that events of the stream have ever had, in
// order; those of events behind the view may be among them. It costs a look at the
// events since it was asked for last, and of sealed ones at statistics only.
func (v *View) Fields(stream string) ([]string, error) {
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
	return slices.Sorted(maps.Keys(n.found)), nil
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
		n.found = map[string]bool{}
	}
	for _, file := range f.sealed {
		if file.Info().Last <= n.through || s.in(file) == nil {
			continue
		}
		names, err := file.FieldNames(s.Name)
		if err != nil {
			return err
		}
		for _, name := range names {
			n.found[name] = true
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
				return fmt.Errorf("read event %d: %w", row.seq, err)
			}
			for _, field := range fields {
				if !n.found[field.Name] {
					n.found[string([]byte(field.Name))] = true
				}
			}
		}
	}
}
