package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/annalsdb/annals/cmd/annals/source"
	"github.com/annalsdb/annals/store"
)

// loader appends batches in their order, one after the other.
type loader struct {
	db    *store.DB
	split bool // batches are ours to divide: each event has an ID of its own

	stored, known uint64 // events
	batches       int    // with events that were stored
	last          int    // line up to which all is in
	loaded        func(events uint64)
}

// load appends all batches until one fails or ctx ends. What it reports as
// stored is stored: an append under way when ctx ends is waited for. The
// batches are decoded in a goroutine of their own, which also lets a Ctrl-C
// through while it waits for standard input.
func (l *loader) load(ctx context.Context, batches iter.Seq2[source.Batch, error]) error {
	ch := ahead(ctx, batches)
	for {
		select {
		case <-ctx.Done():
			return l.interrupted()
		case d, more := <-ch:
			if ctx.Err() != nil {
				return l.interrupted()
			}
			if !more {
				return nil
			}
			if d.err != nil {
				return d.err
			}
			if err := l.store(ctx, d.batch); err != nil {
				return err
			}
			l.last = d.batch.Last
			l.loaded(l.stored + l.known)
		}
	}
}

func (l *loader) interrupted() error {
	return fmt.Errorf("interrupted: all lines up to %d are in", l.last)
}

// decoded is a batch, or what stopped the decoding.
type decoded struct {
	batch source.Batch
	err   error
}

// ahead decodes a few batches ahead until ctx ends.
func ahead(ctx context.Context, batches iter.Seq2[source.Batch, error]) <-chan decoded {
	ch := make(chan decoded, 4)
	go func() {
		defer close(ch)
		for b, err := range batches {
			select {
			case ch <- decoded{b, err}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return ch
}

func (l *loader) store(ctx context.Context, b source.Batch) error {
	stored := l.stored
	err := l.append(context.WithoutCancel(ctx), b.Events, b.Recorded)
	if err != nil {
		return l.explain(err, b)
	}
	if l.stored > stored {
		l.batches++
	}
	return nil
}

// append stores events as one batch. If some of them are known and some are
// not, say because the input has grown since it was last imported, it divides
// them, where it may.
func (l *loader) append(ctx context.Context, events []store.Event, recorded time.Time) error {
	r, err := l.db.Append(ctx, store.Batch{Events: events, Recorded: recorded})
	if l.split && len(events) > 1 && errors.Is(err, store.ErrIdempotency) {
		half := len(events) / 2
		if err := l.append(ctx, events[:half], recorded); err != nil {
			return err
		}
		return l.append(ctx, events[half:], recorded)
	}
	if err != nil {
		return err
	}
	if r.Duplicate {
		l.known += uint64(len(events))
	} else {
		l.stored += uint64(len(events))
	}
	return nil
}

// explain says which lines an error is about.
func (l *loader) explain(err error, b source.Batch) error {
	if b.Name != "" {
		err = fmt.Errorf("batch %q: %w", b.Name, err)
	}
	if b.First == b.Last {
		return fmt.Errorf("line %d: %w", b.First, err)
	}
	return fmt.Errorf("lines %d to %d: %w", b.First, b.Last, err)
}

// summary says what was done.
func (l *loader) summary() string {
	s := "stored " + count(l.stored, "event") + " in " + count(l.batches, "batch")
	if l.known > 0 {
		s += ", passed over " + thousands(l.known) + " known already"
	}
	return s
}

// speed is "1.9 s, 78,000 events/s".
func speed(events uint64, took time.Duration) string {
	if took <= 0 {
		took = 1
	}
	perSecond := int(float64(events) / took.Seconds())
	return fmt.Sprintf("%s, %s events/s", duration(took), thousands(perSecond))
}

// duration is d with about three digits.
func duration(d time.Duration) string {
	switch {
	case d >= time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d >= time.Millisecond:
		return fmt.Sprintf("%.3g ms", float64(d)/float64(time.Millisecond))
	}
	return fmt.Sprintf("%.3g µs", float64(d)/float64(time.Microsecond))
}
