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
				for i := max(0, n-50); i < n; i++ {
					if name := fmt.Sprintf("k%d", i*31); live.Get(name) == nil {
						t.Errorf("key %q is not found", name)
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

// What is evicted is not found and not in order, and may come again.
func TestLive_Evict(t *testing.T) {
	live := NewLive[int]()
	for i := range 3000 {
		k := NewKey[int](fmt.Sprintf("k%04d", i))
		k.Data = i
		live.Insert(k)
		if i == 1000 {
			live.Ordered()
		}
	}
	for shard := range Shards {
		dropped := live.Evict(shard, func(k *Key[int]) bool { return k.Data%3 == 0 })
		if shard%2 == 0 {
			for _, k := range dropped {
				again := NewKey[int](k.Name)
				again.Data = k.Data + 1
				live.Insert(again)
			}
		}
		live.Forget(dropped)
		for _, k := range dropped {
			if !k.Gone() || shard%2 == 1 && live.Get(k.Name) != nil {
				t.Fatalf("key %q is still there", k.Name)
			}
		}
	}
	n := 0
	live.Ordered().Ascend(func(k *Key[int]) bool {
		if k.Gone() || k.Data%3 == 0 || live.Get(k.Name) != k {
			t.Fatalf("key %q with %d is in order", k.Name, k.Data)
		}
		n++
		return true
	})
	if n != live.Len() || n < 2000 || n == 3000 {
		t.Errorf("%d keys in order of %d", n, live.Len())
	}
}

func TestKey_InAndDrop(t *testing.T) {
	k := NewKey[int]("k")
	for _, first := range []uint64{1, 10, 20} {
		r, made := k.In(first, false)
		if again, twice := k.In(first, false); !made || twice || again != r {
			t.Fatalf("versions in the file of %d: %p made %v, then %p made %v", first, r, made, again, twice)
		}
	}
	k.Drop(10)
	if r := k.Runs(); r == nil || r.First != 20 || r.Older() != nil {
		t.Errorf("%+v is left behind 10", r)
	}
	if k.Drop(20); k.Runs() != nil {
		t.Error("something is left behind 20")
	}
}

func TestLive_GetAll(t *testing.T) {
	l := NewLive[int]()
	for i := range 1000 {
		l.Insert(NewKey[int](fmt.Sprint("key", 2*i)))
	}
	for from := 0; from < 2000; from += Together - 1 {
		var names []string
		for i := from; i < min(2000, from+Together-1); i++ {
			names = append(names, fmt.Sprint("key", i))
		}
		var found [Together]*Key[int]
		l.GetAll(names, &found)
		for i, name := range names {
			if k := found[i]; k != l.Get(name) || (k != nil) != ((from+i)%2 == 0) {
				t.Fatalf("%s: %v, Get finds %v", name, k, l.Get(name))
			}
		}
	}
}
