package nexmark

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"sync"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/query"
	"github.com/annalsdb/annals/store"
)

// # Kept up to date
//
// A query that is an aggregate is one that the database maintains. Any other follows the
// log by itself: what the events up to a position have changed is added to its answer,
// by its own text, asked of less than everything.
//
//	rows of one bid each     asked of the new bids, none of which is ever retracted
//	parts of rows, by id     asked of the ids that new events touch, as of after them
//	                         and as of before: the rows of then are withdrawn, those
//	                         of now are added
//	an aggregate of parts    rows withdrawn and added are events, of which it is
//	                         maintained
//
// The answer and the position that it has are the fields of one event, put in one batch
// with the rows: after a crash, a Keeper goes on where it had come to, and has neither
// lost events nor counted some twice.
//
// Nothing but this is kept: what a join has to know of the past, views know. q6, which
// Flink cannot compute since the last ten auctions of a seller are not known before the
// last bid of each, is a query like others here: its parts are all auctions of the
// sellers that events touch. q18 and q19 are places in an order, for which the language
// has no aggregate; they are parts too.

// Streams of a Keeper's own: the positions of queries and their answers, and the rows of
// q4's parts.
const (
	keptStream  = "kept"
	finalStream = "final"
)

// Keeper keeps the answers to queries up to date. It is used by one goroutine at a time,
// and is the only one of its queries.
type Keeper struct {
	db   *store.DB
	kept []*kept
}

// kept is a query and how far it is.
type kept struct {
	*Query
	seq    uint64 // the events up to here are in the answer
	answer Answer // of one that follows the log
}

// Keep keeps queries up to date, from where an earlier Keeper of the database has come
// to. There have to be events of people, auctions and bids: before, no query can be asked.
func Keep(ctx context.Context, db *store.DB, queries []*Query) (*Keeper, error) {
	for _, s := range []string{keptStream, finalStream} {
		if err := db.Define(ctx, store.Stream{Name: s}); err != nil {
			return nil, fmt.Errorf("nexmark: keep queries: %w", err)
		}
	}
	k := &Keeper{db: db}
	for _, q := range queries {
		of := &kept{Query: q}
		if err := of.begin(ctx, db); err != nil {
			return nil, fmt.Errorf("nexmark: keep %s: %w", q.Name, err)
		}
		k.kept = append(k.kept, of)
	}
	return k, nil
}

// followEvery is how many batches are put from one Follow to the next: what one costs, tens
// of microseconds a query and some for each id that is touched, is shared by their events.
const followEvery = 10

// PutKept puts events as Put does and keeps queries up to date meanwhile: those that the
// database maintains with each batch; the others with every tenth, beside the next ones,
// which wait for that; and all with the last. There has to be an event of each kind in
// the first batch.
func (c Config) PutKept(ctx context.Context, db *store.DB, size int, queries []*Query, progress func(n int)) (k *Keeper, err error) {
	following := make(chan error, 1) // what became of the last Follow
	following <- nil
	batches := 0
	err = c.Put(ctx, db, size, func(n int) (err error) {
		if progress(n); k == nil {
			k, err = Keep(ctx, db, queries)
		}
		if batches++; err != nil || batches%followEvery > 0 {
			return err
		}
		err = <-following
		go func() { following <- k.Follow(ctx) }()
		return err
	})
	if err = errors.Join(err, <-following); err == nil && k != nil {
		err = k.Follow(ctx)
	}
	return k, err
}

// averages is what is kept of the rows of q4's parts, of which there may be none yet.
var averages = aggregate.Definition{Name: "q4", Stream: finalStream, By: []aggregate.Input{aggregate.Field("category")}, Measures: []aggregate.Measure{
	{Name: "total", Function: aggregate.Sum{}, Of: aggregate.Field("final")},
	{Name: "auctions", Function: aggregate.Sum{}, Of: aggregate.Field("auctions")},
}}

// begin has the aggregate maintained that there may be, and finds the position.
func (k *kept) begin(ctx context.Context, db *store.DB) (err error) {
	switch {
	case k.Revised != "":
		_, err = db.Maintain(ctx, averages)
	case k.Aggregate != "":
		var r query.Reader
		if r, err = query.DB(db); err == nil {
			err = ask(ctx, r, "CREATE AGGREGATE "+k.Name+" AS "+k.Aggregate, 1, func(*query.Batch) {})
		}
	}
	if err != nil {
		return err
	}
	st, ok, err := db.Latest().Get(keptStream, k.Name)
	if !ok || err != nil {
		return err
	}
	field := func(name string) int64 {
		v, _ := st.Fields.Get(name)
		return v.Int64()
	}
	k.seq, k.answer = uint64(field("seq")), Answer{field("rows"), uint64(field("sum"))}
	return nil
}

