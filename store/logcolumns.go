package store

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/annalsdb/annals/segment"
)

// # Columns of the log that stay
//
// A scan over events wants columns, and a log file has rows: to decode them costs some
// hundred nanoseconds an event, which a scan of sealed files spends on a hundred
// events. So what was decoded of a log file stays, all columns of it, by stream and by
// stretches that begin where [segment.Log.Cuts] says. A stretch that is whole never
// changes; the last one grows, and is decoded from where it ended before. The first
// scan to need a stretch decodes it, others that need the same one wait for that.
// Each takes away a [segment.LoadedScan], what was there at that moment, and leaves out
// by itself what its view does not see: so there is one decoding for all moments and
// all predicates.
//
// The columns are let go with their log file when it is sealed, and all of them when
// what must be held leaves no room; what does not fit is decoded by each scan for
// itself, and of that only the rows and columns that it wants. A maintained aggregate,
// which sees each event once, does so always.
//
// Considered and not done: to keep only the columns that were asked for, which makes
// a decoding for each set of them, and a wait for the second; to decode when events
// are appended, which takes the time from the writer for scans that may never come; to
// seal small files early, which costs a sync and a merge for each.

// logColumns is what is kept of a log file. It is safe for concurrent use.
type logColumns struct {
	mu   sync.Mutex
	kept map[stretchOf]*stretch
}

// stretchOf names a stretch: the offset of its first frame, and a stream.
type stretchOf struct {
	from   int64
	stream uint32
}

// stretch is the events of a stream in a stretch of a log file.
type stretch struct {
	mu          sync.Mutex
	end         int64 // offset behind the last frame that was decoded
	rows        segment.LoadedRows
	retractions []scanRetraction
	size        int64 // that is counted
	gone        bool  // it is not kept, nor counted any more
}

// of is the stretch of that name, begun if it is not there.
func (l *logColumns) of(name stretchOf) *stretch {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.kept == nil {
		l.kept = map[stretchOf]*stretch{}
	}
	s := l.kept[name]
	if s == nil {
		s = &stretch{end: name.from, rows: segment.LoadedRows{All: true}}
		l.kept[name] = s
	}
	return s
}

// remove forgets a stretch, if it is still there.
func (l *logColumns) remove(name stretchOf, s *stretch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.kept[name] == s {
		delete(l.kept, name)
	}
}

// drop lets go of all that is kept. Scans that have it go on with it.
func (l *logColumns) drop(m *memory) {
	l.mu.Lock()
	kept := l.kept
	l.kept = nil
	l.mu.Unlock()
	for _, s := range kept {
		s.mu.Lock()
		s.letGo(m)
		s.mu.Unlock()
	}
}

// letGo ends the counting of s. Its mu is held.
func (s *stretch) letGo(m *memory) {
	m.columns.Add(-s.size)
	s.size, s.gone = 0, true
}

// loadKept makes c a scan of columns that are kept. It is false where there is no room
// for them.
func (e *eventScan) loadKept(ctx context.Context, c *scanSource) (bool, error) {
	db, name := e.view.db, stretchOf{c.begin, e.s.number}
	s := c.log.columns.of(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end < c.to {
		if db.memory.columns.Load()+c.to-s.end > db.columnsMost() {
			c.log.columns.remove(name, s)
			s.letGo(&db.memory)
			return false, nil
		}
		if err := s.extend(ctx, db, c, e.s.number); err != nil {
			c.log.columns.remove(name, s)
			s.letGo(&db.memory)
			s.end, s.rows, s.retractions = name.from, segment.LoadedRows{All: true}, nil // others may wait for it
			return false, err
		}
		if db.count(s); s.gone {
			c.log.columns.remove(name, s)
		}
	}
	q := e.q
	c.live = s.rows.Scan(q.Columns)
	c.live.From, c.live.MaxSeq, c.live.MaxTime = q.From, e.view.seq, e.view.time
	c.live.Where, c.live.Stream = q.Where, e.s.Name
	if q.Keys != nil || q.Range != (Range{}) {
		c.live.Within(e.wantsKey)
	}
	if !q.Retracted {
		for _, r := range s.retractions {
			if r.seq <= e.view.seq {
				c.retractions = append(c.retractions, r)
			}
		}
	}
	return true, nil
}

// extend decodes what follows of a stretch, up to where c ends. mu is held.
func (s *stretch) extend(ctx context.Context, db *DB, c *scanSource, stream uint32) error {
	r := c.log.Frames(s.end, c.to)
	for {
		frame, err := nextEvents(r)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if frame == nil {
			break
		}
		for row, err := range db.rows(frame) {
			if err == nil && row.Stream == stream {
				if row.Kind == Retraction {
					s.retractions = append(s.retractions, scanRetraction{row.Seq, row.Ref, strings.Clone(row.Key)})
				}
				err = s.rows.Add(&row.SealedRow)
			}
			if err != nil {
				return fmt.Errorf("read event %d: %w", row.Seq, err)
			}
		}
	}
	if s.end = c.to; c.whole {
		s.rows.Finish()
	}
	return nil
}

// retractionBytes is about what a retraction that is kept takes in memory.
const retractionBytes = 64

// count counts what s has taken since it was counted before, and lets go of it if that
// is too much. Its mu is held.
func (db *DB) count(s *stretch) {
	if s.gone {
		return
	}
	size := s.rows.Size() + int64(len(s.retractions))*retractionBytes
	total := db.memory.columns.Add(size - s.size)
	if s.size = size; total > db.columnsMost() {
		s.letGo(&db.memory)
	}
	db.shareMemory()
}
