package store

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"unsafe"

	bolt "go.etcd.io/bbolt"
)

// readers keeps read transactions of bbolt for the next read: beginning one costs
// more than the look-up it is for. Each has one user at a time.
//
// While bbolt is being written none is kept, and those from before are gone: a
// kept one would pin pages, and would not see what is written. A read that was
// told that bbolt has a record is told so after resume, so a transaction kept
// since then has it.
type readers struct {
	mu     sync.Mutex
	idle   []*reader
	paused int    // writers and closers at work
	era    uint64 // moves with each pause
}

// maxIdle bounds the transactions kept: more readers than that at one time begin
// their own.
const maxIdle = 16

// reader is a read transaction with a cursor on each bucket it was used for. A
// cursor is used again because a new one allocates its path.
type reader struct {
	tx      *bolt.Tx
	era     uint64
	cursors map[uint32]*bolt.Cursor
}

// fill has a transaction fill found; see [states.fill]. One in which something
// went wrong is not used again.
func (rs *readers) fill(db *bolt.DB, st *stream, keys []string, has uint64, reached []uint64, found []record) error {
	r, err := rs.take(db)
	if err != nil {
		return err
	}
	if err := r.fill(st, keys, has, reached, found); err != nil {
		r.tx.Rollback()
		return err
	}
	return rs.giveBack(r)
}

func (rs *readers) take(db *bolt.DB) (*reader, error) {
	rs.mu.Lock()
	era := rs.era
	if n := len(rs.idle); n > 0 {
		r := rs.idle[n-1]
		rs.idle = rs.idle[:n-1]
		rs.mu.Unlock()
		return r, nil
	}
	rs.mu.Unlock()
	tx, err := db.Begin(false)
	if err != nil {
		return nil, err
	}
	return &reader{tx: tx, era: era, cursors: map[uint32]*bolt.Cursor{}}, nil
}

func (rs *readers) giveBack(r *reader) error {
	rs.mu.Lock()
	if rs.paused == 0 && r.era == rs.era && len(rs.idle) < maxIdle {
		rs.idle = append(rs.idle, r)
		rs.mu.Unlock()
		return nil
	}
	rs.mu.Unlock()
	return r.tx.Rollback()
}

// pause ends the kept transactions, and keeps none until resume.
func (rs *readers) pause() {
	rs.mu.Lock()
	idle := rs.idle
	rs.idle = nil
	rs.paused++
	rs.era++
	rs.mu.Unlock()
	for _, r := range idle {
		r.tx.Rollback()
	}
}

// resume keeps transactions again: those begun from now on.
func (rs *readers) resume() {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.paused--
	rs.era++
}

// find is the record of a key, if there is one.
func (rs *readers) find(db *bolt.DB, st *stream, key string) (rec record, ok bool, err error) {
	r, err := rs.take(db)
	if err != nil {
		return record{}, false, err
	}
	if rec, ok, err = r.find(st, key); err != nil {
		r.tx.Rollback()
		return record{}, false, err
	}
	return rec, ok, rs.giveBack(r)
}

// guard does what the function of that name does, deferred: its function value
// would cost each read an allocation.
func (r *reader) guard(faults bool, err *error) {
	debug.SetPanicOnFault(faults)
	if p := recover(); p != nil {
		*err = fmt.Errorf("%w: %v", errPanic, p)
	}
}

func (r *reader) find(st *stream, key string) (rec record, ok bool, err error) {
	defer r.guard(debug.SetPanicOnFault(true), &err)
	c, err := r.cursor(st)
	if c == nil || err != nil {
		return record{}, false, nil
	}
	name := unsafe.Slice(unsafe.StringData(key), len(key)) // Seek only compares it
	at, value := c.Seek(name)
	if string(at) != key || value == nil {
		return record{}, false, nil
	}
	rec, err = parseRecord(st.number, name, value)
	if err != nil {
		err = fmt.Errorf("key %q: %w", key, err)
	}
	return rec, err == nil, err
}

// fill gets the records of those keys whose position reached is not 0, nor beyond
// has, the one that all records reach.
func (r *reader) fill(st *stream, keys []string, has uint64, reached []uint64, found []record) (err error) {
	defer r.guard(debug.SetPanicOnFault(true), &err)
	for i, at := range reached {
		if at == 0 || at > has {
			continue
		}
		c, err := r.cursor(st)
		if err != nil {
			return err
		}
		if found[i], err = recordIn(c, st.number, keys[i], at); err != nil {
			return fmt.Errorf("key %q: %w", keys[i], err)
		}
	}
	return nil
}

func (r *reader) cursor(st *stream) (*bolt.Cursor, error) {
	c := r.cursors[st.number]
	if c == nil {
		b := r.tx.Bucket(st.bucketName())
		if b == nil {
			return nil, errors.New("there is no bucket")
		}
		c = b.Cursor()
		r.cursors[st.number] = c
	}
	return c, nil
}

// recordIn is the record of a key in a bucket that must have one.
func recordIn(c *bolt.Cursor, stream uint32, key string, reached uint64) (record, error) {
	name := unsafe.Slice(unsafe.StringData(key), len(key)) // Seek only compares it
	at, value := c.Seek(name)
	if string(at) != key || value == nil {
		return record{}, errors.New("there is no record")
	}
	r, err := parseRecord(stream, name, value)
	if err == nil && r.last < reached {
		err = fmt.Errorf("the record reaches position %d, the key has event %d", r.last, reached)
	}
	if err != nil {
		return record{}, err
	}
	return r, nil
}
