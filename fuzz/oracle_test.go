package fuzz

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/annalsdb/annals/store"
)

// The two-dimensional oracle: random histories go into the engine and into the
// model, and every point of the grid of event time and position is compared.
//
//	go test ./fuzz -run TestOracle -seeds 20000   that many histories
//	go test ./fuzz -run TestOracle -seed 7        only this one
//
// A history that fails is made smaller as long as it still fails, and printed as a
// script that can be kept: see TestOracle_Kept.
var (
	seedsFlag = flag.Int("seeds", 500, "histories for TestOracle")
	seedFlag  = flag.Int64("seed", -1, "the one history for TestOracle, as printed by a failure")
)

func TestOracle(t *testing.T) {
	dir := memoryDir(t)
	if *seedFlag >= 0 {
		tryScript(t, drawScript(uint64(*seedFlag)), againstModel(dir))
		return
	}
	seeds := *seedsFlag
	if testing.Short() {
		seeds = min(seeds, 200)
	}
	var next atomic.Int64
	var workers sync.WaitGroup
	for range 4 * runtime.GOMAXPROCS(0) { // where there is no such memory, much of it is waiting for the disk
		workers.Go(func() {
			for seed := next.Add(1); seed <= int64(seeds) && !t.Failed(); seed = next.Add(1) {
				tryScript(t, drawScript(uint64(seed)), againstModel(dir))
			}
		})
	}
	workers.Wait()
}

// oracle is the engine and the model side by side.
type oracle struct {
	*rand.Rand
	script script
	dir    string
	clock  atomic.Int64
	db     *store.DB
	model  *Model
	views  []pair          // taken on the way
	tails  []*tail         // begun since the database was opened
	told   strings.Builder // what must be the same under all options
}

// pair is one moment in both.
type pair struct {
	view  *store.View
	point Point
}

// runScript runs a script below dir, compares all answers with the model's, and is
// the history: what was told on the way, and what is there in the end.
func runScript(dir string, s script) (history string, err error) {
	dir, err = os.MkdirTemp(dir, "oracle")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	o := &oracle{Rand: rand.New(rand.NewPCG(s.questions, 3)), script: s, dir: dir, model: NewModel(oracleFolds)}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
		o.leave()
		if o.db != nil {
			o.db.Close()
		}
	}()
	if err := o.open(); err != nil {
		return "", err
	}
	for i, st := range s.steps {
		if err := o.step(st); err != nil {
			return "", fmt.Errorf("step %d: %w", i, err)
		}
	}
	err = o.finish()
	return o.told.String(), err
}

func (o *oracle) open() (err error) {
	opt := o.script.options
	opt.Folds = oracleFolds
	opt.Now = func() time.Time { return time.Unix(0, o.clock.Load()) }
	if o.db, err = store.Open(o.dir, &opt); err != nil {
		return err
	}
	if err := o.recovered(); err != nil {
		return err
	}
	for _, s := range o.script.streams {
		if isPlain(s) {
			continue
		}
		if err := o.db.Define(context.Background(), s); err != nil {
			return err
		}
		if err := o.model.Define(s); err != nil {
			return err
		}
	}
	return nil
}

// recovered compares what Open says it found, after a Close.
func (o *oracle) recovered() error {
	r := o.db.Recovery()
	if r.TornBytes != 0 || r.Behind != 0 || r.StateRebuilt && o.model.Seq() > 0 || len(r.Damage) > 0 {
		return fmt.Errorf("open after a close: %s", r)
	}
	return compare("events and streams found", [2]uint64{r.Events, uint64(r.Streams)}, [2]uint64{o.model.Seq(), uint64(len(o.model.streams))})
}

func (o *oracle) step(s step) error {
	switch s.do {
	case appending:
		return o.append(s)
	case checkpoint:
		return o.db.Checkpoint(context.Background())
	case sealing:
		return o.seal(o.db.Seal)
	case compacting:
		return o.seal(o.db.Compact)
	case defining:
		return sameError(o.tellError(o.db.Define(context.Background(), s.stream)), o.model.Define(s.stream))
	case maintains, dropping:
		return o.maintain(s)
	case following:
		o.follow(s.tail)
		return o.followed()
	case looking:
		p, err := o.look(o.moment(s.point[0], s.point[1]))
		o.views = append(o.views, p)
		return err
	}
	return o.reopen()
}

func (o *oracle) append(s step) error {
	o.clock.Store(s.now.UnixNano())
	got, gotErr := o.db.Append(context.Background(), s.batch)
	want, wantErr := o.model.Append(s.batch, s.now)
	o.tell("receipt %s", showReceipt(got))
	if err := sameError(o.tellError(gotErr), wantErr); err != nil || wantErr != nil {
		return err
	}
	if err := compare("receipt", showReceipt(got), showReceipt(want)); err != nil {
		return err
	}
	if err := o.followed(); err != nil {
		return err
	}
	if o.IntN(5) == 0 {
		if err := o.aggregates(); err != nil {
			return err
		}
		if err := o.names(pair{o.db.Latest(), o.model.now()}); err != nil {
			return err
		}
	}
	// The latest state is kept up event by event, so it is looked at each time.
	return o.states(pair{o.db.Latest(), o.model.now()})
}

