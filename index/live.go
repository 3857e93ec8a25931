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

// Runs is the versions of a key that stand in one log file. Changes are what a
// fold reads: changes and deletes. Beats are heartbeats, kept apart so that a
// state is found without stepping over them. Both are in the stream's order.
type Runs struct {
	First       uint64 // the first position of the log file
	Changes     Run
	Beats       Run
	Retractions List[Retraction]
	older       atomic.Pointer[Runs]
}

// Older is the versions in the log file before, of those that the key has any
// in; nil if there are none, or no longer.
func (r *Runs) Older() *Runs { return r.older.Load() }

// Key is one key of a stream with its versions that are in no sealed file yet.
// Data is the engine's.
//
// A look-up at random waits for memory and nothing else, so a name of usual length
// is kept beside its pointer.
type Key[T any] struct {
	Name  string
	short [32]byte // what Name points to, if it fits
	runs  atomic.Pointer[Runs]
	Data  T
	gone  atomic.Bool // evicted
}

// Runs is the versions in the newest log file that has any of them; nil if there
// are none.
func (k *Key[T]) Runs() *Runs { return k.runs.Load() }

// In is the versions in the log file that begins at position first, which no
// other of the key's begins behind; made is true if they are new. They are ordered
// by arrival if that is given. The writer's.
func (k *Key[T]) In(first uint64, arrival bool) (r *Runs, made bool) {
	newest := k.runs.Load()
	if newest != nil && newest.First == first {
		return newest, false
	}
	r = &Runs{First: first}
	r.Changes.arrival, r.Beats.arrival = arrival, arrival
	r.older.Store(newest)
	k.runs.Store(r)
	return r, true
}

// Drop forgets the versions in log files that begin at or before position
// through. The writer's; readers that need them must be gone.
func (k *Key[T]) Drop(through uint64) {
	slot := &k.runs
	for r := slot.Load(); r != nil; r = slot.Load() {
		if r.First <= through {
			slot.Store(nil)
			return
		}
		slot = &r.older
	}
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

// Live is the keys of one stream that are in use. One writer (Insert, Evict), any
// number of readers.
type Live[T any] struct {
	seed   maphash.Seed
	tables [shards]atomic.Pointer[table[T]]
	n      atomic.Int64

	// fresh is the keys that are not in order yet.
	newMu sync.Mutex
	fresh []*Key[T]

	mu     sync.Mutex
	sorted *btree.BTreeG[*Key[T]] // in key order; see Ordered
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

// Together is how many look-ups [Live.GetAll] makes overlap.
const Together = 32

// GetAll is Get of each of names, at most [Together], into found. A look-up is three
// waits for memory, one after the other; those of several names overlap in loops that
// do nothing else.
func (l *Live[T]) GetAll(names []string, found *[Together]*Key[T]) {
	var hashes [Together]uint64
	for i, name := range names {
		hashes[i] = maphash.String(l.seed, name)
	}
	for i := range names {
		found[i] = nil
		if t := l.tables[hashes[i]%shards].Load(); t != nil {
			found[i] = t.slots[hashes[i]/shards&uint64(len(t.slots)-1)].Load()
		}
	}
	for i, name := range names {
		if k := found[i]; k != nil && k.Name != name { // it had to move on
			found[i] = l.Get(name)
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
	l.newMu.Lock()
	l.fresh = append(l.fresh, k)
	l.newMu.Unlock()
	l.n.Add(1)
}

// Shards is how many parts Evict takes a Live in.
const Shards = shards

// Evict takes the keys of one shard that drop accepts out of the index. Readers
// that found one before go on with it. The writer's; O(keys of the shard).
func (l *Live[T]) Evict(shard int, drop func(*Key[T]) bool) (dropped []*Key[T]) {
	t := l.tables[shard].Load()
	if t == nil {
		return nil
	}
	kept := &table[T]{slots: make([]atomic.Pointer[Key[T]], len(t.slots))}
	for i := range t.slots {
		k := t.slots[i].Load()
		switch {
		case k == nil:
		case drop(k):
			k.gone.Store(true)
			dropped = append(dropped, k)
		default:
			kept.place(maphash.String(l.seed, k.Name), k)
		}
	}
	if len(dropped) > 0 {
		l.tables[shard].Store(kept)
		l.n.Add(-int64(len(dropped)))
	}
	return dropped
}

// Forget takes evicted keys out of the key order. It waits for nobody but
// Ordered.
func (l *Live[T]) Forget(dropped []*Key[T]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range dropped {
		if have, ok := l.sorted.Get(k); ok && have == k {
			l.sorted.Delete(k)
		}
	}
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
func (l *Live[T]) Len() int { return int(l.n.Load()) }

// Ordered is all keys in byte order, as a tree that no longer changes and has
// one user. It costs O(m log n) for the m keys added since the last call; calls
// wait for each other, never for the writer, nor it for them.
func (l *Live[T]) Ordered() *btree.BTreeG[*Key[T]] {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.newMu.Lock()
	fresh := l.fresh
	l.fresh = nil
	l.newMu.Unlock()
	for _, k := range fresh {
		if !k.gone.Load() {
			l.sorted.ReplaceOrInsert(k)
		}
	}
	return l.sorted.Clone()
}

// Gone reports whether the key was evicted.
func (k *Key[T]) Gone() bool { return k.gone.Load() }
