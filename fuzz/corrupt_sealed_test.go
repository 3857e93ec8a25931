package fuzz

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/annalsdb/annals/segment"
)

// The head and the trailer of a sealed file, which are small and of which every
// byte is harmed.
const (
	corruptSealedHead = 64
	corruptSealedTail = 48
)

// sealedFlips flips one bit of every stride-th byte of a sealed file, and of every
// byte of its ends.
func (b *corruptBase) sealedFlips(rnd *rand.Rand, file string, stride int64) []damage {
	var ds []damage
	size := int64(len(b.files[file]))
	flip := func(at int64) {
		d := damageFlip(file, at, rnd.IntN(8))
		d.shown = true
		ds = append(ds, d)
	}
	for at := rnd.Int64N(stride); at < size; at += stride {
		flip(at)
	}
	for at := rnd.Int64N(3); at < corruptSealedHead; at += 3 {
		flip(at)
	}
	for at := size - corruptSealedTail; at < size; at += 3 {
		flip(at)
	}
	return ds
}

// sealedBlocks loses and replaces larger pieces of a sealed file.
func (b *corruptBase) sealedBlocks(rnd *rand.Rand, file string) []damage {
	all := b.files[file]
	size := int64(len(all))
	garbage := make([]byte, 200)
	for i := range garbage {
		garbage[i] = byte(rnd.Uint32())
	}
	ds := []damage{
		damageZero(file, 0, size), damageRemove(file), damageReplace(file, "nothing", nil),
		damageReplace(file, "garbage", garbage),
		damageWrite(file, "garbage", size, garbage), damageWrite(file, "zeros", size, make([]byte, 4096)),
		damageWrite(file, "itself", size, all),
	}
	for _, to := range []int64{1, 8, corruptSealedHead - 1, corruptSealedHead, corruptSealedHead + 1,
		size - 1, size - 8, size - corruptSealedTail + 1, size - corruptSealedTail, size - corruptSealedTail - 1} {
		ds = append(ds, damageTruncate(file, to))
	}
	const block = 512
	for at := int64(0); at < size; at += block {
		ds = append(ds, damageZero(file, at, at+block), damageWrite(file, "garbage", min(at, size-200), garbage))
		if at > 0 {
			ds = append(ds, damageTruncate(file, at), damageWrite(file, "what stands a block before", at, all[at-block:min(at, size-block)]))
		}
	}
	return ds
}

// sealedNames has whole sealed files where they do not belong.
func (b *corruptBase) sealedNames(other *corruptBase) []damage {
	var ds []damage
	wide := func(d damage) {
		d.wide = true
		ds = append(ds, d)
	}
	for i, file := range b.sealed {
		first, last := b.span(file)
		for _, to := range [][2]uint64{{first, last + 1}, {first, last - 1}, {first + 1, last}, {first, last + 1000}, {last + 1, 2*last - first + 1}} {
			name := segment.SealedName(to[0], to[1])
			if b.files[name] != nil {
				continue
			}
			wide(damageRename(file, name))
			if to[1] > last { // else it is a leftover
				wide(damageReplace(name, "a copy of "+file, b.files[file]))
			}
		}
		wide(damageRename(file, file+".old"))
		for _, o := range b.sealed[i+1:] {
			ds = append(ds, damageSwap(file, o))
			wide(damageReplace(o, "a copy of "+file, b.files[file]))
		}
		wide(damageReplace(file, "the like of another database", other.files[other.sealed[i]]))
		wide(damageReplace(other.sealed[i], "that of another database", other.files[other.sealed[i]]))
		wide(damageReplace(file, "a log file", b.files[b.logs[0]]))
	}
	for _, name := range slices.Sorted(maps.Keys(b.ahead)) {
		first, last, _ := segment.ParseSealedName(name)
		wide(damageReplace(segment.SealedName(first, last+1), "the sealed file of fewer positions", b.ahead[name]))
	}
	return ds
}

// damageRename gives a file of the history another name.
func damageRename(file, to string) damage {
	d := damageEdit(file, "renamed to "+to, nil)
	d.do = func(f corruptFiles) {
		f[to] = f[file]
		delete(f, file)
	}
	return d
}

// leftovers add what crashes leave: files that were not finished, and those that a
// file was made of beside it. They harm nothing.
func (b *corruptBase) leftovers() []damage {
	var ds []damage
	add := func(what string, files corruptFiles) {
		ds = append(ds, damage{name: what, do: func(f corruptFiles) { maps.Copy(f, files) }})
	}
	add("everything that files were made of", b.stale)
	for _, name := range slices.Sorted(maps.Keys(b.stale)) {
		add(name+" left", corruptFiles{name: b.stale[name]})
		add(name+" left and cut", corruptFiles{name: b.stale[name][:len(b.stale[name])/2]})
		add(name+" left and empty", corruptFiles{name: nil})
	}
	for i, log := range b.logs[:len(b.logs)-1] {
		first, last := b.span(log)
		name := segment.SealedName(first, last)
		if i == 0 { // one that is sealed already, and not removed
			add(name+" beside its log file", corruptFiles{name: b.ahead[name]})
		}
		add(name+" begun", corruptFiles{name + ".tmp": b.ahead[name][:len(b.ahead[name])/3]})
	}
	for _, file := range b.sealed {
		for _, n := range []int{0, 1, corruptSealedHead, len(b.files[file]) - 1, len(b.files[file])} {
			add(fmt.Sprintf("%s.tmp of %d bytes", file, n), corruptFiles{file + ".tmp": b.files[file][:n]})
		}
	}
	first, _ := b.span(b.sealed[0])
	_, last := b.span(b.sealed[len(b.sealed)-1])
	name := segment.SealedName(first, last)
	add("a merge begun", corruptFiles{name + ".tmp": b.files[b.sealed[0]]})
	add(stateFile+".tmp", corruptFiles{stateFile + ".tmp": b.files[stateFile][:len(b.files[stateFile])/2]})
	return ds
}
