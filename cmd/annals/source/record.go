package source

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/annalsdb/annals/segment"
)

// record is one line taken apart. Its fields are a buffer used again for the
// next line.
type record struct {
	line   int
	fields segment.Fields
}

// entry is what a line says: an event, and what concerns its batch.
type entry struct {
	event    segment.Event
	recorded time.Time
	batch    string
	line     int
}

// maxBatchName leaves room in an ID for the number of an event behind the name
// of its batch.
const maxBatchName = segment.MaxKey - len(":9223372036854775807")

// interpreter makes entries of records.
type interpreter struct {
	o     *Options
	roles []string
	types map[string]string // spares a copy of each type
}

func newInterpreter(o *Options) *interpreter {
	return &interpreter{o: o, roles: o.roles(), types: make(map[string]string)}
}

// roleOf says what the named member is for.
func (in *interpreter) roleOf(name string) role {
	for i, n := range in.roles {
		if n == name && name != "" {
			return role(i)
		}
	}
	return roleField
}

// entry reads a record. It checks what the engine would refuse, so that the
// fault has a line number.
func (in *interpreter) entry(r *record) (entry, error) {
	e := entry{line: r.line, event: segment.Event{Stream: in.o.Stream}}
	var seen, given [roleField]bool // a null is seen, but gives nothing
	fields := make(segment.Fields, 0, len(r.fields))
	for _, f := range r.fields {
		role := in.roleOf(f.Name)
		if role == roleField {
			if !slices.Contains(in.o.Ignore, f.Name) {
				fields = append(fields, f)
			}
			continue
		}
		if seen[role] {
			return e, fmt.Errorf("field %q is there twice", f.Name)
		}
		seen[role], given[role] = true, !f.Value.IsNull()
		if err := in.set(&e, role, f.Value); err != nil {
			return e, fmt.Errorf("field %q: %w", f.Name, err)
		}
	}
	if err := in.missing(given); err != nil {
		return e, err
	}
	e.event.Fields = fields
	return e, e.event.Check()
}

// missing says which member a line lacks.
func (in *interpreter) missing(given [roleField]bool) error {
	for i, name := range in.roles {
		optional := role(i) == roleType || role(i) == roleTime && in.o.TimeMayMiss
		if name != "" && !given[i] && !optional {
			return fmt.Errorf("field %q (the %s) is missing", name, roleNames[i])
		}
	}
	return nil
}

// set puts the value of a role where it belongs.
func (in *interpreter) set(e *entry, r role, v segment.Value) (err error) {
	if v.IsNull() {
		return nil
	}
	switch r {
	case roleKey:
		e.event.Key, err = nameOf(v)
	case roleTime:
		e.event.Time, err = instantOf(v)
	case roleRecorded:
		e.recorded, err = instantOf(v)
	case roleType:
		return in.setType(e, v)
	case roleBatch:
		if e.batch, err = nameOf(v); len(e.batch) > maxBatchName {
			err = fmt.Errorf("name of %d bytes: the limit for a batch is %d", len(e.batch), maxBatchName)
		}
	case roleID:
		e.event.ID, err = nameOf(v)
	}
	return err
}

func (in *interpreter) setType(e *entry, v segment.Value) error {
	if v.Kind() == segment.StringValue && v.Str() == "" {
		return nil
	}
	name, err := nameOf(v)
	if err != nil {
		return err
	}
	e.event.Type = in.intern(name)
	if slices.Contains(in.o.Deletes, name) {
		e.event.Kind = segment.Delete
	}
	return nil
}

// intern is the one copy of a type. Types are few; if they are not, the map
// stops growing.
func (in *interpreter) intern(name string) string {
	if one, ok := in.types[name]; ok {
		return one
	}
	if len(in.types) < 1<<10 {
		in.types[name] = name
	}
	return name
}

// nameOf is the text of a key, a type, a batch or an ID; whole numbers count as
// text.
func nameOf(v segment.Value) (string, error) {
	switch v.Kind() {
	case segment.StringValue:
		if v.Str() == "" {
			return "", errors.New("is empty")
		}
		return v.Str(), nil
	case segment.Int64Value:
		return strconv.FormatInt(v.Int64(), 10), nil
	}
	return "", fmt.Errorf("need text or a whole number, not %s", v.Kind())
}
