package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/annalsdb/annals/segment"
	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// # The states in bbolt
//
// state.db has one bucket a stream, named by its number, with the record of each
// key (see appendRecord), and a bucket of its own that says to which database it
// belongs and which position it reaches. It is derived from the events, so whatever
// is wrong with it, the next checkpoint builds it anew: Open asks for one when the
// file is missing, foreign or cannot be opened, and whoever meets damage, in looking
// at its pages or in reading a record, leaves it to the next. A read of what bbolt
// does not have, or cannot be believed in, is answered from the events.
//
// bbolt has no checksums of its own but on its two meta pages. So every record
// has one over key and value, a key that the live index knows must be there, a
// record must reach the key's last event (a damaged branch may lead to a page of
// long ago), and calls into bbolt are guarded: a wild pointer in a damaged page is
// a fault that becomes an error.
//
// Read transactions are used again for the next read, but never beyond the next
// checkpoint, so that no page stays pinned; see readers. The
// freelist is a map and is written with each transaction: checkpoints are few and
// large, so it costs them nothing to speak of, and without it bbolt would walk the
// whole file when it is opened, in a goroutine of its own where a fault in a
// damaged page cannot be caught.
const (
	statesName = "state.db"
	metaBucket = "annals"
)

var (
	metaDatabase = []byte("database")
	metaPosition = []byte("position")
	metaVersion  = []byte("version")
)

// statesVersion is the version of the file's layout and of its records.
const statesVersion = 1

// states is the bbolt file.
type states struct {
	fs   segment.FS
	path string

	// mu lets the file be replaced while nobody reads it.
	mu      sync.RWMutex
	db      *bolt.DB // nil before it is built for the first time
	readers readers

	damage atomic.Pointer[error] // what was met, until it is rebuilt

	// checked: the file's pages were looked at. Until then nothing in it is
	// believed.
	checked atomic.Bool

	reached atomic.Uint64 // the position that the records reach

	// stuck: a write panicked, so bbolt may hold locks that closing waits
	// for. It is left open until the process ends.
	stuck bool
}

