package fuzz

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/annalsdb/annals/store"
)

// In a stream by time, the state at every event time is the same in whatever
// order the events came. Each order is played by a key of its own; what they are
// compared with is the order of the events' times.
//
// Compared are the fields, and with replace the type. Which of several equal
// events a state is attributed to does depend on the order when only changes are
// kept: the first to come is the one that the others repeat.

// permuted is a set of events with distinct times, in the order of their times.
// from names, for a retraction, the index of the event it retracts.
type permuted struct {
	name   string
	events []store.Event
	from   map[int]int
}

var permutedSets = []permuted{
	{name: "changes", events: []store.Event{
		on(1, store.Int64("x", 1), store.Int64("y", 1)), on(2, store.Null("x")), on(3, store.Int64("x", 1)),
		on(4, store.Int64("y", 2)), on(5, store.Int64("x", 1), store.Int64("y", 2)), on(6),
	}},
	{name: "repeats", events: []store.Event{
		on(-2, store.Int64("x", 1)), on(-1, store.Int64("x", 1)), on(0, store.Int64("x", 2)),
		on(1, store.Int64("x", 1)), on(2, store.Int64("x", 1)), on(3, store.Int64("x", 1)),
	}},
	{name: "deletes", events: []store.Event{
		on(1, store.Int64("x", 1)), kind(store.Delete, 2), on(3, store.Int64("y", 1)),
		kind(store.Heartbeat, 4), kind(store.Delete, 5), on(6, store.Int64("x", 1)),
	}},
	{name: "deleted last", events: []store.Event{
		on(1, store.Int64("x", 1)), on(2, store.Int64("x", 1)), kind(store.Delete, 3), kind(store.Heartbeat, 4),
	}},
	{name: "retractions", from: map[int]int{4: 1, 5: 2}, events: []store.Event{
		on(1, store.Int64("x", 1)), on(2, store.Int64("x", 2)), kind(store.Delete, 3),
		on(4, store.Int64("y", 1)), kind(store.Retraction, 5), kind(store.Retraction, 6),
	}},
	{name: "retraction retracted", from: map[int]int{3: 1, 4: 3}, events: []store.Event{
		on(1, store.Int64("x", 1)), on(2, store.Int64("x", 2)), on(3, store.Int64("y", 2)),
		kind(store.Retraction, 4), kind(store.Retraction, 5), on(6, store.Int64("y", 2)),
	}},
}

func on(ns int64, fields ...store.Field) store.Event {
	return store.Event{Time: time.Unix(0, ns), Fields: fields}
}

func kind(k store.Kind, ns int64) store.Event { return store.Event{Kind: k, Time: time.Unix(0, ns)} }

// permutedStreams is every fold by time, with and without only changes.
func permutedStreams() []store.Stream {
	var all []store.Stream
	for _, fold := range []store.Fold{store.Replace, store.Merge, "tape"} {
		for _, only := range []bool{false, true} {
			name := fmt.Sprintf("%s only %v", fold, only)
			all = append(all, store.Stream{Name: name, Fold: fold, OnlyChanges: only})
		}
	}
	return all
}

func TestPermutation_EveryOrderOfArrival(t *testing.T) {
	for _, set := range permutedSets {
		t.Run(set.name, func(t *testing.T) {
			var orders [][]int
			permutations(len(set.events), func(order []int) {
				if set.possible(order) {
					orders = append(orders, slices.Clone(order))
				}
			})
			set.check(t, orders)
		})
	}
}

func TestPermutation_RandomOrders(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for n := range 6 {
		set := drawPermuted(r, 20)
		set.name = fmt.Sprint("set ", n)
		orders := [][]int{identity(len(set.events))}
		for len(orders) < 50 {
			orders = append(orders, set.repaired(r.Perm(len(set.events))))
		}
		t.Run(set.name, func(t *testing.T) { set.check(t, orders) })
	}
}

// drawPermuted is a random set of n events.
func drawPermuted(r *rand.Rand, n int) permuted {
	set := permuted{from: map[int]int{}}
	for i := range n {
		e := on(int64(i) - 5)
		switch k := r.IntN(10); {
		case k == 0:
			e.Kind = store.Delete
		case k == 1:
			e.Kind = store.Heartbeat
		case k < 4 && i > 0:
			e.Kind = store.Retraction
			set.from[i] = r.IntN(i)
		case k == 4:
			e.Fields = store.Fields{store.Null("x")}
		default:
			e.Fields = store.Fields{store.Int64([]string{"x", "y"}[r.IntN(2)], r.Int64N(2))}
		}
		set.events = append(set.events, e)
	}
	return set
}

func identity(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	return order
}

// permutations calls f with every order of n things, one slice for all.
func permutations(n int, f func([]int)) {
	order := identity(n)
	var fix func(k int)
	fix = func(k int) {
		if k == n {
			f(order)
		}
		for i := k; i < n; i++ {
			order[k], order[i] = order[i], order[k]
			fix(k + 1)
			order[k], order[i] = order[i], order[k]
		}
	}
	fix(0)
}

