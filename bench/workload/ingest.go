package workload

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/meter"
	"github.com/annalsdb/annals/bench/side"
)

var ingests = []Workload{
	{
		Name: "ingest", What: "ingest in batches of 1000 events, each durable",
		Load: "zipf-100k", Grows: true, Syncs: true, Limit: Limit{"write", jsonBytes}, can: anySide,
		run: func(j *Job) error { return j.ingest(side.Ingest) },
	},
	{
		Name: "bulk", What: "ingest in batches of 1000 events, durable at the end",
		Load: "zipf-100k", Grows: true, Limit: Limit{"write", jsonBytes}, can: anySide,
		run: func(j *Job) error { return j.ingest(side.Bulk) },
	},
}

// jsonBytes is about how long an event is as JSON; sizeAsJSON says it exactly.
const jsonBytes = 105

// sizeAsJSON is how long the events are as JSON, on average, their times left out.
func sizeAsJSON(l *load.Load) float64 {
	total := 0
	for i := range 1000 {
		r := l.Reading(i)
		text, _ := json.Marshal(map[string]any{"key": l.Key(i), "type": r.Type, "value": r.Value,
			"voltage": r.Voltage, "count": r.Count, "status": r.Status})
		total += len(text)
	}
	return float64(total) / 1000
}

// ingest stores all events. The rate of durable batches is up to the last
// acknowledgement; their closed rate is up to the end of both Close and work in the
// background. That of others is up to the end of Close.
func (j *Job) ingest(p side.Purpose) error {
	dir := filepath.Join(j.Scratch, "db")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	memory, before, start := meter.Watch(), meter.Used(), time.Now()
	var acknowledged time.Duration
	var details []side.Detail
	err := j.with(dir, side.Options{Purpose: p}, func(s side.Side) error {
		err := j.profiled(func() error { return j.put(s, 0, j.Events) })
		acknowledged = time.Since(start)
		if err != nil {
			return err
		}
		if p == side.Ingest {
			ended, err := s.Settle()
			if err != nil {
				return err
			}
			start = start.Add(time.Since(ended)) // looking for an end is no work
		}
		if d, ok := s.(side.Details); ok {
			details, err = d.Details()
		}
		return err
	})
	if err != nil {
		return err
	}
	closed := time.Since(start)
	spent := meter.Used().Since(before)
	n := float64(j.Events)
	if p == side.Ingest {
		j.figure("rate", n/acknowledged.Seconds(), "events/s")
		j.figure("closed rate", n/closed.Seconds(), "events/s")
	} else {
		j.figure("rate", n/closed.Seconds(), "events/s")
	}
	if err := j.disk(dir); err != nil {
		return err
	}
	j.memory(memory)
	j.figure("CPU an event", float64(spent.CPU)/n, "ns")
	j.figure("written an event", float64(spent.Written)/n, "B")
	j.figure("write amplification", float64(spent.Written)/n/sizeAsJSON(j.load), "")
	for _, d := range details {
		j.figure(d.Name, d.Value, d.Unit)
	}
	return j.verify(dir, j.Events)
}

// disk is a figure of the bytes on disk.
func (j *Job) disk(dir string) error {
	size, err := meter.DiskBytes(dir)
	j.figure("disk an event", float64(size)/float64(j.Events), "B")
	return err
}
