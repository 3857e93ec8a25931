package query

import (
	"context"
	"fmt"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/store"
)

// DB is a database as what queries read, at moments if some are given: it has the
// maintained aggregates beside the streams, and, without moments, takes statements
// about them. What is asked of streams is exact at the position that is the newest
// now; an aggregate is read when the query runs, and may be of a newer one, which
// [Stats] states. So is a GROUP BY over a stream that is answered from one, unless it has
// a moment, or is joined with states.
//
// Expressions of aggregates that were created by text are handed over to the database
// again, if that has not been done since it was opened; those of the user's own that
// are no text of this language stay missing.
func DB(db *store.DB, moments ...store.Moment) (StateReader, error) {
	v, err := db.View(moments...)
	if err != nil {
		return nil, err
	}
	for _, a := range db.Aggregates() {
		if err := resume(db, a); err != nil {
			return nil, err
		}
	}
	return dbReader{viewReader{v}, db, len(moments) > 0}, nil
}

// dbReader is a database as a [StateReader].
type dbReader struct {
	viewReader
	db      *store.DB
	bounded bool // to moments
}

// At implements [Reader].
func (r dbReader) At(m Moment) (Reader, error) {
	at, err := r.viewReader.At(m)
	if err != nil {
		return nil, err
	}
	return dbReader{at.(viewReader), r.db, r.bounded || m != latest}, nil
}

// ScanDiff implements [StateReader].
func (r dbReader) ScanDiff(ctx context.Context, to Reader, q store.KeyScan, visit func(worker int, some []store.Difference) error) error {
	if other, ok := to.(dbReader); ok {
		to = other.viewReader
	}
	return r.viewReader.ScanDiff(ctx, to, q, visit)
}

// known is the position that aggregates are asked for, 0 for the newest.
func (r dbReader) known() (uint64, error) {
	if _, some := r.Time(); some {
		return 0, fmt.Errorf("query: %w: an aggregate is of all event times; it can be asked for at a moment of what was known", store.ErrInvalid)
	}
	if r.bounded {
		return r.Seq(), nil
	}
	return 0, nil
}

// resume hands the expressions of an aggregate over again, from their texts.
func resume(db *store.DB, a *store.Aggregate) error {
	d := a.Definition()
	if len(d.Missing()) == 0 {
		return nil
	}
	inputs := []*aggregate.Input{&d.Watermark.Source}
	d.By, d.Measures = append([]aggregate.Input(nil), d.By...), append([]aggregate.Measure(nil), d.Measures...)
	for i := range d.By {
		inputs = append(inputs, &d.By[i])
	}
	for i := range d.Measures {
		inputs = append(inputs, &d.Measures[i].Of)
	}
	for _, in := range inputs {
		if in.Of == nil {
			continue
		}
		e, err := ParseExpression(d.Stream, in.Of.String())
		if err != nil {
			return nil // it is not of this language
		}
		in.Of = e
	}
	if len(d.Missing()) > 0 {
		return nil
	}
	_, err := db.Maintain(context.Background(), d)
	return err
}
