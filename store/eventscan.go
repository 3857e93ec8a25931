package store

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// # Scanning events by columns
//
// A scan goes through a stream's events where they stand: sealed file by sealed file,
// block by block, then log file by log file, in whatever order the processors come
// by. What comes out is batches of at most a block, whose columns are decoded only
// when they are asked for.
//
// It has two rounds, and the processors share each. In the first one a predicate is
// told by the postings and statistics of each sealed file which rows it is, or may
// be, true of; log files are decoded, unless they are already, see logcolumns.go; and
// retractions are gathered, since one in any file may concern an event in any older
// one. In the second one each processor takes the next few blocks until there are none
// left: tests what is left of the predicate, leaves out what the moment does not see
// or what is retracted, and hands the batch on.

// EventScan says which events a scan is about, and what of them.
type EventScan struct {
	Stream string

	// Keys are the keys wanted, nil for all; names that the stream does not have
	// do no harm. Range is those wanted by their order.
	Keys  []string
	Range Range

	// Where is true of the events wanted; nil for all. It speaks of fields by
	// name and of [ColumnTime] and its like.
	Where index.Predicate

	// Columns are those that batches have, likewise by name.
	Columns []string

	// From is the first position wanted; 0 for all. Retractions before it count.
	From uint64

	// Retracted is that events count which are retracted. Retractions, deletes and
	// heartbeats are events like others; their kind tells them.
	Retracted bool

	Workers int // 0: as many as there are processors

	// behind, if not nil, is where a scan before ended, from which this one goes on
	// if From is the position after it; it is moved to where this one ends.
	behind *logPlace
}

// logPlace is where in a log file the frame behind a position begins.
type logPlace struct {
	log    *logFile
	seq    uint64
	offset int64
}

// ScanStats says what a scan read and what it could pass over.
type ScanStats struct {
	Files, Logs int // that were looked at
	Select      index.SelectStats
	Read        segment.BatchStats
	Live        int // rows of log files at positions that are wanted
	Retracted   int // events left out
	Seq         uint64
}

// ScanEvents hands the events of a stream that the view sees to visit, in batches
// and in no particular order, from as many goroutines as there are workers. Calls
// with the same number of a worker, which counts from 0, come one after the other; a
// batch is valid during the call. An error of visit, or the end of ctx, ends the scan,
// and is returned.
//
// It costs O(pages) to find out what can be passed over, some nanoseconds an event
// and column that visit asks for, and memory of a few blocks for each worker and of
// the events that are in no sealed file. Sealed files stay where they are while it
// runs: visit must not wait for an append.
func (v *View) ScanEvents(ctx context.Context, q EventScan, visit func(worker int, b *EventBatch) error) (ScanStats, error) {
	s, err := v.stream(q.Stream)
	if err == nil {
		err = q.check()
	}
	if err != nil {
		return ScanStats{}, fmt.Errorf("scan events: %w", err)
	}
	f, err := v.db.pin()
	if err != nil {
		return ScanStats{}, fmt.Errorf("scan events: %w", err)
	}
	defer f.unpin()
	e := eventScan{view: v, s: s, q: &q, files: f, visit: visit}
	e.workers = q.Workers
	if e.workers <= 0 {
		e.workers = runtime.GOMAXPROCS(0)
	}
	if err := e.run(ctx); err != nil {
		return e.stats, fmt.Errorf("scan events of stream %q: %w", s.Name, err)
	}
	return e.stats, nil
}

func (q *EventScan) check() error {
	if slices.Contains(q.Columns, segment.ColumnKey) || slices.Contains(q.Columns, segment.ColumnStream) {
		return fmt.Errorf("%w: the key of events is no column of a batch, its Keys say it", ErrInvalid)
	}
	return nil
}

// EventBatch is a batch of a scan. Source is the number of what it is of, a file or a
// stretch of one: keys have their numbers in it.
type EventBatch struct {
	segment.Batch
	Source int
}

// eventScan is one scan at work.
type eventScan struct {
	view    *View
	s       *stream
	q       *EventScan
	files   *files
	visit   func(worker int, b *EventBatch) error
	workers int
	keys    []string        // the names of those wanted, in order
	names   map[string]bool // the same

	sources []*scanSource
	parts   []blockPart
	stats   ScanStats
}

