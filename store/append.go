package store

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// Batch is what one append adds and on what conditions. It may have no events:
// then the conditions alone are checked.
type Batch struct {
	Events []Event

	// Expect and Boundary are checked against the one state before the
	// batch; if any fails nothing is stored.
	Expect   []Expectation
	Boundary *Boundary

	// Recorded is an import's own commit time; the zero Time is the clock's.
	// Where it is not after the last batch's it becomes that plus 1 ns.
	Recorded time.Time
}

// Receipt says where a batch is.
type Receipt struct {
	First, Last uint64    // positions of the first and the last event; 0 without events
	Recorded    time.Time // of the batch; without events, of the last one before
	Versions    []uint64  // of each event within its key

	// Duplicate: every event's ID was stored before, with the same content,
	// by one batch. Nothing was stored now; the rest of the receipt is that
	// of the events stored then.
	Duplicate bool
}

// Append commits a batch: all of it or nothing, visible and (see Options.Sync)
// durable when Append returns. Streams not yet defined are defined by it, with
// the zero settings.
//
// It is safe for concurrent use; appends that wait at the same time share a
// sync. The batch is not kept. ctx ends the waiting for room or for the checks,
// and then nothing is stored; once the batch is on its way to the disk, Append
// stays until it is known whether it arrived. So an error always means that the
// batch is not there, but for [ErrPoisoned], after which only opening the
// database again can tell: retry then with the same event IDs.
//
// The cost is O(events · log versions of a late key) and, with a boundary, a
// read of the events in log files after it, and of those in sealed files that
// their statistics leave in question.
func (db *DB) Append(ctx context.Context, b Batch) (Receipt, error) {
	in := batch{events: b.Events, expect: b.Expect, boundary: b.Boundary}
	if err := in.check(b.Recorded, db.opt.MaxBatchBytes); err != nil {
		return Receipt{}, fmt.Errorf("append: %w", err)
	}
	r, err := db.commit(ctx, &in)
	if err != nil {
		return Receipt{}, fmt.Errorf("append: %w", err)
	}
	return r, nil
}

// batch is a Batch on its way.
type batch struct {
	events   []Event
	expect   []Expectation
	boundary *Boundary
	recorded int64 // math.MinInt64 = the clock's, until it has a place
	define   []Stream
	bound    int // bytes that its rows take at most
	ids      bool
	keys     []*key // of the events, nil where it is new; see lookUp
	touched  uint64 // keeps lookUp's reads from being left out
	seen     uint64 // up to here the boundary was looked at
	matched  *BoundaryError

	// Where it goes.
	first uint64 // position
	group *group
	frame int  // in the group
	leads bool // the group is its own and is being written; see start
}

// check looks at everything that needs no look at the database.
func (b *batch) check(recorded time.Time, limit int) error {
	b.recorded = math.MinInt64
	if !recorded.IsZero() {
		ns, ok := segment.Nanos(recorded)
		if !ok {
			return fmt.Errorf("%w: Recorded %s is outside the years 1677 to 2262", ErrInvalid, recorded)
		}
		b.recorded = ns
	}
	for i := range b.events {
		e := &b.events[i]
		if err := e.Check(); err != nil {
			return fmt.Errorf("event %d of %d: %w", i+1, len(b.events), err)
		}
		b.bound += segment.RowBound(e)
		b.ids = b.ids || e.ID != ""
	}
	if b.bound > limit {
		return fmt.Errorf("%w: %d events may take %d bytes, the limit is %d (Options.MaxBatchBytes); split it", ErrTooLarge, len(b.events), b.bound, limit)
	}
	if err := checkExpectations(b.expect); err != nil {
		return err
	}
	return b.boundary.check()
}

// prepare checks b against the state before it and, if all holds, makes it part
// of the group to be written next: positions given, frame encoded, index and
// states changed. Nothing of it is visible before the group is durable, and
// nothing can fail once the first event is applied. mu is held; it may be let
// go and taken again while a log file is rotated.
func (db *DB) prepare(ctx context.Context, b *batch) (r Receipt, wait *group, err error) {
	if err := db.rotate(ctx); err != nil {
		return r, nil, err
	}
	if db.recorded == math.MaxInt64 {
		return r, nil, fmt.Errorf("%w: the last batch was recorded at the end of time, none can come after it", ErrInvalid)
	}
	if b.ids {
		if r, known, err := db.repeat(b); known || err != nil {
			return r, db.pending(), err
		}
	}
	if err = db.checkExpect(b.expect); err == nil {
		err = db.checkBoundary(b)
	}
	if err != nil {
		return r, db.pending(), err
	}
	if err := db.checkRetractions(b.events); err != nil {
		return r, nil, err
	}
	if err := db.checkFolds(b.events); err != nil {
		return r, nil, err
	}
	if err := db.findKeys(b); err != nil {
		return r, nil, err
	}
	b.define = db.undefined(b)
	if len(b.events)+len(b.define) == 0 {
		return Receipt{Recorded: db.lastTime()}, db.pending(), nil
	}
	if err := db.reserve(b); err != nil {
		return r, nil, err
	}
	g := db.group()
	db.addStreams(g, b.define)
	return db.addEvents(g, b), g, nil
}

