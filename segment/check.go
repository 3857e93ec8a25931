package segment

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// ErrInvalid is what every refusal of an argument's form is, for errors.Is.
var ErrInvalid = errors.New("invalid")

// Check reports what about e cannot be stored, wrapping [ErrInvalid], or nil.
func (e *Event) Check() error {
	if err := checkName("stream", e.Stream); err != nil {
		return err
	}
	if err := checkKey(e.Key); err != nil {
		return err
	}
	if e.Type != "" {
		if err := checkName("type", e.Type); err != nil {
			return err
		}
	}
	if len(e.ID) > MaxKey {
		return fmt.Errorf("%w: ID has %d bytes, at most %d are stored", ErrInvalid, len(e.ID), MaxKey)
	}
	if !e.Time.IsZero() {
		if _, ok := Nanos(e.Time); !ok {
			return fmt.Errorf("%w: time %s is outside the years 1677 to 2262", ErrInvalid, e.Time)
		}
	}
	if err := e.checkKind(); err != nil {
		return err
	}
	return e.Fields.check()
}

func (e *Event) checkKind() error {
	switch {
	case e.Kind > Retraction:
		return fmt.Errorf("%w: kind %d is none of change, delete, heartbeat, retraction", ErrInvalid, e.Kind)
	case e.Kind >= Heartbeat && len(e.Fields) > 0:
		return fmt.Errorf("%w: a %s has no fields, this one has %d", ErrInvalid, e.Kind, len(e.Fields))
	case e.Kind == Retraction && e.Retracts == 0:
		return fmt.Errorf("%w: a retraction names the position it retracts in Retracts", ErrInvalid)
	case e.Kind != Retraction && e.Retracts != 0:
		return fmt.Errorf("%w: a %s retracts nothing, Retracts is %d", ErrInvalid, e.Kind, e.Retracts)
	}
	return nil
}

func checkKey(key string) error {
	if key == "" || len(key) > MaxKey {
		return fmt.Errorf("%w: key has %d bytes, it takes 1 to %d", ErrInvalid, len(key), MaxKey)
	}
	return nil
}

// CheckStreamName reports what makes name no name of a stream, or nil.
func CheckStreamName(name string) error { return checkName("stream", name) }

func checkName(what, name string) error {
	if name == "" || len(name) > MaxName {
		return fmt.Errorf("%w: name of the %s has %d bytes, it takes 1 to %d", ErrInvalid, what, len(name), MaxName)
	}
	if !utf8.ValidString(name) {
		return fmt.Errorf("%w: name of the %s %q is not UTF-8", ErrInvalid, what, name)
	}
	return nil
}

// manyFields is the number from which duplicate names are found with a map.
const manyFields = 16

func (fs Fields) check() error {
	if len(fs) > MaxFields {
		return fmt.Errorf("%w: %d fields, at most %d are stored", ErrInvalid, len(fs), MaxFields)
	}
	for i := range fs {
		f := &fs[i]
		if err := checkName("field", f.Name); err != nil {
			return err
		}
		if f.Value.kind >= invalidValue {
			return fmt.Errorf("%w: field %q: %s", ErrInvalid, f.Name, f.Value.text)
		}
	}
	if name, twice := fs.repeated(); twice {
		return fmt.Errorf("%w: field %q is there twice", ErrInvalid, name)
	}
	return nil
}

// repeated is a name that two fields have.
func (fs Fields) repeated() (string, bool) {
	if len(fs) < manyFields {
		for i := range fs {
			for j := range i {
				if fs[i].Name == fs[j].Name {
					return fs[i].Name, true
				}
			}
		}
		return "", false
	}
	seen := make(map[string]struct{}, len(fs))
	for i := range fs {
		if _, ok := seen[fs[i].Name]; ok {
			return fs[i].Name, true
		}
		seen[fs[i].Name] = struct{}{}
	}
	return "", false
}
