package workload

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/annalsdb/annals/bench/side"
)

var opens = []Workload{
	{
		Name: "open", What: "open after kill -9, right after the last batch was acknowledged",
		Load: "zipf-100k", Start: Killed, Grows: true, can: anySide, run: reopen,
	},
	{
		Name: "open-midway", What: "open after kill -9 in the middle of an ingest",
		Load: "zipf-100k", Start: KilledMidway, Grows: true,
		can: has[side.Count], needs: "number of events", run: reopen,
	},
}

// reopen opens a copy of the database, which the page cache has and the disk too:
// so nothing waits for what was written before, and each run finds the same.
func reopen(j *Job) error {
	dir := filepath.Join(j.Scratch, "db")
	if err := copyDir(j.Database, dir); err != nil {
		return err
	}
	var s side.Side
	var took time.Duration
	err := j.profiled(func() (err error) {
		start := time.Now()
		s, err = j.maker.Open(dir, side.Options{Load: j.load, Purpose: side.Ingest})
		took = time.Since(start)
		return err
	})
	if err != nil {
		return fmt.Errorf("open %s: %w", j.maker.Name, err)
	}
	j.figure("time", float64(took), "ns")
	n := j.Events
	if c, ok := s.(side.Count); ok {
		if n, err = c.Count(); err == nil && (n < j.Events || (n-j.Events)%BatchSize != 0) {
			err = fmt.Errorf("there are %d events, want the %d that were acknowledged and whole batches more", n, j.Events)
		}
	}
	if err == nil {
		err = j.check(s, n)
	}
	return errors.Join(err, s.Close())
}

// suffer ingests durable batches, says so, and is killed, at once or with the next
// batches on their way.
func (j *Job) suffer() error {
	s, err := j.maker.Open(j.Database, side.Options{Load: j.load, Purpose: side.Ingest})
	if err != nil {
		return fmt.Errorf("open %s: %w", j.maker.Name, err)
	}
	if err := j.put(s, 0, j.Events); err != nil {
		return err
	}
	j.ready()
	for n := j.Events; j.Do == CrashMidway; n += BatchSize {
		if err := s.Put(n, n+BatchSize); err != nil {
			return err
		}
	}
	select {} // until it comes
}

// copyDir copies all files under from, durably. Sealed files of ours are never
// changed: they get a second name.
func copyDir(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		dst := filepath.Join(to, rel)
		switch {
		case d.IsDir():
			return os.MkdirAll(dst, 0o755)
		case filepath.Ext(path) == ".seg" && os.Link(path, dst) == nil:
			return nil
		case !d.Type().IsRegular(): // a socket or the like, which a kill left
			return nil
		}
		return copyFile(path, dst)
	})
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
	_, err = io.Copy(w, r)
	if err == nil {
		err = w.Sync()
	}
	return errors.Join(err, w.Close())
}
