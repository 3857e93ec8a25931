package segment

import (
	"slices"

	"github.com/annalsdb/annals/index"
)

// searchedKeys is of how many keys a block may be to be searched: that costs some hundred
// nanoseconds a key, and to decode it ten a row.
const searchedKeys = 16

// times is ranged of times, want being true: where a block has rows of few keys, of a
// stream by time, it searches each key's, which stand in the order of time, class by
// class. done is false of other blocks.
func (t *tester) times(p index.Range, b int, rows []uint16) (kept []uint16, done bool, err error) {
	lo, hi, none := intBounds(p)
	l := timeline{s: t.s, d: t.d, col: colTime, block: -1}
	row, end := uint64(b)*blockRows, uint64(b)*blockRows+uint64(t.s.blockLen(b))
	if n, err := t.keysOf(row, end-1); n > searchedKeys || err != nil {
		return nil, false, err
	}
	for row < end && !none {
		if err := t.keys.reach(row); err != nil {
			return nil, false, err
		}
		k := &t.keys.now
		if at := t.s.stream(k.Stream); at < 0 || t.s.info.Streams[at].Def.ByArrival {
			return nil, false, nil
		}
		class := k.Row
		for _, size := range [...]int{k.Changes, k.Beats, k.Retractions} {
			from, to := max(class, row), min(class+uint64(size), end)
			class += uint64(size)
			if from, to, err = l.within(from, to, lo, hi); err != nil {
				return nil, false, err
			}
			first, _ := slices.BinarySearch(rows, uint16(from%blockRows))
			for _, i := range rows[first:] {
				if from == to || int(i) > int((to-1)%blockRows) {
					break
				}
				kept = append(kept, i)
			}
		}
		row = class
	}
	return kept, true, nil
}

// keysOf is of how many keys the rows from the first to the last one are.
func (t *tester) keysOf(first, last uint64) (int, error) {
	var at [2]uint64
	for i, row := range [...]uint64{first, last} {
		b, k, err := t.s.ownerOf(t.d, row)
		if err != nil {
			return 0, err
		}
		at[i] = t.d.tables[keysTable].blocks[b].row + uint64(k)
	}
	return int(at[1]-at[0]) + 1, nil
}

// within is those of the rows from, to but not including to, whose times rise, that are
// in [lo, hi].
func (l *timeline) within(from, to uint64, lo, hi int64) (uint64, uint64, error) {
	if from >= to {
		return from, from, nil
	}
	first, err := l.at(from)
	if err != nil || first > hi {
		return from, from, err
	}
	last, err := l.at(to - 1)
	if err != nil || last < lo {
		return from, from, err
	}
	if first < lo {
		from, err = l.first(from, to, lo)
	}
	if last > hi && err == nil {
		to, err = l.first(from, to, hi+1)
	}
	return from, to, err
}

// first is the first of those rows whose time is at least that.
func (l *timeline) first(from, to uint64, time int64) (uint64, error) {
	for from < to {
		mid := (from + to) / 2
		at, err := l.at(mid)
		if err != nil {
			return from, err
		}
		if at < time {
			from = mid + 1
		} else {
			to = mid
		}
	}
	return from, nil
}
