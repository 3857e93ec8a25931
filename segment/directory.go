package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"sync/atomic"
	"unsafe"
)

// The tables of a sealed file.
const (
	rowTable = iota
	keysTable
	batchTable
	clockTable
	idTable
	stateTable
	postingTable
	keyFilter // its rows are blocks of 64 bytes
	idFilter
	lateFilter
	tableCount
)

// sideColumn is a column of a table other than that of rows.
type sideColumn struct {
	name string
	kind pageKind
}

// sideTables are the tables other than that of rows. A table's blocks are found
// by the first row in each of them: its value in the first column of ints named
// here as fence, and in the column of texts.
var sideTables = [tableCount]struct {
	name    string
	columns []sideColumn
	fence   int // column of ints, -1 for none
	text    int // column of texts, -1 for none
}{
	rowTable: {name: "rows", fence: -1, text: -1},
	keysTable: {"keys", []sideColumn{
		{"stream", intPages}, {"name", textPages}, {"row", intPages}, {"changes", intPages},
		{"beats", intPages}, {"retractions", intPages}, {"last", intPages}, {"base", intPages}}, keyRow, keyName},
	batchTable:   {"batches", []sideColumn{{"first", intPages}, {"recorded", intPages}}, 0, -1},
	clockTable:   {"clock", []sideColumn{{"seq", intPages}, {"time", intPages}}, 0, -1},
	idTable:      {"ids", []sideColumn{{"hash", intPages}, {"row", intPages}}, 0, -1},
	stateTable:   {"states", []sideColumn{{"row", intPages}, {"content", textPages}}, 0, -1},
	postingTable: {"postings", []sideColumn{{"column", intPages}, {"value", textPages}, {"bitmap", textPages}}, 0, 1},
	keyFilter:    {"key filter", []sideColumn{{"blocks", rawPages}}, -1, -1},
	idFilter:     {"id filter", []sideColumn{{"blocks", rawPages}}, -1, -1},
	lateFilter:   {"late filter", []sideColumn{{"blocks", rawPages}}, -1, -1},
}

// The columns of the table of keys.
const (
	keyStream = iota
	keyName
	keyRow
	keyChanges
	keyBeats
	keyRetractions
	keyLast
	keyBase
)

// names of the columns that every row has.
var rowColumns = [firstField]sideColumn{
	{"seq", intPages}, {"time", intPages}, {"version", intPages}, {"flags", intPages},
	{"shape", intPages}, {"type", textPages}, {"id", textPages}, {"ref", intPages},
}

// pagePlace is where a page stands. No page has no bytes.
type pagePlace struct {
	offset int64
	length uint32 // with its checksum
}

// directory says where each page is, and holds what was loaded of them. It is
// made when the file is read first, at a cost that grows with the number of pages,
// and stays until the file is closed.
type directory struct {
	tables [tableCount]table
	fields []column
	shapes [][]int // columns of the table of rows
	clock  clock

	// A page is known by its slot: its place, its column, and itself, if loaded.
	places    []pagePlace
	columns   []uint32
	pageKinds []pageKind
	pages     []atomic.Pointer[page]
	rowPages  int   // slots of the table of rows, which come first
	zones     []int // slot of the zones of a column, -1 for none

	keyBlocks []int // first block of each stream in the table of keys, and the end
	size      int64
}

// table is the blocks of a table.
type table struct {
	rows   uint64
	kinds  []pageKind // of its columns
	blocks []block    // and one more, where the next one would begin
	ints   []int64    // fences
	texts  []string
}

// block is the pages of a block: those of the columns in mask, from slot on. In
// a table of more than 64 columns mask says nothing, and pages are searched.
type block struct {
	row  uint64 // its first
	mask uint64
	slot uint32
}

// kindOf says what the page of a slot holds.
func (d *directory) kindOf(slot int) pageKind { return d.pageKinds[slot] }

// slot is that of the page of a column in a block, -1 if there is none.
func (d *directory) slot(t *table, b, col int) int {
	k := &t.blocks[b]
	if len(t.kinds) <= 64 {
		if k.mask>>col&1 == 0 {
			return -1
		}
		return int(k.slot) + bits.OnesCount64(k.mask&(1<<col-1))
	}
	list := d.columns[k.slot:t.blocks[b+1].slot]
	if i, ok := slices.BinarySearch(list, uint32(col)); ok {
		return int(k.slot) + i
	}
	return -1
}

// blockLen is the number of rows of block b.
func (t *table) blockLen(b int) int { return int(t.blocks[b+1].row - t.blocks[b].row) }

// len is the number of blocks.
func (t *table) len() int { return len(t.blocks) - 1 }

