package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// # Looking at bbolt's pages before bbolt does
//
// bbolt trusts what it maps: a page number in a damaged page can lead it round in
// circles until the stack is used up, or to a fault, where nothing can be caught.
// So before a record is believed or anything written, every page that can be
// reached from the newest meta page is read and checked here: its number, kind and
// bounds, that it is reached once and is not free, that keys rise, and the
// checksum of each record. Open does so with the few pages that it needs, and the
// background with the rest; until that is done, states come from the events. What
// is damaged later, while the file is open, is met by the checks on each read.
//
// The layout, of bbolt's file format version 2, little endian:
//
//	page     8 number, 2 flags (1 branch, 2 leaf, 4 meta, 16 freelist), 2 count,
//	         4 overflow: how many pages more it takes
//	branch   count × (4 offset from here of the key, 4 its length, 8 page)
//	leaf     count × (4 flags: 1 bucket, 4 offset from here of the key, 4 its
//	         length, 4 length of the value behind it)
//	bucket   as a value: 8 root page, 8 sequence; root 0: a page follows inline
//	freelist numbers of 8 bytes; a count of 0xffff: the first is the count
//	meta     4 magic, 4 version, 4 page size, 4 flags, 8 root page, 8 sequence,
//	         8 freelist page, 8 number of pages, 8 transaction, 8 FNV-1a of the rest
const (
	pageHead     = 16
	branchPage   = 1
	leafPage     = 2
	freelistPage = 16
	leafElement  = 16

	metaSize     = 64
	metaMagic    = 0xED0CDAED
	metaFormat   = 2
	noFreelist   = ^uint64(0)
	maxPageDepth = 64 // a tree of four keys a page holds more than any disk
)

// pages reads a bbolt file by itself.
type pages struct {
	file     io.ReaderAt
	pageSize int64
	meta     []byte
	count    uint64
	reached  []bool
}

// checkMeta reports what of the bbolt file at path is wrong that opening it and
// asking what it belongs to would meet: its meta pages, the list of its buckets
// and its freelist.
func checkMeta(path string) error {
	return withPages(path, func(p *pages) error {
		err := p.walk(binary.LittleEndian.Uint64(p.meta[16:]), 0, func(e element) error {
			if string(e.key) == metaBucket {
				return p.bucket(e)
			}
			return nil
		})
		if err != nil {
			return err
		}
		return p.checkFreelist(binary.LittleEndian.Uint64(p.meta[32:]))
	})
}

// checkPages reports what is wrong with the bbolt file at path.
func checkPages(path string) error { return withPages(path, (*pages).check) }

func withPages(path string, check func(*pages) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	p := &pages{file: f}
	if err := p.findMeta(); err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size()/p.pageSize < int64(p.count) || p.count > 1<<40 {
		return fmt.Errorf("it has %d bytes, its meta page says %d pages of %d", info.Size(), p.count, p.pageSize)
	}
	p.reached = make([]bool, p.count)
	return check(p)
}

// check looks at all pages.
func (p *pages) check() error {
	if err := p.walk(binary.LittleEndian.Uint64(p.meta[16:]), 0, p.bucket); err != nil {
		return err
	}
	return p.checkFreelist(binary.LittleEndian.Uint64(p.meta[32:]))
}

// findMeta finds the newest meta page whose checksum matches, as bbolt does.
func (p *pages) findMeta() error {
	first, err := p.readMeta(0)
	size := int64(os.Getpagesize())
	if err == nil {
		size = int64(binary.LittleEndian.Uint32(first[8:]))
	}
	second, err2 := p.readMeta(size)
	switch {
	case err != nil && err2 != nil:
		return err
	case err != nil || err2 == nil && transaction(second) > transaction(first):
		p.meta = second
	default:
		p.meta = first
	}
	p.pageSize = int64(binary.LittleEndian.Uint32(p.meta[8:]))
	p.count = binary.LittleEndian.Uint64(p.meta[40:])
	if p.pageSize < 512 || p.pageSize > 1<<20 {
		return fmt.Errorf("its page size is %d", p.pageSize)
	}
	return nil
}

func transaction(meta []byte) uint64 { return binary.LittleEndian.Uint64(meta[48:]) }

func (p *pages) readMeta(offset int64) ([]byte, error) {
	var b [pageHead + metaSize]byte
	if _, err := p.file.ReadAt(b[:], offset); err != nil {
		return nil, fmt.Errorf("meta page at offset %d: %w", offset, err)
	}
	m := b[pageHead:]
	sum := fnv.New64a()
	sum.Write(m[:metaSize-8])
	if binary.LittleEndian.Uint32(m) != metaMagic || binary.LittleEndian.Uint32(m[4:]) != metaFormat ||
		binary.LittleEndian.Uint64(m[metaSize-8:]) != sum.Sum64() {
		return nil, fmt.Errorf("meta page at offset %d is damaged", offset)
	}
	return m, nil
}

