package segment

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
)

// writeSize is how much is collected before it is written.
const writeSize = 1 << 20

// keyEntry is a key as the writer is told of it.
type keyEntry struct {
	stream                      uint32
	name                        string
	row                         uint64 // its first row
	changes, beats, retractions int
	last, base                  uint64
}

func (k *keyEntry) end() uint64 {
	return k.row + uint64(k.changes) + uint64(k.beats) + uint64(k.retractions)
}

// sealedWriter writes a sealed file, front to back. Its methods are called by
// one goroutine; what cannot be said at once as an error is said by the next
// block or by finish. Memory is that of a block, of a page of each small table,
// of statistics and places of pages, and four bytes a key and eight an ID.
type sealedWriter struct {
	fs        FS
	dir       string
	path      string
	file      File
	err       error        // the first one; nothing is written after it
	pause     func() error // called between columns, unless it is nil
	salt      uint32
	at        int64 // where buf begins in the file
	info      SealedInfo
	directory directoryWriter
	clock     clock
	fields    []column
	fieldOf   map[column]int
	shapes    [][]int
	shapeOf   map[string]int
	rows      uint64 // in blocks so far
	announced uint64 // rows of all keys so far
	stream    int    // index of that of the key announced last
	batch     uint64 // first position of the batch added last
	writerMemory
}

// writerMemory is the part of a sealedWriter that the next one can use again.
type writerMemory struct {
	buf        []byte // not written yet
	scratch    []byte
	zones      [][]byte // by column, of the pages so far
	sides      [tableCount]sideTable
	keys       []uint32 // upper halves of their hashes
	late       []uint32 // of those that have a late event
	ids        []uint64 // the same of IDs, and the row
	pending    []keyRun // keys with rows in blocks to come
	ints, more []int64  // versions; times against the clock
}

// keyRun is what of a key is needed to write its rows.
type keyRun struct {
	row, end, base uint64
	stream         int // index
	number         uint32
	hash           uint32 // upper half
}

// create begins the file. w is empty but for its memory.
func (w *sealedWriter) create(fs FS, dir string, h SealedHead) (err error) {
	if err := h.check(); err != nil {
		return fmt.Errorf("create sealed file: %w", err)
	}
	w.fs, w.dir, w.path = fs, dir, filepath.Join(dir, SealedName(h.First, h.Last))
	w.fieldOf, w.shapeOf = map[column]int{}, map[string]int{}
	for range firstField {
		w.zones = more(w.zones)
	}
	var salt [4]byte
	rand.Read(salt[:])
	w.salt = binary.LittleEndian.Uint32(salt[:])
	w.info = SealedInfo{First: h.First, Last: h.Last, Rows: h.Last - h.First + 1, Streams: make([]SealedStream, len(h.Defs))}
	for i, d := range h.Defs {
		w.info.Streams[i].Def, w.info.Streams[i].Settled = d, math.MinInt64
	}
	if w.buf == nil {
		w.buf = make([]byte, 0, writeSize+writeSize/4)
	}
	for i := range w.sides {
		w.sides[i].init(i)
	}
	if w.file, err = fs.Create(w.tmp()); err != nil {
		return fmt.Errorf("create sealed file: %w", err)
	}
	w.buf = appendSealedHeader(w.buf, w.salt, &h)
	return nil
}

// reset empties w and keeps its memory.
func (w *sealedWriter) reset() {
	m := w.writerMemory
	m.buf, m.keys, m.late, m.ids, m.pending = m.buf[:0], m.keys[:0], m.late[:0], m.ids[:0], m.pending[:0]
	if cap(m.buf) > 4*writeSize { // a page was unlike others
		m.buf = nil
	}
	for i := range m.zones {
		m.zones[i] = m.zones[i][:0]
	}
	m.zones = m.zones[:0]
	for i := range m.sides {
		m.sides[i].reset()
	}
	*w = sealedWriter{writerMemory: m}
}

func (h *SealedHead) check() error {
	if h.First == 0 || h.Last < h.First || h.Last-h.First >= maxSealedRows || h.Last > 1<<62 {
		return fmt.Errorf("%w: positions %d to %d", ErrInvalid, h.First, h.Last)
	}
	for i := range h.Defs {
		if i > 0 && h.Defs[i].Number <= h.Defs[i-1].Number {
			return fmt.Errorf("%w: definitions of streams are not in order", ErrInvalid)
		}
	}
	return nil
}

