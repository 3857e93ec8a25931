package workload

import "github.com/annalsdb/annals/bench/machine"

// bound measures a limit of the machine, in the scratch directory.
func (j *Job) bound() error {
	l, err := machine.LimitOf(j.Workload)
	if err != nil {
		return err
	}
	rate, err := l.Measure(j.Scratch, j.Time)
	j.figure("rate", rate, l.Unit)
	return err
}
