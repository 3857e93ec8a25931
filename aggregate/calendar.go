package aggregate

import (
	"fmt"
	"iter"
	"math"
	"time"
)

// Calendar windows are days, weeks, months, quarters or years, or several of
// them, in the civil time of a zone. A day is 23, 24 or 25 hours long, as the
// clocks of the zone have it.
//
// Windows are counted from an origin, by default 1 January 1970, for weeks Monday
// 29 December 1969 (weeks are ISO 8601's). A month step keeps the origin's day of
// the month, or takes the last one where a month is too short. A boundary that the
// clocks skip is the first instant after the gap; one that they show twice is the
// earlier.
type Calendar struct {
	Unit Unit
	N    int            // so many units are one window; 0 stands for 1
	Zone *time.Location // nil stands for UTC
	// Origin is a day on which a window begins; the zero Date stands for the
	// default.
	Origin Date
}

// Date is a day of the Gregorian calendar.
type Date struct {
	Year       int
	Month, Day int // from 1
}

// Unit is a unit of the calendar.
type Unit uint8

// The units.
const (
	Day Unit = iota
	Week
	Month
	Quarter
	Year
)

var unitNames = [...]string{"day", "week", "month", "quarter", "year"}

// String is the unit's name.
func (u Unit) String() string {
	if int(u) < len(unitNames) {
		return unitNames[u]
	}
	return fmt.Sprintf("unit(%d)", uint8(u))
}

// String implements [Window].
func (w Calendar) String() string {
	o := w.origin()
	return fmt.Sprintf("calendar(%d %s, %s, %04d-%02d-%02d)", w.n(), w.Unit, w.zone(), o.Year, o.Month, o.Day)
}

// Check implements [Window].
func (w Calendar) Check() error {
	o := w.origin()
	switch {
	case int(w.Unit) >= len(unitNames):
		return fmt.Errorf("%s: %w: there is no such unit", w, ErrWindow)
	case w.N < 0 || w.N > 100_000:
		return fmt.Errorf("%s: %w: %d units are not 1 to 100000", w, ErrWindow, w.N)
	case o.Month < 1 || o.Month > 12 || o.Day < 1 || o.Day > monthLength(int64(o.Year), o.Month):
		return fmt.Errorf("%s: %w: the origin is not a date", w, ErrWindow)
	case o.Year < -10_000 || o.Year > 10_000:
		return fmt.Errorf("%s: %w: the origin's year is out of range", w, ErrWindow)
	}
	return nil
}

func (w Calendar) n() int64 { return int64(max(w.N, 1)) }

func (w Calendar) zone() *time.Location {
	if w.Zone == nil {
		return time.UTC
	}
	return w.Zone
}

func (w Calendar) origin() Date {
	switch {
	case w.Origin != Date{}:
		return w.Origin
	case w.Unit == Week:
		return Date{1969, 12, 29}
	}
	return Date{1970, 1, 1}
}

// step is the length of a window in days or in months; one of them is 0.
func (w Calendar) step() (days, months int64) {
	switch w.Unit {
	case Day:
		return w.n(), 0
	case Week:
		return 7 * w.n(), 0
	case Month:
		return 0, w.n()
	case Quarter:
		return 0, 3 * w.n()
	}
	return 0, 12 * w.n()
}

// Day numbers count days from 1 January 1970. The conversions are H. Hinnant's,
// "chrono-Compatible Low-Level Date Algorithms".

// dayOf is the day number of a date; day may be any number.
func dayOf(year int64, month, day int) int64 {
	if month <= 2 {
		year--
	}
	era := floorDiv(year, 400)
	yearOfEra := year - era*400
	dayOfYear := int64((153*((month+9)%12)+2)/5 + day - 1)
	return era*146097 + yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear - 719468
}

