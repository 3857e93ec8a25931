package store

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// wanted says which events a read is for: those that meet any of the criteria; nil
// is all. Rows of log files are asked one by one, those of sealed files all at once
// by a predicate that says the same.
type wanted []criteria

// criteria is conditions on an event, which are all to be met. An empty list, or
// prefix, is none.
type criteria struct {
	streams     []string // any of these
	types       []string // likewise
	prefix      string   // of the key
	since, last int64    // of the time, both included
	seen        int64    // the time is not behind it, or the event is a retraction
	fields      Fields   // all of these, as they are stored
}

// admits reports whether the event of a row is wanted. One that cannot be read is:
// who reads it says why.
func (w wanted) admits(s *stream, row *segment.Row, t int64) bool {
	for i := range w {
		if w[i].admit(s, row, t) {
			return true
		}
	}
	return len(w) == 0
}

func (c *criteria) admit(s *stream, row *segment.Row, t int64) bool {
	switch {
	case len(c.streams) > 0 && !slices.Contains(c.streams, s.Name),
		len(c.types) > 0 && !slices.Contains(c.types, row.Type),
		t < c.since || t > c.last || t > c.seen && row.Kind != Retraction,
		!strings.HasPrefix(row.Key, c.prefix):
		return false
	case len(c.fields) == 0:
		return true
	}
	fields, err := row.Fields()
	for _, f := range c.fields {
		if v, ok := fields.Get(f.Name); err == nil && (!ok || !v.Equal(f.Value)) {
			return false
		}
	}
	return true
}

// predicate is what admits says, of the columns of a sealed file; nil is true.
func (w wanted) predicate() index.Predicate {
	either := make(index.Or, len(w))
	for i := range w {
		all := w[i].predicate()
		if len(all) == 0 {
			return nil
		}
		either[i] = all
	}
	switch len(either) {
	case 0:
		return nil
	case 1:
		return either[0]
	}
	return either
}

func (c *criteria) predicate() (all index.And) {
	if len(c.streams) > 0 {
		all = append(all, oneOf(segment.ColumnStream, c.streams))
	}
	if len(c.types) > 0 {
		all = append(all, oneOf(segment.ColumnType, c.types))
	}
	if c.prefix != "" {
		all = append(all, index.Prefix{Column: segment.ColumnKey, Prefix: c.prefix})
	}
	if c.since != never || c.last != latest {
		all = append(all, timed(c.since, c.last))
	}
	if c.seen != latest {
		all = append(all, index.Or{
			timed(never, c.seen),
			index.Eq{Column: segment.ColumnKind, Value: index.Int64Of(int64(Retraction))},
		})
	}
	for i := range c.fields {
		all = append(all, c.fields[i].Same())
	}
	return all
}

func oneOf(column string, texts []string) index.Predicate {
	values := make([]index.Literal, len(texts))
	for i, s := range texts {
		values[i] = index.StringOf(s)
	}
	return index.In{Column: column, Values: values}
}

// timed is that the time is from since to last.
func timed(since, last int64) index.Predicate {
	return index.Range{Column: segment.ColumnTime,
		Lo: index.Bound{Value: index.TimeOf(since)}, Hi: index.Bound{Value: index.TimeOf(last)}}
}

