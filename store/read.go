package store

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"sort"

	"github.com/annalsdb/annals/segment"
)

// filter tells from a row's head whether its event is wanted.
type filter func(s *stream, row *segment.Row, time int64) bool

// read is the events at positions from to to, both visible, in order. Each is
// the caller's to keep.
func (db *DB) read(from, to uint64, want filter) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		if from > to {
			return
		}
		for f, err := range db.frames(from, to) {
			if err != nil {
				yield(Event{}, err)
				return
			}
			for e, err := range db.events(f, from, to, want) {
				if !yield(e, err) || err != nil {
					return
				}
			}
		}
	}
}

// frames is the event frames that hold positions from to to, each valid until
// the next.
func (db *DB) frames(from, to uint64) iter.Seq2[*segment.Frame, error] {
	return func(yield func(*segment.Frame, error) bool) {
		logs := *db.logs.Load()
		first := sort.Search(len(logs), func(i int) bool { return logs[i].Header.First > from })
		next := from
		for _, log := range logs[max(first-1, 0):] {
			r := log.Frames(log.Seek(from), log.end.Load())
			for {
				f, err := nextEvents(r)
				if err != nil {
					if lost := db.lostUpTo(to); lost != nil {
						err = db.lostAt(next, next)
					}
					yield(nil, db.readError(err))
					return
				}
				if f == nil {
					break
				}
				if f.First > to {
					return
				}
				if f.First > next {
					yield(nil, db.lostAt(next, f.First-1))
					return
				}
				next = f.Last() + 1
				if f.Last() >= from && !yield(f, nil) {
					return
				}
			}
		}
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