// scanSource is a sealed file, or a stretch of a log file, with events of the scan.
type scanSource struct {
	sealed      *segment.Sealed // nil: a log file
	scan        *segment.Scan
	log         *logFile
	begin, to   int64 // of the log: offsets where the stretch begins, and where it ends now
	from        int64 // from which on frames are wanted
	whole       bool  // the stretch does not grow any more
	behind      logPlace
	live        *segment.LoadedScan // of the log
	loader      *logLoader          // that loaded it
	rows        int                 // of the log, at positions that are wanted
	retractions []scanRetraction
	stats       index.SelectStats
}

// scanRetraction is that the event at seq takes back the one at target, of that key.
type scanRetraction struct {
	seq, target uint64
	key         string
}

// blockPart is some blocks of a source, or rows of a log file.
type blockPart struct {
	source int
	blocks []int
}

// partBlocks is how many blocks a worker takes at a time: few enough for all to end
// at about the same time.
const partBlocks = 4

func (e *eventScan) run(ctx context.Context) error {
	e.stats.Seq = e.view.seq
	if e.q.Keys != nil {
		e.keys = slices.Compact(slices.Sorted(slices.Values(e.q.Keys)))
		e.names = make(map[string]bool, len(e.keys))
		for _, name := range e.keys {
			e.names[name] = true
		}
	}
	e.open()
	defer e.free()
	err := e.share(ctx, len(e.sources), func(_, i int) error { return e.prepare(ctx, e.sources[i]) })
	if err != nil {
		return err
	}
	for _, c := range e.sources {
		if e.q.behind != nil && c.behind.seq == e.view.seq {
			*e.q.behind = c.behind
		}
	}
	if !e.q.Retracted {
		if err := e.retract(); err != nil {
			return err
		}
	}
	e.cut()
	batches := make([]EventBatch, e.workers)
	err = e.share(ctx, len(e.parts), func(worker, i int) error { return e.read(ctx, worker, &batches[worker], &e.parts[i]) })
	for i := range batches {
		r := &batches[i].Read
		e.stats.Read.Batches += r.Batches
		e.stats.Read.Rows += r.Rows
		e.stats.Read.Pages += r.Pages
		e.stats.Read.Bytes += r.Bytes
	}
	return err
}

