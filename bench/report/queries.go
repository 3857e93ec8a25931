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
	t := newTable("query", "what", "side", ">one core", ">with ingest", ">all cores", ">Flink, a core", "note")
	for _, e := range g.entries {
		for _, q := range medianQueries(e.Outcome) {
			what, flink, note := published(q.Name)
			rate := func(v float64) string { return Format(v, "events/s") }
			t.add(q.Name, what, e.Side, rate(q.One), rate(q.Both), rate(q.All), flink, note)
		}
	}
	if len(t.rows) == 0 {
		return ""
	}
	return fmt.Sprintf("%s\n%s\n\n", t.String(), flinkText)
}

// flinkText says what to make of what was published.
const flinkText = "*Flink, a core* was not measured here: it is what was published elsewhere, of 100 M events of nexmark/nexmark, " +
	"kept up to date as they come, RocksDB, exactly once; for orientation alone. " +
	"Here a query is asked once all events are there; *with ingest* adds to it, on one core, all processor time " +
	"that it took to make the events and put them in durable batches."

// published is what stands beside a query.
func published(name string) (what, flink, note string) {
	for _, q := range nexmark.Queries {
		if q.Name != name {
			continue
		}
		if q.Published > 0 {
			flink = Format(q.Published, "events/s")
		}
		return q.What, flink, q.Note
	}
	return "", "", ""
}

// medianQueries are the queries of an outcome, each figure the median of its runs.
func medianQueries(o *Outcome) (all []workload.Query) {
	if len(o.Runs) == 0 {
		return nil
	}
	for i, q := range o.Runs[0].Queries {
		var one, both, cores []float64
		for _, run := range o.Runs {
			if i < len(run.Queries) && run.Queries[i].Name == q.Name {
				r := run.Queries[i]
				one, both, cores = append(one, r.One), append(both, r.Both), append(cores, r.All)
			}
		}
		all = append(all, workload.Query{Name: q.Name, One: meter.Median(one), Both: meter.Median(both), All: meter.Median(cores)})
	}
	return all
}
