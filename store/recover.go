package store

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
)

// Recovery is what Open found and did.
type Recovery struct {
	Files   int    // log files
	Events  uint64 // in them
	Streams int
	Keys    int

	TornBytes    int64   // cut off the log's end: a batch that nobody was told is stored
	StateRebuilt bool    // bbolt was built anew from the log
	StateReason  string  // why
	Replayed     uint64  // events that bbolt did not have yet
	Damage       []error // with Options.ReadDamaged: each a [CorruptError]
	Elapsed      time.Duration
}

// String is the report in one line.
func (r Recovery) String() string {
	s := fmt.Sprintf("%d events of %d keys in %d streams from %d log files in %v", r.Events, r.Keys, r.Streams, r.Files, r.Elapsed.Round(time.Millisecond))
	if r.TornBytes > 0 {
		s += fmt.Sprintf("; cut a torn tail of %d bytes", r.TornBytes)
	}
	if len(r.Damage) > 0 {
		return s + fmt.Sprintf("; damaged in %d places, open for reading only", len(r.Damage))
	}
	if r.StateRebuilt {
		s += "; rebuilt the states: " + r.StateReason
	} else if r.Replayed > 0 {
		s += fmt.Sprintf("; replayed %d events into the states", r.Replayed)
	}
	return s
}

// Recovery is what Open found and did.
func (db *DB) Recovery() Recovery { return db.recovery }

// recover brings the database to the state of its log.
func (db *DB) recover() error {
	start := time.Now()
	files, err := db.sweep()
	if err != nil {
		return err
	}
	if len(files) == 0 {
		err = db.create()
	} else {
		err = db.replay(files)
	}
	if err != nil {
		return err
	}
	db.report(start)
	return nil
}

// report fills in what was found.
func (db *DB) report(start time.Time) {
	r := &db.recovery
	r.Files, r.Events, r.Elapsed = len(*db.logs.Load()), db.last, time.Since(start)
	for _, s := range db.streams.Load().list {
		r.Streams++
		r.Keys += s.live.Len()
	}
	db.opt.Logger.Info("annals: opened", "dir", db.dir, "found", r.String())
}

// sweep removes what an interrupted creation left and lists the log files in
// order of position.
func (db *DB) sweep() (files []string, err error) {
	names, err := db.opt.fs.List(db.dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if strings.HasSuffix(name, ".log.tmp") || name == statesName+".tmp" {
			if err := db.opt.fs.Remove(filepath.Join(db.dir, name)); err != nil {
				return nil, err
			}
		}
		if _, ok := segment.ParseLogName(name); ok {
			files = append(files, name)
		}
	}
	slices.Sort(files)
	return files, nil
}

// create begins a new database.
func (db *DB) create() error {
	path := statesPath(db.dir)
	if _, err := os.Stat(path); err == nil {
		return &CorruptError{File: path, Cause: "there are states but no log files; restore the log from a copy, or remove the states to begin anew"}
	}
	rand.Read(db.id[:])
	if err := db.createLog(); err != nil {
		return err
	}
	var err error
	if db.states, err = createStates(path, db.id); err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	return nil
}

// createLog makes the log file for the next position the newest. mu is held, or
// nobody else is there.
func (db *DB) createLog() error {
	logs := *db.logs.Load()
	if len(logs) >= maxFiles {
		return fmt.Errorf("%w: there are %d log files, more cannot be told apart; open with a larger Options.SegmentSize", ErrTooLarge, len(logs))
	}
	var salt [4]byte
	rand.Read(salt[:])
	l, err := segment.CreateLog(db.opt.fs, db.dir, segment.LogHeader{
		Salt: binary.LittleEndian.Uint32(salt[:]), First: db.last + 1,
		Created: db.opt.Now().UnixNano(), Database: db.id,
	})
	if err != nil {
		return err
	}
	db.addLog(l, segment.LogHead)
	db.synced = segment.LogHead
	return nil
}

func (db *DB) addLog(l *segment.Log, end int64) {
	logs := *db.logs.Load()
	db.log = &logFile{Log: l, number: len(logs)}
	db.log.end.Store(end)
	logs = append(slices.Clip(logs), db.log)
	db.logs.Store(&logs)
}

