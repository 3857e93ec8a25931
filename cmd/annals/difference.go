package main

import (
	"strconv"
	"strings"

	"github.com/annalsdb/annals/segment"
	"github.com/annalsdb/annals/store"
)

// difference is a key whose state differs between two moments.
type difference struct {
	stream string
	store.Difference
}

var differenceLayout = layout{
	csv:   []string{"stream", "key", "change", "old.type", "old.time", "old.seq", "new.type", "new.time", "new.seq", "events"},
	table: []string{"change", "key", "old seq", "new seq", "events", "what"},
}

// changeName says what became of the key.
func (r difference) changeName() string {
	switch {
	case r.Old == nil:
		return "added"
	case r.New == nil:
		return "removed"
	}
	return "changed"
}

var changeStyles = map[string]style{"added": green, "removed": red, "changed": yellow}

// appendJSON is the key with both states, null where there is none, and the
// events in between.
func (r difference) appendJSON(dst []byte) []byte {
	dst = segment.AppendJSONString(append(dst, `{"stream":`...), r.stream)
	dst = segment.AppendJSONString(append(dst, `,"key":`...), r.Key)
	dst = segment.AppendJSONString(append(dst, `,"change":`...), r.changeName())
	dst = appendState(append(dst, `,"old":`...), r.Old)
	dst = appendState(append(dst, `,"new":`...), r.New)
	dst = append(dst, `,"events":[`...)
	for i := range r.Events {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendEvent(dst, &r.Events[i]), '}')
	}
	return append(dst, "]}"...)
}

// cells end with the positions of the events, with blanks between them.
func (r difference) cells() []string {
	positions := make([]string, len(r.Events))
	for i, e := range r.Events {
		positions[i] = decimal(e.Seq)
	}
	cells := []string{r.stream, r.Key, r.changeName()}
	for _, s := range []*store.State{r.Old, r.New} {
		if s == nil {
			cells = append(cells, "", "", "")
		} else {
			cells = append(cells, s.Type, cellTime(s.Time), decimal(s.Seq))
		}
	}
	return append(cells, strings.Join(positions, " "))
}

// fields are those of both states, under "old." and "new.".
func (r difference) fields() (fs store.Fields) {
	for _, side := range []struct {
		prefix string
		state  *store.State
	}{{"old.", r.Old}, {"new.", r.New}} {
		if side.state == nil {
			continue
		}
		for _, f := range side.state.Fields {
			fs = append(fs, store.Field{Name: side.prefix + f.Name, Value: f.Value})
		}
	}
	return fs
}

func (r difference) row() []cell {
	name := r.changeName()
	return []cell{
		styled(name, changeStyles[name]), text(r.Key), seqCell(r.Old), seqCell(r.New),
		{text: strconv.Itoa(len(r.Events)), right: true}, text(changes(r.Old, r.New)),
	}
}

func seqCell(s *store.State) cell {
	if s == nil {
		return cell{text: "-", right: true}
	}
	return position(s.Seq)
}
