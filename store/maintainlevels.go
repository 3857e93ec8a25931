package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sort"

	bolt "go.etcd.io/bbolt"

	"github.com/annalsdb/annals/aggregate"
)

// # Levels
//
// Cells of bbolt are put together into those of longer windows, level by level, see
// [aggregate.Plan.Levels], so that an interval of years is made of few. A level has the
// cells that there are events for; each is joined from its children, in one
// transaction with whatever has changed them, and so never stale: m late events in k
// windows cost a checkpoint O(m + k log n), each of them some hundred cells at most.
//
// What of the levels is read often stays in memory, as blocks: the cells of all groups
// that are in one window of the level above. An interval is made of two blocks of each
// level, at most. A block is made when it is asked for the second time: those that are
// asked for once are read faster cell by cell.

// rollup is the levels of what is kept.
type rollup struct {
	levels []*aggregate.Plan // from that of the definition on; nil: it has none
	blocks map[blockID]*aggregate.Cells
	held   int64            // bytes, of blocks, about
	asked  map[blockID]bool // those that were asked for once, and are not in blocks
}

// blockID names a block by its level and where the window of the level above begins.
type blockID struct {
	level int
	start int64
}

// parent is the window of the level above that holds t, all of time above the last.
func (r *rollup) parent(level int, t int64) aggregate.Span {
	if level == len(r.levels)-1 {
		return wholeTime
	}
	return r.levels[level+1].WindowAt(t)
}

// forgetBlocks forgets blocks that are not what bbolt has any more.
func (r *rollup) forgetBlocks(touched map[blockID]bool) {
	for id := range touched {
		if c := r.blocks[id]; c != nil {
			r.held -= c.Size()
			delete(r.blocks, id)
			r.again(id) // as it will be
		}
	}
}

// askedMost is how many blocks are remembered to have been asked for.
const askedMost = 1 << 14

// again reports whether a block was asked for before.
func (r *rollup) again(id blockID) bool {
	if r.asked[id] {
		return true
	}
	if r.asked == nil || len(r.asked) >= askedMost {
		r.asked = map[blockID]bool{}
	}
	r.asked[id] = true
	return false
}

// keepBlock keeps a block, in place of any others where all take more than most bytes.
func (r *rollup) keepBlock(id blockID, c *aggregate.Cells, most int64) {
	if r.blocks == nil {
		r.blocks, r.held = map[blockID]*aggregate.Cells{}, 0
	}
	delete(r.asked, id)
	r.held += c.Size()
	for other, o := range r.blocks {
		if r.held <= most {
			break
		}
		r.held -= o.Size()
		delete(r.blocks, other)
	}
	r.blocks[id] = c
}

// levelCells are the cells of a level in bbolt.
type levelCells struct {
	b      *bolt.Bucket
	prefix []byte
}

// levelIn is a level in the bucket of an aggregate.
func levelIn(b *bolt.Bucket, level int) (levelCells, error) {
	if level == 0 {
		return levelCells{b: b}, nil
	}
	if b = b.Bucket(levelsKey); b == nil {
		return levelCells{}, fmt.Errorf("levels are missing: %w", errRecord)
	}
	return levelCells{b, []byte{byte(level)}}, nil
}

// each calls f for the cells whose windows begin in a span, in the order of their keys,
// and, if groups is not nil, only for those of some groups, which are sorted. Where few
// are wanted it costs a look-up for each in each window, not all groups there are.
func (l levelCells) each(over aggregate.Span, groups [][]byte, f func(key, body []byte) error) error {
	c, n := l.b.Cursor(), len(l.prefix)
	end := appendStart(nil, over.End)
	target := appendStart(bytes.Clone(l.prefix), over.Start)
	full, value := c.Seek(target)
	for full != nil && bytes.HasPrefix(full, l.prefix) {
		key := full[n:]
		if len(key) < cellKeyLeast { // basis and levels
			full, value = c.Next()
			continue
		}
		if over.End < math.MaxInt64 && bytes.Compare(key, end) >= 0 {
			return nil
		}
		if groups != nil {
			at, found := slices.BinarySearchFunc(groups, key[cellKeyLeast:], bytes.Compare)
			if !found {
				target = append(target[:n], key[:cellKeyLeast]...)
				if at == len(groups) {
					if at = 0; !increment(target[n:]) {
						return nil
					}
				}
				full, value = leap(c, append(target, groups[at]...))
				continue
			}
		}
		body, err := openCell(full, value)
		if err == nil {
			err = f(key, body)
		}
		if err != nil {
			return err
		}
		full, value = c.Next()
	}
	return nil
}

