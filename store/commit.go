package store

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"sync"

	"github.com/annalsdb/annals/segment"
)

// # Group commit
//
// An appender checks, numbers and encodes its batch under mu and puts it into
// the open group; that changes index and overlay too, where nobody sees it yet.
// If nobody leads it does: it takes the open group, lets mu go, writes and syncs
// it, and makes it visible. Appenders that come meanwhile gather in the next group
// and wait; when the leader is done it hands the lead to one of them. So alone, a
// writer does everything on its own goroutine and waits for nobody.
//
// A large batch that finds nobody leading is written while its events are applied:
// the frame is complete before the first of them is, and applying a thousand takes as
// long as a sync. Nobody can join such a group; who comes waits for the next.
//
// Before it takes the group, a leader in company yields the processor: appenders
// that the last group has just woken are ready to run and come along. Without it, a
// sync of 30 µs carried the four events that one of two processors could prepare
// meanwhile (the other one being held by the system call); with it the groups hold
// most of the writers. A lone writer does not yield, or busy readers would go first.
//
// A committing goroutine with a queue was considered: it costs a lone writer two
// changes of goroutine a batch, several microseconds each where the processor
// has gone to sleep, against a sync of some thirty here. Waiting a set time for
// more appenders (commit delay) would make the lone one wait too.
//
// Room on disk is reserved before a batch is applied, so a full disk is an error
// of that batch alone. A failed write or sync leaves it open what reached the
// disk: the log is then poisoned, and only opening it again, which reads what is
// there, goes on from it.

// group is the batches that are written and synced together.
type group struct {
	log    *logFile
	offset int64 // in log, of the first frame
	size   int64
	frames [][]byte // the last may still be growing
	last   uint64   // the last position once the group is written
	made   []*overlaid

	written chan error // what writing it came to, if it was started

	waiting bool
	lead    chan struct{} // hands one of the waiting the lead
	done    chan struct{} // closed when err is known
	err     error
}

// add puts a whole frame behind the others.
func (g *group) add(frame []byte) {
	g.frames = append(g.frames, frame)
	g.size += int64(len(frame))
}

// frameBuffers are the memory of frames that are written, for the next ones.
var frameBuffers sync.Pool

// frameBuffer has room for size bytes.
func frameBuffer(size int) []byte {
	if b, _ := frameBuffers.Get().(*[]byte); b != nil && cap(*b) >= size {
		return (*b)[:0]
	}
	return make([]byte, 0, size)
}

// recycle gives up the group's memory. Nobody reads its frames any more: what is
// asked for is in the file. mu is held.
func (db *DB) recycle(g *group) {
	for i := range g.frames {
		frameBuffers.Put(&g.frames[i])
	}
	clear(g.made)
	db.made, g.made, g.frames = g.made[:0], nil, nil
}

// commit makes a checked batch part of the log and waits until that is known.
func (db *DB) commit(ctx context.Context, b *batch) (Receipt, error) {
	if err := db.makeRoom(ctx); err != nil {
		return Receipt{}, err
	}
	if err := db.scanBoundary(b); err != nil {
		return Receipt{}, err
	}
	db.lookUp(b)
	db.mu.Lock()
	if err := db.writable(ctx); err != nil {
		db.mu.Unlock()
		return Receipt{}, err
	}
	r, g, err := db.prepare(ctx, b)
	if g == nil {
		db.mu.Unlock()
		return r, err
	}
	wait := db.await
	if b.leads {
		wait = db.awaitStarted
	}
	// A repeat waits until what it repeats is durable, and a batch without
	// events, or one that is refused, until what it was checked against is:
	// nobody can read that yet.
	if synced := wait(g); synced != nil {
		return Receipt{}, synced
	}
	return r, err
}

// writable reports why nothing can be appended now. mu is held.
func (db *DB) writable(ctx context.Context) error {
	switch {
	case db.closed.Load():
		return ErrClosed
	case db.poisoned != nil:
		return db.poisoned
	}
	return ctx.Err()
}

