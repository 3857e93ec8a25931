package segment

import (
	"fmt"
	"math"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
)

// Scan reads chosen rows of a sealed file by blocks. It does not change: any number
// of batches may be read at the same time.
type Scan struct {
	Names   []string // of the columns that a batch has, in its order
	MaxTime int64    // events of later times are left out, but retractions
	MaxSeq  uint64   // those of later positions are left out

	// Without is rows that are left out; nil if there are none.
	Without *roaring.Bitmap

	want    *Selected
	columns [][]int // by column of a batch: those of the file
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

// Within leaves of the selected rows only those that are in rows.
func (c *Selected) Within(rows *roaring.Bitmap) {
	c.sure.And(rows)
	c.maybe.And(rows)
	c.rows.And(rows)
}

// Keys is the rows of the keys of a stream that have these names. O(log keys) for
// each that the filter does not rule out.
func (s *Sealed) Keys(stream uint32, names []string) (*roaring.Bitmap, error) {
	rows := roaring.New()
	for _, name := range names {
		k, ok, err := s.Key(stream, name, Hash(stream, name))
		if err != nil {
			return nil, err
		}
		if ok {
			rows.AddRange(k.Row, k.Row+uint64(k.Rows()))
		}
	}
	return rows, nil
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

// KeyCount is the number of keys of the file; a key's number is less.
func (sc *Scan) KeyCount() int { return int(sc.want.s.info.Keys) }

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
	loaded  *LoadedRows // instead of a scan
	first   int         // of them
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
	if out := b.scan.Without; out != nil {
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

// inBlock is the row in its block of each row of the batch.
func (b *Batch) inBlock() []uint16 {
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

// ints is a column of ints that every row has.
func (b *Batch) ints(col int) ([]int64, error) {
	f := &b.fixed[col]
	if f.done {
		return f.v, nil
	}
	sc := b.scan.want
	f.v = slices.Grow(f.v[:0], b.Rows)[:b.Rows]
	done := 0
	for _, s := range b.spans {
		n := s.to - s.from
		if err := sc.s.columnInts(sc.d, col, b.block, s.from, f.v[done:done+n], nil); err != nil {
			return nil, err
		}
		done += n
	}
	b.count(col)
	f.done = true
	return f.v, nil
}

// count counts the page of a column as decoded.
func (b *Batch) count(col int) {
	d := b.scan.want.d
	if slot := d.slot(&d.tables[rowTable], b.block, col); slot >= 0 {
		b.Read.Pages++
		b.Read.Bytes += int64(d.places[slot].length)
	}
}

// Column is the i-th column: of a field one part for each kind of its values that a
// row has, of the others one. Values of rows that are not selected are there.
func (b *Batch) Column(i int) ([]FieldColumn, error) {
	if b.loaded != nil {
		return b.loadedColumn(i), nil
	}
	c := &b.cols[i]
	if c.done {
		return c.parts, nil
	}
	c.parts = c.parts[:0]
	columns := b.scan.columns[i]
	c.all = slices.Grow(c.all[:0], len(columns))[:len(columns)]
	for j, col := range columns {
		f := &c.all[j]
		if err := b.decode(i, col, f); err != nil {
			return nil, err
		}
		if f.n == 0 {
			continue
		}
		if f.n < b.Rows {
			f.sparse()
		}
		c.parts = append(c.parts, *f)
		if f.n == b.Rows {
			c.parts[len(c.parts)-1].Rows = nil
		}
	}
	c.done = true
	return c.parts, nil
}

// decode decodes one column of the file.
func (b *Batch) decode(i, col int, f *FieldColumn) error {
	name := b.scan.Names[i]
	switch {
	case col < 0 || col == colSeq || col == colTime || col == colVersion:
		return b.decodeInts(name, col, f)
	case col < firstField:
		kind := StringValue
		if col == colRef {
			kind = Int64Value
		}
		f.reset(name, kind, col)
	default:
		f.reset(name, b.scan.want.d.fields[col-firstField].kind, col)
	}
	b.count(col)
	if words, err := b.decodeWords(col, f); words || err != nil {
		return err
	}
	done := 0
	for _, s := range b.spans {
		if err := b.scan.want.s.someField(b.scan.want.d, b.block, s.from, s.to, done, &b.scratch, f); err != nil {
			return err
		}
		done += s.to - s.from
	}
	return nil
}

// decodeWords decodes a column of texts that every row has, if its page has a
// dictionary: that once, and codes for each span.
func (b *Batch) decodeWords(col int, f *FieldColumn) (bool, error) {
	p, err := b.scan.want.s.may(b.scan.want.d, b.block, col)
	if p == nil || err != nil || p.kind != textPages || p.sparse != nil || p.texts.encoding != textDictionary {
		return false, err
	}
	f.Texts.Dict = p.words(f.Texts.Dict)
	f.Texts.Codes = slices.Grow(f.Texts.Codes, b.Rows)[:b.Rows]
	for _, s := range b.spans {
		p.texts.decodeCodes(f.Texts.Codes[f.n:f.n+s.to-s.from], s.from)
		f.n += s.to - s.from
	}
	return true, nil
}

// decodeInts decodes a column of ints that every row has.
func (b *Batch) decodeInts(name string, col int, f *FieldColumn) error {
	kind, from := Int64Value, col
	switch col {
	case colTime:
		kind = TimeValue
	case virtualRecorded:
		kind, from = TimeValue, colSeq
	case virtualKind:
		from = colFlags
	}
	f.reset(name, kind, col)
	v, err := b.ints(from)
	if err != nil {
		return err
	}
	f.n = b.Rows
	switch col {
	case virtualRecorded:
		f.Ints = slices.Grow(f.Ints, b.Rows)[:b.Rows]
		r := recorder{s: b.scan.want.s, d: b.scan.want.d}
		return r.all(v, f.Ints)
	case virtualKind:
		for _, flags := range v {
			f.Ints = append(f.Ints, int64(shown(flags)))
		}
	default:
		f.Ints = append(f.Ints, v...)
	}
	return nil
}

// PageStats is what is known of the values of one kind of a column in a batch,
// without decoding them.
type PageStats struct {
	Kind  ValueKind
	Count int // of values
	NaNs  int // of them, of which Min and Max say nothing

	// Min is no greater and Max no less than any value; of ints and floats they
	// occur. Of texts they are at most 16 bytes of one that does: if Cut, the
	// greatest one may go on behind Max.
	Min, Max Value
	Cut      bool

	Sum    int64 // of ints, if HasSum
	HasSum bool
}

// stats is z, of values of a kind.
func (z *zone) stats(kind ValueKind) PageStats {
	st := PageStats{Kind: kind, Count: int(z.count), NaNs: int(z.nans), Min: Value{kind: kind}, Max: Value{kind: kind}}
	switch pagesOf(kind) {
	case intPages:
		st.Min.bits, st.Max.bits = uint64(z.min), uint64(z.max)
		st.Sum, st.HasSum = z.sum, !z.overflow
	case floatPages:
		st.Min.bits, st.Max.bits = math.Float64bits(z.fmin), math.Float64bits(z.fmax)
	default:
		st.Min.text, st.Max.text, st.Cut = z.tmin, z.tmax, len(z.tmax) == zonePrefix
	}
	return st
}

// Stats is what is known of the i-th column, one entry for each kind that a row has,
// nulls left out; ok is false where nothing is. Where rows are not selected it is of
// more than these, so that only the bounds are of use.
func (b *Batch) Stats(i int) (all []PageStats, ok bool, err error) {
	if b.loaded != nil {
		return nil, false, nil
	}
	s, d := b.scan.want.s, b.scan.want.d
	for _, col := range b.scan.columns[i] {
		if col < 0 {
			return nil, false, nil
		}
		zones, err := s.zonesOf(col)
		if err != nil {
			return nil, false, err
		}
		if zones == nil || zones[b.block].count == 0 {
			continue
		}
		kind := StringValue
		switch {
		case col >= firstField:
			kind = d.fields[col-firstField].kind
		case col == colTime:
			kind = TimeValue
		case d.tables[rowTable].kinds[col] == intPages:
			kind = Int64Value
		}
		all = append(all, zones[b.block].stats(kind))
	}
	return all, true, nil
}

// Whole reports whether the rows selected are all of a page, so that its statistics
// are exactly theirs.
func (b *Batch) Whole() bool { return b.whole && b.Selected == nil }

// KeyRun is that the rows from Row on, up to the next run, are of one key.
type KeyRun struct {
	Row int
	Key int // its number, of those in the file
}

// Keys says which keys the rows have. In a sealed file each key has one run in a
// batch, and numbers rise with names.
func (b *Batch) Keys() ([]KeyRun, error) {
	if b.loaded != nil {
		return b.loadedKeys(), nil
	}
	if len(b.keys) > 0 {
		return b.keys, nil
	}
	done := 0
	for _, s := range b.spans {
		if err := b.spanKeys(s, done); err != nil {
			return nil, err
		}
		done += s.to - s.from
	}
	return b.keys, nil
}

// spanKeys adds the keys of a span, whose rows are those from done on.
func (b *Batch) spanKeys(span rowSpan, done int) error {
	s, d := b.scan.want.s, b.scan.want.d
	t := &d.tables[keysTable]
	first := uint64(b.block) * blockRows
	row, end := first+uint64(span.from), first+uint64(span.to)
	kb, ki, err := s.ownerOf(d, row)
	if err != nil {
		return err
	}
	var space [64]int64
	for start := row; kb < t.len(); kb, ki = kb+1, 0 {
		p, err := s.must(d, keysTable, kb, keyRow)
		if err != nil {
			return err
		}
		for n := t.blockLen(kb); ki < n; {
			v := space[:min(len(space), n-ki)]
			p.slice(v, ki)
			for j, x := range v {
				at := max(uint64(x), start)
				if at >= end {
					return nil
				}
				key := int(t.blocks[kb].row) + ki + j
				if last := len(b.keys) - 1; last < 0 || b.keys[last].Key != key {
					b.keys = append(b.keys, KeyRun{Row: done + int(at-row), Key: key})
				}
			}
			ki += len(v)
		}
	}
	return nil
}

// KeyName is the name of a key by its number in the file. It is valid for ever.
func (b *Batch) KeyName(key int) (string, error) {
	if b.loaded != nil {
		return b.loaded.keys[key], nil
	}
	return b.scan.KeyName(key)
}

// KeyName is the name of a key by its number in the file. It is valid for ever.
func (sc *Scan) KeyName(key int) (string, error) {
	s, d := sc.want.s, sc.want.d
	t := &d.tables[keysTable]
	if key < 0 || uint64(key) >= t.rows {
		return "", fmt.Errorf("read key %d of %s: it has %d keys", key, s.Path, t.rows)
	}
	b, _ := slices.BinarySearchFunc(t.blocks, uint64(key), func(k block, key uint64) int {
		if k.row <= key {
			return -1
		}
		return 1
	})
	return s.keyName(d, b-1, key-int(t.blocks[b-1].row))
}
