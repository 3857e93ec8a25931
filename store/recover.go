package store

import (
	"cmp"
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
	Logs    int    // log files
	Sealed  int    // sealed files
	Events  uint64 // in both
	Read    uint64 // of them, those in log files, which Open reads
	Streams int

	TornBytes    int64   // cut off the log's end: a batch that nobody was told is stored
	StateRebuilt bool    // bbolt cannot be used and is built anew in the background
	StateReason  string  // why
	Behind       uint64  // events that bbolt does not have yet
	Damage       []error // with Options.ReadDamaged: each a [CorruptError]
	Elapsed      time.Duration
}

// String is the report in one line.
func (r Recovery) String() string {
	s := fmt.Sprintf("%d events in %d streams from %d sealed and %d log files, %d of them read, in %v",
		r.Events, r.Streams, r.Sealed, r.Logs, r.Read, r.Elapsed.Round(10*time.Microsecond))
	if r.TornBytes > 0 {
		s += fmt.Sprintf("; cut a torn tail of %d bytes", r.TornBytes)
	}
	if len(r.Damage) > 0 {
		return s + fmt.Sprintf("; damaged in %d places, open for reading only", len(r.Damage))
	}
	if r.StateRebuilt {
		s += "; the states are rebuilt: " + r.StateReason
	} else if r.Behind > 0 {
		s += fmt.Sprintf("; the states lack %d events", r.Behind)
	}
	return s
}

// Recovery is what Open found and did.
func (db *DB) Recovery() Recovery { return db.recovery }

// recover brings the database to the state of its files.
func (db *DB) recover() error {
	start := time.Now()
	names, err := db.sweep()
	if err == nil {
		err = db.opt.FS.SyncDir(db.dir) // a name that is found may not be durable
	}
	if err != nil {
		return err
	}
	if len(names.logs)+len(names.sealed) == 0 {
		err = db.create()
	} else {
		err = db.replay(names)
	}
	if err == nil {
		err = db.clean(names.stale)
	}
	if err != nil {
		return err
	}
	db.report(start)
	return nil
}

// clean removes files that nothing is missing without.
func (db *DB) clean(stale []string) error {
	for _, name := range stale {
		err := db.opt.FS.Remove(filepath.Join(db.dir, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) { // another of its name was finished since
			return err
		}
	}
	return nil
}

// report fills in what was found.
func (db *DB) report(start time.Time) {
	r, f := &db.recovery, db.files.Load()
	r.Logs, r.Sealed, r.Events, r.Read = len(f.logs), len(f.sealed), db.last, db.last-f.through
	r.Streams = len(db.streams.Load().list)
	r.Elapsed = time.Since(start)
	db.opt.Logger.Info("annals: opened", "dir", db.dir, "found", r.String())
}

// fileNames is the names of the files that hold the history, by position, and of
// those that an interruption left: files that were not finished, and those whose
// positions another one has been made to hold.
type fileNames struct{ sealed, logs, stale []string }

// sweep lists the files.
func (db *DB) sweep() (found fileNames, err error) {
	names, err := db.opt.FS.List(db.dir)
	if err != nil {
		return found, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return db.unusable[name] != nil })
	slices.Sort(names)
	stale := func(name string) { found.stale = append(found.stale, name) }
	through := uint64(0) // the last position in sealed files
	for _, name := range widestFirst(names) {
		if _, last, _ := segment.ParseSealedName(name); last <= through {
			stale(name)
		} else {
			found.sealed, through = append(found.sealed, name), last
		}
	}
	for _, name := range names {
		first, isLog := segment.ParseLogName(name)
		switch {
		case strings.HasSuffix(name, ".log.tmp"), strings.HasSuffix(name, ".seg.tmp"), name == statesName+".tmp":
			stale(name)
		case isLog && first <= through:
			stale(name)
		case isLog:
			found.logs = append(found.logs, name)
		}
	}
	return found, nil
}

// widestFirst is the names of sealed files among names by their first position,
// and of those with the same one the one that holds most first.
func widestFirst(names []string) (sealed []string) {
	for _, name := range names {
		if _, _, ok := segment.ParseSealedName(name); ok {
			sealed = append(sealed, name)
		}
	}
	slices.SortStableFunc(sealed, func(a, b string) int {
		return cmp.Or(strings.Compare(a[:20], b[:20]), strings.Compare(b, a))
	})
	return sealed
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
	if db.states, err = createStates(db.opt.FS, path, db.id); err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	return nil
}