// group is the open group, begun if there is none. mu is held.
func (db *DB) group() *group {
	if db.open == nil {
		db.open = &group{log: db.log, offset: db.end(), last: db.last, made: db.made}
		db.made = nil
	}
	return db.open
}

// end is the offset in the newest log file behind all frames, those about to be
// written included. mu is held.
func (db *DB) end() int64 {
	switch {
	case db.open != nil:
		return db.open.offset + db.open.size
	case db.syncing != nil:
		return db.syncing.offset + db.syncing.size
	}
	return db.log.end.Load()
}

// pending is the group to wait for so that everything applied so far is
// durable, or nil. mu is held.
func (db *DB) pending() *group {
	if db.open != nil {
		return db.open
	}
	return db.syncing
}

// await waits for g and lets mu go, which is held.
func (db *DB) await(g *group) error {
	if !db.leading {
		db.leading = true
		db.leadOpen()
		db.mu.Unlock()
		return g.err
	}
	if !g.waiting {
		g.waiting = true
		g.lead, g.done = make(chan struct{}, 1), make(chan struct{})
	}
	db.mu.Unlock()
	select {
	case <-g.done:
	case <-g.lead:
		db.mu.Lock()
		db.leadOpen()
		db.mu.Unlock()
	}
	return g.err
}

// gatherTurns bounds how often a leader yields: in one turn all that are ready to
// run do, but some of them wake others.
const gatherTurns = 3

// gather lets appenders that are ready to run join the open group, if the last
// one had several. mu is held, and let go while they do.
func (db *DB) gather() {
	if !db.company {
		return
	}
	for range gatherTurns {
		frames := len(db.open.frames)
		db.mu.Unlock()
		runtime.Gosched()
		db.mu.Lock()
		if len(db.open.frames) == frames {
			return
		}
	}
}

// leadOpen writes the open group and hands the lead on. The caller has the lead
// and holds mu, which is let go during the writing.
func (db *DB) leadOpen() {
	db.gather()
	g := db.take()
	err := db.poisoned
	if err == nil {
		db.mu.Unlock()
		err = db.write(g)
		db.mu.Lock()
	}
	db.conclude(g, err)
}

// take closes the open group, which is to be written next.
func (db *DB) take() *group {
	g := db.open
	db.open, db.syncing = nil, g
	db.company = len(g.frames) > 1
	return g
}

// start takes the lead for the group of b, with whatever is in it, and has it
// written while mu is held on. The processor is given to the goroutine that does:
// it needs it for a moment, and the other one may be busy.
func (db *DB) start(b *batch) {
	db.leading, b.leads = true, true
	g := db.take()
	g.written = make(chan error, 1)
	go func() { g.written <- db.write(g) }()
	runtime.Gosched()
}

// awaitStarted waits until a group that was started is written, and hands the lead
// on. It lets mu go, which is held.
func (db *DB) awaitStarted(g *group) error {
	db.mu.Unlock()
	err := <-g.written
	db.mu.Lock()
	db.conclude(g, err)
	db.mu.Unlock()
	return g.err
}

// conclude makes a written group visible, or its error known, and hands the lead
// on. mu is held.
func (db *DB) conclude(g *group, err error) {
	if err != nil {
		db.poison(err)
		g.err = db.poisoned
	} else {
		db.publish(g)
	}
	db.syncing = nil
	db.recycle(g)
	if next := db.open; next != nil && next.waiting {
		next.lead <- struct{}{}
	} else {
		db.leading = false
		db.idle.Broadcast()
	}
	if g.waiting {
		close(g.done)
	}
}

// write brings g to the file, and to the disk where that is asked for.
func (db *DB) write(g *group) error {
	buf := g.frames[0]
	if len(g.frames) > 1 {
		db.scratch = db.scratch[:0]
		for _, f := range g.frames {
			db.scratch = append(db.scratch, f...)
		}
		buf = db.scratch
	}
	if err := g.log.Write(buf, g.offset); err != nil {
		return err
	}
	if db.opt.Sync != SyncAlways {
		return nil
	}
	return g.log.Sync()
}

