package query_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/annalsdb/annals/query"
	"github.com/annalsdb/annals/store"
)

func Example() {
	q := query.From("orders").
		Where(query.Col("region").Eq("eu").And(query.Col("price").Mul(2).Gt(query.Param(1)))).
		GroupBy(query.Col("type")).Window(query.Calendar(1, query.Month, "Europe/Berlin")).
		Select(query.Col("type"), query.Col("window_start"), query.Call("sum", query.Col("price")).As("total")).
		OrderBy(query.Col("total").Desc()).Limit(10)
	fmt.Println(q)

	then := time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)
	fmt.Println(query.FromSource(query.StateOf("orders").AsOf(then)).Where(query.Col("status").In("open", "late")))
	// Output:
	// SELECT type, window_start, sum(price) AS total FROM orders WHERE region = 'eu' AND price * 2 > $1 GROUP BY type, WINDOW month IN 'Europe/Berlin' ORDER BY total DESC LIMIT 10
	// SELECT * FROM STATE OF orders AS OF TIME '2024-03-01T00:00:00Z' WHERE status IN ('open', 'late')
}

func ExampleParse() {
	_, err := query.Parse("SELECT key FROM orders WHERE price BETWEEN 1 OR 2")
	fmt.Println(err)

	q, _ := query.Parse("SELECT key FROM orders WHERE time > 'noon'")
	fmt.Println(q.Check(nil))
	// Output:
	// query, line 1, column 46: expected AND, found OR
	//   SELECT key FROM orders WHERE price BETWEEN 1 OR 2
	//                                                ^
	// query, line 1, column 37: 'noon' is no time: expected one like '2024-03-01' or '2024-03-01T12:00:00+02:00'
	//   SELECT key FROM orders WHERE time > 'noon'
	//                                       ^
}

// ledger is events in memory as a source of queries.
type ledger []store.Event

func (l ledger) Streams() ([]string, error) { return []string{"payments"}, nil }

func (l ledger) Fields(string) ([]string, error) { return []string{"amount"}, nil }

func (l ledger) Seq() uint64 { return uint64(len(l)) }

func (l ledger) At(m query.Moment) (query.Reader, error) {
	if m.KnownAt != math.MaxUint64 && m.KnownAt > l.Seq() {
		return nil, store.ErrFuture
	}
	n := slices.IndexFunc(l, func(e store.Event) bool { return e.Seq > m.KnownAt || e.Recorded.UnixNano() > m.KnownBy })
	if n < 0 {
		n = len(l)
	}
	return l[:n], nil
}

func (l ledger) ScanEvents(ctx context.Context, q store.EventScan, visit func(worker int, b *store.EventBatch) error) (store.ScanStats, error) {
	return q.Over(ctx, func(yield func(store.Event, error) bool) {
		for _, e := range l {
			if !yield(e, nil) {
				return
			}
		}
	}, visit)
}

// Whoever has events elsewhere queries them by a Reader of their own.
func ExampleReader() {
	var l ledger
	for i, amount := range []int64{100, -30, 250, -99} {
		t := time.Date(2024, 3, 1+i, 12, 0, 0, 0, time.UTC)
		l = append(l, store.Event{Stream: "payments", Key: []string{"ann", "bob"}[i%2], Seq: uint64(i + 1), Version: uint64(i/2 + 1),
			Time: t, Recorded: t, Fields: store.Fields{store.Int64("amount", amount)}})
	}
	for _, text := range []string{
		"SELECT key, sum(amount) FROM payments GROUP BY key ORDER BY key",
		"SELECT sum(amount) FROM payments KNOWN AT 3 WHERE amount < 0",
		"SELECT key FROM STATE OF payments",
	} {
		q, err := query.Parse(text)
		var result *query.Result
		if err == nil {
			result, err = query.Run(context.Background(), l, q)
		}
		var rows []query.Row
		if err == nil {
			rows, err = result.All()
		}
		fmt.Println(rows, err)
	}
	// Output:
	// [[ann 350] [bob -129]] <nil>
	// [[-30]] <nil>
	// [] query, line 1, column 26: states are made of all events of a key, and here are some alone: expected the events of payments, or a whole database
	//   SELECT key FROM STATE OF payments
	//                            ^
}
