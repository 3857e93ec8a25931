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

	Steps      []Step
	PeakMemory int64 // bytes held by groups, rows to be put in order and joined states, about
	Spilled    int64 // bytes of groups that were written to disk
}

// Step is one step of a plan as it ran.
type Step struct {
	Name    string
	Batches int64
	Rows    int64         // that it was given
	Work    time.Duration // summed over workers
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

// steps are those of all plans. scan has the time of all that happens while it runs.
type steps struct{ scan, filter, group, project, merge, order step }

func (*steps) begin() time.Time { return time.Now() }

// finishStats completes the statistics.
func (x *executor) finishStats(elapsed time.Duration) {
	s := &x.stats
	s.Elapsed, s.Workers, s.PeakMemory = elapsed, x.workers, x.peak.Load()
	s.Spilled = x.spilled.Load()
	s.Steps = nil
	for _, one := range []struct {
		name string
		s    *step
	}{{"filter", &x.steps.filter}, {"group", &x.steps.group}, {"project", &x.steps.project}, {"merge groups", &x.steps.merge}, {"finish", &x.steps.order}} {
		if work := one.s.work.Load(); work > 0 {
			s.Steps = append(s.Steps, Step{one.name, one.s.batches.Load(), one.s.rows.Load(), time.Duration(work)})
		}
	}
}