// read is the events at positions from to to, both visible, that are wanted, in
// order. Each is the caller's to keep. No files are pinned while the caller has its
// turn.
func (db *DB) read(from, to uint64, want wanted) iter.Seq2[Event, error] {
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
//
// Of a sealed file only the rows wanted are read. What was found out of it holds
// as long as it is the file that has the next position: it is asked for again under
// the next pin, and forgotten if another one has taken its place.
type positions struct {
	db       *DB
	next, to uint64
	want     wanted

	file *segment.Sealed // that rows reads
	rows *segment.PositionCursor

	log    *logFile // that frames reads
	frames *segment.FrameReader
}

// some is events from next on, perhaps none, and moves it.
func (r *positions) some() ([]Event, error) {
	f, err := r.db.pin()
	if err != nil {
		return nil, err
	}
	defer f.unpin()
	if r.next <= f.through {
		return r.sealed(f)
	}
	r.file, r.rows = nil, nil
	return r.logged(f)
}

func (r *positions) sealed(f *files) (events []Event, err error) {
	s := f.sealed[f.sealedOf(r.next)]
	if err := r.db.lostAt(r.next, s.Info().First); r.next < s.Info().First {
		return nil, err
	}
	if r.file != s {
		if err := r.open(s); err != nil {
			return nil, fmt.Errorf("read event %d: %w", r.next, err)
		}
	}
	rows, err := r.rows.Next()
	if err != nil {
		return nil, fmt.Errorf("read event %d: %w", r.next, err)
	}
	streams := r.db.streams.Load().list
	for i := range rows {
		row := &rows[i]
		e, err := eventOf(streams[row.Stream-1], &row.Row, row.Seq, row.Recorded)
		if err != nil {
			return events, fmt.Errorf("read event %d: %w", row.Seq, err)
		}
		events = append(events, e)
	}
	r.next = r.rows.At()
	return events, nil
}

// open finds the rows of a sealed file that are wanted, from next on.
func (r *positions) open(s *segment.Sealed) error {
	r.file, r.rows = nil, nil
	to := min(r.to, s.Info().Last)
	if p := r.want.predicate(); p != nil {
		sel, err := s.Select(p)
		if err != nil {
			return err
		}
		r.rows = sel.ByPosition(r.next, to)
	} else {
		r.rows = s.ByPosition(r.next, to)
	}
	r.file = s
	return nil
}

// logged is the events of the next frame.
func (r *positions) logged(f *files) (events []Event, err error) {
	if len(f.logs) == 0 {
		return nil, r.db.lostAt(r.next, r.next) // of a damaged database
	}
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
			return nil, err
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

// events is the events of one frame at positions from to to that are wanted, each
// the caller's to keep.
func (db *DB) events(f *segment.Frame, from, to uint64, want wanted) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		streams := db.streams.Load().list
		for row, err := range db.rows(f) {
			if err != nil {
				yield(Event{}, err)
				return
			}
			s := streams[row.Stream-1]
			if row.Seq < from || row.Seq > to || !want.admits(s, &row.Row, f.Recorded-row.Lag) {
				continue
			}
			var own segment.Row
			if err = segment.ParseRow(strings.Clone(row.body), &own); err == nil {
				var e Event
				if e, err = eventOf(s, &own, row.Seq, f.Recorded); err == nil {
					if !yield(e, nil) {
						return
					}
					continue
				}
			}
			yield(Event{}, fmt.Errorf("read event %d: %w", row.Seq, err))
			return
		}
	}
}

// frameRow is a row in its frame, as one of a sealed file. Its strings are valid as long
// as the frame.
type frameRow struct {
	segment.SealedRow
	body string
	at   int64 // offset in the file
}

// rows is the rows of an event frame, whose checksum was seen to match. Each is valid
// until the next one.
func (db *DB) rows(f *segment.Frame) iter.Seq2[*frameRow, error] {
	return func(yield func(*frameRow, error) bool) {
		streams := uint32(len(db.streams.Load().list))
		var row frameRow
		for i, pos := 0, 0; i < f.Rows; i++ {
			body, next := f.RowAt(pos)
			err := segment.ParseRow(body, &row.Row)
			if err == nil && (row.Stream == 0 || row.Stream > streams) {
				err = fmt.Errorf("stream %d is not defined", row.Stream)
			}
			row.Seq, row.Time, row.Recorded = f.First+uint64(i), f.Recorded-row.Lag, f.Recorded
			if next < 0 || err != nil {
				yield(&row, fmt.Errorf("row %d of the frame at offset %d: %w", i+1, f.Offset, err))
				return
			}
			row.body, row.at = body, f.Offset+segment.FrameHead+int64(pos)
			if !yield(&row, nil) {
				return
			}
			pos = next
		}
	}
}
