package fuzz

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/annalsdb/annals/segment"
)

// Disk is the directory of one database on a file system that forgets: what is
// written or named is found after a crash only where it was synced, else maybe. It
// fails and fills up as it is told. README.md says what it may do.
//
// Files are in memory, but for bbolt's, which are mapped: those are in a real
// directory, and what a transaction did to one is told from how it looked before
// and after. A Disk is used like [segment.OS]; its fields are set while nobody
// uses it.
type Disk struct {
	// Crash, if not nil, is called after each change, as what may be the last
	// one. Nobody else gets at the disk meanwhile; of its methods Crash may call
	// those that say so.
	Crash func(*Disk)

	// Fault, if not nil, is asked before each operation on a file, or on the
	// directory (""), whether it fails. A write that fails has written its first
	// half. A sync that fails has lost what it should have written: it is still
	// read, and no later sync writes it, as Linux has it.
	Fault func(op Op, name string) error

	// Stale, if not nil, is asked at each read of a sector that reads otherwise
	// since it was last written, whether it reads as it did before that. It is set
	// before anything is written.
	Stale func(name string) bool

	dir      string
	mu       sync.Mutex
	names    map[string]*node // as a program finds them
	durable  map[string]*node // as a crash leaves them at least
	unsynced []naming         // between the two, oldest first
	changes  int
	last     Change
}

// Change is what was changed last: what was done, and to which file.
type Change struct {
	Op   Op
	Name string
}

// Op is an operation of a [Disk].
type Op string

// Operations that may fail.
const (
	OpCreate   Op = "create"
	OpOpen     Op = "open"
	OpRead     Op = "read"
	OpWrite    Op = "write"
	OpTruncate Op = "truncate"
	OpSync     Op = "sync"
	OpRename   Op = "rename"
	OpRemove   Op = "remove"
	OpSyncDir  Op = "names synced"
)

// node is a file, whatever its name is.
type node struct {
	name     string  // that it had last
	mapped   bool    // bbolt's: written through, so content is as of the last transaction
	content  content // as a program reads it
	stale    content // its sectors before each was last written, if Disk.Stale is set
	durable  content // as a crash leaves it at least
	unsynced []writing
}

// content is bytes, and behind them zeros up to size: log files have many.
type content struct {
	bytes []byte
	size  int64
}

func (c content) clone() content { return content{slices.Clone(c.bytes), c.size} }

func (c content) equal(o content) bool {
	n := min(len(c.bytes), len(o.bytes))
	return c.size == o.size && bytes.Equal(c.bytes[:n], o.bytes[:n]) && allZero(c.bytes[n:]) && allZero(o.bytes[n:])
}

func allZero(b []byte) bool { return len(bytes.TrimLeft(b, "\x00")) == 0 }

// writing is a write, or with cut a truncation to offset.
type writing struct {
	offset int64
	data   []byte
	cut    bool
}

// naming is a change of the directory: one of the names is "" when a file is
// created or removed.
type naming struct {
	from, to string
	file     *node
}

// sector is what is written whole or not at all.
const sector = 512

// NewDisk is an empty disk. bbolt's files are in dir, which is the path of the
// database.
func NewDisk(dir string) *Disk {
	return &Disk{dir: dir, names: map[string]*node{}, durable: map[string]*node{}}
}

// Changes is how many changes there were, and the last one. Crash may call it.
func (d *Disk) Changes() (int, Change) { return d.changes, d.last }

// reserves reports whether the last change wrote zeros ahead of what is in use, of
// which there are many. Crash may call it.
func (d *Disk) reserves() bool {
	n := d.names[d.last.Name]
	if d.last.Op != OpWrite || n == nil || len(n.unsynced) < 2 {
		return false
	}
	w := n.unsynced[len(n.unsynced)-1]
	return len(w.data) > sector && allZero(w.data)
}

