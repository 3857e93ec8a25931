package segment

import (
	"encoding/json"
	"strings"
	"time"
)

// Kind says what an event does to the state of its key. The numbers are part
// of the disk format.
type Kind uint8

// The kinds of event.
const (
	Change     Kind = iota // carries fields for the fold
	Delete                 // the key has no state from its Time on, until a later change
	Heartbeat              // nothing changed, the source is alive
	Retraction             // an earlier event of the key counts as never having happened
)

// String is the kind's name in lower case.
func (k Kind) String() string {
	switch k {
	case Change:
		return "change"
	case Delete:
		return "delete"
	case Heartbeat:
		return "heartbeat"
	case Retraction:
		return "retraction"
	}
	return "unknown"
}

// Event is one change: what its writer says happened, and what the engine adds
// when it commits it. An event read back is immutable.
type Event struct {
	Stream string    // the family of keys; 1 to MaxName bytes of UTF-8
	Key    string    // the entity; 1 to MaxKey bytes
	Type   string    // what happened, may be empty; up to MaxName bytes of UTF-8
	Kind   Kind      // what it does to the state
	ID     string    // makes the append idempotent, "" for none; up to MaxKey bytes
	Time   time.Time // when it happened; the zero Time stands for Recorded
	Fields Fields    // its content; none in a heartbeat or a retraction

	// Retracts is, in a retraction, the Seq of the event that counts as
	// never having happened.
	Retracts uint64

	// Seq, Version, Recorded and Same are the engine's; Append ignores them.

	Seq      uint64    // place in the log: dense from 1 over the database
	Version  uint64    // place within the key: dense from 1 in Seq order
	Recorded time.Time // when the batch was committed, UTC

	// Same is, in a heartbeat that stands for an unchanged event (see only
	// changes), the Seq of the event whose content it repeats; that one may
	// repeat another itself, if the other was retracted when this one came.
	Same uint64
}

// Limits of what an event may hold. They keep a row readable in one go and a
// key within what bbolt takes as one.
const (
	MaxName   = 255     // bytes of a stream, type or field name
	MaxKey    = 4096    // bytes of a key or an ID
	MaxFields = 1 << 12 // fields of one event
)

// Field is a named value.
type Field struct {
	Name  string
	Value Value
}

// Fields is an ordered list of fields with distinct names.
type Fields []Field

// Get is the value of the named field, and whether there is one. It looks at
// each field in turn: events have few.
func (fs Fields) Get(name string) (Value, bool) {
	for i := range fs {
		if fs[i].Name == name {
			return fs[i].Value, true
		}
	}
	return Value{}, false
}

// Equal reports whether both lists hold the same names and values, in any order.
func (fs Fields) Equal(o Fields) bool {
	if len(fs) != len(o) {
		return false
	}
	for i, f := range fs {
		if o[i] == f {
			continue
		}
		if v, ok := o.Get(f.Name); !ok || !v.Equal(f.Value) {
			return false
		}
	}
	return true
}

// String is the fields for a person to read: "price=12.5 region=eu".
func (fs Fields) String() string {
	var b strings.Builder
	for i, f := range fs {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(f.Name)
		b.WriteByte('=')
		b.WriteString(f.Value.String())
	}
	return b.String()
}

// Null is a field that says null; under the merge fold it removes the field.
func Null(name string) Field { return Field{name, NullOf()} }

// Bool is a field of a bool.
func Bool(name string, v bool) Field { return Field{name, BoolOf(v)} }

// Int64 is a field of an int64.
func Int64(name string, v int64) Field { return Field{name, Int64Of(v)} }

// Float64 is a field of a float64, kept bit for bit.
func Float64(name string, v float64) Field { return Field{name, Float64Of(v)} }

// String is a field of a string.
func String(name, v string) Field { return Field{name, StringOf(v)} }

// Bytes is a field of opaque bytes, which are copied.
func Bytes(name string, v []byte) Field { return Field{name, BytesOf(v)} }

// Time is a field of an instant, kept to the nanosecond; see [TimeOf].
func Time(name string, v time.Time) Field { return Field{name, TimeOf(v)} }

// JSON is a field of JSON text, kept to the letter; see [JSONOf].
func JSON(name string, v json.RawMessage) Field { return Field{name, JSONOf(v)} }