// publish makes a written group visible. mu is held.
func (db *DB) publish(g *group) {
	at := g.offset
	for _, frame := range g.frames {
		f := segment.FrameIn(frame, at)
		g.log.Mark(&f)
		g.log.tally.frame(&f)
		at += f.Size()
	}
	g.log.end.Store(at)
	if db.opt.Sync == SyncAlways {
		db.synced = at
		db.stats.syncs++
	}
	db.visible.Store(g.last)
	db.cutOverlay(g.made)
	db.stats.groups++
	db.news.Ring()
	if db.memory.dirty.Load() > db.bound()/2 || db.memory.held() > db.bound() {
		db.wake()
	}
}

// poison ends all writing because of err. mu is held.
func (db *DB) poison(err error) {
	if db.poisoned == nil {
		db.poisoned = fmt.Errorf("%w: %w; close the database and open it again", ErrPoisoned, err)
		db.opt.Logger.Error("annals: log could not be written", "dir", db.dir, "error", err)
	}
}

// reserve makes sure that b's frames have room on disk. mu is held.
func (db *DB) reserve(b *batch) error {
	need := int64(segment.FrameHead + b.bound + 8)
	for _, s := range b.define {
		need += segment.FrameHead + 32 + int64(len(s.Name)+len(s.Fold))
	}
	if db.end()+need >= maxOffset {
		return fmt.Errorf("%w: the log file would pass %d bytes", ErrTooLarge, int64(maxOffset))
	}
	return db.log.Reserve(db.end() + need)
}

// rotate begins a new log file when the newest is full. It waits until all of
// that one is written: a file is only left behind when it is synced. mu is
// held, and let go while waiting.
func (db *DB) rotate(ctx context.Context) error {
	for db.end() >= db.opt.SegmentSize && db.log.end.Load() > segment.LogHead {
		if db.pending() == nil {
			return db.nextLog()
		}
		db.idle.Wait()
		if err := db.writable(ctx); err != nil {
			return err
		}
	}
	return nil
}

// nextLog finishes the newest log file and makes the next, which begins with the
// definitions of all streams. mu is held.
func (db *DB) nextLog() error {
	if err := db.log.Finish(db.log.end.Load()); err != nil {
		db.poison(err)
		return db.poisoned
	}
	db.synced = db.log.end.Load()
	if db.log.Header.First == db.last+1 {
		return nil // it holds definitions only: a new one would have its name
	}
	if err := db.createLog(); err != nil {
		return err
	}
	db.wake()
	if all := db.streams.Load().list; len(all) > 0 {
		frame := db.frameStreams(all)
		if err := db.log.Reserve(db.end() + int64(len(frame))); err != nil {
			return err
		}
		db.group().add(frame)
	}
	return nil
}

// pendingFrames is the frames that are not visible yet and complete. mu is held.
func (db *DB) pendingFrames() iter.Seq[*segment.Frame] {
	return func(yield func(*segment.Frame) bool) {
		for _, g := range []*group{db.syncing, db.open} {
			if g == nil {
				continue
			}
			at := g.offset
			for _, b := range g.frames {
				f := segment.FrameIn(b, at)
				at += int64(len(b))
				if f.Marker == segment.EventFrame && !yield(&f) {
					return
				}
			}
		}
	}
}

// pendingRow is the row at p if it is not written yet. mu is held.
func (db *DB) pendingRow(p place) (segment.Row, bool) {
	for _, g := range []*group{db.syncing, db.open} {
		if g == nil || g.log.number != p.file() {
			continue
		}
		at := p.offset() - g.offset
		for _, b := range g.frames {
			if at >= 0 && at < int64(len(b)) {
				row, err := segment.RowIn(b[at:])
				return row, err == nil
			}
			at -= int64(len(b))
		}
	}
	return segment.Row{}, false
}
