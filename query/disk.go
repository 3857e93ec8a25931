package query

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/segment"
)

// # Groups on disk
//
// A worker whose groups take more memory than its share writes all of them to a file
// that all workers have in common, and begins with none. There they stand in parts,
// by some bits of a hash of what a group is of, so that in the end the groups of a part
// can be read back, joined and made rows of without those of the others. A part that
// is too large for that is parted again, by the next bits, into a file of its own.
//
// What is written are partial results as package aggregate encodes them, whose merging
// depends on neither order nor parts: the answer is the same to the bit.
//
// Groups of a part are written in blocks as they come:
//
//	for each group
//	    for each column that groups are of: a value, as in segment.AppendValue
//	    for each aggregate: uvarint length, its partial result
//
// Which part a block is of is kept in memory, see spillFile.

const (
	partBits  = 4 // of the hash, each time
	diskParts = 1 << partBits
	partTimes = 8 // after that a part is not parted any more

	// diskBlock is how long a block is, about: long enough for a disk, and sixteen of
	// them are not much beside the groups of a worker.
	diskBlock = 64 << 10
)

// groupFile is groups on disk.
type groupFile struct {
	*spillFile
	times int // how often these groups were parted before

	mu    sync.Mutex
	parts [diskParts][]diskBlockAt
}

func (x *executor) newGroupFile(times int) (*groupFile, error) {
	file, err := x.newSpillFile("groups")
	if err != nil {
		return nil, err
	}
	return &groupFile{spillFile: file, times: times}, nil
}

// write appends a block to a part; several may at the same time.
func (f *groupFile) write(part int, block []byte) error {
	b, err := f.spillFile.write(block)
	f.mu.Lock()
	f.parts[part] = append(f.parts[part], b)
	f.mu.Unlock()
	return err
}

// relieve writes the groups of a worker to disk, if that can be of use.
func (r *groupRun) relieve(g *grouper) error {
	codes := g.allCodes()
	hashes := g.hashes(codes)
	if !differ(hashes, 0) {
		return g.stay()
	}
	r.making.Lock()
	if r.disk == nil {
		var err error
		if r.disk, err = r.newGroupFile(0); err != nil {
			r.making.Unlock()
			return err
		}
	}
	r.making.Unlock()
	return r.disk.take(g, codes, hashes)
}

// differ reports whether hashes part groups that were parted so often before.
func differ(hashes []uint64, times int) bool {
	if times == partTimes {
		return false
	}
	for _, h := range hashes {
		if uint32(h^hashes[0])>>(partBits*times) != 0 {
			return true
		}
	}
	return false
}

// stay lets groups that cannot be parted take more memory, up to all that there may be.
func (g *grouper) stay() error {
	g.most = g.held + g.held/4
	return g.x.hold(0)
}

// take writes all groups of g, and leaves none.
func (f *groupFile) take(g *grouper, codes [][]uint32, hashes []uint64) error {
	var blocks [diskParts][]byte
	var one []byte
	for i, h := range hashes {
		if i%batchRows == 0 {
			if err := f.x.ctx.Err(); err != nil {
				return err
			}
		}
		part := int(uint32(h) >> (partBits * f.times) % diskParts)
		block := blocks[part]
		for k := range codes {
			block = segment.AppendValue(block, g.columns[k].values[codes[k][i]])
		}
		for s := range g.sums {
			if g.sums[s].from != s {
				continue
			}
			var err error
			if one, err = g.sums[s].encode(one[:0], i); err != nil {
				return err
			}
			block = append(binary.AppendUvarint(block, uint64(len(one))), one...)
		}
		if len(block) >= diskBlock {
			if err := f.write(part, block); err != nil {
				return err
			}
			block = block[:0]
		}
		blocks[part] = block
	}
	for part, block := range blocks {
		if len(block) > 0 {
			if err := f.write(part, block); err != nil {
				return err
			}
		}
	}
	return g.clear()
}

// clear makes g one without groups.
func (g *grouper) clear() error {
	g.x.note(-g.held)
	empty, err := g.x.newGrouper()
	if err != nil {
		return err
	}
	for k := range empty.columns {
		empty.columns[k].clones = g.columns[k].clones
	}
	*g = *empty
	return nil
}

