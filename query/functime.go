package query

import (
	"strings"
	"time"

	"github.com/annalsdb/annals/segment"
)

// timeFunctions go by the calendar of a time zone, UTC if none is given.
var timeFunctions = []function{
	{name: "date_trunc", min: 2, max: 3, args: []kindSet{texts, times, texts}, result: times, fixed: []int{0, 2}, make: dateTrunc},
	{name: "extract", min: 2, max: 3, args: []kindSet{texts, times, texts}, result: numbers, fixed: []int{0, 2}, make: extract},
	{name: "date_bin", min: 2, max: 2, args: []kindSet{spans, times}, result: times, make: dateBin},
	{name: "date_add", min: 2, max: 3, args: []kindSet{times, spans, texts}, result: times, fixed: []int{2}, make: dateAdd},
	{name: "to_time", min: 1, max: 2, args: []kindSet{texts}, result: times, fixed: []int{1}, make: toTimeIn},
	{name: "format_time", min: 2, max: 3, args: []kindSet{times, texts, texts}, result: texts, fixed: []int{2}, make: formatIn},
}

// zoneOf is the zone that the i-th argument names, UTC if there is none.
func zoneOf(args []*node, i int) (*time.Location, error) {
	if i >= len(args) {
		return time.UTC, nil
	}
	zone, err := zoneNamed(args[i].value.Str())
	return zone, args[i].placed(err)
}

func inZone(v Value, zone *time.Location) time.Time { return v.Time().In(zone) }

// unitOf is the unit that an argument names: "month" of "Months".
func unitOf(n *node) string {
	name := strings.ToLower(n.value.Str())
	if u, ok := spanUnitOf(name); ok {
		return u.name
	}
	return name
}

func dateTrunc(args []*node) (scalar, error) {
	zone, err := zoneOf(args, 2)
	if err != nil {
		return nil, err
	}
	unit := unitOf(args[0])
	if _, err := truncated(time.Time{}, unit); err != nil {
		return nil, args[0].placed(err)
	}
	return func(a []Value) (Value, error) {
		t, err := truncated(inZone(a[1], zone), unit)
		if err != nil {
			return Value{}, err
		}
		ns, ok := nanosOf(t)
		if !ok {
			return Value{}, errTime
		}
		return timeValue(ns), nil
	}, nil
}

func extract(args []*node) (scalar, error) {
	zone, err := zoneOf(args, 2)
	if err != nil {
		return nil, err
	}
	part, ok := parts[unitOf(args[0])]
	if !ok {
		return nil, args[0].fail("%s is no part of a time: expected year, quarter, month, week, isoyear, day, doy, dow, isodow, hour, minute, second, millisecond, microsecond, nanosecond or epoch", quoteString(args[0].value.Str()))
	}
	return func(a []Value) (Value, error) { return part(inZone(a[1], zone)), nil }, nil
}

// dateBin is the start of the tumbling window of a size that a time is in.
func dateBin(args []*node) (scalar, error) {
	size, ok := args[0].span.fixed()
	if !ok || size <= 0 {
		return nil, args[0].fail("date_bin takes an INTERVAL above 0 without months")
	}
	return func(a []Value) (Value, error) {
		start, ok := subInt(a[1].Nanos(), floorMod(a[1].Nanos(), size))
		if !ok {
			return Value{}, errTime
		}
		return timeValue(start), nil
	}, nil
}

// floorMod is what is over t's last multiple of size, 0 or more.
func floorMod(t, size int64) int64 {
	if m := t % size; m < 0 {
		return m + size
	}
	return t % size
}

func dateAdd(args []*node) (scalar, error) {
	zone, err := zoneOf(args, 2)
	if err != nil {
		return nil, err
	}
	span := args[1].span
	return func(a []Value) (Value, error) { return shifted(a[0], span, 1, zone) }, nil
}

func toTimeIn(args []*node) (scalar, error) {
	zone, err := zoneOf(args, 1)
	if err != nil {
		return nil, err
	}
	return func(a []Value) (Value, error) {
		ns, err := parseTime(strings.TrimSpace(a[0].Str()), zone)
		return timeValue(ns), err
	}, nil
}

func formatIn(args []*node) (scalar, error) {
	zone, err := zoneOf(args, 2)
	if err != nil {
		return nil, err
	}
	return func(a []Value) (Value, error) {
		text, err := formatTime(inZone(a[0], zone), a[1].Str())
		return segment.StringOf(text), err
	}, nil
}
