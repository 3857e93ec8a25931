package segment

import (
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
)

// Scan reads chosen rows of a sealed file by blocks. It does not change: any number
// of batches may be read at the same time.
type Scan struct {
	Names   []string // of the columns that a batch has, in its order
	MaxTime int64    // events of later times are left out, but retractions
	MaxSeq  uint64   // those of later positions are left out

	want    *Selected
	without *roaring.Bitmap // rows that are left out; nil if there are none
	columns [][]int         // by column of a batch: those of the file
}

// virtual columns are those of a batch that are more than the values of pages.
const (
	virtualRecorded = -1 - iota
	virtualKind
)

// Scan is a scan of the selected rows; names are those of the columns that batches
// have: fields, and [ColumnType] and its like. The key of rows is told by
// [Batch.Keys].
func (c *Selected) Scan(names []string) *Scan {
	sc := &Scan{Names: names, MaxTime: 1<<63 - 1, MaxSeq: 1<<64 - 1, want: c, columns: make([][]int, len(names))}
	for i, name := range names {
		switch stored, ok := storedColumns[name]; {
		case name == ColumnRecorded:
			sc.columns[i] = []int{virtualRecorded}
		case name == ColumnKind:
			sc.columns[i] = []int{virtualKind}
		case ok:
			sc.columns[i] = []int{stored.col}
		default:
			for f, column := range c.d.fields {
				if column.name == name {
					sc.columns[i] = append(sc.columns[i], firstField+f)
				}
			}
		}
	}
	return sc
}

// Within leaves of the selected rows only those of the keys of a stream that have
// these names, which are in order, as rows are. O(log keys) for each that the filter
// does not rule out.
func (c *Selected) Within(stream uint32, names []string) error {
	rows := roaring.New()
	for _, name := range names {
		k, ok, err := c.s.Key(stream, name, Hash(stream, name))
		if err != nil {
			return err
		}
		if ok {
			rows.AddRange(k.Row, k.Row+uint64(k.Rows()))
		}
	}
	c.sure.And(rows)
	c.maybe.And(rows)
	c.rows.And(rows)
	return nil
}

// LeaveOut leaves out those rows of k that are at the positions seqs, which rise. It
// looks at the rows of the key, and comes before the scan is used.
func (sc *Scan) LeaveOut(k *Keyed, seqs []uint64) error {
	s, d := sc.want.s, sc.want.d
	zones, err := s.zonesOf(colSeq)
	if err != nil {
		return err
	}
	if sc.without == nil {
		sc.without = roaring.New()
	}
	var space [blockRows]int64
	for row, end := k.Row, k.Row+uint64(k.Rows()); row < end; {
		b, from := int(row/blockRows), int(row%blockRows)
		n := int(min(end-row, blockRows-uint64(from)))
		i, _ := slices.BinarySearch(seqs, uint64(zones[b].min))
		if i < len(seqs) && seqs[i] <= uint64(zones[b].max) {
			if err := s.columnInts(d, colSeq, b, from, space[:n], nil); err != nil {
				return err
			}
			for j, seq := range space[:n] {
				if _, ok := slices.BinarySearch(seqs, uint64(seq)); ok {
					sc.without.Add(uint32(row) + uint32(j))
				}
			}
		}
		row += uint64(n)
	}
	return nil
}

// Blocks is the blocks that have a row to read, rising.
func (sc *Scan) Blocks() (blocks []int) {
	end := uint32(0)
	for it := sc.want.rows.Iterator(); it.HasNext(); it.AdvanceIfNeeded(end) {
		b := it.PeekNext() / blockRows
		blocks = append(blocks, int(b))
		if uint64(b+1)*blockRows >= sc.want.s.info.Rows {
			break
		}
		end = (b + 1) * blockRows
	}
	return blocks
}

// Batch is some rows of one block of a sealed file, or of a log file, of which
// columns are decoded when they are asked for. It has one user at a time, and what
// it hands out is valid until it is read into again; texts are valid for ever.
type Batch struct {
	// Rows is how many rows the columns have, Selected which of them are wanted,
	// rising: nil for all of them.
	Rows     int
	Selected []uint16

	// Read counts what was decoded, over all that was read into the batch.
	Read BatchStats

	scan   *Scan
	block  int
	spans  []rowSpan
	places []uint16 // see inBlock
	whole  bool     // the rows are all of a block
	cols   []batchColumn
	fixed  [headColumns]fixedColumn
	sel    []uint16
	keys   []KeyRun
	test   *tester

	scratch Columns
	loaded  *LoadedScan // instead of scan; block is the first row
}

// BatchStats counts what was decoded.
type BatchStats struct {
	Batches, Rows, Pages int   // rows are those selected
	Bytes                int64 // of pages, as they are stored
}

// rowSpan is rows of a block.
type rowSpan struct{ from, to int }

type batchColumn struct {
	done  bool
	parts []FieldColumn
	all   []FieldColumn
}

type fixedColumn struct {
	done bool
	v    []int64
}

// spansMost is how many spans of rows are decoded one by one: where there are more
// the block is decoded from the first to the last of them.
const spansMost = 64

// Read makes b the rows of a block.
func (sc *Scan) Read(block int, b *Batch) error {
	if b.scan != sc {
		b.test = sc.want.tester()
	}
	b.begin(len(sc.columns))
	b.scan, b.block, b.loaded = sc, block, nil
	b.find()
	b.Read.Batches++
	err := b.sift()
	if b.Read.Rows += b.Rows; b.Selected != nil {
		b.Read.Rows += len(b.Selected) - b.Rows
	}
	return err
}

