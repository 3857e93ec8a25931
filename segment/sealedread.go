package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
)

// Sealed is a sealed file opened for reading. All its methods may be called at
// the same time; after Close they fail.
type Sealed struct {
	Path  string
	cache *Cache
	file  File
	salt  uint32
	info  SealedInfo
	end   trailer

	directory atomic.Pointer[directory]
	loading   sync.Mutex // of the directory

	// mu keeps the file open while it is read.
	mu     sync.RWMutex
	closed bool
}

// OpenSealed opens a sealed file whose pages go through c. It reads header,
// trailer and summary, at a cost that depends on the number of streams and not on
// that of rows.
func OpenSealed(fs FS, path string, c *Cache) (*Sealed, error) {
	f, err := fs.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open sealed file: %w", err)
	}
	s := &Sealed{Path: path, cache: c, file: f}
	if err := s.open(); err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

func (s *Sealed) open() error {
	size, err := s.file.Size()
	if err != nil {
		return err
	}
	first, last, ok := ParseSealedName(filepath.Base(s.Path))
	if !ok {
		return fmt.Errorf("open sealed file %s: its name is not that of one: a copy keeps the name FIRST-LAST.seg, of twenty digits each", s.Path)
	}
	s.info.First, s.info.Last, s.info.Bytes = first, last, size
	if size < sealedHeadSize+trailerSize {
		return s.corrupt(0, fmt.Sprintf("the file has %d bytes, header and trailer have %d", size, sealedHeadSize+trailerSize))
	}
	if err := s.readHeader(); err != nil {
		return err
	}
	return s.readSummary(size)
}

func (s *Sealed) readHeader() error {
	var b [sealedHeadSize]byte
	if err := s.read(b[:], 0); err != nil {
		return err
	}
	if string(b[:8]) != sealedMagic {
		return s.corrupt(0, "not a sealed file of annals")
	}
	if crc32.Checksum(b[:60], castagnoli) != binary.LittleEndian.Uint32(b[60:]) {
		return s.corrupt(0, "checksum of the header does not match")
	}
	if b[8] != sealedVersion {
		return fmt.Errorf("open sealed file %s: format version %d is not known to this program, which reads version %d", s.Path, b[8], sealedVersion)
	}
	s.salt = binary.LittleEndian.Uint32(b[12:])
	first, last := binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:])
	if first != s.info.First || last != s.info.Last {
		return s.corrupt(0, fmt.Sprintf("the header says positions %d to %d, the name others", first, last))
	}
	if first == 0 || last < first || last > 1<<62 {
		return s.corrupt(0, "positions are impossible")
	}
	s.info.Database = [16]byte(b[32:48])
	s.info.Created = int64(binary.LittleEndian.Uint64(b[48:]))
	return nil
}

// readSummary reads trailer and summary.
func (s *Sealed) readSummary(size int64) error {
	tail := make([]byte, min(size, summaryGuess))
	at := size - int64(len(tail))
	if err := s.read(tail, at); err != nil {
		return err
	}
	var ok bool
	if s.end, ok = parseTrailer(tail, s.salt, size); !ok {
		return s.corrupt(size-trailerSize, "the trailer is not whole")
	}
	p := s.end.summary
	var b []byte
	if p.offset >= at {
		b = tail[p.offset-at:][:p.length]
		if binary.LittleEndian.Uint32(b) != pageSum(s.salt, p.offset, b[pageHead:]) {
			return s.corrupt(p.offset, "checksum of the summary does not match")
		}
		b = b[pageHead:]
	} else {
		var err error
		if b, err = s.readPage(p, 0); err != nil {
			return err
		}
	}
	if err := parseInfo(b[1:], &s.info); err != nil {
		return s.corrupt(p.offset, err.Error())
	}
	return nil
}

// Info is the file's summary. It is shared: not to be changed.
func (s *Sealed) Info() *SealedInfo { return &s.info }

// Close closes the file once nobody reads from it, and drops its pages. Rows and
// texts handed out stay valid.
func (s *Sealed) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if d := s.directory.Load(); d != nil {
		s.cache.drop(d.pages)
		s.cache.pin(-d.size)
	}
	return s.file.Close()
}

// corrupt is an error about bytes of the file.
func (s *Sealed) corrupt(offset int64, cause string) error {
	return &CorruptError{File: s.Path, Offset: offset, First: s.info.First, Last: s.info.Last, Cause: cause}
}

// read fills b from the bytes at offset.
func (s *Sealed) read(b []byte, offset int64) error {
	n, err := s.file.ReadAt(b, offset)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return s.corrupt(offset, "the file has become shorter")
	}
	return fmt.Errorf("read sealed file %s at offset %d: %w", s.Path, offset, err)
}

// readPage reads the payload of a page and checks it. The payload begins lead
// bytes into the memory it has.
func (s *Sealed) readPage(p pagePlace, lead int) ([]byte, error) {
	return s.readPageInto(make([]byte, lead+int(p.length))[lead:], p)
}

// readPageInto is readPage into b, which has the length of the page.
func (s *Sealed) readPageInto(b []byte, p pagePlace) ([]byte, error) {
	if err := s.read(b, p.offset); err != nil {
		return nil, err
	}
	if binary.LittleEndian.Uint32(b) != pageSum(s.salt, p.offset, b[pageHead:]) {
		return nil, s.corrupt(p.offset, "checksum of the page does not match")
	}
	return b[pageHead:], nil
}

// opened is the directory, read at first use.
func (s *Sealed) opened() (*directory, error) {
	if d := s.directory.Load(); d != nil {
		return d, nil
	}
	return s.openDirectory()
}