// sameError compares what a caller can act on: the sentinel, and the parts of
// the errors that have parts.
func sameError(got, want error) error {
	if (got == nil) != (want == nil) {
		return compare("error", fmt.Sprint(got), fmt.Sprint(want))
	}
	for _, sentinel := range []error{store.ErrInvalid, store.ErrConflict, store.ErrBoundary, store.ErrIdempotency,
		store.ErrStreamDefined, store.ErrNoFold, store.ErrNoAggregate} {
		if errors.Is(got, sentinel) != errors.Is(want, sentinel) {
			return compare("error", fmt.Sprint(got), fmt.Sprint(want))
		}
	}
	var gotConflict, wantConflict *store.ConflictError
	var gotBoundary, wantBoundary *store.BoundaryError
	errors.As(got, &gotConflict)
	errors.As(want, &wantConflict)
	errors.As(got, &gotBoundary)
	errors.As(want, &wantBoundary)
	if !reflect.DeepEqual(gotConflict, wantConflict) || !reflect.DeepEqual(gotBoundary, wantBoundary) {
		return compare("error", fmt.Sprint(got), fmt.Sprint(want))
	}
	var id *store.IdempotencyError
	if errors.As(want, &id) && (!errors.As(got, &id) || id.ID == "") {
		return fmt.Errorf("error %v names no ID", got)
	}
	return nil
}

// moment is a point of the log as it is now, from two random numbers.
func (o *oracle) moment(a, b uint64) Point {
	vs := o.times()
	return o.model.At(vs[a%uint64(len(vs))], b%(o.model.Seq()+1))
}

// times is all event times and those beside them, and the end of all time.
func (o *oracle) times() []time.Time {
	near := map[int64]bool{}
	for _, e := range o.model.log {
		ns := e.said.Time.UnixNano()
		near[max(ns, math.MinInt64+1)-1], near[ns], near[min(ns, math.MaxInt64-1)+1] = true, true, true
	}
	times := []time.Time{{}}
	for _, ns := range slices.Sorted(maps.Keys(near)) {
		times = append(times, time.Unix(0, ns))
	}
	return times
}

// look takes the engine's view of a point.
func (o *oracle) look(p Point) (pair, error) {
	moments := []store.Moment{store.KnownAt(p.S)}
	if !p.V.IsZero() {
		moments = append(moments, store.AsOf(p.V))
	}
	if p.S == o.model.Seq() {
		moments = moments[1:] // Latest, or AsOf alone
	}
	view, err := o.db.View(moments...)
	if err == nil && o.IntN(4) == 0 {
		view, err = o.within(p, moments)
	}
	if err != nil {
		return pair{}, fmt.Errorf("take view (%s, %d): %w", showTime(p.V), p.S, err)
	}
	if t, ok := view.Time(); ok == p.V.IsZero() || ok && !t.Equal(p.V) {
		return pair{}, fmt.Errorf("view as of %s says %s, %v", showTime(p.V), showTime(t), ok)
	}
	return pair{view, p}, compare("position of view", view.Seq(), p.S)
}

// within is the view of p, had from one of a later moment, which must not give what
// is later still.
func (o *oracle) within(p Point, moments []store.Moment) (*store.View, error) {
	s := p.S + o.Uint64N(o.model.Seq()-p.S+1)
	wider, err := o.db.View(store.KnownAt(s))
	if err != nil {
		return nil, err
	}
	if _, err := wider.At(store.KnownAt(s + 1)); !errors.Is(err, store.ErrFuture) {
		return nil, fmt.Errorf("view known at %d of one known at %d: error %v", s+1, s, err)
	}
	if p.S < s {
		moments = append(moments[:0:0], store.KnownAt(p.S))
		if !p.V.IsZero() {
			moments = append(moments, store.AsOf(p.V))
		}
	}
	view, err := wider.At(moments...)
	if err != nil || p.V.IsZero() {
		return view, err
	}
	return view.At(store.AsOf(time.Unix(0, math.MaxInt64))) // which it does not see
}

// reopen compares what the views taken so far still say, and some of the rest,
// across a close and an open.
func (o *oracle) reopen() error {
	if err := o.oldViews(); err != nil {
		return err
	}
	if err := o.db.Close(); err != nil {
		return err
	}
	if err := o.closed(); err != nil {
		return err
	}
	o.model.Reopen()
	return o.open()
}

// oldViews asks the views taken on the way what they say now.
func (o *oracle) oldViews() error {
	for _, p := range o.views {
		if err := o.reads(p); err != nil {
			return fmt.Errorf("old view: %w", err)
		}
	}
	o.views = nil
	return nil
}

// finish compares everything, before and after all is sealed, and after a
// reopening.
func (o *oracle) finish() error {
	if err := o.everything(); err != nil {
		return err
	}
	seal := o.db.Seal
	if o.IntN(2) == 0 {
		seal = o.db.Compact
	}
	if err := o.seal(seal); err != nil {
		return err
	}
	if err := o.everything(); err != nil {
		return fmt.Errorf("after sealing: %w", err)
	}
	if err := o.oldViews(); err != nil {
		return fmt.Errorf("after sealing: %w", err)
	}
	if err := o.reopen(); err != nil {
		return err
	}
	if err := o.everything(); err != nil {
		return fmt.Errorf("after reopening: %w", err)
	}
	return o.tellAll()
}

func (o *oracle) everything() error {
	if err := o.grid(); err != nil {
		return err
	}
	for range 4 {
		p, err := o.look(o.moment(o.Uint64(), o.Uint64()))
		if err != nil {
			return err
		}
		if err := o.reads(p); err != nil {
			return err
		}
	}
	if err := o.counts(); err != nil {
		return err
	}
	if err := o.aggregates(); err != nil {
		return err
	}
	return o.knownBy()
}
