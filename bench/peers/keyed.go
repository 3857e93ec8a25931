package main

import (
	"github.com/annalsdb/annals/bench/load"
	"github.com/annalsdb/annals/bench/side"
)

// ordered is a peer that has keys and values as bytes, in order of the keys, and
// events in them as package side encodes them.
type ordered interface {
	// seek reads the first event of a key whose bytes are to or after it.
	seek(to []byte, key string) (r load.Reading, ok bool, err error)
	// scan visits all entries whose keys begin with prefix, in order. What is
	// visited is good until visit returns.
	scan(prefix string, visit func(k, v []byte)) error
}

// keyed is what such a peer answers by these two alone.
type keyed struct{ ordered }

// Latest is where a seek to the key ends: its newest event.
func (d keyed) Latest(key string) (load.Reading, bool, error) { return d.seek([]byte(key), key) }

func (d keyed) AsOf(key string, nanos int64) (load.Reading, bool, error) {
	return d.seek(side.AppendKey(make([]byte, 0, 64), key, nanos), key)
}

// History goes from the newest to the oldest.
func (d keyed) History(key string, visit func(r load.Reading)) error {
	return d.scan(key, func(k, v []byte) { visit(side.ReadingOf(k, v)) })
}

// Daily goes through all events, or through those of the keys.
func (d keyed) Daily(keys []string, visit func(w load.Window, t load.Total)) error {
	totals := side.NewTotals(load.Day)
	if keys == nil {
		keys = []string{eventPrefix}
	}
	for _, key := range keys {
		if err := d.scan(key, totals.AddRow); err != nil {
			return err
		}
	}
	totals.Visit(visit)
	return nil
}

// Range goes through all events: they do not stand by time.
func (d keyed) Range(from, to int64) (t load.Total, err error) {
	err = d.scan(eventPrefix, func(k, v []byte) {
		if at := side.RowNanos(k); at >= from && at < to {
			t.Add(side.RowValue(v))
		}
	})
	return t, err
}

func (d keyed) Count() (n int, err error) {
	err = d.scan(eventPrefix, func(_, _ []byte) { n++ })
	return n, err
}