// share has the workers do the jobs 0 to n, less one, each taking the next one, until
// one fails or ctx ends.
func (e *eventScan) share(ctx context.Context, n int, do func(worker, job int) error) error {
	var next atomic.Int64
	var failed atomic.Bool
	workers := min(e.workers, n)
	errs := make([]error, workers)
	work := func(worker int) {
		for !failed.Load() {
			job := int(next.Add(1)) - 1
			if job >= n {
				return
			}
			err := ctx.Err()
			if err == nil {
				err = do(worker, job)
			}
			if err != nil {
				errs[worker] = err
				failed.Store(true)
			}
		}
	}
	var others sync.WaitGroup
	for worker := 1; worker < workers; worker++ {
		others.Go(func() { work(worker) })
	}
	if workers > 0 {
		work(0)
	}
	others.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// logStretch is how many bytes of a log file a worker takes at a time: some thousand
// events.
const logStretch = 256 << 10

// open finds the files that may have events of the scan, log files first, in
// stretches: of these nothing is known.
func (e *eventScan) open() {
	for _, log := range e.files.logs {
		if log.Header.First > e.view.seq {
			continue
		}
		e.stats.Logs++
		cuts, from := log.Cuts(log.end.Load(), logStretch), log.Seek(e.from())
		if p := e.q.behind; p != nil && p.log == log && p.seq+1 == e.q.From {
			from = p.offset
		}
		for i, to := range cuts[1:] {
			if to > from {
				whole := i+2 < len(cuts)
				e.sources = append(e.sources, &scanSource{log: log, begin: cuts[i], to: to, from: max(cuts[i], from), whole: whole})
			}
		}
	}
	for _, file := range e.files.sealed {
		in := e.s.in(file)
		if in == nil || file.Info().First > e.view.seq || file.Info().Last < e.from() || in.MinTime > e.view.time && in.Retractions == 0 {
			continue
		}
		e.sources = append(e.sources, &scanSource{sealed: file})
		e.stats.Files++
	}
}

// from is the first position that is looked at: retractions count wherever they are,
// if they are to be left out.
func (e *eventScan) from() uint64 {
	if e.q.Retracted {
		return e.q.From
	}
	return 0
}

// prepare finds out which rows of a source may be wanted.
func (e *eventScan) prepare(ctx context.Context, c *scanSource) error {
	if c.sealed == nil {
		return e.load(ctx, c)
	}
	where := index.And{oneOf(segment.ColumnStream, []string{e.s.Name})}
	if r := &e.q.Range; r.Prefix != "" {
		where = append(where, index.Prefix{Column: segment.ColumnKey, Prefix: r.Prefix})
	}
	if r := &e.q.Range; r.From != "" || r.To != "" {
		p := index.Range{Column: segment.ColumnKey}
		if r.From != "" {
			p.Lo = index.Bound{Value: index.StringOf(r.From)}
		}
		if r.To != "" {
			p.Hi = index.Bound{Value: index.StringOf(r.To), Open: true}
		}
		where = append(where, p)
	}
	if from := e.q.From; from > c.sealed.Info().First {
		where = append(where, index.Range{Column: segment.ColumnSeq, Lo: index.Bound{Value: index.Int64Of(int64(from))}})
	}
	if e.q.Where != nil {
		where = append(where, e.q.Where)
	}
	found, err := c.sealed.Select(where)
	if err != nil {
		return err
	}
	c.stats = found.Stats
	if e.q.Keys != nil {
		if err := found.Within(e.s.number, e.keys); err != nil {
			return err
		}
	}
	c.scan = found.Scan(e.q.Columns)
	c.scan.MaxSeq, c.scan.MaxTime = e.view.seq, e.view.time
	if !e.q.Retracted && e.s.in(c.sealed).Retractions > 0 {
		return e.sealedRetractions(c)
	}
	return nil
}

// sealedRetractions gathers those of a sealed file.
func (e *eventScan) sealedRetractions(c *scanSource) error {
	found, err := c.sealed.Select(index.And{
		oneOf(segment.ColumnStream, []string{e.s.Name}),
		index.Eq{Column: segment.ColumnKind, Value: index.Int64Of(int64(Retraction))},
	})
	if err != nil {
		return err
	}
	rows, err := found.Rows()
	if err != nil {
		return err
	}
	for it := rows.Iterator(); it.HasNext(); {
		row := uint64(it.Next())
		k, err := c.sealed.KeyOf(row)
		if err != nil {
			return err
		}
		r, err := c.sealed.Row(&k, row)
		if err != nil {
			return err
		}
		if r.Seq <= e.view.seq {
			c.retractions = append(c.retractions, scanRetraction{r.Seq, r.Ref, k.Name})
		}
	}
	return nil
}

// load makes c a scan of a stretch of a log file.
func (e *eventScan) load(ctx context.Context, c *scanSource) error {
	if e.q.behind == nil {
		kept, err := e.loadKept(ctx, c)
		if err != nil {
			return err
		}
		if kept {
			c.rows = c.live.Rows()
			return nil
		}
	}
	return e.loadWanted(ctx, c)
}

// logLoader is memory for loading rows of a log file, which is used again: a maintained
// aggregate loads a few thousand of them at a time, again and again.
type logLoader struct {
	frames segment.FrameReader
	rows   segment.LoadedRows
}

var logLoaders = sync.Pool{New: func() any { return new(logLoader) }}

// free gives back what log files were loaded with: nobody reads them any more.
func (e *eventScan) free() {
	for _, c := range e.sources {
		if c.loader != nil {
			logLoaders.Put(c.loader)
		}
	}
}

// followTurn is how many events are followed in less than a tenth of a millisecond, after
// which the processor is given away, as all that works in the background does.
const followTurn = 256

// loadWanted decodes what is wanted of a stretch, for this scan alone.
func (e *eventScan) loadWanted(ctx context.Context, c *scanSource) error {
	c.loader = logLoaders.Get().(*logLoader)
	rows, r, test := &c.loader.rows, &c.loader.frames, segment.NewRowTest(e.q.Where, e.s.Name)
	rows.Once = e.q.behind != nil
	rows.Reset(e.q.Columns)
	r.Move(c.log.Log, c.from, c.to)
	for {
		frame, err := nextEvents(r)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if frame == nil || frame.First > e.view.seq {
			c.live = rows.Scan(e.q.Columns)
			return nil
		}
		for row, err := range e.view.db.rows(frame) {
			if e.q.behind != nil && row.Seq%followTurn == 0 {
				runtime.Gosched()
			}
			if err == nil && row.Seq <= e.view.seq && row.Stream == e.s.number {
				err = e.loadRow(c, rows, test, &row.SealedRow)
			}
			if err != nil {
				return fmt.Errorf("read event %d: %w", row.Seq, err)
			}
		}
		c.behind = logPlace{c.log, frame.Last(), r.Offset()}
	}
}

// loadRow takes a row of a log file if it is wanted.
func (e *eventScan) loadRow(c *scanSource, rows *segment.LoadedRows, test *segment.RowTest, r *segment.SealedRow) error {
	if r.Kind == Retraction && !e.q.Retracted {
		c.retractions = append(c.retractions, scanRetraction{r.Seq, r.Ref, strings.Clone(r.Key)})
	}
	if r.Seq < e.q.From {
		return nil
	}
	c.rows++
	if r.Time > e.view.time && r.Kind != Retraction || !e.wantsKey(r.Key) {
		return nil
	}
	if e.q.Where != nil {
		is, err := test.Passes(r)
		if !is || err != nil {
			return err
		}
	}
	return rows.Add(r)
}

// wantsKey reports whether events of a key are wanted.
func (e *eventScan) wantsKey(key string) bool {
	return e.q.Range.has(key) && (e.names == nil || e.names[key])
}

// retract finds the rows of retracted events. The newest retraction is looked at
// first, so one that is itself retracted has no effect.
func (e *eventScan) retract() error {
	var all []scanRetraction
	for _, c := range e.sources {
		all = append(all, c.retractions...)
	}
	slices.SortFunc(all, func(a, b scanRetraction) int { return cmp.Compare(b.seq, a.seq) })
	gone := make(map[uint64]bool, len(all))
	byKey := map[string][]uint64{}
	for _, r := range all {
		if !gone[r.seq] && !gone[r.target] {
			gone[r.target] = true
			byKey[r.key] = append(byKey[r.key], r.target)
		}
	}
	e.stats.Retracted = len(gone)
	for _, c := range e.sources {
		if c.sealed == nil {
			c.live.Gone = gone
			continue
		}
		if err := c.leaveOut(e.s, byKey); err != nil {
			return err
		}
	}
	return nil
}

// leaveOut leaves out of a sealed file the rows at those positions of those keys.
func (c *scanSource) leaveOut(s *stream, byKey map[string][]uint64) error {
	info := c.sealed.Info()
	for key, targets := range byKey {
		inside := slices.DeleteFunc(slices.Clone(targets), func(seq uint64) bool { return seq < info.First || seq > info.Last })
		if len(inside) == 0 {
			continue
		}
		k, ok, err := c.sealed.Key(s.number, key, segment.Hash(s.number, key))
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		slices.Sort(inside)
		if err := c.scan.LeaveOut(&k, inside); err != nil {
			return err
		}
	}
	return nil
}

// cut makes parts of the sources.
func (e *eventScan) cut() {
	for i, c := range e.sources {
		var blocks []int
		if c.sealed == nil {
			e.stats.Live += c.rows
			blocks = c.live.Blocks()
		} else {
			blocks = c.scan.Blocks()
			e.stats.add(&c.stats)
		}
		for some := range slices.Chunk(blocks, partBlocks) {
			e.parts = append(e.parts, blockPart{i, some})
		}
	}
}

// add adds what a file's selection saved.
func (s *ScanStats) add(o *index.SelectStats) {
	for i, from := range [...]*index.Extent{&o.All, &o.Zones, &o.Postings, &o.Sure, &o.Maybe} {
		to := [...]*index.Extent{&s.Select.All, &s.Select.Zones, &s.Select.Postings, &s.Select.Sure, &s.Select.Maybe}[i]
		to.Blocks += from.Blocks
		to.Rows += from.Rows
	}
}

// read hands the batches of a part on.
func (e *eventScan) read(ctx context.Context, worker int, b *EventBatch, p *blockPart) error {
	c := e.sources[p.source]
	b.Source = p.source
	for _, block := range p.blocks {
		if err := ctx.Err(); err != nil {
			return err
		}
		var err error
		if c.sealed != nil {
			err = c.scan.Read(block, &b.Batch)
		} else {
			err = c.live.Read(block, &b.Batch)
		}
		if err != nil {
			return err
		}
		if b.Selected != nil && len(b.Selected) == 0 {
			continue
		}
		if err := e.visit(worker, b); err != nil {
			return err
		}
	}
	return nil
}
