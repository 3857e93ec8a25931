package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/annalsdb/annals/aggregate"
)

// AggregateChange is that a result of an aggregate has changed: in value, in status, or
// in how many events it is of.
type AggregateChange struct {
	Seq uint64 // the position at which New is exact

	// Old is what the watch said of the window and group before, nil for nothing;
	// New is nil where the result is withdrawn. A session that grows or shrinks is
	// withdrawn, and another one appears. Of Counted windows Old and New have one
	// Number. In windows that lie across each other nobody counts what came late: what
	// follows a final result is told as revised.
	Old, New *aggregate.Result
}

// watcher is one that is told of changes: which cells have changed since it was told.
type watcher struct {
	dirty map[string]bool // keys of cells
	all   bool            // any may have
}

// restart is that any cell may have changed.
func (w *watcher) restart() { w.all, w.dirty = true, map[string]bool{} }

// touch notes that the cell of a key has changed. mu is held.
func (k *kept) touch(key []byte) {
	for w := range k.watchers {
		if !w.all {
			w.dirty[string(key)] = true
		}
	}
}

// touchCells notes that cells of live have changed.
func (k *kept) touchCells(cells []int) {
	for _, i := range cells {
		k.touch(k.live.AppendKey(nil, i))
	}
}

// Watch is the changes of all results, beginning with those that there are, until the
// loop is left or ctx ends, whose error is then the last pair. Whoever adds New and
// takes Old away has, whenever no more is at hand, the results of a bounded run over
// the same events. Changes that come faster than they are taken are told as one: a
// watch is as slow as it likes and holds nobody up.
//
// Where windows lie across each other it reads events: of sliding ones those around what
// has changed, of counted ones, and of functions over time, all there are, each time.
//
// It begins when history is built, and keeps in memory what it has told. Windows that
// are older than Definition.Keep are not told of. A change of the definition withdraws
// all results and tells those of the new one.
func (a *Aggregate) Watch(ctx context.Context) iter.Seq2[AggregateChange, error] {
	return func(yield func(AggregateChange, error) bool) {
		w := watch{a: a, told: map[string]*aggregate.Result{}}
		defer w.leave()
		for {
			news := a.db.news.Listen()
			changes, err := w.changes(ctx)
			for i := range changes {
				if !yield(changes[i], nil) {
					return
				}
			}
			if err == nil {
				err = w.wait(ctx, news)
			}
			if err != nil {
				yield(AggregateChange{}, fmt.Errorf("watch aggregate %q: %w", a.name, err))
				return
			}
		}
	}
}

// watch is one at work.
type watch struct {
	a *Aggregate
	k *kept
	watcher
	told    map[string]*aggregate.Result // by the key of the cell
	waiting bool                         // for history to be built

	seq      uint64 // up to which it was told, of windows across each other
	complete int64  // before which events were complete when it was told last
}

// leave ends the watch of what is kept now.
func (w *watch) leave() {
	if w.k != nil {
		w.k.mu.Lock()
		delete(w.k.watchers, &w.watcher)
		w.k.mu.Unlock()
	}
}

// watchAgain is how often it is looked whether windows have been closed by time alone,
// or history has been built.
const watchAgain = 100 * time.Millisecond

