package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/annalsdb/annals/segment"
	bolt "go.etcd.io/bbolt"
)

// VerifyReport is what Verify read.
type VerifyReport struct {
	Position uint64 // up to which the history was read
	Sealed   int    // sealed files
	Frames   uint64 // in log files
	Bytes    int64  // of both
	Events   uint64
	States   uint64 // records in bbolt that were compared with the events
	Results  uint64 // of maintained aggregates, likewise
}

// String is the report in one line.
func (r VerifyReport) String() string {
	what := fmt.Sprintf("%d events in %d sealed files and %d frames of log, %d bytes, %d states", r.Events, r.Sealed, r.Frames, r.Bytes, r.States)
	if r.Results > 0 {
		what += fmt.Sprintf(", %d results of aggregates", r.Results)
	}
	return what + ": all as they should be"
}

// Verify reads everything and compares it: of sealed files every checksum, the
// order, the statistics, filters and postings against the rows; of log files the
// checksum of every frame and every row, positions, commit times and versions, the
// index against the log; across files the versions of each key; the states in
// bbolt against the fold of the events; and what is kept of aggregates against a run
// over the events. It returns all that is wrong, joined.
// progress, if not nil, is told now and then how many of the total bytes and
// states are done. Appends and reads go on meanwhile.
func (db *DB) Verify(ctx context.Context, progress func(done, total int64)) (VerifyReport, error) {
	if db.closed.Load() {
		return VerifyReport{}, ErrClosed
	}
	if db.salvaged {
		return VerifyReport{}, fmt.Errorf("verify: %w", errors.Join(db.recovery.Damage...))
	}
	v := verifier{db: db, ctx: ctx, progress: progress}
	v.report.Position = db.visible.Load()
	v.measure()
	if v.files() {
		v.keys()
		v.aggregates()
	}
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
	wrong       []error
}

// measure says how much there is to do: bytes of files, and keys, of which some
// may be counted in several files.
func (v *verifier) measure() {
	f, err := v.db.pin()
	if err != nil {
		return // the next step says so
	}
	defer f.unpin()
	for _, s := range f.sealed {
		v.total += s.Info().Bytes + int64(s.Info().Keys)
	}
	for _, l := range f.logs {
		v.total += l.end.Load() - segment.LogHead
	}
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
	err := v.ctx.Err()
	if v.db.closed.Load() {
		err = ErrClosed
	}
	if err != nil {
		v.fault(err)
		return false
	}
	return true
}

// files looks at the sealed files and then at the log files. Those that are sealed
// meanwhile are looked at as what they have become.
func (v *verifier) files() bool {
	for v.sealed() {
		f, err := v.db.pin()
		if err != nil {
			v.fault(err)
			return false
		}
		done, more := v.last >= f.through, true
		if done {
			more = v.logs(f)
		}
		f.unpin()
		if done {
			return more
		}
	}
	return false
}

// sealed looks at the sealed files, one after the other.
func (v *verifier) sealed() bool {
	for {
		f, err := v.db.pin()
		if err != nil {
			v.fault(err)
			return false
		}
		i := f.sealedOf(v.last + 1)
		if i == len(f.sealed) {
			f.unpin()
			return true
		}
		s := f.sealed[i]
		err = s.Verify(func(bytes int64) bool { return v.step(bytes) })
		v.report.Sealed++
		v.report.Bytes += s.Info().Bytes
		v.report.Events += s.Info().Last - v.last
		v.last, v.recorded = s.Info().Last, s.Info().LastRecorded
		f.unpin()
		if err != nil && !v.fault(err) || v.ctx.Err() != nil {
			return false
		}
	}
}

// logs reads every frame of the log files up to the position.
func (v *verifier) logs(f *files) bool {
	for _, log := range f.logs {
		r := log.Frames(segment.LogHead, log.end.Load())
		for {
			frame, err := nextEvents(r)
			if err != nil {
				return v.fault(err)
			}
			if frame == nil || frame.First > v.report.Position {
				break
			}
			if frame.Last() <= v.last {
				continue
			}
			if !v.frame(f, frame) {
				return false
			}
		}
	}
	if v.last < v.report.Position {
		return v.fault(fmt.Errorf("the log ends at position %d of %d", v.last, v.report.Position))
	}
	return true
}

func (v *verifier) frame(f *files, frame *segment.Frame) bool {
	if frame.First != v.last+1 || v.last > 0 && frame.Recorded <= v.recorded {
		v.fault(fmt.Errorf("frame of positions %d to %d comes after position %d and is recorded %s", frame.First, frame.Last(), v.last, instant(frame.Recorded)))
	}
	v.last, v.recorded = frame.Last(), frame.Recorded
	v.report.Frames++
	v.report.Bytes += frame.Size()
	return v.rows(f, frame) && v.step(frame.Size())
}

// rows compares the rows of a frame with the index.
func (v *verifier) rows(f *files, frame *segment.Frame) bool {
	streams := v.db.streams.Load().list
	for row, err := range v.db.rows(frame) {
		if err != nil {
			return v.fault(err)
		}
		v.report.Events++
		s := streams[row.Stream-1]
		if err := v.row(f, s, row, frame.Recorded); err != nil && !v.fault(fmt.Errorf("event %d of key %q of stream %q: %w", row.Seq, row.Key, s.Name, err)) {
			return false
		}
	}
	return true
}

