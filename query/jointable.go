package query

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

// # Tables of states
//
// A table that takes more than its share of memory goes to a file in parts, by a hash of
// what has to be equal, and so do the rows that look for partners in it, with what they
// have of the sources before. Once all rows have come, each worker takes a part: it makes
// a table of its states, and joins its rows. A part that is too large is parted again
// as groups are, see disk.go. What all has to be equal to the same is one part however
// often: that alone has to fit memory.
//
// A file has blocks of states and blocks of rows:
//
//	for each state
//	    uvarint length, what has to be equal
//	    varint since when it is valid, varint until when
//	    for each column of the source: a value, as in segment.AppendValue
//
//	for each row
//	    uvarint length, what has to be equal
//	    for each column of the sources before: a value, as in segment.AppendValue

// joinTable is states by what has to be equal.
type joinTable struct {
	by   map[string][]partner
	held int64
}

func (t *joinTable) add(p partner) {
	if t.by == nil {
		t.by = map[string][]partner{}
	}
	t.by[p.equal] = append(t.by[p.equal], p)
	t.held += p.size()
}

// joinFile is states and rows on disk.
type joinFile struct {
	*spillFile
	side   *joinSide
	times  int   // how often these were parted before
	before []int // the slots of the sources before
	states [diskParts]diskPart
	rows   [diskParts]diskPart
}

// diskPart is a part of what is on disk, and its last block, which is not yet.
type diskPart struct {
	mu     sync.Mutex
	blocks []diskBlockAt
	last   []byte
}

func (s *joinSide) newJoinFile(times int) (*joinFile, error) {
	file, err := s.x.newSpillFile("joined states")
	if err != nil {
		return nil, err
	}
	f := &joinFile{spillFile: file, side: s, times: times}
	for slot, c := range s.x.columns {
		if c.source < s.number {
			f.before = append(f.before, slot)
		}
	}
	return f, nil
}

// closeAfter is as that of a spillFile.
func (f *joinFile) closeAfter(err error) error {
	if f == nil {
		return err
	}
	return f.spillFile.closeAfter(err)
}

// part is the part of what has to be equal.
func (f *joinFile) part(equal string) int {
	return int(uint32(segment.Hash(0, equal)) >> (partBits * f.times) % diskParts)
}

// putState writes a state; several may at the same time, and rows too.
func (f *joinFile) putState(p *partner) error {
	part := &f.states[f.part(p.equal)]
	part.mu.Lock()
	defer part.mu.Unlock()
	part.last = append(binary.AppendUvarint(part.last, uint64(len(p.equal))), p.equal...)
	part.last = binary.AppendVarint(binary.AppendVarint(part.last, p.from), p.until)
	for _, v := range p.values {
		part.last = segment.AppendValue(part.last, v)
	}
	return f.full(part)
}

// putRow writes a row.
func (f *joinFile) putRow(row []Value, equal string) error {
	part := &f.rows[f.part(equal)]
	part.mu.Lock()
	defer part.mu.Unlock()
	part.last = append(binary.AppendUvarint(part.last, uint64(len(equal))), equal...)
	for _, slot := range f.before {
		part.last = segment.AppendValue(part.last, row[slot])
	}
	return f.full(part)
}

// full writes the last block of a part, if it is long enough.
func (f *joinFile) full(part *diskPart) error {
	if int64(len(part.last)) < min(diskBlock, max(f.x.limitBytes/256, 1<<10)) {
		return nil
	}
	b, err := f.write(part.last)
	part.blocks, part.last = append(part.blocks, b), part.last[:0]
	return err
}

// each decodes a part: one is called until nothing is left of a block.
func (f *joinFile) each(part *diskPart, one func(d *segment.Decoder) error) error {
	var block []byte
	visit := func(block []byte) error {
		for d := segment.NewDecoder(string(block)); d.Rest() != ""; {
			if err := one(&d); err != nil {
				return err
			}
			if d.Bad() {
				return errJoined
			}
		}
		return nil
	}
	for _, b := range part.blocks {
		err := f.x.ctx.Err()
		if err == nil {
			block, err = f.read(b, block)
		}
		if err == nil {
			err = visit(block)
		}
		if err != nil {
			return err
		}
	}
	return visit(part.last)
}

// errJoined: what is on disk of a join is not what was written.
var errJoined = fmt.Errorf("query: joined states on disk are malformed")

