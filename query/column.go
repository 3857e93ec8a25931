package query

import (
	"slices"
	"strings"
)

// Catalog is what there is to select from. Its answers may be from any moment of
// late: a field that came up since is not yet known, and none is ever forgotten.
type Catalog interface {
	// Streams is the names of the streams.
	Streams() ([]string, error)
	// Fields is the names of all fields that events of the stream have had, in
	// the order that SELECT * shows them in.
	Fields(stream string) ([]string, error)
}

// column is a value of the rows that a plan reads: one of the columns that rows of
// a source have of their own, or a field.
type column struct {
	source int    // number of the source
	side   side   // of a change
	own    string // key, time, ..., or any column of an inner query; "" of a field
	field  string
}

// side is which of two states of a change a column is of.
type side uint8

const (
	noSide side = iota
	oldSide
	newSide
)

var sideNames = []string{"", "old", "new"}

// ownColumns are the columns that rows have beside their fields, with their kinds.
// The names are taken: a field that is called like one of them is reached by fields
// in front, as in fields.time.
var ownColumns = map[string]kindSet{
	"key": texts, "time": times, "seq": ints, "recorded": times, "version": ints, "type": texts, "kind": texts,
	"stream": texts, "valid_from": times, "valid_until": times, windowStart: times, windowEnd: times,
}

// The columns that windows give to the rows of a GROUP BY.
const (
	windowStart = "window_start"
	windowEnd   = "window_end"
)

// fieldsName stands before the name of a field that is called like another column.
const fieldsName = "fields"

// ownOf are the columns that rows of a kind of source have. kind is what an event
// does: change, delete, heartbeat or retraction. time, seq, recorded, version and
// type of a state are those of the event that made it.
var ownOf = [...][]string{
	eventsSource:    {"seq", "time", "key", "type", "kind", "recorded", "version", "stream"},
	allEventsSource: {"seq", "time", "key", "type", "kind", "recorded", "version", "stream"},
	stateSource:     {"key", "time", "type", "seq", "recorded", "version", "stream"},
	historySource:   {"key", "valid_from", "valid_until", "type", "seq", "time", "recorded", "version", "stream"},
	changesSource:   {"key", "stream"},
}

// starOf are those of them that * shows, before the fields.
var starOf = [...]int{eventsSource: 4, allEventsSource: 5, stateSource: 3, historySource: 4, changesSource: 1}

// String is the column as it is written where there is one source.
func (c column) String() string {
	name := quoteName(c.own)
	if c.own == "" {
		name = quoteName(c.field)
		if _, taken := ownColumns[c.field]; taken {
			name = fieldsName + "." + name
		}
	}
	if c.side != noSide {
		return sideNames[c.side] + "." + name
	}
	return name
}

// sourceNames say what a source is, for errors.
var sourceNames = [...]string{
	eventsSource: "an event", allEventsSource: "an event", stateSource: "a state",
	historySource: "a state in HISTORY", changesSource: "a change",
}

// resolve is the column that the names lead to, and how many of them.
func (b *binder) resolve(names []string, e Expr) (column, int, error) {
	c := column{}
	used := 0
	i := slices.IndexFunc(b.sources, func(s *source) bool { return s.name == names[0] })
	switch {
	case i >= 0 && len(names) > 1:
		c.source, used = i, 1
	case len(b.sources) > 1:
		return c, 0, b.ambiguous(names[0], e)
	}
	s := b.sources[c.source]
	if s.plan != nil {
		c.own = names[used]
		return c, used + 1, b.checkOutput(s, c.own, e)
	}
	if s.kind == changesSource && used < len(names)-1 {
		if i := slices.Index(sideNames, names[used]); i > 0 {
			c.side = [...]side{noSide, oldSide, newSide}[i]
			used++
		}
	}
	if names[used] == fieldsName && used < len(names)-1 {
		c.field = names[used+1]
		return c, used + 2, b.checkField(s, c, e)
	}
	name := names[used]
	if _, own := ownColumns[name]; own {
		c.own = name
		return c, used + 1, b.checkOwn(s, c, e)
	}
	c.field = name
	return c, used + 1, b.checkField(s, c, e)
}

// ambiguous is the error for a name without a source where there are several.
func (b *binder) ambiguous(name string, e Expr) error {
	var names []string
	for _, s := range b.sources {
		names = append(names, quoteName(s.name)+"."+quoteName(name))
	}
	return b.fail(e, "%s is of which source? expected %s", quoteName(name), strings.Join(names, " or "))
}

// checkOwn is an error if rows of s do not have the column.
func (b *binder) checkOwn(s *source, c column, e Expr) error {
	have := ownOf[s.kind]
	if c.side != noSide {
		have = ownOf[stateSource]
	}
	switch {
	case slices.Contains(have, c.own):
		return nil
	case s.kind == changesSource && slices.Contains(ownOf[stateSource], c.own):
		return b.fail(e, "a change has two of them: expected old.%s or new.%s", c.own, c.own)
	}
	return b.fail(e, "%s has no %s; a field of that name is %s.%s", sourceNames[s.kind], c.own, fieldsName, c.own)
}

// checkField is an error if events of s are known never to have had the field.
func (b *binder) checkField(s *source, c column, e Expr) error {
	if s.kind == changesSource && c.side == noSide {
		return b.fail(e, "a change has two states: expected old.%s or new.%s", quoteName(c.field), quoteName(c.field))
	}
	if b.catalog == nil {
		return nil
	}
	fields, err := b.fields(s)
	if err != nil || slices.Contains(fields, c.field) {
		return err
	}
	names := slices.Concat(fields, ownOf[s.kind])
	return b.fail(e, "stream %s has no field %s%s", quoteName(s.stream), quoteName(c.field), meant(c.field, names))
}

// fields is the fields of the stream of s.
func (b *binder) fields(s *source) ([]string, error) {
	if s.fields == nil {
		fields, err := b.catalog.Fields(s.stream)
		if err != nil {
			return nil, err
		}
		s.fields = append([]string{}, fields...)
	}
	return s.fields, nil
}

// slot is the place of a column in a row.
func (b *binder) slot(c column) int {
	i := slices.Index(b.columns, c)
	if i < 0 {
		i = len(b.columns)
		b.columns = append(b.columns, c)
	}
	return i
}

// star is the columns of a source that * stands for, with their names.
func (b *binder) star(number int, e Expr) (items []Item, err error) {
	s := b.sources[number]
	if s.plan != nil {
		return b.starOfDerived(s, e), nil
	}
	if b.catalog == nil {
		return nil, b.fail(e, "* needs to know the fields of %s: expected the names of columns", quoteName(s.stream))
	}
	fields, err := b.fields(s)
	if err != nil {
		return nil, err
	}
	path := func(names ...string) Expr {
		if len(b.sources) > 1 {
			names = append([]string{s.name}, names...)
		}
		return Col(names[0], names[1:]...).everywhere(e.at)
	}
	for _, own := range ownOf[s.kind][:starOf[s.kind]] {
		items = append(items, Item{path(own), own})
	}
	for _, f := range fields {
		if s.kind != changesSource {
			items = append(items, Item{path(fieldsName, f), f})
			continue
		}
		items = append(items, Item{path("old", fieldsName, f), "old." + f}, Item{path("new", fieldsName, f), "new." + f})
	}
	return items, nil
}

// everywhere is e with all of it at one place.
func (e Expr) everywhere(at int) Expr {
	e.at = at
	e.args = mapped(e.args, func(a Expr) Expr { return a.everywhere(at) })
	return e
}
