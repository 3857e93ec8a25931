package index

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/btree"
)

// What a version costs in the index, by the design in use and by the one that
// the package doc rejects.
//
//	go test ./index -run xxx -bench Insert
func BenchmarkInsert(b *testing.B) {
	const keys = 1 << 20
	names := make([]string, keys)
	for i := range names {
		names[i] = fmt.Sprintf("device-%06d", i)
	}
	b.Run("design=hash+run", func(b *testing.B) {
		live := NewLive[int]()
		for _, name := range names {
			live.Insert(NewKey[int](name))
		}
		rnd, seq := rand.New(rand.NewPCG(1, 1)), uint64(0)
		for b.Loop() {
			seq++
			runs, _ := live.Get(names[rnd.IntN(keys)]).In(1, false)
			runs.Changes.Insert(Version{Time: int64(seq), Seq: seq})
		}
	})
	// A tree of (key, time, seq), cloned once in commit versions.
	for _, commit := range []int{1, 1000} {
		b.Run(fmt.Sprintf("design=one-tree/commit=%d", commit), func(b *testing.B) {
			type item struct {
				key string
				v   Version
			}
			tree := btree.NewG(32, func(x, y item) bool { return x.key < y.key || x.key == y.key && x.v.Before(y.v) })
			for i, name := range names {
				tree.ReplaceOrInsert(item{name, Version{Seq: uint64(i)}})
			}
			rnd, seq := rand.New(rand.NewPCG(1, 1)), uint64(keys)
			var view *btree.BTreeG[item]
			for b.Loop() {
				seq++
				tree.ReplaceOrInsert(item{names[rnd.IntN(keys)], Version{Time: int64(seq), Seq: seq}})
				if seq%uint64(commit) == 0 {
					view = tree.Clone()
				}
			}
			_ = view
		})
	}
}