// checkFolds refuses events whose state could not be maintained.
func (db *DB) checkFolds(events []Event) error {
	known := db.streams.Load()
	for i := range events {
		if s := known.byName[events[i].Stream]; s != nil {
			if err := s.needFold(); err != nil {
				return err
			}
		}
	}
	return nil
}

// undefined is the definitions that b needs and nobody made yet.
func (db *DB) undefined(b *batch) []Stream {
	known := db.streams.Load()
	var defs []Stream
	for _, s := range b.define {
		if known.byName[s.Name] == nil {
			defs = append(defs, s)
		}
	}
	last := ""
next:
	for i := range b.events {
		name := b.events[i].Stream
		if name == last || known.byName[name] != nil {
			continue
		}
		for _, s := range defs {
			if s.Name == name {
				continue next
			}
		}
		defs = append(defs, Stream{Name: strings.Clone(name)}.withDefaults())
		last = name
	}
	return defs
}

// addStreams puts new definitions into the group, if there are any.
func (db *DB) addStreams(g *group, defs []Stream) {
	if len(defs) == 0 {
		return
	}
	known := db.streams.Load()
	var add []*stream
	for i, def := range defs {
		add = append(add, db.newStream(def, uint32(len(known.list)+i+1)))
	}
	db.streams.Store(known.with(add...))
	g.add(db.frameStreams(add))
}

// lookUp finds the keys of the batch that are there already, before the writer's
// lock is taken, and touches what applying their events will. Each look-up waits for
// memory several times; those of some events overlap.
func (db *DB) lookUp(b *batch) {
	known := db.streams.Load()
	b.keys = make([]*key, len(b.events))
	for from := 0; from < len(b.events); {
		s, to := known.byName[b.events[from].Stream], from+1
		for to < min(len(b.events), from+index.Together) && b.events[to].Stream == b.events[from].Stream {
			to++
		}
		if s != nil {
			b.lookUp(s, from, to)
		}
		from = to
	}
}

// lookUp finds the keys of the events from number from to to, less one, which are
// of stream s.
func (b *batch) lookUp(s *stream, from, to int) {
	var names [index.Together]string
	var found [index.Together]*key
	for i := from; i < to; i++ {
		names[i-from] = b.events[i].Key
	}
	s.live.GetAll(names[:to-from], &found)
	keys := found[:to-from]
	copy(b.keys[from:], keys)
	for _, k := range keys {
		if k == nil {
			continue
		}
		b.touched |= k.Data.reached.Load()
		if r := k.Data.newest.Load(); r != nil {
			b.touched |= r.batch
		}
		if r := k.Runs(); r != nil {
			newest, _ := r.Changes.Newest()
			b.touched |= newest.Seq
		}
	}
}

// findKeys finds the keys of the batch for good, those of streams that are
// defined: what reads of the disk it takes can fail without anything changed. mu
// is held, so none is evicted from here on.
func (db *DB) findKeys(b *batch) (err error) {
	known := db.streams.Load()
	for i := range b.events {
		e := &b.events[i]
		if k := b.keys[i]; k != nil && !k.Data.partial && !k.Gone() {
			continue
		}
		if s := known.byName[e.Stream]; s != nil {
			if b.keys[i], err = db.key(s, e.Key); err != nil {
				return err
			}
		}
	}
	return nil
}

// addEvents puts the batch into the group as one frame, and its events into the
// index and the states. A large frame is on its way to the disk while these are
// changed. A row of a stream of only changes depends on the states before it: those
// events are applied first.
func (db *DB) addEvents(g *group, b *batch) Receipt {
	if len(b.events) == 0 {
		return Receipt{}
	}
	b.place(db.last+1, db.nextRecorded(b.recorded), g)
	r := Receipt{First: b.first, Recorded: instant(b.recorded), Versions: make([]uint64, len(b.events))}
	known, made, applied := db.streams.Load(), len(g.made), 0
	db.placed = db.placed[:0]
	for i := range b.events {
		s := known.byName[b.events[i].Stream]
		if b.keys[i] == nil { // the stream is new: there is nothing to read
			b.keys[i], _ = db.key(s, b.events[i].Key)
		}
		if s.OnlyChanges {
			applied = db.applyFrom(b, applied)
		}
		r.Versions[i] = db.appendRow(b, s)
	}
	db.endFrame(b)
	r.Last = db.last
	if len(g.frames[b.frame]) >= aheadBytes && !db.leading {
		db.start(b)
	}
	db.applyFrom(b, applied)
	keepStates(g.made[made:])
	return r
}