// Names is the names of the files. Crash may call it.
func (d *Disk) Names() []string { return slices.Sorted(maps.Keys(d.names)) }

// changed counts a change.
func (d *Disk) changed(op Op, name string) {
	d.changes++
	d.last = Change{op, name}
	if d.Crash != nil {
		d.Crash(d)
	}
}

func (d *Disk) fault(op Op, name string) error {
	if d.Fault == nil {
		return nil
	}
	if err := d.Fault(op, name); err != nil {
		return &fs.PathError{Op: string(op), Path: filepath.Join(d.dir, name), Err: err}
	}
	return nil
}

// MakeDir makes the real directory.
func (d *Disk) MakeDir(dir string) error { return segment.OS.MakeDir(dir) }

// Create is [segment.FS.Create].
func (d *Disk) Create(path string) (segment.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := filepath.Base(path)
	if err := d.fault(OpCreate, name); err != nil {
		return nil, err
	}
	n := &node{}
	d.rename(OpCreate, naming{to: name, file: n})
	return &file{d, n}, nil
}

// Open is [segment.FS.Open].
func (d *Disk) Open(path string) (segment.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := filepath.Base(path)
	if err := d.fault(OpOpen, name); err != nil {
		return nil, err
	}
	n, err := d.find(path)
	if err != nil {
		return nil, err
	}
	return &file{d, n}, nil
}

func (d *Disk) find(path string) (*node, error) {
	n := d.names[filepath.Base(path)]
	if n == nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return n, nil
}

// rename changes the directory.
func (d *Disk) rename(op Op, c naming) {
	c.apply(d.names)
	d.unsynced = append(d.unsynced, c)
	d.changed(op, cmp.Or(c.to, c.from))
}

func (c naming) apply(names map[string]*node) {
	if names[c.from] == c.file {
		delete(names, c.from)
	}
	if c.to != "" {
		names[c.to], c.file.name = c.file, c.to
	}
}

// Rename is [segment.FS.Rename].
func (d *Disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.fault(OpRename, filepath.Base(to)); err != nil {
		return err
	}
	n, err := d.find(from)
	if err != nil {
		return err
	}
	if n.mapped {
		if err := os.Rename(from, to); err != nil {
			return err
		}
	}
	d.rename(OpRename, naming{filepath.Base(from), filepath.Base(to), n})
	return nil
}

