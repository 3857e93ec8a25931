package segment

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
)

// Merge writes one sealed file with the rows of several, which hold adjacent
// positions, the oldest first. Definitions are those of the newest one. The inputs
// stay as they are.
//
// The memory it takes depends on how many inputs and columns there are and not on
// their rows: two blocks of each. When Merge fails nothing is left in the
// directory.
func Merge(w Work, in []*Sealed) (path string, size int64, err error) {
	h, err := mergedHead(in)
	if err != nil {
		return "", 0, fmt.Errorf("merge sealed files: %w", err)
	}
	m := mergers.Get().(*merger)
	defer m.release()
	path, size, err = w.file(h, m.recorded, func(o *outlet) error { return m.merge(o, h, in) })
	if err != nil {
		return "", 0, fmt.Errorf("merge sealed files of positions %d to %d: %w", h.First, h.Last, err)
	}
	return path, size, nil
}

// maxMerged is how many files are merged at once: a pick, see merger, has room
// for two blocks of each.
const maxMerged = 1 << (32 - roundShift - 1)

// mergedHead is the head of the file that the inputs make together.
func mergedHead(in []*Sealed) (SealedHead, error) {
	if len(in) == 0 || len(in) > maxMerged {
		return SealedHead{}, fmt.Errorf("there are %d of them, it takes 1 to %d", len(in), maxMerged)
	}
	oldest, newest := in[0].Info(), in[len(in)-1].Info()
	h := SealedHead{First: oldest.First, Last: newest.Last, Database: newest.Database, Created: newest.Created}
	for i, s := range in {
		info := s.Info()
		if i > 0 && info.First != in[i-1].Info().Last+1 {
			return SealedHead{}, fmt.Errorf("%s does not begin where %s ends", s.Path, in[i-1].Path)
		}
		if info.Database != h.Database {
			return SealedHead{}, fmt.Errorf("%s and %s are of different databases", s.Path, in[len(in)-1].Path)
		}
	}
	if h.Last-h.First >= maxSealedRows {
		return SealedHead{}, errors.New("together they have more than 2^32 rows")
	}
	h.Defs = mergedDefs(in)
	return h, nil
}

// mergedDefs is the definitions of all streams by number, as the newest input
// that knows one has it.
func mergedDefs(in []*Sealed) []Stream {
	var defs []Stream
	for _, s := range slices.Backward(in) {
		for i := range s.Info().Streams {
			def := s.Info().Streams[i].Def
			at, known := slices.BinarySearchFunc(defs, def.Number, func(d Stream, n uint32) int { return int(d.Number) - int(n) })
			if !known {
				defs = slices.Insert(defs, at, def)
			}
		}
	}
	return defs
}

// merger merges sealed files. The rows of each one keep their order, so that all
// are read once from front to back, and the block in the making, which takes no
// more than a block's worth of rows from an input, takes them from two of its
// blocks at most: one of an even and one of an odd number. Each has its slot.
//
// A block is made in two steps. First its rows are picked, for which of the
// columns only the times are looked at, and these only where inputs have changes
// of one key; then each column is gathered by those picks.
type merger struct {
	out     *outlet
	sources []*mergeSource
	columns []mergeColumn  // by column of the output
	picks   []uint32       // the rows of the block: slot and row in the slot
	bases   []int64        // by pick: what its stored version counts from
	touched []int          // the slots that picks are from
	blocks  []int          // by slot: the block in it, as picks mean it
	room    []byte         // for a page that is read
	part    []*mergeSource // see least
	live    []*mergeSource // those of part that have rows of the class left
}

// mergers are those at rest, with their memory.
var mergers = sync.Pool{New: func() any { return &merger{} }}

// release gives the memory of m to the next one.
func (m *merger) release() {
	for _, s := range m.sources {
		s.reset()
	}
	for i := range m.columns {
		m.columns[i].reset()
	}
	m.out, m.sources, m.columns, m.blocks = nil, m.sources[:0], m.columns[:0], m.blocks[:0]
	m.picks, m.bases, m.touched = m.picks[:0], m.bases[:0], m.touched[:0]
	mergers.Put(m)
}

// mergeSource is one input.
type mergeSource struct {
	*Sealed
	number int
	next   uint64 // the row that comes next
	keys   keyReader
	key    Keyed   // the key that comes next
	has    bool    // whether there is one
	left   int     // rows still to come of the class that is being merged
	times  []int64 // of these, up to the end of the block; see look
	shapes []int64 // by number here: number in the output
}

