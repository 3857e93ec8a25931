package main

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/annalsdb/annals/aggregate"
)

// tick is a place on an axis that has a name. What stands below it is named where it
// is another one than at the tick before: the day of an hour, the year of a month.
type tick struct {
	at           float64
	label, below string
}

// clockStep is a step between ticks: of the calendar, about so long, or else just so long.
type clockStep struct {
	calendar      aggregate.Calendar
	length        time.Duration
	layout, below string
}

// clockSteps are the steps from the shortest on; those of less than a second are
// powers of ten.
var clockSteps = func() (all []clockStep) {
	for ns := time.Nanosecond; ns < time.Second; ns *= 10 {
		all = append(all, clockStep{length: ns, layout: "05.999999999", below: "2 Jan 2006 15:04"})
	}
	for _, s := range []time.Duration{1, 5, 15, 30} {
		all = append(all, clockStep{length: s * time.Second, layout: "15:04:05", below: "2 Jan 2006"})
	}
	for _, m := range []time.Duration{1, 5, 15, 30, 60, 180, 360, 720} {
		all = append(all, clockStep{length: m * time.Minute, layout: "15:04", below: "2 Jan 2006"})
	}
	const day = 24 * time.Hour
	calendar := func(unit aggregate.Unit, length time.Duration, layout, below string, counts ...int) {
		for _, n := range counts {
			all = append(all, clockStep{aggregate.Calendar{Unit: unit, N: n}, time.Duration(n) * length, layout, below})
		}
	}
	calendar(aggregate.Day, day, "2", "Jan 2006", 1, 2)
	calendar(aggregate.Week, 7*day, "2", "Jan 2006", 1)
	calendar(aggregate.Month, 30*day, "Jan", "2006", 1, 3, 6)
	calendar(aggregate.Year, 365*day, "2006", "", 1, 2, 5, 10, 20, 50)
	return all
}()

// timeTicks are at most some n times from one to another, in nanoseconds, where the
// clocks and calendars of a zone turn over.
func timeTicks(from, to int64, zone *time.Location, n int) (ticks []tick) {
	step := clockSteps[len(clockSteps)-1]
	for _, s := range clockSteps {
		if float64(to)-float64(from) <= float64(s.length)*float64(n) {
			step = s
			break
		}
	}
	t := from
	if step.window(from, zone).Start < from {
		t = step.next(from, zone)
	}
	for below := ""; t <= to; {
		at := time.Unix(0, t).In(zone)
		k := tick{at: float64(t), label: at.Format(step.layout)}
		if b := at.Format(step.below); b != below {
			k.below, below = b, b
		}
		ticks = append(ticks, k)
		next := step.next(t, zone)
		if next <= t { // the end of time
			break
		}
		t = next
	}
	return ticks
}

// next is the first tick after one. Where clocks were set in between one may be left out.
func (s *clockStep) next(t int64, zone *time.Location) int64 {
	end := s.window(t, zone).End
	if after := s.window(end, zone); after.Start < end {
		return after.End
	}
	return end
}

// window is the time between two ticks that t is in. Years are counted from 2000, and
// hours by the clock of the zone.
func (s *clockStep) window(t int64, zone *time.Location) aggregate.Span {
	if c := s.calendar; c.N > 0 {
		c.Zone = zone
		if c.Unit == aggregate.Year {
			c.Origin = aggregate.Date{Year: 2000, Month: 1, Day: 1}
		}
		return c.At(t)
	}
	_, offset := time.Unix(0, t).In(zone).Zone()
	return aggregate.Tumbling{Size: s.length, Offset: -time.Duration(offset) * time.Second % s.length}.At(t)
}

// numberTicks are some n round numbers from low to high.
func numberTicks(low, high float64, n int) (ticks []tick) {
	step := roundStep((high/2 - low/2) / float64(n) * 2)
	if step == 0 || math.IsInf(step, 0) {
		return nil
	}
	for k := math.Ceil(low / step); k*step <= high && len(ticks) < 2*n+2; k++ {
		at := k*step + 0 // there is no -0
		ticks = append(ticks, tick{at: at, label: tickLabel(at, step)})
	}
	return ticks
}

// roundStep is the least of 1, 2 and 5 times a power of ten that is no less than a step.
func roundStep(least float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(least)))
	for _, f := range []float64{1, 2, 5} {
		if f*power >= least {
			return f * power
		}
	}
	return 10 * power
}

// tickLabel is a number with as many digits as tell it from its neighbours.
func tickLabel(v, step float64) string {
	if m := max(math.Abs(v), step); m >= 1e12 || m < 1e-4 {
		return strconv.FormatFloat(v, 'g', 4, 64)
	}
	text := strconv.FormatFloat(v, 'f', max(0, -int(math.Floor(math.Log10(step)+1e-9))), 64)
	sign, digits := "", text
	if rest, negative := strings.CutPrefix(text, "-"); negative {
		sign, digits = "−", rest
	}
	whole, part, _ := strings.Cut(digits, ".")
	if n, err := strconv.ParseUint(whole, 10, 64); err == nil {
		whole = thousands(n)
	}
	if part != "" {
		whole += "." + part
	}
	return sign + whole
}
