package report

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/annalsdb/annals/bench/meter"
	"github.com/annalsdb/annals/bench/workload"
)

// Format is a figure with three digits and a unit that suits it.
func Format(value float64, unit string) string {
	switch unit {
	case "ns":
		return scaled(value, 1000, "ns", "µs", "ms", "s")
	case "B", "B/s":
		return scaled(value, 1024, unit, "Ki"+unit, "Mi"+unit, "Gi"+unit)
	case "":
		return scaled(value, 1000, "", "k", "M", "G")
	}
	return scaled(value, 1000, unit, "k "+unit, "M "+unit, "G "+unit)
}

// scaled divides by base as often as there are units for it.
func scaled(v, base float64, units ...string) string {
	if v == math.Trunc(v) && math.Abs(v) < base { // a count has no parts
		return strings.TrimSpace(strconv.Itoa(int(v)) + " " + units[0])
	}
	for len(units) > 1 && math.Abs(v) >= base*0.9995 {
		v, units = v/base, units[1:]
	}
	return strings.TrimSpace(digits(v) + " " + units[0])
}

// digits is v with three digits, or with all that are in front of the point.
func digits(v float64) string {
	places := 2
	switch a := math.Abs(v); {
	case a >= 99.95:
		places = 0
	case a >= 9.995:
		places = 1
	case a < 0.0995 && a > 0:
		return strconv.FormatFloat(v, 'g', 2, 64)
	}
	return strconv.FormatFloat(v, 'f', places, 64)
}

// spread is one figure over several runs.
type spread struct {
	name, unit       string
	median, min, max float64
	runs             []float64
}

func (s spread) String() string { return Format(s.median, s.unit) }

// span is the least and the most, "" of a single run.
func (s spread) span() string {
	if len(s.runs) < 2 {
		return ""
	}
	return Format(s.min, s.unit) + " – " + Format(s.max, s.unit)
}

func (s spread) isRate() bool { return workload.Figure{Unit: s.unit}.IsRate() }

// spreads are the figures of an outcome in the order of its first run; a figure
// that some run lacks is left out.
func (o *Outcome) spreads() (all []spread) {
	if len(o.Runs) == 0 {
		return nil
	}
	for _, f := range o.Runs[0].Figures {
		s := spread{name: f.Name, unit: f.Unit}
		for _, run := range o.Runs {
			if v, ok := valueOf(run.Figures, f.Name); ok {
				s.runs = append(s.runs, v)
			}
		}
		if len(s.runs) == len(o.Runs) {
			s.median, s.min, s.max = meter.Median(s.runs), slices.Min(s.runs), slices.Max(s.runs)
			all = append(all, s)
		}
	}
	return all
}

func valueOf(figures []workload.Figure, name string) (float64, bool) {
	for _, f := range figures {
		if f.Name == name {
			return f.Value, true
		}
	}
	return 0, false
}

// main is the main figure; ok is false if there are no runs.
func (o *Outcome) main() (s spread, ok bool) {
	if all := o.spreads(); len(all) > 0 {
		return all[0], true
	}
	return s, false
}

// Text is the main figure with its least and most, "" if there is none.
func (o *Outcome) Text() string {
	s, ok := o.main()
	if !ok {
		return ""
	}
	return strings.TrimSpace(s.String() + "  " + s.span())
}

// advantage says how many times better a is than b: the median over the rounds of
// one batch, or of runs that were not by turns the ratio of medians, with ~.
func advantage(a, b spread, paired bool) (times float64, text string) {
	ratio := func(x, y float64) float64 {
		if a.isRate() {
			return x / y
		}
		return y / x
	}
	if !paired || len(a.runs) != len(b.runs) {
		times = ratio(a.median, b.median)
		return times, "~" + digits(times) + " ×"
	}
	ratios := make([]float64, len(a.runs))
	for i := range ratios {
		ratios[i] = ratio(a.runs[i], b.runs[i])
	}
	times = meter.Median(ratios)
	return times, digits(times) + " ×"
}

// ofLimit is how much of the limit a main figure reaches, of which each unit costs
// l.Per of the limit: 1 is all of it.
func ofLimit(s, limit spread, l workload.Limit, paired bool) string {
	least := limit
	least.unit, least.runs = s.unit, make([]float64, len(limit.runs))
	convert := func(rate float64) float64 {
		if s.isRate() {
			return rate / l.Per
		}
		return 1e9 * l.Per / rate
	}
	least.median = convert(limit.median)
	for i, v := range limit.runs {
		least.runs[i] = convert(v)
	}
	times, _ := advantage(s, least, paired)
	return digits(times)
}
