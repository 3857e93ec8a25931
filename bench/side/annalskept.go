package side

import (
	"context"
	"time"

	"github.com/annalsdb/annals/aggregate"
	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/store"
)

// totals are what is kept of the events of a window.
var totals = []aggregate.Measure{
	{Name: "n", Function: aggregate.Count{Rows: true}},
	{Name: "sum", Function: aggregate.Sum{}, Of: aggregate.Field("value")},
	{Name: "max", Function: aggregate.Max{}, Of: aggregate.Field("value")},
}

// minutes is what Minutes answers, as an aggregate that the engine maintains; hours is
// what Range is answered from where it is kept.
var (
	minutes = aggregate.Definition{
		Name: "minutes", Stream: Stream, By: []aggregate.Input{aggregate.Type()}, Window: aggregate.Tumbling{Size: time.Minute}, Measures: totals,
	}
	hours = aggregate.Definition{Name: "hours", Stream: Stream, Window: aggregate.Tumbling{Size: time.Hour}, Measures: totals}
)

// keepHours is done when all of it is kept.
func (e *Engine) keepHours() (err error) {
	if e.hours, err = e.DB.Maintain(context.Background(), hours); err != nil {
		return err
	}
	for !e.hours.Progress().Built {
		time.Sleep(time.Millisecond)
	}
	return nil
}

// Minutes follows the log to its end before it answers: what the background has not
// taken in yet is in the time of the answer.
func (e *Engine) Minutes(visit func(w load.Window, t load.Total)) error {
	answer, err := e.minutes.Read(context.Background(), store.AggregateQuery{})
	for _, r := range answer.Results {
		visit(load.Window{Type: r.Group[0].Str(), Start: r.Window.Start},
			load.Total{Count: r.Values[0].Int64(), Sum: r.Values[1].Float64(), Max: r.Values[2].Float64()})
	}
	return err
}
