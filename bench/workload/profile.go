package workload

import (
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
)

// profiled runs f, which is what is measured and nothing before or after it, and
// writes where the processors were meanwhile to the file that the task names, if
// any. A workload that measures several times leaves the profile of the last.
func (j *Job) profiled(f func() error) (err error) {
	if j.Profile == "" {
		return f()
	}
	file, err := os.Create(j.Profile)
	if err != nil {
		return err
	}
	if err = pprof.StartCPUProfile(file); err == nil {
		err = f()
		pprof.StopCPUProfile()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		err = fmt.Errorf("with a profile in %s: %w", j.Profile, err)
	}
	return err
}
