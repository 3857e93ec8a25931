package store

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/annalsdb/annals/segment"
)

// filter tells from a row's head whether its event is wanted.
type filter func(s *stream, row *segment.Row, time int64) bool

// read is the events at positions from to to, both visible, in order. Each is
// the caller's to keep. No files are pinned while the caller has its turn.
func (db *DB) read(from, to uint64, want filter) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		r := positions{db: db, next: from, to: to, want: want}
		for r.next <= to {
			events, err := r.some()
			for _, e := range events {
				if !yield(e, nil) {
					return
				}
			}
			if err != nil {
				yield(Event{}, err)
				return
			}
		}
	}
}

// positions reads events by position, some at a time, from sealed files and then
// from log files.
type positions struct {
	db       *DB
	next, to uint64
	want     filter

	log    *logFile // that frames reads
	frames *segment.FrameReader
}

// sealedAtOnce is how many positions are read from a sealed file in one go. Its
// rows are in another order, so each time the positions of all are looked at.
const sealedAtOnce = 16 << 10

// some is events from next on, and moves it.
func (r *positions) some() ([]Event, error) {
	f := r.db.pin()
	defer f.unpin()
	if r.next <= f.through {
		return r.sealed(f)
	}
	return r.logged(f)
}

func (r *positions) sealed(f *files) (events []Event, err error) {
	i := f.sealedOf(r.next)
	s := f.sealed[i]
	if err := r.db.lostAt(r.next, s.Info().First); r.next < s.Info().First {
		return nil, err
	}
	streams := r.db.streams.Load().list
	from, to := r.next, min(r.to, s.Info().Last, r.next+sealedAtOnce-1)
	for row, err := range s.ByPosition(from, to) {
		if err != nil {
			return events, fmt.Errorf("read event %d: %w", r.next, r.db.readError(err))
		}
		st := streams[row.Stream-1]
		r.next = row.Seq + 1
		if r.want != nil && !r.want(st, &row.Row, row.Time) {
			continue
		}
		e, err := eventOf(st, &row.Row, row.Seq, row.Recorded)
		if err != nil {
			return events, fmt.Errorf("read event %d: %w", row.Seq, err)
		}
		events = append(events, e)
	}
	r.next = to + 1
	return events, nil
}

// logged is the events of the next frame.
func (r *positions) logged(f *files) (events []Event, err error) {
	if log := f.logOf(r.next); r.log != log {
		r.log, r.frames = log, log.Frames(log.Seek(r.next), log.end.Load())
	}
	for {
		frame, err := nextEvents(r.frames)
		switch {
		case err != nil:
			if lost := r.db.lostUpTo(r.to); lost != nil {
				err = r.db.lostAt(r.next, r.next)
			}
			return nil, r.db.readError(err)
		case frame == nil && r.frames.Offset() < r.log.end.Load():
			r.frames = r.log.Frames(r.frames.Offset(), r.log.end.Load())
			continue
		case frame == nil:
			return nil, r.db.lostAt(r.next, r.next)
		case frame.First > r.next:
			return nil, r.db.lostAt(r.next, frame.First-1)
		case frame.Last() < r.next:
			continue
		}
		for e, err := range r.db.events(frame, r.next, r.to, r.want) {
			if err != nil {
				return events, err
			}
			events = append(events, e)
		}
		r.next = frame.Last() + 1
		return events, nil
	}
}

// readError is err, or that the database was closed under the read.
func (db *DB) readError(err error) error {
	if db.closed.Load() && errors.Is(err, os.ErrClosed) {
		return ErrClosed
	}
	return err
}

// nextEvents is the next frame of events, nil at the end.
func nextEvents(r *segment.FrameReader) (*segment.Frame, error) {
	for {
		f, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil, nil
		case err != nil:
			return nil, err
		case f.Marker == segment.EventFrame:
			return f, nil
		}
	}
}

// events is the events of one frame at positions from to to, each the caller's
// to keep.
func (db *DB) events(f *segment.Frame, from, to uint64, want filter) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		streams := db.streams.Load().list
		for row, err := range db.rows(f) {
			if err != nil {
				yield(Event{}, err)
				return
			}
			s := streams[row.Stream-1]
			if row.seq < from || row.seq > to || want != nil && !want(s, &row.Row, f.Recorded-row.Lag) {
				continue
			}
			own, err := segment.ParseRow(string([]byte(row.body)))
			if err == nil {
				var e Event
				if e, err = eventOf(s, &own, row.seq, f.Recorded); err == nil {
					if !yield(e, nil) {
						return
					}
					continue
				}
			}
			yield(Event{}, fmt.Errorf("read event %d: %w", row.seq, err))
			return
		}
	}
}

// frameRow is a row in its frame, valid as long as that.
type frameRow struct {
	segment.Row
	seq  uint64
	body string
	at   int64 // offset in the file
}

// rows is the rows of an event frame, whose checksum was seen to match.
func (db *DB) rows(f *segment.Frame) iter.Seq2[frameRow, error] {
	return func(yield func(frameRow, error) bool) {
		streams := uint32(len(db.streams.Load().list))
		for i, pos := 0, 0; i < f.Rows; i++ {
			body, next := f.RowAt(pos)
			row, err := segment.ParseRow(body)
			if err == nil && (row.Stream == 0 || row.Stream > streams) {
				err = fmt.Errorf("stream %d is not defined", row.Stream)
			}
			if next < 0 || err != nil {
				yield(frameRow{}, fmt.Errorf("row %d of the frame at offset %d: %w", i+1, f.Offset, err))
				return
			}
			at := f.Offset + segment.FrameHead + int64(pos)
			if !yield(frameRow{row, f.First + uint64(i), body, at}, nil) {
				return
			}
			pos = next
		}
	}
}
