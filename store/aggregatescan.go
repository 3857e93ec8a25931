package store

import (
	"context"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/segment"
)

// ScanColumns implements [aggregate.Source]: a bounded run of an aggregate is over
// what the view sees. A stream that is not defined has no events.
func (v *View) ScanColumns(ctx context.Context, q aggregate.Scan, visit func(worker int, b *segment.Batch) error) error {
	if v.db.streams.Load().byName[q.Stream] == nil && !v.db.closed.Load() {
		return nil
	}
	scan := EventScan{Stream: q.Stream, Where: q.Where, Columns: q.Columns, Workers: q.Workers}
	_, err := v.ScanEvents(ctx, scan, func(worker int, b *EventBatch) error { return visit(worker, &b.Batch) })
	return err
}
