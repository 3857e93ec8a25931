package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/annalsdb/annals/segment"
)

// # Compaction
//
// While events come, a merge waits for Fanout files of a size: each event is then
// written anew once for each size, and there are fewer than Fanout files of each, all
// of which a read may have to ask. Once no events come, there is time to have fewer:
// files are merged until each has more rows than all younger ones together, so that
// there are at most log2(events) of them, and mostly one or two. A file is only taken
// into that if it then at least doubles, so a database that rests again and again
// writes an event anew at most log2(events) times more.

// calm is called when a while has passed without events.
func (db *DB) calm() {
	db.resting.Store(true)
	ask(db.mergeDue)
}

// Compact seals everything appended so far and merges what is sealed into as few
// files as a database has once no events have come for a while, which reads are
// fastest from. It is never needed, since that happens by itself after one to two
// Options.CheckpointEvery. It takes some microseconds an event that is written anew,
// and room on the disk for it beside what is there. Events may be appended meanwhile.
func (db *DB) Compact(ctx context.Context) error {
	err := db.Seal(ctx)
	if err == nil {
		err = db.mergeDown(ctx, compactable)
	}
	if errors.Is(err, errStopped) {
		err = ErrClosed
	}
	if err != nil {
		return fmt.Errorf("compact: %w", err)
	}
	return nil
}

// runMerges merges sealed files until the database closes.
func (db *DB) runMerges() {
	for {
		select {
		case <-db.stop:
			return
		case <-db.mergeDue:
		}
		err := db.mergeDown(context.Background(), db.mergeable)
		if err == nil && db.resting.Swap(false) {
			err = db.mergeDown(context.Background(), compactable)
		}
		if err != nil && !errors.Is(err, errStopped) {
			db.opt.Logger.Error("annals: merge failed", "dir", db.dir, "error", err)
		}
	}
}

// mergeDown merges runs of adjacent files as long as there are such as which says.
func (db *DB) mergeDown(ctx context.Context, which func([]*segment.Sealed) (from, to int)) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if merged, err := db.mergeSome(which); !merged || err != nil {
			return err
		}
	}
}

// mergeSome merges the run of adjacent files that which says, if there is one.
func (db *DB) mergeSome(which func([]*segment.Sealed) (from, to int)) (bool, error) {
	db.merging.Lock()
	defer db.merging.Unlock()
	if err := db.pace(0); err != nil {
		return false, err
	}
	f, err := db.pin()
	if err != nil {
		return false, err
	}
	from, to := which(f.sealed)
	in := f.sealed[from:to]
	f.unpin() // who holds merging alone takes sealed files away
	if len(in) == 0 {
		return false, nil
	}
	start := time.Now()
	path, size, err := segment.Merge(db.work(in[0].Info().First), in)
	if err != nil {
		return false, fmt.Errorf("merge %d files from %s on: %w", len(in), in[0].Path, err)
	}
	merged, err := segment.OpenSealed(db.opt.FS, path, db.cache)
	if err != nil {
		return false, err
	}
	db.mu.Lock()
	now := db.files.Load()
	sealed := append(now.sealed[:from:from], merged)
	before := db.replaceFiles(append(sealed, now.sealed[to:]...), now.logs)
	db.stats.merged++
	db.stats.mergedBytes += size
	db.stats.mergeTime += time.Since(start)
	db.mu.Unlock()
	<-before.idle
	for _, s := range in {
		err = errors.Join(err, s.Close(), db.opt.FS.Remove(s.Path))
	}
	return true, err
}

// mergeable is the first run of adjacent files that has fanout files of one tier
// and else only some of lower tiers between them, the lowest tier first. A file's
// tier is how often its rows can be divided by fanout; what fanout files of a tier
// become is of the next. So each event is merged once a tier, and there are fewer
// than fanout files a tier.
func (db *DB) mergeable(sealed []*segment.Sealed) (from, to int) {
	fanout, highest := db.opt.Fanout, 0
	for _, s := range sealed {
		highest = max(highest, tier(s.Info().Rows, fanout))
	}
	for at := 0; at <= highest; at++ {
		n := 0
		for i := range sealed {
			switch t := tier(sealed[i].Info().Rows, fanout); {
			case t > at:
				n = 0
			case t == at:
				if n++; n == 1 {
					from = i
				}
				if n == fanout {
					return from, i + 1
				}
			}
		}
	}
	return 0, 0
}

func tier(rows uint64, fanout int) (n int) {
	for ; rows >= uint64(fanout); rows /= uint64(fanout) {
		n++
	}
	return n
}

// compactable is all files from the oldest on that has no more rows than all younger
// ones together.
func compactable(sealed []*segment.Sealed) (from, to int) {
	from, to = len(sealed), len(sealed)
	younger := uint64(0)
	for i := len(sealed) - 1; i >= 0; i-- {
		rows := sealed[i].Info().Rows
		if rows <= younger {
			from = i
		}
		younger += rows
	}
	return from, to
}
