package nexmark

import (
	"context"
	"strconv"

	"github.com/annalsdb/annals/index"
	"github.com/annalsdb/annals/query"
	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

// Parts says which rows of a query hang together: those of one id, which depend on
// nothing but the events and the states of that id. So what new events change of an
// answer is had by asking the query of the ids that they touch alone, as of before
// and as of after them, whether they are bids of an auction that is not there yet or
// the auction itself.
type Parts struct {
	touched []string // ask events which ids they touch
	events  string   // the stream that the query reads
	by      string   // its field with the id; "": the key is the id
	states  string   // the stream whose states it joins, whose keys are ids
	sellers bool     // the ids are all auctions of those who sell the ones touched
}

var (
	byAuction = &Parts{events: Bids, states: Auctions,
		touched: []string{"SELECT DISTINCT auction FROM bid", "SELECT DISTINCT id FROM auction"}}
	ofSellers = &Parts{events: Bids, states: Auctions, touched: byAuction.touched, sellers: true}
	bySeller  = &Parts{events: Auctions, by: "seller", states: People,
		touched: []string{"SELECT DISTINCT seller FROM auction", "SELECT DISTINCT id FROM person"}}
)

// ids are those that the events of a view from a position on touch.
func (p *Parts) ids(ctx context.Context, v *store.View, from uint64, workers int) (ids []int64, err error) {
	for _, text := range p.touched {
		some, err := idsOf(ctx, since(v, from), text, workers)
		if err != nil {
			return nil, err
		}
		ids = append(ids, some...)
	}
	if !p.sellers {
		return ids, nil
	}
	if ids, err = idsOf(ctx, byAuction.only(v, ids), "SELECT DISTINCT seller FROM STATE OF auction", workers); err != nil {
		return nil, err
	}
	return idsOf(ctx, bySeller.only(v, ids), "SELECT DISTINCT id FROM auction", workers)
}

// idsOf is a column of ids.
func idsOf(ctx context.Context, r query.Reader, text string, workers int) (ids []int64, err error) {
	err = ask(ctx, r, text, workers, func(b *query.Batch) {
		for i := range b.Rows {
			ids = append(ids, b.Columns[0].Value(i).Int64())
		}
	})
	return ids, err
}

// some is a view of which queries read a part.
type some struct {
	query.StateReader
	events func(q *store.EventScan) // make scans smaller; nil for not
	states func(q *store.KeyScan)
}

// since is the events of a view from a position on, and all states.
func since(v *store.View, from uint64) query.StateReader {
	return some{StateReader: query.View(v), events: func(q *store.EventScan) { q.From = from }}
}

// only is what a view has of ids.
func (p *Parts) only(v *store.View, ids []int64) query.StateReader {
	keys, values := make([]string, len(ids)), make([]index.Literal, len(ids))
	for i, id := range ids {
		keys[i], values[i] = strconv.FormatInt(id, 10), segment.Int64Of(id).Literal()
	}
	return some{query.View(v), func(q *store.EventScan) {
		switch in := (index.In{Column: p.by, Values: values}); {
		case q.Stream != p.events:
		case p.by == "":
			q.Keys = keys
		case q.Where == nil:
			q.Where = in
		default:
			q.Where = index.And{q.Where, in}
		}
	}, func(q *store.KeyScan) {
		if q.Stream == p.states {
			q.Keys = keys
		}
	}}
}

// ScanEvents implements [query.Reader].
func (s some) ScanEvents(ctx context.Context, q store.EventScan, visit func(worker int, b *store.EventBatch) error) (store.ScanStats, error) {
	s.events(&q)
	return s.StateReader.ScanEvents(ctx, q, visit)
}

// ScanStates implements [query.StateReader].
func (s some) ScanStates(ctx context.Context, q store.KeyScan, visit func(worker int, states []store.State) error) error {
	if s.states != nil {
		s.states(&q)
	}
	return s.StateReader.ScanStates(ctx, q, visit)
}
