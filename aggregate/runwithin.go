package aggregate

import (
	"bufio"
	"bytes"
	"cmp"
	"container/heap"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"iter"
	"math"
	"runtime"
	"slices"
	"sync"

	"github.com/annalsdb/annals/segment"
)

// # Runs in bounded memory
//
// A worker whose cells take more than its share of memory writes all of them to a file,
// in the order in which results come, and begins with none. In the end these runs are
// merged: the cells of one key from all of them are put together, and as soon as there
// are some hundred, and none of them can have more, they become results. What is merged
// are partial results, which depends on neither order nor parts: the results are the
// same to the bit.
//
// A run is cells, one behind the other; where it is, and its CRC32C, is kept in memory:
//
//	uvarint length, key      see [Cells.AppendKey]
//	uvarint length, cell     see [Cells.AppendCell]
//
// Functions over time are not among these: their partial results are of stretches of
// rows that do not lie among each other, and those of two workers do. Nor are windows
// that are joined from a [Timeline], whose results share rows.

// Memory says how much a run may hold.
type Memory struct {
	// Bytes is how much cells may take, about, those of all workers together.
	Bytes int64
	// File takes those beyond. It is the caller's, who throws it away afterwards; what
	// is in it is written over from its beginning.
	File interface {
		io.ReaderAt
		io.WriterAt
	}
}

// ErrMemory: cells need more memory than there may be, and cannot be written to a file.
var ErrMemory = errors.New("not enough memory")

// RunWithin is the results of [Run], of however many windows and groups, in no more than
// some memory: by window, then by group, but of sessions by group, then by window. An
// error is the last pair. Functions over time end with [ErrMemory] where they would need
// more; sliding and counted windows, and theirs that hop, are [ErrWindow].
func RunWithin(ctx context.Context, src Source, d Definition, from Span, m Memory) iter.Seq2[Result, error] {
	return func(yield func(Result, error) bool) {
		p, err := NewPlan(d)
		switch {
		case err != nil:
		case p.Across():
			err = fmt.Errorf("aggregate %q: %w: %s windows of it have no run in bounded memory", d.Name, ErrWindow, p.window)
		default:
			w := within{p: p, from: from, memory: m, share: m.Bytes / int64(runtime.GOMAXPROCS(0)), yield: yield}
			_, w.sessions = p.Sessions()
			err = w.run(ctx, src)
		}
		if err != nil && err != errEnough {
			yield(Result{}, err)
		}
	}
}

// errEnough: no more results are wanted.
var errEnough = errors.New("enough")

// within is a run in bounded memory.
type within struct {
	p        *Plan
	sessions bool
	from     Span
	memory   Memory
	share    int64 // of each worker
	yield    func(Result, error) bool

	mu   sync.Mutex
	end  int64 // of the file
	runs []cellRun
}

