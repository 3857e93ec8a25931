package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/segment"
	bolt "go.etcd.io/bbolt"
)

// VerifyReport is what Verify read.
type VerifyReport struct {
	Position uint64 // up to which the log was read
	Bytes    int64  // of log
	Frames   uint64
	Events   uint64
	States   uint64 // records in bbolt that were compared with the log
}

// String is the report in one line.
func (r VerifyReport) String() string {
	return fmt.Sprintf("%d events in %d frames, %d bytes of log, %d states: all as they should be", r.Events, r.Frames, r.Bytes, r.States)
}

// Verify reads everything and compares it: the checksum of every frame and every
// row, positions, commit times and versions, the index against the log, and the
// states in bbolt against the fold of the log. It returns all that is wrong,
// joined. progress, if not nil, is told now and then how many of the total bytes
// and states are done. Appends and reads go on meanwhile.
func (db *DB) Verify(ctx context.Context, progress func(done, total int64)) (VerifyReport, error) {
	if db.closed.Load() {
		return VerifyReport{}, ErrClosed
	}
	if len(db.lost) > 0 {
		return VerifyReport{}, fmt.Errorf("verify: %w", errors.Join(db.recovery.Damage...))
	}
	v := verifier{db: db, ctx: ctx, progress: progress, seen: map[*key]uint64{}}
	v.report.Position = db.visible.Load()
	for _, l := range *db.logs.Load() {
		v.total += l.end.Load() - segment.LogHead
	}
	for _, s := range db.streams.Load().list {
		v.total += int64(s.live.Len())
	}
	v.logs()
	v.states()
	if err := errors.Join(v.wrong...); err != nil {
		if db.closed.Load() {
			err = ErrClosed
		}
		return v.report, fmt.Errorf("verify: %w", err)
	}
	return v.report, nil
}

// maxWrong is how many faults are reported before Verify gives up.
const maxWrong = 100

type verifier struct {
	db          *DB
	ctx         context.Context
	progress    func(done, total int64)
	done, total int64
	report      VerifyReport
	last        uint64
	recorded    int64
	seen        map[*key]uint64 // versions
	wrong       []error
}

// fault notes err; it is false when there is no point in going on.
func (v *verifier) fault(err error) bool {
	if err != nil && len(v.wrong) < maxWrong {
		v.wrong = append(v.wrong, err)
	}
	return len(v.wrong) < maxWrong && v.ctx.Err() == nil
}

func (v *verifier) step(n int64) bool {
	v.done += n
	if v.progress != nil {
		v.progress(v.done, v.total)
	}
	if err := v.ctx.Err(); err != nil {
		v.fault(err)
		return false
	}
	return true
}

// logs reads every frame up to the position.
func (v *verifier) logs() {
	for f, err := range v.db.frames(1, v.report.Position) {
		if err != nil {
			v.fault(err)
			return
		}
		if f.First != v.last+1 || v.last > 0 && f.Recorded <= v.recorded {
			v.fault(fmt.Errorf("frame of positions %d to %d comes after position %d and is recorded %s", f.First, f.Last(), v.last, instant(f.Recorded)))
		}
		v.last, v.recorded = f.Last(), f.Recorded
		v.report.Frames++
		v.report.Bytes += f.Size()
		if !v.rows(f) || !v.step(f.Size()) {
			return
		}
	}
	if v.last != v.report.Position {
		v.fault(fmt.Errorf("the log ends at position %d of %d", v.last, v.report.Position))
	}
}

// rows compares the rows of a frame with the index.
func (v *verifier) rows(f *segment.Frame) bool {
	streams := v.db.streams.Load().list
	for row, err := range v.db.rows(f) {
		if err != nil {
			return v.fault(err)
		}
		v.report.Events++
		s := streams[row.Stream-1]
		if err := v.row(s, &row, f.Recorded); err != nil && !v.fault(fmt.Errorf("event %d of key %q of stream %q: %w", row.seq, row.Key, s.Name, err)) {
			return false
		}
	}
	return true
}

