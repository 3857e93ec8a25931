package store

import (
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
	names, err := db.sweep()
	if err != nil {
		return err
	}
	db.states = &states{path: statesPath(db.dir)}
	db.states.damage.Store(&cause) // states are asked of the events
	db.salvageSealed(names.sealed)
	for i, name := range names.logs {
		l, err := segment.OpenLog(db.opt.fs, filepath.Join(db.dir, name))
		if err == nil && db.last > 0 && l.Header.Database != db.id {
			err = errors.Join(&CorruptError{File: l.Path, Cause: "the file belongs to another database"}, l.Close())
		}
		if err != nil {
			db.damaged(err)
			continue
		}
		db.id = l.Header.Database
		db.addLog(l, segment.LogHead)
		if err := db.salvageLog(db.log, i == len(names.logs)-1); err != nil {
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

// salvageSealed opens the sealed files that can be opened.
func (db *DB) salvageSealed(names []string) {
	var all []*segment.Sealed
	for _, name := range names {
		path := filepath.Join(db.dir, name)
		first, last, _ := segment.ParseSealedName(name)
		if first > db.last+1 {
			db.lose(&CorruptError{File: db.dir, Cause: "the positions are in no file"}, first-1)
		}
		s, err := segment.OpenSealed(db.opt.fs, path, db.cache)
		if err == nil {
			if err = db.takeSealed(s); err == nil {
				all = append(all, s)
				continue
			}
			s.Close()
		}
		lost := &CorruptError{File: path, Cause: err.Error()}
		if errors.As(err, &lost) {
			lost = &CorruptError{File: lost.File, Offset: lost.Offset, Cause: lost.Cause}
		}
		db.lose(lost, last)
	}
	db.replaceFiles(all, nil)
}

func (db *DB) damaged(err error) { db.recovery.Damage = append(db.recovery.Damage, err) }

// salvageLog reads the whole frames of a file.
func (db *DB) salvageLog(log *logFile, newest bool) error {
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
			}
			if !more {
				if !newest {
					db.damaged(bad)
				}
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

// salvageFrame enters a whole frame, noting what is missing before it, because of
// bad where that is not nil.
func (db *DB) salvageFrame(log *logFile, f *segment.Frame, bad *CorruptError) {
	switch {
	case f.First > db.last+1 && bad != nil:
		db.lose(bad, f.First-1)
	case f.First > db.last+1:
		db.lose(&CorruptError{File: log.Path, Offset: f.Offset, Cause: "the positions before this place are in no file"}, f.First-1)
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

// salvageEnd notes what is missing behind the last frame, as far as bbolt tells.
func (db *DB) salvageEnd() {
	s, durable, _ := openStates(statesPath(db.dir), db.id)
	if s == nil {
		return
	}
	s.close()
	if last := db.last; durable > last {
		db.lose(&CorruptError{File: db.log.Path, Offset: db.log.end.Load(), Cause: "the log ends before the last durable position"}, durable)
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
