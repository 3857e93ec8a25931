package segment

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
)

// ordering is an intake in the order of a sealed file.
type ordering struct {
	keys []intakeKey // by stream and name
	rows []uint32    // by key, class, and the order of the stream
}

// sorting is the memory that making one takes.
type sorting struct {
	ordering
	ranked []rankedKey
	next   [][classCount]uint32 // by number of the key: where its next row goes
	late   lateSort
}

// order puts the rows of in into the order of a sealed file: keys are sorted,
// rows are dealt out to their keys and classes in the order they came in, which
// is that of their times but for the late ones, and only what is late is sorted.
// The result is valid until in is released.
func (in *intake) order() *ordering {
	s := &in.sorting
	o := &s.ordering
	s.ranked = in.keys.sorted(s.ranked)
	o.keys, o.rows = grown(o.keys, len(s.ranked)), grown(o.rows, in.count)
	for i := range s.ranked { // a loop that does nothing else: the waits for memory overlap
		o.keys[i] = in.keys.keys[s.ranked[i].key]
	}
	s.next = grown(s.next, len(o.keys))
	next, at := s.next, uint32(0)
	for i := range o.keys {
		places := &next[s.ranked[i].key]
		for class, n := range &o.keys[i].counts {
			places[class] = at
			at += n
		}
	}
	for i := range uint32(in.count) {
		r := in.row(i)
		place := &next[r.key][r.class()]
		o.rows[*place] = i
		*place++
	}
	in.settle(o)
	return o
}

// settle sorts what did not come in order.
func (in *intake) settle(o *ordering) {
	arrival := map[uint32]bool{}
	for i := range in.head.Defs {
		arrival[in.head.Defs[i].Number] = in.head.Defs[i].ByArrival
	}
	s := &in.sorting.late
	at := uint32(0)
	for i := range o.keys {
		k := &o.keys[i]
		for _, n := range k.counts {
			// Heartbeats and retractions follow the order of the stream too.
			if k.late && !arrival[k.stream] && n > 1 {
				s.sort(in, o.rows[at:at+n])
			}
			at += n
		}
	}
}

// lateSort sorts rows by time that are nearly sorted: those that are late are
// taken out, sorted and merged in again. Rows of one time stay in the order they
// came in. O(n + k log k) for k late rows.
type lateSort struct{ onTime, late []timedRow }

// timedRow is a row and its time.
type timedRow struct {
	time int64
	row  uint32
}

func (a timedRow) compare(b timedRow) int {
	if a.time != b.time {
		return cmp.Compare(a.time, b.time)
	}
	return cmp.Compare(a.row, b.row)
}

func (s *lateSort) sort(in *intake, rows []uint32) {
	s.onTime, s.late = s.onTime[:0], s.late[:0]
	for _, i := range rows {
		r := timedRow{in.row(i).time, i}
		if n := len(s.onTime); n > 0 && r.time < s.onTime[n-1].time {
			s.late = append(s.late, r)
		} else {
			s.onTime = append(s.onTime, r)
		}
	}
	slices.SortFunc(s.late, timedRow.compare)
	a, b := s.onTime, s.late
	for i := range rows {
		if len(b) == 0 || len(a) > 0 && a[0].compare(b[0]) < 0 {
			rows[i], a = a[0].row, a[1:]
		} else {
			rows[i], b = b[0].row, b[1:]
		}
	}
}

// rankedKey is a key and eight bytes of its name.
type rankedKey struct {
	rank uint64
	key  uint32
}

// sorted is the keys by stream and name, in the memory of ranked.
func (t *keyTable) sorted(ranked []rankedKey) []rankedKey {
	ranked = grown(ranked, len(t.keys))
	for i := range ranked {
		ranked[i] = rankedKey{uint64(t.keys[i].stream), uint32(i)}
	}
	t.sortBy(ranked, func(part []rankedKey) { t.sortNames(part, 0) })
	return ranked
}

// sortBy sorts by rank and hands each run of several keys of one rank to tie.
func (t *keyTable) sortBy(ranked []rankedKey, tie func([]rankedKey)) {
	t.sortRanks(ranked)
	for len(ranked) > 0 {
		n := 1
		for n < len(ranked) && ranked[n].rank == ranked[0].rank {
			n++
		}
		if n > 1 {
			tie(ranked[:n])
		}
		ranked = ranked[n:]
	}
}

// fewRanks is how many ranks are sorted by comparison.
const fewRanks = 256

// sortRanks sorts by rank, a byte at a time from the lowest one. Bytes that are the
// same in all ranks, as most are, cost nothing.
func (t *keyTable) sortRanks(ranked []rankedKey) {
	if len(ranked) < fewRanks {
		slices.SortFunc(ranked, func(a, b rankedKey) int { return cmp.Compare(a.rank, b.rank) })
		return
	}
	var differ uint64
	for i := range ranked {
		differ |= ranked[i].rank ^ ranked[0].rank
	}
	t.ranked = grown(t.ranked, len(ranked))
	from, to := ranked, t.ranked
	for shift := 0; shift < 64; shift += 8 {
		if byte(differ>>shift) != 0 {
			dealRanks(to, from, shift)
			from, to = to, from
		}
	}
	if &from[0] != &ranked[0] {
		copy(ranked, from)
	}
}

// dealRanks puts from into the order of a byte of their ranks.
func dealRanks(to, from []rankedKey, shift int) {
	var next [256]uint32
	for i := range from {
		next[byte(from[i].rank>>shift)]++
	}
	at := uint32(0)
	for b, n := range &next {
		next[b] = at
		at += n
	}
	for _, k := range from {
		place := &next[byte(k.rank>>shift)]
		to[*place] = k
		*place++
	}
}

// fewNames is how many names are sorted by plain comparison.
const fewNames = 16

// sortNames sorts keys of one stream whose names agree in the first depth bytes.
// Names tend to begin alike ("device-000123"), so that comparing them whole reads
// much memory for little: what all have in common is skipped, the eight bytes
// behind it are compared as one number, and where these agree the same again.
func (t *keyTable) sortNames(part []rankedKey, depth int) {
	name := func(k rankedKey) string { return t.keys[k.key].name }
	shared := depth
	if len(part) > fewNames {
		shared = t.shared(part)
	}
	if len(part) <= fewNames || depth > 0 && shared < depth {
		slices.SortFunc(part, func(a, b rankedKey) int { return strings.Compare(name(a), name(b)) })
		return
	}
	for i := range part {
		part[i].rank = rankOf(name(part[i])[shared:])
	}
	t.sortBy(part, func(tied []rankedKey) { t.sortNames(tied, shared+8) })
}

// shared is how many bytes the names of all of part begin with.
func (t *keyTable) shared(part []rankedKey) int {
	first := t.keys[part[0].key].name
	n := len(first)
	for _, k := range part[1:] {
		name := t.keys[k.key].name
		n = min(n, len(name))
		if name[:n] != first[:n] {
			n = shared(name[:n], first[:n])
		}
	}
	return n
}

// rankOf is the first eight bytes of s as a number that orders as they do. What
// is shorter counts as filled with zeros: the caller tells it from zeros.
func rankOf(s string) uint64 {
	if len(s) >= 8 {
		return binary.BigEndian.Uint64(view(s[:8]))
	}
	var b [8]byte
	copy(b[:], s)
	return binary.BigEndian.Uint64(b[:])
}