// dateOf is the date of a day number.
func dateOf(number int64) (year int64, month, day int) {
	number += 719468
	era := floorDiv(number, 146097)
	dayOfEra := number - era*146097
	yearOfEra := (dayOfEra - dayOfEra/1460 + dayOfEra/36524 - dayOfEra/146096) / 365
	dayOfYear := dayOfEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	m := int((5*dayOfYear + 2) / 153)
	day = int(dayOfYear) - (153*m+2)/5 + 1
	month = (m+2)%12 + 1
	year = yearOfEra + era*400
	if month <= 2 {
		year++
	}
	return year, month, day
}

func monthLength(year int64, month int) int {
	if month == 2 {
		return int(dayOf(year, 3, 1) - dayOf(year, 2, 1))
	}
	return 30 + (month+month/8)%2
}

// first is the day number on which window i begins.
func (w Calendar) first(i int64) int64 {
	o := w.origin()
	days, months := w.step()
	if days > 0 {
		return dayOf(int64(o.Year), o.Month, o.Day) + i*days
	}
	m := int64(o.Year)*12 + int64(o.Month) - 1 + i*months
	year, month := floorDiv(m, 12), int(floorMod(m, 12))+1
	return dayOf(year, month, min(o.Day, monthLength(year, month)))
}

// index is the window that a day number is in.
func (w Calendar) index(number int64) int64 {
	o := w.origin()
	days, months := w.step()
	if days > 0 {
		return floorDiv(number-dayOf(int64(o.Year), o.Month, o.Day), days)
	}
	year, month, _ := dateOf(number)
	i := floorDiv((year-int64(o.Year))*12+int64(month-o.Month), months)
	if w.first(i) > number { // the day of the month is not reached yet
		i--
	}
	return i
}

// boundary is the instant at which window i begins, in seconds since 1970 UTC.
func (w Calendar) boundary(i int64) int64 { return w.instant(w.first(i) * secondsPerDay) }

const secondsPerDay = 24 * 60 * 60

// instant is the first instant at which the zone's clocks show local, in seconds
// as if it were UTC, or skip it.
func (w Calendar) instant(local int64) int64 {
	if w.zone() == time.UTC {
		return local
	}
	// No zone is a day and a half from UTC.
	from, to := local-secondsPerDay*3/2, local+secondsPerDay*3/2
	offset, start := offsetAt(w.zone(), from), from
	for change := range changes(w.zone(), from, to, secondsPerDay/2) {
		if local-offset < change {
			break
		}
		offset, start = offsetAt(w.zone(), change), change
	}
	return max(local-offset, start)
}

// offsetAt is what the zone's clocks are ahead of UTC at an instant, in seconds.
func offsetAt(z *time.Location, seconds int64) int64 {
	_, offset := time.Unix(seconds, 0).In(z).Zone()
	return int64(offset)
}

// changes are the instants after from, up to to, at which the offset of z is
// another, found by looking at it every step and halving. What comes and goes
// within a step is not seen. (Time.ZoneBounds would tell without a search, but
// beyond 2037 it names ends of years where nothing changes, and does not get past
// them.)
func changes(z *time.Location, from, to, step int64) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		offset := offsetAt(z, from)
		for from < to {
			next := min(from+step, to)
			after := offsetAt(z, next)
			if after != offset {
				lo, hi := from, next
				for hi-lo > 1 {
					if mid := lo + (hi-lo)/2; offsetAt(z, mid) == offset {
						lo = mid
					} else {
						hi = mid
					}
				}
				if !yield(hi) {
					return
				}
				next, after = hi, offsetAt(z, hi)
			}
			from, offset = next, after
		}
	}
}

// At implements [Aligned].
func (w Calendar) At(t int64) Span {
	start, end, _ := w.around(t)
	return Span{start, end}
}

