package query

import (
	"sync/atomic"
	"time"

	"github.com/annalsdb/annals/store"
)

// Stats is what an answer cost. It is complete when the answer has been gone through
// to its end, or the loop was left.
type Stats struct {
	Seq     uint64 // the position that the answer is exact at
	Rows    int64  // of the answer
	Elapsed time.Duration
	Workers int

	Scan store.ScanStats // what a scan of events read and passed over
	Read int64           // rows read of states, histories and changes

	// Work is what the workers did in all steps: about Elapsed × Workers where
	// none of them had to wait.
	Work time.Duration

	Steps      []Step
	PeakMemory int64 // bytes held by groups, rows to be put in order and joined states, about
	Spilled    int64 // bytes that were written to disk, of groups, rows and joined states
	Summed     int64 // pages whose values were not decoded, because their statistics told enough
}

// Step is one step of a plan as it ran.
type Step struct {
	Name    string
	Batches int64
	Rows    int64 // that it was given, or has read

	// Work is the time that workers were at it, summed over them, by the clock: as
	// much as it took of processors, if these had nothing else to do. There is no
	// portable way to ask for the processor's own time of a part of a goroutine.
	Work time.Duration
}

// Stats is what the answer cost so far.
func (r *Result) Stats() Stats {
	if !r.done {
		return Stats{Seq: r.x.stats.Seq, Workers: r.x.workers}
	}
	return r.x.stats
}

// step gathers a [Step].
type step struct{ batches, rows, work atomic.Int64 }

func (s *step) in(rows int) {
	s.batches.Add(1)
	s.rows.Add(int64(rows))
}

func (s *step) end(began time.Time) { s.work.Add(int64(time.Since(began))) }

// steps are those of all plans; joined tests what is behind the joins.
type steps struct{ read, filter, join, joined, group, project, merge, order step }

func (*steps) begin() time.Time { return time.Now() }

// named are the steps in their order.
func (s *steps) named(visit func(name string, s *step)) {
	for _, one := range []struct {
		name string
		s    *step
	}{
		{"read", &s.read}, {"filter", &s.filter}, {"join", &s.join}, {"filter behind joins", &s.joined},
		{"group", &s.group}, {"project", &s.project}, {"merge groups", &s.merge}, {"finish", &s.order},
	} {
		visit(one.name, one.s)
	}
}

// finishStats completes the statistics.
func (x *executor) finishStats(elapsed time.Duration) {
	s := &x.stats
	s.Elapsed, s.Workers, s.PeakMemory = elapsed, x.workers, x.peak.Load()
	s.Spilled, s.Summed = x.spilled.Load(), x.pages.Load()
	s.Steps, s.Work = nil, 0
	if k := x.sources[0].kind; k != eventsSource && k != allEventsSource {
		s.Read = x.steps.read.rows.Load()
	}
	x.steps.named(func(name string, one *step) {
		if work := time.Duration(one.work.Load()); work > 0 {
			s.Steps = append(s.Steps, Step{name, one.batches.Load(), one.rows.Load(), work})
			s.Work += work
		}
	})
}