func openBolt(fs segment.FS, path string) (db *bolt.DB, err error) {
	err = guarded(fs, path, func() error {
		db, err = bolt.Open(path, 0o644, &bolt.Options{
			Timeout:         time.Second, // the directory's lock is ours: nobody else should have it
			FreelistType:    bolt.FreelistMapType,
			InitialMmapSize: mapSize(),
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	db.AllocSize = growStep
	return db, nil
}

// growStep is the multiple that the file grows by. bbolt's own 16 MiB spares a
// small transaction a truncate; ours are large, and a small database should stay
// small.
const growStep = 256 << 10

// mapSize is how much address space the file is mapped into from the start. When
// a transaction outgrows the mapping bbolt copies all it holds out of it first:
// at a million keys that took nearly half of a checkpoint's time. Windows would make
// the file that large, and 32 bits do not have the space.
func mapSize() int {
	if runtime.GOOS == "windows" || strconv.IntSize < 64 {
		return 0
	}
	return 16 << 30
}

var errPanic = errors.New("bbolt panicked")

// guard runs f and turns a panic or a fault in it into an error.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errPanic, p)
		}
	}()
	return f()
}

// guarded guards f, in which bbolt changes the file at path.
func guarded(fs segment.FS, path string, f func() error) error {
	return fs.Mapped(path, func() error { return guard(f) })
}

// openStates opens the file and reads which position it reaches. The reason is
// why it cannot be used, "" if it can.
func openStates(fs segment.FS, path string, id [16]byte) (s *states, position uint64, reason string) {
	if _, err := os.Stat(path); err != nil {
		return nil, 0, "there is no " + statesName
	}
	if err := checkMeta(path); err != nil {
		return nil, 0, fmt.Sprintf("%s is damaged: %v", statesName, err)
	}
	db, err := openBolt(fs, path)
	if err != nil {
		return nil, 0, fmt.Sprintf("%s cannot be opened: %v", statesName, err)
	}
	s = &states{fs: fs, path: path, db: db}
	if position, err = s.readMeta(id); err != nil {
		guard(db.Close)
		return nil, 0, fmt.Sprintf("%s cannot be used: %v", statesName, err)
	}
	s.reached.Store(position)
	return s, position, ""
}

// check looks at every page of a file just opened; what is wrong is damage.
func (s *states) check() {
	if s.looked() {
		return
	}
	if err := checkPages(s.path); err != nil {
		err = fmt.Errorf("%s is damaged: %w", statesName, err)
		s.damage.CompareAndSwap(nil, &err)
		return
	}
	s.checked.Store(true)
}

// looked reports whether check is done.
func (s *states) looked() bool { return s.checked.Load() || s.damage.Load() != nil }

func (s *states) readMeta(id [16]byte) (position uint64, err error) {
	err = guard(func() error {
		return s.db.View(func(tx *bolt.Tx) error {
			b := tx.Bucket([]byte(metaBucket))
			if b == nil {
				return errors.New("it does not say what it belongs to")
			}
			at, version := b.Get(metaPosition), b.Get(metaVersion)
			switch {
			case len(version) != 1 || version[0] != statesVersion:
				return fmt.Errorf("its version is %x, this program's is %d", version, statesVersion)
			case string(b.Get(metaDatabase)) != string(id[:]):
				return errors.New("it belongs to another database")
			case len(at) != 12 || string(at) != string(encodePosition(binary.BigEndian.Uint64(at))):
				return errors.New("it does not say which position it reaches")
			}
			position = binary.BigEndian.Uint64(at)
			return nil
		})
	})
	return position, err
}

// createStates makes an empty file at path.
func createStates(fs segment.FS, path string, id [16]byte) (*states, error) {
	if err := fs.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	db, err := openBolt(fs, path)
	if err != nil {
		return nil, err
	}
	s := &states{fs: fs, path: path, db: db}
	s.checked.Store(true)
	err = guarded(fs, path, func() error {
		return db.Update(func(tx *bolt.Tx) error { return putMeta(tx, id, 0) })
	})
	if err != nil {
		db.Close()
		return nil, err
	}
	return s, nil
}

func putMeta(tx *bolt.Tx, id [16]byte, position uint64) error {
	b, err := tx.CreateBucketIfNotExists([]byte(metaBucket))
	if err != nil {
		return err
	}
	return errors.Join(
		b.Put(metaDatabase, id[:]),
		b.Put(metaVersion, []byte{statesVersion}),
		b.Put(metaPosition, encodePosition(position)),
	)
}

// encodePosition is position with a checksum: Open takes it as proof of how far
// the log must reach.
func encodePosition(position uint64) []byte {
	b := binary.BigEndian.AppendUint64(nil, position)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func (s *states) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closeBolt()
}

func (s *states) closeBolt() error {
	if s.db == nil || s.stuck {
		return nil
	}
	s.readers.pause()
	defer s.readers.resume()
	return guard(s.db.Close)
}

// bucketName is a stream's bucket.
func (s *stream) bucketName() []byte { return binary.BigEndian.AppendUint32(nil, s.number) }

// get is the record of a key that bbolt has for sure, as of position reached or
// later. It is false where bbolt does not have it undamaged; that is noted.
func (s *states) get(st *stream, key string, reached uint64) (record, bool) {
	one, found := [1]string{key}, [1]record{}
	at := [1]uint64{reached}
	s.fill(st, one[:], at[:], found[:])
	return found[0], found[0].last != 0
}

// find is the record of a key that bbolt may have; false where it has none, or
// cannot be believed.
func (s *states) find(st *stream, key string) (r record, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.damage.Load() != nil || s.db == nil || !s.checked.Load() {
		return record{}, false
	}
	r, ok, err := s.readers.find(s.db, st, key)
	s.note(st, err)
	return r, ok
}

// note keeps an error as damage.
func (s *states) note(st *stream, err error) {
	if err != nil && !errors.Is(err, berrors.ErrDatabaseNotOpen) {
		err = fmt.Errorf("states of stream %q: %w", st.Name, err)
		s.damage.CompareAndSwap(nil, &err)
	}
}

// fill gets the records of those keys that bbolt has for sure, as of the
// positions reached; 0 = it is not asked for that key.
func (s *states) fill(st *stream, keys []string, reached []uint64, found []record) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.damage.Load() != nil || s.db == nil || !s.checked.Load() {
		return
	}
	s.note(st, s.readers.fill(s.db, st, keys, s.reached.Load(), reached, found))
}