// replay reads the log files into the index and brings the states up to them.
func (db *DB) replay(files []string) error {
	durable := uint64(0)
	for i, name := range files {
		l, err := segment.OpenLog(db.opt.fs, filepath.Join(db.dir, name))
		if err != nil {
			return err
		}
		if i == 0 {
			db.id = l.Header.Database
			db.states, durable, db.recovery.StateReason = openStates(statesPath(db.dir), db.id)
		}
		db.addLog(l, segment.LogHead)
		if err := db.replayLog(l, i == len(files)-1, durable); err != nil {
			return err
		}
	}
	if db.last < durable {
		return &CorruptError{File: db.log.Path, First: db.last + 1, Last: durable,
			Cause: fmt.Sprintf("the log ends at position %d, but position %d was durable; restore the missing log files or their ends from a copy", db.last, durable)}
	}
	db.visible.Store(db.last)
	db.synced = db.log.end.Load()
	return db.recoverStates(durable)
}

func (db *DB) replayLog(l *segment.Log, newest bool, durable uint64) error {
	log := db.log
	wrong := func(offset int64, cause string) error {
		return &CorruptError{File: l.Path, Offset: offset, First: db.last + 1, Cause: cause}
	}
	switch {
	case l.Header.Database != db.id:
		return wrong(0, "the file belongs to another database than those before it")
	case l.Header.First != db.last+1:
		return wrong(0, fmt.Sprintf("the file begins at position %d, those before it end at %d; a file is missing or twice there", l.Header.First, db.last))
	}
	end, torn, err := l.Recover(newest, durable, func(f *segment.Frame) error {
		if f.First != db.last+1 {
			return wrong(f.Offset, fmt.Sprintf("the frame begins at position %d", f.First))
		}
		if err := db.replayFrame(log, f, durable); err != nil {
			return wrong(f.Offset, err.Error())
		}
		return nil
	})
	log.end.Store(end)
	db.recovery.TornBytes = torn
	return err
}

// replayFrame enters what a frame holds. Keys with events that bbolt lacks go on
// the dirty lists.
func (db *DB) replayFrame(log *logFile, f *segment.Frame, durable uint64) error {
	db.stats.frame(f)
	if f.Marker == segment.StreamFrame {
		return db.replayStreams(f)
	}
	if db.last > 0 && f.Recorded <= db.recorded {
		return fmt.Errorf("recorded %s is not after the batch before it", instant(f.Recorded))
	}
	streams := db.streams.Load().list
	for row, err := range db.rows(f) {
		if err != nil {
			return err
		}
		s := streams[row.Stream-1]
		k := s.key(row.Key, row.seq)
		v := index.Version{Time: f.Recorded - row.Lag, Seq: row.seq, Place: uint64(placeOf(row.Kind, row.Unchanged, log.number, row.at))}
		s.enter(k, v, row.Ref)
		k.Data.reached.Store(v.Seq)
		if k.Data.version != row.Version && len(db.lost) > 0 {
			k.Data.version = row.Version // those between are lost
		}
		if k.Data.version != row.Version {
			return fmt.Errorf("event %d says version %d of key %q, it is number %d", row.seq, row.Version, row.Key, k.Data.version)
		}
		db.stats.event(row.Kind, row.Unchanged)
		if row.ID != "" {
			s.ids.add(row.ID, v)
		}
		if row.seq > durable && k.Data.dirty != db.generation {
			k.Data.dirty = db.generation
			s.dirty = append(s.dirty, k)
		}
	}
	db.last, db.recorded = f.Last(), f.Recorded
	return nil
}

func (db *DB) replayStreams(f *segment.Frame) error {
	pos := 0
	for range f.Rows {
		body, next := f.RowAt(pos)
		def, err := segment.ParseStream(body)
		if err != nil {
			return err
		}
		if err := db.adopt(def); err != nil {
			return err
		}
		pos = next
	}
	return nil
}

// recoverStates computes the states that bbolt does not have, all of them where
// it cannot be used.
func (db *DB) recoverStates(durable uint64) error {
	if db.states != nil {
		db.recovery.Replayed = db.last - durable
		for _, s := range db.streams.Load().list {
			db.fill(s, s.dirty)
		}
		return nil
	}
	db.recovery.StateRebuilt = true
	reason := errors.New(db.recovery.StateReason)
	db.states = &states{path: statesPath(db.dir)}
	db.states.damage.Store(&reason)
	return db.rebuild(context.Background())
}
