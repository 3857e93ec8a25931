package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

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
	now, err := k.standing(ctx, wholeTime)
	if errors.Is(err, errUnbuilt) {
		return 0, nil // nothing is kept, or it is being built
	}
	if err != nil {
		return 0, err
	}
	kept, err := now.cells.Results(wholeTime.Start, wholeTime.End, now.complete)
	if err != nil {
		return 0, err
	}
	want, err := aggregate.Run(ctx, k.view(now.seq), k.plan.Definition(), wholeTime)
	if err != nil {
		return 0, err
	}
	if len(kept) != len(want) {
		return 0, fmt.Errorf("%d results are kept, the events say %d", len(kept), len(want))
	}
	for i := range want {
		have, w := &kept[i], &want[i]
		same := have.Window == w.Window && slices.Equal(have.Group, w.Group) && slices.Equal(have.Values, w.Values) &&
			have.Rows == w.Rows && have.Unfit == w.Unfit
		if !same {
			return i, fmt.Errorf("result %d is kept as %v of %d events for group %v of %s, the events say %v of %d for group %v of %s",
				i, have.Values, have.Rows, have.Group, have.Window, w.Values, w.Rows, w.Group, w.Window)
		}
	}
	return len(want), k.verifyLevels()
}

// verifyLevels compares the levels in bbolt with what their children make.
func (k *kept) verifyLevels() error {
	err := k.db.states.view(func(tx *bolt.Tx) error {
		b := tx.Bucket(k.bucket)
		for level := 1; b != nil && level < len(k.levels); level++ {
			v := levelVerifier{rollup: &k.rollup, level: level}
			if err := v.run(b); err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, errUnbuilt) {
		return nil
	}
	return err
}

// levelVerifier joins the children of a level anew, a window at a time.
type levelVerifier struct {
	*rollup
	level  int
	have   levelCells
	window aggregate.Span
	cells  *aggregate.Cells // of window, from its children; nil: none yet
	cell   []byte
	same   int // cells that are what their children make
}

func (v *levelVerifier) run(b *bolt.Bucket) (err error) {
	if v.have, err = levelIn(b, v.level); err != nil {
		return err
	}
	below, err := levelIn(b, v.level-1)
	if err != nil {
		return err
	}
	all := 0
	err = v.have.each(wholeTime, nil, func(_, _ []byte) error { all++; return nil })
	if err == nil {
		err = below.each(wholeTime, nil, v.child)
	}
	if err == nil {
		err = v.compare()
	}
	if err == nil && v.same != all {
		err = fmt.Errorf("level %d has %d cells, those of the level below make %d", v.level, all, v.same)
	}
	return err
}

// child takes a child in.
func (v *levelVerifier) child(key, body []byte) error {
	if start := startOf(key); v.cells == nil || !v.window.Has(start) {
		if err := v.compare(); err != nil {
			return err
		}
		v.window, v.cells = v.levels[v.level].WindowAt(start), v.levels[v.level].Cells()
	}
	_, err := v.cells.MergeCell(append(appendStart(nil, v.window.Start), key[cellKeyLeast:]...), body)
	return err
}

// compare compares the cells of window with those that bbolt has.
func (v *levelVerifier) compare() error {
	if v.cells == nil {
		return nil
	}
	return v.have.each(v.window, nil, func(key, body []byte) (err error) {
		i, ok := v.cells.Lookup(key)
		if ok {
			v.cell, err = v.cells.AppendCell(v.cell[:0], i)
		}
		if err == nil && (!ok || !bytes.Equal(v.cell, body)) {
			err = fmt.Errorf("the cell %x of level %d, of window %s, is not what its children make", key, v.level, v.window)
		}
		v.same++
		return err
	})
}