// cellRun is where cells in order are.
type cellRun struct {
	from, to int64
	checksum uint32
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (w *within) run(ctx context.Context, src Source) error {
	if w.from == (Span{}) {
		w.from = allTime
	}
	reach := w.from
	if w.p.byGroup {
		reach = allTime
	}
	workers, err := w.p.scan(ctx, src, reach, nil, func(c *Cells) (*Cells, error) {
		if c.Size() <= w.share {
			return c, nil
		}
		return w.p.cellsIn(reach), w.spill(c)
	})
	switch {
	case err != nil:
		return err
	case len(w.runs) == 0:
		c, err := w.p.join(workers)
		if err != nil {
			return err
		}
		return w.results(c)
	}
	for i, c := range workers {
		if c.Len() > 0 {
			err = errors.Join(err, w.spill(c))
		}
		workers[i] = nil
	}
	if err != nil {
		return err
	}
	return w.merge(ctx)
}

// keyedCell is a cell of a run and where it stands in the order of results.
type keyedCell struct {
	window Span
	group  []segment.Value
	key    []byte
	cell   []byte // in a file
	number int    // in cells that are written
}

// compare is the order of results; those that it leaves open are in the order of keys.
func (w *within) compare(a, b *keyedCell) int {
	windows, groups := a.window.Compare(b.window), compareGroups(a.group, b.group)
	if w.sessions {
		return cmp.Or(groups, windows, bytes.Compare(a.key, b.key))
	}
	return cmp.Or(windows, groups, bytes.Compare(a.key, b.key))
}

// results hands on what has become of cells.
func (w *within) results(c *Cells) error {
	all, err := c.Results(w.from.Start, w.from.End, math.MaxInt64)
	if err != nil {
		return err
	}
	if w.sessions {
		slices.SortStableFunc(all, func(a, b Result) int { return compareGroups(a.Group, b.Group) })
	}
	for _, r := range all {
		if !w.yield(r, nil) {
			return errEnough
		}
	}
	return nil
}

// # Writing

// spill writes the cells of a worker as a run; several may at the same time.
func (w *within) spill(c *Cells) error {
	if w.p.ordered {
		return fmt.Errorf("aggregate %q: %w: its functions over time need more than %d bytes", w.p.def.Name, ErrMemory, w.memory.Bytes)
	}
	order, groups := c.sorted()
	cells := make([]keyedCell, len(order))
	for n, i := range order {
		cell := &c.list[i]
		cells[n] = keyedCell{window: cell.Window, group: groups[cell.group], key: c.AppendKey(nil, i), number: i}
	}
	slices.SortFunc(cells, func(a, b keyedCell) int { return w.compare(&a, &b) })
	w.mu.Lock()
	defer w.mu.Unlock()
	crc := crc32.New(castagnoli)
	run := cellRun{from: w.end, to: w.end}
	file := bufio.NewWriterSize(io.MultiWriter(io.NewOffsetWriter(w.memory.File, w.end), crc), 64<<10)
	var b, cell []byte
	for i := range cells {
		var err error
		if cell, err = c.AppendCell(cell[:0], cells[i].number); err != nil {
			return err
		}
		b = append(binary.AppendUvarint(b[:0], uint64(len(cells[i].key))), cells[i].key...)
		b = append(binary.AppendUvarint(b, uint64(len(cell))), cell...)
		run.to += int64(len(b))
		file.Write(b) // Flush tells what went wrong
	}
	if err := file.Flush(); err != nil {
		return fmt.Errorf("aggregate %q: write cells that do not fit memory: %w", w.p.def.Name, err)
	}
	run.checksum = crc.Sum32()
	w.runs, w.end = append(w.runs, run), run.to
	return nil
}

// # Merging

// mergedCells is how many cells are put together before they become results, unless they
// take half of the memory before.
const mergedCells = 1 << 10

// merge hands on the results of all runs.
func (w *within) merge(ctx context.Context) error {
	var runs runHeads
	for _, r := range w.runs {
		h := w.open(r)
		switch more, err := h.next(); {
		case err != nil:
			return err
		case more:
			runs = append(runs, h)
		}
	}
	heap.Init(&runs)
	c, last := w.p.Cells(), keyedCell{}
	for len(runs) > 0 {
		h := runs[0]
		if (c.Len() >= mergedCells || c.Size() > w.memory.Bytes/2) && w.apart(&last, &h.keyedCell) {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := w.merged(c); err != nil {
				return err
			}
			c = w.p.Cells()
		}
		if _, err := c.MergeCell(h.key, h.cell); err != nil {
			return err
		}
		last = h.keyedCell
		more, err := h.next()
		switch {
		case err != nil:
			return err
		case more:
			heap.Fix(&runs, 0)
		default:
			heap.Pop(&runs)
		}
	}
	return w.merged(c)
}

// apart reports whether what b is of needs nothing of a, which is before it: sessions are
// made of the cells of their group.
func (w *within) apart(a, b *keyedCell) bool {
	if w.sessions {
		return compareGroups(a.group, b.group) != 0
	}
	return !bytes.Equal(a.key, b.key)
}

// merged hands on the results of cells that are complete.
func (w *within) merged(c *Cells) (err error) {
	if w.sessions {
		if c, err = c.Sessions(); err != nil {
			return err
		}
	}
	return w.results(c)
}

// runHead is the first cell of what is left of a run.
type runHead struct {
	keyedCell
	w    *within
	run  cellRun
	file *bufio.Reader
	crc  hash.Hash32
}

// open opens a run, with its share of half of the memory to read ahead.
func (w *within) open(r cellRun) *runHead {
	size := min(max(w.memory.Bytes/2/int64(len(w.runs)), 4<<10), 64<<10)
	h := &runHead{w: w, run: r, crc: crc32.New(castagnoli)}
	h.file = bufio.NewReaderSize(io.TeeReader(io.NewSectionReader(w.memory.File, r.from, r.to-r.from), h.crc), int(size))
	return h
}

// next goes on to the next cell, if there is one. What it was at stays as it is.
func (h *runHead) next() (more bool, err error) {
	if h.key, err = h.part(); err == io.EOF {
		if h.crc.Sum32() == h.run.checksum {
			return false, nil
		}
		err = errors.New("they are not what was written there")
	}
	if err == nil {
		h.cell, err = h.part()
	}
	if err != nil {
		return false, fmt.Errorf("aggregate %q: read cells at %d to %d of the file: %w", h.w.p.def.Name, h.run.from, h.run.to, err)
	}
	var group []byte
	if h.window, group, err = h.w.p.ReadKey(h.key); err != nil {
		return false, err
	}
	d := segment.NewDecoder(string(group))
	h.group = make([]segment.Value, len(h.w.p.def.By))
	for i := range h.group {
		h.group[i] = d.Value()
	}
	return true, nil
}

// part is the bytes behind their length; io.EOF at the end.
func (h *runHead) part() ([]byte, error) {
	n, err := binary.ReadUvarint(h.file)
	switch {
	case err != nil:
		return nil, err
	case n > uint64(h.run.to-h.run.from):
		return nil, ErrEncoding
	}
	b := make([]byte, n)
	_, err = io.ReadFull(h.file, b)
	return b, err
}

// runHeads is a heap of all that are left.
type runHeads []*runHead

// Len implements [heap.Interface].
func (h runHeads) Len() int { return len(h) }

// Less implements [heap.Interface].
func (h runHeads) Less(i, j int) bool { return h[i].w.compare(&h[i].keyedCell, &h[j].keyedCell) < 0 }

// Swap implements [heap.Interface].
func (h runHeads) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push implements [heap.Interface].
func (h *runHeads) Push(x any) { *h = append(*h, x.(*runHead)) }

// Pop implements [heap.Interface].
func (h *runHeads) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}
