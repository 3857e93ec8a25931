package query

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/segment"
)

// groupRun is a GROUP BY at work. Each worker groups what it reads. Then the groups
// of all workers are parted by a hash of what they are of, and each part is joined
// and made rows of by one worker: groups that are the same are in the same part. What
// does not fit memory is parted and written to disk on the way, see disk.go.
type groupRun struct {
	*executor
	to      visit // of rows of groups
	workers []*grouper

	making sync.Mutex
	disk   *groupFile // nil: nothing was written
}

// runGroups makes rows of groups.
func (x *executor) runGroups(ctx context.Context, to visit) (err error) {
	r := groupRun{executor: x, to: to, workers: make([]*grouper, x.workers)}
	for i := range r.workers {
		if r.workers[i], err = x.newGrouper(); err != nil {
			return err
		}
	}
	defer func() {
		if r.disk != nil {
			err = r.disk.closeAfter(err)
		}
	}()
	if err := r.takeKept(ctx); err != nil {
		return err
	}
	err = x.read(ctx, func(worker int, b *batch) error {
		t := x.steps.begin()
		defer x.steps.group.end(t)
		x.steps.group.in(count(b.sel, b.n))
		g := r.workers[worker]
		if err := g.add(b); err != nil || g.held <= g.most {
			return err
		}
		return r.relieve(g)
	})
	switch {
	case err != nil:
		return err
	case r.disk != nil:
		return r.finishDisk(ctx)
	}
	return r.join(ctx)
}

// share has the workers do the jobs 0 to n, less one, each taking the next one, until
// one fails or ctx ends.
func (x *executor) share(ctx context.Context, n int, do func(worker, job int) error) error {
	var next, failed atomic.Int64
	errs := make([]error, min(x.workers, n))
	work := func(worker int) {
		for job := int(next.Add(1)) - 1; job < n && failed.Load() == 0; job = int(next.Add(1)) - 1 {
			err := ctx.Err()
			if err == nil {
				err = do(worker, job)
			}
			if err != nil {
				errs[worker] = err
				failed.Store(1)
			}
		}
	}
	var others sync.WaitGroup
	for worker := 1; worker < len(errs); worker++ {
		others.Go(func() { work(worker) })
	}
	work(0)
	others.Wait()
	enough := false
	for _, err := range errs {
		if err != nil && err != errEnough {
			return err
		}
		enough = enough || err != nil
	}
	if enough {
		return errEnough
	}
	return nil
}

// partedFrom is from how many groups on joining them is shared.
const partedFrom = 1024

// join joins the groups of all workers.
func (r *groupRun) join(ctx context.Context) error {
	workers, total := r.workers[:0], 0
	for _, g := range r.workers {
		if g.groups > 0 {
			workers, total = append(workers, g), total+g.groups
		}
	}
	switch len(workers) {
	case 0:
		return nil
	case 1:
		return r.finish(ctx, 0, workers[0])
	}
	parts := 1
	if total >= partedFrom {
		parts = r.executor.workers
	}
	lists := make([]groupList, len(workers))
	err := r.share(ctx, len(workers), func(_, i int) error {
		t := r.steps.begin()
		defer r.steps.merge.end(t)
		lists[i] = workers[i].part(parts)
		return nil
	})
	if err != nil {
		return err
	}
	return r.share(ctx, parts, func(worker, part int) error {
		t := r.steps.begin()
		g, err := r.newGrouper()
		if err == nil && len(g.columns) == 1 {
			g.columns[0].expect(lists, part)
		}
		for i := 0; i < len(lists) && err == nil; i++ {
			err = g.take(ctx, &lists[i], part)
		}
		r.steps.merge.end(t)
		if err != nil {
			return err
		}
		return r.finish(ctx, worker, g)
	})
}

// groupList is the groups of a grouper in parts.
type groupList struct {
	g     *grouper
	codes [][]uint32 // by column, of each group
	parts [][]uint32 // the groups of each part
}

// part parts groups by hash.
func (g *grouper) part(parts int) groupList {
	l := groupList{g: g, codes: g.allCodes(), parts: make([][]uint32, parts)}
	for i, h := range g.hashes(l.codes) {
		p := &l.parts[(h>>32)*uint64(parts)>>32]
		*p = append(*p, uint32(i))
	}
	return l
}

// allCodes is, by column, the numbers of the values that groups show.
func (g *grouper) allCodes() [][]uint32 {
	codes := make([][]uint32, len(g.columns))
	for k := range codes {
		codes[k] = g.codesOf(k, g.groups)
	}
	return codes
}

// hashes is a hash of what each group is of, without windows that depend on other rows:
// those of one family have to stay together.
func (g *grouper) hashes(codes [][]uint32) []uint64 {
	hashes := make([]uint64, g.groups)
	for k := range g.columns {
		if k == len(g.x.groups) && g.x.window.depends() {
			break
		}
		d := &g.columns[k]
		of := make([]uint64, len(d.values))
		for n := range of {
			of[n] = d.hash(uint32(n))
		}
		for i, code := range codes[k] {
			hashes[i] = mixed(hashes[i] + of[code])
		}
	}
	return hashes
}

// take takes in the groups of a part of a list.
func (g *grouper) take(ctx context.Context, l *groupList, part int) error {
	from := l.g
	to := make([]uint32, from.groups)
	if len(l.parts) > 1 {
		for i := range to {
			to[i] = aggregate.Nowhere
		}
	}
	known := make([][]uint32, len(g.columns)) // 1 more than the number here of each value there
	for k := range known {
		known[k] = make([]uint32, len(from.columns[k].values))
	}
	for some := range slices.Chunk(l.parts[part], batchRows) {
		if err := ctx.Err(); err != nil {
			return err
		}
		for k := range g.columns {
			d, values, codes := &g.columns[k], from.columns[k].values, g.codes[k][:0]
			for _, i := range some {
				c := l.codes[k][i]
				if known[k][c] == 0 {
					known[k][c] = d.number(values[c]) + 1
				}
				codes = append(codes, known[k][c]-1)
			}
			g.codes[k] = codes
		}
		g.place()
		for j := range g.ords {
			to[some[j]] = g.ords[j]
		}
	}
	for i := range g.sums {
		if s := &g.sums[i]; s.from == i {
			if err := s.groups.Merge(to, from.sums[i].groups); err != nil {
				return s.placeError(err, segment.NullValue)
			}
		}
	}
	g.hold()
	return nil
}