// aheadBytes is the size of a frame that is written while its events are applied.
// Handing it to another goroutine costs some microseconds, and applying so much is
// worth a few times that.
const aheadBytes = 16 << 10

// place says where the batch goes, and begins its frame.
func (b *batch) place(first uint64, recorded int64, g *group) {
	b.first, b.recorded, b.group, b.frame = first, recorded, g, len(g.frames)
	g.frames = append(g.frames, segment.BeginFrame(frameBuffer(segment.FrameHead+b.bound+8)))
}

// placed is what an event of a batch became when its row was appended to the frame.
// It is without pointers: a batch of them is written to memory that is used again,
// and that would keep the garbage collector busy.
type placed struct {
	version          index.Version
	number           uint64 // version within the key
	same             uint64 // what it repeats, if it is unchanged
	row, fields, end uint32 // offsets in the frame
}

// appendRow gives the next event of the batch, which is of stream s, its position and
// its version, the latter being the result, and appends its row to the frame. The row
// is there before anything is applied: folding a key anew may read it, and those
// before it in the batch.
func (db *DB) appendRow(b *batch, s *stream) (number uint64) {
	i := len(db.placed)
	d := &b.keys[i].Data
	d.ahead++
	ev := applied{stream: s, key: b.keys[i], event: &b.events[i], batch: b}
	ev.number = d.head.version + uint64(d.ahead)
	ev.version = index.Version{Time: b.recorded, Seq: db.last + 1}
	if !ev.event.Time.IsZero() {
		ev.version.Time = ev.event.Time.UnixNano()
	}
	unchanged := db.alike(&ev)
	frame := &b.group.frames[b.frame]
	start := len(*frame)
	ev.version.Place = uint64(placeOf(ev.event.Kind, unchanged, db.log.number, b.group.offset+b.group.size+int64(start)))
	grown, fields := segment.AppendRow(*frame, db.log.Header.Salt, ev.event, s.number,
		ev.number, b.recorded-ev.version.Time, unchanged)
	*frame = grown
	db.placed = append(db.placed, placed{ev.version, ev.number, ev.event.Same, uint32(start), uint32(fields), uint32(len(grown))})
	db.last++
	return ev.number
}

// endFrame completes the frame of the batch.
func (db *DB) endFrame(b *batch) {
	g := b.group
	f := segment.Frame{Marker: segment.EventFrame, Rows: len(b.events), First: b.first, Recorded: b.recorded, Durable: db.synced}
	g.frames[b.frame] = segment.EndFrame(g.frames[b.frame], 0, db.log.Header.Salt, &f)
	g.size += int64(len(g.frames[b.frame]))
	db.recorded, g.last = b.recorded, db.last
}

// applyFrom applies the events of the batch that have a row, from number i on, and is
// how many those are.
func (db *DB) applyFrom(b *batch, i int) int {
	known, frame := db.streams.Load(), b.group.frames[b.frame]
	for ; i < len(db.placed); i++ {
		p := &db.placed[i]
		db.apply(&applied{
			stream: known.byName[b.events[i].Stream], key: b.keys[i], event: &b.events[i], batch: b,
			version: p.version, number: p.number, same: p.same, row: frame[p.row:p.end], fields: int(p.fields - p.row),
		})
	}
	return i
}

// nextRecorded is the commit time of a batch that asks for want: strictly after
// the last one's.
func (db *DB) nextRecorded(want int64) int64 {
	if want == math.MinInt64 {
		want = db.opt.Now().UnixNano()
	}
	if db.last > 0 && want <= db.recorded {
		return db.recorded + 1
	}
	return want
}

// frameStreams is a frame of definitions.
func (db *DB) frameStreams(list []*stream) []byte {
	salt := db.log.Header.Salt
	buf := segment.BeginFrame(nil)
	for _, s := range list {
		buf = segment.AppendStream(buf, salt, s.record())
	}
	f := segment.Frame{Marker: segment.StreamFrame, Rows: len(list), First: db.last + 1, Recorded: db.recorded, Durable: db.synced}
	return segment.EndFrame(buf, 0, salt, &f)
}

// lastTime is the commit time of the newest event, the zero Time if there is none.
func (db *DB) lastTime() time.Time {
	if db.last == 0 {
		return time.Time{}
	}
	return instant(db.recorded)
}
