package bench

import (
	"os"
	"testing"
	"time"
)

// An ingest of -events events in batches of 1000, each durable, beside a bbolt that
// stores the same events; one iteration is a whole ingest into a new database.
//
//	go test ./bench -run '^$' -bench Ingest/of= -benchtime 3x
//	go test ./bench -run '^$' -bench Ingest/of=.*/keys=uniform-100k -benchtime 1x -events 10000000 -timeout 0
//	go test ./bench -run '^$' -bench Ingest/of=annals/keys=uniform-100k -benchtime 1x -events 100000000 -timeout 0
//
// events/s is up to the last acknowledgement, closed-events/s up to the end of
// sealing and merging, and of Close. Of the process, with the load in it:
// cpu-ns/event, of which load-ns/event are the load's, measured before;
// written-B/event that the system was made to write, and write-amp times the
// events' JSON; peakRSS-MiB, of which loadRSS-MiB was there before, and RSS25-MiB
// to RSS100-MiB at each quarter. Of the engine: what seals, merges and checkpoints
// took, by the clock, and the first two wrote; the checkpoint of Close is not
// among them. At last the bytes on disk, in all and by kind of file.
func BenchmarkIngest(b *testing.B) {
	for _, l := range loads {
		eachSide(b, "/keys="+l.name, func(b *testing.B, of int) { ingest(b, of, l.make()) })
	}
}

func ingest(b *testing.B, of int, l *load) {
	var acknowledged, closed time.Duration
	var spent usage
	var s side
	var dir string
	own := l.cost()
	memory := watchResident(b)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		os.RemoveAll(dir)
		dir = tempDir(b)
		b.StartTimer()
		before, start := used(), time.Now()
		s = openSide(b, of, dir, l, ingesting)
		if err := putAll(s, *eventsFlag, memory.quarter); err != nil {
			b.Fatal(err)
		}
		acknowledged += time.Since(start)
		settled, err := s.settle()
		if err != nil {
			b.Fatal(err)
		}
		closed += settled.Sub(start)
		start = time.Now()
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		closed += time.Since(start)
		spent.add(before)
	}
	memory.report(b)
	all := float64(b.N) * float64(*eventsFlag)
	b.ReportMetric(0, "ns/op") // with a pause after settling: no figure
	b.ReportMetric(all/acknowledged.Seconds(), "events/s")
	b.ReportMetric(all/closed.Seconds(), "closed-events/s")
	b.ReportMetric(own, "load-ns/event")
	spent.report(b, all, l.jsonBytes())
	reportDisk(b, dir)
	if a, ok := s.(*annals); ok {
		a.report(b)
	}
	checkReopened(b, of, dir, l)
}

// report says what the engine did in the background of the last ingest.
func (a *annals) report(b *testing.B) {
	n, s := float64(*eventsFlag), &a.stats
	b.ReportMetric(float64(s.Seals), "seals")
	b.ReportMetric(float64(s.Merges), "merges")
	b.ReportMetric(float64(s.SealedFiles), "sealed-files")
	b.ReportMetric(float64(s.LogFiles), "log-files")
	b.ReportMetric(float64(s.SealTime)/n, "seal-ns/event")
	b.ReportMetric(float64(s.MergeTime)/n, "merge-ns/event")
	b.ReportMetric(float64(s.CheckpointTime)/n, "checkpoint-ns/event")
	b.ReportMetric(float64(s.SealWritten)/n, "seal-written-B/event")
	b.ReportMetric(float64(s.MergeWritten)/n, "merge-written-B/event")
}

// reportDisk says how large a closed database is.
func reportDisk(b *testing.B, dir string) {
	for _, of := range []struct{ files, name string }{
		{"*", "disk-B/event"}, {"*.log", "log-B/event"}, {"*.seg", "sealed-B/event"}, {"state.db", "state-B/event"},
	} {
		if n := diskBytes(b, dir, of.files); n > 0 {
			b.ReportMetric(float64(n)/float64(*eventsFlag), of.name)
		}
	}
}

// checkReopened holds answers of a closed database against the load.
func checkReopened(b *testing.B, of int, dir string, l *load) {
	b.Helper()
	s := openSide(b, of, dir, l, asking)
	defer s.Close()
	l.checkAsOf(b, s, *eventsFlag)
}
