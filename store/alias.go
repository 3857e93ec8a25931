package store

import (
	"encoding/json"
	"time"

	"github.com/annalsdb/annals/segment"
)

// What users need of package segment, so that they import one package.
type (
	// Event is one change; see [segment.Event].
	Event = segment.Event
	// Kind says what an event does to the state of its key.
	Kind = segment.Kind
	// Field is a named value.
	Field = segment.Field
	// Fields is an ordered list of fields with distinct names.
	Fields = segment.Fields
	// Value is one immutable value of one of eight kinds.
	Value = segment.Value
	// ValueKind says what a value holds.
	ValueKind = segment.ValueKind
	// CorruptError says which bytes are not what was written there.
	CorruptError = segment.CorruptError
)

// The kinds of event.
const (
	Change     = segment.Change
	Delete     = segment.Delete
	Heartbeat  = segment.Heartbeat
	Retraction = segment.Retraction
)

// The kinds of value.
const (
	NullValue    = segment.NullValue
	BoolValue    = segment.BoolValue
	Int64Value   = segment.Int64Value
	Float64Value = segment.Float64Value
	StringValue  = segment.StringValue
	BytesValue   = segment.BytesValue
	TimeValue    = segment.TimeValue
	JSONValue    = segment.JSONValue
)

// Null is a field that says null; under [Merge] it removes the field.
func Null(name string) Field { return segment.Null(name) }

// Bool is a field of a bool.
func Bool(name string, v bool) Field { return segment.Bool(name, v) }

// Int64 is a field of an int64.
func Int64(name string, v int64) Field { return segment.Int64(name, v) }

// Float64 is a field of a float64, kept bit for bit.
func Float64(name string, v float64) Field { return segment.Float64(name, v) }

// String is a field of a string.
func String(name, v string) Field { return segment.String(name, v) }

// Bytes is a field of opaque bytes, which are copied.
func Bytes(name string, v []byte) Field { return segment.Bytes(name, v) }

// Time is a field of an instant, kept to the nanosecond.
func Time(name string, v time.Time) Field { return segment.Time(name, v) }

// JSON is a field of JSON text, kept to the letter.
func JSON(name string, v json.RawMessage) Field { return segment.JSON(name, v) }