// page reads a page with its overflow; it must not have been reached before.
func (p *pages) page(id uint64) ([]byte, error) {
	var head [pageHead]byte
	if id < 2 || id >= p.count {
		return nil, fmt.Errorf("page %d of %d is referred to", id, p.count)
	}
	if _, err := p.file.ReadAt(head[:], int64(id)*p.pageSize); err != nil {
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	more := uint64(binary.LittleEndian.Uint32(head[12:]))
	if binary.LittleEndian.Uint64(head[:]) != id || id+more >= p.count {
		return nil, fmt.Errorf("page %d says it is %d with %d more", id, binary.LittleEndian.Uint64(head[:]), more)
	}
	for i := id; i <= id+more; i++ {
		if p.reached[i] {
			return nil, fmt.Errorf("page %d is reached twice", i)
		}
		p.reached[i] = true
	}
	b := make([]byte, int64(more+1)*p.pageSize)
	if _, err := p.file.ReadAt(b, int64(id)*p.pageSize); err != nil {
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	return b, nil
}

// element is one element of a branch or a leaf page.
type element struct {
	key, value []byte
	child      uint64
	bucket     bool
}

// elements reads the elements of a page and checks their bounds and order.
func elements(page []byte) (list []element, leaf bool, err error) {
	flags, count := binary.LittleEndian.Uint16(page[8:]), int(binary.LittleEndian.Uint16(page[10:]))
	leaf = flags == leafPage
	if !leaf && (flags != branchPage || count == 0) || pageHead+count*leafElement > len(page) {
		return nil, false, fmt.Errorf("flags %x with %d elements", flags, count)
	}
	list = make([]element, count)
	for i := range list {
		at := uint64(pageHead + i*leafElement)
		e := page[at:]
		var pos, keyLen, valueLen uint64
		if leaf {
			list[i].bucket = e[0]&1 != 0
			pos, keyLen, valueLen = word(e[4:]), word(e[8:]), word(e[12:])
		} else {
			pos, keyLen = word(e), word(e[4:])
			list[i].child = binary.LittleEndian.Uint64(e[8:])
		}
		start := at + pos
		if pos < leafElement || start+keyLen+valueLen > uint64(len(page)) {
			return nil, false, fmt.Errorf("element %d lies outside", i)
		}
		list[i].key, list[i].value = page[start:start+keyLen], page[start+keyLen:start+keyLen+valueLen]
		if i > 0 && bytes.Compare(list[i-1].key, list[i].key) >= 0 {
			return nil, false, fmt.Errorf("key of element %d does not rise", i)
		}
	}
	return list, leaf, nil
}

func word(b []byte) uint64 { return uint64(binary.LittleEndian.Uint32(b)) }

// walk visits the leaf elements of the tree below page id.
func (p *pages) walk(id uint64, depth int, visit func(element) error) error {
	page, err := p.page(id)
	if err != nil {
		return err
	}
	list, leaf, err := elements(page)
	if err == nil && depth > maxPageDepth {
		err = errors.New("the tree is too deep")
	}
	for _, e := range list {
		if err != nil {
			break
		}
		if leaf {
			err = visit(e)
		} else if err = p.walk(e.child, depth+1, visit); err != nil {
			return err
		}
	}
	if err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	return nil
}

// bucket checks a bucket at the top: that of a stream or of an aggregate, which may
// have one of levels in it, or our own.
func (p *pages) bucket(e element) error {
	switch {
	case !e.bucket:
		return fmt.Errorf("%q is no bucket", e.key)
	case string(e.key) == metaBucket:
		return p.in(e, func(element) error { return nil }) // readMeta reads it
	case bytes.HasPrefix(e.key, []byte(aggregateBucket)):
		cell := func(key, value []byte) error { _, err := openCell(key, value); return err }
		return p.in(e, func(r element) error {
			if r.bucket && bytes.Equal(r.key, levelsKey) {
				return p.in(r, records(cell))
			}
			return records(cell)(r)
		})
	case len(e.key) == 4:
		stream := binary.BigEndian.Uint32(e.key)
		return p.in(e, records(func(key, value []byte) error { _, err := parseRecord(stream, key, value); return err }))
	}
	return fmt.Errorf("bucket %q is not ours", e.key)
}

// records checks elements that are records.
func records(check func(key, value []byte) error) func(element) error {
	return func(r element) error {
		if r.bucket {
			return fmt.Errorf("bucket %q stands among records", r.key)
		}
		return check(r.key, r.value)
	}
}

// in visits the elements in a bucket.
func (p *pages) in(e element, visit func(element) error) error {
	if len(e.value) < 16 {
		return fmt.Errorf("bucket %q has %d bytes", e.key, len(e.value))
	}
	if root := binary.LittleEndian.Uint64(e.value); root != 0 {
		return p.walk(root, 0, visit)
	}
	inline := e.value[16:]
	if len(inline) < pageHead {
		return fmt.Errorf("inline bucket %q has %d bytes", e.key, len(inline))
	}
	list, leaf, err := elements(inline)
	if err != nil || !leaf {
		return errors.Join(err, fmt.Errorf("inline bucket %q", e.key))
	}
	for _, r := range list {
		if err := visit(r); err != nil {
			return err
		}
	}
	return nil
}

// checkFreelist checks that what is free is not in use, and free once.
func (p *pages) checkFreelist(id uint64) error {
	if id == noFreelist {
		return nil
	}
	page, err := p.page(id)
	if err != nil {
		return fmt.Errorf("freelist: %w", err)
	}
	if flags := binary.LittleEndian.Uint16(page[8:]); flags != freelistPage {
		return fmt.Errorf("freelist: page %d has flags %x", id, flags)
	}
	ids, count := page[pageHead:], uint64(binary.LittleEndian.Uint16(page[10:]))
	if count == 0xffff {
		count, ids = binary.LittleEndian.Uint64(ids), ids[8:]
	}
	if count > uint64(len(ids)/8) {
		return fmt.Errorf("freelist: %d pages do not fit", count)
	}
	for i := range count {
		free := binary.LittleEndian.Uint64(ids[8*i:])
		if free < 2 || free >= p.count || p.reached[free] {
			return fmt.Errorf("freelist: page %d is in use, twice there or not in the file", free)
		}
		p.reached[free] = true
	}
	return nil
}
