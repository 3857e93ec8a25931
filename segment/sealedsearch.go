package segment

import "math"

// below is the number of values less than v in a page whose values rise. Where
// they rise evenly, as positions of batches do, the first guess is right. It looks
// at every 32nd value first, which a page of differences has at hand.
func (p *intPage) below(v int64) int {
	lo, hi := 0, (p.len()+restart-1)/restart // groups that begin below v end at lo
	if hi > 2 {
		if i, ok := p.even(v); ok {
			return i
		}
		lo, hi = p.guess(v, hi)
	}
	for lo < hi {
		if mid := (lo + hi) / 2; p.at(mid*restart) < v {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == 0 {
		return 0
	}
	from := (lo - 1) * restart
	n := min(restart, p.len()-from)
	if p.encoding == intPacked {
		return from + p.belowIn(from, n, v)
	}
	var group [restart]int64
	p.slice(group[:n], from)
	i := 0
	for i < n && group[i] < v {
		i++
	}
	return from + i
}

// even is below if that is where it would be were the values on a line from the
// first to the last one; ok is false if it is not, or a look costs too much to try.
func (p *intPage) even(v int64) (i int, ok bool) {
	if p.encoding != intPacked && !(p.encoding == intDelta && p.steady()) {
		return 0, false
	}
	first, last := p.at(0), p.at(p.n-1)
	if v <= first || v > last {
		return 0, false
	}
	i = int(math.Ceil(float64(uint64(v)-uint64(first)) / float64(uint64(last)-uint64(first)) * float64(p.n-1)))
	i = min(max(i, 1), p.n-1)
	return i, p.at(i-1) < v && v <= p.at(i)
}

// guess narrows the groups by where v would be on a line from the first to the
// last one.
func (p *intPage) guess(v int64, groups int) (lo, hi int) {
	first, last := p.at(0), p.at((groups-1)*restart)
	switch {
	case v <= first:
		return 0, 0
	case v > last:
		return groups, groups
	}
	// first < v <= last: the answer is in 1 to groups-1. A wrong guess of the
	// rounding costs steps, not the answer.
	g := int(float64(uint64(v)-uint64(first)) / float64(uint64(last)-uint64(first)) * float64(groups-1))
	g = min(max(g, 0), groups-2)
	if p.at(g*restart) >= v {
		return 0, g
	}
	if p.at((g+1)*restart) >= v {
		return g + 1, g + 1
	}
	return g + 2, groups - 1
}

// belowIn is below within the n values from value from on.
func (p *intPage) belowIn(from, n int, v int64) int {
	lo, hi := 0, n
	for lo < hi {
		if mid := (lo + hi) / 2; p.at(from+mid) < v {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}