// lastFence is the last block whose fence is at most v, -1 if there is none.
func (t *table) lastFence(v int64) int {
	i, found := slices.BinarySearch(t.ints, v)
	if !found {
		return i - 1
	}
	for i+1 < len(t.ints) && t.ints[i+1] == v {
		i++
	}
	return i
}

// directoryWriter collects the directory while pages are written.
type directoryWriter struct {
	tables [tableCount]struct {
		rows   uint64
		blocks int
		bytes  []byte
		end    int64 // of the last page
	}
}

// begin starts a block of n rows. The first row's fences stand in tables other
// than that of rows.
func (w *directoryWriter) begin(table, n, pages int, fence int64, text string) {
	t := &w.tables[table]
	t.rows += uint64(n)
	t.blocks++
	if table != rowTable {
		t.bytes = binary.AppendUvarint(t.bytes, uint64(n))
		t.bytes = binary.AppendVarint(t.bytes, fence)
		t.bytes = appendText(t.bytes, text)
	}
	t.bytes = binary.AppendUvarint(t.bytes, uint64(pages))
}

// page adds a page of the block; skip is the number of columns since the one before.
func (w *directoryWriter) page(table, skip int, p pagePlace) {
	t := &w.tables[table]
	t.bytes = binary.AppendUvarint(t.bytes, uint64(skip))
	t.bytes = binary.AppendVarint(t.bytes, p.offset-t.end)
	t.bytes = binary.AppendUvarint(t.bytes, uint64(p.length))
	t.end = p.offset + int64(p.length)
}

// append appends the directory: fields, shapes, tables, and where the zones of
// each column are.
func (w *directoryWriter) append(dst []byte, fields []column, shapes [][]int, zones []pagePlace) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(fields)))
	for _, f := range fields {
		dst = append(appendText(dst, f.name), byte(f.kind))
	}
	dst = binary.AppendUvarint(dst, uint64(len(shapes)))
	for _, s := range shapes {
		dst = binary.AppendUvarint(dst, uint64(len(s)))
		for _, c := range s {
			dst = binary.AppendUvarint(dst, uint64(c-firstField))
		}
	}
	for i := range w.tables {
		t := &w.tables[i]
		dst = binary.AppendUvarint(dst, t.rows)
		dst = binary.AppendUvarint(dst, uint64(t.blocks))
		dst = append(dst, t.bytes...)
	}
	for _, z := range zones {
		dst = binary.AppendUvarint(dst, uint64(z.offset))
		dst = binary.AppendUvarint(dst, uint64(z.length))
	}
	return dst
}

var errDirectory = errors.New("directory is malformed")

// parseDirectory reads what append appended. Memory is a small multiple of the
// length of b: every count is checked against what is left to read.
func parseDirectory(b []byte, size int64) (*directory, error) {
	p := directoryParser{Decoder: Decoder{all: viewString(b)}, directory: &directory{}, file: size}
	p.readFields()
	p.readShapes()
	for i := range p.tables {
		if err := p.readTable(i); err != nil {
			return nil, err
		}
		if i == rowTable {
			p.rowPages = len(p.places)
		}
	}
	p.readZones()
	if p.bad || p.Rest() != "" {
		return nil, errDirectory
	}
	d := p.directory
	d.pages = make([]atomic.Pointer[page], len(d.places))
	d.size = int64(len(d.places))*(int64(unsafe.Sizeof(pagePlace{}))+12) + int64(len(b))
	for i := range d.tables {
		d.size += int64(len(d.tables[i].blocks)) * int64(unsafe.Sizeof(block{})+24)
	}
	return d, nil
}

type directoryParser struct {
	Decoder
	*directory
	file int64 // bytes
}

// count reads a number of things that take at least a byte each.
func (p *directoryParser) count() int {
	n := p.Uvarint()
	if n > uint64(len(p.Rest())) {
		p.fail()
		return 0
	}
	return int(n)
}

func (p *directoryParser) readFields() {
	n := p.count()
	p.fields = make([]column, 0, n)
	for range n {
		c := column{name: p.Text(), kind: ValueKind(p.Byte())}
		if c.kind >= invalidValue {
			p.fail()
		}
		p.fields = append(p.fields, c)
	}
	for _, c := range rowColumns {
		p.tables[rowTable].kinds = append(p.tables[rowTable].kinds, c.kind)
	}
	for _, f := range p.fields {
		p.tables[rowTable].kinds = append(p.tables[rowTable].kinds, pagesOf(f.kind))
	}
}

func (p *directoryParser) readShapes() {
	p.shapes = make([][]int, p.count())
	for i := range p.shapes {
		s := make([]int, min(p.count(), MaxFields))
		for j := range s {
			c := p.Uvarint()
			if c >= uint64(len(p.fields)) {
				p.fail()
				return
			}
			s[j] = firstField + int(c)
		}
		p.shapes[i] = s
	}
}