func (v *verifier) row(f *files, s *stream, row *frameRow, recorded int64) error {
	k := s.live.Get(row.Key)
	if k == nil {
		return errors.New("the index does not have the key")
	}
	var t trail
	t.follow(v.db, f, s, row.Key, k)
	at, ok, err := t.find(row.Seq)
	if err != nil {
		return err
	}
	if !ok || at.Time != recorded-row.Lag {
		return fmt.Errorf("the index does not have it at %s", instant(recorded-row.Lag))
	}
	alone, err := t.row(&at)
	if err != nil {
		return err
	}
	if alone.Key != row.Key || alone.Version != row.Version || alone.Encoded() != row.Encoded() {
		return errors.New("read alone it is another")
	}
	return nil
}

// keys compares the versions of each key across files, and its state in bbolt with
// its events, once all that is visible now is there.
func (v *verifier) keys() {
	if err := v.db.Checkpoint(v.ctx); err != nil {
		v.fault(err)
		return
	}
	for _, s := range v.db.streams.Load().list {
		w := keysWalk{db: v.db, s: s, n: scanKeys}
		for more, err := true, error(nil); more; {
			more, err = w.some(func(f *files, keys []found) error {
				if !v.keysOf(f, s, keys) || !v.step(int64(len(keys))) {
					return errEnough
				}
				return nil
			})
			if err == errEnough || err != nil && !v.fault(err) {
				return
			}
		}
	}
	v.fault(v.db.checkStates())
	if cause := v.db.states.damage.Load(); cause != nil {
		v.fault(*cause)
	}
}

var errEnough = errors.New("enough")

func (v *verifier) keysOf(f *files, s *stream, keys []found) bool {
	records := v.db.newestOf(s, keys, v.report.Position)
	var t trail
	for i := range keys {
		t.followFound(v.db, f, s, &keys[i])
		err := t.dense()
		if r := &records[i]; err == nil && r.last != 0 && r.last <= v.report.Position {
			v.report.States++
			err = v.record(&t, r)
		}
		if err != nil && !v.fault(fmt.Errorf("key %q of stream %q: %w", keys[i].name, s.Name, err)) {
			return false
		}
	}
	return true
}

// dense reports whether the versions in sealed files leave any out.
func (t *trail) dense() error {
	next := uint64(1)
	for i := len(t.parts) - 1; i >= 0; i-- {
		p := &t.parts[i]
		if p.Base != next {
			return &CorruptError{File: p.file.Path, First: p.file.Info().First, Last: p.file.Info().Last,
				Cause: fmt.Sprintf("versions begin at %d, those before end at %d", p.Base, next-1)}
		}
		next = p.newest() + 1
	}
	return nil
}

// record compares a record with the events.
func (v *verifier) record(t *trail, r *record) error {
	if r.unknown || t.s.needFold() != nil {
		return nil // it is asked of the events, or cannot be folded here
	}
	want, _, err := t.record(r.last)
	if err != nil {
		return err
	}
	if want.last == r.last && want.head != r.head {
		return fmt.Errorf("bbolt has it at %+v, the events say %+v", r.head, want.head)
	}
	if want.live != r.live || want.from != r.from || want.typ != r.typ {
		return fmt.Errorf("bbolt has the state of event %d, the events say event %d", r.from.seq, want.from.seq)
	}
	if !want.live {
		return nil
	}
	have, err := t.s.fields(&r.state)
	if err != nil {
		return err
	}
	if fields, err := t.s.fields(&want.state); err != nil || !fields.Equal(have) {
		return errors.Join(err, fmt.Errorf("bbolt has %s, the events say %s", have, fields))
	}
	return nil
}

// checkStates walks all of bbolt's buckets: keys rise, each is one that has
// events, and each record's checksum matches. bbolt's own check does not say what
// a page should hold, and runs where a fault in a damaged one cannot be caught.
func (db *DB) checkStates() error {
	s := db.states
	s.mu.RLock()
	defer s.mu.RUnlock()
	f, err := db.pin()
	if err != nil {
		return err
	}
	defer f.unpin()
	return guard(func() error {
		return s.db.View(func(tx *bolt.Tx) error {
			for _, st := range db.streams.Load().list {
				if err := db.checkBucket(f, tx.Bucket(st.bucketName()), st); err != nil {
					return fmt.Errorf("%s: stream %q: %w", s.path, st.Name, err)
				}
			}
			return nil
		})
	})
}

func (db *DB) checkBucket(f *files, b *bolt.Bucket, st *stream) error {
	if b == nil {
		return nil // no checkpoint of the stream yet
	}
	var last []byte
	c := b.Cursor()
	for name, value := c.First(); name != nil; name, value = c.Next() {
		if last != nil && bytes.Compare(last, name) >= 0 {
			return fmt.Errorf("key %q comes behind key %q", name, last)
		}
		var t trail
		t.follow(db, f, st, string(name), st.live.Get(string(name)))
		if p, err := t.newestPart(); err != nil || p == nil && t.runs() == nil {
			return errors.Join(err, fmt.Errorf("key %q has a record and no event", name))
		}
		if _, err := parseRecord(st.number, name, value); err != nil {
			return fmt.Errorf("key %q: %w", name, err)
		}
		last = name
	}
	return nil
}
