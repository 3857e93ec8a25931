package segment

import (
	"slices"
	"testing"
)

// Rows that are looked at once have the keys they have, run by run, and memory that is
// used again shows nothing of the rows before.
func TestLoadedRows_Once(t *testing.T) {
	var l LoadedRows
	for _, once := range []bool{true, false, true} {
		l.Once = once
		l.Reset([]string{ColumnSeq, "n"})
		keys := []string{"a", "a", "b", "a", "c", "c"}
		if !once {
			keys = keys[2:]
		}
		for i, key := range keys {
			fields := Fields{Int64("n", int64(i)), String("unwanted", key)}
			err := l.Add(&SealedRow{Row: Row{Key: key, list: fields, listed: true}, Seq: uint64(i + 1)})
			if err != nil {
				t.Fatal(err)
			}
		}
		var b Batch
		if err := l.Scan(l.Names).Read(0, &b); err != nil {
			t.Fatal(err)
		}
		runs, err := b.Keys()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i, run := range runs {
			name, err := b.KeyName(run.Key)
			if err != nil {
				t.Fatal(err)
			}
			end := b.Rows
			if i+1 < len(runs) {
				end = runs[i+1].Row
			}
			got = append(got, slices.Repeat([]string{name}, end-run.Row)...)
		}
		if !slices.Equal(got, keys) {
			t.Errorf("once %v: keys %q, want %q", once, got, keys)
		}
		n, err := b.Column(1)
		if err != nil || len(n) != 1 || n[0].Rows != nil || !slices.Equal(n[0].Ints, []int64{0, 1, 2, 3, 4, 5}[:len(keys)]) {
			t.Errorf("once %v: column %+v, %v", once, n, err)
		}
	}
}
