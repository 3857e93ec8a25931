package query

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/annalsdb/annals/store"
)

// Reader is events as of one moment, as far as queries need them: [View] makes one of
// a view of a database, [File] one of a sealed file alone, and whoever has events
// elsewhere writes one, for which [store.EventScan.Over] does most; one that has states
// too is a [StateReader]. All methods can be called at the same time.
type Reader interface {
	Catalog

	// Seq is the position that answers are exact at.
	Seq() uint64

	// At is the reader at a moment of what was known. To ask for a position that
	// it does not see is [store.ErrFuture]. That of a StateReader is one, and may
	// be asked for the states as of a time as well.
	At(m Moment) (Reader, error)

	// ScanEvents hands the events that q wants to visit, in batches and in no
	// order, as [store.View.ScanEvents] does.
	ScanEvents(ctx context.Context, q store.EventScan, visit func(worker int, b *store.EventBatch) error) (store.ScanStats, error)
}

// StateReader is a [Reader] that knows how events become states, which STATE OF,
// HISTORY OF, CHANGES OF and joins ask for.
type StateReader interface {
	Reader

	// Get is the state of a key. The others hand what they are of the keys that q
	// wants to visit, in no order, as those of a [store.View] do: states, those that
	// keys had at some moment of [from, to), and what differs between the reader
	// and a later one, made from the same.
	Get(stream, key string) (store.State, bool, error)
	ScanStates(ctx context.Context, q store.KeyScan, visit func(worker int, states []store.State) error) error
	ScanPeriods(ctx context.Context, q store.KeyScan, from, to time.Time, visit func(worker int, periods []store.Period) error) error
	ScanDiff(ctx context.Context, to Reader, q store.KeyScan, visit func(worker int, some []store.Difference) error) error
}

// statesOf is r as a source of states.
func statesOf(r Reader, s *source) (StateReader, error) {
	if with, ok := r.(StateReader); ok {
		return with, nil
	}
	return nil, fmt.Errorf("query: %w: a %T has no states of %s", store.ErrInvalid, r, quoteName(s.stream))
}

// Moment is where in time a source is read: up to a time, inclusive, in ns since
// 1970 UTC, which is asked of states only, and as it was known. math.MaxInt64 and
// math.MaxUint64 are no bounds.
type Moment struct {
	Time    int64
	KnownAt uint64 // a position
	KnownBy int64  // a time
}

// latest is the moment of everything.
var latest = Moment{math.MaxInt64, math.MaxUint64, math.MaxInt64}

// asOf is the reader at an event time.
func asOf(r Reader, t int64) (Reader, error) {
	return r.At(Moment{Time: t, KnownAt: math.MaxUint64, KnownBy: math.MaxInt64})
}

// View is a view of a database as what queries read. It can be shared and needs no
// closing, as the view.
func View(v *store.View) StateReader { return viewReader{v} }

// viewReader is a view as a [StateReader].
type viewReader struct{ *store.View }

// At implements [Reader].
func (r viewReader) At(m Moment) (Reader, error) {
	v, err := r.View.At(m.list()...)
	return viewReader{v}, err
}

// list is m as the engine takes it.
func (m Moment) list() (moments []store.Moment) {
	if m.Time != math.MaxInt64 {
		moments = append(moments, store.AsOf(time.Unix(0, m.Time)))
	}
	switch {
	case m.KnownAt != math.MaxUint64:
		moments = append(moments, store.KnownAt(m.KnownAt))
	case m.KnownBy != math.MaxInt64:
		moments = append(moments, store.KnownBy(time.Unix(0, m.KnownBy)))
	}
	return moments
}

// ScanDiff implements [StateReader].
func (r viewReader) ScanDiff(ctx context.Context, to Reader, q store.KeyScan, visit func(worker int, some []store.Difference) error) error {
	other, ok := to.(viewReader)
	if !ok {
		return fmt.Errorf("query: %w: changes from a view to a %T", store.ErrInvalid, to)
	}
	return r.View.ScanDiff(ctx, other.View, q, visit)
}
