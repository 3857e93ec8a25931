package report

import (
	"fmt"

	"github.com/annalsdb/annals/bench/meter"
	"github.com/annalsdb/annals/bench/nexmark"
	"github.com/annalsdb/annals/bench/workload"
)

// queryTable has a row for each query of NEXMark and side, with what was published of
// Flink elsewhere; "" if there is none.
func (g *group) queryTable() string {
	t := newTable("query", "what", "side", ">asked, one core", ">with ingest", ">all cores", ">kept, one core", ">all cores", ">Flink, a core", "note")
	for _, e := range g.entries {
		for _, q := range medianQueries(e.Outcome) {
			what, flink, note := published(q.Name)
			t.add(q.Name, what, e.Side, rateOf(q.One), rateOf(q.Both), rateOf(q.All), rateOf(q.Kept), rateOf(q.KeptAll), flink, note)
		}
	}
	if len(t.rows) == 0 {
		return ""
	}
	return fmt.Sprintf("%s\n%s\n\n", t.String(), flinkText)
}

// rateOf is a figure of a query, "" if it was not measured.
func rateOf(v float64) string {
	if v == 0 {
		return ""
	}
	return Format(v, "events/s")
}

// flinkText says what to make of what was published.
const flinkText = "*Flink, a core* was not measured here: it is what was published elsewhere, of another machine, of 100 M events of " +
	"nexmark/nexmark, kept up to date as they come, RocksDB, exactly once; for orientation alone. " +
	"*Asked* is a query of all events once these are there; *with ingest* adds to it, on one core, all processor time " +
	"that it took to make the events and put them in durable batches. " +
	"*Kept* is what compares with Flink: events are made, put in durable batches, and the answer to that query alone is kept up " +
	"to date meanwhile, up to when it has been read at the end."

// published is what stands beside a query.
func published(name string) (what, flink, note string) {
	for _, q := range nexmark.Queries {
		if q.Name == name {
			return q.What, rateOf(q.Published), q.Note
		}
	}
	return "", "", ""
}

// medianQueries are the queries of an outcome, each figure the median of its runs.
func medianQueries(o *Outcome) (all []workload.Query) {
	if len(o.Runs) == 0 {
		return nil
	}
	for i, q := range o.Runs[0].Queries {
		var runs []workload.Query
		for _, run := range o.Runs {
			if i < len(run.Queries) && run.Queries[i].Name == q.Name {
				runs = append(runs, run.Queries[i])
			}
		}
		median := func(figure func(q *workload.Query) float64) float64 {
			var all []float64
			for i := range runs {
				all = append(all, figure(&runs[i]))
			}
			return meter.Median(all)
		}
		all = append(all, workload.Query{Name: q.Name,
			One:     median(func(q *workload.Query) float64 { return q.One }),
			Both:    median(func(q *workload.Query) float64 { return q.Both }),
			All:     median(func(q *workload.Query) float64 { return q.All }),
			Kept:    median(func(q *workload.Query) float64 { return q.Kept }),
			KeptAll: median(func(q *workload.Query) float64 { return q.KeptAll }),
		})
	}
	return all
}
