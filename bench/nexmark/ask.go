package nexmark

import (
	"context"
	"fmt"
	"time"

	"github.com/annalsdb/annals/query"
	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

// putSide puts the table that q13 looks up.
func putSide(ctx context.Context, db *store.DB) error {
	var b store.Batch
	for i := range int64(10_000) {
		b.Events = append(b.Events, store.Event{Stream: Side, Key: fmt.Sprint(i), Type: "row", Time: Start,
			Fields: store.Fields{store.Int64("id", i), store.Int64("value", i)}})
	}
	_, err := db.Append(ctx, b)
	return err
}

// Put puts the table and all events, in batches of that size, and calls after behind
// each, with how many events are there; its error ends it.
func (c Config) Put(ctx context.Context, db *store.DB, size int, after func(n int) error) error {
	if err := c.Check(); err != nil {
		return err
	}
	if err := putSide(ctx, db); err != nil {
		return err
	}
	var b store.Batch
	n := 0
	flush := func() error {
		if _, err := db.Append(ctx, b); err != nil {
			return fmt.Errorf("nexmark: put events up to %d: %w", n, err)
		}
		b.Events = b.Events[:0]
		return after(n)
	}
	for e := range c.All() {
		b.Events = append(b.Events, e.Event())
		if n++; len(b.Events) < size {
			continue
		}
		if err := flush(); err != nil {
			return err
		}
	}
	if len(b.Events) == 0 {
		return nil
	}
	return flush()
}

// Ask asks a query of the latest view, with that many workers.
func (q *Query) Ask(ctx context.Context, db *store.DB, workers int) (a Answer, err error) {
	err = q.ask(ctx, query.View(db.Latest()), q.Text, workers, 1, &a)
	return a, err
}

// ask adds the rows that a text has, or, where sign is -1, takes them away.
func (q *Query) ask(ctx context.Context, r query.Reader, text string, workers int, sign int64, a *Answer) error {
	err := ask(ctx, r, text, workers, func(b *query.Batch) {
		if q.Arrival {
			a.Sum += uint64(sign) * sum(&b.Columns[len(b.Columns)-1], b.Rows)
			return
		}
		a.Rows += sign * int64(b.Rows)
		for i := range b.Columns {
			a.Sum += uint64(sign) * sum(&b.Columns[i], b.Rows)
		}
	})
	if err != nil {
		return fmt.Errorf("%s: %w", q.Name, err)
	}
	return nil
}

// ask visits the rows that a text has.
func ask(ctx context.Context, r query.Reader, text string, workers int, visit func(b *query.Batch)) error {
	parsed, err := query.Parse(text)
	if err != nil {
		return err
	}
	result, err := (&query.Options{Workers: workers, MemoryBytes: 4 << 30}).Run(ctx, r, parsed)
	if err != nil {
		return err
	}
	for b, err := range result.Batches() {
		if err != nil {
			return err
		}
		visit(b)
	}
	return nil
}

// sum is that of Answer for the rows of a column.
func sum(c *query.Column, rows int) (sum uint64) {
	for i := range rows {
		switch v := c.Value(i); v.Kind() {
		case segment.Int64Value:
			sum += uint64(v.Int64())
		case segment.Float64Value:
			sum += uint64(int64(v.Float64()))
		case segment.TimeValue:
			sum += uint64(v.Nanos() / int64(time.Millisecond))
		case segment.StringValue:
			sum += uint64(len(v.Text()))
		}
	}
	return sum
}
