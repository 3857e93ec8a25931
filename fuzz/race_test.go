package fuzz

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/annalsdb/annals/store"
)

var (
	raceTime = flag.Duration("racetime", 3*time.Second, "how long TestRace runs")
	raceSeed = flag.Uint64("raceseed", 1, "seed of TestRace")
)

// raceCounter is a key that only compare-and-set appends write.
var raceCounter = store.Stream{Name: "counter", Order: store.ByArrival}

// TestRace has everything happen at once, again and again on one directory,
// with Close in the middle of it, and then looks whether what each one was told
// fits together:
//
//	go test ./fuzz -race -run TestRace -racetime 2m
//
// It is meant for the race detector, which slows it down and sees more.
func TestRace(t *testing.T) {
	dir := t.TempDir()
	rnd := rand.New(rand.NewPCG(*raceSeed, 4))
	t.Logf("seed %d", *raceSeed)
	var log []store.Event
	for end := time.Now().Add(*raceTime); time.Now().Before(end) && !t.Failed(); {
		log = raceRound(t, dir, rnd, log)
	}
	t.Logf("%d events", len(log))
}

// raceRound is one life of the database, and the look at it after. log is what
// is in it before, and what is returned is in it after.
func raceRound(t *testing.T, dir string, rnd *rand.Rand, log []store.Event) []store.Event {
	db, err := store.Open(dir, raceOptions(rnd))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range append(killStreams, raceCounter) {
		if err := db.Define(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	r := &race{t: t, db: db, before: uint64(len(log))}
	r.start(rnd)
	time.Sleep(time.Duration(rnd.Int64N(int64(500 * time.Millisecond))))
	for _, s := range r.seen() { // views taken long ago, while all goes on
		if err := s.again(s.view); err != nil {
			t.Errorf("when it is old: %v", err)
		}
	}
	if err := db.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	r.all.Wait()
	if t.Failed() {
		return log
	}
	return r.check(dir, log)
}

func raceOptions(rnd *rand.Rand) *store.Options {
	return &store.Options{
		Sync:            store.SyncMode(rnd.IntN(3)),
		SyncEvery:       5 * time.Millisecond,
		SegmentSize:     32 << 10,
		MemoryBytes:     128 << 10,
		Fanout:          2 + rnd.IntN(3),
		FoldStep:        1 + rnd.IntN(4),
		CheckpointEvery: 20 * time.Millisecond,
		Folds:           killFolds,
	}
}

// race is one life of a database under everything at once.
type race struct {
	t      *testing.T
	db     *store.DB
	before uint64 // events that were there when it was opened
	all    sync.WaitGroup
	sets   atomic.Uint64 // compare-and-set appends that succeeded

	mu    sync.Mutex
	acks  []raceAck
	views []raceSeen
	tails []*raceTail
}

// raceAck is a batch and what Append said of it.
type raceAck struct {
	batch   store.Batch
	receipt store.Receipt
}

// start runs every kind of user until the database is closed.
func (r *race) start(rnd *rand.Rand) {
	for range 3 {
		r.forever(rnd, "append", r.writer())
	}
	for range 2 {
		r.forever(rnd, "set", r.set)
		r.forever(rnd, "view", r.view)
	}
	r.forever(rnd, "cancel", r.cancel)
	r.forever(rnd, "checkpoint", func(rnd *rand.Rand) error {
		time.Sleep(time.Duration(rnd.Int64N(int64(10 * time.Millisecond))))
		return r.db.Checkpoint(context.Background())
	})
	r.forever(rnd, "seal", func(rnd *rand.Rand) error {
		time.Sleep(time.Duration(rnd.Int64N(int64(30 * time.Millisecond))))
		if rnd.IntN(4) == 0 {
			return r.db.Compact(context.Background())
		}
		return r.db.Seal(context.Background())
	})
	r.forever(rnd, "stats", func(*rand.Rand) error {
		time.Sleep(time.Millisecond)
		s, err := r.db.Stats()
		if err == nil && s.Changes+s.Deletes+s.Heartbeats+s.Unchanged+s.Retractions < r.before {
			err = fmt.Errorf("%d events before, and now: %s", r.before, s)
		}
		return err
	})
	r.forever(rnd, "verify", func(rnd *rand.Rand) error {
		time.Sleep(time.Duration(rnd.Int64N(int64(100 * time.Millisecond))))
		_, err := r.db.Verify(context.Background(), nil)
		return err
	})
	r.tail(rnd, store.TailQuery{})
	r.tail(rnd, store.TailQuery{New: true})
	r.tail(rnd, store.TailQuery{From: r.before/2 + 1, Streams: []string{raceCounter.Name, "changes-time"}})
	r.tail(rnd, store.TailQuery{KeyPrefix: "key-1", Types: []string{"first"}})
}

// forever repeats step until it fails, which it has to do with ErrClosed.
func (r *race) forever(rnd *rand.Rand, what string, step func(*rand.Rand) error) {
	own := rand.New(rand.NewPCG(rnd.Uint64(), 5))
	r.all.Go(func() {
		var err error
		for err == nil {
			err = step(own)
		}
		if !errors.Is(err, store.ErrClosed) {
			r.t.Errorf("%s: %v", what, err)
		}
	})
}

// writer appends batches and keeps their receipts. Some it appends twice.
func (r *race) writer() func(*rand.Rand) error {
	var targets []killTarget
	return func(rnd *rand.Rand) error {
		var target *killTarget
		if n := len(targets); n > 0 && rnd.IntN(4) == 0 {
			last := targets[n-1]
			target, targets = &last, targets[:n-1]
		}
		seed := rnd.Uint64()
		b := killBatch(seed, fmt.Sprintf("r.%d", seed), target)
		receipt, err := r.append(context.Background(), b)
		if err != nil {
			return err
		}
		targets = append(targets, killTargets(b, receipt.First)...)
		if len(b.Events) > 1 || b.Events[0].ID == "" {
			return nil
		}
		again, err := r.db.Append(context.Background(), b)
		if err == nil && (!again.Duplicate || again.First != receipt.First) {
			return fmt.Errorf("a batch at %d, appended again, gives %+v", receipt.First, again)
		}
		return err
	}
}

// append keeps what Append says of b.
func (r *race) append(ctx context.Context, b store.Batch) (store.Receipt, error) {
	receipt, err := r.db.Append(ctx, b)
	if err != nil {
		return receipt, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.acks = append(r.acks, raceAck{b, receipt})
	return receipt, nil
}

// set adds one to the counter if nobody else did in between.
func (r *race) set(*rand.Rand) error {
	s, ok, err := r.db.Latest().Get(raceCounter.Name, "one")
	if err != nil {
		return err
	}
	n, _ := s.Fields.Get("n")
	expect := store.Absent
	if ok {
		expect = store.Exactly(s.Version)
	}
	_, err = r.append(context.Background(), store.Batch{
		Expect: []store.Expectation{{Stream: raceCounter.Name, Key: "one", Expect: expect}},
		Events: []store.Event{{Stream: raceCounter.Name, Key: "one", Fields: store.Fields{store.Int64("n", n.Int64()+1)}}},
	})
	if errors.Is(err, store.ErrConflict) {
		return nil
	}
	if err == nil {
		r.sets.Add(1)
	}
	return err
}

// cancel appends with a context that ends at about the same time.
func (r *race) cancel(rnd *rand.Rand) error {
	ctx, stop := context.WithTimeout(context.Background(), time.Duration(rnd.Int64N(int64(300*time.Microsecond))))
	defer stop()
	seed := rnd.Uint64()
	_, err := r.append(ctx, killBatch(seed, fmt.Sprintf("x.%d", seed), nil))
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// check opens the database again and compares what is in it with what everyone
// was told.
func (r *race) check(dir string, log []store.Event) []store.Event {
	db, err := store.Open(dir, &store.Options{Folds: killFolds})
	if err != nil {
		r.t.Fatal(err)
	}
	defer db.Close()
	events, err := plainEvents(db.Latest())
	if err != nil {
		r.t.Fatal(err)
	}
	for i, e := range log {
		if !plainSameEvent(e, events[i]) {
			r.t.Fatalf("event %d is %s, was %s", i+1, plainText(events[i]), plainText(e))
		}
	}
	r.checkBatches(events)
	if err := newPlain(db.Streams(), killFolds, events).check(db.Latest()); err != nil {
		r.t.Error(err)
	}
	for _, s := range r.views {
		r.checkSeen(db, s)
	}
	for _, tail := range r.tails {
		if err := tail.check(events); err != nil {
			r.t.Errorf("tail of %+v: %v", tail.q, err)
		}
	}
	if _, err := db.Verify(context.Background(), nil); err != nil {
		r.t.Errorf("verify: %v", err)
	}
	return events
}

// checkBatches finds every acknowledged batch in its place, and nothing that
// was not acknowledged: Close lets go of nobody whose batch is in.
func (r *race) checkBatches(events []store.Event) {
	total := r.before
	for _, a := range r.acks {
		first, last := a.receipt.First, a.receipt.Last
		if first <= r.before || last > uint64(len(events)) || last < first {
			r.t.Errorf("a batch was acknowledged at %d to %d, the log ends at %d", first, last, len(events))
			continue
		}
		if err := killWritten(events[first-1:last], a.batch, events); err != nil {
			r.t.Errorf("batch at %d: %v", first, err)
		}
		total += last - first + 1
	}
	if total != uint64(len(events)) {
		r.t.Errorf("%d events are there, %d were acknowledged", len(events), total)
	}
	var n uint64
	for _, e := range events[r.before:] {
		if e.Stream == raceCounter.Name {
			n++
		}
	}
	if n != r.sets.Load() {
		r.t.Errorf("the counter has %d new events, %d appends succeeded", n, r.sets.Load())
	}
}
