package fuzz

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/annalsdb/annals/store"
)

var (
	linearSeed   = flag.Uint64("linearseed", 0, "seed of TestLinear; 0 picks one")
	linearRounds = flag.Int("linearrounds", 20, "histories of TestLinear")
)

// linearCall is an operation on one key, as a client made it.
type linearCall struct {
	key    int
	read   bool
	expect store.Expect // of an append
	value  int64        // that it writes
}

// linearAnswer is what came of it.
type linearAnswer struct {
	unknown bool // it failed in a way that leaves open whether it was done
	refused bool
	version uint64 // of the key after it; of a read, or if it was refused: as it was found
	value   int64
}

// linearState is a key: how often it was written, and with what last.
type linearState struct {
	version uint64
	value   int64
}

// linearModel is what one key does, in one order.
var linearModel = (&porcupine.NondeterministicModel{
	Partition: func(all []porcupine.Operation) [][]porcupine.Operation {
		keys := map[int][]porcupine.Operation{}
		for _, o := range all {
			k := o.Input.(linearCall).key
			keys[k] = append(keys[k], o)
		}
		var parts [][]porcupine.Operation
		for _, part := range keys {
			parts = append(parts, part)
		}
		return parts
	},
	Init:  func() []any { return []any{linearState{}} },
	Equal: func(a, b any) bool { return a == b },
	Step: func(state, input, output any) []any {
		s, in, out := state.(linearState), input.(linearCall), output.(linearAnswer)
		done := linearState{s.version + 1, in.value}
		switch {
		case in.read:
			return statesIf(out.version == s.version && out.value == s.value, s)
		case out.unknown:
			return statesIf(true, s, done)
		case out.refused:
			return statesIf(!linearHolds(in.expect, s) && out.version == s.version, s)
		}
		return statesIf(linearHolds(in.expect, s) && out.version == done.version, done)
	},
}).ToModel()

func statesIf(ok bool, states ...any) []any {
	if !ok {
		return nil
	}
	return states
}

// linearHolds reports whether an expectation holds; keys are never deleted here.
func linearHolds(e store.Expect, s linearState) bool {
	switch e {
	case store.Any:
		return true
	case store.Absent:
		return s.version == 0
	case store.Exists:
		return s.version > 0
	}
	return e == store.Exactly(s.version)
}

// TestLinear has clients append with expectations and read the latest state of a few
// keys at the same time, closes the database among them and opens it again, and has
// the checker porcupine look for an order, within the times of each call, in which
// every answer is right. A tail must give every position once, in order.
//
//	go test ./fuzz -run TestLinear -linearrounds 1000
func TestLinear(t *testing.T) {
	seed := *linearSeed
	if seed == 0 {
		seed = rand.Uint64N(1 << 32)
	}
	t.Logf("seed %d (-linearseed %d)", seed, seed)
	rnd := rand.New(rand.NewPCG(seed, 7))
	calls, unknown := 0, 0
	for round := range *linearRounds {
		h := &linearHistory{dir: filepath.Join(memoryDir(t), fmt.Sprint(round)), start: time.Now()}
		if err := h.run(rnd); err != nil {
			t.Fatalf("seed %d, round %d: %v", seed, round, err)
		}
		calls, unknown = calls+len(h.all), unknown+h.unknown
		if !porcupine.CheckOperations(linearModel, h.all) {
			t.Fatalf("seed %d, round %d: no order explains %s", seed, round, h)
		}
	}
	t.Logf("%d calls in %d histories, %d of them cut off", calls, *linearRounds, unknown)
}

// linearHistory is one run.
type linearHistory struct {
	dir   string
	start time.Time
	db    *store.DB
	value atomic.Int64

	mu      sync.Mutex
	all     []porcupine.Operation
	unknown int
}

const (
	linearClients = 6
	linearKeys    = 3
	linearLives   = 3
)

func (h *linearHistory) String() string {
	text := fmt.Sprintf("%d calls:\n", len(h.all))
	for _, o := range h.all {
		text += fmt.Sprintf("client %d, %d to %d ns: %+v gave %+v\n", o.ClientId, o.Call, o.Return, o.Input, o.Output)
	}
	return text
}

