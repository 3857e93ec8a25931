package store

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/annalsdb/annals/segment"
)

// Over hands those of events that q wants to visit, in batches of up to some thousand,
// as worker 0: what [View.ScanEvents] does, for whoever has events elsewhere and wants
// them queried. Events are as one reads them from a database, with Seq, Version, Time
// and Recorded; those that others among them retract are left out, unless q wants them.
// The fields that it asks for stay in memory until the end.
func (q *EventScan) Over(ctx context.Context, events iter.Seq2[Event, error], visit func(worker int, b *EventBatch) error) (stats ScanStats, err error) {
	l := eventList{q: q, rows: segment.LoadedRows{Names: q.Columns}, test: segment.NewRowTest(q.Where, q.Stream)}
	if err = q.check(); err == nil {
		err = l.load(ctx, events)
	}
	scan := l.rows.Scan(q.Columns)
	stats.Live, stats.Seq = scan.Rows(), l.seq
	if err == nil {
		scan.Gone = l.retract()
		stats.Retracted = len(scan.Gone)
		err = visitLoaded(ctx, scan, &stats, visit)
	}
	if err != nil {
		err = fmt.Errorf("scan events of stream %q: %w", q.Stream, err)
	}
	return stats, err
}

// eventList is the events of a scan that are in no database.
type eventList struct {
	q           *EventScan
	rows        segment.LoadedRows
	test        *segment.RowTest
	seq         uint64
	retractions [][2]uint64 // a position, and the one that it takes back
}

func (l *eventList) load(ctx context.Context, events iter.Seq2[Event, error]) error {
	for e, err := range events {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil && e.Stream == l.q.Stream {
			err = l.add(&e)
		}
		if err != nil {
			return err
		}
		l.seq = max(l.seq, e.Seq)
	}
	return nil
}

// add takes an event if it is wanted.
func (l *eventList) add(e *Event) error {
	if e.Kind == Retraction {
		l.retractions = append(l.retractions, [2]uint64{e.Seq, e.Retracts})
	}
	if e.Seq < l.q.From || !l.q.Range.has(e.Key) || l.q.Keys != nil && !slices.Contains(l.q.Keys, e.Key) {
		return nil
	}
	row, err := segment.RowOf(e)
	if err == nil && l.q.Where != nil {
		var is bool
		if is, err = l.test.Passes(&row); !is && err == nil {
			return nil
		}
	}
	if err == nil {
		err = l.rows.Add(&row)
	}
	if err != nil {
		return fmt.Errorf("event %d: %w", e.Seq, err)
	}
	return nil
}

// retract finds the events that are left out. The newest retraction is looked at
// first, so one that is itself retracted has no effect.
func (l *eventList) retract() map[uint64]bool {
	if l.q.Retracted {
		return nil
	}
	gone := map[uint64]bool{}
	slices.SortFunc(l.retractions, func(a, b [2]uint64) int { return cmp.Compare(b[0], a[0]) })
	for _, r := range l.retractions {
		if !gone[r[0]] {
			gone[r[1]] = true
		}
	}
	return gone
}

// visitLoaded hands on the batches of a scan of rows in memory.
func visitLoaded(ctx context.Context, scan *segment.LoadedScan, stats *ScanStats, visit func(worker int, b *EventBatch) error) error {
	var b EventBatch
	for _, block := range scan.Blocks() {
		err := ctx.Err()
		if err == nil {
			err = scan.Read(block, &b.Batch)
		}
		if err != nil {
			return err
		}
		stats.Read = b.Read
		if b.Selected != nil && len(b.Selected) == 0 {
			continue
		}
		if err := visit(0, &b); err != nil {
			return err
		}
	}
	return nil
}
