package fuzz

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/annalsdb/annals/store"
)

// Texts that are equal exactly when what they show is equal: answers of the
// engine and of the model are compared by them, and failures can be read. Fields
// of an event are shown in order, those of a state by name: a fold promises them,
// not their order. Times are nanoseconds.

func showTime(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return fmt.Sprint(t.UnixNano())
}

func showFields(fields store.Fields) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, f := range fields {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%s=%s %s", f.Name, f.Value.Kind(), f.Value)
		if f.Value.Kind() == store.Float64Value {
			fmt.Fprintf(&b, " (%x)", math.Float64bits(f.Value.Float64()))
		}
	}
	b.WriteByte('}')
	return b.String()
}

// byName is fields in the order of their names.
func byName(fields store.Fields) store.Fields {
	return slices.SortedFunc(slices.Values(fields), func(a, b store.Field) int { return strings.Compare(a.Name, b.Name) })
}

func showEvent(e store.Event) string {
	s := fmt.Sprintf("%s %s/%s", e.Kind, e.Stream, e.Key)
	if e.Seq != 0 {
		s = fmt.Sprintf("#%d v%d recorded %s: %s", e.Seq, e.Version, showTime(e.Recorded), s)
	}
	s += " time " + showTime(e.Time)
	if e.Type != "" {
		s += " type " + e.Type
	}
	if e.ID != "" {
		s += " id " + e.ID
	}
	if e.Retracts != 0 {
		s += fmt.Sprintf(" retracts %d", e.Retracts)
	}
	if e.Same != 0 {
		s += fmt.Sprintf(" same as %d", e.Same)
	}
	if len(e.Fields) > 0 {
		s += " " + showFields(e.Fields)
	}
	return s
}

func showState(s *store.State) string {
	if s == nil {
		return "none"
	}
	return fmt.Sprintf("%s/%s by #%d v%d type %q time %s recorded %s %s",
		s.Stream, s.Key, s.Seq, s.Version, s.Type, showTime(s.Time), showTime(s.Recorded), showFields(byName(s.Fields)))
}

func showTransition(t store.Transition) string {
	return fmt.Sprintf("%s\n    retracted by %d\n    old %s\n    new %s", showEvent(t.Event), t.RetractedBy, showState(t.Old), showState(t.New))
}

func showPeriod(p store.Period) string {
	return fmt.Sprintf("[%s, %s) %s", showTime(p.From), showTime(p.Until), showState(&p.State))
}

func showSighting(s store.Sighting) string { return s.Key + " at " + showTime(s.LastSeen) }

func showDifference(d store.Difference) string {
	s := fmt.Sprintf("%s\n    old %s\n    new %s", d.Key, showState(d.Old), showState(d.New))
	for _, e := range d.Events {
		s += "\n    by " + showEvent(e)
	}
	return s
}

func showReceipt(r store.Receipt) string {
	return fmt.Sprintf("%d to %d recorded %s versions %v duplicate %v", r.First, r.Last, showTime(r.Recorded), r.Versions, r.Duplicate)
}