func (v *verifier) row(s *stream, row *frameRow, recorded int64) error {
	k := s.live.Get(row.Key)
	if k == nil {
		return errors.New("the index does not have the key")
	}
	v.seen[k]++
	if row.Version != v.seen[k] {
		return fmt.Errorf("it says version %d, it is number %d", row.Version, v.seen[k])
	}
	at, ok := find(k, row.seq)
	if !ok || at.Time != recorded-row.Lag {
		return fmt.Errorf("the index does not have it at %s", instant(recorded-row.Lag))
	}
	alone, err := v.db.row(at)
	if err != nil {
		return err
	}
	if alone.Key != row.Key || alone.Encoded() != row.Encoded() {
		return errors.New("read alone it is another")
	}
	return nil
}

// find is the version of position seq among all of k's.
func find(k *key, seq uint64) (index.Version, bool) {
	if v, ok := k.Changes.Find(seq); ok {
		return v, true
	}
	if v, ok := k.Beats.Find(seq); ok {
		return v, true
	}
	for _, r := range k.Retractions.View() {
		if r.Seq == seq {
			return r.Version, true
		}
	}
	return index.Version{}, false
}

// states compares bbolt with the log, once all that is visible now is there.
func (v *verifier) states() {
	if err := v.db.Checkpoint(v.ctx); err != nil {
		v.fault(err)
		return
	}
	for _, s := range v.db.streams.Load().list {
		for keys := range s.chunks(scanKeys) {
			if !v.records(s, keys) || !v.step(int64(len(keys))) {
				return
			}
		}
	}
	v.fault(v.db.states.check(v.db.streams.Load().list))
	if cause := v.db.states.damage.Load(); cause != nil {
		v.fault(*cause)
	}
}

// records compares the records of keys that were there at the position.
func (v *verifier) records(s *stream, keys []*key) bool {
	for i, r := range v.db.newestOf(s, keys, v.report.Position) {
		if r.last == 0 {
			continue // newer, or damage, which is noted
		}
		v.report.States++
		if err := v.record(s, keys[i], &r); err != nil && !v.fault(fmt.Errorf("state of key %q of stream %q: %w", keys[i].Name, s.Name, err)) {
			return false
		}
	}
	return true
}

func (v *verifier) record(s *stream, k *key, r *record) error {
	if r.unknown || s.needFold() != nil {
		return nil // it is asked of the log, or cannot be folded here
	}
	want, err := v.db.stateAt(s, k, latest, r.last)
	if err != nil {
		return err
	}
	if want.live != r.live || want.from != r.from || want.typ != r.typ {
		return fmt.Errorf("bbolt has that of event %d, the log says event %d", r.from.seq, want.from.seq)
	}
	if !want.live {
		return nil
	}
	have, err := s.fields(&r.state)
	if err != nil {
		return err
	}
	if fields, err := s.fields(&want); err != nil || !fields.Equal(have) {
		return errors.Join(err, fmt.Errorf("bbolt has %s, the log says %s", have, fields))
	}
	return nil
}

// check walks all of bbolt's buckets: keys rise, each is one that the index
// knows, and each record's checksum matches. bbolt's own check does not say what
// a page should hold, and runs where a fault in a damaged one cannot be caught.
func (s *states) check(all []*stream) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return guard(func() error {
		return s.db.View(func(tx *bolt.Tx) error {
			for _, st := range all {
				if err := checkBucket(tx.Bucket(st.bucketName()), st); err != nil {
					return fmt.Errorf("%s: stream %q: %w", s.path, st.Name, err)
				}
			}
			return nil
		})
	})
}

func checkBucket(b *bolt.Bucket, st *stream) error {
	if b == nil {
		return nil // no checkpoint of the stream yet
	}
	var last []byte
	c := b.Cursor()
	for name, value := c.First(); name != nil; name, value = c.Next() {
		if last != nil && bytes.Compare(last, name) >= 0 {
			return fmt.Errorf("key %q comes behind key %q", name, last)
		}
		if st.live.Get(string(name)) == nil {
			return fmt.Errorf("key %q has a record and no event", name)
		}
		if _, err := parseRecord(st.number, name, value); err != nil {
			return fmt.Errorf("key %q: %w", name, err)
		}
		last = name
	}
	return nil
}