func (w *sealedWriter) tmp() string { return w.path + ".tmp" }

// fault keeps the first error.
func (w *sealedWriter) fault(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("write sealed file %s: "+format, append([]any{w.path}, args...)...)
	}
}

// batches adds committed batches: the first position of each one that lies in
// this file, and when it was recorded. They come in order, all before finish.
func (w *sealedWriter) batches(first []uint64, recorded []int64) {
	t := &w.sides[batchTable]
	for i := range first {
		if w.info.Batches == 0 {
			w.info.FirstRecorded = recorded[i]
		}
		if w.info.Batches == 0 && first[i] != w.info.First || w.info.Batches > 0 && first[i] <= w.batch || first[i] > w.info.Last {
			w.fault("a batch at position %d behind one at %d", first[i], w.batch)
			return
		}
		w.batch = first[i]
		w.info.LastRecorded = recorded[i]
		w.info.Batches++
		t.ints[0] = append(t.ints[0], int64(first[i]))
		t.ints[1] = append(t.ints[1], recorded[i])
		w.grown(batchTable, 0)
	}
}

// knots gives the clock, all of it before the first block, rising in seq.
func (w *sealedWriter) knots(seq []uint64, time []int64) {
	w.clock = newClock(seq, time)
	t := &w.sides[clockTable]
	for i := range seq {
		if i > 0 && seq[i] <= seq[i-1] {
			w.fault("knots of the clock do not rise at position %d", seq[i])
			return
		}
		t.ints[0] = append(t.ints[0], int64(seq[i]))
		t.ints[1] = append(t.ints[1], time[i])
		w.grown(clockTable, 0)
	}
}

// settle says from which time on most events of a stream are, before the first
// block. Which keys have earlier ones is kept in a filter.
func (w *sealedWriter) settle(number uint32, time int64) {
	for i := range w.info.Streams {
		if s := &w.info.Streams[i]; s.Def.Number == number {
			s.Settled = time
		}
	}
}

// field is the number of c, which is made if new.
func (w *sealedWriter) field(c column) int {
	n, ok := w.fieldOf[c]
	if !ok {
		n = firstField + len(w.fields)
		c.name = string([]byte(c.name))
		w.fields = append(w.fields, c)
		w.fieldOf[c] = n
		w.zones = more(w.zones)
	}
	return n
}

// shape is the number of the shape of those fields, which is made if new. cols
// is copied.
func (w *sealedWriter) shape(cols []int) int {
	w.scratch = w.scratch[:0]
	for _, c := range cols {
		w.scratch = binary.AppendUvarint(w.scratch, uint64(c))
	}
	n, ok := w.shapeOf[string(w.scratch)]
	if !ok {
		n = len(w.shapes)
		w.shapes = append(w.shapes, slices.Clone(cols))
		w.shapeOf[string(w.scratch)] = n
	}
	return n
}

// key announces a key, before the block in which its rows begin and in order. Its
// name is kept.
func (w *sealedWriter) key(k *keyEntry) {
	stream, ok := w.streamOf(k.stream)
	end := k.end()
	if !ok || k.row != w.announced || end == k.row {
		w.fault("key %q of stream %d has rows %d to %d where row %d is next", k.name, k.stream, k.row, end, w.announced)
		return
	}
	s := &w.info.Streams[stream]
	if s.Keys > 0 && k.name <= s.LastKey || stream < w.stream {
		w.fault("key %q of stream %d comes behind %q", k.name, k.stream, s.LastKey)
		return
	}
	if s.Keys == 0 {
		w.flushTable(keysTable) // the names of a block are of one stream and rise
		s.FirstKey = k.name
	}
	w.stream = stream
	s.LastKey = k.name
	s.Keys++
	s.Rows += end - k.row
	w.info.Keys++
	w.announced = end
	hash := uint32(Hash(k.stream, k.name) >> 32)
	w.keys = append(w.keys, hash)
	w.pending = append(w.pending, keyRun{row: k.row, end: end, base: k.base, stream: stream, number: k.stream, hash: hash})
	w.addKey(k)
}

