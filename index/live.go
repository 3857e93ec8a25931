package index

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/google/btree"
)

// Retraction is an event that takes back the event at position Target.
type Retraction struct {
	Version
	Target uint64
}

// Key is one key of a stream with all its versions. Changes are what a fold
// reads: changes and deletes. Beats are heartbeats, kept apart so that a state
// is found without stepping over them; they are ordered by time in any stream.
// Data is the engine's.
//
// A look-up at random waits for memory and nothing else, so a name of usual length
// is kept beside its pointer, and what an append touches comes first.
type Key[T any] struct {
	Name        string
	short       [32]byte // what Name points to, if it fits
	Changes     Run
	Data        T
	Beats       Run
	Retractions List[Retraction]
}

// NewKey is a key without versions. It keeps its own copy of name.
func NewKey[T any](name string) *Key[T] {
	k := &Key[T]{}
	if len(name) > len(k.short) {
		k.Name = strings.Clone(name)
		return k
	}
	copy(k.short[:], name)
	k.Name = unsafe.String(&k.short[0], len(name))
	return k
}

const (
	// shards is the number of tables a Live spreads its keys over, so that
	// growing one moves a 256th of the keys and no commit waits for more.
	shards = 256

	// keyDegree makes nodes of up to 127 pointers: fewer levels, and inserts
	// move pointers only.
	keyDegree = 64
)

// table is an open-addressed hash table with linear probing, at most half full.
type table[T any] struct {
	slots []atomic.Pointer[Key[T]]
	used  int
}

// Live is the keys of one stream. One writer (Insert), any number of readers.
type Live[T any] struct {
	seed   maphash.Seed
	tables [shards]atomic.Pointer[table[T]]
	keys   List[*Key[T]] // in the order of their first event

	// sorted holds the first sortedN of keys in key order; see Ordered.
	mu      sync.Mutex
	sorted  *btree.BTreeG[*Key[T]]
	sortedN int
}

// NewLive is an index without keys.
func NewLive[T any]() *Live[T] {
	return &Live[T]{
		seed:   maphash.MakeSeed(),
		sorted: btree.NewG(keyDegree, func(a, b *Key[T]) bool { return a.Name < b.Name }),
	}
}

// Get is the key of that name, or nil. O(1); waits for nobody.
func (l *Live[T]) Get(name string) *Key[T] {
	hash := maphash.String(l.seed, name)
	t := l.tables[hash%shards].Load()
	if t == nil {
		return nil
	}
	mask := uint64(len(t.slots) - 1)
	for i := hash / shards & mask; ; i = (i + 1) & mask {
		k := t.slots[i].Load()
		if k == nil || k.Name == name {
			return k
		}
	}
}

// Insert adds a key that is not there yet. The writer's alone; O(1) amortised.
func (l *Live[T]) Insert(k *Key[T]) {
	hash := maphash.String(l.seed, k.Name)
	slot := &l.tables[hash%shards]
	t := slot.Load()
	if t == nil || 2*(t.used+1) > len(t.slots) {
		t = l.grow(t)
		slot.Store(t)
	}
	t.place(hash, k)
	l.keys.Append(k)
}

// grow is a table twice the size of t with the same keys. Readers of t go on
// with it.
func (l *Live[T]) grow(t *table[T]) *table[T] {
	if t == nil {
		return &table[T]{slots: make([]atomic.Pointer[Key[T]], 4)}
	}
	bigger := &table[T]{slots: make([]atomic.Pointer[Key[T]], 2*len(t.slots))}
	for i := range t.slots {
		if k := t.slots[i].Load(); k != nil {
			bigger.place(maphash.String(l.seed, k.Name), k)
		}
	}
	return bigger
}

func (t *table[T]) place(hash uint64, k *Key[T]) {
	mask := uint64(len(t.slots) - 1)
	i := hash / shards & mask
	for t.slots[i].Load() != nil {
		i = (i + 1) & mask
	}
	t.slots[i].Store(k)
	t.used++
}

// Len is the number of keys.
func (l *Live[T]) Len() int { return l.keys.Len() }

// Ordered is all keys in byte order, as a tree that no longer changes and has
// one user. It costs O(m log n) for the m keys added since the last call; calls
// wait for each other, never for the writer, nor it for them.
func (l *Live[T]) Ordered() *btree.BTreeG[*Key[T]] {
	l.mu.Lock()
	defer l.mu.Unlock()
	keys := l.keys.View()
	for _, k := range keys[l.sortedN:] {
		l.sorted.ReplaceOrInsert(k)
	}
	l.sortedN = len(keys)
	return l.sorted.Clone()
}
