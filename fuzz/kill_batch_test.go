package fuzz

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/annalsdb/annals/store"
)

// The batches that the tests of this package's kill, corrupt and race files
// append: pure functions of a seed, so that a process that was not there can
// say what was in them.

// killStreams has every fold and both orders, and some with only changes.
var killStreams = []store.Stream{
	{Name: "replace-time", Fold: store.Replace},
	{Name: "merge-time", Fold: store.Merge},
	{Name: "sum-time", Fold: "sum"},
	{Name: "replace-arrival", Fold: store.Replace, Order: store.ByArrival},
	{Name: "merge-arrival", Fold: store.Merge, Order: store.ByArrival},
	{Name: "changes-arrival", Fold: store.Replace, Order: store.ByArrival, OnlyChanges: true},
	{Name: "changes-time", Fold: store.Replace, OnlyChanges: true},
	{Name: "changes-merge", Fold: store.Merge, OnlyChanges: true},
}

// killFolds are the Go folds of killStreams.
var killFolds = map[string]store.FoldFunc{"sum": killSum}

// killSum adds the field n of each event; a total that 7 divides is no state.
// It remembers the last tag too, so that the order of the fold shows.
func killSum(state store.Fields, e store.Event) store.Fields {
	before, _ := state.Get("n")
	n, _ := e.Fields.Get("n")
	tag, _ := e.Fields.Get("tag")
	total := before.Int64() + n.Int64()
	if total%7 == 0 {
		return nil
	}
	return store.Fields{store.Int64("n", total), store.String("last", tag.Str())}
}

// killTarget is a change that a batch may retract.
type killTarget struct {
	stream, key string
	seq         uint64
}

// killEpoch is where the events' own times lie.
var killEpoch = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// killBatch is the batch of seed. The first event carries tag in its field of
// that name, which no other batch's first event does. A target is retracted.
func killBatch(seed uint64, tag string, target *killTarget) store.Batch {
	rnd := rand.New(rand.NewPCG(seed, 0))
	n := 1 + rnd.IntN(8)
	switch rnd.IntN(12) {
	case 0:
		n = 40 + rnd.IntN(60)
	case 1, 2, 3:
		n = 1
	}
	ids := rnd.IntN(3) // on none, on some, on all
	var b store.Batch
	for i := range n {
		e := killEvent(rnd, tag, i)
		if i == 1 && target != nil {
			e = store.Event{Stream: target.stream, Key: target.key, Kind: store.Retraction, Retracts: target.seq}
		}
		if ids == 2 || ids == 1 && rnd.IntN(2) == 0 {
			e.ID = fmt.Sprintf("%s#%d", tag, i)
		}
		b.Events = append(b.Events, e)
	}
	return b
}

// killEvent is event i of a batch.
func killEvent(rnd *rand.Rand, tag string, i int) store.Event {
	s := killStreams[rnd.IntN(len(killStreams))]
	e := store.Event{Stream: s.Name, Key: fmt.Sprintf("key-%02d", rnd.IntN(40)), Time: killTime(rnd)}
	kind := rnd.IntN(20)
	switch {
	case i == 0:
		e.Stream = killStreams[rnd.IntN(5)].Name // not one of only changes
		e.Type, e.Fields = "first", killFields(rnd, tag)
	case kind == 0:
		e.Kind = store.Heartbeat
	case kind == 1:
		e.Kind = store.Delete
	case s.OnlyChanges:
		e.Fields = killLevels(rnd)
	default:
		e.Type, e.Fields = fmt.Sprintf("type-%d", rnd.IntN(3)), killFields(rnd, tag)
	}
	return e
}

// killTime is none in one of four events, else a time up to an hour late or early.
func killTime(rnd *rand.Rand) time.Time {
	if rnd.IntN(4) == 0 {
		return time.Time{}
	}
	return killEpoch.Add(time.Duration(rnd.Int64N(int64(time.Hour))))
}

// killFields are some fields of every kind, tag and n always among them.
func killFields(rnd *rand.Rand, tag string) store.Fields {
	fields := store.Fields{
		store.String("tag", tag),
		store.Int64("n", rnd.Int64N(100)),
		store.Float64("float", math.Float64frombits(rnd.Uint64())),
		store.Bytes("bytes", make([]byte, rnd.IntN(100))),
		store.Time("time", time.Unix(0, rnd.Int64())),
		store.JSON("json", json.RawMessage(fmt.Sprintf(`{"a": [%d, null]}`, rnd.Int64()))),
		store.Bool("bool", rnd.IntN(2) == 0),
		store.Null("null"),
	}
	optional := fields[2:]
	rnd.Shuffle(len(optional), func(i, j int) { optional[i], optional[j] = optional[j], optional[i] })
	fields = fields[:2+rnd.IntN(len(optional)+1)]
	if _, has := fields.Get("float"); !has && rnd.IntN(3) == 0 {
		fields = append(fields, store.Null("float")) // removes it under merge
	}
	return fields
}

// killLevels are fields so poor that they often repeat what is there.
func killLevels(rnd *rand.Rand) store.Fields {
	fields := store.Fields{store.Int64("level", rnd.Int64N(2))}
	switch rnd.IntN(8) {
	case 0:
		return append(fields, store.Null("mode"))
	case 1, 2:
		return append(fields, store.Bool("mode", rnd.IntN(2) == 0))
	}
	return fields
}

// killTargets are the changes of b that a later batch may retract, at the
// positions from first on.
func killTargets(b store.Batch, first uint64) []killTarget {
	var targets []killTarget
	for i, e := range b.Events {
		if e.Kind == store.Change {
			targets = append(targets, killTarget{e.Stream, e.Key, first + uint64(i)})
		}
	}
	return targets
}

// killWritten compares what is in the log with what was appended, position by
// position. log begins with the batch's first event.
func killWritten(log []store.Event, b store.Batch, all []store.Event) error {
	if len(log) != len(b.Events) {
		return fmt.Errorf("%d of the batch's %d events are there", len(log), len(b.Events))
	}
	for i, want := range b.Events {
		got := log[i]
		want.Seq, want.Version, want.Recorded = got.Seq, got.Version, got.Recorded
		if want.Time.IsZero() {
			want.Time = got.Recorded
		}
		fields := got.Fields
		if got.Same != 0 && got.Same < got.Seq {
			got.Kind, want.Same = want.Kind, got.Same
			if fields == nil {
				origin := all[got.Same-1]
				for origin.Same != 0 { // the first one was retracted
					origin = all[origin.Same-1]
				}
				fields = origin.Fields
			}
		}
		if !plainSameRow(got, want) || !fields.Equal(want.Fields) {
			return fmt.Errorf("event %d is %s, appended was %s", got.Seq, plainText(log[i]), plainText(b.Events[i]))
		}
	}
	return nil
}
