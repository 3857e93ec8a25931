package segment

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// Names with much in common, zeros at their ends, and some that begin another.
func TestKeyTable_Sorted(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 3))
	parts := []string{"", "a", "\x00", "device-", "00000000", "\xff\xff\xff", "\x00\x00\x00\x00\x00\x00\x00\x00"}
	table := newKeyTable(&arena{}, maphash.MakeSeed())
	var rows []Row
	for range 5000 {
		var name string
		for range 1 + rnd.IntN(6) {
			name += parts[rnd.IntN(len(parts))]
		}
		stream := 1 + rnd.Uint32N(3)
		if name != "" {
			rows = append(rows, Row{Stream: stream, Key: name})
		}
	}
	var l lookup
	for part := range slices.Chunk(rows, lookahead-1) {
		table.find(&l, part)
		for i, r := range part {
			if k := &table.keys[l.numbers[i]]; k.name != r.Key || k.stream != r.Stream {
				t.Fatalf("key %q of stream %d got the number of %q of %d", r.Key, r.Stream, k.name, k.stream)
			}
		}
	}
	order := table.sorted(nil)
	if len(order) != len(table.keys) {
		t.Fatalf("%d of %d keys", len(order), len(table.keys))
	}
	for i := 1; i < len(order); i++ {
		a, b := &table.keys[order[i-1].key], &table.keys[order[i].key]
		if cmp.Or(cmp.Compare(a.stream, b.stream), strings.Compare(a.name, b.name)) >= 0 {
			t.Fatalf("%d %q stands before %d %q", a.stream, a.name, b.stream, b.name)
		}
	}
}

// Equal texts have one number, as long as texts repeat; a text's number always
// leads to it.
func TestDictionary_Code(t *testing.T) {
	for distinct, looks := range map[int]bool{10: true, 3000: true, 1 << 40: false} {
		rnd := rand.New(rand.NewPCG(uint64(distinct), 3))
		d := newDictionary(&arena{}, maphash.MakeSeed())
		for range 3 * patience {
			s := fmt.Sprint("text ", rnd.IntN(distinct))
			if got := d.texts[d.code(s)]; got != s {
				t.Fatalf("the number of %q leads to %q", s, got)
			}
		}
		if looks && len(d.texts) > distinct || looks != !d.tired {
			t.Errorf("%d texts, of which %d have numbers; it looks: %v", distinct, len(d.texts), !d.tired)
		}
	}
}

func TestArena_Keep(t *testing.T) {
	var a arena
	var want, got []string
	for i := range 300 {
		want = append(want, strings.Repeat(string(rune('a'+i%26)), i*i%arenaPiece))
		got = append(got, a.keep(want[i]))
	}
	if !slices.Equal(want, got) {
		t.Fatal("texts kept are not those given")
	}
}
