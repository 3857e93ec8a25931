package segment

import (
	"slices"

	"github.com/annalsdb/annals/index"
)

// searchedKeys is from how many keys of a block on their times are decoded, all of the
// block: a search costs some hundred nanoseconds a key, decoding ten a row.
const searchedKeys = 16

// times is ranged of times, want being true: where a block has rows of few keys, of a
// stream by time, it searches each key's, which stand in the order of time, class by
// class. done is false of other blocks.
func (t *tester) times(p index.Range, b int, rows []uint16) (kept []uint16, done bool, err error) {
	lo, hi, none := intBounds(p)
	l := timeline{s: t.s, d: t.d, col: colTime, block: -1}
	row, end := uint64(b)*blockRows, uint64(b)*blockRows+uint64(t.s.blockLen(b))
	for n := 0; row < end && !none; n++ {
		if err := t.keys.reach(row); err != nil {
			return nil, false, err
		}
		k := &t.keys.now
		at := t.s.stream(k.Stream)
		if n == searchedKeys || at < 0 || t.s.info.Streams[at].Def.ByArrival {
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
