package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/segment"
)

// PartialsQuery says which partial results are wanted.
type PartialsQuery struct {
	// Of events at times in [From, To); the zero Time is no bound.
	From, To time.Time

	// Window is what those of the definition are put together into; nil for one over
	// all of the interval.
	Window aggregate.Aligned

	// Groups, if not nil, are those that are wanted. Others may come too.
	Groups [][]segment.Value

	// KnownAt is the position as of which they are wanted, 0 for the newest.
	KnownAt uint64

	// MemoryBytes is how much they may take, about; 0 is no limit.
	MemoryBytes int64
}

// AggregatePartials is what is kept over an interval, not made into results yet: for
// those who group further, or have more to add.
type AggregatePartials struct {
	Seq    uint64           // the position up to which events are in them
	Cells  *aggregate.Cells // of PartialsQuery.Window
	Events []aggregate.Span // times of the interval whose events are not in them
	Pieces int              // stored cells that were joined
}

// ErrNotKept: what is kept of an aggregate cannot tell what was asked for. The events
// can.
var ErrNotKept = errors.New("it is not kept")

// Why not.
var (
	errYet    = fmt.Errorf("%w yet", ErrNotKept)
	errPast   = fmt.Errorf("%w: what is kept is of a newer position", ErrNotKept)
	errWide   = fmt.Errorf("%w: it takes more memory than there may be", ErrNotKept)
	errSparse = fmt.Errorf("%w so that it is worth it: its windows have few events each", ErrNotKept)
)

// Partials is what is kept over an interval, joined as [Aggregate.Range] joins it, and
// the times whose events are to be added, as of the answer's position. It is
// [ErrNotKept] of functions over time, of windows that do not make up those that are
// wanted, of a position before the one that is kept, of more memory than there may be,
// and of so many windows with so few events that these are read faster.
func (a *Aggregate) Partials(ctx context.Context, q PartialsQuery) (AggregatePartials, error) {
	over, err := intervalOf(q.From, q.To)
	if err != nil {
		return AggregatePartials{}, fmt.Errorf("partial results of aggregate %q: %w", a.name, err)
	}
	a.mu.Lock()
	r := ranging{kept: a.current, over: over, window: q.Window, known: q.KnownAt, most: q.MemoryBytes, dense: true}
	a.mu.Unlock()
	if r.window == nil {
		r.window = aggregate.Global{}
	}
	if q.Groups != nil {
		r.groups = encodedGroups(q.Groups)
	}
	if err := r.partials(ctx); err != nil {
		return AggregatePartials{}, fmt.Errorf("partial results of aggregate %q: %w", a.name, err)
	}
	return AggregatePartials{Seq: r.seq, Cells: r.sum, Events: r.raw, Pieces: r.pieces}, nil
}

// encodedGroups is groups as keys of cells have them, sorted.
func encodedGroups(groups [][]segment.Value) [][]byte {
	all := [][]byte{}
	for _, group := range groups {
		var b []byte
		for _, v := range group {
			b = segment.AppendValue(b, v)
		}
		all = append(all, b)
	}
	slices.SortFunc(all, bytes.Compare)
	return all
}

func (r *ranging) partials(ctx context.Context) error {
	newest := r.db.visible.Load()
	switch {
	case r.db.closed.Load():
		return ErrClosed
	case r.known > newest:
		return fmt.Errorf("%w: position %d is asked for, the newest is %d", ErrFuture, r.known, newest)
	case r.plan == nil:
		return fmt.Errorf("%w: %q must be handed over again, by Maintain", ErrNotKept, r.def.Missing())
	case r.whole.Ordered():
		return fmt.Errorf("%w: functions over time depend on where windows end", ErrNotKept)
	case r.whole.Counts():
		return fmt.Errorf("%w: of counted windows only how many events there are", ErrNotKept)
	case !r.plan.MakesUp(r.window, r.over):
		return fmt.Errorf("%w: its windows do not make up those of %s", ErrNotKept, r.window)
	}
	err := r.stored(ctx)
	if errors.Is(err, errUnbuilt) {
		err = errYet
	}
	return err
}
