package store

import (
	"fmt"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// place is where an event's row stands and what it is, in one word so that a
// version in the index takes 24 bytes: 2 bits of kind, 1 bit unchanged, 21 bits
// of log file, 40 bits of offset. Of a row in a sealed file it has the number for
// an offset.
type place uint64

const (
	maxOffset = 1 << 40
	maxFiles  = 1 << 21

	unchangedBit = 1 << 61
)

func placeOf(kind Kind, unchanged bool, file int, offset int64) place {
	p := place(kind)<<62 | place(file)<<40 | place(offset)
	if unchanged {
		p |= unchangedBit
	}
	return p
}

func (p place) kind() Kind      { return Kind(p >> 62) }
func (p place) unchanged() bool { return p&unchangedBit != 0 }
func (p place) file() int       { return int(p>>40) & (maxFiles - 1) }
func (p place) offset() int64   { return int64(p & (maxOffset - 1)) }

func unchanged(v index.Version) bool { return place(v.Place).unchanged() }
func isDelete(v index.Version) bool  { return place(v.Place).kind() == Delete }

// row reads the row of v in a log file. What is not in its file yet is found
// among the frames about to be written, which only the writer asks for.
func (db *DB) row(f *files, v index.Version) (segment.Row, error) {
	p := place(v.Place)
	log := f.log(p.file())
	if p.offset() >= log.end.Load() {
		if row, ok := db.pendingRow(p); ok {
			return row, nil
		}
	}
	row, err := log.ReadRow(p.offset())
	if err != nil {
		return row, fmt.Errorf("read event %d: %w", v.Seq, err)
	}
	return row, nil
}

// eventOf is the event that row holds at position seq. It shares the row's
// memory.
func eventOf(s *stream, row *segment.Row, seq uint64, recorded int64) (Event, error) {
	fields, err := row.Fields()
	if err != nil {
		return Event{}, err
	}
	e := Event{
		Stream: s.Name, Key: row.Key, Type: row.Type, Kind: row.Kind, ID: row.ID,
		Time: instant(recorded - row.Lag), Fields: fields,
		Seq: seq, Version: row.Version, Recorded: instant(recorded),
	}
	switch {
	case row.Kind == Retraction:
		e.Retracts = row.Ref
	case row.Unchanged:
		e.Kind, e.Same = Heartbeat, row.Ref
	}
	return e, nil
}