func (p *directoryParser) readTable(i int) error {
	t := &p.tables[i]
	for _, c := range sideTables[i].columns {
		t.kinds = append(t.kinds, c.kind)
	}
	t.rows = p.Uvarint()
	n := p.count()
	t.blocks = make([]block, 0, n+1)
	var row uint64
	var end int64
	for b := range n {
		rows := min(blockRows, t.rows-row)
		if i != rowTable {
			rows = p.Uvarint()
			t.ints = append(t.ints, p.Varint())
			t.texts = append(t.texts, p.Text())
		}
		k := block{row: row, slot: uint32(len(p.places))}
		end = p.readPages(t, &k, end)
		if p.bad || rows == 0 || rows > blockRows {
			return fmt.Errorf("%w: block %d of table %s", errDirectory, b, sideTables[i].name)
		}
		t.blocks = append(t.blocks, k)
		row += rows
	}
	t.blocks = append(t.blocks, block{row: row, slot: uint32(len(p.places))})
	if row != t.rows || row > maxSealedRows {
		return fmt.Errorf("%w: table %s has %d rows in its blocks and %d in all", errDirectory, sideTables[i].name, row, t.rows)
	}
	return p.checkTable(i)
}

// readPages reads the pages of a block, the first of which is placed from end on.
func (p *directoryParser) readPages(t *table, k *block, end int64) int64 {
	col := -1
	for range p.count() {
		skip := p.Uvarint()
		at := pagePlace{offset: end + p.Varint(), length: uint32(p.Uvarint())}
		if skip >= uint64(len(t.kinds)-1-col) || !p.inside(at) {
			p.fail()
			return end
		}
		col += 1 + int(skip)
		switch t.kinds[col] {
		case noPages:
			p.fail()
		case intPages, floatPages:
			p.bad = p.bad || at.length > mostNumbers
		}
		k.mask |= 1 << (col & 63)
		p.places = append(p.places, at)
		p.columns = append(p.columns, uint32(col))
		p.pageKinds = append(p.pageKinds, t.kinds[col])
		end = at.offset + int64(at.length)
	}
	return end
}

// mostNumbers is more bytes than a page of numbers has: as they are they take a
// quarter of it, and no way to store them is chosen that takes much more. Many
// blocks may name one page, and what it costs to read is paid for each.
const mostNumbers = 32 * blockRows

func (p *directoryParser) inside(at pagePlace) bool {
	return at.length > pageHead && at.offset >= sealedHeadSize && at.offset <= p.file-int64(at.length)
}

// checkTable sees to it that blocks have the pages that are relied on and that
// fences rise.
func (p *directoryParser) checkTable(i int) error {
	t := &p.tables[i]
	need := uint64(1)<<len(sideTables[i].columns) - 1
	if i == rowTable {
		need = 1<<colID - 1
	}
	for b := range t.len() {
		for col := range bits.Len64(need) {
			if p.slot(t, b, col) < 0 {
				return fmt.Errorf("%w: block %d of table %s has no column %d", errDirectory, b, sideTables[i].name, col)
			}
		}
		if b > 0 && i != rowTable && t.ints[b] < t.ints[b-1] {
			return fmt.Errorf("%w: blocks of table %s do not rise", errDirectory, sideTables[i].name)
		}
	}
	return nil
}

func (p *directoryParser) readZones() {
	p.zones = make([]int, len(p.tables[rowTable].kinds))
	for i := range p.zones {
		p.zones[i] = -1
		at := pagePlace{offset: int64(p.Uvarint()), length: uint32(p.Uvarint())}
		if at.length == 0 {
			continue
		}
		if !p.inside(at) {
			p.fail()
			return
		}
		p.zones[i] = len(p.places)
		p.places = append(p.places, at)
		p.columns = append(p.columns, uint32(i))
		p.pageKinds = append(p.pageKinds, zonePages)
	}
}

// findStreams notes where the keys of each stream begin.
func (d *directory) findStreams(streams []SealedStream) error {
	t := &d.tables[keysTable]
	var keys uint64
	b := 0
	for i := range streams {
		if b > t.len() || t.blocks[b].row != keys {
			return fmt.Errorf("%w: keys of stream %d do not begin with a block", errDirectory, streams[i].Def.Number)
		}
		d.keyBlocks = append(d.keyBlocks, b)
		keys += streams[i].Keys
		for b < t.len() && t.blocks[b].row < keys {
			b++
		}
	}
	d.keyBlocks = append(d.keyBlocks, b)
	if keys != t.rows || t.blocks[b].row != keys {
		return fmt.Errorf("%w: %d keys in the streams, %d in the table", errDirectory, keys, t.rows)
	}
	return nil
}
