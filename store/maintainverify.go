package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/annalsdb/annals/aggregate"
)

// aggregates compares what is kept of each aggregate with what the events say, to the
// bit.
func (v *verifier) aggregates() {
	for _, a := range v.db.Aggregates() {
		a.mu.Lock()
		k := a.current
		a.mu.Unlock()
		if k.plan == nil {
			continue // there is nothing to compute it with
		}
		n, err := k.verify(v.ctx)
		v.report.Results += uint64(n)
		if err != nil && !v.fault(fmt.Errorf("aggregate %q: %w", a.name, err)) {
			return
		}
	}
}

// verify is how many results were compared.
func (k *kept) verify(ctx context.Context) (int, error) {
	kept, err := k.newest(ctx, wholeTime)
	if errors.Is(err, errUnbuilt) {
		return 0, nil // nothing is kept, or it is being built
	}
	if err != nil {
		return 0, err
	}
	want, err := aggregate.Run(ctx, k.view(kept.Seq), k.def, wholeTime)
	if err != nil {
		return 0, err
	}
	if len(kept.Results) != len(want) {
		return 0, fmt.Errorf("%d results are kept, the events say %d", len(kept.Results), len(want))
	}
	for i := range want {
		have, w := &kept.Results[i], &want[i]
		same := have.Window == w.Window && slices.Equal(have.Group, w.Group) && slices.Equal(have.Values, w.Values) &&
			have.Rows == w.Rows && have.Unfit == w.Unfit
		if !same {
			return i, fmt.Errorf("result %d is kept as %v of %d events for group %v of %s, the events say %v of %d for group %v of %s",
				i, have.Values, have.Rows, have.Group, have.Window, w.Values, w.Rows, w.Group, w.Window)
		}
	}
	return len(want), nil
}
