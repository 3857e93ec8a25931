package workload

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/annalsdb/annals/bench/meter"
	"github.com/annalsdb/annals/bench/side"
)

var mixes = []Workload{{
	Name: "mixed", What: "ingest at a fixed rate in durable batches of 100, and beside it states of random keys at random moments",
	Load: "zipf-100k", Limit: Limit{"sync", 1}, Syncs: true,
	can: has[side.AsOf], needs: "state at a moment", run: mixed,
}}

// mixedBatch is the events of a batch of the mixed load; mixedBefore is the most
// that there are before.
const mixedBatch, mixedBefore = 100, 1_000_000

// mixed stores events, and then goes on by a clock, whether batches are
// acknowledged in time or not: a batch's latency counts from when it was due, so
// that one that is slow shows in those that it holds up.
func mixed(j *Job) error {
	dir := filepath.Join(j.Scratch, "db")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	n := min(j.Events, mixedBefore)
	err := j.with(dir, side.Options{Purpose: side.Bulk}, func(s side.Side) error { return j.put(s, 0, n) })
	if err != nil {
		return err
	}
	var m mixedJob
	err = j.with(dir, side.Options{Purpose: side.Ingest}, func(s side.Side) error {
		m = mixedJob{Job: j, s: s, next: n + mixedBatch}
		if err := s.Put(n, m.next); err != nil { // what only the first batch costs is not measured
			return fmt.Errorf("put events %d to %d: %w", n, m.next-1, err)
		}
		return j.profiled(m.run)
	})
	if err != nil {
		return err
	}
	j.latencies("write ", &m.writes)
	j.latencies("read ", &m.reads)
	j.figure("reads", float64(m.reads.Total())/m.took.Seconds(), "reads/s")
	j.figure("ingested", float64(m.writes.Total()*mixedBatch)/m.took.Seconds(), "events/s")
	return j.verify(dir, m.next)
}

type mixedJob struct {
	*Job
	s             side.Side
	next          int
	writes, reads meter.Latencies
	took          time.Duration
}

// run has one goroutine that writes and one that reads, once at least and until the
// first is done.
func (m *mixedJob) run() error {
	start, done := time.Now(), make(chan struct{})
	var readError error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		readError = m.read(done)
	}()
	err := m.write(start)
	m.took = time.Since(start)
	close(done)
	<-ended
	if err == nil {
		err = readError
	}
	return err
}

func (m *mixedJob) write(start time.Time) error {
	every := time.Duration(float64(mixedBatch) / float64(m.Rate) * float64(time.Second))
	for due := time.Duration(0); due < m.Time; due += every {
		meter.SleepUntil(start.Add(due))
		if err := m.s.Put(m.next, m.next+mixedBatch); err != nil {
			return fmt.Errorf("put events %d to %d: %w", m.next, m.next+mixedBatch-1, err)
		}
		m.next += mixedBatch
		m.writes.Add(time.Since(start.Add(due)))
		if behind := time.Since(start); behind > 3*m.Time+time.Second {
			m.note(fmt.Sprintf("could not keep up with %d events/s", m.Rate))
			break
		}
	}
	return nil
}

func (m *mixedJob) read(done chan struct{}) error {
	rnd, n := m.random(), m.next
	for {
		key, at := m.randomKey(rnd), m.load.Moment(n, rnd)
		begin := time.Now()
		if _, _, err := m.s.(side.AsOf).AsOf(key, at); err != nil {
			return fmt.Errorf("state of %s: %w", key, err)
		}
		m.reads.Add(time.Since(begin))
		select {
		case <-done:
			return nil
		default:
		}
	}
}
