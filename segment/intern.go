package segment

import (
	"hash/maphash"
	"unsafe"
)

// arenaPiece is how much memory an arena takes at once.
const arenaPiece = 64 << 10

// arena keeps copies of texts, many in one piece of memory.
type arena struct{ free []byte }

// keep is a copy of s.
func (a *arena) keep(s string) string {
	if len(s) > len(a.free) {
		if len(s) >= arenaPiece/4 {
			return string([]byte(s))
		}
		a.free = make([]byte, arenaPiece)
	}
	copy(a.free, s)
	kept := unsafe.String(unsafe.SliceData(a.free), len(s))
	a.free = a.free[len(s):]
	return kept
}

const (
	// patience is how many texts a dictionary takes before it asks whether they
	// repeat at all.
	patience = 1 << 16

	// internSeats is the first size of the table of a dictionary.
	internSeats = 64
)

// seat is a place in a table of hashes: the upper half of the hash, and one more
// than what it leads to, 0 if it is free.
type seat struct{ hash, item uint32 }

// dictionary gives equal texts one number, as long as texts repeat: when most
// are new it no longer looks and each gets its own.
type dictionary struct {
	arena *arena
	texts []string
	seats []seat // open addressing, at most half full
	tired bool   // it no longer looks
	seed  maphash.Seed
	asked int

	recent [64]uint32 // codes given last, by what tells texts apart cheaply
}

func newDictionary(a *arena, seed maphash.Seed) *dictionary {
	return &dictionary{arena: a, seats: make([]seat, internSeats), seed: seed}
}

// reset forgets all texts.
func (d *dictionary) reset() {
	clear(d.texts)
	clear(d.seats)
	d.texts, d.tired, d.asked = d.texts[:0], false, 0
}

// code is the number of s, of which a copy is kept.
func (d *dictionary) code(s string) uint32 {
	if d.tired {
		return d.add(s)
	}
	d.asked++
	place := 0
	if n := len(s); n > 0 {
		place = (n + int(s[0])*5 + int(s[n-1])*11) % len(d.recent)
	}
	code := d.recent[place]
	if code >= uint32(len(d.texts)) || d.texts[code] != s {
		code = d.find(s)
		d.recent[place] = code
	}
	return code
}

// find is the number of s, which is added if it is new.
func (d *dictionary) find(s string) uint32 {
	hash := maphash.String(d.seed, s)
	mask := uint64(len(d.seats) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		at := d.seats[i]
		if at.item == 0 {
			d.seats[i] = seat{uint32(hash >> 32), uint32(len(d.texts)) + 1}
			break
		}
		if at.hash == uint32(hash>>32) && d.texts[at.item-1] == s {
			return at.item - 1
		}
	}
	code := d.add(s)
	switch n := len(d.texts); {
	case n >= patience && n > d.asked/2:
		d.tired = true
	case 2*n > len(d.seats):
		d.grow()
	}
	return code
}

func (d *dictionary) add(s string) uint32 {
	d.texts = append(d.texts, d.arena.keep(s))
	return uint32(len(d.texts) - 1)
}

// grow makes the table twice as large.
func (d *dictionary) grow() {
	d.seats = make([]seat, 2*len(d.seats))
	mask := uint64(len(d.seats) - 1)
	for code, s := range d.texts {
		hash := maphash.String(d.seed, s)
		i := hash & mask
		for d.seats[i].item != 0 {
			i = (i + 1) & mask
		}
		d.seats[i] = seat{uint32(hash >> 32), uint32(code) + 1}
	}
}
