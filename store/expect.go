package store

import (
	"fmt"

	"github.com/annalsdb/annals/segment"
)

// Expect is what a key should be like before a batch: [Any], [Absent],
// [Exists], or [Exactly] at a version. The zero Expect is Any.
type Expect struct {
	kind    expectKind
	version uint64
}

type expectKind uint8

const (
	expectAny expectKind = iota
	expectAbsent
	expectExists
	expectExactly
)

var (
	// Any: whatever it is like.
	Any = Expect{}
	// Absent: it has no event, or its last change is a delete.
	Absent = Expect{kind: expectAbsent}
	// Exists: it has an event, and its last change is not a delete.
	Exists = Expect{kind: expectExists}
)

// Exactly: its last version is version; 0 = it has no event.
func Exactly(version uint64) Expect { return Expect{kind: expectExactly, version: version} }

// String is "absent" or "at version 3".
func (e Expect) String() string {
	switch e.kind {
	case expectAbsent:
		return "absent"
	case expectExists:
		return "there"
	case expectExactly:
		return fmt.Sprintf("at version %d", e.version)
	}
	return "anything"
}

// Expectation is what a batch expects of a key, written by it or not. Which
// change is the last follows the stream's order; heartbeats and retractions
// count as versions, and what is retracted is no last change.
type Expectation struct {
	Stream, Key string
	Expect      Expect
}

func checkExpectations(list []Expectation) error {
	for _, x := range list {
		if err := (&Event{Stream: x.Stream, Key: x.Key}).Check(); err != nil {
			return fmt.Errorf("expectation: %w", err)
		}
	}
	return nil
}

// checkExpect compares expectations with the heads of their keys. mu is held.
func (db *DB) checkExpect(list []Expectation) error {
	known := db.streams.Load()
	for _, x := range list {
		var h head
		if s := known.byName[x.Stream]; s != nil {
			k, err := db.key(s, x.Key)
			if err != nil {
				return fmt.Errorf("expectation: %w", err)
			}
			h = k.Data.head
		}
		if !x.Expect.holds(h) {
			return &ConflictError{Stream: x.Stream, Key: x.Key, Want: x.Expect, Version: h.version, Deleted: h.deleted}
		}
	}
	return nil
}

func (e Expect) holds(h head) bool {
	switch e.kind {
	case expectAbsent:
		return h.version == 0 || h.deleted
	case expectExists:
		return h.version > 0 && !h.deleted
	case expectExactly:
		return h.version == e.version
	}
	return true
}

// checkRetractions refuses a retraction that does not name an earlier event of
// its key: one in the log, or one before it in the batch.
func (db *DB) checkRetractions(events []Event) error {
	known := db.streams.Load()
	for i := range events {
		e := &events[i]
		if e.Kind != Retraction {
			continue
		}
		if first := db.last + 1; e.Retracts >= first {
			if j := e.Retracts - first; j < uint64(i) && events[j].Stream == e.Stream && events[j].Key == e.Key {
				continue
			}
		} else if s := known.byName[e.Stream]; s != nil {
			db.writer.follow(db, db.files.Load(), s, e.Key, s.live.Get(e.Key))
			_, ok, err := db.writer.find(e.Retracts)
			if err != nil {
				return fmt.Errorf("retraction %d of %d: %w", i+1, len(events), err)
			}
			if ok {
				continue
			}
		}
		return fmt.Errorf("%w: retraction %d of %d: position %d is no earlier event of key %q of stream %q",
			segment.ErrInvalid, i+1, len(events), e.Retracts, e.Key, e.Stream)
	}
	return nil
}
