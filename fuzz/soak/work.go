package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/query"
	"github.com/annalsdb/annals/store"
)

var epoch = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// stream is the one that all write.
const stream = "readings"

// sums is maintained all the time.
var sums = aggregate.Definition{
	Name: "sums", Stream: stream, By: []aggregate.Input{aggregate.Key()}, Window: aggregate.Tumbling{Size: 10 * time.Minute},
	Measures: []aggregate.Measure{
		{Name: "rows", Function: aggregate.Count{Rows: true}},
		{Name: "sum", Function: aggregate.Sum{}, Of: aggregate.Field("n")},
		{Name: "last", Function: aggregate.Last{}, Of: aggregate.Field("n")},
	},
}

// The kinds of work, counted.
const (
	appended = iota
	read
	asked
	aggregated
	tailed
	sealed
	verified
	reopened
	kinds
)

var kindNames = [kinds]string{"appended", "read", "asked", "aggregated", "tailed", "sealed", "verified", "reopened"}

// soak is one run.
type soak struct {
	dir    string
	done   [kinds]atomic.Uint64
	acked  atomic.Uint64 // newest position that somebody was told of
	tailAt uint64        // that the tail has reached, over all lives
}

func (s *soak) open(rnd *rand.Rand) (*store.DB, error) {
	db, err := store.Open(s.dir, &store.Options{
		Sync: store.SyncMode(rnd.IntN(3)), SyncEvery: 20 * time.Millisecond, SegmentSize: 256 << 10, MemoryBytes: 8 << 20,
		Fanout: 2 + rnd.IntN(3), FoldStep: 1 + rnd.IntN(8), CheckpointEvery: 200 * time.Millisecond,
	})
	if err != nil {
		return nil, err
	}
	s.done[reopened].Add(1)
	if now := db.Latest().Seq(); now < s.acked.Load() {
		return db, errors.Join(fmt.Errorf("opened at %d, acknowledged was %d", now, s.acked.Load()), db.Close())
	}
	err = db.Define(context.Background(), store.Stream{Name: stream, Fold: store.Merge})
	if err == nil {
		_, err = db.Maintain(context.Background(), sums)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// work has everything happen until ctx ends or something fails.
func (s *soak) work(ctx context.Context, db *store.DB, rnd *rand.Rand) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var all sync.WaitGroup
	forever := func(what string, pause time.Duration, step func(context.Context, *store.DB, *rand.Rand) error) {
		own := rand.New(rand.NewPCG(rnd.Uint64(), 1))
		all.Go(func() {
			for ctx.Err() == nil {
				if err := step(ctx, db, own); err != nil && ctx.Err() == nil {
					stop(fmt.Errorf("%s: %w", what, err))
				}
				if pause > 0 {
					time.Sleep(time.Duration(own.Int64N(int64(pause))))
				}
			}
		})
	}
	for range 3 {
		forever("append", 2*time.Millisecond, s.append)
	}
	forever("read", time.Millisecond, s.read)
	forever("ask", 20*time.Millisecond, s.ask)
	forever("aggregate", 100*time.Millisecond, s.aggregate)
	forever("tail", 0, s.tail)
	forever("seal", time.Second, s.seal)
	forever("verify", 3*time.Second, func(ctx context.Context, db *store.DB, _ *rand.Rand) error { return s.verify(ctx, db) })
	all.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// append appends some events, late ones among them. It goes on when ctx ends, so that
// what is stored is what was told.
func (s *soak) append(_ context.Context, db *store.DB, rnd *rand.Rand) error {
	b := store.Batch{Events: make([]store.Event, 1+rnd.IntN(20))}
	for i := range b.Events {
		b.Events[i] = store.Event{
			Stream: stream, Key: fmt.Sprintf("key-%03d", rnd.IntN(300)), Type: fmt.Sprint("type-", rnd.IntN(3)),
			Time:   epoch.Add(time.Duration(rnd.Int64N(int64(4 * time.Hour)))),
			Fields: store.Fields{store.Int64("n", rnd.Int64N(1000)), store.Float64("load", rnd.Float64())},
		}
	}
	r, err := db.Append(context.Background(), b)
	if err != nil {
		return err
	}
	for {
		old := s.acked.Load()
		if old >= r.Last || s.acked.CompareAndSwap(old, r.Last) {
			break
		}
	}
	s.done[appended].Add(uint64(len(b.Events)))
	return nil
}

// read reads a key at a moment twice: a view does not change.
func (s *soak) read(_ context.Context, db *store.DB, rnd *rand.Rand) error {
	newest := db.Latest().Seq()
	if newest == 0 {
		return nil
	}
	v, err := db.View(store.KnownAt(1+rnd.Uint64N(newest)), store.AsOf(epoch.Add(time.Duration(rnd.Int64N(int64(4*time.Hour))))))
	if err != nil {
		return err
	}
	key := fmt.Sprintf("key-%03d", rnd.IntN(300))
	one, ok, err := v.Get(stream, key)
	if err != nil {
		return err
	}
	two, again, err := v.Get(stream, key)
	if err != nil {
		return err
	}
	if ok != again || fmt.Sprint(one) != fmt.Sprint(two) {
		return fmt.Errorf("%s at %d was %v %v, and a moment later %v %v", key, v.Seq(), ok, one, again, two)
	}
	s.done[read].Add(2)
	return nil
}

// ask counts events by query, and by walking a key's history.
func (s *soak) ask(ctx context.Context, db *store.DB, rnd *rand.Rand) error {
	q, err := query.Parse("SELECT count(*) FROM EVENTS OF " + stream + " WHERE key = $1")
	if err != nil {
		return err
	}
	v, key := db.Latest(), fmt.Sprintf("key-%03d", rnd.IntN(300))
	result, err := query.Run(ctx, query.View(v), q, key)
	if err != nil {
		return err
	}
	var said int64
	for row, err := range result.Rows() {
		if err != nil {
			return err
		}
		said = row[0].Int64()
	}
	var walked int64
	for _, err := range v.History(stream, key) {
		if err != nil {
			return err
		}
		walked++
	}
	if said != walked {
		return fmt.Errorf("%s at %d: a query counts %d events, its history has %d", key, v.Seq(), said, walked)
	}
	s.done[asked].Add(1)
	return nil
}

// aggregate reads what is maintained, and has all of it computed from the events.
func (s *soak) aggregate(ctx context.Context, db *store.DB, rnd *rand.Rand) error {
	a, err := db.Aggregate(sums.Name)
	if err != nil {
		return err
	}
	since := epoch.Add(time.Duration(rnd.IntN(20)) * 10 * time.Minute)
	q := store.AggregateQuery{From: since, To: since.Add(30 * time.Minute)}
	kept, err := a.Read(ctx, q)
	if err != nil {
		return err
	}
	q.KnownAt = max(kept.Seq, 1)
	want, err := a.Read(ctx, q)
	if err != nil {
		return err
	}
	same := func(a, b aggregate.Result) bool {
		return a.Window == b.Window && slices.Equal(a.Group, b.Group) && slices.Equal(a.Values, b.Values)
	}
	if !slices.EqualFunc(kept.Results, want.Results, same) {
		return fmt.Errorf("from %s, at %d: kept is %v, the events say %v", since, kept.Seq, kept.Results, want.Results)
	}
	s.done[aggregated].Add(1)
	return nil
}

// tail follows the log from where it stood in the life before: no gap, nothing twice.
func (s *soak) tail(ctx context.Context, db *store.DB, _ *rand.Rand) error {
	for e, err := range db.Tail(ctx, store.TailQuery{From: s.tailAt + 1}) {
		if err != nil {
			return err
		}
		if e.Seq != s.tailAt+1 {
			return fmt.Errorf("event %d follows on %d", e.Seq, s.tailAt)
		}
		s.tailAt = e.Seq
		s.done[tailed].Add(1)
	}
	return nil
}

func (s *soak) seal(ctx context.Context, db *store.DB, _ *rand.Rand) error {
	if err := db.Seal(ctx); err != nil {
		return err
	}
	s.done[sealed].Add(1)
	return nil
}

func (s *soak) verify(ctx context.Context, db *store.DB) error {
	if _, err := db.Verify(ctx, nil); err != nil {
		return err
	}
	s.done[verified].Add(1)
	return nil
}
