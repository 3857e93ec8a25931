package segment

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// tally is a checkpointer that checks what it is given and writes one checkpoint
// in front of every fifth row of a key.
type tally struct {
	t    *testing.T
	want map[string][]*modelEvent // what is left of each key's changes
	key  Keyed
	seen int
	kept int
}

func (y *tally) Begin(k *Keyed) bool {
	if len(y.want[k.Name]) != k.Changes {
		y.t.Fatalf("key %q begins with %d changes, it has %d", k.Name, k.Changes, len(y.want[k.Name]))
	}
	y.key, y.seen = *k, 0
	if k.Name == "key-1" { // not wanted
		delete(y.want, k.Name)
		return false
	}
	return true
}

func (y *tally) Row(r *SealedRow) (string, bool, error) {
	left := y.want[r.Key]
	if len(left) == 0 || r.Key != y.key.Name {
		y.t.Fatalf("a row of key %q was not expected", r.Key)
	}
	clone := *r
	checkRow(y.t, "checkpointer", &clone, left[0])
	y.want[r.Key] = left[1:]
	y.seen++
	if y.seen%5 != 0 {
		return "", false, nil
	}
	y.kept++
	return fmt.Sprint(r.Key, " before ", y.seen), true, nil
}

// checkTally finds the checkpoints again.
func checkTally(t *testing.T, s *Sealed, y *tally, stream uint32) {
	t.Helper()
	for name, left := range y.want {
		if len(left) > 0 {
			t.Fatalf("%d changes of key %q were not shown", len(left), name)
		}
		k, ok, err := s.Key(stream, name, Hash(stream, name))
		if err != nil || !ok {
			t.Fatal(name, ok, err)
		}
		for i := 0; i < k.Changes; i += 1 + k.Changes/100 {
			at, content, ok, err := s.StateAt(&k, k.Row+uint64(i))
			n := (i + 1) / 5 * 5
			if err != nil || ok != (n > 0) || ok && (content != fmt.Sprint(name, " before ", n) || at != k.Row+uint64(n)-1) {
				t.Fatalf("checkpoint of row %d of key %q: %d, %q, %v, %v", i, name, at, content, ok, err)
			}
		}
	}
	if y.kept == 0 {
		t.Fatal("no checkpoint was written")
	}
}

func newTally(t *testing.T, m *sealModel, first, last uint64, stream uint32) *tally {
	y := &tally{t: t, want: map[string][]*modelEvent{}}
	for _, e := range m.sorted(first, last) {
		if e.stream == stream && e.class() == changeClass {
			y.want[e.Key] = append(y.want[e.Key], e)
		}
	}
	return y
}

// Seal and merge show a checkpointer the changes of its stream, in order, and its
// checkpoints stand in front of their rows. Those of the inputs do not last.
func TestWork_Checkpoints(t *testing.T) {
	for stream, keys := range map[uint32]int{1: 40, 2: 2} {
		rnd := rand.New(rand.NewPCG(uint64(keys), 5))
		m := newSealModel(rnd, 3*blockRows, keys)
		var y *tally
		w := testWork(t)
		w.Fold = func(number uint32) Checkpointer {
			if number != stream {
				return nil
			}
			return y
		}
		var files []*Sealed
		n := len(m.batches)
		for _, part := range [][2]int{{0, n / 3}, {n / 3, n}} {
			h := m.head(part[0], part[1])
			y = newTally(t, m, h.First, h.Last, stream)
			s := m.seal(t, w, part[0], part[1])
			checkTally(t, s, y, stream)
			files = append(files, s)
		}
		y = newTally(t, m, 1, uint64(len(m.events)), stream)
		s := mergeModel(t, w, slices.Clone(files))
		checkTally(t, s, y, stream)
		m.check(t, s)
	}
}
