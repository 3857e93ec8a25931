package fuzz

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/store"
)

// crashHistory is what one writer appended to a database and was told. It is read
// at a crash, while its writer is in the middle of an append.
type crashHistory struct {
	mu       sync.Mutex
	seed     uint64        // of the batches, and their name among all histories
	batches  []store.Batch // in order; the last may be on its way
	receipts []store.Receipt
	defined  int // streams, of killStreams
	acked    int // batches that the end of the process must not lose
	synced   int // batches that a crash of the machine must not lose
	target   *killTarget
}

// copy is the history so far.
func (h *crashHistory) copy() *crashHistory {
	h.mu.Lock()
	defer h.mu.Unlock()
	return &crashHistory{seed: h.seed, batches: slices.Clone(h.batches), receipts: slices.Clone(h.receipts),
		defined: h.defined, acked: h.acked, synced: h.synced, target: h.target}
}

// append appends the next batch; with pad its last event is that many bytes
// longer. always: what is acknowledged is durable.
func (h *crashHistory) append(db *store.DB, pad int, always bool) error {
	seed := h.seed + uint64(len(h.batches))
	b := killBatch(seed, fmt.Sprintf("%d.%d", h.seed, len(h.batches)), h.target)
	if pad > 0 {
		b.Events = append(b.Events, store.Event{Stream: killStreams[0].Name, Key: "long", Fields: store.Fields{store.String("pad", strings.Repeat("x", pad))}})
	}
	h.mu.Lock()
	h.batches = append(h.batches, b)
	h.mu.Unlock()
	r, err := db.Append(context.Background(), b)
	if err != nil {
		return fmt.Errorf("append batch %d: %w", len(h.batches), err)
	}
	h.told(r, always)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.target = nil
	if targets := killTargets(b, r.First); len(h.batches)%3 == 0 && len(targets) > 0 {
		h.target = &targets[len(targets)-1]
	}
	return nil
}

// crashAggregates are maintained: functions from which what is retracted is taken away,
// and ones that depend on order, over windows whose events come late and are retracted.
var crashAggregates = []aggregate.Definition{
	{Name: "sums", Stream: killStreams[0].Name, By: []aggregate.Input{aggregate.Key()}, Window: aggregate.Tumbling{Size: 10 * time.Minute},
		Measures: []aggregate.Measure{
			{Name: "rows", Function: aggregate.Count{Rows: true}},
			{Name: "sum", Function: aggregate.Sum{}, Of: aggregate.Field("n")},
		}},
	{Name: "tags", Stream: killStreams[0].Name, By: []aggregate.Input{aggregate.Key()}, Window: aggregate.Tumbling{Size: 10 * time.Minute},
		Measures: []aggregate.Measure{{Name: "last", Function: aggregate.Last{}, Of: aggregate.Field("tag")}}},
	{Name: "visits", Stream: killStreams[1].Name, Window: aggregate.Session{Gap: time.Minute},
		Measures: []aggregate.Measure{{Name: "max", Function: aggregate.Max{}, Of: aggregate.Field("n")}}},
}

// maintain has aggregates kept. Their definitions are batches as others are, of one
// event each.
func (h *crashHistory) maintain(db *store.DB, always bool) error {
	for _, d := range crashAggregates {
		e := store.Event{Stream: store.AggregateStream, Key: d.Name, Type: "define", Fields: store.Fields{
			store.Bytes("definition", d.AppendBinary(nil)), store.String("text", d.String())}}
		h.mu.Lock()
		h.batches = append(h.batches, store.Batch{Events: []store.Event{e}})
		h.mu.Unlock()
		if _, err := db.Maintain(context.Background(), d); err != nil {
			return err
		}
		for e, err := range db.Latest().Events(store.EventQuery{From: db.Latest().Seq()}) {
			if err != nil {
				return err
			}
			h.told(store.Receipt{First: e.Seq, Last: e.Seq, Recorded: e.Recorded, Versions: []uint64{e.Version}}, always)
		}
	}
	return nil
}

// maintained is an error if an aggregate whose definition is there is not kept.
func (h *crashHistory) maintained(db *store.DB) error {
	for _, b := range h.batches {
		if e := b.Events[0]; e.Stream == store.AggregateStream {
			if _, err := db.Aggregate(e.Key); err != nil {
				return err
			}
		}
	}
	return nil
}

// told notes what was acknowledged; always: it is durable.
func (h *crashHistory) told(r store.Receipt, always bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.receipts = append(h.receipts, r)
	h.acked = len(h.receipts)
	if always {
		h.synced = h.acked
	}
}

// define defines the next stream, if there is one.
func (h *crashHistory) define(db *store.DB) error {
	if h.defined == len(killStreams) {
		return nil
	}
	if err := db.Define(context.Background(), killStreams[h.defined]); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.defined++
	return nil
}

// durable notes that all that was acknowledged is.
func (h *crashHistory) durable() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.acked, h.synced = len(h.receipts), len(h.receipts)
}

// check holds the database against the history, of which at least the first kept
// batches must be there, and forgets what is not: that is where it goes on.
func (h *crashHistory) check(db *store.DB, kept int) error {
	events, err := plainEvents(db.Latest())
	if err != nil {
		return err
	}
	found := 0
	for at := 0; at < len(events); found++ {
		if found == len(h.batches) {
			return fmt.Errorf("event %d is one that nobody appended: %s", at+1, plainText(events[at]))
		}
		b := h.batches[found]
		end := min(at+len(b.Events), len(events))
		if err := killWritten(events[at:end], b, events); err != nil {
			return fmt.Errorf("batch %d at %d: %w", found, at+1, err)
		}
		if err := h.checkReceipt(found, events[at:end]); err != nil {
			return err
		}
		at = end
	}
	if found < kept {
		return fmt.Errorf("%d batches are there, %d had to be kept", found, kept)
	}
	if found < len(h.batches) {
		h.target = nil // it may be of those
	}
	h.batches, h.receipts = h.batches[:found], h.receipts[:min(found, len(h.receipts))]
	return newPlain(db.Streams(), killFolds, events).check(db.Latest())
}

// checkReceipt compares the events of batch i with what its writer was told, and
// tells it now if it was not.
func (h *crashHistory) checkReceipt(i int, events []store.Event) error {
	r := store.Receipt{First: events[0].Seq, Last: events[len(events)-1].Seq, Recorded: events[0].Recorded}
	for _, e := range events {
		r.Versions = append(r.Versions, e.Version)
	}
	if i == len(h.receipts) {
		h.receipts = append(h.receipts, r)
	}
	if told := h.receipts[i]; told.First != r.First || told.Last != r.Last || !told.Recorded.Equal(r.Recorded) || !slices.Equal(told.Versions, r.Versions) {
		return fmt.Errorf("batch %d is at %+v, acknowledged was %+v", i, r, told)
	}
	return nil
}