// createLog makes the log file for the next position the newest. mu is held, or
// nobody else is there.
func (db *DB) createLog() error {
	logs := db.files.Load().logs
	if len(logs) >= maxFiles {
		return fmt.Errorf("%w: there are %d log files, more cannot be told apart; open with a larger Options.SegmentSize", ErrTooLarge, len(logs))
	}
	var salt [4]byte
	rand.Read(salt[:])
	l, err := segment.CreateLog(db.opt.FS, db.dir, segment.LogHeader{
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

// replay opens the sealed files and reads the log files into the index.
func (db *DB) replay(names fileNames) error {
	if err := db.openSealed(names.sealed); err != nil {
		return err
	}
	durable, synced := uint64(0), int64(0) // a position; an offset in the newest log file
	for i, name := range names.logs {
		l, err := segment.OpenLog(db.opt.FS, filepath.Join(db.dir, name))
		if err != nil {
			return err
		}
		if db.states == nil {
			if len(names.sealed) == 0 {
				db.id = l.Header.Database
			}
			durable = db.openStates()
		}
		db.addLog(l, segment.LogHead)
		if synced, err = db.replayLog(l, i == len(names.logs)-1, durable); err != nil {
			return err
		}
	}
	if db.log == nil {
		return &CorruptError{File: db.dir, First: db.last + 1, Cause: "there are sealed files but no log file; restore the newest log file from a copy"}
	}
	if db.last < durable {
		return &CorruptError{File: db.log.Path, First: db.last + 1, Last: durable,
			Cause: fmt.Sprintf("the log ends at position %d, but position %d was durable; restore the missing log files or their ends from a copy", db.last, durable)}
	}
	// What a process wrote that was killed before it synced, or whose sync failed, is
	// found, and shown from now on, and the next crash may be that of the machine.
	if err := db.log.Renew(synced, db.log.end.Load()); err != nil {
		return err
	}
	db.visible.Store(db.last)
	db.synced = db.log.end.Load()
	db.recovery.Behind = db.last - db.states.reached.Load()
	db.behind.Store(db.files.Load().through > db.states.reached.Load())
	return nil
}

// openSealed opens the sealed files, which must hold every position from 1 on.
func (db *DB) openSealed(names []string) error {
	var all []*segment.Sealed
	defer func() { db.replaceFiles(all, nil) }()
	for _, name := range names {
		s, err := segment.OpenSealed(db.opt.FS, filepath.Join(db.dir, name), db.cache)
		if err != nil {
			return err
		}
		all = append(all, s)
		if err := db.takeSealed(s); err != nil {
			return err
		}
	}
	return nil
}

// takeSealed takes what a sealed file says into account.
func (db *DB) takeSealed(s *segment.Sealed) error {
	info := s.Info()
	switch {
	case db.last == 0 && !db.salvaged:
		db.id = info.Database
	case info.Database != db.id:
		return &CorruptError{File: s.Path, First: info.First, Last: info.Last, Cause: "the file belongs to another database than those before it"}
	}
	if info.First != db.last+1 {
		return &CorruptError{File: s.Path, First: info.First, Last: info.Last,
			Cause: fmt.Sprintf("the file begins at position %d, those before it end at %d; a file is missing", info.First, db.last)}
	}
	for i := range info.Streams {
		if err := db.adopt(info.Streams[i].Def); err != nil {
			return &CorruptError{File: s.Path, First: info.First, Last: info.Last, Cause: err.Error()}
		}
	}
	db.last, db.recorded = info.Last, info.LastRecorded
	return nil
}

// openStates opens bbolt's file and says which position must have been durable.
// One that cannot be used is built anew in the background.
func (db *DB) openStates() (durable uint64) {
	path := statesPath(db.dir)
	s, durable, reason := openStates(db.opt.FS, path, db.id)
	if s == nil {
		s = &states{fs: db.opt.FS, path: path}
		cause := errors.New(reason)
		s.damage.Store(&cause)
		db.recovery.StateRebuilt, db.recovery.StateReason = true, reason
	}
	db.states = s
	return durable
}

// replayLog enters what a log file holds, and returns the offset up to which it says
// that it was synced.
func (db *DB) replayLog(l *segment.Log, newest bool, durable uint64) (synced int64, err error) {
	log := db.log
	wrong := func(offset int64, cause string) error {
		return &CorruptError{File: l.Path, Offset: offset, First: db.last + 1, Cause: cause}
	}
	switch {
	case l.Header.Database != db.id:
		return 0, wrong(0, "the file belongs to another database than those before it")
	case l.Header.First != db.last+1:
		return 0, wrong(0, fmt.Sprintf("the file begins at position %d, those before it end at %d; a file is missing or twice there", l.Header.First, db.last))
	}
	end, torn, err := l.Recover(newest, durable, func(f *segment.Frame) error {
		if f.First != db.last+1 {
			return wrong(f.Offset, fmt.Sprintf("the frame begins at position %d", f.First))
		}
		if err := db.replayFrame(log, f); err != nil {
			return wrong(f.Offset, err.Error())
		}
		synced = f.Durable
		return nil
	})
	log.end.Store(end)
	db.recovery.TornBytes = torn
	return min(max(synced, segment.LogHead), end), err
}

// replayFrame enters what a frame holds. Keys with events that bbolt lacks are due
// for a record.
func (db *DB) replayFrame(log *logFile, f *segment.Frame) error {
	log.tally.frame(f)
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
		if err := db.replayRow(log, streams[row.Stream-1], f, row); err != nil {
			return err
		}
	}
	db.last, db.recorded = f.Last(), f.Recorded
	return nil
}

func (db *DB) replayRow(log *logFile, s *stream, f *segment.Frame, row *frameRow) error {
	k := s.live.Get(row.Key)
	if k == nil {
		k = index.NewKey[keyState](row.Key)
		k.Data.head = head{version: row.Version - 1, seen: never}
		k.Data.partial = true
		s.live.Insert(k)
		db.memory.keys.Add(keyBytes)
	}
	v := index.Version{Time: f.Recorded - row.Lag, Seq: row.Seq, Place: uint64(placeOf(row.Kind, row.Unchanged, log.number, row.at))}
	db.enter(s, k, log, v, row.Ref)
	if k.Data.version != row.Version && db.salvaged {
		k.Data.version = row.Version // those between are lost
	}
	if k.Data.version != row.Version {
		return fmt.Errorf("event %d says version %d of key %q, it is number %d", row.Seq, row.Version, row.Key, k.Data.version)
	}
	k.Data.reached.Store(v.Seq)
	log.tally.event(row.Kind, row.Unchanged)
	if row.ID != "" {
		log.ids.add(s.number, row.ID, v)
	}
	if v.Seq <= db.states.reached.Load() {
		return nil
	}
	if due := k.Data.newest.Load(); due != nil {
		due.head.last = v.Seq
		return nil
	}
	db.due(s, k)
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