func (m *merger) merge(o *outlet, h SealedHead, in []*Sealed) error {
	m.out = o
	m.blocks = grown(m.blocks, 2*len(in))
	for _, kind := range [firstField]ValueKind{colType: StringValue, colID: StringValue} {
		m.column(kind)
	}
	for number, s := range in {
		source := m.source(s, number)
		if err := m.open(source); err != nil {
			return err
		}
		if err := source.forward(); err != nil {
			return err
		}
	}
	if err := m.clock(); err != nil {
		return err
	}
	for i := range h.Defs {
		o.w.settle(h.Defs[i].Number, settledIn(in, h.Defs[i].Number))
		if err := m.stream(&h.Defs[i]); err != nil {
			return err
		}
	}
	return m.end()
}

// settledIn is the time from which on most events of a stream are: that of the
// input for which it is the earliest, so that late ones of the others stay late.
func settledIn(in []*Sealed, stream uint32) int64 {
	settled := int64(math.MaxInt64)
	for _, s := range in {
		if i := s.stream(stream); i >= 0 && s.info.Streams[i].Rows > 0 {
			settled = min(settled, s.info.Streams[i].Settled)
		}
	}
	return settled
}

// source adds an input.
func (m *merger) source(in *Sealed, number int) *mergeSource {
	m.sources = more(m.sources)
	if m.sources[number] == nil {
		m.sources[number] = &mergeSource{}
	}
	s := m.sources[number]
	s.Sealed, s.keys.s, s.number = in, in, number
	return s
}

// reset forgets the input and keeps the memory.
func (s *mergeSource) reset() {
	s.keys.reset()
	*s = mergeSource{keys: s.keys, shapes: s.shapes[:0]}
}

// open takes over what is said about the whole of s: columns, shapes, batches.
func (m *merger) open(s *mergeSource) error {
	columns, err := s.columns()
	if err != nil {
		return err
	}
	for c := range firstField {
		m.columns[c].from[s.number] = c
	}
	numbers := make([]int, firstField+len(columns))
	for i, c := range columns {
		n := m.out.field(c)
		for n >= len(m.columns) {
			m.column(c.kind)
		}
		numbers[firstField+i] = n
		m.columns[n].from[s.number] = firstField + i
	}
	shapes, err := s.Sealed.shapes()
	if err != nil {
		return err
	}
	for _, cols := range shapes {
		mapped := make([]int, len(cols))
		for i, c := range cols {
			mapped[i] = numbers[c]
		}
		s.shapes = append(s.shapes, int64(m.out.shape(mapped)))
	}
	return s.eachBatch(func(first []uint64, recorded []int64) error {
		m.out.w.batches(first, recorded)
		return nil
	})
}

// clock strings the knots of the inputs together. Where one ends and the next one
// begins within a chunk, the first of its knots stays.
func (m *merger) clock() error {
	var seq []uint64
	var time []int64
	for _, s := range m.sources {
		seqs, times, err := s.clockKnots()
		if err != nil {
			return err
		}
		if n := len(seq); n > 0 && len(seqs) > 0 && seqs[0]>>chunkBits == seq[n-1]>>chunkBits {
			seqs, times = seqs[1:], times[1:]
		}
		seq, time = append(seq, seqs...), append(time, times...)
	}
	m.out.w.knots(seq, time)
	return nil
}

// recorded is when the event at seq was recorded.
func (m *merger) recorded(seq uint64) (int64, error) {
	for _, s := range slices.Backward(m.sources) {
		if s.Info().First <= seq {
			return s.Recorded(seq)
		}
	}
	return 0, fmt.Errorf("position %d is in none of the files", seq)
}

// end writes the last block and makes sure that nothing was left out.
func (m *merger) end() error {
	if len(m.picks) > 0 {
		if err := m.flush(); err != nil {
			return err
		}
	}
	for _, s := range m.sources {
		if s.next != s.Info().Rows {
			return s.corrupt(fmt.Sprintf("its keys have %d rows together, it has %d", s.next, s.Info().Rows))
		}
	}
	return nil
}

func (s *mergeSource) corrupt(cause string) error {
	return &CorruptError{File: s.Path, First: s.Info().First, Last: s.Info().Last, Cause: cause}
}
