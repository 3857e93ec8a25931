package fuzz

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/annalsdb/annals/store"
)

// script is one history as data, so that it can be run again and made smaller.
type script struct {
	options   store.Options
	questions uint64         // seed of what is asked on the way and in the end
	streams   []store.Stream // defined when it begins; plain ones by their first event
	keys      []string
	steps     []step
}

// step is one thing that happens to the database.
type step struct {
	do     action
	batch  store.Batch  // of appending
	now    time.Time    // of what is appended: what the clock says then
	point  [2]uint64    // of looking: raw numbers, made a moment of the log as it is then
	stream store.Stream // of defining
	tail   store.TailQuery
	totals totalsText // of maintaining and dropping
}

type action string

const (
	appending  action = "append"
	checkpoint action = "checkpoint"
	sealing    action = "seal"
	compacting action = "compact"
	looking    action = "view"   // taken now, asked at the end
	defining   action = "define" // maybe otherwise than it is
	following  action = "tail"   // from now on, until the database is closed
	maintains  action = "maintain"
	dropping   action = "drop"
	reopening  action = "reopen"
)

// oracleFolds are Go folds that depend on the order of what they are given.
var oracleFolds = map[string]store.FoldFunc{"tape": tapeFold}

// tapeFold writes the x of each change behind those before it. A change without
// x alters nothing, a null one leaves no state.
func tapeFold(state store.Fields, e store.Event) store.Fields {
	x, ok := e.Fields.Get("x")
	if ok && x.IsNull() {
		return nil
	}
	tape, _ := state.Get("tape")
	text := tape.Str()
	if ok {
		text = text[max(0, len(text)-20):] + x.Kind().String()[:1] + x.String() + ";"
	}
	return store.Fields{store.String("tape", text)}
}

// scripter draws a script, with a model beside it so that what it draws hits
// something.
type scripter struct {
	*rand.Rand
	script script
	model  *Model
	clock  int64
	origin int64 // about which the times of events lie, 4 ns to each side
	ids    int
	said   []store.Batch // the accepted ones
}

func drawScript(seed uint64) script {
	g := &scripter{Rand: rand.New(rand.NewPCG(seed, 2)), model: NewModel(oracleFolds)}
	g.clock = []int64{0, 0, 1e18, -1e18}[g.IntN(4)]
	g.origin = g.clock
	if g.IntN(8) == 0 {
		g.origin = []int64{math.MinInt64 + 4, math.MaxInt64 - 4}[g.IntN(2)]
	}
	g.clock += g.Int64N(3)
	g.script.questions = seed
	g.script.options = store.Options{
		Sync:        []store.SyncMode{store.SyncAlways, store.SyncInterval, store.SyncNever, store.SyncNever, store.SyncNever, store.SyncNever}[g.IntN(6)],
		SegmentSize: []int64{1, 400, 1 << 20}[g.IntN(3)],
		MemoryBytes: []int64{1, 30000, 1 << 20, 1 << 20, 1 << 20}[g.IntN(5)], // the least is slow: nothing is cached
		Fanout:      []int{2, 3, 8}[g.IntN(3)],
		FoldStep:    []int{1, 3, 64}[g.IntN(3)],
	}
	g.script.keys = [][]string{{"a"}, {"a"}, {"a", "ab"}, {"a", "ab", "b"}}[g.IntN(4)]
	for i := range []int{1, 1, 2, 3}[g.IntN(4)] {
		g.drawStream(fmt.Sprintf("s%d", i))
	}
	for g.model.Seq() < uint64(12+g.IntN(24)) && len(g.script.steps) < 60 {
		g.drawStep()
	}
	return g.script
}

func (g *scripter) drawStream(name string) {
	s := g.drawDefinition(name)
	g.script.streams = append(g.script.streams, s)
	if isPlain(s) {
		return
	}
	if err := g.model.Define(s); err != nil {
		panic(err)
	}
}

func (g *scripter) drawDefinition(name string) store.Stream {
	return store.Stream{
		Name: name, Fold: []store.Fold{store.Replace, store.Merge, "tape"}[g.IntN(3)],
		Order: store.Order(g.IntN(2)), OnlyChanges: g.IntN(2) == 0,
	}
}