// encode appends the partial result of a group, to which rows may still come that lie
// among its own.
func (s *summing) encode(dst []byte, group int) ([]byte, error) {
	var err error
	if l, ok := s.groups.(aggregate.Loose); ok {
		dst, err = l.AppendLoose(dst, group)
	} else {
		dst, err = s.groups.AppendBinary(dst, group)
	}
	return dst, s.placeError(err, segment.NullValue)
}

// decode takes in what encode appended.
func (s *summing) decode(group int, b []byte) error {
	if l, ok := s.groups.(aggregate.Loose); ok {
		return l.MergeLoose(group, b)
	}
	return s.groups.MergeBinary(group, b)
}

// finishDisk makes rows of groups of which some are on disk: those in memory go there
// too, then each worker takes the next part.
func (r *groupRun) finishDisk(ctx context.Context) error {
	err := r.share(ctx, len(r.workers), func(_, i int) error {
		t := r.steps.begin()
		defer r.steps.merge.end(t)
		codes := r.workers[i].allCodes()
		return r.disk.take(r.workers[i], codes, r.workers[i].hashes(codes))
	})
	if err != nil {
		return err
	}
	return r.share(ctx, diskParts, func(worker, part int) error { return r.finishPart(ctx, worker, r.disk, part) })
}

// finishPart makes rows of the groups in a part of a file.
func (r *groupRun) finishPart(ctx context.Context, worker int, f *groupFile, part int) (err error) {
	t := r.steps.begin()
	g, err := r.newGrouper()
	if err != nil {
		return err
	}
	for k := range g.columns {
		g.columns[k].clones = true
	}
	var next *groupFile // where the groups go that are too many
	defer func() {
		r.note(-g.held)
		if next != nil {
			err = next.closeAfter(err)
		}
	}()
	var block []byte
	for _, b := range f.parts[part] {
		if err := ctx.Err(); err != nil {
			return err
		}
		if block, err = f.read(b, block); err != nil {
			return err
		}
		if err := g.decode(block); err != nil {
			return fmt.Errorf("%w: %w", f.damaged(b), err)
		}
		if g.hold(); g.held > g.most {
			if err := r.partAgain(g, f.times+1, &next); err != nil {
				return err
			}
		}
	}
	if next != nil {
		codes := g.allCodes()
		if err := next.take(g, codes, g.hashes(codes)); err != nil {
			return err
		}
	}
	r.steps.merge.end(t)
	if next == nil {
		return r.finish(ctx, worker, g)
	}
	for part := range next.parts {
		if err := r.finishPart(ctx, worker, next, part); err != nil {
			return err
		}
	}
	return nil
}

// partAgain writes groups of a part to a file of their own.
func (r *groupRun) partAgain(g *grouper, times int, to **groupFile) (err error) {
	codes := g.allCodes()
	hashes := g.hashes(codes)
	if !differ(hashes, times) {
		return g.stay()
	}
	if *to == nil {
		if *to, err = r.newGroupFile(times); err != nil {
			return err
		}
	}
	return (*to).take(g, codes, hashes)
}

// errGroups: groups on disk are not what was written.
var errGroups = errors.New("groups are malformed")

// decode takes in the groups of a block.
func (g *grouper) decode(block []byte) error {
	d := segment.NewDecoder(string(block))
	var partials []string
	var one []byte
	for d.Rest() != "" {
		for k := range g.codes {
			g.codes[k] = g.codes[k][:0]
		}
		partials = partials[:0]
		for n := 0; n < batchRows && d.Rest() != ""; n++ {
			for k := range g.columns {
				v := d.Value()
				g.codes[k] = append(g.codes[k], g.columns[k].number(v))
			}
			for i := range g.sums {
				if g.sums[i].from == i {
					partials = append(partials, d.Text())
				}
			}
			if d.Bad() {
				return errGroups
			}
		}
		g.place()
		for _, group := range g.ords {
			for i := range g.sums {
				s := &g.sums[i]
				if s.from != i {
					continue
				}
				one = append(one[:0], partials[0]...)
				if err := s.decode(int(group), one); err != nil {
					return err
				}
				partials = partials[1:]
			}
		}
	}
	return nil
}