// readAll reads the states of all keys, or the rows of a query, into the table, or to
// disk.
func (s *joinSide) readAll() error {
	var mu sync.Mutex
	add := func(p partner, ok bool, err error) error {
		if !ok || err != nil {
			return err
		}
		mu.Lock()
		disk := s.disk
		if disk == nil {
			s.table.add(p)
			s.x.note(p.size())
			err = s.relieve()
		}
		mu.Unlock()
		if disk != nil {
			err = disk.putState(&p)
		}
		return err
	}
	workers := make([]joinWorker, s.x.workers)
	for i := range workers {
		workers[i].other = make([]Value, len(s.x.columns))
	}
	if s.inner != nil {
		return s.readRows(&workers[0], add)
	}
	q := store.KeyScan{Stream: s.source.stream, Workers: s.x.workers}
	if s.asOf() {
		return s.eachPeriod(q, func(worker int, p *store.Period) error { return add(s.ofPeriod(&workers[worker], p)) })
	}
	q.Fields = s.x.fieldsOf(s.number)
	return s.reader.ScanStates(s.x.ctx, q, func(worker int, some []store.State) error {
		for i := range some {
			p, ok, err := s.partner(&workers[worker], func(c *column) Value { return ofState(&some[i], c) })
			if err := add(p, ok, err); err != nil {
				return err
			}
		}
		return nil
	})
}

// relieve has the table go to disk if it takes too much memory.
func (s *joinSide) relieve() (err error) {
	if s.table.held > s.share {
		s.disk, err = s.parted(&s.table, 0)
	}
	return err
}

// parted writes a table to a file of its own, and leaves it empty; there is none if
// that is of no use.
func (s *joinSide) parted(t *joinTable, times int) (*joinFile, error) {
	if len(t.by) < 2 || times == partTimes {
		return nil, s.x.hold(0)
	}
	f, err := s.newJoinFile(times)
	if err != nil {
		return nil, err
	}
	for _, some := range t.by {
		for i := range some {
			if err := f.putState(&some[i]); err != nil {
				return f, err
			}
		}
	}
	s.x.note(-t.held)
	*t = joinTable{}
	return f, nil
}

// joinDisk joins the rows in a file with the states there.
func (j *joiner) joinDisk(ctx context.Context, number int, f *joinFile) error {
	return j.x.share(ctx, diskParts, func(worker, part int) error {
		t, w := j.x.steps.begin(), &j.workers[worker]
		w.beyond = 0
		err := j.joinPart(w, number, f, part)
		if err == nil {
			err = w.sink.flush()
		}
		j.x.steps.join.end(t.Add(w.beyond))
		return err
	})
}

// joinPart joins the rows of a part.
func (j *joiner) joinPart(w *joinWorker, number int, f *joinFile, part int) (err error) {
	s := j.sides[number]
	if len(f.rows[part].blocks) == 0 && len(f.rows[part].last) == 0 {
		return nil
	}
	var t joinTable
	var next *joinFile // where states and rows go that are too many
	defer func() {
		j.x.note(-t.held)
		err = next.closeAfter(err)
	}()
	err = f.each(&f.states[part], func(d *segment.Decoder) (err error) {
		p := partner{equal: d.Text(), from: d.Varint(), until: d.Varint(), values: make([]Value, len(s.slots))}
		for i := range p.values {
			p.values[i] = d.Value()
		}
		if next != nil {
			return next.putState(&p)
		}
		t.add(p)
		j.x.note(p.size())
		if t.held > s.share/int64(j.x.workers) {
			next, err = s.parted(&t, f.times+1)
		}
		return err
	})
	if err != nil {
		return err
	}
	err = f.each(&f.rows[part], func(d *segment.Decoder) error {
		equal := d.Text()
		for _, slot := range f.before {
			w.row[slot] = d.Value()
		}
		switch {
		case d.Bad():
			return errJoined
		case next != nil:
			return next.putRow(w.row, equal)
		}
		return j.beside(w, number, t.by[equal], equal)
	})
	if err != nil || next == nil {
		return err
	}
	for part := range diskParts {
		if err := j.joinPart(w, number, next, part); err != nil {
			return err
		}
	}
	return nil
}

// sizeOf is about what partners take of memory.
func sizeOf(some []partner) (n int64) {
	for i := range some {
		n += some[i].size()
	}
	return n
}