// isPlain reports whether s is what a stream becomes that nobody defines: so is
// it left to its first event.
func isPlain(s store.Stream) bool { return s == store.Stream{Name: s.Name, Fold: store.Replace} }

func (g *scripter) drawStep() {
	s := step{do: appending}
	switch g.IntN(46) {
	case 0, 1:
		s.do = checkpoint
	case 2, 3, 4, 5:
		s.do, s.point = looking, [2]uint64{g.Uint64N(1000), g.Uint64N(1000)}
	case 6, 7:
		s.do = reopening
	case 8:
		s.do = sealing
	case 9:
		s.do = compacting
	case 10:
		s.do, s.stream = defining, g.drawDefining()
		_ = g.model.Define(s.stream) // it may say no, as the engine must then
	case 11, 12:
		s.do, s.tail = following, g.drawTail()
	case 13, 14:
		s.do, s.totals, s.now = maintains, g.drawTotals(), time.Unix(0, g.clock)
		_ = g.model.Maintain(s.totals.definition(), s.now)
	case 15:
		s.do, s.totals.name, s.now = dropping, []string{"a", "b"}[g.IntN(2)], time.Unix(0, g.clock)
		_ = g.model.Drop(s.totals.name, s.now)
	default:
		g.clock += g.Int64N(4) - 1 // it may stand, or step back
		s.now = time.Unix(0, g.clock)
		s.batch = g.drawBatch()
		if _, err := g.model.Append(s.batch, s.now); err == nil && len(s.batch.Events) > 0 {
			g.said = append(g.said, s.batch)
		}
	}
	g.script.steps = append(g.script.steps, s)
}

// drawDefining is the definition of a stream that is there, one like it, or a bad one.
func (g *scripter) drawDefining() store.Stream {
	s := g.script.streams[g.IntN(len(g.script.streams))]
	switch g.IntN(4) {
	case 0:
		s = g.drawDefinition(s.Name)
	case 1:
		s.Fold = "nobody's"
	case 2:
		s.Name = []string{"", "new"}[g.IntN(2)]
	}
	return s
}

func (g *scripter) drawTail() (q store.TailQuery) {
	if g.IntN(3) == 0 {
		q.Streams = []string{g.script.streams[0].Name, "none"}[:1+g.IntN(2)]
	}
	if g.IntN(4) == 0 {
		q.Types = []string{"t", ""}[:1+g.IntN(2)]
	}
	if g.IntN(4) == 0 {
		q.KeyPrefix = g.drawKey()
	}
	if g.IntN(3) == 0 {
		q.From = g.Uint64N(g.model.Seq() + 3)
	}
	if g.IntN(3) == 0 {
		q.Since = time.Unix(0, g.clock+g.Int64N(9)-6)
	}
	return q
}

func (g *scripter) drawBatch() store.Batch {
	var b store.Batch
	if len(g.said) > 0 && g.IntN(8) == 0 {
		b.Events = g.repeat(g.said[g.IntN(len(g.said))].Events)
	} else {
		for range min(g.IntN(5), 1+g.IntN(4)) {
			b.Events = append(b.Events, g.drawEvent(uint64(len(b.Events))))
		}
		g.name(b.Events)
	}
	if g.IntN(4) == 0 {
		b.Expect = append(b.Expect, g.drawExpectation())
	}
	if g.IntN(6) == 0 {
		b.Boundary = g.drawBoundary()
	}
	if g.IntN(8) == 0 {
		b.Recorded = time.Unix(0, g.clock+g.Int64N(9)-4)
	}
	return b
}

// name gives IDs to the events of a batch: to none, all or some.
func (g *scripter) name(events []store.Event) {
	share := []int{0, 0, 10, 5}[g.IntN(4)]
	for i := range events {
		if g.IntN(10) < share {
			g.ids++
			events[i].ID = fmt.Sprintf("id%d", g.ids)
		}
	}
}

// repeat is a batch that was stored before: as it was, a part of it, in another
// order, with another event or batch beside it or with other content.
func (g *scripter) repeat(events []store.Event) []store.Event {
	events = slices.Clone(events)
	switch g.IntN(8) {
	case 0:
		events = events[g.IntN(len(events)):]
	case 1:
		events = events[:1+g.IntN(len(events))]
	case 2:
		events = append(events, g.drawEvent(uint64(len(events))))
	case 3:
		e := g.drawEvent(0)
		e.ID = events[0].ID
		events[0] = e
	case 4:
		slices.Reverse(events)
	case 5:
		events = append(events, g.said[g.IntN(len(g.said))].Events...)
	}
	return events
}