// increment adds 1 to a number, big endian; false if it was the greatest.
func increment(b []byte) bool {
	n := binary.BigEndian.Uint64(b) + 1
	binary.BigEndian.PutUint64(b, n)
	return n != 0
}

// leapLeast is how many steps a cursor goes before it seeks: a seek costs some.
const leapLeast = 6

// leap moves a cursor on to the first key that is not less than target.
func leap(c *bolt.Cursor, target []byte) (key, value []byte) {
	for range leapLeast {
		if key, value = c.Next(); key == nil || bytes.Compare(key, target) >= 0 {
			return key, value
		}
	}
	return c.Seek(target)
}

// appendStart appends what keys of cells whose windows begin at t begin with.
func appendStart(dst []byte, t int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(t)^1<<63)
}

// recombine joins all cells anew that are made of ones that were put, and tells in which
// blocks anything has changed. puts are in the order of their keys.
func (r *rollup) recombine(b *bolt.Bucket, puts []cellPut) (touched map[blockID]bool, err error) {
	if r.levels == nil {
		return nil, nil
	}
	if _, err := b.CreateBucketIfNotExists(levelsKey); err != nil {
		return nil, err
	}
	touched = map[blockID]bool{}
	for level := range r.levels {
		if len(puts) > 0 && level == len(r.levels)-1 {
			touched[blockID{level, wholeTime.Start}] = true
			break
		}
		var above []cellPut
		for len(puts) > 0 {
			w := r.parent(level, startOf(puts[0].key))
			n := sort.Search(len(puts), func(i int) bool { return !w.Has(startOf(puts[i].key)) })
			touched[blockID{level, w.Start}] = true
			if above, err = r.parents(above, b, level+1, w, groupsOf(puts[:n])); err != nil {
				return nil, err
			}
			puts = puts[n:]
		}
		if err := putLevel(b, level+1, above); err != nil {
			return nil, err
		}
		puts = above
	}
	return touched, nil
}

// startOf is where the window of a cell begins.
func startOf(key []byte) int64 { return int64(binary.BigEndian.Uint64(key) ^ 1<<63) }

// groupsOf is the groups of cells, each once, sorted.
func groupsOf(puts []cellPut) [][]byte {
	groups := make([][]byte, len(puts))
	for i, p := range puts {
		groups[i] = p.key[cellKeyLeast:]
	}
	slices.SortFunc(groups, bytes.Compare)
	return slices.CompactFunc(groups, bytes.Equal)
}

// parents appends the cells of a level, of some groups in a window, joined from their
// children, without checksums; those without children are to be taken away.
func (r *rollup) parents(puts []cellPut, b *bolt.Bucket, level int, w aggregate.Span, groups [][]byte) ([]cellPut, error) {
	below, err := levelIn(b, level-1)
	if err != nil {
		return puts, err
	}
	cells := r.levels[level].Cells()
	key := appendStart(nil, w.Start)
	err = below.each(w, groups, func(child, body []byte) error {
		key = append(key[:cellKeyLeast], child[cellKeyLeast:]...)
		_, err := cells.MergeCell(key, body)
		return err
	})
	if err != nil {
		return puts, err
	}
	for _, g := range groups {
		p := cellPut{key: append(appendStart(make([]byte, 0, keyRoom), w.Start), g...)}
		if i, ok := cells.Lookup(p.key); ok {
			if p.value, err = cells.AppendCell(make([]byte, 0, cellRoom), i); err != nil {
				return puts, err
			}
		}
		puts = append(puts, p)
	}
	return puts, nil
}

// putLevel puts cells of a level.
func putLevel(b *bolt.Bucket, level int, puts []cellPut) error {
	in, err := levelIn(b, level)
	if err != nil {
		return err
	}
	in.b.FillPercent = fillPercent
	sealed := make([]cellPut, len(puts))
	for i, p := range puts {
		key := append(bytes.Clone(in.prefix), p.key...)
		if sealed[i].key = key; p.value != nil {
			sealed[i].value = sealCell(p.value, 0, key)
		}
	}
	return putAll(in.b, sealed)
}

// block is the cells of a level whose windows lie in one of the level above.
func (r *rollup) block(b *bolt.Bucket, level int, parent aggregate.Span) (*aggregate.Cells, error) {
	in, err := levelIn(b, level)
	if err != nil {
		return nil, err
	}
	c := r.levels[level].Cells()
	return c, in.each(parent, nil, func(key, body []byte) error {
		_, err := c.MergeCell(key, body)
		return err
	})
}
