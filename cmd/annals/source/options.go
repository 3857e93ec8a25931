package source

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/annalsdb/annals/segment"
)

// Format is how the lines of an input are written.
type Format string

// The formats.
const (
	NDJSON Format = "ndjson" // a JSON object a line
	CSV    Format = "csv"    // a header, then a row of cells a line
)

// Mapping names the members of a line that are not fields of the event. An
// empty name stands for none.
type Mapping struct {
	Key      string // must be there: text or a whole number
	Time     string // event time; without one the event takes the time it is recorded
	Recorded string // time the batch is recorded under; of several in a batch the latest counts
	Type     string // type of the event; may be missing from a line
	Batch    string // consecutive lines with the same value are one batch
	ID       string // makes the event known when it comes again
}

// Options say how lines become events.
type Options struct {
	Stream string
	Format Format
	Mapping

	TimeMayMiss bool     // a line without Time is no fault
	Deletes     []string // types that delete their key
	Flatten     []string // objects whose members become fields of their own (NDJSON)
	Ignore      []string // members to leave out

	// Columns gives the kinds of CSV columns that are not to be found out.
	Columns map[string]segment.ValueKind

	// Skip takes the bad lines to the letter, and the reader goes on. Without
	// it the reader ends at the first bad line.
	Skip io.Writer
}

// Validate says what of o makes no sense.
func (o *Options) Validate() error {
	if o.Format != NDJSON && o.Format != CSV {
		return fmt.Errorf("unknown format %q: use ndjson or csv", o.Format)
	}
	if o.Stream == "" {
		return errors.New("no stream is named")
	}
	if o.Key == "" {
		return errors.New("no field is named for the key")
	}
	if len(o.Deletes) > 0 && o.Type == "" {
		return errors.New("types that delete are named, but no field for the type")
	}
	if o.Format == CSV && len(o.Flatten) > 0 {
		return errors.New("flatten is for ndjson: CSV has no nested objects")
	}
	if o.Format == NDJSON && len(o.Columns) > 0 {
		return errors.New("kinds of columns are for csv: JSON values have their own")
	}
	return o.validateRoles()
}

// validateRoles refuses one name for two roles.
func (o *Options) validateRoles() error {
	roles := o.roles()
	for i, name := range roles {
		if name == "" {
			continue
		}
		if j := slices.Index(roles[:i], name); j >= 0 {
			return fmt.Errorf("field %q is named for both %s and %s", name, roleNames[j], roleNames[i])
		}
		if slices.Contains(o.Ignore, name) {
			return fmt.Errorf("field %q is named for the %s and to be ignored", name, roleNames[i])
		}
	}
	return nil
}

// role is what a member of a line is for.
type role int

const (
	roleKey role = iota
	roleTime
	roleRecorded
	roleType
	roleBatch
	roleID
	roleField
)

var roleNames = [...]string{"key", "time", "recorded", "type", "batch", "id"}

// roles is the mapping by role.
func (m *Mapping) roles() []string {
	return []string{m.Key, m.Time, m.Recorded, m.Type, m.Batch, m.ID}
}

// columnKinds are the kinds that a CSV column can be told to have.
var columnKinds = map[string]segment.ValueKind{
	"string": segment.StringValue, "int64": segment.Int64Value, "float64": segment.Float64Value,
	"bool": segment.BoolValue, "time": segment.TimeValue, "json": segment.JSONValue,
}

// ParseColumns reads settings like "zip=string".
func ParseColumns(settings []string) (map[string]segment.ValueKind, error) {
	columns := make(map[string]segment.ValueKind, len(settings))
	for _, s := range settings {
		name, kindName, ok := cutLast(s, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("column %q: write NAME=KIND", s)
		}
		kind, ok := columnKinds[kindName]
		if !ok {
			return nil, fmt.Errorf("column %q: unknown kind %q: use string, int64, float64, bool, time or json", name, kindName)
		}
		columns[name] = kind
	}
	return columns, nil
}

func cutLast(s, sep string) (string, string, bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