// around is the window that holds t, and the index of the next one. Windows that
// the clocks skip altogether are empty and hold nothing.
func (w Calendar) around(t int64) (start, end, next int64) {
	seconds := floorDiv(t, int64(time.Second))
	i := w.index(floorDiv(seconds+offsetAt(w.zone(), seconds), secondsPerDay))
	// Where clocks go back over a boundary, they show the end of one window
	// again after the next one has begun.
	for w.boundary(i+1) <= seconds {
		i++
	}
	return nanos(w.boundary(i)), nanos(w.boundary(i + 1)), i + 1
}

// nanos is an instant in seconds in ns, at most or at least what an int64 holds.
func nanos(seconds int64) int64 {
	const most = math.MaxInt64 / int64(time.Second)
	switch {
	case seconds > most:
		return math.MaxInt64
	case seconds < -most:
		return math.MinInt64
	}
	return seconds * int64(time.Second)
}

// Assign implements [Fixed].
func (w Calendar) Assign(dst []Span, t int64) []Span { return append(dst, w.At(t)) }

const (
	// calendarTable is how many boundaries a Starter keeps: a century of days.
	calendarTable = 36_525
	// calendarStep is how many more it looks up for one row.
	calendarStep = 512
	// calendarMisses rows outside the table make it begin anew with the last: a
	// few strays do not.
	calendarMisses = 64
)

// Starter implements [Aligned]. It keeps the boundaries that it met, so that a
// zone is asked once for each window and not for each row.
func (w Calendar) Starter() func(dst, times []int64) {
	days, months := w.step()
	c := &calendarStarter{w: w, length: uint64(days+30*months) * secondsPerDay * uint64(time.Second)}
	return c.fill
}

type calendarStarter struct {
	w      Calendar
	length uint64 // of a window, about, ns
	last   Span
	// bounds are boundaries without a gap; next is the index behind the last.
	bounds []int64
	next   int64
	misses int
}

func (c *calendarStarter) fill(dst, times []int64) {
	dst = dst[:len(times)]
	last := c.last
	for i, t := range times {
		if t < last.Start || t >= last.End {
			last = c.find(t)
		}
		dst[i] = last.Start
	}
	c.last = last
}

// find looks t up in the table: the windows are nearly of one length, so where it
// must be is reckoned, and right within a step or two.
func (c *calendarStarter) find(t int64) Span {
	b := c.bounds
	if len(b) == 0 || t < b[0] || t >= b[len(b)-1] {
		if !c.extend(t) {
			return c.w.At(t)
		}
		b = c.bounds
	}
	last := len(b) - 1
	mean := (uint64(b[last])-uint64(b[0]))/uint64(last) + 1
	i := min(int((uint64(t)-uint64(b[0]))/mean), last-1)
	for b[i] > t {
		i--
	}
	for b[i+1] <= t {
		i++
	}
	return Span{b[i], b[i+1]}
}

// extend makes the table reach t, or begin anew with it. It is false for strays
// and at the ends of time, where windows are cut off.
func (c *calendarStarter) extend(t int64) bool {
	if c.isFar(t) {
		if c.misses++; c.misses < calendarMisses && len(c.bounds) > 0 {
			return false
		}
		start, end, next := c.w.around(t)
		if start == math.MinInt64 || end == math.MaxInt64 {
			return false
		}
		c.bounds, c.next, c.misses = append(c.bounds[:0], start, end), next+1, 0
	}
	for c.bounds[len(c.bounds)-1] <= t {
		end := nanos(c.w.boundary(c.next))
		if end == math.MaxInt64 {
			return false
		}
		if end > c.bounds[len(c.bounds)-1] {
			c.bounds = append(c.bounds, end)
		}
		c.next++
	}
	return true
}

// isFar reports whether t is not a few windows behind the table.
func (c *calendarStarter) isFar(t int64) bool {
	if len(c.bounds) == 0 || t < c.bounds[0] {
		return true
	}
	more := between(c.bounds[len(c.bounds)-1], t) / c.length
	return more > calendarStep || more+uint64(len(c.bounds)) > calendarTable
}
