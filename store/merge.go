package store

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/annalsdb/annals/segment"
)

// merged is the state of a key under [Merge]: for each field its value and the
// stamp of the event it came from, the stamp of the last delete and that of the
// last change.
//
// It is a map of last-writer-wins registers, so events may be applied in any
// order with one result and a late one costs no more than another. For that, a
// field that a null removed stays, as null, with its stamp, and fields stand in
// the order of their names.
type merged struct {
	deleted, changed stamp
	fields           []stampedField
}

type stampedField struct {
	Field
	stamp
}

// live reports whether a change came after the last delete.
func (m *merged) live() bool { return m.deleted.before(m.changed) }

// apply folds a change or a delete with its stamp into m.
func (m *merged) apply(kind Kind, fields Fields, at stamp) {
	if kind == Delete {
		m.delete(at)
		return
	}
	if at.before(m.deleted) {
		return
	}
	if m.changed.before(at) {
		m.changed = at
	}
	for _, f := range fields {
		m.set(f, at)
	}
}

func (m *merged) delete(at stamp) {
	if !m.deleted.before(at) {
		return
	}
	m.deleted = at
	kept := m.fields[:0]
	for _, f := range m.fields {
		if at.before(f.stamp) {
			kept = append(kept, f)
		}
	}
	m.fields = kept
}

func (m *merged) set(f Field, at stamp) {
	i, found := slices.BinarySearchFunc(m.fields, f.Name, func(have stampedField, name string) int { return strings.Compare(have.Name, name) })
	switch {
	case !found:
		m.fields = slices.Insert(m.fields, i, stampedField{f, at})
	case m.fields[i].before(at):
		m.fields[i] = stampedField{f, at}
	}
}

// visible is the fields that are not removed, by name.
func (m *merged) visible() Fields {
	fs := make(Fields, 0, len(m.fields))
	for _, f := range m.fields {
		if !f.Value.IsNull() {
			fs = append(fs, f.Field)
		}
	}
	return fs
}

// encode is m as the content of a state.
func (m *merged) encode() string {
	var b []byte
	b = appendStamp(b, m.deleted)
	b = appendStamp(b, m.changed)
	b = binary.AppendUvarint(b, uint64(len(m.fields)))
	for _, f := range m.fields {
		b = segment.AppendField(b, f.Field)
		b = appendStamp(b, f.stamp)
	}
	return string(b)
}

func appendStamp(dst []byte, s stamp) []byte {
	return binary.AppendUvarint(binary.AppendVarint(dst, s.time), s.seq)
}

// leastStamped is the bytes that a field with its stamp takes at least: one of the
// length of its name, one of its kind, and two numbers.
const leastStamped = 4

// parseMerged reads what encode wrote.
func parseMerged(content string) (*merged, error) {
	m := &merged{}
	d := segment.NewDecoder(content)
	readStamp := func() stamp { return stamp{d.Varint(), d.Uvarint()} }
	m.deleted, m.changed = readStamp(), readStamp()
	n := d.Uvarint()
	m.fields = make([]stampedField, 0, min(n, uint64(len(d.Rest())/leastStamped)))
	for range n {
		f := stampedField{d.Field(), readStamp()}
		if d.Bad() {
			break // and no field more than there was memory made for
		}
		m.fields = append(m.fields, f)
	}
	if d.Bad() || d.Rest() != "" {
		return nil, errRecord
	}
	return m, nil
}
