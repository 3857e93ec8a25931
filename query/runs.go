package query

import (
	"slices"
	"sync"

	"github.com/annalsdb/annals/segment"
)

// # Rows in order on disk
//
// A sorter whose rows take more than its share of memory puts them in order, writes
// them to a file that all workers have in common, and begins with none. In the end
// these runs and what is left in memory are merged, of each run one block at a time.
// Where that would be too many blocks at once, runs are merged to fewer ones first,
// those beside each other, so that rows of which none is before the other stay as they
// came to the worker.
//
// A run is blocks of
//
//	for each row
//	    for each value that it is put in order by: as in segment.AppendValue
//	    for each value that is selected: as in segment.AppendValue
//
// of which the second is left out where it is the first.

// sorting is the putting in order of rows, by a sorter for each worker.
type sorting struct {
	x       *executor
	order   []sortKey
	width   int // values of a row that are selected; 0: they are those it is put in order by
	most    int // the rows that are wanted; -1: all
	sorters []*sorter

	making sync.Mutex
	file   *spillFile // nil: nothing was written
}

// sortBlock is how much memory the rows of a block take at least, and a sorter's may.
const sortBlock = 4 << 10

// newSorting puts all rows in order.
func (x *executor) newSorting(order []sortKey, width, sorters int) *sorting {
	g := &sorting{x: x, order: order, width: width, most: -1, sorters: make([]*sorter, sorters)}
	for i := range g.sorters {
		g.sorters[i] = &sorter{sorting: g, share: max(x.limitBytes/2/int64(sorters), sortBlock)}
	}
	return g
}

// withLimit wants no more rows than LIMIT and OFFSET can show.
func (g *sorting) withLimit() *sorting {
	if x := g.x; x.limit >= 0 && x.limit < 1<<31 && x.offset < 1<<31 {
		g.most = int(x.limit + x.offset)
	}
	return g
}

// blockBytes is how much memory the rows of a block take, about.
func (g *sorting) blockBytes() int64 { return min(max(g.x.limitBytes/64, sortBlock), 256<<10) }

// sortedRun is rows in order.
type sortedRun struct {
	rows []answerRow // in memory, from at on not yet taken
	at   int

	blocks []diskBlockAt // of those behind them
	size   int64         // memory of the rows of the largest block
	held   int64         // memory of rows, if they were read
	number int           // among the runs that are merged
}

// runFile is the file that runs are written to.
func (g *sorting) runFile() (file *spillFile, err error) {
	g.making.Lock()
	defer g.making.Unlock()
	if g.file == nil {
		g.file, err = g.x.newSpillFile("rows in order")
	}
	return g.file, err
}

// close gives up the file, after what was done ended with err: the error of all.
func (g *sorting) close(err error) error { return g.file.closeAfter(err) }

// spill writes the rows of a sorter to disk, and leaves none.
func (s *sorter) spill() error {
	file, err := s.runFile()
	if err != nil {
		return err
	}
	w := runWriter{sorting: s.sorting, file: file}
	rows := s.sorted()
	for i := range rows {
		if i%batchRows == 0 {
			if err := s.x.ctx.Err(); err != nil {
				return err
			}
		}
		if err := w.add(&rows[i]); err != nil {
			return err
		}
	}
	run, err := w.end()
	if err != nil {
		return err
	}
	clear(rows)
	s.rows, s.runs = rows[:0], append(s.runs, run)
	s.x.note(-s.held)
	s.held = 0
	return nil
}

// runWriter writes a run.
type runWriter struct {
	*sorting
	file  *spillFile
	run   sortedRun
	block []byte
	size  int64
}

func (w *runWriter) add(r *answerRow) error {
	for _, v := range r.keys {
		w.block = segment.AppendValue(w.block, v)
	}
	if w.width > 0 {
		for _, v := range r.values {
			w.block = segment.AppendValue(w.block, v)
		}
	}
	if w.size += r.size(); w.size < w.blockBytes() {
		return nil
	}
	return w.flush()
}

func (w *runWriter) flush() error {
	b, err := w.file.write(w.block)
	w.run.blocks, w.run.size = append(w.run.blocks, b), max(w.run.size, w.size)
	w.block, w.size = w.block[:0], 0
	return err
}

// end is the run that was written.
func (w *runWriter) end() (*sortedRun, error) {
	if w.size > 0 {
		if err := w.flush(); err != nil {
			return nil, err
		}
	}
	return &w.run, nil
}

