package query

import (
	"fmt"
	"strings"
	"time"

	"github.com/annalsdb/annals/segment"
)

// timeLayouts are the ways to write a time. Seconds may have a fraction.
var timeLayouts = []string{
	"2006-01-02T15:04:05Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04Z07:00", "2006-01-02 15:04Z07:00",
	"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02",
}

// parseTime reads a time, in nanoseconds since 1970. One without an offset is of the
// zone, UTC if that is nil.
func parseTime(text string, zone *time.Location) (int64, error) {
	if zone == nil {
		zone = time.UTC
	}
	for _, layout := range timeLayouts {
		t, err := time.ParseInLocation(layout, text, zone)
		if err != nil {
			continue
		}
		ns, ok := nanosOf(t)
		if !ok {
			return 0, fmt.Errorf("time %s is outside the years 1677 to 2262", quoteString(text))
		}
		return ns, nil
	}
	return 0, fmt.Errorf("%s is no time: expected one like '2024-03-01' or '2024-03-01T12:00:00+02:00'", quoteString(text))
}

// zoneNamed is a time zone by its name in the IANA database, UTC for "".
func zoneNamed(name string) (*time.Location, error) {
	if name == "Local" {
		return nil, fmt.Errorf("time zone 'Local' is another one on each machine: expected a name like 'Europe/Berlin'")
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("%s is no time zone: expected a name like 'Europe/Berlin'", quoteString(name))
	}
	return zone, nil
}

// truncated is the start of the unit that t is in, by the calendar of its zone. A
// start that a clock change skips is the first instant behind the gap, of one that
// comes twice the earlier is meant.
func truncated(t time.Time, unit string) (time.Time, error) {
	year, month, day := t.Date()
	switch unit {
	case "year":
		return civil(year, 1, 1, t.Location()), nil
	case "quarter":
		return civil(year, (month-1)/3*3+1, 1, t.Location()), nil
	case "month":
		return civil(year, month, 1, t.Location()), nil
	case "week":
		return civil(year, month, day-(int(t.Weekday())+6)%7, t.Location()), nil
	case "day":
		return civil(year, month, day, t.Location()), nil
	case "hour":
		// Offsets are of quarters of an hour, and of seconds long ago: what has
		// passed of the hour is told by the clock there.
		return t.Add(-time.Duration(t.Minute())*time.Minute - time.Duration(t.Second())*time.Second - time.Duration(t.Nanosecond())), nil
	case "minute":
		return t.Add(-time.Duration(t.Second())*time.Second - time.Duration(t.Nanosecond())), nil
	case "second":
		return t.Add(-time.Duration(t.Nanosecond())), nil
	case "millisecond":
		return t.Add(-time.Duration(t.Nanosecond() % 1e6)), nil
	case "microsecond":
		return t.Add(-time.Duration(t.Nanosecond() % 1e3)), nil
	}
	return t, fmt.Errorf("%s is no unit to cut a time to: expected year, quarter, month, week, day, hour, minute, second, millisecond or microsecond", quoteString(unit))
}

// civil is the first instant of a day in a zone.
func civil(year int, month time.Month, day int, zone *time.Location) time.Time {
	t := time.Date(year, month, day, 0, 0, 0, 0, zone)
	want := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	_, now := t.Zone()
	start, end := t.ZoneBounds()
	switch got := t.Add(time.Duration(now) * time.Second).UTC(); {
	case got.Before(want): // in a gap Date is by one of the offsets around it: here the one before
		return end.In(zone)
	case got.After(want):
		return start.In(zone)
	case !start.IsZero(): // by the offset before, midnight may have been there already
		_, before := start.Add(-1).Zone()
		if earlier := t.Add(time.Duration(now-before) * time.Second); earlier.Before(start) && before > now {
			return earlier
		}
	}
	return t
}

// parts are what extract can take of a time.
var parts = map[string]func(t time.Time) Value{
	"year":        func(t time.Time) Value { return intValue(t.Year()) },
	"quarter":     func(t time.Time) Value { return intValue(int(t.Month()-1)/3 + 1) },
	"month":       func(t time.Time) Value { return intValue(int(t.Month())) },
	"week":        func(t time.Time) Value { _, w := t.ISOWeek(); return intValue(w) },
	"isoyear":     func(t time.Time) Value { y, _ := t.ISOWeek(); return intValue(y) },
	"day":         func(t time.Time) Value { return intValue(t.Day()) },
	"doy":         func(t time.Time) Value { return intValue(t.YearDay()) },
	"dow":         func(t time.Time) Value { return intValue(int(t.Weekday())) },
	"isodow":      func(t time.Time) Value { return intValue((int(t.Weekday())+6)%7 + 1) },
	"hour":        func(t time.Time) Value { return intValue(t.Hour()) },
	"minute":      func(t time.Time) Value { return intValue(t.Minute()) },
	"second":      func(t time.Time) Value { return intValue(t.Second()) },
	"millisecond": func(t time.Time) Value { return intValue(t.Nanosecond() / 1e6) },
	"microsecond": func(t time.Time) Value { return intValue(t.Nanosecond() / 1e3) },
	"nanosecond":  func(t time.Time) Value { return intValue(t.Nanosecond()) },
	"epoch":       func(t time.Time) Value { return segment.Float64Of(float64(t.UnixNano()) / 1e9) },
}

func intValue(i int) Value { return segment.Int64Of(int64(i)) }

// formatCodes are what may follow % in the format of a time, as layouts of package
// time.
var formatCodes = map[byte]string{
	'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'e': "_2", 'j': "002",
	'H': "15", 'I': "03", 'M': "04", 'S': "05", 'p': "PM",
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'z': "-0700", 'Z': "MST",
	'F': "2006-01-02", 'T': "15:04:05",
}

// formatTime is t in a format of text and codes (those of C's strftime): %Y-%m-%d.
// %f is the microseconds, %N the nanoseconds, with all digits.
func formatTime(t time.Time, format string) (string, error) {
	var b strings.Builder
	for {
		text, rest, found := strings.Cut(format, "%")
		b.WriteString(text)
		if !found {
			return b.String(), nil
		}
		if rest == "" {
			return "", fmt.Errorf("nothing follows the %% at the end of the format")
		}
		switch layout, ok := formatCodes[rest[0]]; {
		case ok:
			b.WriteString(t.Format(layout))
		case rest[0] == '%':
			b.WriteByte('%')
		case rest[0] == 'f':
			fmt.Fprintf(&b, "%06d", t.Nanosecond()/1e3)
		case rest[0] == 'N':
			fmt.Fprintf(&b, "%09d", t.Nanosecond())
		default:
			return "", fmt.Errorf("%%%c is no part of a time: expected one of %%Y %%m %%d %%H %%M %%S %%f %%N %%j %%a %%A %%b %%B %%e %%I %%p %%y %%z %%Z %%F %%T %%%%", rest[0])
		}
		format = rest[1:]
	}
}
