package main

import (
	"slices"
	"strings"

	"github.com/annalsdb/annals/store"
)

// transition is one event of a key's history and what it did to the state.
type transition struct{ store.Transition }

var transitionLayout = layout{
	csv:   append(slices.Clone(eventLayout.csv), "retracted_by"),
	table: []string{"seq", "time", "recorded", "type", "change"},
}

func newTransition(t store.Transition) record { return transition{t} }

// appendJSON is the event, with the fields of the state before and after it as
// "old" and "new"; null means that there was no state.
func (r transition) appendJSON(dst []byte) []byte {
	dst = appendEvent(dst, &r.Event)
	dst = appendPosition(dst, `,"retracted_by":`, r.RetractedBy)
	dst = appendStateFields(append(dst, `,"old":`...), r.Old)
	dst = appendStateFields(append(dst, `,"new":`...), r.New)
	return append(dst, '}')
}

func appendStateFields(dst []byte, s *store.State) []byte {
	if s == nil {
		return append(dst, "null"...)
	}
	return s.Fields.AppendJSON(dst)
}

func (r transition) cells() []string {
	return append(eventRecord{Event: r.Event}.cells(), positive(r.RetractedBy))
}

func (r transition) fields() store.Fields { return r.Event.Fields }

func (r transition) row() []cell {
	e := &r.Event
	return []cell{
		position(e.Seq), moment(e.Time), moment(e.Recorded),
		typeCell(e), text(r.change()),
	}
}

// change is what the event altered, for a table.
func (r transition) change() string {
	switch {
	case r.RetractedBy != 0:
		return "retracted by " + decimal(r.RetractedBy) + ": " + describe(&r.Event)
	case r.Event.Kind == store.Retraction || r.Event.Same != 0:
		return describe(&r.Event)
	}
	return changes(r.Old, r.New)
}

// changes tells two states of a key apart: the fields of the new one where
// there was none before, otherwise "size 10 → 12  +mode 100644  -owner".
func changes(before, after *store.State) string {
	if after == nil {
		return ""
	}
	if before == nil {
		return fieldText(after.Fields)
	}
	var parts []string
	for _, f := range after.Fields {
		old, had := before.Fields.Get(f.Name)
		switch {
		case !had:
			parts = append(parts, "+"+f.Name+" "+f.Value.String())
		case !old.Equal(f.Value):
			parts = append(parts, f.Name+" "+old.String()+" → "+f.Value.String())
		}
	}
	for _, f := range before.Fields {
		if _, has := after.Fields.Get(f.Name); !has {
			parts = append(parts, "-"+f.Name)
		}
	}
	s := strings.Join(parts, "  ")
	if len(s) > maxFieldText {
		return s[:maxFieldText] + "…"
	}
	return s
}