// wait waits until something may have changed.
func (w *watch) wait(ctx context.Context, news <-chan struct{}) error {
	if w.a.db.closed.Load() {
		return ErrClosed
	}
	var again <-chan time.Time
	if w.waiting || w.k.def.Watermark.MaxDelay > 0 {
		again = time.After(watchAgain)
	}
	select {
	case <-news:
	case <-again:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// changes is what has changed since it was asked last.
func (w *watch) changes(ctx context.Context) (all []AggregateChange, err error) {
	w.a.mu.Lock()
	k := w.a.current
	w.a.mu.Unlock()
	if k != w.k {
		w.leave()
		for key, r := range w.told {
			all = append(all, AggregateChange{Seq: k.db.visible.Load(), Old: r})
			delete(w.told, key)
		}
		w.k = k
		w.restart()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := w.ready(ctx); err != nil || w.waiting {
		return all, err
	}
	more, err := w.since(ctx)
	if errors.Is(err, errUnbuilt) {
		w.restart()
		w.waiting, err = true, nil
	}
	all = append(all, more...)
	slices.SortFunc(all, func(a, b AggregateChange) int { return compareResults(a.any(), b.any()) })
	return all, err
}

// ready follows the log and finds out whether history has to be waited for. mu of what is
// kept is held.
func (w *watch) ready(ctx context.Context) error {
	k := w.k
	to := k.db.visible.Load()
	if k.watchers == nil {
		k.watchers = map[*watcher]bool{}
	}
	k.watchers[&w.watcher] = true
	ok, err := k.attach()
	if ok && err == nil {
		err = k.advance(ctx, to)
	}
	if errors.Is(err, errUnbuilt) {
		ok, err = false, nil
	}
	w.waiting = !ok || !k.complete()
	return err
}

func (c *AggregateChange) any() *aggregate.Result {
	if c.New != nil {
		return c.New
	}
	return c.Old
}

func compareResults(a, b *aggregate.Result) int {
	return cmp.Or(a.Window.Compare(b.Window), slices.CompareFunc(a.Group, b.Group, aggregate.Compare), cmp.Compare(a.Number, b.Number))
}

// since is what has changed, of what is kept. mu of what is kept is held; it is let go
// where windows are joined from events.
func (w *watch) since(ctx context.Context) ([]AggregateChange, error) {
	k := w.k
	if err := k.refresh(ctx); err != nil { // it may change what is dirty
		return nil, err
	}
	if k.whole.Across() {
		return w.sinceAcross(ctx)
	}
	mark := k.mark
	mark.Tick(k.db.opt.Now().UnixNano())
	now := standing{seq: k.position, complete: mark.Complete()}
	everything := w.all || len(w.dirty) > 0 && k.plan.Ordered()
	var err error
	if everything {
		now.cells, err = k.joined(ctx, aggregate.Span{Start: k.base.from, End: wholeTime.End})
	} else {
		now.cells, err = k.joinedKeys(ctx, w.dirty)
	}
	if err != nil {
		return nil, err
	}
	results, err := now.cells.Results(wholeTime.Start, wholeTime.End, now.complete)
	if err != nil {
		return nil, err
	}
	asked := w.dirty
	if everything {
		for key := range w.told {
			asked[key] = true
		}
	}
	w.all, w.dirty = false, map[string]bool{}
	return w.tell(now, results, asked), nil
}

// tell is what has changed where results have been asked for: what is told of these is
// withdrawn if there is none any more.
func (w *watch) tell(at standing, results []aggregate.Result, asked map[string]bool) (all []AggregateChange) {
	_, sessions := w.k.plan.Sessions()
	now := make(map[string]*aggregate.Result, len(results))
	for i := range results {
		key := string(w.k.whole.AppendResultKey(nil, &results[i]))
		now[key], asked[key] = &results[i], true
	}
	for key := range asked {
		old, r := w.told[key], now[key]
		w.revise(old, r)
		if old.Equal(r) {
			continue
		}
		if sessions && old != nil && r != nil && old.Window != r.Window {
			all = append(all, AggregateChange{Seq: at.seq, Old: old})
			old = nil
		}
		all = append(all, AggregateChange{at.seq, old, r})
		if w.told[key] = r; r == nil {
			delete(w.told, key)
		}
	}
	return append(all, w.closed(at)...)
}

// revise makes what follows a result that was final a revised one, where nobody counts
// what came late: in windows that lie across each other.
func (w *watch) revise(old, r *aggregate.Result) {
	if !w.k.whole.Across() || old == nil || r == nil || r.Status != aggregate.Final || old.Status == aggregate.Provisional {
		return
	}
	if old.Status == aggregate.Revised || !old.Equal(r) {
		r.Status = aggregate.Revised
	}
}

// closed is the results of which no more is expected since they were told, or of
// which more is again.
func (w *watch) closed(at standing) (all []AggregateChange) {
	if at.complete == w.complete {
		return nil
	}
	w.complete = at.complete
	for key, old := range w.told {
		r := *old
		r.Status = w.k.whole.StatusOf(old, at.complete)
		if w.revise(old, &r); r.Status != old.Status {
			all = append(all, AggregateChange{at.seq, old, &r})
			w.told[key] = &r
		}
	}
	return all
}
