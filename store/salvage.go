package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/annalsdb/annals/segment"
)

// # Reading a damaged log
//
// What is whole is read, frame by frame; where one is bad the next whole one is
// searched for. The positions between are lost: which keys they were of cannot be
// known, so every state that should have them folded in is refused, not guessed.

// salvage opens for reading what the damage cause has left.
func (db *DB) salvage(cause error) error {
	start := time.Now()
	db.salvaged = true
	db.states = &states{fs: db.opt.FS, path: statesPath(db.dir)}
	db.states.damage.Store(&cause) // states are asked of the events
	if err := db.triage(); err != nil {
		return err
	}
	names, err := db.sweep()
	if err != nil {
		return err
	}
	if err := db.salvageSealed(names.sealed); err != nil {
		return err
	}
	for i, name := range names.logs {
		l, err := segment.OpenLog(db.opt.FS, filepath.Join(db.dir, name))
		if err != nil {
			return err
		}
		db.addLog(l, segment.LogHead)
		next := uint64(0)
		if i+1 < len(names.logs) {
			next, _ = segment.ParseLogName(names.logs[i+1])
		}
		if err := db.salvageLog(db.log, next); err != nil {
			return err
		}
	}
	if db.last == 0 {
		return cause
	}
	db.salvageEnd()
	db.visible.Store(db.last)
	db.poisoned = fmt.Errorf("%w: it is damaged and open for reading only: %w", ErrPoisoned, cause)
	db.report(start)
	return nil
}

// triage finds out which files cannot be used: those that cannot be opened and
// those of another database than most.
func (db *DB) triage() error {
	names, err := db.opt.FS.List(db.dir)
	if err != nil {
		return err
	}
	ids := map[string][16]byte{}
	count := map[[16]byte]int{}
	db.unusable = map[string]*CorruptError{}
	for _, name := range names {
		id, ok, err := db.identify(name)
		if err != nil {
			db.unusable[name] = damageOf(filepath.Join(db.dir, name), err)
			db.damaged(db.unusable[name])
		} else if ok {
			ids[name] = id
			count[id]++
		}
	}
	for id, n := range count {
		if n > count[db.id] || n == count[db.id] && bytes.Compare(id[:], db.id[:]) < 0 {
			db.id = id
		}
	}
	for _, name := range names {
		if id, ok := ids[name]; ok && id != db.id {
			db.unusable[name] = &CorruptError{File: filepath.Join(db.dir, name), Cause: "the file belongs to another database"}
			db.damaged(db.unusable[name])
		}
	}
	return nil
}

// identify is the database that a file of the history belongs to; ok is false for
// other files.
func (db *DB) identify(name string) (id [16]byte, ok bool, err error) {
	path := filepath.Join(db.dir, name)
	if _, ok := segment.ParseLogName(name); ok {
		l, err := segment.OpenLog(db.opt.FS, path)
		if err != nil {
			return id, false, err
		}
		return l.Header.Database, true, l.Close()
	}
	if _, _, ok := segment.ParseSealedName(name); ok {
		s, err := segment.OpenSealed(db.opt.FS, path, db.cache)
		if err != nil {
			return id, false, err
		}
		return s.Info().Database, true, s.Close()
	}
	return id, false, nil
}

// damageOf is err as what is wrong with the file at path, of which nothing can be
// read.
func damageOf(path string, err error) *CorruptError {
	var bad *CorruptError
	if errors.As(err, &bad) {
		return &CorruptError{File: bad.File, Offset: bad.Offset, Cause: bad.Cause}
	}
	return &CorruptError{File: path, Cause: err.Error()}
}

// salvageSealed opens the sealed files that can be used.
func (db *DB) salvageSealed(names []string) error {
	var all []*segment.Sealed
	defer func() { db.replaceFiles(all, nil) }()
	for _, name := range names {
		s, err := segment.OpenSealed(db.opt.FS, filepath.Join(db.dir, name), db.cache)
		if err != nil {
			return err
		}
		first, last := s.Info().First, s.Info().Last
		if first > db.last+1 {
			db.lose(db.missing(db.dir, 0), first-1)
		}
		if err := db.takeSealed(s); err != nil {
			db.lose(damageOf(s.Path, errors.Join(err, s.Close())), last)
			continue
		}
		all = append(all, s)
	}
	return nil
}

