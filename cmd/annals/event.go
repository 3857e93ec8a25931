package main

import (
	"slices"
	"strconv"

	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

// eventRecord is one event, on its own or among others of its stream.
type eventRecord struct {
	store.Event
	alone bool // its stream is known: the table leaves it out
}

var eventLayout = layout{
	csv:   []string{"stream", "key", "type", "time", "recorded", "seq", "version", "kind", "id", "retracts", "same"},
	table: []string{"seq", "time", "stream", "key", "type", "fields"},
}

// eventTable is the layout of events of one stream, or of several without one.
func eventTable(stream string) (layout, func(store.Event) record) {
	l := eventLayout
	if stream != "" {
		l.table = slices.DeleteFunc(slices.Clone(l.table), func(name string) bool { return name == "stream" })
	}
	return l, func(e store.Event) record { return eventRecord{e, stream != ""} }
}

func (r eventRecord) appendJSON(dst []byte) []byte {
	return append(appendEvent(dst, &r.Event), '}')
}

func (r eventRecord) cells() []string {
	return []string{
		r.Stream, r.Key, r.Type, cellTime(r.Time), cellTime(r.Recorded), decimal(r.Seq), decimal(r.Version),
		r.Kind.String(), r.ID, positive(r.Retracts), positive(r.Same),
	}
}

func (r eventRecord) fields() store.Fields { return r.Fields }

func (r eventRecord) row() []cell {
	row := []cell{position(r.Seq), moment(r.Time)}
	if !r.alone {
		row = append(row, text(r.Stream))
	}
	return append(row, text(r.Key), typeCell(&r.Event), text(describe(&r.Event)))
}

// appendEvent appends e as a JSON object that is still open. What says nothing
// is left out: the kind of a change, an empty ID.
func appendEvent(dst []byte, e *store.Event) []byte {
	dst = appendHead(dst, e.Stream, e.Key, e.Type)
	if e.Kind != store.Change {
		dst = segment.AppendJSONString(append(dst, `,"kind":`...), e.Kind.String())
	}
	if e.ID != "" {
		dst = segment.AppendJSONString(append(dst, `,"id":`...), e.ID)
	}
	dst = appendStamps(dst, e.Time, e.Recorded, e.Seq, e.Version)
	dst = appendPosition(dst, `,"retracts":`, e.Retracts)
	dst = appendPosition(dst, `,"same":`, e.Same)
	return e.Fields.AppendJSON(append(dst, `,"fields":`...))
}

// appendPosition appends a member whose value is a position, if there is one.
func appendPosition(dst []byte, name string, seq uint64) []byte {
	if seq == 0 {
		return dst
	}
	return strconv.AppendUint(append(dst, name...), seq, 10)
}

// typeCell is the type of an event, in the colour of its kind. Without a type
// the kind stands in its place.
func typeCell(e *store.Event) cell {
	name := e.Type
	if name == "" && e.Kind != store.Change {
		name = e.Kind.String()
	}
	return styled(name, kindStyles[e.Kind])
}

var kindStyles = map[store.Kind]style{store.Delete: red, store.Heartbeat: dim, store.Retraction: yellow}

// describe is what an event says, in a table: its fields, or what it refers to.
func describe(e *store.Event) string {
	switch {
	case e.Kind == store.Retraction:
		return "retracts " + decimal(e.Retracts)
	case e.Same != 0:
		return "the same as " + decimal(e.Same)
	}
	return fieldText(e.Fields)
}
