package side

import (
	"bytes"

	"github.com/annalsdb/annals/bench/load"
)

// Ordered is a side that has keys and values as bytes, in order of the keys, and
// events in them as AppendKey and AppendValue encode them.
type Ordered interface {
	// Seek reads the first event of a key whose bytes are to or after it.
	Seek(to []byte, key string) (r load.Reading, ok bool, err error)
	// Scan visits all entries whose keys begin with prefix, in order. What is
	// visited is good until visit returns.
	Scan(prefix string, visit func(k, v []byte)) error
}

// EventPrefix is what the keys of all events begin with.
const EventPrefix = "device-"

// Keyed is what such a side answers by these two alone: by a loop in Go, as one
// would write it who has nothing but keys and values.
type Keyed struct{ Ordered }

// Latest is where a seek to the key ends: its newest event.
func (d Keyed) Latest(key string) (load.Reading, bool, error) { return d.Seek([]byte(key), key) }

// AsOf is where a seek to the key at the moment ends.
func (d Keyed) AsOf(key string, nanos int64) (load.Reading, bool, error) {
	return d.Seek(AppendKey(make([]byte, 0, 64), key, nanos), key)
}

// History goes from the newest to the oldest.
func (d Keyed) History(key string, visit func(r load.Reading)) error {
	return d.Scan(key, func(k, v []byte) { visit(ReadingOf(k, v)) })
}

// Daily goes through all events, or through those of the keys.
func (d Keyed) Daily(keys []string, visit func(w load.Window, t load.Total)) error {
	totals := NewTotals(load.Day)
	if keys == nil {
		keys = []string{EventPrefix}
	}
	for _, key := range keys {
		if err := d.Scan(key, totals.AddRow); err != nil {
			return err
		}
	}
	totals.Visit(visit)
	return nil
}

// Range goes through all events: they do not stand by time.
func (d Keyed) Range(from, to int64) (t load.Total, err error) {
	err = d.Scan(EventPrefix, func(k, v []byte) {
		if at := RowNanos(k); at >= from && at < to {
			t.Add(RowValue(v))
		}
	})
	return t, err
}

// Top keeps those it has met in the order of values, which few get into.
func (d Keyed) Top(n int, visit func(key string, r load.Reading)) error {
	top := load.NewTop(n)
	err := d.Scan(EventPrefix, func(k, v []byte) {
		if value, nanos := RowValue(v), RowNanos(k); top.Wants(value, nanos) {
			top.Add(RowName(k), ReadingOf(k, v))
		}
	})
	top.Visit(visit)
	return err
}

// ByKey adds up key after key, which is the order of the events.
func (d Keyed) ByKey(visit func(key string, t load.Total)) error {
	var key string
	var total load.Total
	err := d.Scan(EventPrefix, func(k, v []byte) {
		if !HasKey(k, key) {
			if total.Count > 0 {
				visit(key, total)
			}
			key, total = RowName(k), load.Total{}
		}
		total.Add(RowValue(v))
	})
	if total.Count > 0 {
		visit(key, total)
	}
	return err
}

// Matching goes through all events.
func (d Keyed) Matching(m load.Match) (t load.Total, err error) {
	matches := func(_, v []byte) bool { return string(RowType(v)) == m.Type && string(RowStatus(v)) == m.Status }
	if m.Part != "" {
		part := []byte(m.Part)
		matches = func(k, _ []byte) bool { return bytes.Contains(k[:len(k)-8], part) }
	}
	err = d.Scan(EventPrefix, func(k, v []byte) {
		if matches(k, v) {
			t.Add(RowValue(v))
		}
	})
	return t, err
}

// Count goes through all events.
func (d Keyed) Count() (n int, err error) {
	err = d.Scan(EventPrefix, func(_, _ []byte) { n++ })
	return n, err
}
