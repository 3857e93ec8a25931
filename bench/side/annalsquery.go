package side

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/nexmark"
	"github.com/annalsdb/annals/query"
)

// byDay is the question of Daily; the average is for the work that it is.
var byDay = query.From(Stream).GroupBy(query.Col("type")).Window(query.Calendar(1, query.Day, "UTC")).Select(
	query.Col("type"), query.Col("window_start"), query.Count(), query.Call("sum", query.Col("value")),
	query.Call("max", query.Col("value")), query.Call("avg", query.Col("value")))

// Daily asks by the query layer.
func (e *Engine) Daily(keys []string, visit func(w load.Window, t load.Total)) error {
	q := byDay
	if keys != nil {
		some := make([]any, len(keys))
		for i, k := range keys {
			some[i] = k
		}
		q = q.Where(query.Col("key").In(some[0], some[1:]...))
	}
	return e.ask(q, func(row query.Row) {
		visit(load.Window{Type: row[0].Str(), Start: row[1].Nanos()},
			load.Total{Count: row[2].Int64(), Sum: row[3].Float64(), Max: row[4].Float64()})
	})
}

// within is the question of Range.
var within = sync.OnceValues(func() (query.Query, error) {
	return query.Parse("SELECT count(*), sum(value), max(value) FROM " + Stream + " WHERE time >= $1 AND time < $2")
})

// Range asks by the query layer, which reads the events, or, where totals by the hour
// are kept, has the answer from these.
func (e *Engine) Range(from, to int64) (load.Total, error) {
	q, err := within()
	if err != nil {
		return load.Total{}, err
	}
	return e.total(q, time.Unix(0, from), time.Unix(0, to))
}

// Top asks by the query layer.
func (e *Engine) Top(n int, visit func(key string, r load.Reading)) error {
	q := query.From(Stream).OrderBy(query.Col("value").Desc(), query.Col("time").Desc()).Limit(int64(n)).Select(
		query.Col("key"), query.Col("time"), query.Col("type"), query.Col("status"), query.Col("value"), query.Col("voltage"), query.Col("count"))
	return e.ask(q, func(row query.Row) {
		visit(row[0].Str(), load.Reading{Nanos: row[1].Nanos(), Type: row[2].Str(), Status: row[3].Str(),
			Value: row[4].Float64(), Voltage: row[5].Float64(), Count: row[6].Int64()})
	})
}

// ByKey asks by the query layer.
func (e *Engine) ByKey(visit func(key string, t load.Total)) error {
	q := query.From(Stream).GroupBy(query.Col("key")).Select(query.Col("key"),
		query.Count(), query.Call("sum", query.Col("value")), query.Call("max", query.Col("value")))
	return e.ask(q, func(row query.Row) {
		visit(row[0].Str(), load.Total{Count: row[1].Int64(), Sum: row[2].Float64(), Max: row[3].Float64()})
	})
}

// Matching asks by the query layer.
func (e *Engine) Matching(m load.Match) (load.Total, error) {
	if m.Part != "" {
		return e.total(totalOf(query.Col("key").Like("%" + m.Part + "%")))
	}
	return e.total(totalOf(query.Col("type").Eq(m.Type).And(query.Col("status").Eq(m.Status))))
}

// totalOf asks for the total of the events of which where is true.
func totalOf(where query.Expr) query.Query {
	return query.From(Stream).Where(where).Select(query.Count(), query.Call("sum", query.Col("value")), query.Call("max", query.Col("value")))
}

// total is the answer to totalOf.
func (e *Engine) total(q query.Query, params ...any) (t load.Total, err error) {
	err = e.ask(q, func(row query.Row) {
		t = load.Total{Count: row[0].Int64(), Sum: row[1].Float64(), Max: row[2].Float64()}
	}, params...)
	return t, err
}

func (e *Engine) PutNexmark(c nexmark.Config, size int, progress func(n int)) error {
	return c.Put(context.Background(), e.DB, size, func(n int) error {
		progress(n)
		return nil
	})
}

// AskNexmark asks by the query layer, of the events themselves.
func (e *Engine) AskNexmark(q *nexmark.Query) (nexmark.Answer, error) {
	return q.Ask(context.Background(), e.DB, runtime.GOMAXPROCS(0))
}

// KeepNexmark keeps aggregates by the engine, and what they cannot tell by queries of what
// is new.
func (e *Engine) KeepNexmark(c nexmark.Config, size int, queries []*nexmark.Query, progress func(n int)) (func(i int) (nexmark.Answer, error), error) {
	k, err := c.PutKept(context.Background(), e.DB, size, queries, progress)
	return func(i int) (nexmark.Answer, error) { return k.Answer(context.Background(), i) }, err
}

func (e *Engine) ask(q query.Query, visit func(query.Row), params ...any) error {
	db, err := query.DB(e.DB)
	if err != nil {
		return err
	}
	answer, err := query.Run(context.Background(), db, q, params...)
	if err != nil {
		return err
	}
	for row, err := range answer.Rows() {
		if err != nil {
			return err
		}
		visit(row)
	}
	return nil
}
