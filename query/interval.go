package query

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// interval is a length of time. Its parts are added to a time one after another:
// months by the calendar (31 January and a month is the last of February), then
// days, then nanoseconds.
type interval struct{ months, days, nanos int64 }

// spanUnit is a unit of an interval: some months, days or nanoseconds.
type spanUnit struct {
	name string
	of   interval
}

// spanUnits are the units, largest first. More names of some are in spanNames.
var spanUnits = []spanUnit{
	{"year", interval{months: 12}}, {"quarter", interval{months: 3}}, {"month", interval{months: 1}},
	{"week", interval{days: 7}}, {"day", interval{days: 1}},
	{"hour", interval{nanos: int64(time.Hour)}}, {"minute", interval{nanos: int64(time.Minute)}},
	{"second", interval{nanos: int64(time.Second)}}, {"millisecond", interval{nanos: int64(time.Millisecond)}},
	{"microsecond", interval{nanos: int64(time.Microsecond)}}, {"nanosecond", interval{nanos: 1}},
}

// parseInterval reads "1 year 2 months", "-90 minutes", "1.5 seconds". Only units
// shorter than a day take fractions, as far as a nanosecond holds them.
func parseInterval(text string) (interval, error) {
	words := strings.Fields(text)
	if len(words) == 0 || len(words)%2 != 0 {
		return interval{}, fmt.Errorf("interval %s: expected numbers, each with its unit, as in '1 day 2 hours'", quoteString(text))
	}
	var sum interval
	for ; len(words) > 0; words = words[2:] {
		one, err := parseSpan(words[0], words[1])
		if err == nil {
			sum, err = sum.plus(one)
		}
		if err != nil {
			return interval{}, fmt.Errorf("interval %s: %w", quoteString(text), err)
		}
	}
	return sum, nil
}

func parseSpan(number, unit string) (interval, error) {
	u, ok := spanUnitOf(unit)
	if !ok {
		return interval{}, fmt.Errorf("%s is no unit of time: expected %s", quoteString(unit), spanNames())
	}
	whole, fraction, split := strings.Cut(number, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || split && (u.of.nanos == 0 || fraction == "") {
		return interval{}, fmt.Errorf("%s is no number of %ss", quoteString(number), u.name)
	}
	nanos, ok1 := mulInt(n, u.of.nanos)
	months, ok2 := mulInt(n, u.of.months)
	days, ok3 := mulInt(n, u.of.days)
	if split {
		part, err := fractionOf(fraction, u.of.nanos)
		if err != nil {
			return interval{}, fmt.Errorf("%s %ss: %w", number, u.name, err)
		}
		if strings.HasPrefix(whole, "-") {
			part = -part
		}
		var ok bool
		if nanos, ok = addInt(nanos, part); !ok {
			return interval{}, errSpanRange
		}
	}
	if !ok1 || !ok2 || !ok3 {
		return interval{}, errSpanRange
	}
	return interval{months, days, nanos}, nil
}

var errSpanRange = fmt.Errorf("a part of it is longer than %d of its unit", int64(math.MaxInt64))

// fractionOf is digits, behind the point, of a unit of so many nanoseconds.
func fractionOf(digits string, unit int64) (int64, error) {
	sum, exact := int64(0), true
	for i := range len(digits) {
		exact = exact && unit%10 == 0
		switch {
		case !isDigit(rune(digits[i])):
			return 0, errors.New("expected digits behind the point")
		case digits[i] != '0' && !exact:
			return 0, errors.New("this is no whole number of nanoseconds")
		}
		unit /= 10
		sum += int64(digits[i]-'0') * unit
	}
	return sum, nil
}

// spanUnitOf is the unit of that name, whatever its case, one or several of it.
func spanUnitOf(name string) (spanUnit, bool) {
	name = strings.ToLower(name)
	for _, u := range spanUnits {
		if name == u.name || name == u.name+"s" {
			return u, true
		}
	}
	return spanUnit{}, false
}

// spanNames is the units for an error.
func spanNames() string {
	names := make([]string, len(spanUnits))
	for i, u := range spanUnits {
		names[i] = u.name
	}
	return strings.Join(names, ", ")
}

func (v interval) plus(o interval) (interval, error) {
	months, ok1 := addInt(v.months, o.months)
	days, ok2 := addInt(v.days, o.days)
	nanos, ok3 := addInt(v.nanos, o.nanos)
	if !ok1 || !ok2 || !ok3 || months == math.MinInt64 || days == math.MinInt64 || nanos == math.MinInt64 {
		return v, errSpanRange // the least has no opposite
	}
	return interval{months, days, nanos}, nil
}

// times is v n times over, n being 1 or -1.
func (v interval) times(n int64) interval { return interval{n * v.months, n * v.days, n * v.nanos} }

// fixed is the length of v where it has one: without months, days being 24 hours.
func (v interval) fixed() (ns int64, ok bool) {
	days, ok1 := mulInt(v.days, int64(24*time.Hour))
	ns, ok2 := addInt(days, v.nanos)
	return ns, v.months == 0 && ok1 && ok2
}

// String is v in the largest units that leave no fraction, as parseInterval reads
// it: "14 months 1 day 90 minutes".
func (v interval) String() string {
	var parts []string
	add := func(n int64, name string) {
		if n != 1 {
			name += "s"
		}
		parts = append(parts, strconv.FormatInt(n, 10)+" "+name)
	}
	if v.months != 0 {
		add(v.months, "month")
	}
	if v.days != 0 {
		add(v.days, "day")
	}
	for _, u := range spanUnits {
		if u.of.nanos != 0 && v.nanos%u.of.nanos == 0 && v.nanos != 0 {
			add(v.nanos/u.of.nanos, u.name)
			break
		}
	}
	if parts == nil {
		return "0 seconds"
	}
	return strings.Join(parts, " ")
}

// after is the time v after ns, by the calendar of zone.
func (v interval) after(ns int64, zone *time.Location) (int64, bool) {
	if v.months != 0 || v.days != 0 {
		t := time.Unix(0, ns).In(zone)
		var ok bool
		if ns, ok = addCalendar(t, v.months, v.days); !ok {
			return 0, false
		}
	}
	return addInt(ns, v.nanos)
}

// addCalendar is the same time of day some months and days after t. A month that is
// too short for the day ends on its last. The year stays within five digits.
func addCalendar(t time.Time, months, days int64) (int64, bool) {
	const most = 12 * 1000 // no two times that an int64 holds are further apart
	if months > most || months < -most || days > 31*most || days < -31*most {
		return 0, false
	}
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	first := time.Date(year, month+time.Month(months), 1, 0, 0, 0, 0, time.UTC)
	day = min(day, first.AddDate(0, 1, -1).Day())
	at := time.Date(first.Year(), first.Month(), day+int(days), hour, minute, second, t.Nanosecond(), t.Location())
	return nanosOf(at)
}
