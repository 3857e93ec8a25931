package store

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/annalsdb/annals/segment"
)

// File is a sealed file without its database, such as a copy of one: the events of
// some positions, as of a moment. It knows nothing of those before and behind, so it
// has no states, and a retraction in another file does not count. It can be shared.
type File struct {
	sealed *segment.Sealed
	time   int64
	seq    uint64
}

// fileCache is the memory for pages of a file that is read by itself.
const fileCache = 64 << 20

// OpenFile opens the sealed file at path, which is only read.
func OpenFile(path string) (*File, error) {
	s, err := segment.OpenSealed(segment.OS, path, segment.NewCache(fileCache))
	if err != nil {
		return nil, err
	}
	return &File{sealed: s, time: latest, seq: s.Info().Last}, nil
}

// Close closes the file, at whatever moments it is seen.
func (f *File) Close() error { return f.sealed.Close() }

// Positions are those of the first and the last event in the file.
func (f *File) Positions() (first, last uint64) { return f.sealed.Info().First, f.sealed.Info().Last }

// Seq is the position up to which events are seen.
func (f *File) Seq() uint64 { return f.seq }

// Streams is the names of the streams that have events in the file.
func (f *File) Streams() (names []string, err error) {
	for i := range f.sealed.Info().Streams {
		if s := &f.sealed.Info().Streams[i]; s.Rows > 0 {
			names = append(names, s.Def.Name)
		}
	}
	return names, nil
}

// Fields is the names of the fields that events of the stream have in the file, in
// order.
func (f *File) Fields(stream string) ([]string, error) {
	if _, err := f.stream(stream); err != nil {
		return nil, fmt.Errorf("fields: %w", err)
	}
	fields, err := f.sealed.Fields(stream)
	names := make([]string, len(fields))
	for i := range fields {
		names[i] = fields[i].Name
	}
	slices.Sort(names)
	return names, err
}

// At is the file at moments that are not behind its own: event time AsOf a later one
// is its own. Positions that the file does not have are [ErrFuture], or [ErrInvalid]
// where they are before its first.
func (f *File) At(moments ...Moment) (*File, error) {
	o := *f
	for _, m := range moments {
		if err := o.move(m); err != nil {
			return nil, fmt.Errorf("file %s: %w", f.sealed.Path, err)
		}
	}
	return &o, nil
}

func (f *File) move(m Moment) error {
	info, seq := f.sealed.Info(), m.seq
	if m.kind != momentKnownAt {
		ns, ok := segment.Nanos(m.time)
		if !ok {
			return fmt.Errorf("%w: time %s is outside the years 1677 to 2262", ErrInvalid, m.time)
		}
		if m.kind == momentAsOf {
			f.time = min(f.time, ns)
			return nil
		}
		if ns > info.LastRecorded {
			return fmt.Errorf("%w: what was known at %s is asked for, the file ends at %s", ErrFuture, m.time.UTC(), instant(info.LastRecorded))
		}
		var err error
		if seq, err = f.sealed.RecordedBy(ns); err != nil {
			return err
		}
	}
	switch {
	case seq > f.seq:
		return fmt.Errorf("%w: position %d is asked for, the newest is %d", ErrFuture, seq, f.seq)
	case seq < info.First:
		return fmt.Errorf("%w: what is asked for was known before the file begins, with position %d", ErrInvalid, info.First)
	}
	f.seq = seq
	return nil
}

// stream is the stream of that name.
func (f *File) stream(name string) (*stream, error) {
	for i := range f.sealed.Info().Streams {
		if s := &f.sealed.Info().Streams[i]; s.Rows > 0 && s.Def.Name == name {
			st := &stream{Stream: Stream{Name: name, Fold: Fold(s.Def.Fold), OnlyChanges: s.Def.OnlyChanges}, number: s.Def.Number}
			if s.Def.ByArrival {
				st.Order = ByArrival
			}
			return st, nil
		}
	}
	return nil, fmt.Errorf("%w: the file has no event of stream %q", ErrNoStream, name)
}

// ScanEvents is [View.ScanEvents] of the events in the file.
func (f *File) ScanEvents(ctx context.Context, q EventScan, visit func(worker int, b *EventBatch) error) (ScanStats, error) {
	s, err := f.stream(q.Stream)
	if err == nil {
		err = q.check()
	}
	if err != nil {
		return ScanStats{}, fmt.Errorf("scan events: %w", err)
	}
	e := eventScan{
		view: &View{time: f.time, asOf: f.time != math.MaxInt64, seq: f.seq}, s: s, q: &q, visit: visit,
		files: &files{sealed: []*segment.Sealed{f.sealed}}, workers: workersOf(q.Workers),
	}
	if err := e.run(ctx); err != nil {
		return e.stats, fmt.Errorf("scan events of stream %q: %w", s.Name, err)
	}
	return e.stats, nil
}
