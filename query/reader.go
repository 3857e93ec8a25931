package query

import (
	"context"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/annalsdb/annals/store"
)

// Reader is a database as of one moment, as far as queries need it: [View] makes one
// of a view of the engine, and whoever has events elsewhere writes one. All methods
// can be called at the same time.
type Reader interface {
	Catalog

	// Seq is the position that answers are exact at.
	Seq() uint64

	// At is the reader at moments that are not behind its own. To ask for what
	// was known at a position that it does not see is [store.ErrFuture].
	At(m Moment) (Reader, error)

	// ScanEvents hands the events that q wants to visit, in batches and in no
	// order, as [store.View.ScanEvents] does.
	ScanEvents(ctx context.Context, q store.EventScan, visit func(worker int, b *store.EventBatch) error) (store.ScanStats, error)

	// Scan is the states of keys, Get that of one, Between the states that one
	// had at some moment of [from, to).
	Scan(stream string, r store.Range) iter.Seq2[store.State, error]
	Get(stream, key string) (store.State, bool, error)
	Between(stream, key string, from, to time.Time) iter.Seq2[store.Period, error]

	// Changes is what differs in a stream between the reader and a later one,
	// made from the same.
	Changes(to Reader, stream string) iter.Seq2[store.Difference, error]
}

// Moment is where in time a source is read: up to a time, inclusive, in ns since
// 1970 UTC, and as it was known. math.MaxInt64 and math.MaxUint64 are no bounds.
type Moment struct {
	Time    int64
	KnownAt uint64 // a position
	KnownBy int64  // a time
}

// latest is the moment of everything.
var latest = Moment{math.MaxInt64, math.MaxUint64, math.MaxInt64}

// View is a view of a database as what queries read. It can be shared and needs no
// closing, as the view.
func View(v *store.View) Reader { return viewReader{v} }

// viewReader is a view as a [Reader].
type viewReader struct{ *store.View }

// At implements [Reader].
func (r viewReader) At(m Moment) (Reader, error) {
	var moments []store.Moment
	if m.Time != math.MaxInt64 {
		moments = append(moments, store.AsOf(time.Unix(0, m.Time)))
	}
	switch {
	case m.KnownAt != math.MaxUint64:
		moments = append(moments, store.KnownAt(m.KnownAt))
	case m.KnownBy != math.MaxInt64:
		moments = append(moments, store.KnownBy(time.Unix(0, m.KnownBy)))
	}
	v, err := r.View.At(moments...)
	return viewReader{v}, err
}

// Changes implements [Reader].
func (r viewReader) Changes(to Reader, stream string) iter.Seq2[store.Difference, error] {
	other, ok := to.(viewReader)
	if !ok {
		return func(yield func(store.Difference, error) bool) {
			yield(store.Difference{}, fmt.Errorf("query: changes from a view to a %T", to))
		}
	}
	return r.Diff(other.View, stream)
}