// run has the clients call, for some lives of the database.
func (h *linearHistory) run(rnd *rand.Rand) (err error) {
	for range linearLives {
		opt := &store.Options{Sync: store.SyncMode(rnd.IntN(3)), SegmentSize: 4 << 10, Fanout: 2, MemoryBytes: 256 << 10, CheckpointEvery: 3 * time.Millisecond}
		if h.db, err = store.Open(h.dir, opt); err != nil {
			return err
		}
		if err := h.db.Define(context.Background(), store.Stream{Name: "s"}); err != nil {
			return err
		}
		calls := h.calls() + 100 + rnd.IntN(100)
		var clients sync.WaitGroup
		errs := make([]error, linearClients+1)
		for c := range linearClients {
			own := rand.New(rand.NewPCG(rnd.Uint64(), 8))
			clients.Go(func() { errs[c] = h.client(c, own) })
		}
		clients.Go(func() { errs[linearClients] = h.tail() })
		for h.calls() < calls {
			time.Sleep(100 * time.Microsecond)
		}
		closed := h.db.Close()
		clients.Wait()
		if err := errors.Join(append(errs, closed)...); err != nil {
			return err
		}
	}
	return nil
}

func (h *linearHistory) calls() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.all)
}

// client calls until the database is closed.
func (h *linearHistory) client(id int, rnd *rand.Rand) error {
	for {
		in := linearCall{key: rnd.IntN(linearKeys), read: rnd.IntN(3) == 0, value: h.value.Add(1)}
		in.expect = []store.Expect{store.Any, store.Absent, store.Exists, store.Exactly(uint64(rnd.IntN(40)))}[rnd.IntN(4)]
		begin := time.Since(h.start)
		out, err := h.call(&in, rnd)
		end := time.Since(h.start)
		over := errors.Is(err, store.ErrClosed)
		if err != nil && !over {
			return fmt.Errorf("client %d: %+v: %w", id, in, err)
		}
		if over && in.read {
			return nil
		}
		h.mu.Lock()
		if over { // it may take effect as late as it likes
			out, end = linearAnswer{unknown: true}, 1<<62
			h.unknown++
		}
		h.all = append(h.all, porcupine.Operation{ClientId: id, Input: in, Call: int64(begin), Output: out, Return: int64(end)})
		h.mu.Unlock()
		if over {
			return nil
		}
	}
}

// call makes one call. Some expect the version that was just read.
func (h *linearHistory) call(in *linearCall, rnd *rand.Rand) (linearAnswer, error) {
	key := fmt.Sprint("k", in.key)
	if in.read || rnd.IntN(2) == 0 {
		s, _, err := h.db.Latest().Get("s", key)
		v, _ := s.Fields.Get("v")
		if in.read || err != nil {
			return linearAnswer{version: s.Version, value: v.Int64()}, err
		}
		in.expect = store.Exactly(s.Version)
	}
	r, err := h.db.Append(context.Background(), store.Batch{
		Expect: []store.Expectation{{Stream: "s", Key: key, Expect: in.expect}},
		Events: []store.Event{{Stream: "s", Key: key, Fields: store.Fields{store.Int64("v", in.value)}}},
	})
	var conflict *store.ConflictError
	switch {
	case errors.As(err, &conflict):
		return linearAnswer{refused: true, version: conflict.Version}, nil
	case err != nil:
		return linearAnswer{}, err
	}
	return linearAnswer{version: r.Versions[0]}, nil
}

// tail follows the log from its beginning until the database is closed.
func (h *linearHistory) tail() error {
	next := uint64(1)
	for e, err := range h.db.Tail(context.Background(), store.TailQuery{}) {
		if errors.Is(err, store.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("tail: %w", err)
		}
		if e.Seq != next {
			return fmt.Errorf("tail: position %d comes where %d is next", e.Seq, next)
		}
		next++
	}
	return nil
}
