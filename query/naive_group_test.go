package query

import (
	"cmp"
	"slices"
	"time"

	"github.com/annalsdb/annals/index"
)

// naiveGroup is a group: its values, its window, and its rows.
type naiveGroup struct {
	by         []Value
	start, end int64
	rows       []naiveSlots
}

// naiveGroups is the rows of a GROUP BY. Without groups and windows there is one,
// even of nothing.
func naiveGroups(p *plan, rows []naiveSlots) ([]naiveSlots, error) {
	var groups []*naiveGroup
	for _, r := range rows {
		by := make([]Value, len(p.groups))
		for i, g := range p.groups {
			var err error
			if by[i], err = g.eval(r.values); err != nil {
				return nil, err
			}
		}
		for _, w := range p.naiveWindows(r.time) {
			i := slices.IndexFunc(groups, func(g *naiveGroup) bool {
				return g.start == w[0] && g.end == w[1] && slices.EqualFunc(g.by, by, same)
			})
			if i < 0 {
				groups, i = append(groups, &naiveGroup{by: slices.Clone(by), start: w[0], end: w[1]}), len(groups)
			}
			for k := range by {
				groups[i].by[k] = shown(groups[i].by[k], by[k])
			}
			groups[i].rows = append(groups[i].rows, r)
		}
	}
	if p.window.kind == sessionWindow {
		groups = sessions(groups, int64(p.window.size))
	}
	if p.window.kind == slidingWindow || p.window.kind == countedWindow {
		groups = p.naiveFrames(groups)
	}
	if len(groups) == 0 && len(p.groups) == 0 && p.window.kind == noWindow {
		groups = append(groups, &naiveGroup{})
	}
	return naiveAggregates(p, groups)
}

// sessions cuts each group, which has all its rows in one window so far, where for
// longer than gap there is none. A session ends gap after its last row.
func sessions(groups []*naiveGroup, gap int64) (all []*naiveGroup) {
	for _, g := range groups {
		slices.SortFunc(g.rows, func(a, b naiveSlots) int { return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.seq, b.seq)) })
		var s *naiveGroup
		for _, r := range g.rows {
			if s == nil || r.time-s.rows[len(s.rows)-1].time > gap {
				s = &naiveGroup{by: g.by, start: r.time}
				all = append(all, s)
			}
			s.rows, s.end = append(s.rows, r), r.time+gap
		}
	}
	return all
}

// naiveFrames makes windows of each group's rows, which are in one so far: one that ends
// with each time that there is, or one of so many rows of the first source.
func (p *plan) naiveFrames(groups []*naiveGroup) (all []*naiveGroup) {
	for _, g := range groups {
		slices.SortFunc(g.rows, func(a, b naiveSlots) int { return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.seq, b.seq)) })
		events := 0
		for i, r := range g.rows {
			if i > 0 && g.rows[i-1].time == r.time && (p.window.kind == slidingWindow || g.rows[i-1].seq == r.seq) {
				if p.window.kind == countedWindow { // another row of one event
					w := all[len(all)-1]
					w.rows = append(w.rows, r)
				}
				continue
			}
			if p.window.kind == slidingWindow {
				w := &naiveGroup{by: g.by, start: r.time - int64(p.window.size) + 1, end: r.time + 1}
				w.rows = slices.DeleteFunc(slices.Clone(g.rows), func(o naiveSlots) bool { return o.time < w.start || o.time >= w.end })
				all = append(all, w)
				continue
			}
			if events%p.window.n == 0 {
				all = append(all, &naiveGroup{by: g.by, start: r.time})
			}
			events++
			w := all[len(all)-1]
			w.rows, w.end = append(w.rows, r), r.time+1
		}
	}
	return all
}

// naiveWindows is start and end of the windows that a time is in.
func (p *plan) naiveWindows(t int64) [][2]int64 {
	w := p.window
	size, by := int64(w.size), int64(w.by)
	switch w.kind {
	case tumbleWindow:
		start := t - floorMod(t-by, size)
		return [][2]int64{{start, start + size}}
	case hopWindow:
		var all [][2]int64
		for start := t - floorMod(t, by); start > t-size; start -= by {
			all = append(all, [2]int64{start, start + size})
		}
		return all
	case calendarWindow:
		at := time.Unix(0, t).In(p.zone)
		start, end := p.naiveCalendar(at)
		return [][2]int64{{start.UnixNano(), end.UnixNano()}}
	}
	return [][2]int64{{0, 0}}
}

// naiveCalendar walks from the first window, that of 1 January 1970, or Monday 29
// December 1969, to the one that t is in.
func (p *plan) naiveCalendar(t time.Time) (start, end time.Time) {
	at := func(i int) time.Time {
		n := i * p.window.n
		switch p.window.unit {
		case Day:
			return civil(1970, 1, 1+n, p.zone)
		case Week:
			return civil(1969, 12, 29+7*n, p.zone)
		case Month:
			return civil(1970, time.Month(1+n), 1, p.zone)
		case Quarter:
			return civil(1970, time.Month(1+3*n), 1, p.zone)
		}
		return civil(1970+n, 1, 1, p.zone)
	}
	i := 0
	for t.Before(at(i)) {
		i--
	}
	for !t.Before(at(i + 1)) {
		i++
	}
	return at(i), at(i + 1)
}

// naiveAggregates makes a row of each group that HAVING lets through.
func naiveAggregates(p *plan, groups []*naiveGroup) (rows []naiveSlots, err error) {
	for _, g := range groups {
		row := slices.Clone(g.by)
		if p.window.kind != noWindow {
			row = append(row, timeValue(g.start), timeValue(g.end))
		}
		for _, a := range p.aggregates {
			v, err := a.naive(g, p.window.kind != noWindow && p.window.kind != countedWindow)
			if err != nil {
				return nil, err
			}
			row = append(row, v)
		}
		if p.having != nil {
			t, err := p.having.truth(row)
			if err != nil {
				return nil, err
			}
			if t != index.True {
				continue
			}
		}
		rows = append(rows, naiveSlots{values: row})
	}
	return rows, nil
}
