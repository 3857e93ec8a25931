package bench

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// Opening a database of -events events that was closed; whose process was killed
// right after the last acknowledgement; and one killed while it went on appending.
// Either way the background was at work. Each time it is a copy, which the page
// cache has and the disk too. Beside it bbolt, whose file a kill leaves as it is.
// p50-ms and max-ms are those of the opening alone.
//
//	go test ./bench -run '^$' -bench Open -benchtime 20x
//	go test ./bench -run '^$' -bench Open -benchtime 20x -events 10000000 -dir /tmp -timeout 0
func BenchmarkOpen(b *testing.B) {
	for _, after := range []string{"close", "kill", "kill-midway"} {
		b.Run("of=annals/after="+after, func(b *testing.B) {
			l, original := uniform(), ""
			if after == "close" {
				_, original = keptSide(b, 0, "uniform-100k")
			} else {
				original = kept(b, "annals-after-"+after, func(dir string) error { return ingestKilled(dir, after) })
			}
			copied := filepath.Join(tempDir(b), "db")
			timeOpens(b, 0, l, func() string {
				if err := copyDB(original, copied); err != nil {
					b.Fatal(err)
				}
				return copied
			})
		})
	}
	b.Run("of=bbolt/after=kill", func(b *testing.B) {
		l, dir := keptSide(b, 1, "uniform-100k")
		timeOpens(b, 1, l, func() string { return dir })
	})
}

// timeOpens opens the database that prepare makes, again and again.
func timeOpens(b *testing.B, of int, l *load, prepare func() string) {
	var lat latencies
	for first := true; first || b.Loop(); first = false {
		b.StopTimer()
		dir := prepare()
		b.StartTimer()
		start := time.Now()
		s, err := sides[of].open(dir, l, ingesting)
		took := time.Since(start)
		b.StopTimer()
		if err != nil {
			b.Fatal(err)
		}
		n := *eventsFlag
		if a, ok := s.(*annals); ok {
			n = int(a.db.Latest().Seq())
		}
		if over := n - *eventsFlag; over < 0 || over%batchSize != 0 {
			b.Fatalf("there are %d events, %d were acknowledged", n, *eventsFlag)
		}
		if first {
			l.checkAsOf(b, s, n)
		} else {
			lat.add(took)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(lat.quantile(0.5)/1e6, "p50-ms")
	b.ReportMetric(float64(lat.max)/1e6, "max-ms")
}

// copyDB makes to a copy of the database in from, on the disk too, so that what is
// measured next waits for none of it. Sealed files are never changed: they get a
// second name.
func copyDB(from, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	files, err := os.ReadDir(from)
	for _, f := range files {
		if err != nil {
			break
		}
		old, new := filepath.Join(from, f.Name()), filepath.Join(to, f.Name())
		if filepath.Ext(old) != ".seg" || os.Link(old, new) != nil {
			err = copyFile(old, new)
		}
	}
	return err
}

func copyFile(from, to string) error {
	r, err := os.Open(from)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := os.Create(to)
	if err != nil {
		return err
	}
	defer w.Close()
	if _, err = io.Copy(w, r); err != nil {
		return err
	}
	return w.Sync()
}

// The environment of the process that is killed: the directory of its database,
// and after what it has to die.
const killDir, killAfter = "ANNALS_BENCH_KILL_DIR", "ANNALS_BENCH_KILL_AFTER"

// ingestKilled has -events events ingested into dir by another process, this same
// program, which is killed then.
func ingestKilled(dir, after string) error {
	var out, problem bytes.Buffer
	cmd := exec.Command(os.Args[0], "-events", strconv.Itoa(*eventsFlag))
	cmd.Env = append(os.Environ(), killDir+"="+dir, killAfter+"="+after)
	cmd.Stdout, cmd.Stderr = &out, &problem
	err := cmd.Run()
	var acknowledged int
	if _, e := fmt.Sscanf(out.String(), "acknowledged %d", &acknowledged); e != nil || err == nil || acknowledged != *eventsFlag {
		return fmt.Errorf("ingest and be killed: %v, said %q and %q", err, out.String(), problem.String())
	}
	return nil
}

// ingestAndDie is that process: it ingests durable batches, says so and kills
// itself, at once or with the next batches on their way.
func ingestAndDie(dir, after string) error {
	n := *eventsFlag
	s, err := openAnnals(dir, uniform(), ingesting)
	if err != nil {
		return err
	}
	if err := putAll(s, n, nil); err != nil {
		return err
	}
	fmt.Printf("acknowledged %d\n", n)
	if after == "kill-midway" {
		go func() {
			for s.put(n, n+batchSize) == nil {
				n += batchSize
			}
		}()
		time.Sleep(5 * time.Millisecond)
	}
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		return err
	}
	if err := self.Kill(); err != nil {
		return err
	}
	select {} // until it arrives
}