// inOrder visits the rows of all sorters, of which each is used no more, until visit
// fails.
func (g *sorting) inOrder(visit func(r *answerRow) error) error {
	err := g.x.share(g.x.ctx, len(g.sorters), func(worker, i int) error {
		if worker > 0 { // the time of the first one is counted by who called
			defer g.x.steps.order.end(g.x.steps.begin())
		}
		g.sorters[i].sorted()
		return nil
	})
	if err != nil {
		return err
	}
	runs, most := g.allRuns()
	if len(runs) > most {
		for _, s := range g.sorters {
			if len(s.rows) > 0 {
				if err := s.spill(); err != nil {
					return err
				}
			}
		}
		runs, most = g.allRuns()
	}
	for len(runs) > most {
		if runs, err = g.fewer(runs, most); err != nil {
			return err
		}
	}
	return g.merge(runs, visit)
}

// allRuns is all runs, and how many may be merged at once: as many as have their largest
// blocks in a quarter of the memory. Without a file there is nothing but memory.
func (g *sorting) allRuns() (runs []*sortedRun, most int) {
	largest := int64(0)
	for _, s := range g.sorters {
		runs = append(runs, s.runs...)
		for _, r := range s.runs {
			largest = max(largest, r.size)
		}
		if len(s.rows) > 0 {
			runs = append(runs, &sortedRun{rows: s.rows})
		}
	}
	if largest == 0 {
		return runs, len(runs)
	}
	return runs, int(max(g.x.limitBytes/4/largest, 2))
}

// fewer makes one run of up to most runs each.
func (g *sorting) fewer(runs []*sortedRun, most int) (merged []*sortedRun, err error) {
	for some := range slices.Chunk(runs, most) {
		if len(some) == 1 {
			merged = append(merged, some[0])
			continue
		}
		w, n := runWriter{sorting: g, file: g.file}, 0
		err := g.merge(some, func(r *answerRow) error {
			if n == g.most {
				return errEnough
			}
			n++
			return w.add(r)
		})
		if err != nil && err != errEnough {
			return nil, err
		}
		run, err := w.end()
		if err != nil {
			return nil, err
		}
		merged = append(merged, run)
	}
	return merged, nil
}

// merge visits the rows of runs in order, until visit fails. The heap has the run with
// the first row on top.
func (g *sorting) merge(runs []*sortedRun, visit func(r *answerRow) error) error {
	defer func() {
		for _, r := range runs {
			g.x.note(-r.held)
			r.held = 0
		}
	}()
	heap := slices.Clone(runs)
	for i, r := range heap {
		r.number = i
		if err := g.fill(r); err != nil {
			return err
		}
	}
	for i := len(heap)/2 - 1; i >= 0; i-- {
		g.down(heap, i)
	}
	for n := 0; len(heap) > 0; n++ {
		if n%batchRows == 0 {
			if err := g.x.ctx.Err(); err != nil {
				return err
			}
		}
		first := heap[0]
		if err := visit(&first.rows[first.at]); err != nil {
			return err
		}
		if first.at++; first.at == len(first.rows) {
			if err := g.fill(first); err != nil {
				return err
			}
			if len(first.rows) == 0 {
				last := len(heap) - 1
				heap[0], heap = heap[last], heap[:last]
			}
		}
		g.down(heap, 0)
	}
	return nil
}

// down lets a run sink to its place.
func (g *sorting) down(heap []*sortedRun, i int) {
	for {
		first := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(heap); child++ {
			if g.before(heap[child], heap[first]) {
				first = child
			}
		}
		if first == i {
			return
		}
		heap[i], heap[first] = heap[first], heap[i]
		i = first
	}
}

// before reports whether the next row of a is to be taken before that of b.
func (g *sorting) before(a, b *sortedRun) bool {
	c := compareKeys(g.order, a.rows[a.at].keys, b.rows[b.at].keys)
	return c < 0 || c == 0 && a.number < b.number
}

// fill makes the rows of a run of which none is left those of its next block; there are
// none behind the last.
func (g *sorting) fill(r *sortedRun) error {
	if r.at < len(r.rows) {
		return nil
	}
	g.x.note(-r.held)
	r.rows, r.at, r.held = nil, 0, 0
	if len(r.blocks) == 0 {
		return nil
	}
	b := r.blocks[0]
	r.blocks = r.blocks[1:]
	block, err := g.file.read(b, nil)
	if err != nil {
		return err
	}
	d := segment.NewDecoder(string(block))
	for d.Rest() != "" {
		values := make([]Value, len(g.order)+g.width)
		for i := range values {
			values[i] = d.Value()
		}
		row := answerRow{keys: values[:len(g.order)], values: values[len(g.order):]}
		if g.width == 0 {
			row.values = row.keys
		}
		r.rows, r.held = append(r.rows, row), r.held+row.size()
	}
	if d.Bad() {
		return g.file.damaged(b)
	}
	g.x.note(r.held)
	return nil
}