// drawEvent is the event that would be the i-th of the next batch.
func (g *scripter) drawEvent(i uint64) store.Event {
	s := g.script.streams[g.IntN(len(g.script.streams))]
	e := store.Event{Stream: s.Name, Key: g.drawKey(), Time: g.drawTime(), Type: []string{"", "", "t", "u"}[g.IntN(4)]}
	switch n := g.IntN(20); {
	case n < 3:
		e.Kind = store.Delete
	case n < 5:
		e.Kind = store.Heartbeat
	case n < 9 && g.model.Seq() > 0:
		return g.drawRetraction(e, i)
	default:
		e.Fields = g.drawFields()
	}
	if state := g.model.At(e.Time, g.model.Seq()).Get(e.Stream, e.Key); state != nil && e.Kind == store.Change && g.IntN(3) == 0 {
		e.Type, e.Fields = state.Type, append(store.Fields(nil), state.Fields...)
	}
	return e
}

// drawRetraction names some event, mostly one that there is and of its own key.
func (g *scripter) drawRetraction(e store.Event, i uint64) store.Event {
	e.Kind, e.Retracts = store.Retraction, 1+g.Uint64N(g.model.Seq()+i+1)
	if e.Retracts <= g.model.Seq() && g.IntN(20) > 0 {
		if target := g.model.log[e.Retracts-1].said; target.Stream != store.AggregateStream { // which is not for others
			e.Stream, e.Key = target.Stream, target.Key
		}
	}
	return e
}

func (g *scripter) drawKey() string { return g.script.keys[g.IntN(len(g.script.keys))] }

// drawTime is one of a few times, so that many are equal; sometimes none.
func (g *scripter) drawTime() time.Time {
	if g.IntN(6) == 0 {
		return time.Time{}
	}
	return time.Unix(0, g.origin+g.Int64N(9)-4)
}

func (g *scripter) drawFields() store.Fields {
	var fields store.Fields
	for _, name := range []string{"x", "y", "z"}[:1+g.IntN(3)] {
		if g.IntN(3) > 0 {
			fields = append(fields, g.drawField(name))
		}
	}
	if g.IntN(2) == 0 {
		slices.Reverse(fields)
	}
	return fields
}

func (g *scripter) drawField(name string) store.Field {
	switch g.IntN(12) {
	case 0, 1, 2:
		return store.Null(name)
	case 3:
		return store.Float64(name, []float64{1, math.NaN(), math.Copysign(0, -1), 0}[g.IntN(4)])
	case 4:
		return store.String(name, "1")
	case 5:
		return store.Bytes(name, []byte("1"))
	case 6:
		return store.Bool(name, true)
	case 7:
		return store.JSON(name, json.RawMessage(`{"a": 1}`))
	case 8:
		return store.Time(name, time.Unix(0, 1))
	}
	return store.Int64(name, []int64{1, 2, math.MinInt64}[g.IntN(3)])
}

func (g *scripter) drawExpectation() store.Expectation {
	s := g.script.streams[g.IntN(len(g.script.streams))]
	x := store.Expectation{Stream: s.Name, Key: g.drawKey()}
	version := g.model.version(x.Stream, x.Key)
	x.Expect = []store.Expect{
		store.Any, store.Absent, store.Exists, store.Exactly(version), store.Exactly(version),
		store.Exactly(version), store.Exactly(version + 1), store.Exactly(0),
	}[g.IntN(8)]
	return x
}

func (g *scripter) drawBoundary() *store.Boundary {
	seq := g.model.Seq()
	b := &store.Boundary{After: seq - min(seq, g.Uint64N(4))}
	for range 1 + g.IntN(2) {
		var item store.Item
		if g.IntN(2) == 0 {
			item.Stream = g.script.streams[0].Name
		}
		if g.IntN(2) == 0 {
			item.Types = []string{"t", "v"}
		}
		if g.IntN(2) == 0 {
			item.Fields = store.Fields{g.drawField("x")}
		}
		b.Query = append(b.Query, item)
	}
	return b
}