func (s *Sealed) openDirectory() (*directory, error) {
	s.loading.Lock()
	defer s.loading.Unlock()
	if d := s.directory.Load(); d != nil {
		return d, nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, fmt.Errorf("read sealed file %s: %w", s.Path, os.ErrClosed)
	}
	b, err := s.readPage(s.end.directory, 0)
	if err != nil {
		return nil, err
	}
	d, err := parseDirectory(b[1:], s.info.Bytes)
	if err == nil {
		err = s.checkDirectory(d)
	}
	if err != nil {
		return nil, s.corrupt(s.end.directory.offset, err.Error())
	}
	if d.clock, err = s.readClock(d); err != nil {
		return nil, err
	}
	d.size += int64(len(d.clock.pieces)) * 32
	s.cache.pin(d.size)
	s.directory.Store(d)
	return d, nil
}

// checkDirectory holds the directory against the summary.
func (s *Sealed) checkDirectory(d *directory) error {
	for table, rows := range map[int]uint64{rowTable: s.info.Rows, keysTable: s.info.Keys, batchTable: s.info.Batches, idTable: s.info.IDs,
		keyFilter: uint64(filterBlocks(int(s.info.Keys))), idFilter: uint64(filterBlocks(int(s.info.IDs))),
		lateFilter: uint64(filterBlocks(int(s.info.Late)))} {
		if d.tables[table].rows != rows {
			return fmt.Errorf("table %s has %d rows, the summary says %d", sideTables[table].name, d.tables[table].rows, rows)
		}
	}
	// All knots are read at once: their number is held against that of rows, which
	// the file has pages for. One too many does no harm.
	chunks := s.info.Last>>chunkBits - s.info.First>>chunkBits + 1
	if t := &d.tables[clockTable]; t.rows > chunks+1 || uint64(t.len()) > t.rows/blockRows+1 {
		return fmt.Errorf("the clock has %d knots in %d blocks for %d chunks of positions", t.rows, t.len(), chunks)
	}
	if s.info.Keys == 0 || s.info.Batches == 0 {
		return errors.New("there are no keys or no batches")
	}
	return d.findStreams(s.info.Streams)
}

// readClock reads the knots, of which there is one in each chunk.
func (s *Sealed) readClock(d *directory) (clock, error) {
	t := &d.tables[clockTable]
	seq, time := make([]uint64, 0, t.rows), make([]int64, 0, t.rows)
	for b := range t.len() {
		n := t.blockLen(b)
		var v [2][blockRows]int64
		for col := range v {
			p, err := s.load(d, d.slot(t, b, col), n)
			if err != nil {
				return clock{}, err
			}
			p.ints.slice(v[col][:n], 0)
		}
		for i := range n {
			if k := len(seq); k > 0 && uint64(v[0][i]) <= seq[k-1] {
				return clock{}, s.corrupt(d.places[d.slot(t, b, 0)].offset, "knots of the clock do not rise")
			}
			seq, time = append(seq, uint64(v[0][i])), append(time, v[1][i])
		}
	}
	return newClock(seq, time), nil
}

// page is the page of a slot, with n rows, from memory or from the file.
func (s *Sealed) page(d *directory, slot, n int) (*page, error) {
	if p := d.pages[slot].Load(); p != nil {
		if p.used.Load() == 0 {
			p.used.Store(1)
		}
		return p, nil
	}
	return s.fetch(d, slot, n)
}

// fetch loads a page and keeps it. Of several callers that do so at the same time
// one keeps it; the others use theirs once.
func (s *Sealed) fetch(d *directory, slot, n int) (*page, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, fmt.Errorf("read sealed file %s: %w", s.Path, os.ErrClosed)
	}
	p, err := s.load(d, slot, n)
	if err != nil {
		return nil, err
	}
	p.used.Store(1)
	p.slot = &d.pages[slot]
	if d.pages[slot].CompareAndSwap(nil, p) {
		s.cache.add(p)
	}
	return p, nil
}

// load reads and opens a page.
func (s *Sealed) load(d *directory, slot, n int) (*page, error) {
	kind, lead := d.kindOf(slot), 0
	if kind == rawPages {
		lead = filterBlock - pageHead - 1 // so that no block lies on two lines of memory
	}
	b, err := s.readPage(d.places[slot], lead)
	if err != nil {
		return nil, err
	}
	return s.openSlot(b, d, slot, n)
}

// openSlot opens what was read of a page.
func (s *Sealed) openSlot(b []byte, d *directory, slot, n int) (*page, error) {
	kind := d.kindOf(slot)
	p, err := openPage(b, kind, n)
	if err == nil && kind == zonePages {
		var zones []zone
		zones, err = d.parseZones(b[1:], int(d.columns[slot]))
		p.zones = &zones
		p.size += int64(len(zones)) * int64(zoneSize)
	}
	if err == nil && p.sparse != nil && (slot >= d.rowPages || d.columns[slot] < colID) {
		err = errSparse // these have a value in every row
	}
	if err == nil && kind == rawPages && len(p.data) != n*filterBlock {
		err = errPageRows
	}
	if err != nil {
		return nil, s.corrupt(d.places[slot].offset, err.Error())
	}
	return p, nil
}

// must is the page of a column that every block of the table has.
func (s *Sealed) must(d *directory, table, b, col int) (*page, error) {
	t := &d.tables[table]
	return s.page(d, d.slot(t, b, col), t.blockLen(b))
}

// may is the page of a column of rows, nil if there is none in that block.
func (s *Sealed) may(d *directory, b, col int) (*page, error) {
	t := &d.tables[rowTable]
	slot := d.slot(t, b, col)
	if slot < 0 {
		return nil, nil
	}
	return s.page(d, slot, t.blockLen(b))
}