// streamOf is the index of a stream, which mostly is that of the key before.
func (w *sealedWriter) streamOf(number uint32) (index int, ok bool) {
	if w.stream < len(w.info.Streams) && w.info.Streams[w.stream].Def.Number == number {
		return w.stream, true
	}
	return slices.BinarySearchFunc(w.info.Streams, number, func(s SealedStream, n uint32) int {
		return cmp.Compare(s.Def.Number, n)
	})
}

func (w *sealedWriter) addKey(k *keyEntry) {
	t := &w.sides[keysTable]
	for col, v := range [...]int64{keyStream: int64(k.stream), keyRow: int64(k.row), keyChanges: int64(k.changes), keyBeats: int64(k.beats),
		keyRetractions: int64(k.retractions), keyLast: int64(k.last), keyBase: int64(k.base)} {
		if col != keyName {
			t.ints[col] = append(t.ints[col], v)
		}
	}
	t.addText(keyName, k.name)
	w.grown(keysTable, len(k.name))
}

// state adds a fold checkpoint in front of row; rows rise.
func (w *sealedWriter) state(row uint64, content string) {
	t := &w.sides[stateTable]
	t.ints[0] = append(t.ints[0], int64(row))
	t.addText(1, string([]byte(content)))
	w.grown(stateTable, len(content))
}

// posting adds the bitmap of the rows whose column col has value (the text
// itself). They come in rising order of (col, value).
func (w *sealedWriter) posting(col int, value string, bitmap []byte) {
	t := &w.sides[postingTable]
	t.ints[0] = append(t.ints[0], int64(col))
	t.addText(1, string([]byte(value)))
	t.addText(2, string(bitmap))
	w.grown(postingTable, len(value)+len(bitmap))
}

// finish completes the file, makes it durable under its name and closes it.
// What fails leaves no file.
func (w *sealedWriter) finish() (size int64, err error) {
	if w.err == nil {
		w.complete()
	}
	if w.err == nil && w.flush() {
		w.commit()
	}
	if w.err != nil {
		w.abort()
		return 0, w.err
	}
	return w.at, nil
}

// commit syncs, renames and makes the name durable.
func (w *sealedWriter) commit() {
	if err := w.file.Sync(); err != nil {
		w.fault("sync: %w", err)
		return
	}
	err := w.file.Close()
	w.file = nil
	if err == nil {
		err = w.fs.Rename(w.tmp(), w.path)
	}
	if err == nil {
		err = w.fs.SyncDir(w.dir)
	}
	if err != nil {
		w.fault("rename: %w", err)
		w.fs.Remove(w.tmp())
	}
}

// abort removes what was written so far. After finish it does nothing.
func (w *sealedWriter) abort() {
	if w.file != nil {
		w.file.Close()
		w.file = nil
		w.fs.Remove(w.tmp())
	}
	if w.err == nil {
		w.err = errors.New("the sealed file was given up")
	}
}

// flush writes what was collected.
func (w *sealedWriter) flush() bool {
	if w.err != nil {
		return false
	}
	if _, err := w.file.WriteAt(w.buf, w.at); err != nil {
		w.fault("offset %d: %w", w.at, err)
		return false
	}
	w.at += int64(len(w.buf))
	w.buf = w.buf[:0]
	return true
}

// begin starts a page at the end of what was collected.
func (w *sealedWriter) begin() (start int) {
	if len(w.buf) >= writeSize {
		w.flush()
	}
	start = len(w.buf)
	w.buf = append(w.buf, 0, 0, 0, 0)
	return start
}

// end completes the page that begins at start.
func (w *sealedWriter) end(start int) pagePlace {
	payload := w.buf[start+pageHead:]
	p := pagePlace{offset: w.at + int64(start), length: uint32(len(w.buf) - start)}
	if len(payload) > maxPage {
		w.fault("a page of %d bytes, at most %d are stored", len(payload), maxPage)
	}
	binary.LittleEndian.PutUint32(w.buf[start:], pageSum(w.salt, p.offset, payload))
	return p
}