// begin forgets what b has.
func (b *Batch) begin(columns int) {
	b.cols = slices.Grow(b.cols[:0], columns)[:columns]
	for i := range b.cols {
		b.cols[i].done = false
	}
	for i := range b.fixed {
		b.fixed[i].done = false
	}
	b.spans, b.places, b.keys, b.Selected, b.whole = b.spans[:0], b.places[:0], b.keys[:0], nil, false
}

// find makes spans those of the rows that may be wanted.
func (b *Batch) find() {
	w := b.scan.want
	from, n := uint64(b.block)*blockRows, w.s.blockLen(b.block)
	if in := w.in(b.block); in == n {
		b.spans = append(b.spans, rowSpan{0, n})
		b.Rows, b.whole = n, true
		return
	}
	b.Rows = 0
	it := w.rows.Iterator()
	for it.AdvanceIfNeeded(uint32(from)); it.HasNext() && uint64(it.PeekNext()) < from+uint64(n); {
		i := int(uint64(it.Next()) - from)
		if last := len(b.spans) - 1; last >= 0 && b.spans[last].to == i {
			b.spans[last].to++
		} else {
			b.spans = append(b.spans, rowSpan{i, i + 1})
		}
		b.Rows++
	}
	if len(b.spans) <= spansMost {
		return
	}
	all := rowSpan{b.spans[0].from, b.spans[len(b.spans)-1].to}
	b.sel = b.sel[:0]
	for _, s := range b.spans {
		for i := s.from; i < s.to; i++ {
			b.sel = append(b.sel, uint16(i-all.from))
		}
	}
	b.spans, b.Rows, b.Selected = append(b.spans[:0], all), all.to-all.from, b.sel
}

// sift selects of the rows that may be wanted those that are.
func (b *Batch) sift() error {
	if b.scan.want.residue != nil {
		if err := b.residue(); err != nil {
			return err
		}
	}
	if out := b.scan.without; out != nil {
		from := uint32(b.block) * blockRows
		if out.IntersectsWithInterval(uint64(from), uint64(from)+blockRows) {
			places := b.inBlock()
			b.keep(func(i int) bool { return !out.Contains(from + uint32(places[i])) })
		}
	}
	if err := b.upToSeq(); err != nil {
		return err
	}
	return b.upToTime()
}

// inBlock is the row in its block of each row of the batch. It is not to be changed.
func (b *Batch) inBlock() []uint16 {
	if len(b.spans) == 1 {
		return rowNumbers[b.spans[0].from:b.spans[0].to]
	}
	if len(b.places) == 0 {
		for _, s := range b.spans {
			for i := s.from; i < s.to; i++ {
				b.places = append(b.places, uint16(i))
			}
		}
	}
	return b.places
}

// keep leaves the rows selected that is accepts.
func (b *Batch) keep(is func(row int) bool) {
	if b.Selected == nil {
		b.sel = b.sel[:0]
		for i := range b.Rows {
			if is(i) {
				b.sel = append(b.sel, uint16(i))
			}
		}
	} else {
		kept := b.sel[:0]
		for _, i := range b.Selected {
			if is(int(i)) {
				kept = append(kept, i)
			}
		}
		b.sel = kept
	}
	b.Selected = b.sel
	if len(b.sel) == b.Rows {
		b.Selected = nil
	} else if b.sel == nil {
		b.Selected = []uint16{}
	}
}

// residue tests what is left of the predicate.
func (b *Batch) residue() error {
	places := b.inBlock()
	rows := places
	if b.Selected != nil {
		rows = make([]uint16, len(b.Selected))
		for i, j := range b.Selected {
			rows[i] = places[j]
		}
	}
	passed, err := b.scan.want.among(b.test, b.block, rows)
	if err != nil || len(passed) == len(rows) {
		return err
	}
	if b.whole && b.Selected == nil { // a row's place in the block is that in the batch
		if b.sel = append(b.sel[:0], passed...); b.sel == nil {
			b.sel = []uint16{}
		}
		b.Selected = b.sel
		return nil
	}
	n := 0
	b.keep(func(int) bool {
		is := len(passed) > 0 && passed[0] == rows[n]
		if n++; is {
			passed = passed[1:]
		}
		return is
	})
	return nil
}

// upToSeq leaves out the rows of later positions.
func (b *Batch) upToSeq() error {
	if b.scan.want.s.info.Last <= b.scan.MaxSeq {
		return nil
	}
	seqs, err := b.ints(colSeq)
	if err != nil {
		return err
	}
	b.keep(func(i int) bool { return uint64(seqs[i]) <= b.scan.MaxSeq })
	return nil
}

// upToTime leaves out the rows of later times.
func (b *Batch) upToTime() error {
	s := b.scan.want.s
	if s.info.MaxTime <= b.scan.MaxTime {
		return nil
	}
	zones, err := s.zonesOf(colTime)
	if err != nil || zones != nil && zones[b.block].max <= b.scan.MaxTime {
		return err
	}
	times, err := b.ints(colTime)
	if err != nil {
		return err
	}
	flags, err := b.ints(colFlags)
	if err != nil {
		return err
	}
	b.keep(func(i int) bool { return times[i] <= b.scan.MaxTime || Kind(flags[i]&kindBits) == Retraction })
	return nil
}
