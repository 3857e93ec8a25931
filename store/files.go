package store

import (
	"slices"
	"sort"
	"sync/atomic"

	"github.com/annalsdb/annals/segment"
)

// # What readers look at
//
// The history is in sealed files, dense from position 1, and behind them in log
// files. A [files] says which; it never changes, and another takes its place when
// a log file is begun or sealed, or sealed files are merged. A read pins the one
// that it finds, looks at the live index behind its sealed positions and at the
// files for the rest, and lets go before its caller has a turn: so a pin lasts
// microseconds, and whoever replaced files waits for the last pin on the ones
// before, then forgets what they had in memory and removes them from the disk.
//
// A view is not pinned to files. It is a moment, and a moment's answers are the
// same whichever files hold them: that is what sealing and merging must keep.

// files is where the history is.
type files struct {
	sealed  []*segment.Sealed // oldest first
	through uint64            // the last position in them
	logs    []*logFile        // oldest first
	retract bool              // a sealed file has a retraction

	// users counts the pins, one more while these are the current files and
	// one while those before are in use.
	users atomic.Int64
	next  *files
	idle  chan struct{} // closed when neither these nor any before are in use
}

func newFiles(sealed []*segment.Sealed, logs []*logFile) *files {
	f := &files{sealed: sealed, logs: logs, idle: make(chan struct{})}
	f.users.Store(1)
	if n := len(sealed); n > 0 {
		f.through = sealed[n-1].Info().Last
	}
	for _, s := range sealed {
		f.retract = f.retract || s.Info().Retractions > 0
	}
	return f
}

// pin keeps the files that are there now until unpin. A database that is closed
// has none.
func (db *DB) pin() (*files, error) {
	for {
		f := db.files.Load()
		switch n := f.users.Load(); {
		case n > 0 && f.users.CompareAndSwap(n, n+1):
			return f, nil
		case n == 0 && db.closed.Load():
			return nil, ErrClosed
		}
	}
}

func (f *files) unpin() {
	for f != nil && f.users.Add(-1) == 0 {
		close(f.idle)
		f = f.next
	}
}

// replaceFiles makes other files the current ones and returns those before. mu is
// held, or nobody else is there.
func (db *DB) replaceFiles(sealed []*segment.Sealed, logs []*logFile) (before *files) {
	f := newFiles(sealed, logs)
	if before = db.files.Load(); before != nil {
		f.users.Add(1)
		before.next = f
	}
	db.files.Store(f)
	if before != nil {
		before.unpin()
	}
	return before
}

// addLog makes l, up to end, the newest log file. mu is held, or nobody else is
// there.
func (db *DB) addLog(l *segment.Log, end int64) {
	f := db.files.Load()
	db.log = &logFile{Log: l, number: db.logNumber}
	db.logNumber = (db.logNumber + 1) % maxFiles
	db.log.end.Store(end)
	db.replaceFiles(f.sealed, append(slices.Clip(f.logs), db.log))
}

// log is the log file of that number, which a version in the live index names.
func (f *files) log(number int) *logFile {
	return f.logs[(number-f.logs[0].number+maxFiles)%maxFiles]
}

// logOf is the log file that holds position seq, which is behind the sealed ones.
func (f *files) logOf(seq uint64) *logFile {
	i := sort.Search(len(f.logs), func(i int) bool { return f.logs[i].Header.First > seq })
	return f.logs[max(i-1, 0)]
}

// sealedOf is the place in sealed of the file that holds position seq.
func (f *files) sealedOf(seq uint64) int {
	return sort.Search(len(f.sealed), func(i int) bool { return f.sealed[i].Info().Last >= seq })
}