// possible reports whether every retraction comes after what it retracts.
func (s permuted) possible(order []int) bool {
	for i, target := range s.from {
		if slices.Index(order, i) < slices.Index(order, target) {
			return false
		}
	}
	return true
}

// repaired is the order with each retraction that comes too early moved to
// behind what it retracts, which has a lower index.
func (s permuted) repaired(order []int) []int {
	for i := range s.events {
		target, ok := s.from[i]
		if from := slices.Index(order, i); ok && from < slices.Index(order, target) {
			order = slices.Delete(order, from, from+1)
			order = slices.Insert(order, slices.Index(order, target)+1, i)
		}
	}
	return order
}

// check plays all orders and compares every key's states with the model's, which
// gets the events in the order of their times.
func (s permuted) check(t *testing.T, orders [][]int) {
	db, err := store.Open(memoryDir(t), &store.Options{Sync: store.SyncNever, Folds: oracleFolds, SegmentSize: 2 << 10, Fanout: 3, FoldStep: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, stream := range permutedStreams() {
		if err := db.Define(context.Background(), stream); err != nil {
			t.Fatal(err)
		}
		if err := s.play(db, stream.Name, orders); err != nil {
			t.Fatal(err)
		}
		s.compare(t, db, stream, orders)
	}
	if err := db.Seal(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, stream := range permutedStreams() {
		s.compare(t, db, stream, orders)
	}
}

// play gives every order a key. Half of them are appended event by event, a
// batch holding the n-th event of each key, the others key by key.
func (s permuted) play(db *store.DB, stream string, orders [][]int) error {
	half := len(orders) / 2
	p := &player{set: s, stream: stream, next: db.Latest().Seq() + 1, at: map[[2]int]uint64{}}
	for n := range s.events {
		for k, order := range orders[:half] {
			p.add(k, order[n])
		}
		if err := p.append(db); err != nil {
			return err
		}
	}
	for k := half; k < len(orders); k++ {
		for _, i := range orders[k] {
			p.add(k, i)
		}
		if err := p.append(db); err != nil {
			return err
		}
	}
	return nil
}

// player makes batches and knows where their events will stand.
type player struct {
	set    permuted
	stream string
	batch  store.Batch
	next   uint64
	at     map[[2]int]uint64 // position of an event by key and index
}

// add puts event i of key k into the batch.
func (p *player) add(k, i int) {
	e := p.set.events[i]
	e.Stream, e.Key = p.stream, permutedKey(k)
	if e.Kind == store.Retraction {
		e.Retracts = p.at[[2]int{k, p.set.from[i]}]
	}
	p.at[[2]int{k, i}] = p.next
	p.next++
	p.batch.Events = append(p.batch.Events, e)
}

func (p *player) append(db *store.DB) error {
	_, err := db.Append(context.Background(), p.batch)
	p.batch = store.Batch{}
	return err
}

func permutedKey(k int) string { return fmt.Sprintf("%05d", k) }

func (s permuted) compare(t *testing.T, db *store.DB, stream store.Stream, orders [][]int) {
	t.Helper()
	model := s.model(t, stream)
	for _, v := range s.moments() {
		view := db.Latest()
		if !v.IsZero() {
			var err error
			if view, err = db.View(store.AsOf(v)); err != nil {
				t.Fatal(err)
			}
		}
		want := s.content(stream, model.At(v, model.Seq()).Get(stream.Name, "k"))
		for k, order := range orders {
			state, ok, err := view.Get(stream.Name, permutedKey(k))
			if err != nil {
				t.Fatal(err)
			}
			got := "none"
			if ok {
				got = s.content(stream, &state)
			}
			if got != want {
				t.Fatalf("stream %v, as of %s, arrived in the order %v:\n%s\nwant %s\nevents %v",
					stream, showTime(v), order, got, want, s.events)
			}
		}
	}
}

// model is the model with the events in the order of their times.
func (s permuted) model(t *testing.T, stream store.Stream) *Model {
	m := NewModel(oracleFolds)
	if err := m.Define(stream); err != nil {
		t.Fatal(err)
	}
	for i, e := range s.events {
		e.Stream, e.Key = stream.Name, "k"
		if e.Kind == store.Retraction {
			e.Retracts = uint64(s.from[i] + 1)
		}
		if _, err := m.Append(store.Batch{Events: []store.Event{e}}, time.Unix(0, 0)); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// moments is the times of the events, one before and the end of all time.
func (s permuted) moments() []time.Time {
	moments := []time.Time{{}, s.events[0].Time.Add(-1)}
	for _, e := range s.events {
		moments = append(moments, e.Time)
	}
	return moments
}

// content is what does not depend on the order of arrival.
func (s permuted) content(stream store.Stream, state *store.State) string {
	if state == nil {
		return "none"
	}
	text := showFields(byName(state.Fields))
	if stream.Fold == store.Replace {
		text += " type " + state.Type
	}
	return text
}