// put writes records in key order and the position they reach, in one
// transaction. Buckets are made as needed.
func (s *states) put(id [16]byte, position uint64, each func(put func(st *stream, key string, r *record) error) error) error {
	err := s.update(func(tx *bolt.Tx) error {
		w := stateWriter{tx: tx}
		if err := each(w.put); err != nil {
			return err
		}
		return putMeta(tx, id, position)
	})
	if err == nil {
		s.reached.Store(position)
	}
	return err
}

// update writes in one transaction.
func (s *states) update(write func(tx *bolt.Tx) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.db == nil || s.stuck {
		return errUnbuilt
	}
	// Transactions kept for reuse would pin the pages that this one frees,
	// and see none of what it writes.
	s.readers.pause()
	defer s.readers.resume()
	err := guarded(s.fs, s.path, func() error { return s.db.Update(write) })
	if errors.Is(err, errPanic) {
		s.stuck = true
		s.damage.CompareAndSwap(nil, &err)
	}
	return err
}

// stateWriter puts records into one transaction. bbolt keeps keys and values
// until it ends, so they are laid out in large pieces of memory.
type stateWriter struct {
	tx     *bolt.Tx
	stream *stream
	bucket *bolt.Bucket
	piece  []byte
}

// fillPercent is how full bbolt makes pages when it splits them. Records are put in
// key order, most of them again and again at the same size, so little room is
// needed between them; bbolt's own half would double the file.
const fillPercent = 0.9

// pieceSize is large enough for an allocation not to count and small enough not
// to waste memory on a checkpoint of few keys.
const pieceSize = 64 << 10

func (w *stateWriter) put(st *stream, key string, r *record) (err error) {
	if w.stream != st {
		w.stream = st
		if w.bucket, err = w.tx.CreateBucketIfNotExists(st.bucketName()); err != nil {
			return err
		}
		w.bucket.FillPercent = fillPercent
	}
	need := len(key) + recordBound(r)
	if cap(w.piece)-len(w.piece) < need {
		w.piece = make([]byte, 0, max(need, pieceSize))
	}
	at := len(w.piece)
	w.piece = append(w.piece, key...)
	k := w.piece[at:len(w.piece):len(w.piece)]
	w.piece = appendRecord(w.piece, st.number, k, r)
	return w.bucket.Put(k, w.piece[at+len(k):len(w.piece):len(w.piece)])
}

// compactFrom is the bytes that must be free for compact to be worth its while.
const compactFrom = 1 << 20

// compact makes the file anew if more than a quarter of it is free pages. Nobody
// reads it any more.
func (s *states) compact() error {
	if s.damage.Load() != nil || s.db == nil {
		return nil
	}
	stats := s.db.Stats()
	free, size := int64(stats.FreePageN+stats.PendingPageN)*int64(s.db.Info().PageSize), int64(0)
	if err := s.db.View(func(tx *bolt.Tx) error { size = tx.Size(); return nil }); err != nil {
		return err
	}
	if free < compactFrom || free < size/4 {
		return nil
	}
	tmp := s.path + ".tmp"
	if err := s.fs.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	to, err := openBolt(s.fs, tmp)
	if err != nil {
		return fmt.Errorf("compact %s: %w", s.path, err)
	}
	err = guarded(s.fs, tmp, func() error { return bolt.Compact(to, s.db, compactFrom) })
	if err = errors.Join(err, to.Close()); err != nil {
		return fmt.Errorf("compact %s: %w", s.path, err)
	}
	return s.replace(tmp)
}

// replace puts the file at path, which is closed, in the place of s's.
func (s *states) replace(path string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeBolt() // it is damaged: whether it can be closed does not matter
	if err := s.fs.Rename(path, s.path); err != nil {
		return err
	}
	db, err := openBolt(s.fs, s.path)
	if err != nil {
		return err
	}
	s.db, s.stuck = db, false
	s.checked.Store(true)
	s.damage.Store(nil)
	return nil
}

func statesPath(dir string) string { return filepath.Join(dir, statesName) }