// Remove is [segment.FS.Remove].
func (d *Disk) Remove(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.fault(OpRemove, filepath.Base(path)); err != nil {
		return err
	}
	n, err := d.find(path)
	if err != nil {
		return err
	}
	if n.mapped {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	d.rename(OpRemove, naming{from: filepath.Base(path), file: n})
	return nil
}

// List is [segment.FS.List].
func (d *Disk) List(string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.Names(), nil
}

// SyncDir is [segment.FS.SyncDir].
func (d *Disk) SyncDir(string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.fault(OpSyncDir, ""); err != nil {
		return err
	}
	d.durable, d.unsynced = maps.Clone(d.names), nil
	d.changed(OpSyncDir, "")
	return nil
}

// Mapped is [segment.FS.Mapped]: bbolt writes pages, syncs, writes a meta page and
// syncs again. Both times all, some or none of them may be there after a crash.
func (d *Disk) Mapped(path string, change func() error) error {
	err := change()
	after, missing := os.ReadFile(path)
	if missing != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.names[filepath.Base(path)]
	if n == nil {
		n = &node{mapped: true}
		d.rename(OpCreate, naming{to: filepath.Base(path), file: n})
	}
	data, meta := pagesWritten(n.content.bytes, after)
	if n.content.size == 0 { // it is made: all at once
		data, meta = append(data, meta...), nil
	}
	for _, pages := range [][]writing{data, meta} {
		if len(pages) == 0 {
			continue
		}
		n.unsynced = pages
		for _, w := range pages {
			n.content = w.apply(n.content)
		}
		d.changed(OpWrite, filepath.Base(path))
		n.durable, n.unsynced = n.content.clone(), nil
	}
	return err
}

// pagesWritten is the difference of two states of bbolt's file: its first two
// pages are meta pages.
func pagesWritten(before, after []byte) (data, meta []writing) {
	size := os.Getpagesize()
	for at := 0; at < len(after); at += size {
		page := after[at:min(at+size, len(after))]
		switch {
		case at+len(page) <= len(before) && bytes.Equal(page, before[at:at+len(page)]):
		case at >= len(before) && at+len(page) < len(after) && allZero(page):
		case at < 2*size:
			meta = append(meta, writing{offset: int64(at), data: page})
		default:
			data = append(data, writing{offset: int64(at), data: page})
		}
	}
	return data, meta
}

// apply does w to c, whose bytes it may change.
func (w writing) apply(c content) content {
	if w.cut {
		if w.offset < int64(len(c.bytes)) {
			c.bytes = c.bytes[:w.offset:w.offset]
		}
		return content{c.bytes, w.offset}
	}
	used := w.offset + int64(len(bytes.TrimRight(w.data, "\x00")))
	if more := used - int64(len(c.bytes)); more > 0 {
		c.bytes = append(c.bytes, make([]byte, more)...)
	}
	if w.offset < int64(len(c.bytes)) {
		copy(c.bytes[w.offset:], w.data)
	}
	return content{c.bytes, max(c.size, w.offset+int64(len(w.data)))}
}

// file is an open file.
type file struct {
	disk *Disk
	node *node
}

// fault is that of the disk, for the name that f has now.
func (f *file) fault(op Op) error { return f.disk.fault(op, f.node.name) }

func (f *file) ReadAt(b []byte, offset int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.fault(OpRead); err != nil {
		return 0, err
	}
	c := f.node.content
	if offset >= c.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(b)), c.size-offset))
	c.read(b[:n], offset)
	if f.disk.Stale != nil {
		f.readStale(b[:n], offset)
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// read fills b from offset on.
func (c content) read(b []byte, offset int64) {
	clear(b[copy(b, c.bytes[min(offset, int64(len(c.bytes))):]):])
}

func (f *file) WriteAt(b []byte, offset int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	err := f.fault(OpWrite)
	if err != nil {
		b = b[:len(b)/2]
	}
	f.write(OpWrite, writing{offset: offset, data: keep(b)})
	return len(b), err
}

var zeros [1 << 16]byte

// keep is b, for longer.
func keep(b []byte) []byte {
	if len(b) <= len(zeros) && allZero(b) {
		return zeros[:len(b)]
	}
	return slices.Clone(b)
}

func (f *file) write(op Op, w writing) {
	if f.disk.Stale != nil && !w.cut {
		f.node.overwrite(w)
	}
	f.node.content = w.apply(f.node.content)
	f.node.unsynced = append(f.node.unsynced, w)
	f.disk.changed(op, f.node.name)
}

func (f *file) Truncate(size int64) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.fault(OpTruncate); err != nil {
		return err
	}
	f.write(OpTruncate, writing{offset: size, cut: true})
	return nil
}

func (f *file) Sync() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	n := f.node
	if err := f.fault(OpSync); err != nil {
		n.unsynced = nil
		return err
	}
	for _, w := range n.unsynced {
		n.durable = w.apply(n.durable)
	}
	n.unsynced = nil
	f.disk.changed(OpSync, n.name)
	return nil
}

func (f *file) Size() (int64, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return f.node.content.size, nil
}

func (f *file) Close() error { return nil }

// Loss is what a crash does to what was not synced.
type Loss string

// Losses.
const (
	Killed       Loss = "the process is killed"  // nothing is lost, and nothing is synced either
	AllLost      Loss = "all is lost"            // that was not synced
	ContentsLost Loss = "contents are lost"      // names are as they were made
	NamesLost    Loss = "names are lost"         // contents are as they were written
	SomeLost     Loss = "some of it is lost"     // any names, writes, and sectors of writes
	FrontKept    Loss = "only its front is left" // of names and of the writes to each file; the last one is torn
)

