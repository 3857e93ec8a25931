package fuzz

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"

	"github.com/annalsdb/annals/segment"
)

// damage is one way to harm the files of a database, and what it excuses.
type damage struct {
	name  string
	do    func(corruptFiles)
	file  string // the log or sealed file harmed; "" if it is another file
	wide  bool   // others are harmed too
	whole bool   // the log ends at a frame's end, so no torn bytes can be seen
	one   bool   // only one frame is harmed: at most the last batch may be cut
	shown bool   // bytes under a checksum differ: somebody has to notice
	gone  bool   // bbolt's file is gone too: it remembers no position
}

// edit is a damage to one file, given a copy of its bytes.
func damageEdit(file, what string, do func([]byte) []byte) damage {
	d := damage{name: file + " " + what, do: func(f corruptFiles) {
		f[file] = do(slices.Clone(f[file]))
	}}
	if isHistory(file) {
		d.file = file
	}
	return d
}

func damageFlip(file string, at int64, bit int) damage {
	return damageEdit(file, fmt.Sprintf("bit %d of byte %d flipped", bit, at), func(b []byte) []byte {
		b[at] ^= 1 << bit
		return b
	})
}

func damageTruncate(file string, to int64) damage {
	return damageEdit(file, fmt.Sprintf("truncated to %d bytes", to), func(b []byte) []byte { return b[:to] })
}

func damageZero(file string, from, to int64) damage {
	return damageEdit(file, fmt.Sprintf("bytes %d to %d zeroed", from, to), func(b []byte) []byte {
		clear(b[from:min(to, int64(len(b)))])
		return b
	})
}

func damageRemove(file string) damage {
	d := damageEdit(file, "removed", nil)
	d.do = func(f corruptFiles) { delete(f, file) }
	return d
}

func damageReplace(file, by string, with []byte) damage {
	return damageEdit(file, "replaced by "+by, func([]byte) []byte { return with })
}

// write puts bytes at an offset of a file, which grows if need be.
func damageWrite(file, what string, at int64, with []byte) damage {
	return damageEdit(file, fmt.Sprintf("%s written at %d", what, at), func(b []byte) []byte {
		if need := int(at) + len(with); len(b) < need {
			b = append(b, make([]byte, need-len(b))...)
		}
		copy(b[at:], with)
		return b
	})
}

// damageSwap exchanges the bytes of two files of the history.
func damageSwap(a, b string) damage {
	d := damageEdit(a, "exchanged with "+b, nil)
	d.wide = true
	d.do = func(f corruptFiles) { f[a], f[b] = f[b], f[a] }
	return d
}

// withoutState is d and the loss of bbolt's file.
func (d damage) withoutState() damage {
	do := d.do
	d.do = func(f corruptFiles) { do(f); delete(f, stateFile) }
	d.name, d.gone = d.name+", "+stateFile+" removed", true
	return d
}

// truncations cuts a log file at every kind of place.
func (b *corruptBase) truncations(log string) []damage {
	at := map[int64]bool{0: true, 1: true, segment.LogHead / 2: true, segment.LogHead - 1: true, segment.LogHead: true}
	for _, f := range b.frames[log] {
		for _, to := range []int64{f.start, f.start + 1, f.start + segment.FrameHead/2, f.start + segment.FrameHead,
			f.start + segment.FrameHead + 1, (f.start + f.end) / 2, f.covered - 1, f.covered, f.end} {
			at[to] = true
		}
	}
	var ds []damage
	for _, to := range slices.Sorted(maps.Keys(at)) {
		d := damageTruncate(log, to)
		d.whole = to == segment.LogHead || slices.ContainsFunc(b.frames[log], func(f corruptFrame) bool {
			return f.start == to || f.covered <= to && to <= f.end
		})
		ds = append(ds, d)
	}
	return ds
}

// logFlips flips one bit of every stride-th byte of a log file.
func (b *corruptBase) logFlips(rnd *rand.Rand, log string, stride int64) []damage {
	var ds []damage
	for at := rnd.Int64N(stride); at < b.used(log); at += stride {
		d := damageFlip(log, at, rnd.IntN(8))
		d.one = true
		d.shown = at < segment.LogHead || slices.ContainsFunc(b.frames[log], func(f corruptFrame) bool {
			return f.start <= at && at < f.covered
		})
		ds = append(ds, d)
	}
	return ds
}

// logBlocks loses, repeats and invents larger pieces of a log file.
func (b *corruptBase) logBlocks(rnd *rand.Rand, log string) []damage {
	frames, used := b.frames[log], b.used(log)
	last := frames[len(frames)-1]
	all := b.files[log]
	garbage := make([]byte, 200)
	for i := range garbage {
		garbage[i] = byte(rnd.Uint32())
	}
	ds := []damage{
		damageZero(log, 0, used),
		damageZero(log, 0, 512),
		damageZero(log, used/2, used/2+512),
		damageZero(log, last.start, last.start+segment.FrameHead),
		damageWrite(log, "garbage", used/2, garbage),
	}
	lost := damageRemove(log)
	lost.whole = true
	ds = append(ds, lost)
	for _, f := range frames {
		d := damageZero(log, f.start, used)
		d.whole = true
		ds = append(ds, d)
	}
	behind := []damage{
		damageWrite(log, "garbage", used, garbage),
		damageWrite(log, "one byte", used+77, garbage[:1]),
		damageWrite(log, "zeros", used, make([]byte, 100)),
		damageWrite(log, "the last frame again", used, all[last.start:last.end]),
		damageWrite(log, "the first frame again", used, all[frames[0].start:frames[0].end]),
	}
	for _, other := range b.logs {
		f := b.frames[other][1]
		behind = append(behind, damageWrite(log, "a frame of "+other, used, b.files[other][f.start:f.end]))
	}
	for i := range behind {
		behind[i].one = true
	}
	return append(ds, behind...)
}