// Follow brings all answers up to the newest event, as many queries at a time as there are
// processors. An error leaves all as they were.
func (k *Keeper) Follow(ctx context.Context) error {
	v := k.db.Latest()
	next, errs := make([]step, len(k.kept)), make([]error, len(k.kept))
	processors := runtime.GOMAXPROCS(0)
	free, workers := make(chan struct{}, processors), max(1, processors/len(k.kept))
	var wait sync.WaitGroup
	for i, q := range k.kept {
		if q.Aggregate != "" {
			continue
		}
		wait.Go(func() {
			free <- struct{}{}
			if next[i], errs[i] = q.step(ctx, k.db, v, workers); errs[i] != nil {
				errs[i] = fmt.Errorf("nexmark: follow %s from position %d: %w", q.Name, q.seq, errs[i])
			}
			<-free
		})
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	var b store.Batch
	for i := range next {
		b.Events = append(b.Events, next[i].events...)
	}
	if _, err := k.db.Append(ctx, b); err != nil {
		return fmt.Errorf("nexmark: follow the log: %w", err)
	}
	for i, q := range k.kept {
		if q.Aggregate == "" {
			q.seq, q.answer = v.Seq(), next[i].answer
		}
	}
	return nil
}

// step is what becomes of a query when new events come, and the events that say so.
type step struct {
	answer Answer
	events []store.Event
}

// step is the one to a view.
func (k *kept) step(ctx context.Context, db *store.DB, v *store.View, workers int) (to step, err error) {
	to.answer = k.answer
	add := func(r query.Reader, sign int64) error { return k.ask(ctx, r, k.Text, workers, sign, &to.answer) }
	switch {
	case k.Parts == nil:
		err = add(since(v, k.seq+1), 1)
	case k.Revised == "":
		err = k.revise(ctx, db, v, workers, add)
	default:
		rows := map[final]int64{}
		err = k.revise(ctx, db, v, workers, func(r query.Reader, sign int64) error { return countFinals(ctx, r, k.Revised, workers, sign, rows) })
		to.events = finalEvents(rows)
	}
	to.events = append(to.events, store.Event{Stream: keptStream, Key: k.Name, Type: "followed", Fields: store.Fields{
		store.Int64("seq", int64(v.Seq())), store.Int64("rows", to.answer.Rows), store.Int64("sum", int64(to.answer.Sum))}})
	return to, err
}

// revise calls change for the parts that events touch behind the position: as of it,
// with -1, and as of the view, with 1.
func (k *kept) revise(ctx context.Context, db *store.DB, v *store.View, workers int, change func(r query.Reader, sign int64) error) error {
	ids, err := k.Parts.ids(ctx, v, k.seq+1, workers)
	if err != nil || len(ids) == 0 {
		return err
	}
	before, err := db.View(store.KnownAt(k.seq))
	if err == nil {
		err = change(k.Parts.only(before, ids), -1)
	}
	if err == nil {
		err = change(k.Parts.only(v, ids), 1)
	}
	return err
}

// final is a row of [finals].
type final struct{ auction, category, price int64 }

// countFinals adds sign to each row of the text.
func countFinals(ctx context.Context, r query.Reader, text string, workers int, sign int64, rows map[final]int64) error {
	return ask(ctx, r, text, workers, func(b *query.Batch) {
		for i := range b.Rows {
			at := func(column int) int64 { return b.Columns[column].Value(i).Int64() }
			rows[final{at(0), at(1), at(2)}] += sign
		}
	})
}

// finalEvents are the rows that are withdrawn or added, of each auction in this order:
// sums over them are those over the rows that are there.
func finalEvents(rows map[final]int64) (events []store.Event) {
	inOrder := func(a, b final) int { return cmp.Or(cmp.Compare(a.auction, b.auction), cmp.Compare(rows[a], rows[b])) }
	for _, f := range slices.SortedFunc(maps.Keys(rows), inOrder) {
		if n := rows[f]; n != 0 {
			events = append(events, store.Event{Stream: finalStream, Key: strconv.FormatInt(f.auction, 10), Type: "revised", Fields: store.Fields{
				store.Int64("category", f.category), store.Int64("final", n*f.price), store.Int64("auctions", n)}})
		}
	}
	return events
}

// Answer is the answer to the i-th query, as of the last Follow or, of one that the
// database maintains, the newest event.
func (k *Keeper) Answer(ctx context.Context, i int) (a Answer, err error) {
	q := k.kept[i]
	if q.Kept == "" {
		return q.answer, nil
	}
	r, err := query.DB(k.db)
	if err == nil {
		err = q.ask(ctx, r, q.Kept, runtime.GOMAXPROCS(0), 1, &a)
	}
	return a, err
}