// Losses are all of them.
var Losses = []Loss{Killed, AllLost, ContentsLost, NamesLost, SomeLost, FrontKept}

// After is the disk as it is found after a crash now, in dir. Crash may call it.
func (d *Disk) After(loss Loss, rnd *rand.Rand, dir string) *Disk {
	after := NewDisk(dir)
	copies := map[*node]*node{}
	of := func(n *node) *node {
		if copies[n] == nil {
			copies[n] = n.after(loss, rnd)
		}
		return copies[n]
	}
	for name, n := range d.durable {
		after.durable[name] = of(n)
	}
	after.names = maps.Clone(after.durable)
	front := rnd.IntN(len(d.unsynced) + 1)
	for i, c := range d.unsynced {
		keep := loss == Killed || loss == ContentsLost || loss == SomeLost && rnd.IntN(2) == 0 || loss == FrontKept && i < front
		if !keep {
			continue
		}
		c.file = of(c.file)
		c.apply(after.names)
		if loss == Killed {
			after.unsynced = append(after.unsynced, c)
		}
	}
	if loss != Killed {
		after.durable = maps.Clone(after.names)
	}
	return after
}

// after is the file as it is found after a crash.
func (n *node) after(loss Loss, rnd *rand.Rand) *node {
	if loss == Killed {
		return &node{name: n.name, mapped: n.mapped, content: n.content.clone(), durable: n.durable.clone(), unsynced: slices.Clone(n.unsynced)}
	}
	c := n.durable.clone()
	front := rnd.IntN(len(n.unsynced) + 1)
	for i, w := range n.unsynced {
		switch {
		case loss == NamesLost, loss == FrontKept && i < front:
			c = w.apply(c)
		case loss == FrontKept && i == front && !w.cut:
			w.data = w.data[:rnd.IntN(len(w.data)+1)/sector*sector]
			c = w.apply(c)
		case loss == SomeLost:
			c = w.applySome(c, rnd)
		}
	}
	return &node{name: n.name, mapped: n.mapped, content: c, durable: c.clone()}
}

// applySome does w, or none of it, or some of its sectors.
func (w writing) applySome(c content, rnd *rand.Rand) content {
	switch rnd.IntN(3) {
	case 0:
		return c
	case 1:
		return w.apply(c)
	}
	for at := w.offset; at < w.offset+int64(len(w.data)); {
		end := min((at/sector+1)*sector, w.offset+int64(len(w.data)))
		if rnd.IntN(2) == 0 {
			c = writing{offset: at, data: w.data[at-w.offset : end-w.offset]}.apply(c)
		}
		at = end
	}
	return c
}

// Save makes the real directory and what has to be in it for the disk to be used:
// bbolt's files, or with all every file, for somebody to look at.
func (d *Disk) Save(all bool) error {
	if err := os.MkdirAll(d.dir, 0o755); err != nil {
		return err
	}
	for name, n := range d.names {
		if !all && !n.mapped {
			continue
		}
		if err := n.content.save(filepath.Join(d.dir, name)); err != nil {
			return fmt.Errorf("save disk: %w", err)
		}
	}
	return nil
}

func (c content) save(path string) error {
	if err := os.WriteFile(path, c.bytes, 0o644); err != nil {
		return err
	}
	return os.Truncate(path, c.size)
}

// Same reports whether a program finds the same on both disks, and a crash may
// leave no more of one than of the other.
func (d *Disk) Same(o *Disk) bool {
	return len(d.unsynced) == 0 && len(o.unsynced) == 0 && maps.EqualFunc(d.names, o.names, func(a, b *node) bool {
		return len(a.unsynced) == 0 && len(b.unsynced) == 0 && a.content.equal(b.content)
	})
}
