package store

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/segment"
	bolt "go.etcd.io/bbolt"
)

// With SyncInterval the sync behind an append's back fails, and appends after it are
// told so.
func TestAppend_FailedSyncOfAnInterval(t *testing.T) {
	fs := newFaultFS()
	db := open(t, t.TempDir(), &Options{FS: fs, Sync: SyncInterval, SyncEvery: time.Millisecond})
	if err := put(t, db, "a", 1); err != nil {
		t.Fatal(err)
	}
	fire := errors.New("disk on fire")
	fs.set(func(fs *faultFS) { fs.sync = fire })
	var err error
	for v := int64(2); err == nil; v++ { // until the clock has struck
		err = put(t, db, "a", v)
	}
	if !errors.Is(err, ErrPoisoned) || !errors.Is(err, fire) {
		t.Errorf("append: %v", err)
	}
	if _, ok, err := db.Latest().Get("s", "a"); !ok || err != nil {
		t.Errorf("reads go on: %v, %v", ok, err)
	}
}

// Reports are read by people: each line says what its numbers are of.
func TestStats_String(t *testing.T) {
	s := Stats{Position: 7, Changes: 4, Deletes: 1, Heartbeats: 1, Retractions: 1, Batches: 3, Keys: 2, Streams: 1, LogBytes: 99, LogFiles: 1}
	text := s.String()
	for _, want := range []string{
		"position     7, ", "4 changes, 1 deletes, 1 heartbeats, 0 unchanged, 1 retractions in 3 batches\n", "2 in 1 streams\n", "99 bytes in 1 files",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	r := VerifyReport{Sealed: 2, Frames: 3, Bytes: 99, Events: 7, States: 1}
	if got, want := r.String(), "7 events in 2 sealed files and 3 frames of log, 99 bytes, 1 states: all as they should be"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	r.Results = 5
	if got, want := r.String(), "1 states, 5 results of aggregates: all as they should be"; !strings.HasSuffix(got, want) {
		t.Errorf("%q, want %q at its end", got, want)
	}
}

// TestAggregate_DamagedBolt: what is kept of an aggregate goes bad while the database is
// open: answers are from the events, until it is built anew.
func TestAggregate_DamagedBolt(t *testing.T) {
	for what, damage := range map[string]func(b *bolt.Bucket) error{
		"a cell": func(b *bolt.Bucket) error {
			c := b.Cursor()
			key, value := c.Seek(make([]byte, cellKeyLeast)) // behind the basis
			if value == nil {
				key, value = c.Next() // levels
			}
			value = slices.Clone(value)
			value[0] ^= 1
			return b.Put(slices.Clone(key), value)
		},
		"the basis": func(b *bolt.Bucket) error { return b.Put(basisKey, sealCell([]byte{0xff, 0xff}, 0, basisKey)) },
		"a basis too long": func(b *bolt.Bucket) error {
			return b.Put(basisKey, sealCell(append(body(b.Get(basisKey)), 0), 0, basisKey))
		},
		"the levels": func(b *bolt.Bucket) error { return b.DeleteBucket(levelsKey) },
	} {
		db := open(t, t.TempDir(), &Options{noSeal: true, CheckpointEvery: time.Hour})
		sold(t, db, time.Second, 2*time.Second, time.Hour)
		d := counting("sales")
		if _, err := db.Maintain(bg, d); err != nil {
			t.Fatal(err)
		}
		waitBuilt(db)
		err := db.states.update(func(tx *bolt.Tx) error { return damage(tx.Bucket([]byte(aggregateBucket + d.Fingerprint()))) })
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		report, err := db.Verify(bg, nil)
		if err == nil {
			t.Errorf("%s: verify: %v", what, report)
		}
		asBatch(t, db, []aggregate.Definition{d})
		if err := db.Checkpoint(bg); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		asBatch(t, db, []aggregate.Definition{d})
	}
}

// body is a copy of a sealed value without its checksum.
func body(value []byte) []byte { return slices.Clone(value[:len(value)-4]) }

// TestPartials_Groups: of groups that are named, what is kept is whole; of none there is
// nothing.
func TestPartials_Groups(t *testing.T) {
	db := open(t, t.TempDir(), &Options{noSeal: true})
	sold(t, db, time.Second, 2*time.Second, 3*time.Hour, 200*time.Hour)
	hour := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var others Batch
	for i := range 3000 { // enough for what is kept to be worth it
		e := Event{Stream: crowdStream, Key: "k", Type: "sold", Time: hour.Add(time.Duration(i/30) * time.Minute), Fields: Fields{Int64("x", 1)}}
		if i%3 > 0 {
			e.Type = "returned"
		}
		others.Events = append(others.Events, e)
	}
	if _, err := db.Append(bg, others); err != nil {
		t.Fatal(err)
	}
	a, err := db.Maintain(bg, counting("sales"))
	if err != nil {
		t.Fatal(err)
	}
	waitBuilt(db)
	for _, c := range []struct {
		groups [][]Value
		sold   int64 // rows; -1: no group
	}{
		{nil, 1004}, {[][]Value{{segment.StringOf("sold")}}, 1004}, {[][]Value{{segment.StringOf("sold")}, {segment.StringOf("never")}}, 1004}, {[][]Value{}, -1},
	} {
		p, err := a.Partials(bg, PartialsQuery{Groups: c.groups})
		if err != nil || len(p.Events) > 0 {
			t.Fatalf("groups %v: %v, without those of %v", c.groups, err, p.Events)
		}
		results, err := p.Cells.Results(math.MinInt64, latest, latest)
		if err != nil {
			t.Fatal(err)
		}
		got := int64(-1)
		for _, r := range results {
			if r.Group[0].Equal(segment.StringOf("sold")) {
				got = r.Values[0].Int64()
			}
		}
		if got != c.sold {
			t.Errorf("groups %v: %d were sold, want %d", c.groups, got, c.sold)
		}
	}
}
