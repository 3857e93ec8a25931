package aggregate

import "time"

// CoarseFromFine reports whether the windows of coarse can be put together from
// those of fine: whether over that span of time every boundary of coarse is one of
// fine too. A month can be had from days of its zone, never from weeks; a day of a
// zone from quarters of an hour of UTC, where the zone is whole quarters off UTC.
// It may be false of windows that would do, never true of those that would not.
func CoarseFromFine(coarse, fine Fixed, over Span) bool {
	if coarse.Check() != nil || fine.Check() != nil {
		return false
	}
	if _, ok := coarse.(Global); ok {
		return true // it has no boundaries
	}
	if c, ok := coarse.(Calendar); ok {
		if f, ok := fine.(Calendar); ok && f.ofCalendar(c) {
			return true
		}
	}
	f, ok := gridOf(fine)
	if !ok {
		return false
	}
	if c, ok := coarse.(Calendar); ok && c.zone() != time.UTC {
		return f.ofDays(c, over)
	}
	return f.of(coarse)
}

// grid are windows laid in absolute time: of one size, a step apart.
type grid struct{ size, step, offset int64 }

// gridOf is w as a grid, if it is one whose windows lie side by side.
func gridOf(w Fixed) (grid, bool) {
	switch w := w.(type) {
	case Tumbling:
		return grid{int64(w.Size), int64(w.Size), int64(w.Offset)}, true
	case Hopping:
		return grid{int64(w.Size), int64(w.Slide), int64(w.Offset)}, w.Size == w.Slide
	case Calendar:
		days, _ := w.step()
		if w.zone() != time.UTC || days == 0 || days > 100_000 {
			return grid{}, false
		}
		size := days * int64(24*time.Hour)
		return grid{size, size, floorMod(w.first(0), days) * int64(24*time.Hour)}, true
	}
	return grid{}, false
}

// Even are windows of one size that lie side by side. They are numbered in the order
// of time.
type Even struct{ Size, Offset int64 } // 0 ≤ Offset < Size

// EvenOf is w as Even windows, if it is such: tumbling ones, and days and weeks of
// UTC.
func EvenOf(w Aligned) (e Even, ok bool) {
	g, ok := gridOf(w)
	if !ok || w.Check() != nil {
		return Even{}, false
	}
	return Even{g.size, floorMod(g.offset, g.size)}, true
}

// Index is the number of the window that holds t.
func (e Even) Index(t int64) int64 {
	i := t / e.Size // rounded towards 0
	for in := t - i*e.Size; in < e.Offset; in += e.Size {
		i--
	}
	return i
}

// of reports whether all boundaries of coarse are on the grid.
func (g grid) of(coarse Fixed) bool {
	c, ok := gridOf(coarse)
	if _, hops := coarse.(Hopping); !ok && !hops {
		w, isCalendar := coarse.(Calendar)
		return isCalendar && g.everyDay() && w.zone() == time.UTC // months begin with days
	}
	return c.size%g.step == 0 && c.step%g.step == 0 && phase(c.offset, g.offset, g.step) == 0
}

// everyDay reports whether every midnight of UTC is on the grid.
func (g grid) everyDay() bool {
	return int64(24*time.Hour)%g.step == 0 && phase(0, g.offset, g.step) == 0
}

// ofDays reports whether every midnight of a zone is on the grid: whether all its
// offsets from UTC, and all changes of its clocks, which can stand for a midnight
// that they skip, are whole steps.
func (g grid) ofDays(w Calendar, over Span) bool {
	if !g.everyDay() {
		return false
	}
	from, to := floorDiv(over.Start, int64(time.Second)), floorDiv(over.End, int64(time.Second))
	if offsetAt(w.zone(), from)*int64(time.Second)%g.step != 0 {
		return false
	}
	for change := range changes(w.zone(), from, to, secondsPerDay) {
		if change*int64(time.Second)%g.step != 0 || offsetAt(w.zone(), change)*int64(time.Second)%g.step != 0 {
			return false
		}
	}
	return true
}

// ofCalendar reports whether windows of coarse are made of those of fine.
func (fine Calendar) ofCalendar(coarse Calendar) bool {
	if fine.zone().String() != coarse.zone().String() {
		return false
	}
	fineDays, fineMonths := fine.step()
	days, months := coarse.step()
	switch {
	case fineDays == 1:
		return true
	case fineDays > 0:
		return days > 0 && days%fineDays == 0 && floorMod(coarse.first(0)-fine.first(0), fineDays) == 0
	case months == 0 || months%fineMonths != 0:
		return false
	}
	// The same day of every month, be it the last one of short ones.
	f, c := fine.origin(), coarse.origin()
	apart := (int64(c.Year)-int64(f.Year))*12 + int64(c.Month-f.Month)
	return f.Day == c.Day && floorMod(apart, fineMonths) == 0
}
