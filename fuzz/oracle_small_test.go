package fuzz

import (
	"slices"
	"testing"
	"time"

	"github.com/annalsdb/annals/store"
)

// againstModel is what is wrong when a script is run beside the model, below dir.
func againstModel(dir string) func(script) error {
	return func(s script) error {
		_, err := runScript(dir, s)
		return err
	}
}

// tryScript has check look at a script, and, if that fails, at ever smaller ones that
// fail too, for a minute: some fail by waiting.
func tryScript(t *testing.T, s script, check func(script) error) {
	t.Helper()
	err := check(s)
	if err == nil {
		return
	}
	end := time.Now().Add(time.Minute)
	for smaller := true; smaller; {
		smaller = false
		for _, c := range smallerScripts(s) {
			if time.Now().After(end) {
				break
			}
			if e := check(c); e != nil {
				s, err, smaller = c, e, true
				break
			}
		}
	}
	t.Errorf("%v\nin the history\n%s(drawn from seed %d; as a file of testdata/oracle it is kept, see TestOracle_Kept)", err, s, s.questions)
}

// smallerScripts is s without something: the greatest parts first.
func smallerScripts(s script) (all []script) {
	for n := len(s.steps) / 2; n > 1; n /= 2 {
		for i := 0; i+n <= len(s.steps); i += n {
			c := s
			c.steps = slices.Delete(slices.Clone(s.steps), i, i+n)
			all = append(all, c)
		}
	}
	for i := range s.steps {
		c := s
		c.steps = slices.Delete(slices.Clone(s.steps), i, i+1)
		all = append(all, c)
	}
	for i := range s.steps {
		for _, b := range smallerBatches(s.steps[i].batch) {
			c := s
			c.steps = slices.Clone(s.steps)
			c.steps[i].batch = b
			all = append(all, c)
		}
	}
	for i := range s.keys {
		c := s
		c.keys = slices.Delete(slices.Clone(s.keys), i, i+1)
		all = append(all, c)
	}
	return all
}

// smallerBatches is b without a condition, an event or a field.
func smallerBatches(b store.Batch) (all []store.Batch) {
	for i := range b.Expect {
		c := b
		c.Expect = slices.Delete(slices.Clone(b.Expect), i, i+1)
		all = append(all, c)
	}
	if b.Boundary != nil {
		c := b
		c.Boundary = nil
		all = append(all, c)
	}
	for i, e := range b.Events {
		c := b
		c.Events = slices.Delete(slices.Clone(b.Events), i, i+1)
		all = append(all, c)
		for j := range e.Fields {
			c := b
			c.Events = slices.Clone(b.Events)
			c.Events[i].Fields = slices.Delete(slices.Clone(e.Fields), j, j+1)
			all = append(all, c)
		}
	}
	return all
}
