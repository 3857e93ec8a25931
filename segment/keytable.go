package segment

import "hash/maphash"

// keyTable gives the keys of an intake numbers.
type keyTable struct {
	keys  []intakeKey
	seats []seat // open addressing, at most half full
	arena *arena
	seed  maphash.Seed

	ranked []rankedKey // memory for sorting
}

// intakeKey is a key of an intake and what its rows were so far.
type intakeKey struct {
	name   string
	stream uint32
	late   bool   // a row's time is before that of one that came earlier
	last   uint32 // its newest row
	counts [classCount]uint32
	base   uint64 // version of its first row
	newest int64  // highest time
}

// rows is how many rows the key had so far.
func (k *intakeKey) rows() uint32 {
	return k.counts[changeClass] + k.counts[beatClass] + k.counts[retractionClass]
}

// count takes note of a row of the key, which came in as number i.
func (k *intakeKey) count(r *intakeRow, i uint32) {
	if k.rows() == 0 {
		k.base, k.newest = r.version, r.time
	}
	k.counts[r.class()]++
	k.last = i
	if r.time < k.newest {
		k.late = true
	}
	k.newest = max(k.newest, r.time)
}

func newKeyTable(a *arena, seed maphash.Seed) *keyTable {
	return &keyTable{seats: make([]seat, 1024), arena: a, seed: seed}
}

// reset forgets all keys.
func (t *keyTable) reset() {
	clear(t.keys)
	t.keys = t.keys[:0]
	clear(t.seats)
}

func (t *keyTable) hash(stream uint32, name string) uint64 {
	return maphash.String(t.seed, name) + uint64(stream)*0x9E3779B97F4A7C15
}

// lookahead is how many keys are looked up together. With many keys a look-up is
// three waits for memory, one after the other; those of several overlap.
const lookahead = 64

// lookup is a batch of look-ups.
type lookup struct {
	hashes  [lookahead]uint64
	seats   [lookahead]seat
	names   [lookahead]string
	touched byte
	numbers [lookahead]uint32 // the result, by row
}

// find finds the numbers of the keys of rows, at most lookahead of them. A key
// that is not there yet is made and a copy of its name kept.
func (t *keyTable) find(l *lookup, rows []Row) {
	mask := uint64(len(t.seats) - 1)
	for i := range rows {
		l.hashes[i] = t.hash(rows[i].Stream, rows[i].Key)
	}
	for i := range rows {
		l.seats[i] = t.seats[l.hashes[i]&mask]
	}
	for i := range rows {
		l.names[i] = ""
		if item := l.seats[i].item; item != 0 {
			l.names[i] = t.keys[item-1].name
			l.touched ^= l.names[i][0] // so that comparing finds it near
		}
	}
	for i := range rows {
		r := &rows[i]
		if n := l.seats[i].item - 1; l.names[i] == r.Key && l.names[i] != "" && t.keys[n].stream == r.Stream {
			l.numbers[i] = n
		} else {
			l.numbers[i] = t.number(l.hashes[i], r.Stream, r.Key)
		}
	}
}

// number finds one key by a walk from its seat on.
func (t *keyTable) number(hash uint64, stream uint32, name string) uint32 {
	mask := uint64(len(t.seats) - 1)
	i := hash & mask
	for ; t.seats[i].item != 0; i = (i + 1) & mask {
		if at := t.seats[i]; at.hash == uint32(hash>>32) {
			if k := &t.keys[at.item-1]; k.name == name && k.stream == stream {
				return at.item - 1
			}
		}
	}
	t.keys = append(t.keys, intakeKey{name: t.arena.keep(name), stream: stream})
	t.seats[i] = seat{uint32(hash >> 32), uint32(len(t.keys))}
	if 2*len(t.keys) > len(t.seats) {
		t.grow()
	}
	return uint32(len(t.keys) - 1)
}

// grow makes the table twice as large.
func (t *keyTable) grow() {
	t.seats = make([]seat, 2*len(t.seats))
	mask := uint64(len(t.seats) - 1)
	for n := range t.keys {
		hash := t.hash(t.keys[n].stream, t.keys[n].name)
		i := hash & mask
		for t.seats[i].item != 0 {
			i = (i + 1) & mask
		}
		t.seats[i] = seat{uint32(hash >> 32), uint32(n) + 1}
	}
}