// missing is why the next position is in no file that was read: because of one that
// cannot be used, or else of what is found at an offset of a file.
func (db *DB) missing(path string, offset int64) *CorruptError {
	for name, bad := range db.unusable {
		if first, last, ok := segment.ParseSealedName(name); ok && first <= db.last+1 && db.last < last {
			return &CorruptError{File: bad.File, Offset: bad.Offset, Cause: bad.Cause}
		}
		if first, ok := segment.ParseLogName(name); ok && first == db.last+1 {
			return &CorruptError{File: bad.File, Offset: bad.Offset, Cause: bad.Cause}
		}
	}
	return &CorruptError{File: path, Offset: offset, Cause: "the positions are in no file"}
}

func (db *DB) damaged(err error) { db.recovery.Damage = append(db.recovery.Damage, err) }

// salvageLog reads the whole frames of a file that ends before position next; 0: it
// is the newest.
func (db *DB) salvageLog(log *logFile, next uint64) error {
	log.end.Store(log.Reserved())
	r := log.Frames(segment.LogHead, log.Reserved())
	var bad *CorruptError // the last one, until what it lost is known
	for {
		f, err := r.Next()
		switch {
		case err == io.EOF:
			return nil
		case errors.As(err, &bad):
			offset, more, err := log.Behind(bad.Offset)
			if err != nil {
				return err
			}
			if !more {
				log.end.Store(bad.Offset)
				db.loseEnd(bad, next)
				return nil
			}
			r = log.Frames(offset, log.Reserved())
		case err != nil:
			return err
		default:
			db.salvageFrame(log, f, bad)
			bad = nil
		}
	}
}

// loseEnd notes that a log file has no whole frame from bad on. In the newest one
// that is usually where it ends.
func (db *DB) loseEnd(bad *CorruptError, next uint64) {
	switch {
	case next == 0:
		db.torn = bad
	case next > db.last+1:
		db.lose(bad, next-1)
	default:
		db.damaged(bad)
	}
}

// salvageFrame enters a whole frame, noting what is missing before it, because of
// bad where that is not nil.
func (db *DB) salvageFrame(log *logFile, f *segment.Frame, bad *CorruptError) {
	switch {
	case f.First > db.last+1 && bad != nil:
		db.lose(bad, f.First-1)
	case f.First > db.last+1:
		db.lose(db.missing(log.Path, f.Offset), f.First-1)
	case bad != nil:
		db.damaged(bad)
	}
	if f.First <= db.last {
		db.damaged(&CorruptError{File: log.Path, Offset: f.Offset, First: f.First, Cause: "the positions were there already"})
		return
	}
	log.Mark(f)
	if err := db.replayFrame(log, f); err != nil {
		db.damaged(&CorruptError{File: log.Path, Offset: f.Offset, First: f.First, Last: f.Last(), Cause: err.Error()})
	}
}

// lose notes that the positions up to last cannot be read.
func (db *DB) lose(lost *CorruptError, last uint64) {
	lost.First, lost.Last = db.last+1, last
	db.lost = append(db.lost, lost)
	db.damaged(lost)
	db.last = last
}

// salvageEnd notes what is missing behind the last frame, as far as bbolt or the
// name of a file that cannot be used tells.
func (db *DB) salvageEnd() {
	for name := range db.unusable {
		if first, last, ok := segment.ParseSealedName(name); ok && first == db.last+1 {
			db.lose(db.missing(db.dir, 0), last)
			break
		}
	}
	s, durable, _ := openStates(db.opt.FS, statesPath(db.dir), db.id)
	if s == nil {
		return
	}
	s.close()
	if durable > db.last {
		lost := db.missing(db.dir, 0)
		if db.torn != nil {
			lost = db.torn
		}
		db.lose(lost, durable)
	}
}

// lostUpTo is the first loss that a view at position seq should have seen.
func (db *DB) lostUpTo(seq uint64) error {
	if len(db.lost) == 0 || db.lost[0].First > seq {
		return nil
	}
	return db.lost[0]
}

// lostAt is the loss of positions from first on.
func (db *DB) lostAt(first, last uint64) error {
	for _, l := range db.lost {
		if l.First <= first && first <= l.Last {
			return l
		}
	}
	return &CorruptError{File: db.dir, First: first, Last: last, Cause: "the positions are not in the log files"}
}
