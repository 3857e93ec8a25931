package index

import (
	"fmt"
	"slices"
	"sync"
	"testing"
)

func TestLive_GetAndOrder(t *testing.T) {
	live := NewLive[int]()
	if live.Get("none") != nil {
		t.Fatal("an empty index has a key")
	}
	var want []string
	for i := range 5000 {
		name := fmt.Sprintf("key-%0*d", i%60, (i*7919)%5000)
		k := NewKey[int](name)
		k.Data = i
		live.Insert(k)
		want = append(want, name)
		if i%1000 == 0 {
			live.Ordered()
		}
	}
	for i, name := range want {
		if k := live.Get(name); k == nil || k.Name != name || k.Data != i {
			t.Fatalf("Get(%q) = %+v, want the key with %d", name, k, i)
		}
	}
	slices.Sort(want)
	var got []string
	live.Ordered().Ascend(func(k *Key[int]) bool {
		got = append(got, k.Name)
		return true
	})
	if !slices.Equal(got, want) {
		t.Fatalf("order has %d keys, want %d in byte order", len(got), len(want))
	}
}

// Keys that a reader was told of are found and stand in order, while more come.
func TestLive_ReadBesideWriter(t *testing.T) {
	const keys = 20000
	live := NewLive[int]()
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for n := 0; n < keys; n = live.Len() {
				for _, k := range live.keys.View()[max(0, n-50):] {
					if live.Get(k.Name) != k {
						t.Errorf("key %q is not found", k.Name)
						return
					}
				}
				if tree := live.Ordered(); tree.Len() < n {
					t.Errorf("%d keys in order, %d were there before", tree.Len(), n)
					return
				}
			}
		})
	}
	for i := range keys {
		live.Insert(NewKey[int](fmt.Sprintf("k%d", i*31)))
	}
	readers.Wait()
}