// logNames has whole log files where they do not belong.
func (b *corruptBase) logNames() []damage {
	var ds []damage
	for i, log := range b.logs[1:] {
		ds = append(ds, damageSwap(b.logs[i], log), damageReplace(log, b.logs[i], b.files[b.logs[i]]))
	}
	ds = append(ds, damageSwap(b.logs[0], b.sealed[0]))
	for _, next := range []uint64{uint64(len(b.events)), uint64(len(b.events)) + 1, uint64(len(b.events)) + 9} {
		name := segment.LogName(next)
		for _, d := range []damage{
			damageReplace(name, "nothing", nil), damageReplace(name, "a copy of the newest", b.files[b.newest()]),
			damageReplace(name, "a header", b.files[b.newest()][:segment.LogHead]),
		} {
			d.wide, d.whole = true, name == b.newest()
			ds = append(ds, d)
		}
	}
	name := segment.LogName(uint64(len(b.events)) + 1)
	return append(ds, damageReplace(name+".tmp", "half a header", b.files[b.newest()][:segment.LogHead/2]))
}

// stateDamages harm bbolt's file; page is its page size.
func (b *corruptBase) stateDamages(rnd *rand.Rand, other *corruptBase, stride int64) []damage {
	size := int64(len(b.files[stateFile]))
	page := int64(os.Getpagesize())
	ds := []damage{
		damageRemove(stateFile), damageReplace(stateFile, "nothing", nil),
		damageTruncate(stateFile, 1), damageTruncate(stateFile, size/2+100), damageTruncate(stateFile, size-1),
		damageReplace(stateFile, "an earlier one", b.older[stateFile]),
		damageReplace(stateFile, "that of another database", other.files[stateFile]),
		damageWrite(stateFile, "garbage", size, []byte("garbage")),
		damageWrite(stateFile, "zeros", size, make([]byte, 3*page)),
	}
	for at := int64(0); at < size; at += page {
		ds = append(ds, damageZero(stateFile, at, at+page), damageTruncate(stateFile, at),
			damageWrite(stateFile, "page 0", at, b.files[stateFile][:page]),
			damageWrite(stateFile, "the last page", at, b.files[stateFile][size-page:]))
		if old := b.older[stateFile]; at+page <= int64(len(old)) {
			ds = append(ds, damageWrite(stateFile, "what was there earlier", at, old[at:at+page]))
		}
		for off := int64(0); off < 96 && at+off < size; off += 1 + rnd.Int64N(max(1, stride/6)) {
			ds = append(ds, damageFlip(stateFile, at+off, rnd.IntN(8)))
		}
	}
	for at := rnd.Int64N(stride); at < size; at += stride {
		ds = append(ds, damageFlip(stateFile, at, rnd.IntN(8)))
	}
	return ds
}

// statePointers flips the low bits of every page number in bbolt's pages, so that
// a branch leads to another page, one of another stream or one of long ago or
// itself, and makes pages seem longer than they are. See bbolt's internal/common:
// a page has a head of 16 bytes with flags at 8, a count at 10 and at 12 by how
// many pages it is longer than one, then elements of 16 bytes; a bucket is a
// leaf's value. Of all that it takes every n-th, and every third at least.
func (b *corruptBase) statePointers(n int64) []damage {
	const branchPage, leafPage, bucketElement, head = 1, 2, 1, 16
	state, page := b.files[stateFile], os.Getpagesize()
	u16, u32 := binary.NativeEndian.Uint16, binary.NativeEndian.Uint32
	var pointers []int
	var ds []damage
	for at := 2 * page; at+page <= len(state); at += page {
		p := state[at : at+page]
		ds = append(ds, damageFlip(stateFile, int64(at+12), 0), damageFlip(stateFile, int64(at+15), 0))
		for e := head; e < head+16*int(u16(p[10:])) && e+16 <= page; e += 16 {
			switch value := e + int(u32(p[e+4:])) + int(u32(p[e+8:])); {
			case u16(p[8:]) == branchPage:
				pointers = append(pointers, at+e+8)
			case u16(p[8:]) == leafPage && u32(p[e:]) == bucketElement && value+8 <= page:
				pointers = append(pointers, at+value)
			}
		}
	}
	for _, at := range pointers {
		for bit := range 5 {
			ds = append(ds, damageFlip(stateFile, int64(at), bit))
		}
	}
	return everyNth(ds, int(min(n, 3)))
}

// lockDamages harm the lock file, which holds nothing that counts.
func (b *corruptBase) lockDamages() []damage {
	return []damage{damageRemove(lockFile), damageReplace(lockFile, "garbage", []byte("\x00\xffgarbage"))}
}
